"""The packaged model in the running service: its speed, long texts, and what live speech feels of them."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from stt_ai.deployments.metrics import SAMPLE_S
from stt_ai.meters import LANGUAGE_MODEL_SPEED
from stt_ai.models.language_models import PACKAGED_LABEL
from tests.benchmarks.bench import Bench
from tests.benchmarks.meetings import load_meetings
from tests.benchmarks.real_stream_figures import RealFigures
from tests.benchmarks.real_talk import speech_of, talk
from tests.benchmarks.replaying import replay
from tests.benchmarks.report import Result
from tests.support.observability import ENVIRONMENT, REPORT_S, figures, total
from tests.support.packaged_models import packaged
from tests.support.service import Service

BESIDE_LIVE, LONG, QUICK_LONG = 40_000, 200_000, 20_000
"""Characters."""
MAX_LONG_S, MAX_LEAVING_S, MAX_REPLICA_MB = 480.0, 2.0, 1500.0
MIN_TOKENS_S = 10.0
TALK_S, QUICK_TALK_S = 40.0, 12.0
IDLE_PERCENT = 15.0


def run(bench: Bench, result: Result) -> None:
    """Run everything on a service of its own, whose models are the packaged ones."""
    if packaged(PACKAGED_LABEL) is None:
        return
    folder = bench.folder / "long_summaries"
    folder.mkdir()
    service = Service(folder, {"models": {"source": "packages"}}, environment=ENVIRONMENT)
    try:
        bench.say("starting the service with the packaged models")
        service.start()
        service.load_summarizer()
        bench.say("writing speed")
        writing_speed(bench, result, service)
        if speech := bench.speech:
            beside_live(bench, result, service, speech)
        long_text(bench, result, service)
    finally:
        service.stop()


def beside_live(bench: Bench, result: Result, service: Service, speech: Path) -> None:
    """Measure a live stream alone and beside a summary, and how soon the summary ends when its caller leaves."""
    client = {"url": service.url.replace("http", "ws", 1), "key": service.new_key()}
    _replay(bench, speech, seconds=8.0, **client)
    bench.say("live speech alone, then beside a summary")
    seconds = QUICK_TALK_S if bench.quick else TALK_S
    alone = _replay(bench, speech, seconds=seconds, **client)
    with _summarizing(service, text_of(BESIDE_LIVE)) as went_on:
        beside = _replay(bench, speech, seconds=seconds, **client)
    for name, shown in (("alone", alone), ("beside a summary", beside)):
        result.add(f"live {name}: end of speech to final", shown.final or [float("inf")])
        result.add(f"live {name}: between texts while somebody speaks", shown.gaps or [float("inf")])
        result.find(f"live {name}: texts while somebody speaks", len(shown.gaps))
        result.find(f"live {name}: words wrong", shown.word_error_rate, "%")
    result.find("a summary's work after its caller left", went_on[0], "s", at_most=MAX_LEAVING_S)


def writing_speed(bench: Bench, result: Result, service: Service) -> None:
    """Measure how fast the replica reads and writes one answer alone, as its own metrics tell it."""
    read, written = [], []
    texts = [one.text for one in load_meetings() if one.language == "en"][: 2 if bench.quick else 6]
    for text in texts:
        list(streamed(service, text, "detailed"))
        time.sleep(SAMPLE_S + 2 * REPORT_S)
        now = figures(service)
        read.append(total(now, LANGUAGE_MODEL_SPEED.series[0], step="read"))
        written.append(total(now, LANGUAGE_MODEL_SPEED.series[0], step="write"))
    result.add("prompts read, in the replica", read, "tokens/s")
    series = result.add("written, in the replica", written, "tokens/s")
    result.find("tokens written a second", series.median, "tokens/s", at_least=MIN_TOKENS_S)


def long_text(bench: Bench, result: Result, service: Service) -> None:
    """Measure a text of 200,000 characters, and the memory of the replica that summarized it."""
    characters = QUICK_LONG if bench.quick else LONG
    bench.say(f"a text of {characters} characters")
    begin = time.monotonic()
    events = list(streamed(service, text_of(characters), "detailed"))
    seconds = time.monotonic() - begin
    if "error" in dict(events):
        result.notes.append(f"{characters} characters were refused: {dict(events)['error']}")
    result.find(f"{characters} characters", seconds, "s", at_most=MAX_LONG_S)
    result.find("progress events", sum(kind == "progress" for kind, _ in events))
    result.find("summary", len(str(events[-1][1].get("summary", ""))), "characters")
    (process,) = service.replicas("summarizer")
    result.find("peak memory of the replica", peak_mb(process), "MB", at_most=MAX_REPLICA_MB)


def text_of(characters: int) -> str:
    """Return meetings one after another, no two alike: each time through, the days have another number."""
    meetings = [meeting.text for meeting in load_meetings() if meeting.language == "en"]
    texts: list[str] = []
    while sum(map(len, texts)) < characters:
        number = len(texts)
        texts.append(meetings[number % len(meetings)].replace("day", f"day of week {1 + number // len(meetings)}"))
    return "\n".join(texts)[:characters]


def streamed(service: Service, text: str, style: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the events of a streamed summary as they come."""
    body = {"text": text, "style": style, "stream": True}
    with httpx.stream("POST", f"{service.url}/v1/summarize", json=body, timeout=900) as answer:
        answer.raise_for_status()
        kind = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield kind, json.loads(line.removeprefix("data: "))


def peak_mb(process: psutil.Process) -> float:
    """Return the most memory that a process had, shared libraries included."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


class _Caller(threading.Thread):
    """Has a text summarized again and again until it leaves, which it does in the midst of one."""

    def __init__(self, service: Service, text: str) -> None:
        super().__init__(daemon=True)
        self._port = service.port
        self._body = json.dumps({"text": text, "style": "detailed", "stream": True})
        self._socket: socket.socket | None = None
        self._left = False
        self.is_served = threading.Event()

    def run(self) -> None:
        while not self._left:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=900)
            with suppress(OSError, http.client.HTTPException):
                connection.request("POST", "/v1/summarize", self._body, {"Content-Type": "application/json"})
                self._socket = connection.sock
                answer = connection.getresponse()
                while line := answer.readline():
                    if line.startswith(b"event: progress"):
                        self.is_served.set()

    def leave(self) -> None:
        self._left = True
        while self.is_alive():  # it may just be at a new connection
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
            self.join(0.05)


@contextmanager
def _summarizing(service: Service, text: str) -> Iterator[list[float]]:
    """Have a text summarized meanwhile. The list gets how many seconds the replica went on when its caller left."""
    caller, went_on = _Caller(service, text), list[float]()
    caller.start()
    caller.is_served.wait(300)
    try:
        yield went_on
    finally:
        (process,) = service.replicas("summarizer")
        caller.leave()
        left = time.monotonic()
        process.cpu_percent()
        while process.cpu_percent(0.2) > IDLE_PERCENT and time.monotonic() - left < 60:
            pass
        went_on.append(time.monotonic() - left)


def _replay(bench: Bench, speech: Path, seconds: float, **client: str) -> RealFigures:
    setting = {"policy": "service", "streams": 1, "speech": str(speech), "voice": 0, "fluent": False}
    (shown,) = replay(bench, **setting, seconds=seconds, **client)
    found = RealFigures()
    samples, said = talk(speech, 0, seconds=seconds)
    found.add(said, shown, speech_of(samples))
    return found
