"""Live speech replayed as it is spoken: how late text is, beside LocalAgreement-2 on the same model and audio.

In one process each, before the transcriber's own queue and engine: what the network and Serve add is not in it.
"""

import json
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

from stt_ai.types import SAMPLE_RATE
from tests.benchmarks.bench import Bench
from tests.benchmarks.peer import environment
from tests.benchmarks.report import Result, Series
from tests.benchmarks.stream_figures import Figures
from tests.benchmarks.stream_talk import talk
from tests.service import ROOT
from tests.speech import word_error_rate

SESSION, PEER = "session", "LocalAgreement-2"
POLICIES = {SESSION: "session", PEER: "peer"}
ALONE, TOGETHER = 24, 8
"""Sentences of a talk of its own, and of each of many at once."""
CROWDS = (2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 20, 24, 32)
LATEST_S = 1.5


def run(bench: Bench, result: Result) -> None:
    bench.stop_service()
    sentences = 6 if bench.quick else ALONE
    alone = {name: _replay(bench, name, 1, sentences) for name in POLICIES}
    for name, figures in alone.items():
        _report(result, name, figures)
    ours = alone[SESSION]
    final, partial = Series("", tuple(ours.final)), Series("", tuple(ours.partial))
    result.find("end of speech to final, p50", final.median, "s", at_most=0.7)
    result.find("end of speech to final, p95", final.percentile(95), "s", at_most=1.0)
    result.find("end of a word to its first partial, p50", partial.median, "s", at_most=0.6)
    _accuracy(bench, result, alone, sentences)
    held = {name: _most(bench, result, name) for name in (PEER, SESSION)}
    if not bench.quick:
        result.find("most streams, session : LocalAgreement-2", held[SESSION] / held[PEER], "x", at_least=1.5)
    result.notes.append(
        "Finals count from the end of the last word to the text; the silence of 0.5 s that ends an utterance is in it. "
        f"A number of streams is held when the 95th percentile is at most {LATEST_S} s and no sentence stays without."
    )


def _report(result: Result, name: str, figures: Figures) -> None:
    result.add(f"{name}: end of speech to final", figures.final)
    result.find(f"{name}: end of speech to final, p95", Series("", tuple(figures.final)).percentile(95), "s")
    result.add(f"{name}: end of a word to its first showing", figures.partial)
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
        live = 100 * word_error_rate(figures.said, figures.heard)
        result.find(f"word error rate, {name}", live, "%")
        if name == SESSION:
            result.find("word error rate, session - offline", live - rate, "points", at_most=2.0)


def _most(bench: Bench, result: Result, name: str) -> int:
    """The most streams at once that are served in time."""
    held = 1
    for streams in CROWDS[:2] if bench.quick else CROWDS:
        figures = _replay(bench, name, streams, 4 if bench.quick else TOGETHER)
        series = Series("", tuple(figures.final) or (float("inf"),))
        late = series.percentile(95)
        result.find(f"{name}, {streams} streams: end of speech to final, p95", late, "s")
        bench.say(
            f"{name}, {streams} streams: median {series.median:.2f} s, p95 {late:.2f} s, {figures.missing} missing"
        )
        if late > LATEST_S or figures.missing:
            break
        held = streams
    result.find(f"most streams, {name}", held)
    return held


def _replay(bench: Bench, name: str, streams: int, sentences: int) -> Figures:
    bench.say(f"{name}: {streams} at once, {sentences} sentences each")
    setting: dict[str, Any] = {
        "policy": POLICIES[name],
        "streams": streams,
        "sentences": sentences,
        "model": str(Path(bench.model).resolve()),
        "variable_length": bench.variable_length,
        "window_s": bench.window_s,
        "threads": bench.threads,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.stream_replay", json.dumps(setting)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=900,
    )
    if done.returncode:
        raise RuntimeError(f"the replay failed:\n{done.stderr[-3000:]}")
    figures = Figures()
    for number, told in enumerate(json.loads(done.stdout)):
        figures.add(talk(sentences, 3 * number)[1], [(at, text, final) for at, text, final in told])
    return figures
