"""Say which episode repeats which, and by which rule.

Belongs here: the traits by which two items are compared, the rules, and the choice of the one that stands for all.
Doesn't: the identifiers (identity.py), telling private feeds (private.py), which insights say the same (scores/).

A wrong guess hides an episode that nobody heard; a missed one shows something twice, and later stages catch most of
that. So every rule asks for two traits that agree, what a show does by format (one title every day, one length, one
address for all) counts for nothing, and where the evidence is thin the items stay apart.

Whatever is compared is a number: addresses, titles and guids are hashed where they are read, so that the traits of
three million items fit in a few hundred megabytes and no text has to be joined.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import polars as pl
from polars.dataframe.group_by import GroupBy

from podbrief_assets.episodes import private

# What the traits are made from; all of these are columns of `feed_items`.
COLUMNS = (
    *("show_id", "guid", "episode_id", "audio_url", "title", "stated_at", "duration_s", "audio_bytes"),
    *("season", "number", "first_seen_at", "private"),
)

_Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]

_TRAITS = (
    *("audio_key", "guid_key", "title_key", "title_words", "title_chars", "marked_rerun", "marked_more"),
    *("stated_at", "duration_s", "audio_bytes", "season", "number", "first_seen_at", "private"),
)

RERUN_AFTER = dt.timedelta(days=60)
_ZONES_APART = dt.timedelta(hours=15)
_LATE = dt.timedelta(days=1)
_LATE_FOR_A_DAY = dt.timedelta(hours=60)
_DAY_MINUTES = 24 * 60
_NEAR = 0.02  # durations of one recording: encoders round, hosts insert a jingle
_ALIKE = 0.005  # the same without more evidence than the title
_ABOUT = 0.10  # a rerun that says so has a new introduction
_FREE_OF_ADS = (0.6, 1.15)  # a members' version by the public one's length: advertising goes, a greeting comes
_MEMBERS_WITHIN = dt.timedelta(days=14)  # early access, or a feed that is filled once a week
_MIN_SUPPORT = 3  # titles that a members' feed must share with a public one before titles alone are believed
_MIN_SUPPORT_SHARE = 0.2
_COMMON_DAYS = 4  # a title, or an address, on so many days is one for all episodes of the show
_SHARED_ADDRESS = 3  # titles under one address, or of one size, from which on it is a placeholder or "latest.mp3"
_SLOT_S = 30  # programmes are made for slots of whole half minutes, and encoders round to either side
_USUAL_ITEMS = 3  # a length that so many items of a show have, and such a share of them, is a format
_USUAL_SHARE = 0.05
_LONGEST_S = 2**22  # seven weeks: nothing lasts longer, whatever feeds say
_STRETCH = 4 * _LONGEST_S
_MAX_GROUP = 12  # more items of a show than this that look alike are a format, and their pairs would be millions
_MAX_SHOWS = 24

_NO_SCORE = r"[^\p{L}\p{N}+#]+"
_LONE_SIGNS = r"(^|[^\p{L}+#])[+#]+"
_SPACELESS = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]"
_RERUN = (
    r"re-?runs?|repeats?|re-?broadcasts?|re-?releases?|re-?issued?|re-?air(?:ed)?|re-?play"
    r"|encore(?: presentation| episode)?|(?:from|out of) the (?:archives?|vaults?)|(?:our )?archives?|best of"
    r"|classics?(?: episode)?|flash-?backs?|throw-?backs?(?: thursday)?|revisited|rewind"
    r"|wiederholung|wdh\.?|aus dem archiv|rediffusion|repetici[oó]n"
)
_MEMBERS = (
    r"ad[- ]?free(?: version| episode)?|no ads|without ads|early access|early release"
    r"|members?(?:[- ]only| version| edition)?|subscribers?(?:[- ]only)?|patrons?(?:[- ]only)?|premium|werbefrei|plus"
)
_MORE = r"bonus(?: episode)?|extended(?: version| cut| edition)?|uncut|extra|full version|director'?s cut"
# A mark stands before the title, behind it, or in brackets: "Rerun: Title", "Title (Encore)", "Title - Best of".
_MARKED = (
    r"(?i)^\s*[\[(]?\s*(?:{0})\s*(?:[\])]\s*[:|–—-]?|[:|–—]|\s-\s)\s*"
    r"|\s*(?:[:|–—]|\s-\s|[\[(])\s*(?:{0})\s*[\])]?\s*$"
)
_RERUN_MARK = _MARKED.format(_RERUN)
_MEMBERS_MARK = _MARKED.format(_MEMBERS)
_MORE_MARK = _MARKED.format(_MORE)

# Guids that no second publisher makes up by chance: UUIDs, long hexadecimal, long mixes of letters and digits. A slug
# ("episode-1-introduction") and a number are neither.
_RANDOM_GUID = (
    r"(?i)^(?:urn:uuid:)?\{?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\}?$|[0-9a-f]{24}"
)
_MIXED_RUN = r"[A-Za-z0-9]{16}"
_NIL_GUID = r"^[{]?0{8}-?(?:0{4}-?){3}0{12}"


def find(items: pl.LazyFrame) -> pl.DataFrame:
    """The items that repeat another one.

    Args:
        items: One row for each item ever seen, as `compared` gives it, with any further columns; `stated_at` null where
            it can't be believed. The order of the rows means nothing.

    Returns:
        `episode_id`, `duplicate_of` (an episode that itself repeats nothing) and `duplicate_rule`, a row for each item
        that repeats another. Public items stand for private ones, then what was seen first, then what was published
        first; the rule says how the item relates to the one that stands for it.
    """
    ranked = _ranked(items)
    edges = pl.concat(
        [
            _same_recording(ranked),
            _same_title_and_minute(ranked),
            _same_title(ranked),
            _across_shows(ranked, "guid_key"),
            _across_shows(ranked, "audio_key"),
            _members_by_title(ranked),
        ]
    )
    first = _representatives(len(ranked), edges)
    repeating = np.flatnonzero(first != np.arange(len(ranked), dtype=first.dtype))
    item, canonical = ranked[repeating], ranked[first[repeating]]
    return pl.DataFrame(
        {
            "episode_id": item["episode_id"],
            "duplicate_of": canonical["episode_id"],
            "duplicate_rule": _rules(item, canonical),
        }
    )


# ── traits ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def compared(items: pl.LazyFrame) -> pl.LazyFrame:
    """`items` with the traits by which they are compared in place of `audio_url` and `title`; other columns stay.

    Args:
        items: Rows with `COLUMNS`: of items, or of all their versions.
    """
    bare, address_guid = bare_title(pl.col("title")), _is_address(pl.col("guid"))
    spaceless = bare.str.count_matches(_SPACELESS)
    traits = [
        _seal_keys(pl.col("audio_url"), private.seal_of).alias("audio_key"),
        pl.when(address_guid)
        .then(_seal_keys(pl.when(address_guid).then(pl.col("guid")), private.seal_of_guid))
        .when(_is_random(pl.col("guid")))
        .then(pl.col("guid").str.to_lowercase().hash().reinterpret(signed=True))
        .alias("guid_key"),
        pl.when(bare != "").then(bare.hash().reinterpret(signed=True)).alias("title_key"),
        # How much a title says: a word of a language written without spaces is about two characters.
        (bare.str.count_matches(r"\S+") + spaceless // 2).cast(pl.Int16).alias("title_words"),
        (bare.str.len_chars() + spaceless).cast(pl.Int16).alias("title_chars"),
        pl.col("title").str.contains(_RERUN_MARK).alias("marked_rerun"),
        pl.col("title").str.contains(_MORE_MARK).alias("marked_more"),
        pl.when(pl.col("duration_s") > 0).then("duration_s").alias("duration_s"),
        pl.col("private").fill_null(False),
        pl.col("season").cast(pl.Int32, strict=False),
        pl.col("number").cast(pl.Int32, strict=False),
    ]
    return items.with_columns(*traits).drop("audio_url", "title")


def bare_title(title: pl.Expr) -> pl.Expr:
    """A title without case, punctuation, and marks that say what became of it ("Rerun:", "[Ad-free]", "Bonus -").

    Signs that end a word belong to it: C++, C# and C are three things, and Disney+ is no Disney. A title that is
    nothing but such a mark stays as it is: "Best of" is a name, too.
    """
    bare = title
    for mark in (_MEMBERS_MARK, _RERUN_MARK, _MORE_MARK, _MEMBERS_MARK):
        without = bare.str.replace_all(mark, " ")
        bare = pl.when(without.str.contains(r"[\p{L}\p{N}]")).then(without).otherwise(bare)
    return (
        bare.str.normalize("NFKC")
        .str.to_lowercase()
        .str.replace_all(r"['’]", "")
        .str.replace_all(_LONE_SIGNS, "${1} ")
        .str.replace_all(_NO_SCORE, " ")
        .str.strip_chars()
    )


def _is_address(guid: pl.Expr) -> pl.Expr:
    # An address without a path names a site, and so all of its items; "sealed:" is what private.py made of one.
    return guid.str.contains(r"^[A-Za-z][\w+.-]*://[^/?]+[/?]+[^/?]") | guid.str.starts_with("sealed:")


def _is_random(guid: pl.Expr) -> pl.Expr:
    run = guid.str.extract(f"({_MIXED_RUN}[A-Za-z0-9]*)", 1)
    mixed = run.str.contains("[0-9]") & run.str.contains("[A-Za-z]") & ~guid.str.contains(r"^\d{1,15}$")
    return (guid.str.contains(_RANDOM_GUID) | mixed.fill_null(False)) & ~guid.str.contains(_NIL_GUID)


def _seal_keys(texts: pl.Expr, seal_of: Callable[[str], str]) -> pl.Expr:
    """64 bits that stand for an address or guid as `seal_of` does, or for the one that was sealed already."""

    def hashed(column: pl.Series) -> pl.Series:
        seals = [text and (private.seal_in(text) or seal_of(text)) for text in column]
        keys = [int.from_bytes(bytes.fromhex(seal[:16]), "big", signed=True) if seal else None for seal in seals]
        return pl.Series(column.name, keys, dtype=pl.Int64)

    return texts.map_batches(hashed, return_dtype=pl.Int64, is_elementwise=True)


def _ranked(items: pl.LazyFrame) -> pl.DataFrame:
    """The traits in the order in which items stand for others; a row's number is its rank."""
    said = pl.col("stated_at")
    ranked = (
        items.select("show_id", "episode_id", *_TRAITS)
        .sort("private", "first_seen_at", "stated_at", "episode_id", nulls_last=True)
        .with_columns(
            rank=pl.int_range(pl.len(), dtype=pl.UInt32),
            show=pl.col("show_id").rank("dense").cast(pl.UInt32),
            minute=said.dt.epoch("s") // 60,
            day=said.dt.date(),
            second=pl.col("duration_s").round().clip(0, _LONGEST_S).cast(pl.Int32, strict=False),
        )
        .drop("show_id")
        .collect(engine="streaming")
    )
    return _without_formats(ranked)


def _without_formats(ranked: pl.DataFrame) -> pl.DataFrame:
    """Set aside what a show does by format: addresses that it gives to every item, titles and lengths that recur.

    Addresses and sizes of that kind are taken away. `common_title` tells of the title; `slot` tells that the length is
    one that the show or a clock prescribes to the second, `usual_length` that many of the show's items last about as
    long.
    """
    days, titles = pl.col("day").n_unique(), pl.col("title_key").n_unique()
    many = (titles >= _SHARED_ADDRESS) | (days >= _COMMON_DAYS)
    shared = _repeated(ranked, "audio_key").agg(shared=many).filter("shared")
    copied = _repeated(ranked, "audio_bytes").agg(copied=many).filter("copied")
    common = _repeated(ranked, "title_key").agg(common_title=days >= _COMMON_DAYS).filter("common_title")
    # Two publishers of the corpus state seconds times 8,000, or 16,000: that says nothing that the length doesn't.
    reckoned = pl.col("copied").is_not_null() | (pl.col("audio_bytes") % pl.col("second") == 0).fill_null(False)
    return (
        ranked.lazy()
        .join(_recurring_lengths(ranked).lazy(), on=["show", "second"], how="left")
        .join(shared.lazy(), on=["show", "audio_key"], how="left")
        .join(copied.lazy(), on=["show", "audio_bytes"], how="left")
        .join(common.lazy(), on=["show", "title_key"], how="left")
        .with_columns(
            audio_key=pl.when(pl.col("shared").is_null()).then("audio_key"),
            audio_bytes=pl.when(~reckoned).then("audio_bytes"),
            common_title=pl.col("common_title").fill_null(False),
            slot=pl.col("slot").fill_null(False) | ((pl.col("second") + 1) % _SLOT_S <= 2).fill_null(False),
            usual_length=pl.col("usual_length").fill_null(False),
        )
        .drop("shared", "copied", "second")
        .sort("rank")
        .collect()
    )


def _repeated(ranked: pl.DataFrame, key: str) -> GroupBy:
    some = ranked.select(*dict.fromkeys(("show", "day", "title_key", key))).drop_nulls(key)
    return some.filter(pl.struct("show", key).is_duplicated()).group_by("show", key)


def _recurring_lengths(ranked: pl.DataFrame) -> pl.DataFrame:
    """`show`, `second` of the lengths that are a show's format: to the second (`slot`) or about (`usual_length`).

    Of the 256 episodes of a show in the corpus 43 % last 378 seconds, give or take one. An episode's copies on another
    host have its title and day, and count once.
    """
    told = ranked.lazy().select("show", "second", "title_key", "day").drop_nulls("second").unique()
    # All shows' lengths on one line, each show's so far from the next one's that no window reaches it.
    places = told.select(place=pl.col("show").cast(pl.Int64) * _STRETCH + pl.col("second")).collect(engine="streaming")
    line, items = np.unique(places["place"].to_numpy(), return_counts=True)
    show, second = np.divmod(line, _STRETCH)
    before = np.concatenate([[0], np.cumsum(items, dtype=np.int64)])

    def between(first: _Numbers, last: _Numbers) -> _Numbers:
        """How many items lie there, each end included."""
        counted: _Numbers = before[np.searchsorted(line, last, "right")] - before[np.searchsorted(line, first)]
        return counted

    enough = np.maximum(_USUAL_ITEMS, _USUAL_SHARE * between(show * _STRETCH, show * _STRETCH + _LONGEST_S))
    about = np.maximum(1, (second * _ALIKE).astype(np.int64))
    slot, usual = (between(line - near, line + near) >= enough for near in (np.ones_like(line), about))
    lengths = pl.DataFrame({"show": show, "second": second, "slot": slot, "usual_length": usual})
    return lengths.filter("usual_length").cast({"show": pl.UInt32, "second": pl.Int32})


# ── pairs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _pairs(ranked: pl.DataFrame, key: list[str], most: int, among: pl.Expr | None = None) -> pl.DataFrame:
    """Every two items that share all of `key`, the one that stands first in the plain columns, the other in `_b`.

    Only items for which `among` holds, where given. Groups of more than `most` give no pairs. Only ranks are joined;
    the traits are looked up for the pairs that remain.
    """
    chosen = ranked.lazy() if among is None else ranked.lazy().filter(among)
    keyed = chosen.drop_nulls(key).select("rank", key=pl.struct(key).hash())
    alike = keyed.filter(pl.len().over("key").is_between(2, most)).collect()
    both = alike.lazy().join(alike.lazy(), on="key", suffix="_b").filter(pl.col("rank") < pl.col("rank_b"))
    ranks = both.select("rank", "rank_b").collect(engine="streaming")
    one = ranked.drop("episode_id")[ranks["rank"]]
    other = ranked.drop("episode_id")[ranks["rank_b"]]
    return pl.concat([one, other.rename(lambda name: f"{name}_b")], how="horizontal")


def _edges(pairs: pl.DataFrame, agree: pl.Expr) -> pl.DataFrame:
    return pairs.filter(agree.fill_null(False)).select("rank", "rank_b")


def _same(column: str) -> pl.Expr:
    """Both state it, and the same."""
    return pl.col(column).eq(pl.col(f"{column}_b")).fill_null(False)


def _differ(column: str) -> pl.Expr:
    """Both state it, and not the same."""
    return pl.col(column).ne(pl.col(f"{column}_b")).fill_null(False)


def _either(column: str) -> pl.Expr:
    return pl.col(column) | pl.col(f"{column}_b")


def _apart() -> pl.Expr:
    """Time between the two publications; null where one is not stated."""
    return (pl.col("stated_at") - pl.col("stated_at_b")).abs()


def _length_gap() -> pl.Expr:
    """By how much the lengths differ, as a share of the longer one; null where one is not stated."""
    return (pl.col("duration_s") - pl.col("duration_s_b")).abs() / pl.max_horizontal("duration_s", "duration_s_b")


def _same_length() -> pl.Expr:
    """The same second, and no length that a format prescribes: 30:00 proves nothing, 29:47 mostly does."""
    return _same_second() & (~_either("slot") | _same("audio_bytes"))


def _same_second() -> pl.Expr:
    return ((pl.col("duration_s") - pl.col("duration_s_b")).abs() <= 1).fill_null(False)


def _alike_length() -> pl.Expr:
    """Nearly the same length, in a show whose lengths differ enough for that to be more than its format."""
    return (_length_gap() <= _ALIKE).fill_null(False) & ~_either("slot") & ~_either("usual_length")


def _lengths_contradict(tolerance: float = _ABOUT) -> pl.Expr:
    return (_length_gap() > tolerance).fill_null(False)


def _same_minute() -> pl.Expr:
    """Both state it, and it isn't the midnight of feeds that know only the day."""
    return _same("minute") & (pl.col("minute") % _DAY_MINUTES != 0)


def _come_late() -> pl.Expr:
    """Seen at different times, the second later than anybody waits for news: so come the items of a migrated host.

    The bulletins of a day come in as they are told. Of a feed that knows only the day, the evening's may be seen 58
    hours after its midnight: in Hawaii the day ends ten hours later than here, and the next scan is a day away.
    """
    wait = pl.when(pl.col("minute_b") % _DAY_MINUTES == 0).then(pl.lit(_LATE_FOR_A_DAY)).otherwise(pl.lit(_LATE))
    late = pl.col("first_seen_at_b") - pl.col("stated_at_b") >= wait
    return late.fill_null(False) & _differ("first_seen_at")


def _same_moment() -> pl.Expr:
    """One minute, or no further apart than zones are and come late: a migrated host may move times across midnight."""
    return _same_minute() | ((_apart() <= _ZONES_APART).fill_null(False) & _come_late())


def _numbers_contradict() -> pl.Expr:
    return _differ("season") | _differ("number")


def _telling_title() -> pl.Expr:
    """The same title, and one that says enough for two episodes not to share it by chance."""
    return _same("title_key") & (pl.col("title_words") >= 3) & (pl.col("title_chars") >= 12)


# ── rules within a show ──────────────────────────────────────────────────────────────────────────────────────────────


def _same_recording(ranked: pl.DataFrame) -> pl.DataFrame:
    """One address, and one post or one length: the host migrated, the guid held a token, or the file came again.

    Never the address alone: two announcements may share a placeholder. Nor address and length alone where both come
    soon after another: under "latest.mp3" each bulletin has a title and a day of its own, and the length of the last.
    """
    pairs = _pairs(ranked, ["show", "audio_key"], _MAX_GROUP)
    same_post = _same("title_key") & _same_moment() & ~_lengths_contradict()
    long_after = (_apart() >= RERUN_AFTER).fill_null(False)
    same_file = _same_length() & (_same_moment() | _telling_title() | _same("audio_bytes") | long_after)
    return _edges(pairs, ~_differ("audio_bytes") & (same_post | same_file))


def _same_title_and_minute(ranked: pl.DataFrame) -> pl.DataFrame:
    """One title in one minute: a migrated host keeps titles and dates, and changes addresses and guids.

    Two items of one scan stood in the feed side by side, so they are two hours of one programme rather than one thing
    twice: for these the lengths must be the same. So they must where the title is what all episodes are called, and
    for a bonus, which has its episode's title and minute. Where only the day is known, the title has to tell something
    besides, or the second to come late.
    """
    pairs = _pairs(ranked, ["show", "title_key", "minute"], _MAX_GROUP)
    alone = ((_differ("first_seen_at") & _same_minute()) | _come_late()) & ~_either("common_title")
    unknown = _length_gap().is_null()
    same_length = _same_length() & (_same_minute() | _telling_title())
    agree = (alone & _same("marked_more") & (unknown | (_length_gap() <= _NEAR))) | same_length
    return _edges(pairs, agree & ~_numbers_contradict())


def _same_title(ranked: pl.DataFrame) -> pl.DataFrame:
    """One telling title, at times that a zone explains or long after."""
    pairs = _pairs(ranked, ["show", "title_key"], _MAX_GROUP, ~pl.col("common_title")).filter(_telling_title())
    # Shows call the yearly mailbag, or each talk with one guest, the same, and within a year two of them are as long to
    # half a per cent (2,778 s and 2,789 s): a short title has to agree to the second. So have two that bear one mark:
    # "Best of", "Rewind" and "Classic" are also what shows call a series.
    plain = _same("marked_more") & ~(pl.col("marked_rerun") & pl.col("marked_rerun_b"))
    by_title = (pl.col("title_words") >= 5) & _alike_length() & plain
    again = (_apart() >= RERUN_AFTER) & (_same_length() | by_title)
    migrated = _same_moment() & _same_length()
    return pl.concat([_edges(pairs, (migrated | again) & ~_numbers_contradict()), _marked_reruns(pairs)])


def _marked_reruns(pairs: pl.DataFrame) -> pl.DataFrame:
    """Each item that says to be a rerun, and the earlier one of its title that is nearest in length.

    Only one: two mailbags of one title stay two when the better of them is told again. And none where several say so
    and differ in length, since then "Rewind" is the name of something that comes back each year.
    """
    of_series = (pl.col("marked_rerun") & pl.col("marked_rerun_b") & (_apart() > _ZONES_APART) & ~_same_second()).any()
    second_is = pl.col("marked_rerun_b")
    since = pl.col("stated_at_b") - pl.col("stated_at")
    agree = (
        (pl.col("marked_rerun") != second_is)
        & (pl.when(second_is).then(since).otherwise(-since) >= RERUN_AFTER)
        & (_length_gap() <= _ABOUT)
        & _same("marked_more")
        & ~of_series.over("show", "title_key")
    )
    reruns = pairs.filter(agree.fill_null(False)).select(
        "rank", "rank_b", gap=_length_gap(), rerun=pl.when(second_is).then("rank_b").otherwise("rank")
    )
    nearest = reruns.sort("gap", "rank", "rank_b").filter(pl.col("rerun").is_first_distinct())
    return nearest.select("rank", "rank_b")


# ── rules between shows ──────────────────────────────────────────────────────────────────────────────────────────────


def _across_shows(ranked: pl.DataFrame, key: str) -> pl.DataFrame:
    """One guid that nobody makes up twice, or one address, and agreement on the title, on date and length, or the file.

    A sister show tells an episode weeks later, as "From our friends: …". For a guid the length to the second is enough
    to believe that; an address may be a station's "latest.mp3" in all of its feeds, so there the size must agree, too.
    A members' feed may call its version otherwise and cut out the advertising, so there the date alone is enough.
    """
    pairs = _pairs(ranked, [key], _MAX_SHOWS).filter(_differ("show"))
    one_private = pl.col("private") != pl.col("private_b")
    same_when = (_apart() <= dt.timedelta(days=1)) & (_length_gap() <= _NEAR)
    same_file = _same_length() & (_same("audio_bytes") if key == "audio_key" else True)
    both_public = (_same("title_key") & ~_lengths_contradict(0.25)) | same_when | same_file
    members = _members_length() & (_same("title_key") | (_apart() <= _MEMBERS_WITHIN))
    return _nearest(pairs.filter(pl.when(one_private).then(members).otherwise(both_public).fill_null(False)))


def _nearest(pairs: pl.DataFrame) -> pl.DataFrame:
    """Of each item's pairs with items of one other show the one that is nearest in time, where both say so.

    Otherwise an item that looks like two of another show would make those two one: a members' feed did that to the
    bulletins of two days that had one title by mistake.
    """
    ordered = pairs.with_columns(apart=_apart()).sort("apart", "rank", "rank_b", nulls_last=True)
    mutual = pl.struct("rank", "show_b").is_first_distinct() & pl.struct("rank_b", "show").is_first_distinct()
    return ordered.filter(mutual).select("rank", "rank_b")


def _members_length() -> pl.Expr:
    """Whether the private one (the other of a pair: public items stand first) can be the public one without ads."""
    share = pl.col("duration_s_b") / pl.col("duration_s")
    extended = pl.col("marked_more") != pl.col("marked_more_b")
    return share.is_between(*_FREE_OF_ADS).fill_null(True) & (~extended | (_length_gap() <= _ABOUT).fill_null(False))


def _members_by_title(ranked: pl.DataFrame) -> pl.DataFrame:
    """Telling titles within two weeks, believed where a members' feed shares enough of them with one public feed."""
    private_titles = ranked.filter("private")["title_key"].drop_nulls().unique()
    about_members = ~pl.col("common_title") & pl.col("title_key").is_in(private_titles.implode())
    pairs = _pairs(ranked, ["title_key"], _MAX_SHOWS, about_members).filter(
        (pl.col("private") != pl.col("private_b"))
        & _differ("show")
        & _telling_title()
        & (_apart() <= _MEMBERS_WITHIN)
        & _members_length()
    )
    sizes = ranked.group_by("show").agg(items=pl.len())
    support = (
        pairs.group_by("show", "show_b")
        .agg(shared=pl.col("title_key").n_unique())
        .join(sizes, on="show")
        .join(sizes, left_on="show_b", right_on="show", suffix="_b")
        .filter(
            (pl.col("shared") >= _MIN_SUPPORT)
            & (pl.col("shared") >= _MIN_SUPPORT_SHARE * pl.min_horizontal("items", "items_b"))
        )
    )
    return _nearest(pairs.join(support, on=["show", "show_b"], how="semi"))


# ── which one stands for the others ──────────────────────────────────────────────────────────────────────────────────


def _representatives(items: int, edges: pl.DataFrame) -> _Numbers:
    """For each rank the least one that it hangs together with, by way of whatever others: shape (items,).

    Each round hands the least rank along the edges and then shortens every path; the rounds grow with the logarithm of
    the longest chain. No order of the edges changes the result, and a representative always represents itself.
    """
    first = np.arange(items, dtype=np.int64)
    one, other = edges["rank"].to_numpy().astype(np.int64), edges["rank_b"].to_numpy().astype(np.int64)
    while True:
        least = np.minimum(first[one], first[other])
        before = first.copy()
        for end in (first[one], first[other]):
            np.minimum.at(first, end, least)
        while not np.array_equal(shorter := first[first], first):
            first = shorter
        if np.array_equal(before, first):
            return first


def _rules(item: pl.DataFrame, canonical: pl.DataFrame) -> pl.Series:
    """How each item relates to the one that stands for it."""
    pair = pl.concat([canonical, item.rename(lambda name: f"{name}_b")], how="horizontal")
    rule = (
        pl.when(pl.col("show") == pl.col("show_b"))
        .then(pl.when(_apart() >= RERUN_AFTER).then(pl.lit("rerun")).otherwise(pl.lit("moved")))
        .when(pl.col("private") != pl.col("private_b"))
        .then(pl.lit("members"))
        .otherwise(pl.lit("network"))
    )
    return pair.select(rule.alias("duplicate_rule")).to_series()
