"""How asking a language model fails.

Belongs here: the failures that end asking, for one episode or for a whole step.
Doesn't: answers that are bad (answers.py): one bad passage fails nothing else.
"""

from __future__ import annotations

from podbrief_assets.errors import PermanentFailure, PodbriefError, TransientFailure


class LlmUnavailable(PodbriefError):
    """No question will be answered for now: whoever asks for episode after episode stops asking."""


class KeyRefused(LlmUnavailable, PermanentFailure):
    """The server doesn't accept the key (401, 403)."""


class ModelMissing(LlmUnavailable, PermanentFailure):
    """The server doesn't know the model, or the address is not that of a chat API (404)."""


class QuotaExceeded(LlmUnavailable, TransientFailure):
    """The account has nothing left to pay with; it may have by the next run."""


class ServerUnreachable(LlmUnavailable, TransientFailure):
    """No connection could be made, also after the client's own retries."""


class ServerFailing(LlmUnavailable, TransientFailure):
    """One question after the other was not answered, each also after the client's own retries."""


class RateLimited(LlmUnavailable, TransientFailure):
    """The server asks to be left alone for longer than a run waits."""


class BudgetSpent(TransientFailure):
    """The next question might pass the day's budget, so it was not asked."""


class BudgetNeedsPrice(PermanentFailure):
    """A budget is set, and nobody knows what the model costs."""
