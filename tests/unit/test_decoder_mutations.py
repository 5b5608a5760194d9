"""Media files damaged at random: each decodes or is refused in a sentence, and none hangs the decoder."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stt_ai.engines.decoding import DecoderLimits, FileDecoder
from stt_ai.engines.ffmpeg import find_ffmpeg
from stt_ai.errors import SttError, Unavailable
from stt_ai.types import DecodedAudio, Upload
from tests.unit.media_support import FFMPEG, all_media, children

EACH = 6
Mutation = Callable[[bytearray, random.Random], bytes]


def flip_bits(data: bytearray, chance: random.Random) -> bytes:
    for _ in range(max(1, len(data) // 2000)):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def flip_bits_of_the_header(data: bytearray, chance: random.Random) -> bytes:
    for _ in range(4):
        data[chance.randrange(min(400, len(data)))] ^= 1 << chance.randrange(8)
    return bytes(data)


def overwrite(data: bytearray, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    length = chance.randrange(1, 400)
    data[start : start + length] = chance.choice([bytes(length), b"\xff" * length, chance.randbytes(length)])
    return bytes(data)


def cut_off(data: bytearray, chance: random.Random) -> bytes:
    return bytes(data[: chance.randrange(1, len(data))])


def leave_out(data: bytearray, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    del data[start : start + chance.randrange(1, len(data) // 2)]
    return bytes(data or b"\0")


def repeat(data: bytearray, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    part = data[start : start + chance.randrange(1, len(data))]
    return bytes(data[:start] + part * chance.randrange(2, 5) + data[start:])


def graft(data: bytearray, chance: random.Random) -> bytes:
    other = chance.choice(list(all_media().values())).read_bytes()
    return bytes(data[: chance.randrange(1, len(data))]) + other[chance.randrange(len(other)) :]


MUTATIONS: list[Mutation] = [flip_bits, flip_bits_of_the_header, overwrite, cut_off, leave_out, repeat, graft]


def test_no_damage_hangs_the_decoder_or_escapes_its_errors(tmp_path: Path) -> None:
    # Both programs take their turns, the one that starts faster more of them. The time is wide: a machine may be
    # busy, but what hangs is not done in it either.
    limits = DecoderLimits(probe_timeout_s=30.0)
    decoders = [FileDecoder(limits, program=program) for program in (find_ffmpeg(), FFMPEG)]
    jobs = [(name, turn) for name in sorted(all_media()) for turn in range(EACH)]
    assert len(jobs) >= 300

    def one(job: tuple[int, tuple[str, int]]) -> DecodedAudio | SttError:
        number, (name, turn) = job
        chance = random.Random(f"{name} {turn}")
        mutation = MUTATIONS[number % len(MUTATIONS)]
        path = tmp_path / f"{number}-{mutation.__name__}-{name}"
        path.write_bytes(mutation(bytearray(all_media()[name].read_bytes()), chance))
        try:
            return decoders[turn % 3 > 0].decode(Upload(path, path.stat().st_size, name))
        except SttError as error:
            return error

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(one, enumerate(jobs)))
    assert not [answer for answer in answers if isinstance(answer, Unavailable)]
    decoded = [answer for answer in answers if isinstance(answer, DecodedAudio)]
    assert len(answers) // 4 < len(decoded) < len(answers)
    assert all(audio.pcm.samples > 0 for audio in decoded)
    assert not children()
