"""Work that is under way while a test makes something go wrong: files and streams of our own client."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from stt_ai import Client, Event, Final, Ready
from stt_ai.billing.database import Database
from stt_ai.billing.operators import Operators
from stt_ai.billing.plans import BillingConfig
from stt_ai.billing.service import BillingService
from tests.integration.test_stream import CLEAR, account, audio, spoken
from tests.support.service import Service, wait_until
from tests.support.word_errors import DATA, word_error_rate

MODEL = "transcriber-large-v3-turbo"
PATIENCE = 20
"""Times that a client asks again: faults of half a minute are shorter than that."""
UNDER_WAY_S = 1.0
SHORT = DATA / "short_200ms.flac"


@dataclass
class Transcribing(threading.Thread):
    """One file through the client, which sends it again when it must."""

    service: Service
    key: str
    path: Path
    asked: dict[str, Any] = field(default_factory=lambda: {"language": "en", "diarize": False})
    sent: int = 0
    text: str | None = None
    error: Exception | None = None

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.start()

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        try:
            with Client(api_key=self.key, base_url=self.service.url, max_retries=PATIENCE) as client:
                self.text = client.transcribe(self.path, progress=self._count, **self.asked).text
        except Exception as error:
            self.error = error

    def result(self, timeout: float = 300) -> str:
        self.join(timeout)
        assert self.text is not None, self.error or "no answer came"
        return self.text

    @property
    def saw(self) -> str:
        return "its text" if self.sent == 1 else f"its text, sent {self.sent} times"

    def _count(self, done: int, total: int | None) -> None:
        self.sent += done == 0


class Talking(threading.Thread):
    """One stream through the client, at the speed of speech; cut off, it goes on."""

    def __init__(self, service: Service, key: str, names: tuple[str, ...] = CLEAR) -> None:
        super().__init__(daemon=True)
        self._service = service
        self._key = key
        self._names = names
        self.events: list[Event] = []
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        data = b"".join(map(audio, self._names))
        try:
            with Client(api_key=self._key, base_url=self._service.url, max_retries=PATIENCE) as client:
                for event in client.stream(data, language="en", paced=True):
                    self.events.append(event)
        except Exception as error:
            self.error = error

    @property
    def finals(self) -> list[Final]:
        return [event for event in list(self.events) if isinstance(event, Final) and event.text]

    @property
    def connections(self) -> int:
        return sum(isinstance(event, Ready) for event in list(self.events))

    @property
    def saw(self) -> str:
        return "every word once" + (f", resumed {self.connections - 1} times" if self.connections > 1 else ", uncut")

    def reported_all(self, manifest: dict[str, Any], acknowledged: list[Final], timeout: float = 200) -> None:
        """Waits for its end. What the client had stays, and nothing is missing or there twice."""
        self.join(timeout)
        assert not self.is_alive() and self.error is None, self.error
        finals = self.finals
        assert finals[: len(acknowledged)] == acknowledged
        assert [final.segment_id for final in finals] == sorted({final.segment_id for final in finals})
        assert [final.start for final in finals] == sorted(final.start for final in finals)
        text = " ".join(final.text for final in finals)
        assert word_error_rate([spoken(manifest, *self._names)], [text]) <= 0.1, text


def answers(service: Service) -> bool:
    """Whether a new caller's file is transcribed."""
    try:
        with SHORT.open("rb") as file:
            data = {"diarize": "false", "language": "en"}
            return httpx.post(f"{service.url}/v1/transcribe", files={"file": file}, data=data, timeout=60).is_success
    except httpx.HTTPError:
        return False


def recovered(service: Service, find: Callable[[], list[psutil.Process]], dead: list[psutil.Process]) -> None:
    """Waits until others are in the place of the dead, every part is well, and files are transcribed."""
    timeout = 300
    wait_until(lambda: any(process not in dead for process in find()), timeout)
    wait_until(lambda: service.is_well() and answers(service), timeout)


def charged(service: Service, key: str, granted: int) -> int:
    """Credits, once nothing is reserved any more and the books are proved right."""
    wait_until(lambda: _settled(service, key), 120)
    with books(service) as found:
        assert Operators(found).reconcile() == ()
    return granted - int(account(service, key)["credits"]["available"])


def _settled(service: Service, key: str) -> bool:
    try:
        found = account(service, key)
    except (httpx.HTTPError, ValueError):
        return False
    return "credits" in found and (found["credits"]["reserved"], found["limits"]["running"]) == (0, 0)


@contextmanager
def books(service: Service) -> Iterator[BillingService]:
    """The service's own, opened beside it."""
    database = Database(service.database_url)
    try:
        yield BillingService(database, BillingConfig())
    finally:
        database.close()


class Work:
    """What processes have done since it was made."""

    def __init__(self, processes: Iterable[psutil.Process]) -> None:
        self._begun = {process: _used(process) for process in processes}

    def done(self) -> list[float]:
        """Seconds of a core, of each."""
        return [_used(process) - begun for process, begun in self._begun.items()]

    def under_way(self) -> bool:
        """Whether each of them is at it."""
        return min(self.done()) > UNDER_WAY_S


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
