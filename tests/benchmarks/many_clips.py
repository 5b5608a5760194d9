"""Sixteen clips of ten seconds sent at once, against pipelines in one process that take one after another."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.benchmarks.bench import Bench, Call, Caller
from tests.benchmarks.report import Result, Series
from tests.service import Service
from tests.speech import DATA

COUNT = 16
AUDIO_S = 10.0 * COUNT
LEAST = 1.0
FILES = tuple(f"ten_seconds_{number:02}.flac" for number in range(1, COUNT + 1))
PATHS = tuple(DATA / name for name in FILES)


class Crowd:
    """Sixteen callers, each on a connection of its own."""

    def __init__(self, service: Service) -> None:
        self._callers = [Caller(service) for _ in PATHS]
        self._pool = ThreadPoolExecutor(COUNT)
        self.texts: list[str] = []
        for caller in self._callers:
            caller.health()

    def send(self) -> float:
        """Seconds until the last of them has its answer."""

        def one(caller: Caller, path: Path) -> str:
            return str(caller.transcribe(path)[1]["text"])

        begin = time.perf_counter()
        self.texts = list(self._pool.map(one, self._callers, PATHS))
        return time.perf_counter() - begin

    def close(self) -> None:
        self._pool.shutdown()
        for caller in self._callers:
            caller.close()


def run(bench: Bench) -> Result:
    result = Result("many_clips")
    rounds, budget = (1, 30.0) if bench.quick else (5, 80.0)
    peer, files = bench.peer(), [str(path) for path in PATHS]
    crowd = Crowd(bench.service())
    peers: dict[str, Call] = {
        "BatchedInferencePipeline, one after another": lambda: peer.seconds(
            "batched", files=files, language=None, batch=8
        ),
        "WhisperModel.transcribe, one after another": lambda: peer.seconds("plain", files=files, language=None),
    }
    peer.ask("own", files=files[:2], language=None)
    crowd.send()
    calls = {
        "service, all at once": crowd.send,
        **peers,
        "our parts in one process, one after another": lambda: peer.seconds("own", files=files, language=None),
    }
    taken = bench.alternate(calls, rounds, budget)
    crowd.close()
    rate = bench.word_error_rate(list(FILES), crowd.texts)
    ours, *others = [result.add(name, values) for name, values in taken.items()]
    best = min(others[:2], key=lambda series: series.median)
    result.ratio("throughput, service : better peer", best, ours, at_least=LEAST)
    result.ratio("throughput, service : our parts one after another", others[2], ours)
    result.find("audio seconds per second, service", AUDIO_S / ours.median, "x")
    result.find("word error rate, service", rate, "%")

    if not bench.quick:
        _without(bench, result, "no batches (max_batch 1)", ours, best.name, peers[best.name], batches=False)
        _without(bench, result, "windows padded to 30 s", ours, best.name, peers[best.name], padded=True)
    _sweep(bench, result, files)
    result.notes.append(
        "The language is detected by all. Where the model bears short windows the service encodes no more than the "
        "clip; faster-whisper always encodes 30 s, and encodes them again to detect the language."
    )
    return result


def _without(
    bench: Bench,
    result: Result,
    name: str,
    ours: Series,
    peer_name: str,
    theirs: Call,
    batches: bool = True,
    padded: bool = False,
) -> None:
    """The service again without one of the things that make it fast, by turns with the same peer."""
    crowd = Crowd(bench.service(transcriber={} if batches else {"max_batch": 1}, padded=padded))
    crowd.send()
    calls = {f"service, {name}": crowd.send, f"{peer_name}, beside it": theirs}
    taken = bench.alternate(calls, rounds=4, budget_s=45)
    crowd.close()
    crippled, beside = (result.add(label, values) for label, values in taken.items())
    result.ratio(f"throughput, service, {name} : better peer", beside, crippled)
    result.ratio(f"throughput, service : service, {name}", crippled, ours)


def _sweep(bench: Bench, result: Result, files: list[str]) -> None:
    """What larger batches, or two at once, bring to the bare engine on the same clips."""
    peer = bench.peer()
    sizes = (1, 8) if bench.quick else (1, 2, 4, 8, 16)
    calls: dict[str, Call] = {f"engine alone, batches of {n}": _engine_call(bench, files, n) for n in sizes}
    if bench.threads > 1:
        calls["engine alone, batches of 4, two at once"] = lambda: peer.seconds(
            "two_workers", files=files, language=None, batch=4
        )
    bench.warm_up(calls)
    taken = bench.alternate(calls, rounds=1 if bench.quick else 3, budget_s=40)
    first, *others = [result.add(name, values) for name, values in taken.items()]
    for series in others:
        result.ratio(f"throughput, {series.name} : of 1", first, series)


def _engine_call(bench: Bench, files: list[str], size: int) -> Call:
    return lambda: bench.peer().seconds("batch_of", files=files, language=None, batch=size)
