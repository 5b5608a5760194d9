"""Ten minutes of speech in one file, against faster-whisper's batched pipeline at its best batch size."""

from tests.benchmarks.bench import Bench, Caller
from tests.benchmarks.report import Result
from tests.speech import DATA

FILE = "ten_minutes.opus"
BATCHES = (1, 2, 4, 8, 16)
MOST = 1.10


def run(bench: Bench, result: Result) -> None:
    service, peer, path = bench.service(), bench.peer(), DATA / FILE
    caller = Caller(service)
    texts: dict[str, str] = {}

    def ours(language: str | None) -> float:
        seconds, answer = caller.transcribe(path, language)
        texts["service"] = answer["text"]
        return seconds

    def theirs(language: str | None, batch: int) -> float:
        answer = peer.ask("batched", files=[str(path)], languages=[language], batch=batch)
        texts["peer"] = answer["texts"][0]
        return float(answer["seconds"])

    bench.say("the peer's batch sizes")
    theirs("en", 8)
    sweep = {}
    for batch in (4, 16) if bench.quick else BATCHES:
        sweep[batch] = theirs("en", batch)
        if sweep[batch] < 6 and not bench.quick:
            sweep[batch] = min(sweep[batch], theirs("en", batch))
    best = min(sweep, key=lambda batch: sweep[batch])
    for batch, seconds in sweep.items():
        result.find(f"peer, batch size {batch}", seconds, "s")
    ours("en")

    calls = {
        "service, language given": lambda: ours("en"),
        f"peer, batch size {best}": lambda: theirs("en", best),
    }
    given = bench.alternate(calls, rounds=1 if bench.quick else 7, budget_s=100, least=1 if bench.quick else 3)
    rates = {who: bench.word_error_rate([FILE], [text]) for who, text in texts.items()}
    calls = {
        "service, language detected": lambda: ours(None),
        "peer, language detected": lambda: theirs(None, best),
    }
    found = bench.alternate(calls, rounds=1 if bench.quick else 5, budget_s=60, least=1 if bench.quick else 3)
    caller.close()

    a, b = (result.add(name, values) for name, values in given.items())
    result.ratio("service / peer, language given", a, b, at_most=MOST)
    a, b = (result.add(name, values) for name, values in found.items())
    result.ratio("service / peer, language detected", a, b, at_most=MOST)
    for who, rate in rates.items():
        result.find(f"word error rate, {who}", rate, "%")
    for who, text in texts.items():
        result.find(f"word error rate, {who}, language detected", bench.word_error_rate([FILE], [text]), "%")
    result.notes.append(
        "The peer is BatchedInferencePipeline with beam 5 and word times; its time includes its own decoding and VAD. "
        "It has no temperature fallback and no guards against loops; the service has both."
    )
