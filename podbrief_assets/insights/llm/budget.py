"""Spend no more on language models in a day than the operator allows.

Belongs here: the ledger of what a UTC day has cost and may yet cost, in the operational database: two processes must
not both slip under the line.
Doesn't: prices (`insights/prices.py`), asking (asking.py), what each episode cost (the lake's tables).
"""

from __future__ import annotations

import datetime as dt
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import BigInteger, Date, Engine, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from podbrief_assets.database import Base, session
from podbrief_assets.insights.llm.failures import BudgetSpent

_NANO = 1_000_000_000


class SpendingRow(Base):
    """A UTC day's spending on language models, in billionths of a US dollar: sums of fractions would drift.

    What was reserved by a process that died stays reserved: whether its last requests were billed, nobody knows.
    """

    __tablename__ = "llm_spending"

    day: Mapped[dt.date] = mapped_column(Date, primary_key=True)
    spent: Mapped[int] = mapped_column(BigInteger)
    reserved: Mapped[int] = mapped_column(BigInteger)


@dataclass(frozen=True)
class Reservation:
    """The right to spend up to `amount` billionths of a dollar of the budget of `day`."""

    day: dt.date
    amount: int

    @property
    def usd(self) -> float:
        """The same in US dollars."""
        return self.amount / _NANO


@dataclass(frozen=True, kw_only=True)
class Spending:
    """What a day has cost so far, what is still open, and what is left, in US dollars."""

    spent_usd: float
    reserved_usd: float
    left_usd: float


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


class Budget:
    """What all processes of an installation together may spend in a UTC day; safe to use from several threads."""

    def __init__(self, engine: Engine, limit_usd: float, *, today: Callable[[], dt.date] = _today) -> None:
        """`engine` is that of the operational database, with its tables in place."""
        self.limit_usd = limit_usd
        self._engine, self._today = engine, today
        self._limit = math.floor(limit_usd * _NANO)
        self._settled = threading.Condition()
        self._open = 0

    def reserve(self, usd: float) -> Reservation:
        """Reserve what a request may cost at most.

        Where only requests of this object stand in the way that are not settled yet, it waits for them: most cost far
        less than they might.

        Raises:
            BudgetSpent: it might pass the limit.
        """
        wanted = Reservation(self._today(), math.ceil(usd * _NANO))
        with self._settled:
            while not self._taken(wanted):
                state = self.spending()
                if not self._open or state.spent_usd + usd > self.limit_usd:
                    raise BudgetSpent(
                        f"the day's budget of ${self.limit_usd:,.2f} for language models leaves "
                        f"${state.left_usd:,.4f}, and the next request might cost ${usd:,.4f}",
                        "run the same days again tomorrow (UTC), or raise PODBRIEF_LLM_BUDGET_USD: answers are kept",
                    )
                self._settled.wait()
            self._open += 1
        return wanted

    def settle(self, reservation: Reservation, usd: float) -> None:
        """Replace what was reserved by what it cost, on the day of the reservation."""
        with self._settled:
            self._change(reservation.day, spent=math.ceil(usd * _NANO), reserved=-reservation.amount)
            self._open = max(0, self._open - 1)
            self._settled.notify_all()

    def hand_over(self, reservation: Reservation) -> None:
        """Leave a reservation to whoever settles it later, in another process: nobody here waits for it."""
        with self._settled:
            self._open = max(0, self._open - 1)
            self._settled.notify_all()

    def spending(self) -> Spending:
        """Today's, over all processes."""
        with session(self._engine, read_only=True) as transaction:
            row = transaction.get(SpendingRow, self._today())
            spent, reserved = (row.spent, row.reserved) if row else (0, 0)
        left = max(0, self._limit - spent - reserved)
        return Spending(spent_usd=spent / _NANO, reserved_usd=reserved / _NANO, left_usd=left / _NANO)

    def _taken(self, wanted: Reservation) -> bool:
        if wanted.amount > self._limit:
            return False
        # One statement, so that of two processes that ask at once the second sees what the first one took.
        fits = SpendingRow.spent + SpendingRow.reserved + wanted.amount <= self._limit
        statement = update(SpendingRow).where(SpendingRow.day == wanted.day, fits)
        with session(self._engine) as transaction:
            done = transaction.execute(statement.values(reserved=SpendingRow.reserved + wanted.amount))
            if done.rowcount:  # type: ignore[attr-defined]
                return True
            if transaction.get(SpendingRow, wanted.day) is not None:
                return False
        try:
            with session(self._engine) as transaction:
                transaction.add(SpendingRow(day=wanted.day, spent=0, reserved=wanted.amount))
        except IntegrityError:  # another process made the day's row in between
            return self._taken(wanted)
        return True

    def _change(self, day: dt.date, *, spent: int, reserved: int) -> None:
        statement = update(SpendingRow).where(SpendingRow.day == day)
        with session(self._engine) as transaction:
            transaction.execute(
                statement.values(spent=SpendingRow.spent + spent, reserved=SpendingRow.reserved + reserved)
            )
