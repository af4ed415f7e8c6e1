"""A recogniser that hears what it is told to, in whatever process it finds itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg

from podbrief_assets.definitions import build_defs
from podbrief_assets.errors import PodbriefError
from podbrief_assets.resources import Speech
from podbrief_assets.transcripts import Segment, audio
from podbrief_assets.transcripts.speech import Recording, SpeechRecognizer, Transcription

# The variable that says after how many recordings a process is killed.
KILLED_AFTER = "TEST_KILLED_AFTER"


class Logged(SpeechRecognizer):
    """Decodes what it is given, and writes the name of each recording to a file."""

    def __init__(self, log: Path) -> None:
        super().__init__("scripted")
        self._log = log

    def recognise(self, recordings: Iterable[Recording]) -> Iterator[tuple[Recording, Transcription | PodbriefError]]:  # type: ignore[override]
        for number, recording in enumerate(recordings):
            if str(number) == os.environ.get(KILLED_AFTER):
                os.kill(os.getpid(), signal.SIGKILL)
            with self._log.open("a") as log:
                log.write(f"{recording.path.stem}\n")
            try:
                length_s = sum(map(len, audio.blocks(recording.path))) / audio.RATE
            except PodbriefError as error:
                yield recording, error
                continue
            said = (Segment(start_s=0.0, end_s=1.0, text=f"Quite a few words about {recording.path.stem}."),)
            yield recording, Transcription(said, length_s, "en", retried=2)


@cache
def _logged(log: str) -> Logged:
    return Logged(Path(log))


class ScriptedSpeech(Speech):
    """In place of the speech model."""

    log: str

    @property
    def recognizer(self) -> Logged:
        return _logged(self.log)


def definitions(**changes: Any) -> dg.Definitions:
    """podbrief's definitions with the scripted recogniser; its log lies in PODBRIEF_HOME."""
    return build_defs(speech=ScriptedSpeech(log=str(Path(os.environ["PODBRIEF_HOME"]) / "heard.txt")), **changes)


def transcribe_shards() -> dg.JobDefinition:
    """The job, for whichever process asks."""
    return definitions().resolve_job_def("transcribe_shards")
