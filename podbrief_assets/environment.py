"""Read settings from the environment.

Belongs here: the one failure of a setting that can't be used, and the readers that several modules share.
Doesn't: the settings themselves; each module names and documents its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from podbrief_assets.errors import PermanentFailure


class BadSetting(PermanentFailure):
    """An environment variable holds what podbrief can't use."""


def whole_number(environ: Mapping[str, str], name: str, default: int, most: int, least: int = 1) -> int:
    """The number from `least` to `most` that `name` holds; `default` where it is unset or empty.

    Raises:
        BadSetting: it holds anything else.
    """
    text = environ.get(name) or str(default)
    # Its length first: Python refuses to read a number of thousands of digits, in words that help nobody.
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise BadSetting(f"{name} is “{text[:40]}”", f"give a whole number from {least} to {most}")
    return int(text)


def choice(environ: Mapping[str, str], name: str, default: str, choices: Collection[str]) -> str:
    """The one of `choices` that `name` holds; `default` where it is unset or empty.

    Raises:
        BadSetting: it holds anything else.
    """
    text = environ.get(name) or default
    if text not in choices:
        raise BadSetting(f"{name} is “{text[:40]}”", f"give one of {', '.join(choices)}")
    return text
