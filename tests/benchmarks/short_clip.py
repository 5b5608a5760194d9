"""One clip of five seconds at a time: what the service adds to the bare engine, and where."""

import statistics

from tests.benchmarks.bench import Bench, Caller
from tests.benchmarks.report import Result
from tests.speech import DATA

FILE = "five_seconds.flac"
MOST_MS = 60


def run(bench: Bench) -> Result:
    result = Result("short_clip")
    service, peer, path = bench.service(), bench.peer(), DATA / FILE
    caller = Caller(service)
    texts: dict[str, str] = {}

    def ours(language: str | None) -> float:
        seconds, answer = caller.transcribe(path, language)
        texts["service"] = answer["text"]
        return seconds

    def asked(method: str, language: str | None) -> float:
        answer = peer.ask(method, file=str(path), language=language)
        texts[method] = answer["texts"][0]
        return float(answer["seconds"])

    pieces: dict[str, list[float]] = {"decode": [], "model": [], "render": []}

    def in_pieces() -> float:
        taken = peer.ask("pieces", file=str(path), language="en")
        for name, seconds in taken.items():
            pieces[name].append(seconds)
        return sum(taken.values())

    calls = {
        "service, language given": lambda: ours("en"),
        "bare engine, language given": lambda: asked("engine", "en"),
        "faster-whisper on samples, language given": lambda: asked("plain_samples", "en"),
        "our parts in one process": in_pieces,
        "service, GET /health": caller.health,
    }
    for call in calls.values():
        call()
        call()
    for taken in pieces.values():
        taken.clear()
    given = bench.alternate(calls, rounds=10 if bench.quick else 50, budget_s=110, least=10 if bench.quick else 40)
    calls = {
        "service, language detected": lambda: ours(None),
        "bare engine, language detected": lambda: asked("engine", None),
    }
    found = bench.alternate(calls, rounds=5 if bench.quick else 20, budget_s=40, least=5)
    caller.close()

    a, b, *_ = [result.add(name, values) for name, values in given.items()]
    result.difference("added at p50, language given", a, b, at_most=MOST_MS)
    c, d = (result.add(name, values) for name, values in found.items())
    result.difference("added at p50, language detected", c, d, at_most=MOST_MS)
    _break_down(result, a.median, statistics.median(given["service, GET /health"]), pieces)
    if texts["service"].strip() != texts["engine"].strip():
        result.notes.append(f"the texts differ: {texts['service']!r} and {texts['engine']!r}")
    result.notes.append("The bare engine is WhisperEngine.transcribe_batch on decoded samples, in the peer's process.")
    return result


def _break_down(result: Result, whole: float, health: float, pieces: dict[str, list[float]]) -> None:
    """The service's p50 by parts. The parts were measured in one process; the rest is what they do not explain."""
    parts = {
        "client, proxy and framework (GET /health)": health,
        "decoder: ffmpeg, VAD": statistics.median(pieces["decode"]),
        "model": statistics.median(pieces["model"]),
        "places, segments, JSON": statistics.median(pieces["render"]),
    }
    for name, seconds in parts.items():
        result.find(f"of it: {name}", seconds * 1000, "ms")
    rest = whole - sum(parts.values())
    result.find("of it: the rest (upload to disk, calls between replicas, queue)", rest * 1000, "ms")
