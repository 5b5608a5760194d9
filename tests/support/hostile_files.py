"""Uploads that are made to do harm: each entry is a name as a caller might give it, and the file's bytes."""

import gzip
import io
import random
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

from tests.support.media_files import all_media

DOCUMENTED = ("mp3", "wav", "flac", "ogg", "m4a", "aac", "opus", "wma")
DOCUMENTED += ("mp4", "webm", "mkv", "avi", "mov", "wmv", "mpg", "mpeg")


def scripts(canary: Path, address: str) -> dict[str, bytes]:
    """Texts that make a careless decoder open the file ``canary`` or connect to the HTTP ``address``."""
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n"
    dash = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT9S">'
        '<Period><AdaptationSet mimeType="audio/mp4"><Representation id="a" bandwidth="1">'
        "<BaseURL>{0}</BaseURL><SegmentTemplate media='{0}' initialization='{0}' duration='1'/>"
        "</Representation></AdaptationSet></Period></MPD>"
    )
    texts: dict[str, str] = {}
    targets = {"path": str(canary), "file": f"file://{canary}", "name": canary.name, "http": f"{address}/x.wav"}
    for kind, target in targets.items():
        texts[f"hls-{kind}.m3u8"] = hls.format(target)
        texts[f"hls-{kind}.mp3"] = hls.format(target)
        texts[f"hls-{kind}.mp4"] = hls.format(target)
        texts[f"hls-map-{kind}.m3u8"] = f'#EXTM3U\n#EXT-X-MAP:URI="{target}"\n#EXTINF:1,\n{target}\n'
        texts[f"hls-key-{kind}.m3u8"] = f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n#EXTINF:1,\n{target}\n'
        texts[f"dash-{kind}.mpd"] = dash.format(target)
        texts[f"ffconcat-{kind}.wav"] = f"ffconcat version 1.0\nfile '{target}'\n"
        texts[f"concat-{kind}.txt"] = f"file '{target}'\n"
        texts[f"playlist-{kind}.pls"] = f"[playlist]\nFile1={target}\nNumberOfEntries=1\n"
        texts[f"asx-{kind}.wma"] = f'<asx version="3.0"><entry><ref href="{target}"/></entry></asx>'
        texts[f"svg-{kind}.svg"] = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="{target}"/></svg>'
        )
        texts[f"smil-{kind}.ism"] = f'<smil><body><switch><audio src="{target}"/></switch></body></smil>'
    host, port = address.removeprefix("http://").split(":")
    texts["session.sdp"] = f"v=0\no=- 0 0 IN IP4 {host}\ns=x\nc=IN IP4 {host}\nt=0 0\nm=audio {port} RTP/AVP 0\n"
    texts["concat-protocol.mp3"] = f"concat:{canary}|{canary}"
    texts["subtitle.srt"] = "1\n00:00:00,000 --> 00:00:01,000\nHello\n"
    texts["subtitle.vtt"] = "WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n"
    texts["subtitle.ass"] = (
        "[Script Info]\nScriptType: v4.00+\n[Events]\nDialogue: 0,0:00:00.00,0:00:01.00,D,,0,0,0,,Hi\n"
    )
    texts["page.html"] = "<!doctype html><html><body>Hello</body></html>"
    texts["words.txt"] = "These are words and no sound at all.\n" * 50
    texts["art.txt"] = "\x1b[1;31m" * 500
    return {name: text.encode() for name, text in texts.items()}


def foreign() -> dict[str, bytes]:
    """Files of other kinds."""
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in (
            (b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)),
            (b"IDAT", zlib.compress(bytes(300_000))),
            (b"IEND", b""),
        )
    )
    gif = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff" + (
        b"!\xf9\x04\x00\x0a\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00" * 3 + b";"
    )
    wav = all_media()["s16.wav"].read_bytes()
    archive, tarball = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as inside:
        inside.writestr("a.wav", wav)
    with tarfile.open(fileobj=tarball, mode="w") as bundle:
        entry = tarfile.TarInfo("a.wav")
        entry.size = len(wav)
        bundle.addfile(entry, io.BytesIO(wav))
    return {
        "huge.png": png,
        "picture.jpg": bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffdb004300") + bytes(64) + b"\xff\xd9",
        "moving.gif": gif,
        "picture.bmp": b"BM" + struct.pack("<IIIIiiHH", 58, 0, 54, 40, 1, 1, 1, 24) + bytes(28),
        "picture.webp": b"RIFF" + struct.pack("<I", 26) + b"WEBPVP8L" + bytes(18),
        "picture.heic": struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(100),
        "paper.pdf": b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
        "archive.zip": archive.getvalue(),
        "archive.gz": gzip.compress(wav),
        "archive.tar": tarball.getvalue(),
        "program.mp3": b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 2, 62, 1) + bytes(2000),
        "program.exe": b"MZ\x90\x00" + bytes(2000),
        "zeros.wav": bytes(100_000),
        "ones.mp3": b"\xff" * 100_000,
        "one-byte.wav": b"R",
    }


def noise() -> dict[str, bytes]:
    """Random bytes under every documented extension."""
    return {f"random.{ending}": random.Random(ending).randbytes(200_000) for ending in DOCUMENTED}


def cut_short() -> dict[str, bytes]:
    """The first bytes of real files: a header and no sound, or less than a header."""
    return {
        f"cut-{name}": path.read_bytes()[: (3, 12, 24)[number % 3]]
        for number, (name, path) in enumerate(all_media().items())
    }


def wav_file(
    rate: int = 16_000, channels: int = 1, bits: int = 16, size: int | None = None, data: bytes = b""
) -> bytes:
    """A WAV whose header says whatever is asked."""
    align = channels * bits // 8
    layout = struct.pack("<HHIIHH", 1, channels & 0xFFFF, rate, rate * align & 0xFFFFFFFF, align & 0xFFFF, bits)
    declared = len(data) if size is None else size
    body = b"WAVEfmt " + struct.pack("<I", 16) + layout + b"data" + struct.pack("<I", declared) + data
    return b"RIFF" + struct.pack("<I", len(body) & 0xFFFFFFFF) + body


def lying_headers() -> dict[str, bytes]:
    """Headers that say absurd things. Some of these decode: whatever comes must come soon."""
    sound = bytes(range(256)) * 250
    mp4 = all_media()["a.mp4"].read_bytes()
    tag = b"ID3\x04\x00\x00" + bytes([0, 1, 116, 32])
    return {
        "rate-1.wav": wav_file(rate=1, data=sound),
        "rate-4g.wav": wav_file(rate=4_000_000_000, data=sound),
        "rate-0.wav": wav_file(rate=0, data=sound),
        "channels-255.wav": wav_file(channels=255, data=sound),
        "channels-65535.wav": wav_file(channels=65535, data=sound),
        "channels-0.wav": wav_file(channels=0, data=sound),
        "bits-0.wav": wav_file(bits=0, data=sound),
        "bits-64.wav": wav_file(bits=64, data=sound),
        "no-data.wav": wav_file(),
        "only-tag.mp3": tag + bytes(30_000),
        "tag-longer-than-file.mp3": b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + bytes(1000),
        "tag-and-page.mp3": tag + bytes(29_984) + b"<html></html>",
        "no-index.mp4": mp4[: mp4.rindex(b"moov") - 4],
        "only-ftyp.mp4": mp4[:32],
        "box-of-2-to-64.mp4": mp4[:32] + b"\x00\x00\x00\x01moov" + b"\xff" * 8 + bytes(500),
        "boxes-in-boxes.mov": b"".join(struct.pack(">I", 8 * (5000 - depth)) + b"moov" for depth in range(5000)),
        "endless-element.mkv": bytes.fromhex("1a45dfa3a3")
        + bytes(35)
        + b"\x18\x53\x80\x67\x01"
        + b"\xff" * 7
        + bytes(500),
        "elements-in-elements.mkv": _ebml_head()
        + b"\x18\x53\x80\x67\x01"
        + b"\xff" * 7
        + b"\xae\x01\xff\xff\xff\xff\xff\xff\xff" * 5000,
    }


def references(canary: Path, address: str) -> dict[str, bytes]:
    """True containers of sound that name another file or address inside."""
    hls = f"#EXTM3U\n#EXTINF:9,\nfile://{canary}\n{address}/x.ts\n#EXT-X-ENDLIST\n".encode()
    pointed = {}
    for kind, target in (("path", str(canary)), ("name", canary.name)):
        alias = _box(b"alis", bytes(4) + _alias(target))
        pointed[f"alias-{kind}.mov"] = with_reference(all_media()["a.mov"].read_bytes(), alias)
        pointed[f"alias-{kind}.mp4"] = with_reference(all_media()["faststart.mp4"].read_bytes(), alias)
    link = _box(b"url ", bytes(4) + f"{address}/x.mov".encode() + b"\0")
    movie = _box(b"rdrf", bytes(4) + b"url " + struct.pack(">I", len(address) + 6) + f"{address}/x.mov".encode())
    return {
        **pointed,
        "url.mov": with_reference(all_media()["a.mov"].read_bytes(), link),
        "reference-movie.mov": _box(b"moov", _box(b"rmra", _box(b"rmda", movie))),
        "playlist-as-subtitle.avi": _avi_with_subtitle(hls),
        "playlist-after-tag.mp3": b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10) + hls,
        "playlist-in-ts.ts": all_media()["a.ts"].read_bytes()[:1880] + hls,
    }


def with_reference(movie: bytes, entry: bytes) -> bytes:
    """``movie`` with its sound said to lie elsewhere: every data reference replaced by ``entry``."""
    at = movie.index(b"moov") - 4
    size = int.from_bytes(movie[at : at + 4], "big")
    return movie[:at] + _replaced(movie[at : at + size], entry) + movie[at + size :]


def _replaced(box: bytes, entry: bytes) -> bytes:
    kind, body = box[4:8], box[8:]
    if kind == b"dref":
        return _box(kind, bytes(4) + struct.pack(">I", 1) + entry)
    if kind not in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        return box
    parts, at = [], 0
    while at < len(body):
        size = int.from_bytes(body[at : at + 4], "big")
        parts.append(_replaced(body[at : at + size], entry))
        at += size
    return _box(kind, b"".join(parts))


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def _alias(target: str) -> bytes:
    """A QuickTime alias record with an absolute path and the way there from the file's own folder."""
    name = target.rsplit("/")[-1].encode()
    record = bytes(10) + b"\x04disk" + bytes(23) + bytes(12) + bytes([len(name)]) + name.ljust(63, b"\0") + bytes(16)
    record += struct.pack(">HH", 1, 1) + bytes(16)
    path = target.encode() + b"\0" * (len(target) % 2)
    return record + struct.pack(">HH", 2, len(path)) + path + b"\xff\xff\x00\x00"


def _avi_with_subtitle(text: bytes) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)

    def stream(kind: bytes, form: bytes, scale: int, rate: int, sample: int) -> bytes:
        head = kind + bytes(4) + struct.pack("<IHHIIIIIIII", 0, 0, 0, 0, scale, rate, 0, 10, 0, 0, sample) + bytes(8)
        return chunk(b"LIST", b"strl" + chunk(b"strh", head) + chunk(b"strf", form))

    sound = struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16)
    lists = stream(b"txts", b"", 1, 1, 0) + stream(b"auds", sound, 1, 16_000, 2)
    header = b"hdrl" + chunk(b"avih", struct.pack("<14I", 40_000, 0, 0, 0, 10, 0, 2, 0, 64, 48, 0, 0, 0, 0)) + lists
    subtitle = b"GAB2\0" + struct.pack("<HIHI", 2, 0, 4, len(text)) + text
    movie = b"movi" + chunk(b"00tx", subtitle) + chunk(b"01wb", bytes(range(256)) * 125)
    return chunk(b"RIFF", b"AVI " + chunk(b"LIST", header) + chunk(b"LIST", movie))


def absurd_pictures() -> dict[str, tuple[bytes, bool]]:
    """Pictures that would take gigabytes to decode, and whether there is sound beside them."""
    made: dict[str, tuple[bytes, bool]] = {}
    for name, audible in (("a.mp4", True), ("silent.mp4", False), ("a.mov", True), ("silent.mov", False)):
        data = bytearray(all_media()[name].read_bytes())
        entry = data.index(b"mp4v", data.index(b"stsd"))
        data[entry + 28 : entry + 32] = b"\xff" * 4
        made[f"absurd-{name}"] = bytes(data), audible
    for name, audible in (("wide.mkv", True), ("silent-wide.mkv", False)):
        data = bytearray(all_media()[name].read_bytes())
        for element, size in ((b"\xb0\x82\x01\x40", b"\xff\xff"), (b"\xba\x82\x01\x02", b"\xff\xff")):
            at = data.index(element)
            data[at + 2 : at + 4] = size
        made[f"absurd-{name}"] = bytes(data), audible
    cover = b"\0image/png\0\x03\0" + foreign()["huge.png"]
    frame = b"APIC" + struct.pack(">I", len(cover)) + bytes(2) + cover
    size = len(frame)
    tag = b"ID3\x03\x00\x00" + bytes([0, 0, size >> 7, size & 0x7F]) + frame
    made["absurd-cover.mp3"] = tag + all_media()["cbr.mp3"].read_bytes(), True
    return made


def _ebml(identifier: str, body: bytes) -> bytes:
    return bytes.fromhex(identifier) + struct.pack(">Q", 1 << 56 | len(body)) + body


def _ebml_head() -> bytes:
    return _ebml("1a45dfa3", _ebml("4282", b"matroska") + _ebml("4287", b"\x04") + _ebml("4285", b"\x02"))


def bombs() -> dict[str, bytes]:
    """A few kilobytes that decode to very much."""
    audio = _ebml("b5", struct.pack(">d", 8000.0)) + _ebml("9f", b"\x01") + _ebml("6264", b"\x08")
    squeezed = _ebml(
        "6d80", _ebml("6240", _ebml("5031", b"\x00") + _ebml("5033", b"\x00") + _ebml("5034", _ebml("4254", b"\x00")))
    )
    track = _ebml(
        "ae",
        _ebml("d7", b"\x01")
        + _ebml("73c5", b"\x01")
        + _ebml("83", b"\x02")
        + _ebml("86", b"A_PCM/INT/LIT")
        + _ebml("e1", audio)
        + squeezed,
    )
    block = b"\x81\x00\x00\x80" + zlib.compress(b"\x80" * 9_000_000, 9)
    cluster = _ebml("1f43b675", _ebml("e7", b"\x00") + _ebml("a3", block))
    return {
        "silent-24-h.opus": silent_opus(24 * 3600, packets=200),
        "silent-24-h.flac": silent_flac(24 * 3600, honest=True),
        "silent-2-h-untold.flac": silent_flac(2 * 3600, honest=False, rate=4000),
        "one-sample-a-second.flac": silent_flac(24 * 3600, honest=False, rate=1),
        "zlib.mkv": _ebml_head() + _ebml("18538067", _ebml("1654ae6b", track) + cluster),
    }


def _ogg_page(body: list[bytes], granule: int, number: int, flags: int) -> bytes:
    lacing = b"".join(b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in body)
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, 7, number, 0, len(lacing)) + lacing
    page = bytearray(head + b"".join(body))
    page[22:26] = struct.pack("<I", _ogg_crc(page))
    return bytes(page)


_OGG_TABLE = [0] * 256
for _index in range(256):
    _value = _index << 24
    for _ in range(8):
        _value = _value << 1 ^ (0x04C11DB7 if _value & 0x80000000 else 0)
    _OGG_TABLE[_index] = _value & 0xFFFFFFFF


def _ogg_crc(page: bytes | bytearray) -> int:
    crc = 0
    for byte in page:
        crc = crc << 8 & 0xFFFFFFFF ^ _OGG_TABLE[crc >> 24 ^ byte]
    return crc


def silent_opus(seconds: int, packets: int) -> bytes:
    """Opus whose page times tell of ``seconds``, and whose few packets of two bytes are 120 ms of nothing each."""
    head = b"OpusHead" + struct.pack("<BBHIHB", 1, 1, 0, 48_000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 0) * 2
    quiet = bytes([0x9B, 0x06])  # CELT, 20 ms frames, six of them, each empty
    bodies = (([head], 0, 2), ([tags], 0, 0), ([quiet] * packets, seconds * 48_000, 4))
    return b"".join(_ogg_page(body, granule, number, flags) for number, (body, granule, flags) in enumerate(bodies))


def silent_flac(seconds: int, honest: bool, rate: int = 8000) -> bytes:
    """FLAC of constant frames of 65535 samples: 24 h are 150 KB at 8 kHz."""
    total = seconds * rate if honest else 0
    info = struct.pack(">HH", 65535, 65535) + bytes(6) + (rate << 44 | 15 << 36 | total).to_bytes(8, "big") + bytes(16)
    frames = []
    for number in range(-(-seconds * rate // 65535)):
        head = b"\xff\xf8\x70\x08" + chr(number).encode() + struct.pack(">H", 65534)
        frame = head + bytes([_crc(head, 8, 0x07)]) + b"\x00\x00\x00"
        frames.append(frame + struct.pack(">H", _crc(frame, 16, 0x8005)))
    return b"fLaC\x80\x00\x00\x22" + info + b"".join(frames)


def _crc(data: bytes, width: int, polynomial: int) -> int:
    crc, top = 0, 1 << width - 1
    for byte in data:
        crc ^= byte << width - 8
        for _ in range(8):
            crc = (crc << 1 ^ polynomial if crc & top else crc << 1) & ((1 << width) - 1)
    return crc
