"""What becomes of a live utterance's drafts and finals: what is settled stays, what was said before helps."""

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.speech.agreement import plain
from stt_ai.speech.endpointing import FRAME
from stt_ai.streaming.config import LiveConfig
from stt_ai.streaming.context import MAX_CONTEXT, MAX_GAP, Context, extend
from stt_ai.streaming.events import Event, Final, Partial
from stt_ai.streaming.language import SessionLanguage
from stt_ai.streaming.session_decoder import with_committed
from stt_ai.types import SAMPLE_RATE, DecodingOptions, Hypothesis, Samples, TokenizedWord, WindowTranscript, Word
from tests.support.scripted_recognizer import (
    ScriptedRecognizer,
    Talk,
    final_text,
    finals,
    in_virtual_time,
    live,
    now,
    play,
    talk,
)

texts = st.lists(st.sampled_from(["We", "can", "go", "now,", "Now"]), max_size=6)


def _transcript(*words: str) -> WindowTranscript:
    timed = tuple(Word(f" {text}", float(at), at + 0.5, 0.9) for at, text in enumerate(words))
    return WindowTranscript(timed, "en", 0.9)


def _pieces(*words: str) -> list[TokenizedWord]:
    return [TokenizedWord(f" {text}", (at,)) for at, text in enumerate(words)]


def _text(recognized: WindowTranscript) -> str:
    return "".join(word.text for word in recognized.words).strip()


def test_what_was_settled_is_spelt_as_it_was_and_keeps_its_times() -> None:
    recognized = _transcript("we", "can.", "Go", "now")
    settled = with_committed(recognized, _pieces("We", "can"))
    assert _text(settled) == "We can Go now"
    assert [(word.start, word.end) for word in settled.words] == [(word.start, word.end) for word in recognized.words]


@pytest.mark.parametrize(
    ("recognized", "settled", "text"),
    [
        ("Why did you not send it", "Why didn't you", "Why didn't you not send it"),
        ("The best of it is that", "Well the best", "Well the best of it is that"),
        ("go now", "We can go", "We can go now"),
        ("", "We can", "We can"),
        ("We go now", "", "We go now"),
    ],
)
def test_what_was_settled_takes_the_place_of_what_stands_for_it(recognized: str, settled: str, text: str) -> None:
    assert _text(with_committed(_transcript(*recognized.split()), _pieces(*settled.split()))) == text


@given(texts, texts)
def test_a_final_begins_with_what_was_settled_and_its_times_run_forwards(
    recognized: list[str], settled: list[str]
) -> None:
    found = with_committed(_transcript(*recognized), _pieces(*settled))
    assert _text(found).startswith(" ".join(settled))
    assert all(before.start <= after.start and before.end <= after.end for before, after in pairwise(found.words))
    assert all(word.start <= word.end for word in found.words)
    if [plain(word) for word in recognized[: len(settled)]] == [plain(word) for word in settled]:
        assert len(found.words) == len(recognized)


def test_the_language_is_settled_once_it_is_clear_and_stays() -> None:
    language = SessionLanguage(None)
    language.note_final((("la", 0.9),), 1.2)
    assert language.known is None, "too little was said"
    language.note_final((("en", 0.9), ("la", 0.05)), 3.0)
    assert language.known is None, "two languages were spoken"
    language.note_final((("en", 0.95),), 8.0)
    assert language.known == "en"
    language.note_final((("de", 1.0),), 60.0)
    assert language.known == "en"
    assert SessionLanguage("es").known == "es"


def _context(words: list[tuple[float, str]], end: float) -> Context:
    return Context(tuple((round(at * SAMPLE_RATE), f" {text}") for at, text in words), round(end * SAMPLE_RATE))


def test_the_context_is_the_last_words_of_all_utterances_that_follow_closely() -> None:
    first = extend(None, 0, 2 * SAMPLE_RATE, _transcript("We", "can"))
    assert first is not None
    assert (first.text, first.start) == (" We can", 0)
    second = extend(first, 3 * SAMPLE_RATE, round(8.5 * SAMPLE_RATE), _transcript("go", "now", "and", "then", "rest"))
    assert second is not None
    assert second.text == " now and then rest", "five seconds are the most"
    later = extend(second, 8 * SAMPLE_RATE + 2 * MAX_GAP, 30 * SAMPLE_RATE, _transcript("Hello"))
    assert later is not None
    assert later.text == " Hello"
    assert extend(second, 9 * SAMPLE_RATE, 10 * SAMPLE_RATE, WindowTranscript((), "en", 0.9)) is second


def test_context_is_for_short_utterances_that_follow_closely() -> None:
    context = _context([(1, "We"), (2, "can")], 3.0)
    assert context.suits(4 * SAMPLE_RATE, 6 * SAMPLE_RATE)
    assert not context.suits(6 * SAMPLE_RATE, 7 * SAMPLE_RATE)
    assert not context.suits(4 * SAMPLE_RATE, 14 * SAMPLE_RATE)


class Noting(ScriptedRecognizer):
    """``asked``: (kind, when, seconds of samples, context)."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.asked: list[tuple[str, float, float, str]] = []

    async def transcribe_partial(self, samples: Samples, options: DecodingOptions, *, key: str, within_s: float) -> Any:
        self.asked.append(("guess", now(), len(samples) / SAMPLE_RATE, options.context))
        return await super().transcribe_partial(samples, options, key=key, within_s=within_s)

    async def transcribe_final(self, samples: Samples, options: DecodingOptions, *, key: str) -> WindowTranscript:
        self.asked.append(("hear", now(), len(samples) / SAMPLE_RATE, options.context))
        return await super().transcribe_final(samples, options, key=key)


def _played(said: Talk, model: ScriptedRecognizer, **session: Any) -> list[Event]:
    async def main() -> list[Event]:
        return await play(live(said, model, **session), said.samples, [FRAME])

    return in_virtual_time(main())


def test_what_was_said_just_before_is_given_to_the_model_and_sent_once() -> None:
    said = talk([(10, 60), (30, 60), (100, 60)])
    model = Noting(said.words)
    assert final_text(_played(said, model)) == said.text
    of_finals = [context for kind, _, _, context in model.asked if kind == "hear"]
    assert of_finals == ["", " w0 w1 w2 w3 w4", ""], "after three seconds of silence somebody begins anew"
    assert max(seconds for _, _, seconds, _ in model.asked) <= (MAX_CONTEXT + MAX_GAP) / SAMPLE_RATE + 3


class Naming(ScriptedRecognizer):
    """Where the prompt has the keyword, writes it for what sounds like it, and once more at the end."""

    async def transcribe_final(self, samples: Samples, options: DecodingOptions, *, key: str) -> WindowTranscript:
        transcript = await super().transcribe_final(samples, options, key=key)
        if "Quilter" not in options.prompt:
            return transcript
        named = [replace(word, text=" Quilter" if "kilter" in word.text else word.text) for word in transcript.words]
        return replace(transcript, words=(*named, replace(named[-1], text=" Quilter")))


@given(st.sets(st.integers(0, 30), max_size=6))
def test_a_keyword_is_in_the_finals_where_it_was_said_and_settled_text_stays(places: set[int]) -> None:
    said = talk([(10, 200), (40, 100)])
    spoken = [replace(word, text="kilter" if n in places else word.text) for n, word in enumerate(said.words)]
    model = Naming(spoken)
    events = _played(said, model, config=LiveConfig("gold", keywords=("Quilter",)))
    assert final_text(events) == " ".join(word.text.replace("kilter", "Quilter") for word in spoken)
    shown: list[str] = []
    for event in events:
        if isinstance(event, Partial):
            shown.append(event.text[: event.stable_chars])
        elif isinstance(event, Final):
            assert all(event.text.startswith(text) for text in shown)
            shown.clear()


def test_audio_without_anything_like_a_keyword_is_decoded_once() -> None:
    said = talk([(10, 60), (30, 60)])
    plain, named = Noting(said.words), Noting(said.words)
    assert final_text(_played(said, plain)) == final_text(
        _played(said, named, config=LiveConfig("gold", keywords=("Quilter",)))
    )
    assert [kind for kind, *_ in named.asked] == [kind for kind, *_ in plain.asked]


def test_words_are_timed_alike_with_and_without_what_was_said_before() -> None:
    said = talk([(10, 60), (30, 60)])
    with_it = finals(_played(said, ScriptedRecognizer(said.words)))
    without = finals(_played(said, ScriptedRecognizer(said.words, window_s=9.0)))
    for one, other in zip(with_it, without, strict=True):
        assert [word.text for word in one.words] == [word.text for word in other.words]
        assert [word.start for word in one.words] == pytest.approx([word.start for word in other.words])


def test_a_final_writes_only_what_follows_the_committed_words() -> None:
    said = talk([(10, 300)])
    written: list[int] = []

    class Counting(ScriptedRecognizer):
        async def transcribe_final(self, samples: Samples, options: DecodingOptions, *, key: str) -> WindowTranscript:
            transcript = await super().transcribe_final(samples, options, key=key)
            assert [self.spelt[token] for token in options.prefix] == _text(transcript).split()[: len(options.prefix)]
            written.append(len(transcript.words) - len(options.prefix))
            return transcript

    assert final_text(_played(said, Counting(said.words))) == said.text
    assert 0 < written[0] < len(said.words) / 2


def test_a_model_that_takes_all_for_said_before_is_asked_without_it() -> None:
    class Finished(ScriptedRecognizer):
        async def transcribe_final(self, samples: Samples, options: DecodingOptions, *, key: str) -> WindowTranscript:
            if options.context:
                return WindowTranscript((), "en", 0.9)
            return await super().transcribe_final(samples, options, key=key)

    said = talk([(10, 60), (30, 60)])
    assert (
        final_text(_played(said, Finished(said.words), config=LiveConfig("gold", interim_results=False))) == said.text
    )


def test_a_model_that_takes_what_follows_the_committed_words_for_said_before_is_asked_without_it() -> None:
    ended: list[int] = []

    class Finished(ScriptedRecognizer):
        async def transcribe_final(self, samples: Samples, options: DecodingOptions, *, key: str) -> WindowTranscript:
            transcript = await super().transcribe_final(samples, options, key=key)
            if options.context and options.prefix:
                ended.append(len(options.prefix))
                return replace(transcript, words=transcript.words[: len(options.prefix)])
            return transcript

    said = talk([(10, 60), (30, 150)])
    assert final_text(_played(said, Finished(said.words))) == said.text
    assert ended, "none of its words were committed"


def test_no_guess_is_begun_when_the_speaker_may_be_pausing() -> None:
    """The model has one place: a final that follows would wait for the guess."""
    said = talk([(10, 95), (40, 0)])
    model = Noting(said.words)
    _played(said, model)
    silent = 105 * FRAME / SAMPLE_RATE
    begun = [at for kind, at, _, _ in model.asked if kind == "hear"]
    assert begun[0] - silent == pytest.approx(0.128, abs=FRAME / SAMPLE_RATE)
    assert not [at for kind, at, _, _ in model.asked if kind == "guess" and silent < at <= begun[0]]


def test_a_first_word_is_shown_while_nobody_knows_yet_whether_it_is_whole() -> None:
    """What two partials do not agree on is held back, but not for long."""
    said = talk([(10, 70)], word_frames=70)
    hypotheses = iter(range(1000))

    class Doubting(ScriptedRecognizer):
        async def transcribe_partial(
            self, samples: Samples, options: DecodingOptions, *, key: str, within_s: float
        ) -> Any:
            return Hypothesis((TokenizedWord(f" w{next(hypotheses)}", (0,)),), "en", 0.9)

    shown = [event for event in _played(said, Doubting(said.words)) if isinstance(event, Partial)]
    assert shown[0].text not in ("w0", "w1"), "it is held back at first"


def test_partials_come_at_least_every_second_on_a_model_that_takes_half_of_one() -> None:
    said = talk([(10, 400)], word_frames=6)
    model = ScriptedRecognizer(said.words, latency=lambda: 0.5)
    times: list[float] = []

    async def main() -> None:
        session = live(said, model)

        async def read() -> None:
            async for _ in session.events():
                times.append(now())

        reader = asyncio.create_task(read())
        for at in range(0, len(said.samples), FRAME):
            await asyncio.sleep(FRAME / SAMPLE_RATE)
            await session.feed(said.samples[at : at + FRAME])
        await session.stop()
        await reader
        await session.aclose()

    in_virtual_time(main())
    spoken = [at for at in times if at <= 410 * FRAME / SAMPLE_RATE]
    assert len(spoken) > 12
    assert max(after - before for before, after in pairwise(spoken)) <= 1.0
