"""Sixteen clips of ten seconds sent at once, against pipelines in one process that take one after another."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.benchmarks.bench import Bench, Call, Caller, Setting
from tests.benchmarks.report import Result, Series
from tests.support.service import Service
from tests.support.word_errors import DATA

COUNT = 16
AUDIO_S = 10.0 * COUNT
MIN = 1.0
FILES = tuple(f"ten_seconds_{number:02}.flac" for number in range(1, COUNT + 1))
PATHS = tuple(DATA / name for name in FILES)
Languages = list[str | None]

UNKNOWN: Languages = [None] * COUNT


class Crowd:
    """Sixteen callers, each on a connection of its own."""

    def __init__(self, service: Service) -> None:
        self._callers = [Caller(service) for _ in PATHS]
        self._pool = ThreadPoolExecutor(COUNT)
        self.texts: list[str] = []
        for caller in self._callers:
            caller.health()

    def send(self, languages: Languages) -> float:
        """Seconds until the last of them has its answer."""

        def one(caller: Caller, path: Path, language: str | None) -> str:
            return str(caller.transcribe(path, language)[1]["text"])

        begin = time.perf_counter()
        self.texts = list(self._pool.map(one, self._callers, PATHS, languages))
        return time.perf_counter() - begin

    def close(self) -> None:
        self._pool.shutdown()
        for caller in self._callers:
            caller.close()


def run(bench: Bench, result: Result) -> None:
    given: Languages = [bench.manifest[name]["language"] for name in FILES]
    crowd = Crowd(bench.service())
    for label, languages in (("language given", given), ("language detected", UNKNOWN)):
        _beside_peers(bench, result, crowd, label, languages)
        rate = bench.word_error_rate(list(FILES), crowd.texts)
        result.find(f"word error rate, service, {label}", rate, "%")
    crowd.close()
    ours = result.series[0]
    result.find("audio seconds per second, service, language given", AUDIO_S / ours.median, "x")
    if not bench.quick:
        _without(bench, result, "no batches (max_batch 1)", ours, given, {"max_batch": 1}, padded=False)
        if bench.variable_length:
            _without(bench, result, "windows padded to 30 s", ours, given, {}, padded=True)
    _sweep(bench, result)
    result.notes.append(
        "Where the model bears short windows the service encodes no more than the clip. faster-whisper always encodes "
        "30 s, and once more to detect the language. Its batched pipeline is given chunks no longer than the service's."
    )


def _peers(bench: Bench, languages: Languages) -> dict[str, Call]:
    """What takes the clips one after another in one process."""
    peer, files = bench.peer(), [str(path) for path in PATHS]
    return {
        "BatchedInferencePipeline, one by one": lambda: peer.seconds(
            "batched", files=files, languages=languages, batch=8, chunk_s=int(bench.window_s)
        ),
        "WhisperModel.transcribe, one by one": lambda: peer.seconds("plain", files=files, languages=languages),
        "our parts in one process, one by one": lambda: peer.seconds("own", files=files, languages=languages),
    }


def _beside_peers(bench: Bench, result: Result, crowd: Crowd, label: str, languages: Languages) -> None:
    calls = {"service, all at once": lambda: crowd.send(languages), **_peers(bench, languages)}
    for call in calls.values():
        call()
    taken = bench.alternate(calls, rounds=1 if bench.quick else 5, budget_s=45)
    ours, *others = [result.add(f"{name}, {label}", values) for name, values in taken.items()]
    best = min(others[:2], key=lambda series: series.median)
    result.ratio(f"throughput, service : better peer, {label}", best, ours, at_least=MIN)
    result.ratio(f"throughput, service : our parts one by one, {label}", others[2], ours)


def _without(
    bench: Bench,
    result: Result,
    name: str,
    ours: Series,
    languages: Languages,
    transcriber: dict[str, int],
    padded: bool,
) -> None:
    """The service again without one of the things that make it fast, by turns with a peer as before."""
    crowd = Crowd(bench.service(Setting(transcriber, padded=padded)))
    crowd.send(languages)
    beside = "BatchedInferencePipeline, one by one"
    calls = {f"service, {name}": lambda: crowd.send(languages), beside: _peers(bench, languages)[beside]}
    taken = bench.alternate(calls, rounds=4, budget_s=30)
    crowd.close()
    crippled, peer = (result.add(label, values) for label, values in taken.items())
    result.ratio(f"throughput, service, {name} : BatchedInferencePipeline", peer, crippled)
    result.ratio(f"throughput, service as shipped : service, {name}", crippled, ours)


def _sweep(bench: Bench, result: Result) -> None:
    """What larger batches, or two at once, bring to the bare engine on the same clips."""
    files = [str(path) for path in PATHS]

    def engine(method: str, batch: int) -> Call:
        return lambda: bench.peer().seconds(method, files=files, language=None, batch=batch)

    sizes = (1, 8) if bench.quick else (1, 2, 4, 8, 16)
    calls = {f"engine alone, batches of {n}": engine("batch_of", n) for n in sizes}
    if bench.threads > 1:
        calls["engine alone, batches of 4, two at once"] = engine("two_workers", 4)
    for call in calls.values():
        call()
    taken = bench.alternate(calls, rounds=1 if bench.quick else 3, budget_s=30)
    first, *others = [result.add(name, values) for name, values in taken.items()]
    for series in others:
        result.ratio(f"throughput, {series.name} : of 1", first, series)
