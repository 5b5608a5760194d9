"""Looks at a folder that should hold a CTranslate2 Whisper, without loading it.

Reads the headers of `model.bin` and seeks over the numbers, so a file of gigabytes takes milliseconds. What is
wrong with the folder comes out as one sentence, before a loader would crash on it.
"""

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

NEEDED_FILES = ("model.bin", "config.json", "tokenizer.json")
VOCABULARIES = ("vocabulary.json", "vocabulary.txt")

_SPEC = "WhisperSpec"
_BINARY_VERSIONS = range(4, 7)
_CONV1 = "encoder/conv1/weight"
"""The first convolution of the encoder: (width, mel bins, 3)."""
_DEFAULT_MEL_BINS = 80
"""What is taken for granted where there is no preprocessor_config.json."""


class BadModelFiles(Exception):
    """The folder does not hold a usable model; the message says what is wrong, without a full stop."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The properties of a model by the files of its folder."""

    mel_bins: int
    variables: int
    size: int
    """Bytes of `model.bin`."""


def inspect(folder: Path, mel_bins: int | None = None) -> Weights:
    """Raise `BadModelFiles` unless ``folder`` holds a whole CTranslate2 Whisper (with ``mel_bins`` bins, if given)."""
    if not folder.is_dir():
        raise BadModelFiles(f"{folder} is not a folder")
    missing = [name for name in NEEDED_FILES if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in VOCABULARIES):
        missing.append(VOCABULARIES[0])
    if missing:
        raise BadModelFiles(f"{folder} has no {' and no '.join(missing)}")
    read_json(folder / "config.json")
    if "model" not in read_json(folder / "tokenizer.json"):
        raise BadModelFiles(f"{folder / 'tokenizer.json'} is not a tokenizer")
    weights = _read_weights(folder / "model.bin")
    _check_mel_bins(folder, weights.mel_bins, mel_bins)
    return weights


def _check_mel_bins(folder: Path, found: int, wanted: int | None) -> None:
    if wanted is not None and found != wanted:
        raise BadModelFiles(f"the model in {folder} takes {found} mel bins where {wanted} are expected")
    preprocessor = folder / "preprocessor_config.json"
    features = read_json(preprocessor).get("feature_size") if preprocessor.is_file() else None
    if (features or _DEFAULT_MEL_BINS) != found:
        config_text = f"says {features}" if features else "is missing or says nothing"
        raise BadModelFiles(
            f"the model in {folder} takes {found} mel bins but its preprocessor_config.json {config_text}"
        )


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file. Raise `BadModelFiles`."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        raise BadModelFiles(f"{path} is not JSON") from None
    if not isinstance(content, dict):
        raise BadModelFiles(f"{path} is not a JSON object")
    return content


def _read_weights(path: Path) -> Weights:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        if size == 0:
            raise BadModelFiles(f"{path} is empty")
        reader = _Reader(file, size)
        try:
            count = _read_header(reader, path)
            mel_bins = _walk(reader, count)
        except EOFError:
            raise BadModelFiles(f"{path} is cut off after {size} bytes") from None
    if reader.position != size:
        raise BadModelFiles(f"{path} goes on after its end")
    if mel_bins is None:
        raise BadModelFiles(f"{path} has no {_CONV1}")
    return Weights(mel_bins, count, size)


def _read_header(reader: "_Reader", path: Path) -> int:
    """Return the number of variables."""
    version = reader.number("I")
    if version not in range(1, 100):
        raise BadModelFiles(f"{path} is not a CTranslate2 model")
    if version not in _BINARY_VERSIONS:
        raise BadModelFiles(f"{path} is a CTranslate2 model of format {version}; understood are 4 to 6")
    spec = reader.string()
    if spec != _SPEC:
        raise BadModelFiles(f"{path} is a CTranslate2 {spec[:40]!r}, not a {_SPEC}")
    reader.number("I")
    return reader.number("I")


def _walk(reader: "_Reader", variables: int) -> int | None:
    """Go over all variables and aliases to the end. Return the encoder's mel bins."""
    mel_bins = None
    for _ in range(variables):
        name = reader.string()
        shape = [reader.number("I") for _ in range(reader.number("B"))]
        reader.number("B")
        reader.skip(reader.number("I"))
        if name == _CONV1 and len(shape) == 3:
            mel_bins = shape[1]
    for _ in range(2 * reader.number("I")):
        reader.string()
    return mel_bins


class _Reader:
    """Little-endian numbers and strings of a file of ``size`` bytes. Raises `EOFError` past its end."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self.position = 0

    def skip(self, count: int) -> None:
        self.position += count
        if self.position > self._size:
            raise EOFError
        self._file.seek(count, 1)

    def number(self, kind: str) -> int:
        return int(struct.unpack("<" + kind, self._read(struct.calcsize("<" + kind)))[0])

    def string(self) -> str:
        return self._read(self.number("H")).rstrip(b"\0").decode("utf-8", "replace")

    def _read(self, count: int) -> bytes:
        self.position += count
        if self.position > self._size:
            raise EOFError
        return self._file.read(count)
