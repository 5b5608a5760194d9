"""Who speaks when in files of minutes and of hours: errors, time and memory, beside pyannote's own pipeline."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stt_ai.models.fetch import demo_path
from tests.benchmarks.bench import Bench, Caller
from tests.benchmarks.peer import environment
from tests.benchmarks.report import Result
from tests.benchmarks.talk import CONVERSATIONS, Turn, conversations, write_talk
from tests.support.service import ROOT
from tests.support.word_errors import speaker_word_error_rate, words_of

BESIDE_PYANNOTE = (5, 30, 120)
LONGEST = 240
PEAK_MB = 4_000
TWICE_AS_LONG = 2.2
ERRORS = 10.0
BESIDE_EACH_OTHER = 1.15
ENOUGH_CORES = 3


def run(bench: Bench, result: Result) -> None:
    bench.stop_peer()
    bench.stop_service()
    ours: dict[int, dict[str, Any]] = {}
    for minutes in (5,) if bench.quick else (*BESIDE_PYANNOTE, LONGEST):
        path = bench.folder / "talk.wav"
        said = write_talk(path, minutes)
        for who in ("ours", "pyannote") if minutes in BESIDE_PYANNOTE else ("ours",):
            bench.say(f"{minutes} min by {who}")
            found = diarize(who, path)
            _report(result, f"{minutes} min, {who}", minutes, said, found)
            if who == "ours":
                ours[minutes] = found
        path.unlink()
    if LONGEST in ours:
        ratio = ours[LONGEST]["seconds"] / ours[LONGEST // 2]["seconds"]
        result.find(f"time at {LONGEST} min / at {LONGEST // 2} min", ratio, "x", at_most=TWICE_AS_LONG)
        result.find(f"peak memory at {LONGEST} min", ours[LONGEST]["peak_mb"], "MB", at_most=PEAK_MB)
    _speaker_words(bench, result)
    _whole_request(bench, result)
    result.notes.append(
        "Errors are counted without collar and with overlaps, and memory is the whole process's: torch alone takes "
        "most of a gigabyte. Both take turns alone, each in a process of its own, with the same threads and batches."
    )


def diarize(who: str, path: Path) -> dict[str, Any]:
    """What `tests.benchmarks.diarizing` says."""
    config = demo_path("diarization", "config.yaml") / "config.yaml"
    call = [sys.executable, "-m", "tests.benchmarks.diarizing", who, str(path), str(config)]
    done = subprocess.run(call, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{who} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def error_rate(said: Sequence[Turn], recognized: Sequence[Sequence[Any]]) -> float:
    """Diarization error rate in percent: no collar, overlaps count."""
    from pyannote.core import Annotation, Segment
    from pyannote.metrics.diarization import DiarizationErrorRate

    reference, hypothesis = Annotation(), Annotation()
    for at, turn in enumerate(said):
        reference[Segment(turn.start, turn.end), at] = turn.speaker
    for at, (start, end, speaker) in enumerate(recognized):
        hypothesis[Segment(start, end), at] = speaker
    return 100 * float(DiarizationErrorRate(collar=0.0, skip_overlap=False)(reference, hypothesis))


def _report(result: Result, name: str, minutes: int, said: Sequence[Turn], found: dict[str, Any]) -> None:
    result.add(f"{name}, seconds", [found["seconds"]])
    result.find(f"{name}, real-time factor", found["seconds"] / (60 * minutes), "")
    result.find(f"{name}, processor seconds", found["cpu"], "s")
    result.find(f"{name}, peak memory", found["peak_mb"], "MB")
    target = {"at_most": ERRORS} if name.endswith("ours") else {}
    result.find(f"{name}, diarization error rate", error_rate(said, found["turns"]), "%", **target)
    voices = len({speaker for _, _, speaker in found["turns"]})
    result.find(f"{name}, voices found, of {len({turn.speaker for turn in said})}", voices, "")


def _speaker_words(bench: Bench, result: Result) -> None:
    """cpWER: the words of each speaker together, under the best pairing of speakers. Through the service."""
    caller = Caller(bench.service())
    errors = words = 0
    for entry in conversations()[: 3 if bench.quick else None]:
        _, answer = caller.transcribe(CONVERSATIONS / entry["file"], entry["language"], diarize=True)
        said, recognized = _by_speaker(entry["words"]), _by_speaker(words_of(answer))
        wrong, count = speaker_word_error_rate(said, recognized)
        errors, words = errors + wrong, words + count
    caller.close()
    result.find("speaker-attributed word error rate (cpWER), service", 100 * errors / words, "%")


def _whole_request(bench: Bench, result: Result) -> None:
    """Transcription and diarization run beside each other: as long as the longer of the two where cores allow."""
    caller, talk = Caller(bench.service()), bench.folder / "talk.wav"
    write_talk(talk, 5)
    calls = {
        "5 min, service, with speakers": lambda: caller.transcribe(talk, "en", diarize=True)[0],
        "5 min, service, without": lambda: caller.transcribe(talk, "en")[0],
        "5 min, diarization alone": lambda: float(diarize("ours", talk)["seconds"]),
    }
    calls["5 min, service, with speakers"]()
    taken = bench.alternate(calls, rounds=1 if bench.quick else 3, budget_s=240)
    both, words, speakers = [result.add(name, values) for name, values in taken.items()]
    longer = max(words, speakers, key=lambda series: series.median)
    allowed = BESIDE_EACH_OTHER if (os.cpu_count() or 1) > ENOUGH_CORES else None
    result.ratio("with speakers / the longer of both alone", both, longer, at_most=allowed)
    result.find("with speakers / both one after the other", both.median / (words.median + speakers.median), "x")
    caller.close()
    talk.unlink()
    result.notes.append(
        "Each of both alone keeps two cores busy. Where there are no more, they share them, and a request with "
        "speakers takes about their sum."
    )


def _by_speaker(words: Sequence[dict[str, Any]]) -> list[str]:
    texts: dict[str, list[str]] = {}
    for word in words:
        texts.setdefault(word["speaker"], []).append(word["word"])
    return [" ".join(said) for said in texts.values()]
