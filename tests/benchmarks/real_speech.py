"""Recordings of people one by one, joined to ten minutes, and all at once, beside faster-whisper's same weights."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.benchmarks.bench import Bench, Call, Caller
from tests.benchmarks.recordings import Recording, join, transcribed, word_errors
from tests.benchmarks.report import Result

ONE_BY_ONE = 50
AT_ONCE = 16
MINUTES_S = 600.0
BATCHES = (1, 2, 4, 8, 16)
CORPUS = "libri"
MAX_ONE_BY_ONE = 0.35
MAX_LONG = 0.6
MIN_AT_ONCE = 4.0


def run(bench: Bench, result: Result) -> None:
    if (folder := bench.real_speech(result)) is None:
        return
    recordings = [recording for recording in transcribed(folder) if recording.corpus == CORPUS]
    _one_by_one(bench, result, recordings[: 5 if bench.quick else ONE_BY_ONE])
    _at_once(bench, result, sorted(recordings, key=lambda r: len(r.text))[len(recordings) // 4 :][:AT_ONCE])
    _long_file(bench, result, recordings)


def _one_by_one(bench: Bench, result: Result, recordings: list[Recording]) -> None:
    caller, peer = Caller(bench.service()), bench.peer()
    files = [str(recording.path) for recording in recordings]
    texts: dict[str, list[str]] = {}

    def ours(language: str | None) -> Call:
        def call() -> float:
            answers = [caller.transcribe(recording.path, language) for recording in recordings]
            texts["service"] = [answer["text"] for _, answer in answers]
            return sum(seconds for seconds, _ in answers)

        return call

    def theirs(language: str | None) -> Call:
        def call() -> float:
            answer = peer.ask("plain", files=files, languages=[language] * len(files))
            texts["faster-whisper"] = answer["texts"]
            return float(answer["seconds"])

        return call

    for label, language in (("language given", "en"), ("language detected", None)):
        calls = {
            f"service, {len(files)} one by one, {label}": ours(language),
            f"faster-whisper, {len(files)} one by one, {label}": theirs(language),
        }
        caller.transcribe(recordings[0].path, language)
        taken = bench.alternate(calls, rounds=1 if bench.quick else 3, budget_s=200)
        mine, peers = [result.add(name, values) for name, values in taken.items()]
        result.ratio(f"time, service / faster-whisper, one by one, {label}", mine, peers, at_most=MAX_ONE_BY_ONE)
        for who, hypotheses in texts.items():
            result.find(f"words wrong, {who}, one by one, {label}", _percent(recordings, hypotheses), "%")
    caller.close()


def _at_once(bench: Bench, result: Result, recordings: list[Recording]) -> None:
    service, peer = bench.service(), bench.peer()
    callers = [Caller(service) for _ in recordings]
    files = [str(recording.path) for recording in recordings]
    with ThreadPoolExecutor(len(callers)) as pool:

        def ours() -> float:
            answers = list(pool.map(lambda caller, r: caller.transcribe(r.path, "en"), callers, recordings))
            return max(seconds for seconds, _ in answers)

        calls: dict[str, Call] = {
            f"service, {len(files)} at once": ours,
            f"faster-whisper, {len(files)} one by one": lambda: peer.seconds(
                "plain", files=files, languages=["en"] * len(files)
            ),
        }
        ours()
        taken = bench.alternate(calls, rounds=1 if bench.quick else 5, budget_s=90)
    mine, peers = [result.add(name, values) for name, values in taken.items()]
    result.ratio("throughput, service, all at once : faster-whisper", peers, mine, at_least=MIN_AT_ONCE)
    for caller in callers:
        caller.close()


def _long_file(bench: Bench, result: Result, recordings: list[Recording]) -> None:
    path = bench.folder / "joined.wav"
    said = join(recordings, 60.0 if bench.quick else MINUTES_S, path)
    caller, peer = Caller(bench.service()), bench.peer()
    texts: dict[str, str] = {}

    def ours() -> float:
        seconds, answer = caller.transcribe(path, "en")
        texts["service"] = answer["text"]
        return seconds

    def theirs(batch: int) -> float:
        answer: dict[str, Any] = peer.ask("batched", files=[str(path)], languages=["en"], batch=batch)
        texts["BatchedInferencePipeline"] = answer["texts"][0]
        return float(answer["seconds"])

    ours()
    tried = {batch: theirs(batch) for batch in ((8,) if bench.quick else BATCHES)}
    for batch, seconds in tried.items():
        result.find(f"BatchedInferencePipeline, batch size {batch}", seconds, "s")
    best = min(tried, key=lambda batch: tried[batch])
    calls: dict[str, Call] = {
        "service, joined recordings": ours,
        f"BatchedInferencePipeline, batch size {best}": lambda: theirs(best),
    }
    taken = bench.alternate(calls, rounds=1 if bench.quick else 3, budget_s=200)
    mine, peers = [result.add(name, values) for name, values in taken.items()]
    result.ratio("time, service / BatchedInferencePipeline, joined recordings", mine, peers, at_most=MAX_LONG)
    for who, hypothesis in texts.items():
        wrong, words = word_errors("en", said, hypothesis)
        result.find(f"words wrong, {who}, joined recordings", 100 * wrong / words, "%")
    caller.close()


def _percent(recordings: list[Recording], texts: list[str]) -> float:
    pairs = [word_errors("en", recording.text, text) for recording, text in zip(recordings, texts, strict=True)]
    return 100 * sum(wrong for wrong, _ in pairs) / sum(said for _, said in pairs)
