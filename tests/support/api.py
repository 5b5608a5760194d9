"""Peers of the parts that the API calls, and a real server to call it through."""

import asyncio
import contextlib
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck, settings

from stt_ai.api.app import create_app
from stt_ai.api.services import ApiConfig, Services
from stt_ai.ports import OnDuration, OnText
from stt_ai.types import (
    GpuInfo,
    ModelInfo,
    PartHealth,
    Segment,
    ServiceHealth,
    Transcript,
    TranscriptionRequest,
    Upload,
    Word,
)

# Machines that run tests are busy with other things: slowness of theirs is no finding.
unhurried = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PATIENCE = 60.0
"""Seconds after which what is awaited will not come any more."""

MODELS = (
    ModelInfo("large-v3-turbo", "Whisper Large V3 Turbo", 99, "fast"),
    ModelInfo("large-v3", "Whisper Large V3", 99, "standard", translates=True),
    ModelInfo("medium", "Whisper Medium", 99, "fast", translates=True),
    ModelInfo("small", "Whisper Small", 99, "very_fast", translates=True),
)
LANGUAGES = (("en", "english"), ("es", "spanish"), ("fr", "french"), ("yue", "cantonese"))


def segment(text: str, start: float = 0.0, seconds_a_word: float = 0.5, speaker: str | None = None) -> Segment:
    """Words of ``text`` one after the other, each with the blank before it that models write."""
    words = tuple(
        Word(f" {word}", start + index * seconds_a_word, start + (index + 1) * seconds_a_word, 0.9, 1, speaker)
        for index, word in enumerate(text.split())
    )
    return Segment(words, speaker)


HELLO = Transcript((segment("Hello, welcome to the meeting."),), "en", 0.98, 3.0, "large-v3-turbo")
TALK = Transcript(
    (
        segment("Hello, welcome.", 0.0, speaker="Speaker 1"),
        segment("Thank you & <all>.", 1.2, speaker="Speaker 2"),
    ),
    "en",
    0.98,
    3.5,
    "large-v3-turbo",
)


@dataclass
class Recorder:
    """A transcription service that answers with a given transcript and remembers what it was asked.

    It sends the transcript's text segment by segment.
    """

    transcript: Transcript = HELLO
    requests: list[TranscriptionRequest] = field(default_factory=list)
    uploads: list[Upload] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)

    async def transcribe(
        self,
        upload: Upload,
        request: TranscriptionRequest,
        on_duration: OnDuration | None = None,
        on_text: OnText | None = None,
    ) -> Transcript:
        if on_duration:
            await on_duration(self.transcript.duration)
        self.requests.append(request)
        self.uploads.append(upload)
        self.sizes.append(upload.path.stat().st_size)
        with upload.path.open("rb") as file:
            self.heads.append(file.read(1 << 16))
        for segment in self.transcript.segments if on_text else ():
            first = segment is self.transcript.segments[0]
            await on_text(segment.text if first else segment.raw_text, segment.end)
        return self.transcript


@dataclass
class Failing:
    """A transcription service that raises; ``late``: when it has sent a piece of text."""

    error: BaseException
    late: bool = False

    async def transcribe(
        self,
        upload: Upload,
        request: TranscriptionRequest,
        on_duration: OnDuration | None = None,
        on_text: OnText | None = None,
    ) -> Transcript:
        if on_duration:
            await on_duration(HELLO.duration)
        if on_text and self.late:
            await on_text("Hello,", HELLO.duration)
        raise self.error


class Patient:
    """A transcription service that works until it is cancelled, and says when it began and was cancelled.

    It sends the text of the first ``reported`` of its ``seconds``.
    """

    def __init__(self, seconds: float = HELLO.duration, reported: float = HELLO.duration) -> None:
        self.seconds, self.reported = seconds, reported
        self.began = threading.Event()
        self.cancelled = threading.Event()

    async def transcribe(
        self,
        upload: Upload,
        request: TranscriptionRequest,
        on_duration: OnDuration | None = None,
        on_text: OnText | None = None,
    ) -> Transcript:
        if on_duration:
            await on_duration(self.seconds)
        if on_text and self.reported:
            await on_text("Hello,", self.reported)
        self.began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        raise AssertionError("unreachable")


class FourModels:
    def models(self) -> tuple[ModelInfo, ...]:
        return MODELS

    def languages(self, model: str | None = None) -> tuple[tuple[str, str], ...]:
        return LANGUAGES[:-1] if model in ("medium", "small") else LANGUAGES


@dataclass
class Fixed:
    """A health probe with one answer, or one failure."""

    found: ServiceHealth | Exception = field(
        default_factory=lambda: ServiceHealth(GpuInfo(), (PartHealth("decoder", True),))
    )

    async def health(self) -> ServiceHealth:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def make_app(directory: Path, transcription: object = None, health: object = None, **options: object) -> FastAPI:
    config = ApiConfig(directory, "large-v3-turbo", **options)  # type: ignore[arg-type]
    return create_app(Services(transcription or Recorder(), FourModels(), health or Fixed(), config))  # type: ignore[arg-type]


@contextlib.contextmanager
def serving(app: FastAPI) -> Iterator[int]:
    """The app behind uvicorn on a port of this machine."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        # The listener queues connections from here on, so nobody has to wait for the server to be up.
        listener.listen(128)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(timeout=PATIENCE)
        listener.close()
        assert not thread.is_alive()


def eventually(condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether ``condition`` comes true in time, for effects on the far side of a socket that report to nobody."""
    pause, rounds = threading.Event(), 0
    while not condition():
        rounds += 1
        if rounds > seconds * 100:
            return False
        pause.wait(0.01)
    return True


def form(*parts: tuple[str, str | None, bytes], boundary: str = "XyZ") -> tuple[bytes, dict[str, str]]:
    """A multipart body of (name, filename, content) parts, and the headers it goes with."""
    body = b""
    for name, filename, content in parts:
        file = f'; filename="{filename}"\r\nContent-Type: application/octet-stream' if filename is not None else ""
        body += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + content + b"\r\n"
        )
    return body + f"--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def main() -> None:
    """Serves an app on its own until standard input closes: for tests that look at the process from outside."""
    with serving(make_app(Path(sys.argv[1]))) as port:
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
