"""A talk whose every word is known, a model that transcribes it, and an event loop in which waiting takes no time."""

import asyncio
import random
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

from stt_ai.speech.endpointing import FRAME
from stt_ai.streaming.config import LiveConfig, LiveLimits
from stt_ai.streaming.events import Event, Final, Partial
from stt_ai.streaming.session import LiveSession
from stt_ai.types import (
    SAMPLE_RATE,
    DecodingOptions,
    Hypothesis,
    LoadedModel,
    Samples,
    TokenizedWord,
    WindowTranscript,
    Word,
)

T = TypeVar("T")

LAP = 30_000
"""Frames after which the samples begin again: int16 holds no more."""


class _Skipping(selectors.DefaultSelector):
    """Does not wait: puts the loop's clock forward instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise AssertionError("everybody waits for something that will never happen")
        self.now += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.now


def in_virtual_time(work: Coroutine[Any, Any, T]) -> T:
    """Runs ``work`` to its end, and sees that no task is left."""

    async def alone() -> T:
        result = await work
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(alone())


def now() -> float:
    return asyncio.get_running_loop().time()


@dataclass(frozen=True)
class Said:
    """A word and the samples [start, end) in which it was said."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Talk:
    """A probability of speech for each frame, and the words. Each sample's value is the number of its frame."""

    probabilities: tuple[float, ...]
    words: tuple[Said, ...]

    @property
    def samples(self) -> Samples:
        return (np.arange(len(self.probabilities) * FRAME) // FRAME % LAP).astype(np.int16)

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


def talk(parts: Iterable[tuple[int, int]], word_frames: int = 12, first: int = 0) -> Talk:
    """``parts``: frames of silence, then frames of speech full of words of ``word_frames`` each."""
    probabilities: list[float] = []
    words: list[Said] = []
    for silent, spoken in parts:
        probabilities += [0.01] * silent
        for begin in range(0, spoken, word_frames):
            at = len(probabilities) + begin
            length = min(word_frames, spoken - begin)
            words.append(Said(f"w{first + len(words)}", at * FRAME, (at + length) * FRAME))
        probabilities += [0.95] * spoken
    return Talk(tuple(probabilities), tuple(words))


talks = st.builds(
    talk,
    st.lists(st.tuples(st.integers(0, 45), st.integers(5, 320)), min_size=1, max_size=5),
    st.integers(6, 30),
)


@dataclass
class ScriptedVoices:
    """The detector: each stream gives the talk's probabilities one after another."""

    probabilities: Sequence[float]
    begin: int = 0

    def stream(self) -> "ScriptedVoices":
        self._waiting = 0
        self._frame = self.begin
        return self

    def feed(self, samples: Samples) -> list[float]:
        self._waiting += len(samples)
        whole, self._waiting = divmod(self._waiting, FRAME)
        found = list(self.probabilities[self._frame : self._frame + whole])
        self._frame += whole
        return found + [0.01] * (whole - len(found))


class ScriptedRecognizer:
    """The model: writes each word whose middle lies in what it is given, and knows by the samples where that is.

    ``doubt``: the probability that it takes a word for another, by the word and by where the samples end. ``latency``:
    seconds that a call takes. ``trouble``: called before each answer, with its kind; may raise, or say True: no answer.
    """

    def __init__(
        self,
        words: Sequence[Said],
        *,
        doubt: float = 0.0,
        latency: Callable[[], float] = lambda: 0.0,
        trouble: Callable[[str], bool] = lambda kind: False,
        window_s: float = 30.0,
    ) -> None:
        self._words = words
        self._doubt = doubt
        self._latency = latency
        self._trouble = trouble
        self._window_s = window_s
        self.calls: list[tuple[str, float]] = []
        self.spelt: list[str] = []

    async def describe(self) -> LoadedModel:
        return LoadedModel("gold", window_s=self._window_s)

    async def transcribe_partial(
        self, samples: Samples, options: DecodingOptions, *, key: str, within_s: float
    ) -> Hypothesis | None:
        if await self._answer("guess", samples):
            return None
        recognized = self._recognized(samples, options)[len(options.prefix) :]
        return Hypothesis(
            tuple(TokenizedWord(f" {text}", (self._token(text),)) for text, _, _ in recognized), "en", 0.9
        )

    async def transcribe_final(self, samples: Samples, options: DecodingOptions, *, key: str) -> WindowTranscript:
        await self._answer("hear", samples)
        words = [Word(f" {text}", start, end, 0.9) for text, start, end in self._recognized(samples, options)]
        return WindowTranscript(tuple(words), "en", 0.9)

    async def _answer(self, kind: str, samples: Samples) -> bool:
        assert len(samples) <= self._window_s * SAMPLE_RATE
        self.calls.append((kind, now()))
        await asyncio.sleep(self._latency())
        return self._trouble(kind)

    def _recognized(self, samples: Samples, options: DecodingOptions) -> list[tuple[str, float, float]]:
        of_first_frame = int(np.argmax(samples != samples[0])) or FRAME
        first = (int(samples[0]) + 1) * FRAME - of_first_frame
        last = first + len(samples)
        recognized = []
        for word in self._words:
            if first <= (word.start + word.end) // 2 < last:
                text = word.text
                if random.Random(f"{text} {last}").random() < self._doubt:
                    text = f"{text}x{last % 7}"
                start = (max(word.start, first) - first) / SAMPLE_RATE
                recognized.append((text, start, (min(word.end, last) - first) / SAMPLE_RATE))
        recognized = recognized[len(options.context.split()) :]
        decided = [self.spelt[token] for token in options.prefix]
        seconds = len(samples) / SAMPLE_RATE
        times = [(start, end) for _, start, end in recognized] + [(seconds, seconds)] * len(decided)
        texts = decided + [text for text, _, _ in recognized[len(decided) :]]
        return [(text, *time) for text, time in zip(texts, times, strict=False)]

    def _token(self, text: str) -> int:
        self.spelt.append(text)
        return len(self.spelt) - 1


async def play(
    session: LiveSession,
    samples: Samples,
    chunks: Iterable[int],
    *,
    paced: bool = True,
    between: Callable[[LiveSession], Awaitable[None]] | None = None,
) -> list[Event]:
    """Feeds the samples in pieces of the lengths ``chunks`` (the last one again and again), stops, and returns all
    that was sent. ``paced``: each piece when its last sample has been spoken.
    """
    events: list[Event] = []

    async def read() -> None:
        async for event in session.events():
            events.append(event)

    reader = asyncio.create_task(read())
    try:
        begun, at, length = now(), 0, 1600
        lengths = iter(chunks)
        while at < len(samples):
            length = next(lengths, length)
            piece = samples[at : at + length]
            at += len(piece)
            if paced:
                await asyncio.sleep(max(0.0, begun + at / SAMPLE_RATE - now()))
            await session.feed(piece)
            if between is not None:
                await between(session)
        await session.stop()
        await reader
    finally:
        reader.cancel()
        await session.aclose()
        await asyncio.gather(reader, return_exceptions=True)
    return events


def live(
    talk: Talk,
    model: ScriptedRecognizer | None = None,
    config: LiveConfig | None = None,
    limits: LiveLimits | None = None,
    **begin: int,
) -> LiveSession:
    """A session by the loop's clock. ``begin``: where it goes on, on a frame."""
    voices = ScriptedVoices(talk.probabilities, begin.get("start_at_sample", 0) // FRAME)
    model = model or ScriptedRecognizer(talk.words)
    return LiveSession(config or LiveConfig("gold"), model, voices, limits=limits, clock=now, **begin)


def finals(events: Iterable[Event]) -> list[Final]:
    return [event for event in events if isinstance(event, Final)]


def partials(events: Iterable[Event]) -> list[Partial]:
    return [event for event in events if isinstance(event, Partial)]


def final_text(events: Iterable[Event]) -> str:
    return " ".join(final.text for final in finals(events))
