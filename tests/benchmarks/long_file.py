"""Ten minutes of speech in one file, against faster-whisper's batched pipeline at its best batch size."""

from typing import Any

from tests.benchmarks.bench import Bench, Call, Caller
from tests.benchmarks.report import Result
from tests.speech import DATA

FILE = "ten_minutes.opus"
PATH = DATA / FILE
BATCHES = (1, 2, 4, 8, 16)
MOST = 1.10


class Contestants:
    """Each call gives the seconds it took; what was heard is kept."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._caller, self._peer = Caller(bench.service()), bench.peer()
        self._texts: dict[str, str] = {}

    def ours(self, language: str | None) -> Call:
        return lambda: self._kept(f"service, {_said(language)}", *self._caller.transcribe(PATH, language))

    def theirs(self, language: str | None, batch: int, chunk_s: int) -> Call:
        """The peer with chunks of at most ``chunk_s`` seconds."""
        asked = {"files": [str(PATH)], "languages": [language], "batch": batch, "chunk_s": chunk_s}

        def call() -> float:
            answer = self._peer.ask("batched", **asked)
            heard = {"text": answer["texts"][0]}
            return self._kept(f"peer, chunks of {chunk_s} s, {_said(language)}", answer["seconds"], heard)

        return call

    def best_batch(self, result: Result, chunk_s: int) -> int:
        """The peer's fastest batch size; the second run of each counts where a run is short."""
        seconds = {}
        self.theirs("en", 8, chunk_s)()
        for batch in (4, 16) if self._bench.quick else BATCHES:
            call = self.theirs("en", batch, chunk_s)
            seconds[batch] = call()
            if seconds[batch] < 6 and not self._bench.quick:
                seconds[batch] = min(seconds[batch], call())
            result.find(f"peer, chunks of {chunk_s} s, batch size {batch}", seconds[batch], "s")
            self._bench.say(f"peer, chunks of {chunk_s} s, batch size {batch}: {seconds[batch]:.1f} s")
        return min(seconds, key=lambda batch: seconds[batch])

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
    bench.say("the peer's batch sizes")
    best = {chunk_s: who.best_batch(result, chunk_s) for chunk_s in _chunk_lengths(bench)}
    who.ours("en")()
    least, rounds = (1, 1) if bench.quick else (3, 7)
    for language, budget in (("en", 110.0), (None, 60.0)):
        said = _said(language)
        calls = {f"service, {said}": who.ours(language)}
        for chunk_s, batch in best.items():
            calls[f"peer, chunks of {chunk_s} s, batch size {batch}, {said}"] = who.theirs(language, batch, chunk_s)
        taken = bench.alternate(calls, rounds, budget, least)
        ours, *others = [result.add(name, values) for name, values in taken.items()]
        for chunk_s, theirs in zip(best, others, strict=True):
            result.ratio(f"service / peer with chunks of {chunk_s} s, {said}", ours, theirs, at_most=MOST)
    who.close()
    who.report_errors(result)
    result.notes.append(
        "The peer is BatchedInferencePipeline with beam 5 and word times; its time includes its own decoding and VAD. "
        "It has no temperature fallback and no guards against loops; the service has both."
    )
    if bench.window_s < 30:
        result.notes.append(
            f"The model hears windows of at most {bench.window_s:g} s well, so the service gives it no longer ones. "
            "The peer is taken with such chunks, which it fills up to 30 s, and with its own of 30 s."
        )


def _chunk_lengths(bench: Bench) -> list[int]:
    """As the service's windows are, and the peer's own."""
    return sorted({int(bench.window_s), 30})


def _said(language: str | None) -> str:
    return "language given" if language else "language detected"
