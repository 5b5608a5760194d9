"""The synthetic conversations that the demo diarizer learns from and is measured on."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.recipes.diarization.conversation import NATURAL, TRAINING, Style, converse, draw_people, excerpt
from tests.recipes.diarization.corpus import Person
from tests.recipes.diarization.speakers import Said, Speaker
from tests.recipes.whisper.voices import SAMPLE_RATE, VOICES
from tests.support.long_tests import long

CLEAN = Style(overlap=0.3, spoiled=0.0)


def _person(index: int) -> Person:
    """Says one sentence of four words, as a tone of its own."""
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    tone = (0.05 * np.sin(2 * np.pi * (200 + 300 * index) * time)).astype(np.float32)
    times = tuple((0.05 + 0.45 * n, 0.5 + 0.45 * n) for n in range(4))
    return Person(Speaker(VOICES[index], published=True), [Said(tone, ("a", "b", "c", "d."), times)])


PEOPLE = [_person(index) for index in range(4)]


@pytest.mark.parametrize("seed", range(12))
def test_turns_are_when_the_words_are(seed: int) -> None:
    talk = converse(PEOPLE[:3], 30.0, np.random.default_rng(seed), (NATURAL, TRAINING, CLEAN)[seed % 3])
    assert [turn.start for turn in talk.turns] == sorted(turn.start for turn in talk.turns)
    assert all(0 <= word.start < word.end <= talk.seconds for word in talk.words)
    for word in talk.words:
        assert any(t.start <= word.start and word.end <= t.end for t in talk.turns if t.person == word.person)
    for turn in talk.turns:
        assert any(abs(w.start - turn.start) < 1e-9 for w in talk.words if w.person == turn.person)
        assert any(abs(w.end - turn.end) < 1e-9 for w in talk.words if w.person == turn.person)


def test_who_speaks_is_audible_and_who_does_not_is_not() -> None:
    talk = converse(PEOPLE[:2], 40.0, np.random.default_rng(1), CLEAN)
    for turn in talk.turns:
        spectrum = np.abs(np.fft.rfft(talk.wave[round(turn.start * SAMPLE_RATE) : round(turn.end * SAMPLE_RATE)]))
        tone = round((200 + 300 * turn.person) * (turn.end - turn.start))
        assert spectrum[tone - 3 : tone + 4].max() > 0.1 * spectrum.max()
    spoken = np.zeros(len(talk.wave), bool)
    for turn in talk.turns:
        spoken[round((turn.start - 0.1) * SAMPLE_RATE) : round((turn.end + 0.2) * SAMPLE_RATE)] = True
    assert np.abs(talk.wave[~spoken]).max() == 0


def test_everybody_speaks_and_some_speak_at_once() -> None:
    overlaps = turns = 0
    for seed in range(10):
        talk = converse(PEOPLE[:3], 60.0, np.random.default_rng(seed), CLEAN)
        assert {turn.person for turn in talk.turns} == {0, 1, 2}
        turns += len(talk.turns)
        overlaps += sum(a.end > b.start and a.person != b.person for a, b in pairwise(talk.turns))
    assert 0.08 < overlaps / turns < 0.3


def test_an_excerpt_is_exactly_as_long_as_asked() -> None:
    talk = converse(PEOPLE[:2], 20.0, np.random.default_rng(3), TRAINING)
    for seconds in (5.0, 60.0):
        part = excerpt(talk, seconds)
        assert part.seconds == seconds
        assert all(turn.end <= seconds for turn in part.turns)
        assert [t.start for t in part.turns] == [t.start for t in talk.turns if t.start < seconds - 0.02]


def test_a_conversation_is_the_same_in_every_run() -> None:
    one, other = (converse(PEOPLE, 20.0, np.random.default_rng(4), TRAINING) for _ in range(2))
    assert one.turns == other.turns
    assert np.array_equal(one.wave, other.wave)


def test_no_two_people_of_a_conversation_are_of_one_family() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        families = [person.speaker.family for person in draw_people(PEOPLE, 3, rng)]
        assert len(set(families)) == 3


@long
def test_the_command_trains_both_models(tmp_path: Path) -> None:
    """Each in a process of its own, which asks for the corpus first."""
    recipe = [sys.executable, "-m", "tests.recipes.diarization", "--work", str(tmp_path / "nothing")]
    done = subprocess.run([*recipe, "--target", str(tmp_path), "train"], capture_output=True, text=True, timeout=300)
    assert done.returncode != 0 and done.stderr.count(f"No such file or directory: '{tmp_path}/nothing") == 2
