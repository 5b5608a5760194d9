"""Attributes words to speakers: the words of a file × its speaker turns."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from stt_ai.speech.segments import ends_sentence
from stt_ai.types import SpeakerTurn, Word

COLLAR = 0.15
MAX_WORD_S = 1.0
PAUSE = 0.35
# The chance that the next word is another speaker's, given what is between the two words.
CHANGE_IN_SENTENCE = 0.02
CHANGE_AT_PAUSE = 0.15
CHANGE_AT_SENTENCE_END = 0.5
DOUBT = 0.02  # seconds of evidence that each speaker has for each word, unheard

Matrix = npt.NDArray[np.float64]


def attribute(words: Sequence[Word], turns: Sequence[SpeakerTurn]) -> list[Word]:
    """Return the same words, each with its speaker: `Speaker 1`, `Speaker 2`… in order of first speech.

    A word goes to the voice that holds most of it, to the nearest when none does, unless that would make the speaker
    flip for a word or two inside a sentence: the most likely sequence of speakers is found by Viterbi's algorithm, with
    a price for each change that is low at sentence ends and pauses. ``turns`` are meant to be exclusive (one voice at a
    time); where two overlap, the earlier one holds. Without turns, all words are `Speaker 1`'s.
    Time: O((words × speakers + turns) log turns).
    """
    if not words:
        return []
    turns = _exclusive(turns)
    labels = list(dict.fromkeys(turn.speaker for turn in turns))
    path = _likeliest(_evidence(words, turns, labels), _changes(words)) if len(labels) > 1 else [0] * len(words)
    names: dict[int, str] = {}
    return [
        replace(word, speaker=names.setdefault(speaker, f"Speaker {len(names) + 1}"))
        for word, speaker in zip(words, path, strict=True)
    ]


def _exclusive(turns: Sequence[SpeakerTurn]) -> list[SpeakerTurn]:
    """By start, without what an earlier turn holds, and without empty ones."""
    exclusive: list[SpeakerTurn] = []
    floor = -np.inf
    for turn in sorted(turns, key=lambda turn: (turn.start, turn.end)):
        start = max(turn.start, floor)
        if turn.end > start:
            exclusive.append(replace(turn, start=start))
            floor = turn.end
    return exclusive


def _evidence(words: Sequence[Word], turns: Sequence[SpeakerTurn], labels: Sequence[str]) -> Matrix:
    """Return (words, speakers) seconds that each speaker holds of each word, counted twice, and of its surroundings."""
    starts = np.array([word.start for word in words])
    ends = np.array([max(word.start, min(word.end, word.start + MAX_WORD_S)) for word in words])
    evidence = np.empty((len(words), len(labels)))
    for column, label in enumerate(labels):
        # Seconds that the speaker has spoken until t: rises by 1 a second within the turns, flat between them.
        own = [turn for turn in turns if turn.speaker == label]
        times = np.array([time for turn in own for time in (turn.start, turn.end)])
        lengths = np.cumsum([turn.duration for turn in own])
        spoken = np.stack([np.concatenate([[0.0], lengths[:-1]]), lengths], axis=1).ravel()

        def held(since: Matrix, until: Matrix, times: Matrix = times, spoken: Matrix = spoken) -> Matrix:
            held: Matrix = np.interp(until, times, spoken) - np.interp(since, times, spoken)
            return held

        evidence[:, column] = 2 * held(starts, ends) + held(starts - COLLAR, ends + COLLAR)
    unheard = np.flatnonzero(evidence.sum(axis=1) < 1e-6)
    evidence[unheard, _nearest(starts[unheard], ends[unheard], turns, labels)] = DOUBT
    return evidence


def _nearest(
    starts: Matrix, ends: Matrix, turns: Sequence[SpeakerTurn], labels: Sequence[str]
) -> npt.NDArray[np.int64]:
    """Return the speaker of the turn whose edge is nearest to each word that lies in none."""
    speaker = {label: index for index, label in enumerate(labels)}
    who = np.array([speaker[turn.speaker] for turn in turns])
    after = np.searchsorted([turn.start for turn in turns], starts)
    before = np.maximum(after - 1, 0)
    after = np.minimum(after, len(turns) - 1)
    to_before = np.abs(starts - np.array([turn.end for turn in turns])[before])
    to_after = np.abs(np.array([turn.start for turn in turns])[after] - ends)
    return np.where(to_before <= to_after, who[before], who[after])


def _changes(words: Sequence[Word]) -> list[float]:
    """Return the chance of a change of speaker before each word but the first."""
    return [
        CHANGE_AT_SENTENCE_END
        if ends_sentence(one.text)
        else CHANGE_AT_PAUSE
        if other.start - one.end >= PAUSE
        else CHANGE_IN_SENTENCE
        for one, other in pairwise(words)
    ]


def _likeliest(evidence: Matrix, changes: Sequence[float]) -> list[int]:
    """Return the speaker of each word by Viterbi's algorithm: O(words × speakers), since all changes cost the same."""
    speakers = evidence.shape[1]
    logs = np.log((evidence + DOUBT) / (evidence + DOUBT).sum(axis=1, keepdims=True))
    score, before = logs[0], []
    everyone = np.arange(speakers)
    for log, change in zip(logs[1:], changes, strict=True):
        best = int(score.argmax())
        stayed, came = score + np.log(1 - change), score[best] + np.log(change / (speakers - 1))
        before.append(np.where(stayed >= came, everyone, best))
        score = np.maximum(stayed, came) + log
    path = [int(score.argmax())]
    for step in reversed(before):
        path.append(int(step[path[-1]]))
    return path[::-1]
