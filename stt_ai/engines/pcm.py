"""Any stretch of a file's samples, wherever its chunks are kept."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stt_ai.types import Pcm, Samples


class PcmReader:
    """Reads stretches of ``pcm``, mostly forwards, and holds at most two of its chunks at once.

    ``fetch`` makes an array of one of its chunks' references, and may raise whatever it likes.
    """

    def __init__(self, pcm: Pcm, fetch: Callable[[Any], Samples] = lambda chunk: chunk) -> None:
        self._pcm = pcm
        self._fetch = fetch
        self._held: dict[int, Samples] = {}

    def __len__(self) -> int:
        """Return the number of samples."""
        return self._pcm.samples

    def read(self, start: int, stop: int) -> Samples:
        """Return samples [start, stop), filled up with silence beyond the end."""
        out = np.zeros(stop - start, dtype=np.int16)
        size, position, end = self._pcm.chunk_samples, start, min(stop, len(self))
        while position < end:
            index, offset = divmod(position, size)
            part = self._chunk(index)[offset : offset + end - position]
            if not len(part):
                raise ValueError(f"chunk {index} ends before sample {position}")
            out[position - start : position - start + len(part)] = part
            position += len(part)
        return out

    def _chunk(self, index: int) -> Samples:
        if index not in self._held:
            self._held = {at: chunk for at, chunk in self._held.items() if abs(at - index) == 1}
            self._held[index] = self._fetch(self._pcm.chunks[index])
        return self._held[index]
