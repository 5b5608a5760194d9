"""The container format of a file, judged by its bytes alone.

ffmpeg is then told to use that one demuxer and no other, so nothing that names other files or addresses
(playlists, concat scripts, manifests, image sequences, subtitles) can ever be picked by its own guessing.
"""

import io
from dataclasses import dataclass, replace
from typing import BinaryIO

from stt_ai.engines import frames
from stt_ai.errors import DamagedMedia, EmptyFile, NoAudioTrack, UnsupportedMedia

HEAD_BYTES = 64 * 1024
"""How much is looked at after the tags: writers leave at most some kilobytes of padding before the first frame."""
MAX_TAGS = 64
"""An empty tag is ten bytes, so a file could hold more of them than there is time to step over."""

_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    # bytes, name, demuxer
    (b"fLaC", "flac", "flac"),
    (b"OggS", "ogg", "ogg"),
    (b"\x1aE\xdf\xa3", "mkv", "matroska"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf", "asf"),
    (b"riff\x2e\x91\xcf\x11", "w64", "w64"),
    (b"\x00\x00\x01\xba", "mpeg", "mpeg"),
    (b"FLV\x01", "flv", "flv"),
    (b"#!AMR", "amr", "amr"),
    (b"caff\x00\x01", "caf", "caf"),
    (b".snd", "au", "au"),
    (b"wvpk", "wavpack", "wv"),
)
_RIFF = {b"WAVE": "wav", b"AVI ": "avi"}
_MOV_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof"})
_MOV_BRANDS = {b"M4A ": "m4a", b"M4B ": "m4a", b"qt  ": "mov", b"": "mov", b"3gp4": "3gp", b"3gp5": "3gp"}
_STILL_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis"})


@dataclass(frozen=True, slots=True)
class Container:
    """A container format. ``name`` is for people, ``demuxer`` is ffmpeg's. ``start``: its first byte, behind tags."""

    name: str
    demuxer: str
    start: int = 0


def identify(file: BinaryIO) -> Container:
    """Raise `EmptyFile`, `UnsupportedMedia`, or `DamagedMedia` and `NoAudioTrack` where the bytes say so already."""
    if file.seek(0, io.SEEK_END) == 0:
        raise EmptyFile("The file is empty. Check that it was saved or downloaded whole.")
    start = _after_id3(file)
    file.seek(start)
    head = file.read(HEAD_BYTES)
    found = _by_magic(head) or _by_frames(head)
    if found is not None:
        return replace(found, start=start)
    if start:
        raise DamagedMedia("The file holds tags, but no audio could be found after them.")
    if head.startswith(b"\x00\x00\x01\xb3"):
        raise NoAudioTrack("The file is bare video without an audio track.")
    raise unsupported()


def unsupported() -> UnsupportedMedia:
    """Return the error for a file that is in no known container."""
    return UnsupportedMedia(
        "The file is not audio or video in a supported format: MP3, WAV, FLAC, OGG, M4A, AAC, OPUS, WMA, MP4, WebM, "
        "MKV, AVI, MOV, WMV, MPG or MPEG."
    )


def _after_id3(file: BinaryIO) -> int:
    """Return the offset after the ID3v2 tags at the start; some writers leave several. Raise `DamagedMedia`."""
    offset = 0
    for _ in range(MAX_TAGS):
        file.seek(offset)
        header = file.read(10)
        if len(header) < 10 or header[:3] != b"ID3" or header[3] == 0xFF or any(byte & 0x80 for byte in header[6:]):
            return offset
        size = header[6] << 21 | header[7] << 14 | header[8] << 7 | header[9]
        offset += 10 + size + (10 if header[5] & 0x10 else 0)
    raise DamagedMedia("The file begins with too many tags.")


def _by_magic(head: bytes) -> Container | None:
    for magic, name, demuxer in _MAGIC:
        if head.startswith(magic):
            return Container(_variant(name, head), demuxer)
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and head[8:12] in _RIFF:
        return Container(_RIFF[head[8:12]], _RIFF[head[8:12]])
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return Container("aiff", "aiff")
    if head[4:8] in _MOV_BOXES:
        brand = head[8:12] if head[4:8] == b"ftyp" else b""
        if brand in _STILL_BRANDS:
            raise unsupported()
        return Container(_MOV_BRANDS.get(brand, "mp4"), "mov")
    return None


def _variant(name: str, head: bytes) -> str:
    """Return whether both names mean the same container."""
    if name == "mkv" and b"webm" in head[:64]:
        return "webm"
    if name == "ogg" and head.startswith(b"OpusHead", 28):
        return "opus"
    return name


def _by_frames(head: bytes) -> Container | None:
    """Formats without a file header."""
    if frames.is_transport_stream(head):
        return Container("mpegts", "mpegts")
    for name, length in (("aac", frames.adts_length), ("mp3", frames.mpeg_audio_length)):
        if frames.has_chain(head, length, whole_file=len(head) < HEAD_BYTES):
            return Container(name, name)
    if head.startswith(b"\x0b\x77") and len(head) > 5:
        return Container("ac3", "eac3" if head[5] >> 3 > 10 else "ac3")
    return None
