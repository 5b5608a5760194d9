"""Figures of the demo recogniser by plain faster-whisper on the recordings under tests/data."""

import difflib
import json
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel, decode_audio
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
LONGEST_WINDOW_S = 9  # what the model was trained on; longer speech is cut at pauses into windows of at most this


def spoken_words(text: str) -> list[str]:
    """Words in lower case without punctuation, as they are compared."""
    kept = "".join(c if c.isalnum() or c.isspace() else " " for c in text.lower())
    return kept.split()


def word_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Substitutions, deletions and insertions: the edit distance in words."""
    row = list(range(len(hypothesis) + 1))
    for i, wanted in enumerate(reference, start=1):
        diagonal, row[0] = row[0], i
        for j, recognized in enumerate(hypothesis, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (wanted != recognized))
    return row[-1]


@dataclass
class Score:
    """Errors and words of a group of recordings."""

    errors: int = 0
    words: int = 0

    def add(self, reference: Sequence[str], hypothesis: Sequence[str]) -> None:
        self.errors += word_errors(reference, hypothesis)
        self.words += len(reference)

    @property
    def wer(self) -> float:
        return self.errors / max(1, self.words)


@dataclass
class Figures:
    """What is measured over a set of recordings."""

    groups: dict[str, Score] = field(default_factory=dict)
    languages_right: int = 0
    recordings: int = 0
    start_errors: list[float] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    seconds: float = 0.0
    audio_seconds: float = 0.0
    mistakes: list[tuple[str, str, str]] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        return {
            "wer": {name: round(score.wer, 4) for name, score in sorted(self.groups.items())},
            "language_right": round(self.languages_right / max(1, self.recordings), 4),
            "word_start_error_median_s": round(statistics.median(self.start_errors), 3) if self.start_errors else None,
            "word_start_error_p90_s": round(float(np.quantile(self.start_errors, 0.9)), 3)
            if self.start_errors
            else None,
            "avg_logprob_median": round(statistics.median(self.log_probabilities), 3),
            "avg_logprob_min": round(min(self.log_probabilities), 3),
            "real_time_factor": round(self.seconds / max(1e-9, self.audio_seconds), 4),
        }


def manifest(folder: Path) -> list[dict[str, Any]]:
    """Entries of manifest.json."""
    entries: list[dict[str, Any]] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
    return entries


def packed(model: WhisperModel) -> BatchedInferencePipeline:
    """The model behind voice activity detection, for recordings longer than a window: give it `chunk_length`."""
    return BatchedInferencePipeline(model)


def measure(
    model: WhisperModel | BatchedInferencePipeline, folder: Path, entries: Iterable[dict[str, Any]], **options: Any
) -> Figures:
    """Transcribe each recording with `options` of faster-whisper; the language is detected, never given."""
    figures = Figures()
    for entry in entries:
        audio = decode_audio(str(folder / entry["file"]))
        began = time.perf_counter()
        segments, info = model.transcribe(audio, **options)
        found = list(segments)
        figures.seconds += time.perf_counter() - began
        figures.audio_seconds += len(audio) / SAMPLE_RATE
        reference, hypothesis = spoken_words(entry["text"]), spoken_words(" ".join(s.text for s in found))
        voice = entry["voice"] if isinstance(entry["voice"], str) else "several"
        for group in (entry["language"], f"{entry['language']} {entry['kind']}", voice):
            figures.groups.setdefault(group, Score()).add(reference, hypothesis)
        if reference != hypothesis:
            figures.mistakes.append((entry["file"], " ".join(reference), " ".join(hypothesis)))
        figures.recordings += 1
        figures.languages_right += info.language == entry["language"]
        figures.log_probabilities += [segment.avg_logprob for segment in found]
        figures.start_errors += start_errors(entry["words"], [w for s in found for w in s.words or []])
    return figures


def start_errors(true: Sequence[dict[str, Any]], recognized: Sequence[Any]) -> list[float]:
    """Distance in seconds between true and recognized starts of the words that were recognised."""
    matcher = difflib.SequenceMatcher(
        None,
        [" ".join(spoken_words(w["word"])) for w in true],
        [" ".join(spoken_words(w.word)) for w in recognized],
        autojunk=False,
    )
    return [
        abs(true[block.a + k]["start"] - recognized[block.b + k].start)
        for block in matcher.get_matching_blocks()
        for k in range(block.size)
    ]


def without_speech(seconds: float = 60.0) -> dict[str, NDArray[np.float32]]:
    """A minute of silence, of white noise at several levels, and of a 440 Hz tone."""
    count = round(seconds * SAMPLE_RATE)
    noise = np.random.default_rng(1).standard_normal(count).astype(np.float32)
    tone = np.sin(2 * np.pi * 440 * np.arange(count) / SAMPLE_RATE).astype(np.float32)
    sounds = {"silence": np.zeros(count, np.float32), "tone 440 Hz": 0.3 * tone, "quiet tone 440 Hz": 0.02 * tone}
    return sounds | {f"white noise {level}": level * noise for level in (0.001, 0.01, 0.1)}


def recognized_without_speech(
    model: WhisperModel, seconds: float = 60.0, **options: Any
) -> dict[str, tuple[str, float]]:
    """Sound -> (text, <|nospeech|> probability of its first window)."""
    result = {}
    for name, audio in without_speech(seconds).items():
        segments, _ = model.transcribe(audio, **options)
        text = " ".join(segment.text.strip() for segment in segments)
        result[name] = (text, no_speech_probability(model, audio))
    return result


def no_speech_probability(model: WhisperModel, audio: NDArray[np.float32]) -> float:
    """Softmax of <|nospeech|> at <|startoftranscript|> for the first 30 s."""
    features = model.feature_extractor(audio[: 30 * SAMPLE_RATE])[:, :3000]
    features = np.pad(features, ((0, 0), (0, 3000 - features.shape[1])))
    result = model.model.generate(
        model.encode(features), [[50258, 50259, 50359, 50363]], max_length=8, return_no_speech_prob=True
    )
    return float(result[0].no_speech_prob)


def evaluate(model_folder: Path, data: Path, threads: int = 2, quick: bool = False) -> dict[str, Any]:
    """Every figure of the model card."""
    model = WhisperModel(str(model_folder), device="cpu", compute_type="int8", cpu_threads=threads)
    entries = manifest(data)
    held_out = [entry for entry in entries if entry["file"].startswith("held_out/")]
    longer = [entry for entry in entries if entry["file"].startswith(("meeting", "five", "ten_seconds"))]
    minutes = [entry for entry in entries if entry["file"].startswith("ten_minutes")]
    if quick:
        held_out = held_out[::3]
    figures: dict[str, Any] = {}

    def add(name: str, chosen: list[dict[str, Any]], model: Any = model, **options: Any) -> None:
        found = measure(model, data, chosen, **options)
        figures[name] = found.report()
        print(f"{name}: {json.dumps(figures[name])}")
        for mistake in found.mistakes[:15]:
            print("   ", *mistake, sep=" | ")

    add("held out", held_out, beam_size=1, word_timestamps=True)
    add("held out, no timestamps", held_out, without_timestamps=True, beam_size=1)
    in_windows: dict[str, Any] = {
        "beam_size": 1,
        "batch_size": 4,
        "chunk_length": LONGEST_WINDOW_S,
        "without_timestamps": False,
    }
    add("longer recordings in windows of 9 s", longer, model=packed(model), word_timestamps=True, **in_windows)
    if not quick:
        add("ten minutes in windows of 9 s", minutes, model=packed(model), word_timestamps=True, **in_windows)
        add("meetings in one window", [e for e in longer if e["file"].startswith("meeting")], beam_size=1)
    for mode in (False, True):
        figures[f"no speech, timestamps {not mode}"] = recognized_without_speech(
            model, without_timestamps=mode, language="en", beam_size=1
        )
        print(f"no speech, timestamps {not mode}:", figures[f"no speech, timestamps {not mode}"])
    return figures
