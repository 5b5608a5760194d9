"""How well the diarizer does on conversations that nobody trained or tuned it on."""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from faster_whisper import decode_audio
from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate
from scipy.optimize import linear_sum_assignment

from stt_ai.speech.attribution import attribute
from stt_ai.types import SpeakerTurn, Word

from ..whisper.voices import SAMPLE_RATE
from .conversation import Conversation, SpokenWord, Style, Turn, converse, draw_people
from .corpus import Person, load
from .folder import open_pipeline

COUNTS = {"2": 30, "3": 30, "unheard": 16, "long": 2}
JITTER = 0.1  # seconds by which a recogniser errs about a word's start and end


@dataclass(frozen=True)
class Case:
    """One conversation, the labels of its people, and whether noise was added."""

    kind: str
    conversation: Conversation
    people: tuple[str, ...]


def cases(corpus: Path, split: str, counts: dict[str, int], seed: int) -> list[Case]:
    """So many of each kind: `2` or `3` published voices of one language for a minute, `unheard`, `long`."""
    rng = np.random.default_rng(seed)
    published, unheard = load(corpus, f"published-{split}"), load(corpus, split)
    return [
        _case(kind, published, unheard, Style(spoiled=float(index % 2)), rng)
        for kind, count in counts.items()
        for index in range(count)
    ]


def recorded(folder: Path) -> list[Case]:
    """The test conversations of a folder, by its manifest."""
    entries = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
    return [_recorded(folder / entry["file"], entry) for entry in entries]


def _recorded(path: Path, entry: dict[str, Any]) -> Case:
    number = {name: index for index, name in enumerate(entry["voices"])}
    turns = tuple(Turn(t["start"], t["end"], number[t["speaker"]]) for t in entry["turns"])
    words = tuple(SpokenWord(w["word"], w["start"], w["end"], number[w["speaker"]]) for w in entry["words"])
    wave = decode_audio(str(path), sampling_rate=SAMPLE_RATE)
    return Case("recorded", Conversation(wave, turns, words), tuple(entry["voices"].values()))


def _case(
    kind: str, published: Sequence[Person], unheard: Sequence[Person], style: Style, rng: np.random.Generator
) -> Case:
    if kind == "unheard":
        people = draw_people(unheard, int(rng.integers(2, 4)), rng)
    else:
        language = "en" if rng.random() < 0.64 else "es"
        pool = [person for person in published if person.speaker.voice.language == language]
        people = draw_people(pool, int(rng.integers(2, 5)) if kind == "long" else int(kind), rng)
    seconds = 900.0 if kind == "long" else rng.uniform(40, 90)
    while True:
        conversation = converse(people, seconds, rng, style)
        if len({turn.person for turn in conversation.turns}) == len(people):
            return Case(kind, conversation, tuple(person.speaker.label for person in people))


@dataclass
class Tally:
    """Sums over conversations of one kind: seconds of speech and of each error, conversations, words."""

    speech: float = 0.0
    alarm: float = 0.0
    miss: float = 0.0
    confusion: float = 0.0
    conversations: int = 0
    counted: int = 0
    words: int = 0
    right: int = 0
    right_jittered: int = 0

    @property
    def figures(self) -> dict[str, Any]:
        return {
            "conversations": self.conversations,
            "DER": (self.alarm + self.miss + self.confusion) / self.speech,
            "false alarm": self.alarm / self.speech,
            "miss": self.miss / self.speech,
            "confusion": self.confusion / self.speech,
            "speakers counted right": self.counted / self.conversations,
            "words": self.words,
            "words right": self.right / self.words,
            "words right, times off": self.right_jittered / self.words,
        }


def reference(conversation: Conversation) -> Annotation:
    """The true turns; they may overlap."""
    annotation = Annotation()
    for index, turn in enumerate(conversation.turns):
        annotation[Segment(turn.start, turn.end), index] = f"person {turn.person}"
    return annotation


def recognized(conversation: Conversation) -> dict[str, Any]:
    """The audio as pyannote takes it."""
    return {"waveform": torch.from_numpy(conversation.wave)[None], "sample_rate": SAMPLE_RATE, "uri": "conversation"}


def add_up(tally: Tally, conversation: Conversation, output: Any) -> dict[str, Any]:
    """Add one conversation's errors: no collar, overlap counted."""
    metric = DiarizationErrorRate(collar=0.0, skip_overlap=False)
    truth, whole = reference(conversation), Timeline([Segment(0, conversation.seconds)])
    errors = metric(truth, output.speaker_diarization, uem=whole, detailed=True)
    tally.speech += errors["total"]
    tally.alarm += errors["false alarm"]
    tally.miss += errors["missed detection"]
    tally.confusion += errors["confusion"]
    tally.conversations += 1
    found = len(output.speaker_diarization.labels())
    tally.counted += found == len(truth.labels())
    tally.words += len(conversation.words)
    turns = [SpeakerTurn(s.start, s.end, who) for s, _, who in output.exclusive_speaker_diarization.itertracks(True)]
    tally.right += words_right(conversation, turns, 0.0)
    tally.right_jittered += words_right(conversation, turns, JITTER)
    return dict(errors) | {"found": found}


def words_right(conversation: Conversation, turns: Sequence[SpeakerTurn], jitter: float) -> int:
    """Words with the right speaker under the best pairing of names, of words whose times are off by ``jitter``."""
    rng = np.random.default_rng(0)
    words = [
        Word(f" {word.word}", *sorted(np.array([word.start, word.end]) + rng.normal(0, jitter, 2)), 1.0)
        for word in conversation.words
    ]
    table: dict[tuple[int, str | None], int] = defaultdict(int)
    for word, attributed in zip(conversation.words, attribute(words, turns), strict=True):
        table[word.person, attributed.speaker] += 1
    return best_pairing(table)


def best_pairing(table: dict[tuple[int, str | None], int]) -> int:
    """The most that a one-to-one pairing of rows and columns adds up to."""
    rows, columns = sorted({row for row, _ in table}), sorted({str(column) for _, column in table})
    matrix = np.array([[table.get((row, column), 0) for column in columns] for row in rows])
    return int(matrix[linear_sum_assignment(matrix, maximize=True)].sum())


def evaluate(
    corpus: Path,
    target: Path,
    data: Path,
    counts: dict[str, int] | None = None,
    report: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Figures on new conversations and on those of the folder ``data``, by kind, and the real-time factor."""
    some = cases(corpus, "test", counts or COUNTS, seed=2026) + recorded(data)
    return measure(open_pipeline(target), some, report)


def measure(pipeline: Any, some: Iterable[Case], report: Callable[[str], None] = print) -> dict[str, Any]:
    """Figures of a pipeline on some conversations."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    audio = worked = 0.0
    for index, case in enumerate(some, start=1):
        started = time.process_time()
        output = pipeline(recognized(case.conversation))
        worked += time.process_time() - started
        audio += case.conversation.seconds
        errors = add_up(tallies[case.kind], case.conversation, output)
        found, rate = errors["found"], errors["diarization error rate"]
        report(f"evaluate {index}: {case.kind} {', '.join(case.people)}: error {rate:.1%}, {found} speakers found")
    figures = {kind: tally.figures for kind, tally in tallies.items()}
    return figures | {"processor seconds a second of audio": worked / audio}
