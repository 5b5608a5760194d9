"""The parts of the transcriber engine that need no weights: features, fallback, words out of alignments."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import ctranslate2
import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor
from hypothesis import given, settings
from hypothesis import strategies as st

from stt_ai.engines.features import MAX_FRAMES, LogMel
from stt_ai.engines.whisper_decode import (
    MAX_TOKENS,
    DecodingTask,
    EncoderOutput,
    decode,
    tight_token_limit,
    token_limit,
)
from stt_ai.engines.whisper_words import words_of
from stt_ai.speech.fallback import FallbackThresholds
from stt_ai.types import SAMPLE_RATE, Samples

END = 50257


@pytest.mark.parametrize("n_mels", [80, 128])
@pytest.mark.parametrize("samples", [1, 159, 160, 161, 3200, 5 * SAMPLE_RATE + 7, 30 * SAMPLE_RATE])
def test_features_are_those_of_the_audio_followed_by_silence(n_mels: int, samples: int) -> None:
    peer = FeatureExtractor(feature_size=n_mels)
    audio = (np.random.default_rng(1).normal(size=samples) * 3000).astype(np.int16)
    padded = np.pad(audio.astype(np.float32) / 32768, (0, 30 * SAMPLE_RATE + 400 - samples))
    expected = peer(padded, padding=0)[:, :MAX_FRAMES]
    features = LogMel(peer.mel_filters)(audio)
    assert features.shape == (n_mels, MAX_FRAMES)
    assert np.abs(features - expected).max() < 1e-5


def test_shorter_features_are_the_beginning_of_the_long_ones() -> None:
    log_mel = LogMel(FeatureExtractor().mel_filters)
    audio: Samples = (np.random.default_rng(2).normal(size=2 * SAMPLE_RATE) * 3000).astype(np.int16)
    assert np.array_equal(log_mel(audio, 400), log_mel(audio)[:, :400])


def test_rows_are_taken_from_what_one_or_several_calls_encoded() -> None:
    array = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
    whole = ctranslate2.StorageView.from_array(array)
    assert EncoderOutput([whole]).rows([0, 1, 2, 3]) is whole
    parts = EncoderOutput(
        [ctranslate2.StorageView.from_array(np.ascontiguousarray(array[n : n + 1])) for n in range(4)]
    )
    assert len(parts) == 4
    for encoded in (EncoderOutput([whole]), parts):
        assert np.array_equal(np.array(encoded.rows([2, 0])), array[[2, 0]])
        assert np.array_equal(np.array(encoded.rows([0, 1, 2, 3])), array)


@dataclass
class ScriptedModel:
    """Writes for each window, at each temperature, what the script says: (tokens, log-probability, no speech)."""

    script: dict[int, dict[float, tuple[list[int], float, float]]]
    calls: list[tuple[float, list[int]]] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)

    suppressed_tokens: list[int] = field(default_factory=list)
    greedy: dict[int, tuple[list[int], float, float]] = field(default_factory=dict)

    @property
    def ct2(self) -> "ScriptedModel":
        return self

    def text_of(self, tokens: Sequence[int]) -> str:
        return " ".join(f"w{token}" for token in tokens)

    def generate(self, features: Any, prompts: list[list[int]], **options: Any) -> list[Any]:
        temperature = options.get("sampling_temperature", 0.0)
        rows = [int(value) for value in np.array(features)[:, 0, 0]]
        assert [prompt[0] for prompt in prompts] == rows
        if options["beam_size"] == 1 and temperature == 0:
            return [self._result(*self.greedy.pop(row)) for row in rows]
        assert (options["beam_size"] == 1) == (temperature > 0)
        self.calls.append((temperature, rows))
        self.limits.append(options["max_length"] // 2)
        return [self._result(*self.script[row][temperature]) for row in rows]

    def _result(self, tokens: list[int], log_probability: float, no_speech: float) -> Any:
        score = log_probability * (len(tokens) + 1) / max(len(tokens), 1)
        return SimpleNamespace(sequences_ids=[tokens], scores=[score], no_speech_prob=no_speech)


def _decode(model: ScriptedModel, temperatures: Sequence[float] = (0.0, 0.4, 0.8), seconds: float = 5.0) -> list[Any]:
    rows = sorted(model.script)
    array = np.array(rows, dtype=np.float32).reshape(-1, 1, 1)
    jobs = [DecodingTask(n, [row], "en", seconds, 5, tuple(temperatures)) for n, row in enumerate(rows)]
    return decode(model, EncoderOutput([ctranslate2.StorageView.from_array(array)]), jobs, FallbackThresholds())


GOOD = ([1, 2, 3, 4], -0.2, 0.0)
GUESS = ([5, 6, 7, 8], -1.5, 0.1)
LOOP = ([9] * 60, -0.05, 0.0)
SILENCE = ([1, 2], -1.5, 0.9)


@pytest.mark.parametrize(
    ("greedy", "kept"),
    [
        (([7, 8, 9], -0.25, 0.0), True),
        (([7, 8, 9], -0.35, 0.0), False),
        (([9] * 60, -0.05, 0.0), False),  # a loop is sure of itself
        ((list(range(30)) * 8, -0.05, 0.0), False),  # so is what does not end
    ],
)
def test_a_beam_searches_only_where_the_greedy_text_is_not_sure(
    greedy: tuple[list[int], float, float], kept: bool
) -> None:
    model = ScriptedModel({0: {0.0: GOOD}}, greedy={0: greedy})
    array = np.zeros((1, 1, 1), np.float32)
    job = DecodingTask(0, [0], "en", 5.0, 5, (0.0, 0.4), greedy_threshold=-0.3)
    (attempt,) = decode(model, EncoderOutput([ctranslate2.StorageView.from_array(array)]), [job], FallbackThresholds())
    assert attempt.tokens == tuple(greedy[0] if kept else GOOD[0])
    assert model.calls == ([] if kept else [(0.0, [0])])
    assert not model.greedy, "it was decoded greedily once"


def test_without_a_beam_an_unlikely_text_is_not_decoded_twice() -> None:
    model = ScriptedModel({}, greedy={0: GUESS})
    task = DecodingTask(0, [0], "en", 5.0, 1, (0.0,), greedy_threshold=-0.3)
    view = ctranslate2.StorageView.from_array(np.zeros((1, 1, 1), np.float32))
    (attempt,) = decode(model, EncoderOutput([view]), [task], FallbackThresholds())
    assert attempt.tokens == tuple(GUESS[0])


@pytest.mark.parametrize("greedy", [GUESS, LOOP, (list(range(30)) * 8, -0.05, 0.0)])
def test_no_beam_searches_a_short_encoding_whose_text_is_doubtful(greedy: tuple[list[int], float, float]) -> None:
    """The longer encoding comes next, whatever a beam would find."""
    model = ScriptedModel({}, greedy={0: greedy})
    task = DecodingTask(0, [0], "en", 5.0, 5, (0.0,), shortened=True, greedy_threshold=-0.3)
    view = ctranslate2.StorageView.from_array(np.zeros((1, 1, 1), np.float32))
    (attempt,) = decode(model, EncoderOutput([view]), [task], FallbackThresholds())
    assert attempt.tokens == tuple(greedy[0])


@pytest.mark.parametrize(("language", "limit"), [("en", tight_token_limit(5.0)), ("hi", token_limit(5.0))])
def test_a_short_encoding_may_write_less_only_in_english(language: str, limit: int) -> None:
    assert tight_token_limit(5.0) < token_limit(5.0)
    assert DecodingTask(0, [0], language, 5.0, 5, (0.0,), shortened=True).max_length // 2 == limit
    assert DecodingTask(0, [0], language, 5.0, 5, (0.0,)).max_length // 2 == token_limit(5.0)


def test_only_windows_in_doubt_are_decoded_again() -> None:
    model = ScriptedModel({0: {0.0: GOOD}, 1: {0.0: LOOP, 0.4: GOOD}, 2: {0.0: GUESS, 0.4: LOOP, 0.8: GOOD}})
    attempts = _decode(model)
    assert model.calls == [(0.0, [0, 1, 2]), (0.4, [1, 2]), (0.8, [2])]
    assert [attempt.temperature for attempt in attempts] == [0.0, 0.4, 0.8]
    assert all(attempt.tokens == tuple(GOOD[0]) for attempt in attempts)


def test_silence_is_not_decoded_again() -> None:
    model = ScriptedModel({0: {0.0: SILENCE}})
    (attempt,) = _decode(model)
    assert model.calls == [(0.0, [0])]
    assert attempt.no_speech_probability == 0.9


def test_when_every_temperature_fails_the_best_attempt_is_kept() -> None:
    model = ScriptedModel({0: {0.0: LOOP, 0.4: GUESS, 0.8: ([5, 6], -1.2, 0.1)}})
    (attempt,) = _decode(model)
    assert (attempt.temperature, attempt.log_probability) == (0.8, pytest.approx(-1.2))


def test_one_temperature_means_one_attempt() -> None:
    model = ScriptedModel({0: {0.0: GUESS}})
    assert _decode(model, [0.0])[0].tokens == tuple(GUESS[0])


def test_the_mean_log_probability_counts_the_end_token() -> None:
    model = ScriptedModel({0: {0.0: GOOD}, 1: {0.0: ([], -0.3, 0.0)}})
    assert _decode(model)[0].log_probability == pytest.approx(-0.2)
    assert _decode(model)[1].tokens == ()


def test_a_short_window_may_not_write_as_much_as_a_long_one() -> None:
    model = ScriptedModel({0: {0.0: GOOD}})
    _decode(model, seconds=1.0)
    assert model.limits == [token_limit(1.0)]
    assert token_limit(1.0) < token_limit(30.0) == MAX_TOKENS


# Words. A token is its own text here, so that what is expected can be read.

TEXTS = [" one", " two", "ty", ".", ",", "?", " (", ")", " ¿", "5", "-", " don", "'t", "...", " "]


def _split(tokens: list[int]) -> tuple[list[str], list[list[int]]]:
    """As faster-whisper's tokenizer: a word begins at a blank, and ASCII signs stand alone."""
    words: list[str] = []
    parts: list[list[int]] = []
    for token in tokens:
        text = "" if token == END else TEXTS[token]
        if token == END or text.startswith(" ") or text.strip() in ".,?()-" or not words:
            words.append(text)
            parts.append([token])
        else:
            words[-1] += text
            parts[-1].append(token)
    return words, parts


def _alignment(texts: Sequence[str], starts: Sequence[float], probability: float = 0.5) -> Any:
    pairs = [(index, round(start / 0.02)) for index, start in enumerate(starts)]
    return SimpleNamespace(alignments=pairs, text_token_probs=[probability] * len(texts))


def _words(texts: Sequence[str], starts: Sequence[float], language: str = "en", duration: float = 30.0) -> Any:
    tokens = [TEXTS.index(text) for text in texts]
    return words_of(tokens, END, _split, _alignment(texts, starts), language, duration)


def test_a_word_lasts_from_its_first_token_to_the_next_word() -> None:
    one, two = _words([" one", " two", "ty"], [0.5, 1.0, 1.3, 1.6])
    assert (one.text, one.start, one.end, one.tokens) == (" one", 0.5, 1.0, 1)
    assert (two.text, two.start, two.end, two.tokens) == (" twoty", 1.0, 1.6, 2)


def test_signs_belong_to_their_word_and_take_no_time_from_it() -> None:
    words = _words([" ¿", " one", ",", " (", " two", ")", "?"], [0.0, 0.2, 0.5, 0.6, 0.7, 1.0, 1.1, 1.2])
    assert [word.text for word in words] == [" ¿ one,", " ( two)?"]
    assert [round(time, 6) for word in words for time in (word.start, word.end)] == [0.2, 0.5, 0.7, 1.0]
    assert [word.tokens for word in words] == [3, 4]


def test_what_follows_without_a_blank_is_the_same_word() -> None:
    words = _words([" one", ".", "5", " two", "-", "5", " don", "'t"], [0, 0.2, 0.3, 0.5, 0.7, 0.8, 1.0, 1.2, 1.4])
    assert [word.text for word in words] == [" one.5", " two-5", " don't"]
    assert words[0].end == pytest.approx(0.5)


def test_confidence_is_the_geometric_mean_of_the_tokens() -> None:
    alignment = SimpleNamespace(alignments=[(0, 0), (1, 10), (2, 20)], text_token_probs=[0.9, 0.1])
    (word,) = words_of([1, 2], END, _split, alignment, "en", 30.0)
    assert word.confidence == pytest.approx(math.sqrt(0.09))


def test_a_pause_before_the_first_word_is_not_part_of_it() -> None:
    first, *_ = _words([" one", " two", " two", " two"], [0.0, 3.0, 3.3, 3.6, 3.9])
    assert (first.start, first.end) == (pytest.approx(2.4), 3.0)


def test_without_an_alignment_words_are_spread_over_the_window() -> None:
    alignment = SimpleNamespace(alignments=[], text_token_probs=[0.5, 0.5])
    assert [(w.start, w.end) for w in words_of([0, 1], END, _split, alignment, "en", 3.0)] == [(0, 1.5), (1.5, 3.0)]


def test_no_tokens_are_no_words() -> None:
    assert words_of([], END, _split, SimpleNamespace(alignments=[], text_token_probs=[]), "en", 3.0) == ()


@settings(deadline=None)
@given(st.lists(st.sampled_from(TEXTS), max_size=30), st.data(), st.floats(0.1, 30), st.sampled_from(["en", "zh"]))
def test_words_spell_the_text_and_their_times_never_run_backwards(
    texts: list[str], data: st.DataObject, duration: float, language: str
) -> None:
    starts = sorted(data.draw(st.lists(st.floats(0, 30), min_size=len(texts) + 1, max_size=len(texts) + 1)))
    words = _words(texts, starts, language, duration)
    assert "".join(word.text for word in words).strip() == "".join(texts).strip()
    assert all(0 <= word.start <= word.end <= duration for word in words)
    assert all(before.start <= after.start for before, after in pairwise(words))
    assert all(0 < word.confidence <= 1 and word.text.strip() for word in words)
