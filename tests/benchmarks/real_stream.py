"""Live speech of people at its own pace: how late text is, beside LocalAgreement-2 on the same weights and audio.

By turns in one process each, without Ray; and over WebSockets to the running service, alone and beside a file of ten
minutes with speakers, and summaries.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.benchmarks.bench import Bench, Caller
from tests.benchmarks.real_stream_figures import RealFigures
from tests.benchmarks.real_talk import speech_of, talk
from tests.benchmarks.recordings import join, transcribed, write_wav
from tests.benchmarks.replaying import replay
from tests.benchmarks.report import Result

SESSION, PEER = "session", "LocalAgreement-2"
POLICIES = {SESSION: "session", PEER: "peer", "service": "service"}
SECONDS = 40.0
FILE_S = 600.0
VOICES = 4
MAX_GAP_S, MAX_FIRST_S = 1.0, 1.2
MAX_POINTS = 1.0
"""How much worse the words of a live talk may be than those of the same talk sent as a file, of 100."""
SUMMARIZED = 20 * "We meet on Monday to speak about the new house. Emma will call the bank, and John gets the papers. "


def run(bench: Bench, result: Result, folder: Path) -> None:
    """Everything that concerns speech of people in ``folder``."""
    bench.stop_service()
    for fluent in (False, True):
        for name in (SESSION, PEER):
            kind = "fluent" if fluent else "with pauses"
            _report(result, f"{name}, {kind}", _replay(bench, folder, name, 1, fluent), name, 0.7, 1.3)
    for name in (SESSION, PEER):
        _report(result, f"{name}, two streams", _replay(bench, folder, name, 2), name, None, 2.0)
    service = bench.service()
    client = {"url": service.url.replace("http", "ws", 1), "key": service.new_key()}
    _replay(bench, folder, "service", 1, seconds=10.0, **client)
    live = _replay(bench, folder, "service", 1, **client)
    _report(result, "service", live, SESSION, 0.7, 1.3)
    as_files = _word_error_rate_of_files(bench, folder)
    result.find("service, talks sent as files: words wrong", as_files, "%")
    result.find("service: points above files", live.word_error_rate - as_files, "%", at_most=MAX_POINTS)
    with _load(bench, folder, client["key"]):
        _report(result, "service beside load", _replay(bench, folder, "service", 1, **client), SESSION, None, 2.0)
    bench.stop_service()
    result.notes.append(
        "Finals count from the end of the last sound to the text; the silence of 0.5 s that ends one is "
        "in it. The load is a file of ten minutes with its speakers, and summaries one after another."
    )


def _report(
    result: Result, name: str, figures: RealFigures, who: str, median: float | None, latest: float | None
) -> None:
    aimed_at = who != PEER
    final = result.add(f"{name}: end of speech to final", figures.final or [float("inf")])
    gaps = result.add(f"{name}: seconds spoken between two texts", figures.gaps or [float("inf")])
    first = result.add(f"{name}: beginning of speech to first text", figures.first or [float("inf")])
    result.find(f"{name}: end of speech to final, p50", final.median, "s", at_most=median if aimed_at else None)
    result.find(f"{name}: end of speech to final, p95", final.percentile(95), "s", at_most=latest if aimed_at else None)
    alone = aimed_at and median is not None
    result.find(f"{name}: first text, p50", first.median, "s", at_most=MAX_FIRST_S if alone else None)
    result.find(f"{name}: between texts, p95", gaps.percentile(95), "s", at_most=MAX_GAP_S if alone else None)
    result.find(f"{name}: longest without a final", max(figures.without, default=0.0), "s")
    result.find(f"{name}: sentences without a final", figures.missing)
    result.find(f"{name}: words wrong", figures.word_error_rate, "%")


def _word_error_rate_of_files(bench: Bench, folder: Path) -> float:
    """Return the share of wrong words, in percent, where the same talks are files."""
    caller, figures = Caller(bench.service()), RealFigures()
    path = bench.folder / "talk.wav"
    for voice in _voices(bench):
        samples, said = talk(folder, voice, seconds=_seconds(bench))
        write_wav(path, samples)
        figures.count_words(said, caller.transcribe(path, "en")[1]["text"])
    caller.close()
    return figures.word_error_rate


def _voices(bench: Bench) -> range:
    return range(1 if bench.quick else VOICES)


def _seconds(bench: Bench) -> float:
    return 15.0 if bench.quick else SECONDS


@contextmanager
def _load(bench: Bench, folder: Path, key: str) -> Iterator[None]:
    """Somebody sends a long file, and others have texts summarized."""
    service, stopped = bench.service(), threading.Event()
    path = bench.folder / "joined.wav"
    join([one for one in transcribed(folder) if one.corpus == "libri"], 60.0 if bench.quick else FILE_S, path)
    headers = {"Authorization": f"Bearer {key}"}

    def again(work: Callable[[], object]) -> None:
        while not stopped.is_set():
            work()

    def summarize() -> None:
        with httpx.Client(base_url=service.url, timeout=900, headers=headers) as client:
            client.post("/v1/summarize", json={"text": SUMMARIZED, "style": "brief"}).raise_for_status()

    caller = Caller(service)
    threads = [
        threading.Thread(target=again, args=(work,))
        for work in (lambda: caller.transcribe(path, "en", diarize=True), summarize)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
        caller.close()


def _replay(
    bench: Bench, folder: Path, name: str, streams: int, fluent: bool = False, seconds: float = 0.0, **client: str
) -> RealFigures:
    """``client``: the running service's address, and a key. ``seconds`` of each talk, 0: the usual ones."""
    bench.say(f"{name}: {streams} at once{', fluent' if fluent else ''}")
    seconds = seconds or _seconds(bench)
    figures = RealFigures()
    for first in [0] if streams > 1 else _voices(bench):
        shown = replay(
            bench,
            policy=POLICIES[name],
            streams=streams,
            speech=str(folder),
            voice=first,
            seconds=seconds,
            fluent=fluent,
            compute_type=bench.compute_type,
            **client,
        )
        for number, one in enumerate(shown):
            samples, said = talk(folder, first + number, seconds=seconds, fluent=fluent)
            figures.add(said, one, speech_of(samples))
    return figures
