"""Live speech replayed as it is spoken: how late text is, beside LocalAgreement-2 on the same model and audio.

In one process each, before the transcriber's own queue and engine; and once over a WebSocket to the running service.
"""

import wave

from stt_ai.types import SAMPLE_RATE
from tests.benchmarks import real_stream
from tests.benchmarks.bench import Bench
from tests.benchmarks.replaying import replay
from tests.benchmarks.report import Result, Series
from tests.benchmarks.stream_figures import Figures
from tests.benchmarks.stream_talk import talk
from tests.support.word_errors import word_error_rate

SESSION, PEER = "session", "LocalAgreement-2"
SERVICE = "the service"
POLICIES = {SESSION: "session", PEER: "peer", SERVICE: "service"}
ALONE, TOGETHER = 24, 8
"""Sentences of a talk of its own, and of each of many at once."""
CROWDS = (2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 20, 24, 32)
LATEST_S = 1.5


def run(bench: Bench, result: Result) -> None:
    if (folder := bench.real_speech(result)) is not None:
        real_stream.run(bench, result, folder)
        return
    if not bench.demo:
        return
    bench.stop_service()
    sentences = 6 if bench.quick else ALONE
    alone = {name: _replay(bench, name, 1, sentences) for name in (SESSION, PEER)}
    _accuracy(bench, result, alone, sentences)
    service = bench.service()
    client = {"url": service.url.replace("http", "ws", 1), "key": service.new_key()}
    _replay(bench, SERVICE, 1, 2, **client)
    alone[SERVICE] = _replay(bench, SERVICE, 1, sentences, **client)
    bench.stop_service()
    for name, figures in alone.items():
        _report(result, name, figures, aimed_at=name != PEER)
    held = _maximum(bench, result, [PEER, SESSION])
    if not bench.quick:
        result.find("most streams, session : LocalAgreement-2", held[SESSION] / held[PEER], "x", at_least=1.5)
    result.notes.append(
        "Finals count from the end of the last word to the text; the silence of 0.5 s that ends an utterance is in it. "
        f"A number of streams is held when the 95th percentile is at most {LATEST_S} s and no sentence stays without."
    )


def _report(result: Result, name: str, figures: Figures, aimed_at: bool) -> None:
    final = result.add(f"{name}: end of speech to final", figures.final)
    partial = result.add(f"{name}: end of a word to its first showing", figures.partial)
    late, latest, shown = (0.7, 1.0, 0.6) if aimed_at else (None, None, None)
    result.find(f"{name}: end of speech to final, p50", final.median, "s", at_most=late)
    result.find(f"{name}: end of speech to final, p95", final.percentile(95), "s", at_most=latest)
    result.find(f"{name}: end of a word to its first showing, p50", partial.median, "s", at_most=shown)
    result.find(f"{name}: words taken back of those shown", figures.erased / max(1, figures.shown))
    result.find(f"{name}: sentences without a final", figures.missing)


def _accuracy(bench: Bench, result: Result, alone: dict[str, Figures], sentences: int) -> None:
    samples, said = talk(sentences)
    path = bench.folder / "talk.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    (offline,) = bench.peer().ask("own", files=[str(path)], languages=["en"])["texts"]
    bench.stop_peer()
    whole = [" ".join(sentence.text for sentence in said)]
    rate = 100 * word_error_rate(whole, [offline])
    result.find("word error rate, offline", rate, "%")
    for name, figures in alone.items():
        live = 100 * word_error_rate(figures.said, figures.recognized)
        result.find(f"word error rate, {name}", live, "%")
        if name == SESSION:
            result.find("word error rate, session - offline", live - rate, "points", at_most=2.0)


def _maximum(bench: Bench, result: Result, names: list[str]) -> dict[str, int]:
    """The most streams at once that each serves in time. By turns, so that they find the same machine."""
    held = dict.fromkeys(names, 1)
    able = list(names)
    for streams in CROWDS[:2] if bench.quick else CROWDS:
        for name in list(able):
            figures = _replay(bench, name, streams, 4 if bench.quick else TOGETHER)
            late = Series("", tuple(figures.final) or (float("inf"),)).percentile(95)
            result.find(f"{name}, {streams} streams: end of speech to final, p95", late, "s")
            bench.say(f"{name}, {streams} streams: p95 {late:.2f} s, {figures.missing} sentences without a final")
            if late > LATEST_S or figures.missing:
                able.remove(name)
            else:
                held[name] = streams
    for name, limit in held.items():
        result.find(f"most streams, {name}", limit)
    return held


def _replay(bench: Bench, name: str, streams: int, sentences: int, **client: str) -> Figures:
    """``client``: the running service's address, and a key."""
    bench.say(f"{name}: {streams} at once, {sentences} sentences each")
    shown = replay(bench, policy=POLICIES[name], streams=streams, sentences=sentences, **client)
    figures = Figures()
    for number, one in enumerate(shown):
        figures.add(talk(sentences, 3 * number)[1], one)
    return figures
