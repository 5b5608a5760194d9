"""Speech regions of a file -> the windows that a model decodes, and times back.

A window is cut out of the file as pieces. Pauses up to `JOINED_PAUSE` stay in as real audio, so that words on
either side are not glued together; longer ones are left out, so that no model spends time on silence or invents
text for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from stt_ai.types import SAMPLE_RATE, Pcm, Samples, SpeechRegion, Window, Word

MAX_SAMPLES = 30 * SAMPLE_RATE
JOINED_PAUSE = SAMPLE_RATE // 5


def pack(
    regions: Iterable[SpeechRegion],
    max_samples: int = MAX_SAMPLES,
    joined_pause: int = JOINED_PAUSE,
    max_pause: int | None = None,
) -> tuple[Window, ...]:
    """Return as few windows of at most ``max_samples`` as possible, in the order of the file.

    ``regions`` are in order and do not overlap. Each of their samples lies in exactly one window. What stands further
    apart than ``max_pause`` is not joined: where short windows cost no more than long ones, a model recognizes a
    sentence better alone than glued to the next speaker's.
    """
    windows: list[list[SpeechRegion]] = []
    used = max_samples
    for region in _cut(regions, max_samples):
        pieces = windows[-1] if windows else []
        pause = region.start - pieces[-1].end if pieces else 0
        joined = bool(pieces) and pause <= joined_pause
        apart = max_pause is not None and pause > max_pause
        if apart or used + (pause if joined else 0) + region.end - region.start > max_samples:
            windows.append([region])
            used = region.end - region.start
        elif joined:
            used += region.end - pieces[-1].end
            pieces[-1] = SpeechRegion(pieces[-1].start, region.end)
        else:
            used += region.end - region.start
            pieces.append(region)
    return tuple(Window(index, tuple(pieces)) for index, pieces in enumerate(windows))


def _cut(regions: Iterable[SpeechRegion], max_samples: int) -> Iterable[SpeechRegion]:
    """Yield long regions in equal parts: a window of a few leftover syllables would be transcribed badly."""
    for region in regions:
        length = region.end - region.start
        parts = -(-length // max_samples)
        edges = [region.start + length * part // parts for part in range(parts)] + [region.end]
        yield from (SpeechRegion(start, end) for start, end in pairwise(edges))


def place(words: Sequence[Word], window: Window) -> tuple[Word, ...]:
    """Return the words, timed by the window's own clock, timed by the file's.

    A word lies in the piece that it overlaps most, and is cut to it. Times never run backwards.
    """
    placed: list[Word] = []
    edges = _edges(window)
    piece, floor = 0, 0.0
    for word in words:
        piece = max(piece, _piece_of(word, edges))
        offset_s, until = edges[piece]
        where = window.pieces[piece]
        shift = where.start / SAMPLE_RATE - offset_s
        start = max(min(max(word.start, offset_s), until) + shift, floor)
        end = max(min(max(word.end, offset_s), until) + shift, start)
        # Sums of seconds may miss the piece's own edges by a rounding.
        first, last = where.start / SAMPLE_RATE, where.end / SAMPLE_RATE
        start, end = min(max(start, first), last), min(max(end, first), last)
        placed.append(replace(word, start=start, end=end))
        floor = start
    return tuple(placed)


def _edges(window: Window) -> list[tuple[float, float]]:
    """Return [start, end) seconds of each piece by the window's own clock."""
    edges, offset_s = [], 0
    for piece in window.pieces:
        length = piece.end - piece.start
        edges.append((offset_s / SAMPLE_RATE, (offset_s + length) / SAMPLE_RATE))
        offset_s += length
    return edges


def _piece_of(word: Word, edges: Sequence[tuple[float, float]]) -> int:
    overlaps = [min(word.end, end) - max(word.start, start) for start, end in edges]
    return overlaps.index(max(overlaps))


def chunks_of(window: Window, pcm: Pcm) -> tuple[int, ...]:
    """Return which chunks of ``pcm`` hold the window's samples, in order, each once."""
    size = pcm.chunk_samples
    return tuple(
        dict.fromkeys(
            index
            for piece in window.pieces
            if piece.end > piece.start
            for index in range(piece.start // size, (piece.end - 1) // size + 1)
        )
    )


def gather(window: Window, chunk_samples: int, chunks: Mapping[int, Samples]) -> Samples:
    """Return the window's samples, int16 [window.samples], out of the chunks that `chunks_of` names."""
    out = np.empty(window.samples, dtype=np.int16)
    at = 0
    for piece in window.pieces:
        position = piece.start
        while position < piece.end:
            index, offset = divmod(position, chunk_samples)
            part = chunks[index][offset : offset + piece.end - position]
            if not len(part):
                raise ValueError(f"chunk {index} ends before sample {position}")
            out[at : at + len(part)] = part
            at, position = at + len(part), position + len(part)
    return out
