"""Rows of a matrix that stays in its file."""

import json
import os
import struct
from pathlib import Path

import torch
from torch import Tensor


class StoredRows:
    """An int8 matrix of shape (rows, width) in a file of safetensors' form.

    Its rows are read and not mapped: Linux maps sixteen pages around each that is touched, and after a few thousand
    words nearly all of the file would count as the process's memory.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._file = path.open("rb")
        (size,) = struct.unpack("<Q", self._file.read(8))
        entry = json.loads(self._file.read(size))[name]
        self._begin = 8 + size + entry["data_offsets"][0]
        self._width = entry["shape"][1]

    def read(self, ids: Tensor) -> Tensor:
        """Return the rows of ``ids``, of shape (*, width)."""
        places = (self._begin + row * self._width for row in ids.flatten().tolist())
        data = bytearray().join(os.pread(self._file.fileno(), self._width, place) for place in places)
        return torch.frombuffer(data, dtype=torch.int8).view(*ids.shape, self._width)
