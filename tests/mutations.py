"""Damages media files at random and decodes them: each is refused, decoded whole, or decoded with a warning.

    python -m tests.mutations --count 10000 --seed 1

Every file follows from the seed and its number alone; ``--only`` decodes one again, and ``--keep`` stores what failed.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from stt_ai.engines.decoding import DecoderLimits, FileDecoder
from stt_ai.errors import BadRequest, SttError
from stt_ai.types import DecodedAudio, Samples, Upload
from tests.support.media_files import FFMPEGS
from tests.unit.media.speech import run, spoken, write

KINDS = ("mp3", "wav", "flac", "ogg", "m4a", "aac", "opus", "wma", "mp4", "webm", "mkv", "avi", "mov", "wmv", "mpg")
LOST_S = 0.3
FRAME = 800
WINDOW = 1600
QUIET = 0.05
SIMILAR = 0.5
"""Codecs without checksums turn a flipped bit into a crackle, in which the words are still there."""
LIMITS = DecoderLimits(probe_timeout_s=60.0)
Mutation = Callable[[bytearray, random.Random], bytes]


def cut_off(data: bytearray, chance: random.Random) -> bytes:
    return bytes(data[: chance.randrange(1, len(data))])


def cut_head(data: bytearray, chance: random.Random) -> bytes:
    return bytes(data[chance.randrange(1, len(data) // 2) :])


def flip_bits(data: bytearray, chance: random.Random) -> bytes:
    for _ in range(chance.choice((1, 1, 3, 1 + len(data) // 2000))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def flip_bits_of_the_header(data: bytearray, chance: random.Random) -> bytes:
    for _ in range(chance.choice((1, 4))):
        data[chance.randrange(min(400, len(data)))] ^= 1 << chance.randrange(8)
    return bytes(data)


def overwrite(data: bytearray, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    # Of plain samples none says what the next one should be: there, only less than a word may be overwritten.
    longest = 3000 if data.startswith(b"RIFF") and b"WAVEfmt" in data[:64] else 8000
    length = min(chance.choice((40, 400, longest)), len(data) - start)
    data[start : start + length] = chance.choice([bytes(length), b"\xff" * length, chance.randbytes(length)])
    return bytes(data)


def leave_out(data: bytearray, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    del data[start : start + chance.randrange(1, len(data) // 2)]
    return bytes(data or b"\0")


def swap(data: bytearray, chance: random.Random) -> bytes:
    """Two blocks that lie side by side change places, as packets that arrive in the wrong order."""
    size = chance.choice((188, 512, 1400, 4096))
    start = chance.randrange(max(1, len(data) - 2 * size))
    data[start : start + 2 * size] = data[start + size : start + 2 * size] + data[start : start + size]
    return bytes(data)


def repeat(data: bytearray, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    part = data[start : start + chance.randrange(1, len(data))]
    return bytes(data[:start] + part * chance.randrange(2, 5) + data[start:])


def graft(data: bytearray, chance: random.Random) -> bytes:
    other = originals()[chance.choice(KINDS)].path.read_bytes()
    return bytes(data[: chance.randrange(1, len(data))]) + other[chance.randrange(len(other)) :]


MUTATIONS: tuple[Mutation, ...] = (
    *(cut_off, cut_head, flip_bits, flip_bits_of_the_header, overwrite, leave_out, swap, repeat, graft),
)


@dataclass(frozen=True)
class Original:
    """A file before it is damaged, and what is decoded of it."""

    path: Path
    samples: Samples


@dataclass(frozen=True)
class Answer:
    number: int
    name: str
    verdict: str
    """`refused`, `warned`, `whole`, or what is wrong."""
    seconds: float

    @property
    def wrong(self) -> bool:
        return self.verdict not in ("refused", "warned", "whole")


@cache
def decoders() -> tuple[FileDecoder, ...]:
    return tuple(FileDecoder(LIMITS, program=program) for program in FFMPEGS)


@cache
def originals() -> dict[str, Original]:
    """One of each kind, made once in a folder that goes when the program ends."""
    folder = tempfile.TemporaryDirectory(prefix="mutations-")
    originals.folder = folder  # type: ignore[attr-defined]
    made: dict[str, Original] = {}
    for kind in (*KINDS, "mpeg"):
        path = Path(folder.name) / f"original.{kind}"
        if kind == "mpeg":
            write(path.with_suffix(".wav"), spoken())
            picture = ("-f", "lavfi", "-i", "testsrc=size=64x48:rate=25:duration=3")
            run(*picture, "-i", path.with_suffix(".wav"), "-c:v", "mpeg2video", "-c:a", "mp2", "-f", "vob", path)
        else:
            write(path, spoken())
        made[kind] = Original(path, audible(decoders()[0].decode(Upload(path, path.stat().st_size))))
    return made


def audible(audio: DecodedAudio) -> Samples:
    return np.concatenate(audio.pcm.chunks) if audio.pcm.samples else np.zeros(0, np.int16)


def damaged(seed: int, number: int) -> tuple[str, bytes]:
    """(name, bytes) of one damaged file."""
    chance = random.Random(f"{seed} {number}")
    kind = tuple(originals())[number % len(originals())]
    mutation = chance.choice(MUTATIONS)
    return f"{mutation.__name__}.{kind}", mutation(bytearray(originals()[kind].path.read_bytes()), chance)


def judge(seed: int, number: int, folder: Path, keep: Path | None = None) -> Answer:
    """Decode the file of this ``number``, and say what came of it."""
    name, data = damaged(seed, number)
    path = folder / f"{number}-{name}"
    path.write_bytes(data)
    decoder = decoders()[number // len(originals()) % len(decoders())]
    begun = time.monotonic()
    try:
        audio = decoder.decode(Upload(path, len(data), name))
        kind = name.rsplit(".")[-1]
        verdict = "warned" if audio.warnings else _compare(audible(audio), originals()[kind].samples, kind)
    except BadRequest:
        verdict = "refused"
    except SttError as error:
        verdict = f"{type(error).__name__}: {error}"
    except Exception as error:  # any other is a fault of ours, and is reported as one
        verdict = f"escaped {type(error).__name__}: {error}"
    answer = Answer(number, name, verdict, time.monotonic() - begun)
    if keep is not None and answer.wrong:
        path.rename(keep / path.name)
    else:
        path.unlink()
    return answer


def _compare(found: Samples, wanted: Samples, kind: str) -> str:
    """All of ``wanted`` must be in ``found``, but for less than a word; what is more does no harm.

    In a WAV of the original's length samples cannot be told from what was written over them, so it is whole.
    """
    if kind == "wav" and len(found) >= len(wanted):
        return "whole"
    there, here = _evened(wanted), _evened(found)
    size = 1 << (len(here) + WINDOW).bit_length()
    spectrum = np.fft.rfft(here, size)
    loudest = np.abs(wanted.astype(float)).max()
    lost, shift = 0, 0
    for start in range(0, len(wanted) - WINDOW + 1, WINDOW):
        if np.abs(wanted[start : start + WINDOW].astype(float)).max() < QUIET * loudest:
            continue
        part = there[start : start + WINDOW]
        cross = np.fft.irfft(spectrum * np.conj(np.fft.rfft(part, size)))[: max(1, len(here) - WINDOW + 1)]
        # First where it should be after what was found before, then anywhere.
        first = max(0, min(start + shift - WINDOW, len(cross) - 1))
        near = first + int(np.argmax(cross[first : first + 2 * WINDOW]))
        for at in (near, int(np.argmax(cross))):
            if cross[at] >= SIMILAR * np.linalg.norm(here[at : at + WINDOW]) * np.linalg.norm(part):
                shift = at - start
                break
        else:
            lost += WINDOW
    seconds = lost / 16_000
    return "whole" if seconds <= LOST_S else f"{seconds:.2f} s of it are missing or another sound, without a warning"


def _evened(sound: Samples) -> np.ndarray:
    """The sound with all frames equally loud, so that a burst of noise does not outweigh the rest."""
    frames = np.pad(sound.astype(float), (0, -len(sound) % FRAME)).reshape(-1, FRAME)
    return np.asarray((frames / (np.linalg.norm(frames, axis=1, keepdims=True) + 1.0)).ravel())


def judged(seed: int, numbers: range, workers: int, keep: Path | None = None) -> Iterator[Answer]:
    with tempfile.TemporaryDirectory(prefix="mutated-") as folder, ThreadPoolExecutor(workers) as pool:
        originals()
        yield from pool.map(lambda number: judge(seed, number, Path(folder), keep), numbers)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--only", type=int, help="the number of one file")
    parser.add_argument("--keep", type=Path, help="a folder for the files that went wrong")
    options = parser.parse_args()
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
    numbers = range(options.start, options.start + options.count)
    if options.only is not None:
        numbers = range(options.only, options.only + 1)
    verdicts: Counter[str] = Counter()
    slowest, begun = 0.0, time.monotonic()
    for answer in judged(options.seed, numbers, options.workers, options.keep):
        verdicts["wrong" if answer.wrong else answer.verdict] += 1
        slowest = max(slowest, answer.seconds)
        if answer.wrong:
            print(f"{answer.number} {answer.name}: {answer.verdict}", flush=True)
    print(f"{dict(verdicts)} of {len(numbers)} files, slowest {slowest:.1f} s, {time.monotonic() - begun:.0f} s in all")
    return 1 if verdicts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
