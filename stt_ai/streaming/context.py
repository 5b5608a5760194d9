"""The words just before an utterance: a model recognizes a few words far better after others than alone."""

from dataclasses import dataclass
from itertools import pairwise

from stt_ai.types import SAMPLE_RATE, WindowTranscript

MAX_CONTEXT = 5 * SAMPLE_RATE
MAX_GAP = 2 * SAMPLE_RATE
"""Samples of silence: after more of it somebody begins anew."""
MAX_UTTERANCE = 6 * SAMPLE_RATE
"""Longer ones need none."""
MIN_WINDOW_S = 20.0
"""Of a model that has room for it."""
KEPT = MAX_CONTEXT + MAX_GAP
_ROOM = SAMPLE_RATE // 20


@dataclass(frozen=True, slots=True)
class Context:
    """Words that are final, with the samples at which each begins. ``end``: where the last voice among them ended."""

    words: tuple[tuple[int, str], ...]
    end: int

    @property
    def start(self) -> int:
        """Return the first sample that belongs to it."""
        return self.words[0][0]

    @property
    def text(self) -> str:
        """Return the words' text, joined."""
        return "".join(text for _, text in self.words)

    def suits(self, start: int, end: int) -> bool:
        """Return whether it helps with an utterance of the samples [start, end)."""
        return start - self.end <= MAX_GAP and end - start <= MAX_UTTERANCE


def extend(context: Context | None, start: int, voice_end: int, transcript: WindowTranscript) -> Context | None:
    """Return the context after an utterance that began at sample ``start``: its last words, and those before them."""
    if not transcript.words:
        return context
    new = [(max(start, start + round(word.start * SAMPLE_RATE) - _ROOM), word.text) for word in transcript.words]
    words = [*context.words, *new] if context is not None and start - context.end <= MAX_GAP else new
    floor = voice_end - MAX_CONTEXT
    # Times never run backwards, and words that begin together can only be taken together.
    first = next((at for at, (begin, _) in enumerate(words) if begin >= floor), len(words) - 1)
    while first < len(words) - 1 and first and words[first][0] == words[first - 1][0]:
        first += 1
    assert all(before[0] <= after[0] for before, after in pairwise(words))
    return Context(tuple(words[first:]), voice_end)
