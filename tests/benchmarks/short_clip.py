"""One clip of five seconds at a time: what the service adds to the bare engine, and where."""

import json
import statistics
import subprocess
import time
import wave
from pathlib import Path

import numpy as np

from stt_ai.engines.decoding import FileDecoder
from stt_ai.engines.ffmpeg import find_ffmpeg
from stt_ai.types import SAMPLE_RATE, Upload
from tests.benchmarks.bench import Bench, Caller, Setting
from tests.benchmarks.both_doors import OPEN
from tests.benchmarks.report import Result, Series
from tests.support.word_errors import DATA

PATH = DATA / "five_seconds.flac"
MAX_MS = 60
ACCESS_LINE = '"logger": "stt_ai.access"'


class Contestants:
    """Each call gives the seconds it took; the text is kept."""

    def __init__(self, bench: Bench) -> None:
        self.service, self._peer = bench.service(Setting(both_doors=True)), bench.peer()
        self.wav = _as_wav(PATH, bench.folder)
        self._caller = Caller(self.service)
        self.texts: dict[str, str] = {}
        self.request_ids: list[str] = []
        self.pieces: list[dict[str, float]] = []

    def ours(self, path: Path, language: str | None, door: str = OPEN) -> float:
        seconds, answer = self._caller.transcribe(path, language, door=door)
        self.texts["service"] = answer["text"].strip()
        if path == self.wav and door == OPEN:
            self.request_ids.append(answer["request_id"])
        return seconds

    def peer(self, method: str, language: str | None) -> float:
        answer = self._peer.ask(method, file=str(PATH), language=language)
        self.texts[method] = answer["texts"][0].strip()
        return float(answer["seconds"])

    def in_pieces(self) -> float:
        self.pieces.append(self._peer.ask("pieces", file=str(self.wav), language="en"))
        return sum(self.pieces[-1][name] for name in ("decode", "model", "render"))

    def health(self) -> float:
        return self._caller.health()

    def close(self) -> None:
        self._caller.close()


def run(bench: Bench, result: Result) -> None:
    who = Contestants(bench)
    calls = {
        "service, WAV, language given": lambda: who.ours(who.wav, "en"),
        "service, FLAC, language given": lambda: who.ours(PATH, "en"),
        "service with accounts, WAV, language given": lambda: who.ours(who.wav, "en", door=""),
        "bare engine, language given": lambda: who.peer("engine", "en"),
        "faster-whisper on samples, language given": lambda: who.peer("plain_samples", "en"),
        "our parts in one process, WAV": who.in_pieces,
        "service, GET /health": who.health,
    }
    bench.warm_up(calls)
    who.request_ids.clear()
    who.pieces.clear()
    given = bench.alternate(calls, rounds=10 if bench.quick else 50, budget_s=75, minimum=10 if bench.quick else 40)
    asked = list(who.request_ids)
    calls = {
        "service, WAV, language detected": lambda: who.ours(who.wav, None),
        "service, FLAC, language detected": lambda: who.ours(PATH, None),
        "bare engine, language detected": lambda: who.peer("engine", None),
    }
    bench.warm_up(calls)
    detected = bench.alternate(calls, rounds=5 if bench.quick else 40, budget_s=30, minimum=5)
    who.close()

    ours, by_ffmpeg, charged, bare, peer, *_ = [result.add(name, values) for name, values in given.items()]
    result.difference("added at p50, WAV, language given", ours, bare, at_most=MAX_MS)
    result.difference("added at p50, FLAC, language given", by_ffmpeg, bare, at_most=MAX_MS)
    result.difference("added at p50 with accounts, WAV, language given", charged, bare)
    result.difference("added to faster-whisper at p50, FLAC, language given", by_ffmpeg, peer)
    plain, by_ffmpeg, bare = (result.add(name, values) for name, values in detected.items())
    result.difference("added at p50, WAV, language detected", plain, bare, at_most=MAX_MS)
    result.difference("added at p50, FLAC, language detected", by_ffmpeg, bare, at_most=MAX_MS)
    _break_down(result, ours, _handled(who.service.log, asked), who.pieces)
    if who.texts["service"] != who.texts["engine"]:
        result.notes.append(f"the texts differ: {who.texts['service']!r} and {who.texts['engine']!r}")
    result.notes.append(
        "Nobody asks who calls, but where it says so: the benchmark `admission` has what that costs. "
        "The bare engine is WhisperEngine.transcribe_batch on decoded samples, in the peer's process. The WAV has the "
        "samples that the model takes; of FLAC, as of all else, ffmpeg makes them, and to start it takes "
        f"{_start_of_ffmpeg() * 1000:.0f} ms here ({find_ffmpeg()})."
    )


def _as_wav(file: Path, folder: Path) -> Path:
    """The same samples in the form that needs no ffmpeg."""
    path = folder / f"{file.stem}.wav"
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        out.writeframes(np.concatenate(FileDecoder().decode(Upload(file, file.stat().st_size, file.name)).pcm.chunks))
    return path


def _start_of_ffmpeg() -> float:
    """Seconds until it has loaded its libraries and ended; the median of some."""
    taken = []
    for _ in range(5):
        begin = time.perf_counter()
        subprocess.run([find_ffmpeg(), "-version"], capture_output=True, check=True)
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def _handled(log: Path, request_ids: list[str], timeout: float = 10.0) -> list[float]:
    """Seconds that the ingress replica spent on each request, by its own log, which arrives a little later."""
    end = time.monotonic() + timeout
    while True:
        lines = [line for line in log.read_text(errors="replace").splitlines() if ACCESS_LINE in line]
        entries = [json.loads(line[line.index("{") :]) for line in lines]
        seconds = {entry["request_id"]: float(entry["seconds"]) for entry in entries}
        if all(request_id in seconds for request_id in request_ids) or time.monotonic() > end:
            return [seconds[request_id] for request_id in request_ids if request_id in seconds]
        time.sleep(0.2)


def _break_down(result: Result, whole: Series, handled: list[float], pieces: list[dict[str, float]]) -> None:
    """The service's p50 of a WAV by parts: the ingress by its log, those behind it as they take in one process."""
    inside = statistics.median(handled) if handled else whole.median
    alone = {name: statistics.median(taken[name] for taken in pieces) for name in pieces[0]}
    parts = {
        "client, proxy, Serve's way to the ingress": whole.median - inside,
        "decoding: VAD": alone["decode"],
        "model": alone["model"],
        "places, segments, JSON": alone["render"],
        "the rest: upload to disk, calls between replicas, queue": (
            inside - alone["decode"] - alone["model"] - alone["render"]
        ),
    }
    for name, seconds in parts.items():
        result.find(f"of it: {name}", seconds * 1000, "ms")
    if len(handled) < len(whole.values):
        result.notes.append(f"only {len(handled)} of {len(whole.values)} requests were found in the service's log")
