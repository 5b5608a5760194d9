"""Callers of the running service, in an open loop: they come when they come, whatever became of those before."""

import asyncio
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from stt_ai.types import SAMPLE_RATE, Samples
from tests.benchmarks.stream_figures import Figures, Reported
from tests.benchmarks.stream_talk import Sentence, talk
from tests.support.word_errors import DATA

SENTENCES = 3
"""Of one stream: about twelve seconds."""
CHUNK = SAMPLE_RATE // 10
CLIPS = ("hello_3s.flac", "five_seconds.flac", *(f"ten_seconds_{number:02}.flac" for number in range(1, 17)))
MEETING = "meeting_en.flac"
TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class File:
    """One upload, and what is asked of it."""

    path: Path
    fields: tuple[tuple[str, str], ...] = (("language", "en"), ("diarize", "false"))


def any_file(chance: random.Random) -> File:
    """Mostly clips; every eighth one of half a minute, every fourth with its speakers told apart."""
    name = MEETING if chance.random() < 1 / 8 else chance.choice(CLIPS)
    speakers = "true" if chance.random() < 1 / 4 else "false"
    return File(DATA / name, (("diarize", speakers),))


@dataclass(frozen=True, slots=True)
class Outcome:
    """``at``: seconds of the phase at which it came. ``seconds`` until it was over. ``late``: a stream's finals.

    ``status``: of HTTP, or the close code of a stream that was accepted; 0: the connection broke.
    """

    kind: str
    at: float
    seconds: float
    status: int
    retry_after: float | None = None
    late: tuple[float, ...] = ()
    detail: str = ""

    @property
    def served(self) -> bool:
        return self.status in (200, 1000)

    @property
    def refused(self) -> bool:
        """As the contract says that a full service refuses: to come back later, and when."""
        return self.status in (429, 503, 1013) and self.retry_after is not None and self.retry_after >= 1


@dataclass
class Phase:
    """What became of those who came in ``seconds``, at ``rate`` files a second."""

    name: str
    rate: float
    seconds: float
    outcomes: list[Outcome] = field(default_factory=list)
    under_way: list[asyncio.Task[Outcome]] = field(default_factory=list)

    async def over(self) -> "Phase":
        """With what became of all of them."""
        self.outcomes += await asyncio.gather(*self.under_way)
        self.under_way.clear()
        return self

    def of(self, kind: str, since: float = 0.0) -> list[Outcome]:
        return [one for one in self.outcomes if one.kind == kind and one.at >= since]

    def served(self, kind: str, since: float = 0.0) -> list[Outcome]:
        return [one for one in self.of(kind, since) if one.served]

    @property
    def unclean(self) -> list[Outcome]:
        return [one for one in self.outcomes if not one.served and not one.refused]


class Callers:
    """``key``: of an account whose plan bounds nothing."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"}
        self._client = httpx.AsyncClient(
            base_url=url, headers=self._headers, timeout=TIMEOUT_S, limits=httpx.Limits(max_connections=None)
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def send(self, file: File, at: float = 0.0) -> Outcome:
        data = await asyncio.to_thread(file.path.read_bytes)
        begin = time.perf_counter()
        try:
            answer = await self._client.post(
                "/v1/transcribe", files={"file": (file.path.name, data)}, data=dict(file.fields)
            )
        except httpx.HTTPError as error:
            return Outcome("file", at, time.perf_counter() - begin, 0, detail=repr(error))
        seconds = time.perf_counter() - begin
        return Outcome("file", at, seconds, answer.status_code, retry_after(answer), detail=answer.text[:200])

    async def speak(self, number: int, at: float = 0.0) -> Outcome:
        """A talk at the speed of speech, and how late its sentences' finals came."""
        samples, said = _talk(number % 8)
        begin = time.perf_counter()
        reported: Reported = []
        try:
            address = f"{self._url.replace('http', 'ws', 1)}/v1/stream"
            async with connect(address, additional_headers=self._headers, open_timeout=30) as socket:
                code, refusal = await _converse(socket, samples, reported)
        except InvalidStatus as refused:
            again = refused.response.headers.get("Retry-After")
            status = refused.response.status_code
            return Outcome("stream", at, time.perf_counter() - begin, status, float(again) if again else None)
        except (OSError, TimeoutError, ConnectionClosed) as error:
            return Outcome("stream", at, time.perf_counter() - begin, 0, detail=repr(error))
        figures = Figures()
        figures.add(said, reported)
        late = tuple(figures.final) + (TIMEOUT_S,) * (figures.missing if len(figures.final) == 0 else 0)
        return Outcome("stream", at, time.perf_counter() - begin, code, refusal, late)


def any_clip(chance: random.Random) -> File:
    """As `any_file`, for callers that ask for no speakers."""
    return File(any_file(chance).path)


async def arrive(
    callers: Callers,
    name: str,
    rate: float,
    seconds: float,
    seed: int,
    streams_a_file: float,
    choose: Callable[[random.Random], File] = any_file,
) -> Phase:
    """Files at ``rate`` a second and ``streams_a_file`` times as many streams, both Poisson.

    Returns when the last has come; `Phase.over` waits until all are done.
    """
    phase, chance = Phase(name, rate, seconds), random.Random(seed)
    begin, at, number = time.perf_counter(), 0.0, 0
    total = rate * (1 + streams_a_file)
    while (at := at + chance.expovariate(total)) < seconds:
        await asyncio.sleep(max(0.0, begin + at - time.perf_counter()))
        number += 1
        is_file = chance.random() < 1 / (1 + streams_a_file)
        call = callers.send(choose(chance), at) if is_file else callers.speak(number, at)
        phase.under_way.append(asyncio.create_task(call))
    return phase


def retry_after(answer: httpx.Response) -> float | None:
    """Of a refusal in the form that the contract gives it."""
    header = answer.headers.get("Retry-After", "")
    return float(header) if header.isdigit() and answer.json().keys() == {"error", "code", "request_id"} else None


@cache
def _talk(number: int) -> tuple[Samples, list[Sentence]]:
    return talk(SENTENCES, 3 * number)


async def _converse(socket: ClientConnection, samples: Samples, reported: Reported) -> tuple[int, float | None]:
    """(close code, the seconds after which a refused one may come back)."""
    refusal: float | None = None
    await socket.send(json.dumps({"language": "en"}))
    await socket.recv()
    begun = time.perf_counter()

    async def read() -> None:
        nonlocal refusal
        async for message in socket:
            fields = json.loads(message)
            if text := fields.get("text") or fields.get("partial"):
                reported.append((time.perf_counter() - begun, text, bool(fields.get("text"))))
            refusal = fields.get("retry_after", refusal)

    reader = asyncio.create_task(read())
    try:
        for at in range(0, len(samples), CHUNK):
            await asyncio.sleep(max(0.0, begun + (at + CHUNK) / SAMPLE_RATE - time.perf_counter()))
            await socket.send(samples[at : at + CHUNK].tobytes())
        await socket.send(json.dumps({"action": "stop"}))
    except ConnectionClosed:
        pass
    await asyncio.gather(reader, return_exceptions=True)
    return socket.close_code or 0, refusal
