"""Ask no faster than a provider allows.

Belongs here: a token bucket for requests and tokens, shared by whatever a process asks of one server, and the pause
that a server asks for.
Doesn't: asking (asking.py), money (budget.py).
"""

from __future__ import annotations

import datetime as dt
import functools
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

# The client waits for as long by itself, and asks again; a longer wait is no matter for a run.
LONGEST_WAIT_S = 120.0
_BURST = 0.1  # of a minute's worth may be used at once

# What rounding leaves of a debt that was waited for; a clock may not even move by it.
_NO_DEBT_S = 1e-6


class Pace:
    """At most so many requests and tokens a minute; safe to use from several threads.

    What is used is paid back at nine tenths of the rate and a tenth of a minute's worth may be used at once, so that no
    60 seconds see more than the limit, but for the size of the last question in them: a question starts as soon as
    nothing is owed, and may well be larger than what is there.
    """

    def __init__(
        self,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._limits = (requests_per_minute, tokens_per_minute)
        self._levels = [_BURST * (limit or 0) for limit in self._limits]
        self._filled_at = clock()
        self._paused_until = 0.0

    def take(self, tokens: int) -> None:
        """Wait until one more request of about `tokens` tokens may be made, and count it."""
        while wait_s := self._try(tokens):
            self._sleep(wait_s)

    def settle(self, estimated: int, used: int) -> None:
        """Correct what `take` was told by what the server counted."""
        with self._lock:
            self._fill()
            self._levels[1] += estimated - used

    def pause(self, seconds: float) -> None:
        """Let nothing start for so long, since the server asked for it."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + seconds)

    def wait_out_pause(self) -> None:
        """Wait until the server wants to be asked again: for attempts that `take` has let start before."""
        while (left_s := self._paused_until - self._clock()) > 0:
            self._sleep(left_s)

    def _try(self, tokens: int) -> float:
        """Seconds to wait before trying again, or 0 where the request was counted."""
        with self._lock:
            self._fill()
            owed = [
                -level / (limit * (1 - _BURST) / 60)
                for level, limit in zip(self._levels, self._limits, strict=True)
                if limit and level < 0
            ]
            wait_s = max([*owed, self._paused_until - self._clock(), 0.0])
            if wait_s > _NO_DEBT_S:
                return wait_s
            self._levels[0] -= 1
            self._levels[1] -= tokens
            return 0.0

    def _fill(self) -> None:
        now = self._clock()
        passed_s, self._filled_at = now - self._filled_at, now
        for place, limit in enumerate(self._limits):
            if limit:
                gained = passed_s * limit * (1 - _BURST) / 60
                self._levels[place] = min(_BURST * limit, self._levels[place] + gained)


@functools.cache
def pace_of(server: str, requests_per_minute: float | None, tokens_per_minute: float | None) -> Pace:
    """The one pace at which this process asks `server`."""
    return Pace(requests_per_minute, tokens_per_minute)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """How long a server asks to be left alone, in seconds; None where it says nothing that can be read."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        try:
            return max(0.0, float(value) * scale)
        except ValueError:
            pass
        if name == "retry-after" and value:
            try:
                return max(0.0, (parsedate_to_datetime(value) - dt.datetime.now(dt.UTC)).total_seconds())
            except (ValueError, TypeError):
                return None
    return None
