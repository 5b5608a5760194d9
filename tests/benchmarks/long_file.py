"""Ten minutes of speech in one file, against faster-whisper's batched pipeline at its best batch size."""

import itertools
from typing import Any

from stt_ai.engines.cores import share
from tests.benchmarks.bench import Bench, Call, Caller
from tests.benchmarks.report import Result
from tests.support.word_errors import DATA

FILE = "ten_minutes.opus"
PATH = DATA / FILE
BATCHES = (1, 2, 4, 8, 16)
MAX = 1.10


class Contestants:
    """Each call gives the seconds it took; the text is kept."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._caller, self._peer = Caller(bench.service()), bench.peer()
        self._texts: dict[str, str] = {}

    def ours(self, language: str | None) -> Call:
        return lambda: self._kept(f"service, {_said(language)}", *self._caller.transcribe(PATH, language))

    def theirs(self, language: str | None, batch: int, threads: int, chunk_s: int) -> Call:
        """The peer with chunks of at most ``chunk_s`` seconds."""
        asked = {"files": [str(PATH)], "languages": [language], "batch": batch, "chunk_s": chunk_s, "threads": threads}

        def call() -> float:
            answer = self._peer.ask("batched", **asked)
            transcript = {"text": answer["texts"][0]}
            return self._kept(f"peer, chunks of {chunk_s} s, {_said(language)}", answer["seconds"], transcript)

        return call

    def best(self, result: Result, chunk_s: int) -> tuple[int, int]:
        """The peer's fastest (batch size, threads); the second run of each counts where a run is short."""
        seconds = {}
        self.theirs("en", 8, self._bench.threads, chunk_s)()
        for batch, threads in itertools.product((4, 16) if self._bench.quick else BATCHES, self._threads()):
            call = self.theirs("en", batch, threads, chunk_s)
            taken = call()
            if taken < 6 and not self._bench.quick:
                taken = min(taken, call())
            seconds[batch, threads] = taken
            which = f"peer, chunks of {chunk_s} s, batch size {batch}, threads {threads}"
            result.find(which, taken, "s")
            self._bench.say(f"{which}: {taken:.1f} s")
        return min(seconds, key=lambda setting: seconds[setting])

    def _threads(self) -> tuple[int, ...]:
        """All cores, and those of one batch in the service where these are fewer."""
        ours = share(self._bench.service_threads, self._bench.model).threads
        return tuple({ours, self._bench.threads})

    def report_errors(self, result: Result) -> None:
        for who, text in self._texts.items():
            result.find(f"word error rate: {who}", self._bench.word_error_rate([FILE], [text]), "%")

    def close(self) -> None:
        self._caller.close()

    def _kept(self, who: str, seconds: float, answer: dict[str, Any]) -> float:
        self._texts[who] = answer["text"]
        return seconds


def run(bench: Bench, result: Result) -> None:
    who = Contestants(bench)
    bench.say("the peer's batch sizes and threads")
    best = {chunk_s: who.best(result, chunk_s) for chunk_s in _chunk_lengths(bench)}
    who.ours("en")()
    minimum, rounds = (1, 1) if bench.quick else (3, 7)
    for language, budget in (("en", 110.0), (None, 60.0)):
        said = _said(language)
        calls = {f"service, {said}": who.ours(language)}
        for chunk_s, (batch, threads) in best.items():
            name = f"peer, chunks of {chunk_s} s, batch size {batch}, threads {threads}, {said}"
            calls[name] = who.theirs(language, batch, threads, chunk_s)
        taken = bench.alternate(calls, rounds, budget, minimum)
        ours, *others = [result.add(name, values) for name, values in taken.items()]
        for chunk_s, theirs in zip(best, others, strict=True):
            result.ratio(f"service / peer with chunks of {chunk_s} s, {said}", ours, theirs, at_most=MAX)
    who.close()
    who.report_errors(result)
    result.notes.append(
        "The peer is BatchedInferencePipeline with beam 5 and word times; its time includes its own decoding and VAD. "
        "It has no temperature fallback and no guards against loops; the service has both."
    )
    if bench.window_s < 30:
        result.notes.append(
            f"The model recognizes windows of at most {bench.window_s:g} s well, so the service gives it no longer "
            "ones. The peer is taken with such chunks, which it fills up to 30 s, and with its own of 30 s."
        )


def _chunk_lengths(bench: Bench) -> list[int]:
    """As the service's windows are, and the peer's own."""
    return sorted({int(bench.window_s), 30})


def _said(language: str | None) -> str:
    return "language given" if language else "language detected"
