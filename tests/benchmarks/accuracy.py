"""Words on recordings of people, by language, beside faster-whisper's sequential mode on the same weights."""

from collections import defaultdict
from pathlib import Path

from tests.benchmarks.bench import Bench, Caller
from tests.benchmarks.recordings import Recording, transcribed, word_errors
from tests.benchmarks.report import Result

MAX_POINTS = 0.3
"""How much worse than the peer's the share of wrong words may be, of 100."""

Counts = dict[str, tuple[int, int]]
"""(wrong, said) by language, and of all."""


def run(bench: Bench, result: Result) -> None:
    if (folder := bench.real_speech(result)) is None:
        return
    recordings = transcribed(folder)[:: 8 if bench.quick else 1]
    caller, peer = Caller(bench.service()), bench.peer()
    for label, named in (("language given", True), ("language detected", False)):
        ours: dict[Path, str] = {}
        theirs: dict[Path, str] = {}
        for recording in recordings:
            language = recording.language if named else None
            ours[recording.path] = caller.transcribe(recording.path, language)[1]["text"]
            theirs[recording.path] = peer.ask("plain", files=[str(recording.path)], languages=[language])["texts"][0]
        bench.say(f"{len(recordings)} recordings, {label}")
        _report(result, label, _count(recordings, ours), _count(recordings, theirs))
        if not named:
            _report_invented(result, recordings, ours, theirs)
    caller.close()
    result.notes.append(
        "Both run the same weights in int8 with a beam of five; the peer is WhisperModel.transcribe with VAD and word "
        "times. Words are compared after Whisper's normalization of texts, without its table of British spellings."
    )


def _count(recordings: list[Recording], texts: dict[Path, str]) -> Counts:
    counts: defaultdict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for recording in recordings:
        if not recording.text or recording.language is None:
            continue
        wrong, said = word_errors(recording.language, recording.text, texts[recording.path])
        for name in (recording.language, "all"):
            counts[name] = counts[name][0] + wrong, counts[name][1] + said
    return counts


def _report(result: Result, label: str, ours: Counts, theirs: Counts) -> None:
    for name in sorted(ours):
        mine, peers = (100 * wrong / said for wrong, said in (ours[name], theirs[name]))
        result.find(f"words wrong, {name}, service, {label}", mine, "%")
        result.find(f"words wrong, {name}, faster-whisper, {label}", peers, "%")
        if name == "all":
            result.find(f"points above faster-whisper, {label}", mine - peers, "%", at_most=MAX_POINTS)


def _report_invented(
    result: Result, recordings: list[Recording], ours: dict[Path, str], theirs: dict[Path, str]
) -> None:
    silent = [recording.path for recording in recordings if not recording.text]
    mine, peers = (sum(len(texts[path].split()) for path in silent) for texts in (ours, theirs))
    result.find(f"words on {len(silent)} recordings of noise and music, service", mine, at_most=0)
    result.find(f"words on {len(silent)} recordings of noise and music, faster-whisper", peers)
