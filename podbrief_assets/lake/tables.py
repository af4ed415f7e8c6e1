"""Every table of the lake, declared once.

Belongs here: one `dataframely` schema per table (types, key, rules, a sentence for every column), and where its files
lie. From these come the Parquet schemas, the blocking asset checks, Dagster's column metadata, DuckDB's comments and
the data dictionary: nothing else in podbrief states a column's type.
Doesn't: reading or writing files (`lake/storage.py`), computing rows (the stages).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import dataframely as dy
import polars as pl

from podbrief_assets.environment import whole_number

# Set both or neither: a vector's column has a fixed length. Vectors of two models never lie in one folder.
EMBEDDING_MODEL = os.environ.get("PODBRIEF_EMBEDDING_MODEL", "sentence-transformers/all-MiniLM-L6-v2")
EMBEDDING_DIMENSION = whole_number(os.environ, "PODBRIEF_EMBEDDING_DIMENSION", 384, 65_536)

WEB_ADDRESS = r"^https?://[^\s/]+"


def _text(description: str, **options: Any) -> dy.String:
    return dy.String(nullable=True, description=description, **options)


def _key(description: str) -> dy.String:
    return dy.String(primary_key=True, nullable=False, min_length=1, description=description)


def _required(description: str, **options: Any) -> dy.String:
    return dy.String(nullable=False, min_length=1, description=description, **options)


def _moment(description: str, *, nullable: bool = False) -> dy.Datetime:
    return dy.Datetime(time_unit="us", time_zone="UTC", nullable=nullable, description=description)


def _seconds(description: str, *, nullable: bool = False) -> dy.Float64:
    return dy.Float64(min=0, nullable=nullable, allow_nan=False, description=description)


def _fraction(description: str, *, nullable: bool = False) -> dy.Float64:
    return dy.Float64(min=0, max=1, nullable=nullable, allow_nan=False, description=description)


def _vector(**options: Any) -> dy.Array:
    return dy.Array(dy.Float32(nullable=False), EMBEDDING_DIMENSION, **options)


def _names(description: str) -> dy.List:
    return dy.List(dy.String(), nullable=False, description=description)


class _Dated(dy.Schema):
    """What every table that is partitioned by day has."""

    date = dy.Date(nullable=False, description="The partition: the day (UTC) that the row belongs to.")


class _Item(dy.Schema):
    """What a feed says of one item, as `episodes` and `feed_items` both keep it."""

    show_title = _required("The show's title when this version was seen.")
    language = _text("Language of the show, as a BCP 47 tag in lower case.")
    title = _required("The episode's title, as plain text.")
    audio_url = _text("Address of the enclosure that is used, http or https.", regex=WEB_ADDRESS)
    audio_type = _text("Media type that the feed declares for the enclosure.")
    audio_bytes = dy.Int64(
        nullable=True, min=0, description="Length of the enclosure in bytes; null where unknown or 0."
    )
    enclosures = dy.List(
        dy.Struct(
            {
                "url": dy.String(nullable=False),
                "type": dy.String(nullable=True),
                "bytes": dy.Int64(nullable=True),
                "title": dy.String(nullable=True),
                "rel": dy.String(nullable=True),
            }
        ),
        nullable=True,
        description="Every file that the item offers to listen to or watch, podcast:alternateEnclosure among them, in "
        "the feed's order; `audio_url` is the one that is used.",
    )
    duration_s = _seconds("Length of the episode in seconds, as the feed states it.", nullable=True)
    link = _text("Address of the episode's web page.")
    image_url = _text("Address of the episode's picture.")
    season = dy.Int64(nullable=True, description="Season number, where stated.")
    number = dy.Int64(nullable=True, description="Episode number, where stated.")
    episode_type = dy.String(
        nullable=False, check=lambda c: c.is_in(["full", "trailer", "bonus"]), description="full, trailer or bonus."
    )
    explicit = dy.Bool(nullable=True, description="Whether the feed marks the episode as explicit.")
    transcripts = dy.List(
        dy.Struct(
            {
                "url": dy.String(nullable=False),
                "type": dy.String(nullable=True),
                "language": dy.String(nullable=True),
                "rel": dy.String(nullable=True),
            }
        ),
        nullable=False,
        description="Transcript files that the publisher offers, in the feed's order.",
    )
    chapters_url = _text("Address of the chapters file, where offered.")
    persons = dy.List(
        dy.Struct(
            {
                "name": dy.String(nullable=False),
                "role": dy.String(nullable=True),
                "group": dy.String(nullable=True),
                "href": dy.String(nullable=True),
            }
        ),
        nullable=False,
        description="People named by podcast:person, of the episode or else of the show.",
    )
    soundbites = dy.List(
        dy.Struct(
            {
                "start_s": dy.Float64(nullable=False),
                "duration_s": dy.Float64(nullable=False),
                "title": dy.String(nullable=True),
            }
        ),
        nullable=True,
        description="Stretches that the publisher points out by podcast:soundbite, in seconds.",
    )
    texts = dy.List(
        dy.Struct({"purpose": dy.String(nullable=True), "text": dy.String(nullable=False)}),
        nullable=True,
        description="What podcast:txt says, a disclosure of AI use among it; of the episode or else of the show.",
    )
    license = _text("Licence of the episode or else of the show: what podcast:license states.")
    private = dy.Bool(
        nullable=True,
        description="Whether the feed's address holds a private token (a paid feed): nothing of it is published, and "
        "its addresses here are sealed.",
    )


class Shows(dy.Schema):
    """Every subscribed show, as its feed described it when it last changed."""

    show_id = _key("The show: its podcast GUID, else the UUIDv5 of its canonical feed address.")
    feed_url = _required("Address that the show is fetched from; of a private one what may be shown of it.")
    title = _required("The show's title: the feed's own, else the subscription list's, else the address.")
    author = _text("Who makes the show, as the feed says.")
    link = _text("Address of the show's web page.")
    language = _text("Language of the show, as a BCP 47 tag in lower case.")
    image_url = _text("Address of the show's picture.")
    description = _text("What the show says of itself, as plain text.")
    categories = _names("The show's categories, outermost first.")
    podcast_guid = _text("podcast:guid as the feed states it.")
    license = _text("Licence of the show, as podcast:license states it.")
    locked = dy.Bool(nullable=True, description="Whether podcast:locked forbids other platforms to import the feed.")
    private = dy.Bool(
        nullable=True, description="Whether its address holds a private token: a paid feed, which is never published."
    )
    status = dy.String(
        nullable=False,
        check=lambda c: c.is_in(["active", "new", "failing", "retired", "blocked"]),
        description="active; new: not scanned yet; failing: its last scan failed; retired: gone; blocked: opted out.",
    )
    status_reason = _text("Why the status is not active, and what to do about it.")


class FeedHealth(dy.Schema):
    """How each subscribed feed answers: one row a feed, as the last scan left it."""

    show_id = _key("The show.")
    title = _required("The show's title.")
    feed_url = _required("What may be shown of the address that it is fetched from.")
    outcome = dy.String(
        nullable=False,
        check=lambda c: c.is_in(["new", "answering", "failing", "retired", "blocked"]),
        description="new: never asked; answering; failing: the last answer was none; retired: gone (410); blocked: the "
        "show opted out.",
    )
    last_success_at = _moment("When it was last read, or said that nothing changed.", nullable=True)
    failing_since = _moment("When the first of the failures in a row happened.", nullable=True)
    failures_in_a_row = dy.Int64(nullable=False, min=0, description="Scans since the last success that failed.")
    next_try_at = _moment("Not asked before then; null for the next scan.", nullable=True)
    reason = _text("Why it is not answering, and what to do about it.")
    note = _text("What an operator should know about the show's identity or address.")


class FeedItems(_Item):
    """Every version of every feed item that was ever seen; appended to by each scan, never rewritten."""

    show_id = _key("The show whose feed held the item.")
    guid = _key("The item's guid; where absent, its enclosure address, else its title and date.")
    first_seen_at = dy.Datetime(
        time_unit="us",
        time_zone="UTC",
        primary_key=True,
        nullable=False,
        description="When podbrief first saw this version.",
    )
    digest = _required("SHA-256 over what the feed says of the item: another digest is another version.")
    # As stated, since what a newer sanitiser makes of them must not need the feed, and since nine tenths of all items
    # are a back catalogue that nobody ever reads: cleaning it took longer than fetching it.
    notes = _text("The show notes in whatever markup the feed has them: not safe to show; `episodes` has them cleaned.")
    notes_base = _text("What relative addresses in `notes` are relative to.")
    episode_id = _required("The episode: derived from `show_id` and `guid`, the same on every machine.")
    stated_at = _moment("Publication time as the feed states it; null where absent or unreadable.", nullable=True)
    back_catalogue = dy.Bool(
        nullable=False, description="Whether it was there at the show's first scan, and so is no news by being seen."
    )


class Episodes(_Dated, _Item):
    """Every episode published on a day: the newest version of its feed item."""

    episode_id = _key("The episode: derived from its show and guid, the same on every machine.")
    show_id = _required("The show it belongs to.")
    guid = _required("The item's guid; where absent, its enclosure address, else its title and date.")
    published_at = _moment(
        "When it was published: as stated, else (no date, before 1990, or over a day ahead) when first seen."
    )
    published_rule = dy.String(
        nullable=False,
        check=lambda c: c.is_in(["stated", "missing", "future", "impossible"]),
        description="Whether `published_at` is as stated, or why not.",
    )
    first_seen_at = _moment("When podbrief first saw any version of the item.")
    back_catalogue = dy.Bool(
        nullable=False, description="Whether it was there at the show's first scan, and so is no news by being seen."
    )
    digest = _required("The version of the feed item that this row shows.")
    description = _text("The show notes, as plain text.")
    description_html = _text("The show notes as sanitised HTML: no script, style, frame or event handler.")
    duplicate_of = _text("The episode that this one repeats; null where it stands for itself.")
    duplicate_rule = dy.String(
        nullable=True,
        check=lambda c: c.is_in(["moved", "network", "members", "rerun"]),
        description="By which rule it repeats: moved (the same feed under a new guid), network (another feed has it "
        "too), members (the private version of a public one), rerun (told again long after).",
    )


class Transcripts(_Dated):
    """What is said in each episode, and where the words come from."""

    episode_id = _key("The episode.")
    show_id = _required("The episode's show.")
    origin = dy.String(
        nullable=False,
        check=lambda c: c.is_in(["publisher", "recognised", "none"]),
        description="publisher, recognised or none.",
    )
    source_url = _text("Address of the publisher's file that the words come from.")
    model = _text("Speech recogniser that the words come from.")
    language = _text("Language of the words, as a BCP 47 tag in lower case.")
    duration_s = _seconds("Length of what was transcribed, in seconds.", nullable=True)
    timed = dy.Bool(nullable=False, description="False where times are estimates from a speaking rate.")
    words = dy.Int64(nullable=False, min=0, description="Number of words.")
    segments = dy.List(
        dy.Struct(
            {
                "start_s": dy.Float64(nullable=False),
                "end_s": dy.Float64(nullable=False),
                "speaker": dy.String(nullable=True),
                "text": dy.String(nullable=False),
            }
        ),
        nullable=False,
        description="The words in order: start and end in seconds, the speaker where one is named, the text.",
    )
    digest = _text("SHA-256 of the segments: later stages key their work by it.")
    error = _text("Why there is no transcript, and what to do about it.")
    publisher_problem = _text(
        "What was wrong with files that the publisher offers, and what to do about it, also where words were got all "
        "the same."
    )

    @dy.rule()
    def words_or_reason(cls) -> pl.Expr:
        return pl.col("origin").eq("none") == pl.col("error").is_not_null()


class SponsorSpans(_Dated):
    """Stretches of an episode that are advertising, show promotion or self-promotion."""

    episode_id = _key("The episode.")
    start_s = dy.Float64(primary_key=True, nullable=False, min=0, description="Where it starts, in seconds.")
    end_s = _seconds("Where it ends, in seconds.")
    kind = dy.String(
        nullable=False,
        check=lambda c: c.is_in(["ad", "promo", "self"]),
        description="ad: paid; promo: another show; self: the show's own offers.",
    )
    sponsor = _text("Who is advertised, where the words say so.")
    reason = _required("The signs that gave it away.")
    borders = dy.String(
        nullable=True,
        check=lambda c: c.is_in(["moved", "confirmed", "invalid", "failed", "budget"]),
        description="What a language model made of its borders: moved; confirmed; invalid: what it says can't be, and "
        "changed nothing; failed: it gave no answer; budget: it was not asked. Null where there is no model.",
    )
    tokens_in = dy.Int64(nullable=True, min=0, description="Prompt tokens of that; null where no model was asked.")
    tokens_out = dy.Int64(nullable=True, min=0, description="Completion tokens, likewise.")
    cost_usd = dy.Float64(
        nullable=True,
        min=0,
        description="What they cost in US dollars; null where no model was asked, or its price is not known.",
    )

    @dy.rule()
    def ends_after_start(cls) -> pl.Expr:
        return pl.col("end_s") >= pl.col("start_s")


class InsightCandidates(_Dated):
    """Claims taken from episodes, each resting on a verbatim quote."""

    insight_id = _key("The insight: the day, then a digest of the episode and the quote's place.")
    kind = dy.String(
        nullable=False,
        check=lambda c: c.is_in(["insight", "excerpt"]),
        description="insight: written in the third person; excerpt: words as spoken.",
    )
    episode_id = _required("The episode it comes from.")
    show_id = _required("The show it comes from.")
    text = _required("What the reader reads: 25 to 60 words.")
    label = _text("For an excerpt, the factual label it is set under: speaker where known, show, subject.")
    quote = _required(
        "The words that it rests on, verbatim: at most 40 words for an insight, the text itself for an excerpt."
    )
    start_s = _seconds("Where the quote starts, in seconds.")
    end_s = _seconds("Where the quote ends, in seconds.")
    timed = dy.Bool(nullable=False, description="False where the times are estimates.")
    speaker = _text("Who says the quote, where the publisher names them.")
    topics = _names("Topics, from podbrief's versioned list.")
    names = _names("People, companies and products that it names.")
    centrality = _fraction("How close it is to what the whole episode is about.")
    judge_score = _fraction(
        "How much a second language model thinks it worth; null where none was asked, or it said nothing.",
        nullable=True,
    )
    extractor = dy.String(
        nullable=False, check=lambda c: c.is_in(["llm", "extractive"]), description="llm or extractive."
    )
    model = _text("Language model that wrote it.")
    prompt_version = _text("Version of the prompt, or of the extraction rules.")
    tokens_in = dy.Int64(
        nullable=False,
        min=0,
        description="Prompt tokens paid for it: its passage's and the judge's, shared evenly among what came of them.",
    )
    tokens_out = dy.Int64(nullable=False, min=0, description="Completion tokens, likewise.")
    cost_usd = dy.Float64(
        nullable=True,
        min=0,
        description="What those tokens cost in US dollars; null where the model's price is not known.",
    )
    superseded_by = _text("The insight that replaced it for the future; null while it is current.")

    @dy.rule()
    def length_in_bounds(cls) -> pl.Expr:
        words = pl.col("text").str.count_matches(r"\S+")
        return words.is_between(25, 60)

    @dy.rule()
    def quote_in_bounds(cls) -> pl.Expr:
        words = pl.col("quote").str.count_matches(r"\S+")
        return (words <= 40) | (pl.col("kind") == "excerpt")

    @dy.rule()
    def ends_after_start(cls) -> pl.Expr:
        return pl.col("end_s") >= pl.col("start_s")


class InsightExtractions(_Dated):
    """What came of looking for insights in each episode: also when nothing did, and why."""

    episode_id = _key("The episode.")
    show_id = _required("The episode's show.")
    outcome = dy.String(
        nullable=False,
        check=lambda c: c.is_in(["extracted", "nothing_qualified", "no_transcript", "repeat", "failed", "budget"]),
        description="extracted, nothing_qualified, no_transcript, repeat (of another episode), failed, or budget: the "
        "day's budget ended before the episode was read; its answers are kept, and the next run goes on from there.",
    )
    reason = _text("Why nothing came of it, and what to do where something can be done.")
    extractor = dy.String(
        nullable=False, check=lambda c: c.is_in(["llm", "extractive"]), description="llm or extractive."
    )
    model = _text("Language model that was asked.")
    prompt_version = _text("Version of the prompt, or of the extraction rules.")
    passages = dy.Int64(nullable=False, min=0, description="Passages that the transcript was cut into.")
    passages_failed = dy.Int64(
        nullable=False,
        min=0,
        description="Passages whose answer could not be had; they are asked again at the next run.",
    )
    asked = dy.List(
        dy.Struct(
            {
                "purpose": dy.String(nullable=False),
                "passage": dy.Int64(nullable=True),
                "start_s": dy.Float64(nullable=True),
                "end_s": dy.Float64(nullable=True),
                "outcome": dy.String(nullable=False),
                "detail": dy.String(nullable=True),
                "failed": dy.Bool(nullable=False),
                "proposed": dy.Int64(nullable=False),
                "tokens_in": dy.Int64(nullable=False),
                "tokens_out": dy.Int64(nullable=False),
                "cost_usd": dy.Float64(nullable=True),
            }
        ),
        nullable=True,
        description="What came of each question to a model: one a passage (its number and place in seconds), then the "
        "judge's. outcome: answered; empty; truncated at the limit of tokens, whole items kept; invalid, also when "
        "asked again; refused by the model; filtered by the provider; too_long; rejected as a request; rate_limited; "
        "server_error; timed_out; unavailable; budget: not asked. detail: why, and what to do. failed: it is asked "
        "again at the next run. Null without a model.",
    )
    proposed = dy.Int64(nullable=False, min=0, description="Candidates before the gates.")
    accepted = dy.Int64(nullable=False, min=0, description="Candidates that passed them, and the judge.")
    tokens_in = dy.Int64(nullable=False, min=0, description="Prompt tokens, of the judge as well.")
    tokens_out = dy.Int64(nullable=False, min=0, description="Completion tokens.")
    cost_usd = dy.Float64(
        nullable=True, min=0, description="What they cost in US dollars; null where the model's price is not known."
    )


class InsightEmbeddings(_Dated):
    """One vector of unit length for every insight."""

    insight_id = _key("The insight.")
    model = _required("The embedding model.")
    embedding = _vector(nullable=False, description="The vector, of length 1.")


class InsightScores(_Dated):
    """How good each insight is, from named parts, and what it repeats."""

    insight_id = _key("The insight.")
    quality = _fraction("The chance that a careful reader finds it worth the line, as far as the parts tell.")
    specificity = _fraction("Names and numbers, against the insight's length.")
    evidence = _fraction("Signs of a cause, a condition, a finding or a quantity.")
    self_containedness = _fraction("Absence of words that point outside the insight.")
    novelty = _fraction("Distance to the nearest insight of the 30 days before.")
    surprise = _fraction(
        "How little the insights of the 30 days before let one expect its words; null in old days.",
        nullable=True,
    )
    lasting = _fraction(
        "Whether it will matter in a week: causes and generalisations against days, releases, promotion, lives and "
        "stories; null in old days.",
        nullable=True,
    )
    prominence = _fraction("How close it is to what the whole episode is about.")
    judge = _fraction("How much a second language model thinks it worth; null where none was asked.", nullable=True)
    duplicate_of = _text("The insight that it repeats; null where it is the first to say it.")
    duplicate_similarity = dy.Float64(nullable=True, description="How similar the two are, where it repeats one.")
    contrary_to = dy.List(
        dy.String(),
        nullable=True,
        description="Insights of the 30 days before that claim the contrary; null where it was not looked for.",
    )


class RelatedInsights(_Dated):
    """Edges from each new insight to the archive's insights that are nearest to it, up to ten."""

    insight_id = _key("The new insight.")
    related_id = _key("The insight it is related to.")
    rank = dy.Int64(nullable=False, min=1, max=10, description="1 is the nearest.")
    similarity = dy.Float64(nullable=False, min=-1.001, max=1.001, description="Cosine of their vectors.")


class Subscribers(_Dated):
    """Active subscribers as of the day, without addresses or their own words."""

    subscriber_id = _key("The subscriber: random, and no address can be had from it.")
    interest_vectors = dy.List(
        _vector(nullable=False), nullable=False, description="One vector of length 1 for each interest."
    )
    followed_shows = _names("Shows whose insights they want first.")
    muted_shows = _names("Shows they never want.")
    muted_topics = _names("Topics they never want.")
    brief_size = dy.Int64(nullable=False, min=1, max=10, description="Insights a day.")
    language = _text("Language of the brief, as a BCP 47 tag.")
    timezone = _required("IANA name of the time zone.")


class UserBriefs(_Dated):
    """What each subscriber gets on a day, as sent."""

    subscriber_id = _key("The subscriber.")
    rank = dy.Int64(primary_key=True, nullable=False, min=1, max=10, description="1 is read first.")
    insight_id = _required("The insight.")
    kind = dy.String(nullable=False, check=lambda c: c.is_in(["insight", "excerpt"]), description="insight or excerpt.")
    text = _required("The insight's text, as sent.")
    label = _text("An excerpt's label, as sent.")
    quote = _required("The quote, as sent.")
    speaker = _text("Who says it, where known.")
    show_id = _required("The show.")
    show_title = _required("The show's title, as sent.")
    episode_id = _required("The episode.")
    episode_title = _required("The episode's title, as sent.")
    start_s = _seconds("Where the quote starts, in seconds.")
    timed = dy.Bool(
        nullable=False,
        description="False where that is an estimate, or the host inserts advertising and your copy runs differently.",
    )
    link = _text("Address that plays from there, 15 s earlier where that is not exact; else the episode's page.")
    score = dy.Float64(
        nullable=False,
        description="What the choice was made by: `relevance`, `quality`, `freshness` and `follows`, weighted, less "
        "`aversion` and `redundancy`.",
    )
    relevance = dy.Float64(
        nullable=False,
        description="Nearness to the best matching interest, in units of four deviations of what is usual for it; 0 "
        "for a subscriber of whom nothing is known.",
    )
    cosine = dy.Float64(nullable=True, description="The cosine to that interest; null in briefs of earlier versions.")
    aversion = dy.Float64(nullable=True, description="Nearness to what the subscriber disliked, in the same units.")
    quality = _fraction("The insight's quality.")
    freshness = _fraction("1 for the day itself, less for the days before.")
    redundancy = dy.Float64(nullable=False, description="Nearness to what stands above it in the brief.")
    follows = dy.Bool(nullable=True, description="Whether the subscriber follows the show.")
    interest = dy.Int64(
        nullable=True,
        min=1,
        description="Which of the subscriber's interests it matches best, by number; their words stay out of the lake.",
    )
    liked = dy.Int64(
        nullable=True,
        min=1,
        description="Where it matches best what the subscriber liked: how many liked insights make up that subject.",
    )
    reason = _required("The part of the score that decided, in words.")
    also_heard_on = dy.List(
        dy.String(), nullable=True, description="Titles of other shows that said the same, as sent; null in old briefs."
    )
    heard_otherwise_on = dy.List(
        dy.String(), nullable=True, description="Titles of shows that said the contrary, as sent; null in old briefs."
    )

    @dy.rule()
    def same_insight_once(cls) -> pl.Expr:
        return pl.struct("subscriber_id", "insight_id").is_first_distinct()


class BriefDeliveries(_Dated):
    """Every brief that was handed to the mailer, and what became of it."""

    subscriber_id = _key("The subscriber.")
    message_id = _required("The mail's Message-ID.")
    status = dy.String(
        nullable=False,
        check=lambda c: c.is_in(["delivered", "refused", "unknown", "cancelled"]),
        description="delivered; refused by the mailer; unknown: no answer came; cancelled: no longer subscribed.",
    )
    entries = dy.Int64(nullable=False, min=0, description="Number of insights in it.")
    attempted_at = _moment("When it was last tried.")
    detail = _text("Where it went, or why not and what to do.")


@dataclass(frozen=True)
class Table:
    """A table's contract and place.

    Attributes:
        name: As in DESIGN, in the lake's folders, in Dagster and in DuckDB.
        schema: Types, key and rules.
        layout: `day`: one file a day. `whole`: one file. `log`: a file for each append.
        max_rejected: Share of rows that may break a rule before the blocking check fails.
        variant: A folder between the table's and the day's, for rows that only make sense among their own kind.
    """

    name: str
    schema: type[dy.Schema]
    layout: Literal["day", "whole", "log"] = "day"
    max_rejected: float = 0.2
    variant: str | None = None

    @property
    def description(self) -> str:
        """One sentence: what the table holds."""
        return (self.schema.__doc__ or "").strip()

    @cached_property
    def key(self) -> list[str]:
        """The names of the key's columns."""
        return self.schema.primary_key()

    @cached_property
    def polars_schema(self) -> pl.Schema:
        """Column names and types in the order of the files: the key first, the partition last."""
        columns = self.schema.columns()
        names = sorted(columns, key=lambda name: (name == "date", name not in self.key))
        return pl.Schema({name: columns[name].dtype for name in names})

    @cached_property
    def column_comments(self) -> dict[str, str]:
        """Each column's sentence."""
        return {name: column.description or "" for name, column in self.schema.columns().items()}

    @property
    def rejected_name(self) -> str:
        """The name of the table that keeps the rows that broke a rule."""
        return f"{self.name}_rejected"


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table("shows", Shows, layout="whole"),
        Table("feed_health", FeedHealth, layout="whole"),
        Table("feed_items", FeedItems, layout="log"),
        Table("episodes", Episodes),
        Table("transcripts", Transcripts),
        Table("sponsor_spans", SponsorSpans),
        # An LLM's answers fail the gates by design: a high share of rejected rows is the gates at work.
        Table("insight_candidates", InsightCandidates, max_rejected=1.0),
        Table("insight_extractions", InsightExtractions),
        Table("insight_embeddings", InsightEmbeddings, variant="model=" + re.sub(r"[^\w.-]+", "--", EMBEDDING_MODEL)),
        Table("insight_scores", InsightScores),
        Table("related_insights", RelatedInsights),
        Table("subscribers", Subscribers),
        Table("user_briefs", UserBriefs),
        Table("brief_deliveries", BriefDeliveries),
    )
}
