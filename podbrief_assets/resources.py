"""What `definitions.py` hands to assets.

Belongs here: thin Dagster resources, each configured by environment variables, around values that know no Dagster.
Doesn't: the work itself (`net.py`, `lake/`, `insights/`, `delivery/`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Self

import dagster as dg
from pydantic import PrivateAttr
from sqlalchemy import Engine
from upath import UPath

from podbrief_assets import database, migrations, net
from podbrief_assets.delivery.ledger import Ledger
from podbrief_assets.delivery.links import Links
from podbrief_assets.delivery.mailer import Mailer, Outbox
from podbrief_assets.delivery.settings import MailSettings
from podbrief_assets.delivery.smtp import SmtpMailer
from podbrief_assets.environment import choice, whole_number
from podbrief_assets.insights.embeddings import SentenceEncoder
from podbrief_assets.insights.llm import LlmExtractor, LlmSettings, configured
from podbrief_assets.lake.cache import Cache
from podbrief_assets.lake.io_manager import LakeIOManager, LakeResource
from podbrief_assets.lake.paths import Home
from podbrief_assets.lake.step_files import StepFiles
from podbrief_assets.lake.storage import Lake
from podbrief_assets.subscribers.forgetting import Places
from podbrief_assets.tokens import Keys
from podbrief_assets.transcripts.engine import PRECISIONS
from podbrief_assets.transcripts.recordings import KEEP_AUDIO_DAYS, MAX_KEEP_DAYS, Recordings
from podbrief_assets.transcripts.speech import SpeechRecognizer

__all__ = [
    "CacheResource",
    "DatabaseResource",
    "DeliveryLedger",
    "EmbeddingModel",
    "LakeIOManager",
    "LakeResource",
    "LanguageModel",
    "MailResource",
    "PersonalFiles",
    "RecordingStore",
    "Speech",
    "StepFiles",
    "Subscriptions",
    "WarehouseFile",
    "Web",
]


class CacheResource(dg.ConfigurableResource[Cache]):
    """The cache at `root`, any fsspec address: workers that share it share what was expensive."""

    root: str

    @property
    def whole(self) -> Cache:
        """All of it."""
        return Cache(UPath(self.root))

    def section(self, name: str) -> Cache:
        """One stage's part of the cache."""
        return self.whole.section(name)


class DatabaseResource(dg.ConfigurableResource[Engine]):
    """The operational database. Left empty, its address is `PODBRIEF_DATABASE_URL`, which may hold a password and so
    never enters Dagster's configuration."""

    url: str = ""
    _engine: Engine | None = PrivateAttr(default=None)

    @property
    def engine(self) -> Engine:
        """The engine, every table as this release wants it."""
        if self._engine is None:
            self._engine = database.engine(self.url or Home.from_environment().database_url)
            migrations.upgrade(self._engine)
        return self._engine


class Subscriptions(dg.ConfigurableResource[Path]):
    """The subscribed shows: an OPML file."""

    path: str

    def read(self) -> bytes | None:
        """The file's bytes; None where no show was ever added."""
        path = Path(self.path)
        return path.read_bytes() if path.exists() else None


class Web(dg.ConfigurableResource[net.Client]):
    """The guarded way out; its limits come from the environment (`net.Settings`)."""

    def client(self) -> net.Client:
        """A client, to be entered with `async with`."""
        return net.Client(net.Settings.from_environment())


class EmbeddingModel(dg.ConfigurableResource[SentenceEncoder]):
    """The sentence encoder (`PODBRIEF_EMBEDDING_MODEL`, `PODBRIEF_DEVICE`), loaded once a step."""

    model: str
    dimension: int
    device: str = "auto"

    @property
    def encoder(self) -> SentenceEncoder:
        """The encoder, one for the whole process; weights are loaded when it is first used."""
        return _encoder(self.model, self.dimension, self.device)


@cache
def _encoder(model: str, dimension: int, device: str) -> SentenceEncoder:
    return SentenceEncoder(model, dimension, device)


class Speech(dg.ConfigurableResource[SpeechRecognizer]):
    """The speech recogniser (`PODBRIEF_ASR_MODEL`, `PODBRIEF_ASR_DEVICE`, `PODBRIEF_ASR_DTYPE`,
    `PODBRIEF_ASR_BATCH_SIZE`, `PODBRIEF_ASR_COMPILE`), loaded once a process. With the model `none`, audio is left
    alone."""

    model: str = SpeechRecognizer.model
    device: str = SpeechRecognizer.device
    dtype: str = SpeechRecognizer.dtype
    batch_size: int = SpeechRecognizer.batch_size
    compiled: bool = SpeechRecognizer.compiled

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """The recogniser that the environment names.

        Raises:
            BadSetting: the batch size is no whole number from 0 to 1024, the precision none that there is, or
                `PODBRIEF_ASR_COMPILE` neither 0 nor 1.
        """
        given = {name: environ.get(f"PODBRIEF_ASR_{name.upper()}") for name in ("model", "device")}
        return cls(
            dtype=choice(environ, "PODBRIEF_ASR_DTYPE", SpeechRecognizer.dtype, PRECISIONS),
            batch_size=whole_number(environ, "PODBRIEF_ASR_BATCH_SIZE", SpeechRecognizer.batch_size, 1024, least=0),
            compiled=choice(environ, "PODBRIEF_ASR_COMPILE", "0", ("0", "1")) == "1",
            **{name: value for name, value in given.items() if value},
        )

    @property
    def recognizer(self) -> SpeechRecognizer | None:
        """The recogniser, or None where it is switched off; weights are loaded when it is first used."""
        return (
            None
            if self.model == "none"
            else _recognizer(self.model, self.device, self.dtype, self.batch_size, self.compiled)
        )


@cache
def _recognizer(model: str, device: str, dtype: str, batch_size: int, compiled: bool) -> SpeechRecognizer:
    return SpeechRecognizer(model, device, dtype, batch_size, compiled)


class RecordingStore(dg.ConfigurableResource[Recordings]):
    """The audio store at `folder`, on a disk of this machine, and for how many days it keeps recordings
    (`PODBRIEF_KEEP_AUDIO_DAYS`)."""

    folder: str
    keep_days: int = 0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], folder: Path) -> Self:
        """The store with the days that the environment names.

        Raises:
            BadSetting: they are no whole number from 0 to 3650.
        """
        return cls(folder=str(folder), keep_days=whole_number(environ, KEEP_AUDIO_DAYS, 0, MAX_KEEP_DAYS, least=0))

    @property
    def recordings(self) -> Recordings:
        """The store."""
        return Recordings(Path(self.folder), self.keep_days)


class LanguageModel(dg.ConfigurableResource[LlmExtractor]):
    """The language model that writes insights; without a key or a base URL there is none, and excerpts are made.

    A budget, where one is set, is kept in the operational database."""

    database: DatabaseResource

    @property
    def configured(self) -> bool:
        """Whether OPENAI_API_KEY or OPENAI_BASE_URL is set. The key itself never enters Dagster's configuration."""
        return configured()

    @property
    def refines_borders(self) -> bool:
        """Whether there is one, and PODBRIEF_LLM_BORDERS does not keep it from looking at advertising."""
        return configured() and LlmSettings.from_environment().borders

    def extractor(self) -> LlmExtractor:
        """A client for one step."""
        settings = LlmSettings.from_environment()
        return LlmExtractor(settings, None if settings.budget_usd is None else self.database.engine)


class MailResource(dg.ConfigurableResource[MailSettings]):
    """Where mail goes: by SMTP where `PODBRIEF_SMTP_URL` is set, else into `.eml` files below `outbox`.

    Everything but the folders is read from the environment when it is needed: addresses of servers hold passwords, and
    what is configured in Dagster is stored by it.
    """

    outbox: str
    home: str

    @property
    def settings(self) -> MailSettings:
        """What the environment says.

        Raises:
            BadSetting: it can't be used, or SMTP is switched on without what it needs.
        """
        return MailSettings.from_environment(os.environ)

    @property
    def sends(self) -> bool:
        """Whether mail leaves this machine."""
        return self.settings.smtp is not None

    @property
    def described(self) -> str:
        """In words, without a password."""
        server = self.settings.smtp
        return f"SMTP to {server.host}:{server.port}" if server else f"the outbox {self.outbox}"

    @property
    def links(self) -> Links | None:
        """The addresses that lead back to us; None where there is no public one."""
        public_url = self.settings.public_url
        return Links(public_url, Keys.from_environment(os.environ, Path(self.home))) if public_url else None

    def mailer(self) -> Mailer:
        """The mailer, to be closed by whoever opens it."""
        settings = self.settings
        if settings.smtp is None:
            return Outbox(Path(self.outbox))
        return SmtpMailer(settings.smtp, per_minute=settings.per_minute)


class DeliveryLedger(dg.ConfigurableResource[Ledger]):
    """What was handed over to whom, in the operational database."""

    database: DatabaseResource

    @property
    def ledger(self) -> Ledger:
        """The ledger."""
        return Ledger(self.database.engine)


class PersonalFiles(dg.ConfigurableResource[Places]):
    """Where files hold something of a person: the lake, the cache of vectors and the outbox, each by its address."""

    lake: str
    vectors: str
    briefs: str
    outbox: str

    @property
    def places(self) -> Places:
        """The places, to remove somebody from."""
        return Places(
            lake=Lake(UPath(self.lake)),
            vectors=Cache(UPath(self.vectors)),
            briefs=UPath(self.briefs),
            outbox=UPath(self.outbox),
        )


class WarehouseFile(dg.ConfigurableResource[Path]):
    """Where the DuckDB file lies."""

    path: str
