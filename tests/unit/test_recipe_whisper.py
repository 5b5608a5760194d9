"""The words and sentences that the demo recogniser knows."""

import random

import pytest

from tests.recipes.whisper.grammar import LANGUAGES, SentenceMaker, lexicon, words


@pytest.mark.parametrize(("language", "fewest"), [("en", 1000), ("es", 400)])
def test_word_lists_are_long_enough_and_have_no_word_twice(language: str, fewest: int) -> None:
    listed = [word.lower() for word in words(language)]
    assert len(listed) >= fewest
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_lexicon_holds_exactly_the_listed_words(language: str) -> None:
    assert [word for part in lexicon(language).values() for word in part] == words(language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_use_only_listed_words_and_are_punctuated(language: str) -> None:
    maker, listed = SentenceMaker(language, random.Random(3)), {word.lower() for word in words(language)}
    for text in [maker.plain() for _ in range(2000)] + [maker.random_order() for _ in range(200)]:
        assert set(text.strip("¿?.").lower().split()) <= listed
        assert text.lstrip("¿")[0].isupper()
        assert text[-1] in ".?"
        assert (text[0] == "¿") == (language == "es" and text[-1] == "?")


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_in_random_order_use_each_word_evenly(language: str) -> None:
    maker, counts = SentenceMaker(language, random.Random(4)), dict.fromkeys((w.lower() for w in words(language)), 0)
    for _ in range(1500):
        for word in maker.random_order().strip("¿?.").lower().split():
            counts[word] += 1
    assert max(counts.values()) - min(counts.values()) <= 1
