"""The rows of `shows` and `feed_health`: the subscription list, described by what the last scans learned.

Belongs here: both tables' rows, and what of a private show may stand in them.
Doesn't: scanning (scan.py), what a feed's memory means for its health (feed_state.py), which feeds are private
(private.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import polars as pl

from podbrief_assets.episodes import feed_state, hushing, identity, private
from podbrief_assets.episodes.feed_state import FeedState
from podbrief_assets.episodes.shows import Subscription
from podbrief_assets.lake.tables import TABLES

_STATUS = {"answering": "active"}  # what `shows` calls an outcome of `feed_health`
_NOT_SCANNED = "not scanned yet: it will be at the next run"


def is_private(subscription: Subscription, state: FeedState | None) -> bool:
    """Whether a show is private: its list says so, or its address does, be it the one that it moved to."""
    addresses = [subscription.feed_url, *((state.fetched_url,) if state and state.fetched_url else ())]
    return subscription.private or any(private.is_private(address) for address in addresses)


def shows_frame(subscribed: Sequence[Subscription], states: Mapping[str, FeedState], now: datetime) -> pl.DataFrame:
    """The `shows` rows. `states` is by canonical address, as `feed_state.load` gives them."""
    rows = [_show(subscription, _state(subscription, states), now) for subscription in subscribed]
    return pl.DataFrame(rows, schema=TABLES["shows"].polars_schema).sort("show_id", maintain_order=True)


def health_frame(subscribed: Sequence[Subscription], states: Mapping[str, FeedState], now: datetime) -> pl.DataFrame:
    """The `feed_health` rows."""
    rows = [_health(subscription, _state(subscription, states), now) for subscription in subscribed]
    return pl.DataFrame(rows, schema=TABLES["feed_health"].polars_schema).sort("show_id", maintain_order=True)


def _state(subscription: Subscription, states: Mapping[str, FeedState]) -> FeedState:
    address = identity.canonical_feed_address(subscription.feed_url)
    return states.get(address) or FeedState(address=address, feed_url=subscription.feed_url)


def _show(subscription: Subscription, state: FeedState, now: datetime) -> dict[str, object]:
    health = feed_state.health(state, now)
    outcome, hidden = str(health["outcome"]), is_private(subscription, state)
    address = state.fetched_url or subscription.feed_url
    reason = None if outcome == "answering" else health["reason"]
    return {
        "show_id": state.show_id or identity.show_id(None, subscription.feed_url),
        "feed_url": hushing.host_of(address) if hidden else address,
        "title": _title(subscription, state, hidden),
        "author": state.author,
        # A member's page and picture may carry the member's token as the feed does.
        "link": None if hidden else state.link,
        "language": state.language,
        "image_url": None if hidden else state.image_url,
        "description": _told(state.description, hidden),
        "categories": list(state.categories),
        "podcast_guid": state.podcast_guid,
        "license": state.license,
        "locked": state.locked,
        "private": hidden,
        "status": _STATUS.get(outcome, outcome),
        "status_reason": _told(_NOT_SCANNED if outcome == "new" else reason, hidden),
    }


def _health(subscription: Subscription, state: FeedState, now: datetime) -> dict[str, object]:
    health, hidden = feed_state.health(state, now), is_private(subscription, state)
    address = state.fetched_url or subscription.feed_url
    return {
        **health,
        "show_id": state.show_id or identity.show_id(None, subscription.feed_url),
        "title": _title(subscription, state, hidden),
        "feed_url": hushing.shown(address, is_private=hidden),
        "reason": _told(health["reason"], hidden),
        "note": _told(health["note"], hidden),
    }


def _title(subscription: Subscription, state: FeedState, hidden: bool) -> str:
    return state.title or subscription.title or hushing.shown(subscription.feed_url, is_private=hidden)


def _told(text: object, hidden: bool) -> str | None:
    return None if text is None else (hushing.hushed(str(text)) if hidden else str(text))
