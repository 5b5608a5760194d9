"""The table of faults that recordings come with, and the containers that can have each. The next fault is a line.

A builder makes the file at the path it is given, whose ending names the container; what is to be decoded of it is
a list of `Part`s: which sound, and from which second on.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tests.unit.media.clocks import Stamp, restamp
from tests.unit.media.speech import RATE, Sound, run, spoken, write, write_late, write_wav

HELLO, FIVE, MEETING = "hello_3s.flac", "five_seconds.flac", "meeting_en.flac"
ANY = frozenset({"audio_missing", "audio_damaged"})


@dataclass(frozen=True)
class Part:
    """``sound``: a file of tests/data, of which [start, end) seconds are audible from ``at`` seconds on."""

    at: float = 0.0
    sound: str = HELLO
    start: float = 0.0
    end: float = 3.0


@dataclass(frozen=True)
class Fault:
    """``warnings``: exactly these, but for ``any_of``, of which one at least. ``missing``: seconds, as far as known."""

    name: str
    containers: tuple[str, ...]
    build: Callable[[Path], object]
    parts: tuple[Part, ...] = (Part(),)
    seconds: float = 3.0
    warnings: frozenset[str] = frozenset()
    any_of: frozenset[str] = frozenset()
    missing: tuple[float, float] | None = None
    error: str = ""
    slack: float = 0.15


def joined(path: Path, first: tuple[object, ...] = (), second: tuple[object, ...] = (), other: str = "") -> None:
    """Two recordings, one file's bytes after the other's. ``other``: the ending of the second one's kind."""
    parts = [path.with_stem("first"), path.with_stem("second").with_suffix(f".{other}" if other else path.suffix)]
    write(parts[0], spoken(HELLO), *first)
    write(parts[1], spoken(FIVE), *second)
    path.write_bytes(b"".join(part.read_bytes() for part in parts))


def stamped(path: Path, stamp: Stamp) -> None:
    write(path, spoken(HELLO), video=False)
    path.write_bytes(restamp(path.suffix[1:], path.read_bytes(), stamp))


def back(seconds: float) -> float:
    return seconds - 0.5 if seconds > 1.2 else seconds


def stray(seconds: float) -> float:
    return seconds + 30 if 1.2 < seconds < 1.3 else seconds


def stray_back(seconds: float) -> float:
    return seconds - 1.0 if 1.2 < seconds < 1.3 else seconds


def stray_last(path: Path) -> None:
    """The last packet alone is stamped much too late."""
    seen: list[float] = []
    stamped(path, lambda seconds: seen.append(seconds) or seconds)
    data = path.read_bytes()
    path.write_bytes(restamp(path.suffix[1:], data, lambda seconds: seconds + 25 * (seconds == max(seen))))


def gap(seconds: float) -> float:
    return seconds + 4 if seconds > 1.5 else seconds


def on_channel(path: Path, channels: int, channel: int) -> None:
    sound = np.zeros((len(spoken(HELLO)), channels), np.float32)
    sound[:, channel] = spoken(HELLO)
    source = write_wav(path.with_suffix(".many.wav"), sound)
    write_from(path, source)


def write_from(path: Path, source: Path, *options: object) -> None:
    coders = {"wav": (), "flac": (), "mka": ("-c:a", "pcm_s16le"), "mp3": ("-b:a", "128k"), "m4a": ("-b:a", "128k")}
    run("-i", source, *coders.get(path.suffix[1:], ()), *options, path)


def inverted(path: Path) -> None:
    sound = np.stack([spoken(HELLO), -spoken(HELLO)], axis=1)
    write_from(path, write_wav(path.with_suffix(".two.wav"), sound))


def hum(path: Path) -> None:
    time = np.arange(len(spoken(HELLO))) / RATE
    sound = np.stack([0.9 * np.sin(2 * np.pi * 100 * time), 0.15 * spoken(HELLO)], axis=1).astype(np.float32)
    write_from(path, write_wav(path.with_suffix(".two.wav"), sound))


def cut(path: Path, share: float = 0.5, options: tuple[object, ...] = ()) -> None:
    write(path, spoken(MEETING), *options)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share) - 37])


def beheaded(path: Path) -> None:
    write(path, spoken(HELLO), video=False)
    path.write_bytes(path.read_bytes()[100:])


def hole(path: Path, junk: bool = True) -> None:
    """Bytes overwritten, or gone, in the middle of it."""
    write(path, spoken(MEETING))
    data = bytearray(path.read_bytes())
    start, end = int(len(data) * 0.4), int(len(data) * 0.5)
    data[start:end] = bytes(end - start) if junk else b""
    path.write_bytes(data)


def flipped(path: Path) -> None:
    write(path, spoken(MEETING))
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0x40
    path.write_bytes(data)


def quiet(path: Path, decibels: float) -> None:
    sound = spoken(HELLO) * np.float32(10 ** (decibels / 20))
    body = sound.astype("<f4").tobytes()
    form = struct.pack("<HHIIHH", 3, 1, RATE, RATE * 4, 4, 32)
    wav = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(body)) + body
    source = path.with_suffix(".float.wav")
    source.write_bytes(b"RIFF" + struct.pack("<I", len(wav)) + wav)
    if path.suffix == ".wav":
        source.rename(path)
    else:
        run("-i", source, *(("-c:a", "pcm_f32le") if path.suffix == ".mka" else ("-sample_fmt", "s32")), path)


def behind_id3(path: Path) -> None:
    write(path, spoken(HELLO))
    path.write_bytes(b"ID3\x04\0\0\0\0\x02\0" + bytes(256) + path.read_bytes())


def silent_first(path: Path) -> None:
    silence = write_wav(path.with_suffix(".silence.wav"), np.zeros_like(spoken(HELLO)))
    source = write_wav(path.with_suffix(".speech.wav"), spoken(HELLO))
    run("-i", silence, "-i", source, "-map", "0:a", "-map", "1:a", "-c:a", "aac", path)


def encrypted(path: Path) -> None:
    key = ("-encryption_key", "0" * 31 + "1", "-encryption_kid", "0" * 31 + "2")
    write(path, spoken(HELLO), "-encryption_scheme", "cenc-aes-ctr", *key, video=False)


def coded(path: Path, codec: str) -> None:
    rate = ("-ar", "48000", "-ac", "2", "-strict", "-2") if codec == "s302m" else ()
    write(path, spoken(HELLO), *rate, "-c:a", codec, video=False)


def lying(path: Path) -> None:
    """A header that claims many hours."""
    kind = path.suffix[1:]
    write(path, spoken(HELLO), video=False)
    data = bytearray(path.read_bytes())
    if kind in ("mp4", "m4a", "mov"):
        for box, offset in ((b"mvhd", 20), (b"tkhd", 24), (b"mdhd", 20)):
            at = data.index(box)
            struct.pack_into(">I", data, at + offset, 0x7FFFFFFF)
    elif kind in ("mkv", "mka", "webm"):
        at = data.index(b"\x44\x89\x88")
        struct.pack_into(">d", data, at + 3, 50 * 3600 * 1000.0)
    elif kind == "flac":
        data[22:26] = b"\xf0" * 4
    elif kind == "mp3":
        at = max(data.find(b"Xing"), data.find(b"Info"))
        struct.pack_into(">I", data, at + 8, 1_500_000)
    elif kind == "flv":
        at = data.index(b"duration\0") + 9
        struct.pack_into(">d", data, at, 180_000.0)
    path.write_bytes(data)


REPAIRED = frozenset({"timestamps_repaired"})
BOTH = (Part(), Part(3.0, FIVE, 0.0, 5.0))
EARLY = (Part(0.0, MEETING, 0.0, 5.0),)
COMPRESSED = ("mp3", "flac", "ogg", "oga", "opus", "m4a", "aac", "wma", "mka")
UNCOMPRESSED = ("wav", "aiff", "au", "caf", "w64")
MOVIES = ("mp4", "mov", "webm", "mkv", "flv", "wmv", "avi")
TIMED = ("mka", "webm", "flv", "ts")

FAULTS: tuple[Fault, ...] = (
    Fault("another rate", ("ogg", "opus", "oga"), partial(joined, first=("-ar", "48000")), BOTH, 8.0),
    Fault("stereo, then mono", ("ogg", "opus", "oga", "mp3"), partial(joined, first=("-ac", "2")), BOTH, 8.0),
    Fault("stereo, then mono", ("aac",), partial(joined, first=("-ac", "2")), BOTH, 8.0, slack=0.3),
    Fault("mono, then stereo", ("ogg", "opus", "oga", "mp3"), partial(joined, second=("-ac", "2")), BOTH, 8.0),
    Fault("another codec", ("ogg", "oga"), partial(joined, other="opus"), BOTH, 8.0),
    Fault("joined", ("wav", "aiff", "m4a", "mp4", "mov", "mp3", "aac"), joined, BOTH, 8.0, slack=0.3),
    Fault("joined flac", ("flac",), joined, BOTH, 8.0),
    Fault(
        "sound after the picture",
        ("ts", "mpg", "wmv", "ogv", "mkv", "mp4", "mov", "webm", "flv"),
        lambda path: write_late(path, spoken(HELLO), 2.5),
        (Part(2.5),),
        5.5,
    ),
    Fault("clock steps back", TIMED, lambda path: stamped(path, back), warnings=REPAIRED),
    Fault("stray stamp", TIMED, lambda path: stamped(path, stray), warnings=REPAIRED),
    Fault("stray stamp of the past", TIMED, lambda path: stamped(path, stray_back), warnings=REPAIRED),
    Fault("stray stamp at the end", TIMED, stray_last, warnings=REPAIRED),
    Fault("no clock", ("mka", "webm", "flv"), lambda path: stamped(path, lambda _: 0.0), warnings=REPAIRED),
    Fault(
        "a recorded gap",
        TIMED,
        lambda path: stamped(path, gap),
        (Part(0.0, HELLO, 0.0, 1.3), Part(5.7, HELLO, 1.7, 3.0)),
        7.0,
    ),
    Fault("speech on channel 3 of 3", ("wav", "flac", "mka"), partial(on_channel, channels=3, channel=2)),
    Fault("speech on channel 4 of 8", ("wav", "flac", "mka"), partial(on_channel, channels=8, channel=3)),
    Fault("speech on channel 9 of 9", ("wav", "mka"), partial(on_channel, channels=9, channel=8)),
    Fault("speech on channel 60 of 60", ("wav", "mka"), partial(on_channel, channels=60, channel=59)),
    Fault(
        "channels that cancel",
        ("wav", "flac", "mka", "mp3", "m4a"),
        inverted,
        warnings=frozenset({"channels_cancelled"}),
    ),
    Fault("hum in one channel", ("wav", "flac", "mka"), hum),
    Fault(
        "half a file",
        (*COMPRESSED, *UNCOMPRESSED, *MOVIES),
        partial(cut, options=("-movflags", "faststart")),
        EARLY,
        0.0,
        any_of=ANY,
    ),
    Fault("half a file", ("ts", "mpg"), cut, EARLY, 0.0, any_of=ANY),
    Fault(
        "a hole",
        ("mp3", "ogg", "opus", "oga", "aac", "wma", "wmv", "m4a", "webm", "mka", "flac"),
        hole,
        (Part(0.0, MEETING, 0.0, 5.0), Part(17.0, MEETING, 17.0, 22.0)),
        23.5,
        any_of=ANY,
        slack=0.4,
    ),
    Fault("a flipped byte", ("ogg", "opus", "oga"), flipped, (Part(18.0, MEETING, 18.0, 22.0),), 23.5, any_of=ANY),
    Fault("a claim of many hours", ("mp4", "m4a", "mov", "mka", "webm", "flac", "mp3", "flv"), lying),
    Fault("tta", ("mka",), partial(coded, codec="tta")),
    Fault("s302m", ("ts",), partial(coded, codec="s302m")),
    Fault("a codec that is not allowed", ("mka",), partial(coded, codec="ra_144"), error="ra_144"),
    Fault("cut in the middle of a packet", ("ts",), beheaded, slack=0.3),
    Fault("cut in the middle of a frame", ("mp3", "aac"), beheaded, warnings=frozenset({"audio_damaged"}), slack=0.3),
    Fault("quiet", ("flac", "wav", "mka"), partial(quiet, decibels=-50), warnings=frozenset({"quiet"})),
    Fault("very quiet", ("flac", "wav", "mka"), partial(quiet, decibels=-65), warnings=frozenset({"quiet"})),
    Fault("above full scale", ("wav", "mka"), partial(quiet, decibels=30)),
    Fault("encrypted", ("mp4", "m4a"), encrypted, error="encrypted"),
    Fault("behind an ID3 tag", ("wav", "aiff", "ogg", "mka", "m4a", "flac", "mp3", "aac", "ts", "wma"), behind_id3),
    Fault(
        "a silent first track",
        ("mka", "mp4", "mov", "ts"),
        silent_first,
        warnings=frozenset({"silent_track_skipped"}),
    ),
)


def sound_of(part: Part) -> Sound:
    return spoken(part.sound)[int(part.start * RATE) : int(part.end * RATE)]
