"""Uploads that are made to do harm end in a sentence, soon, and lead to no other file or address."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stt_ai.engines.decoding import DecoderLimits, FileDecoder
from stt_ai.errors import (
    DamagedMedia,
    EmptyFile,
    NoAudioTrack,
    SttError,
    Unavailable,
    UnsupportedMedia,
)
from stt_ai.types import DecodedAudio, Upload
from tests.support import hostile_files as hostile
from tests.support.access_trap import Trap
from tests.support.media_files import FFMPEG, FFMPEGS, all_media, children

Answer = DecodedAudio | SttError
Try = Callable[[dict[str, bytes]], dict[str, Answer]]


@pytest.fixture(scope="module", params=FFMPEGS)
def decoder(request: pytest.FixtureRequest) -> FileDecoder:
    """With the ffmpeg on PATH, if there is one, and with the one that is shipped."""
    # A busy machine may be slow; a file that hangs the decoder is not done in three times the usual limit either.
    return FileDecoder(DecoderLimits(probe_timeout_s=24.0), program=request.param)


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Trap]:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    with Trap(uploads, all_media()["a.mov"].read_bytes()) as trap:
        yield trap


@pytest.fixture
def attempt(decoder: FileDecoder, trap: Trap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Try]:
    """Decodes files that lie beside the canary. No refusal may tell of the service's inside; afterwards nothing may be
    left, and nobody may have been called.
    """
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    def one(item: tuple[str, bytes]) -> tuple[str, Answer]:
        path = trap.folder / item[0]
        path.write_bytes(item[1])
        try:
            return item[0], decoder.decode(Upload(path, len(item[1]), item[0]))
        except SttError as error:
            assert error.message.endswith("."), item[0]
            assert not any(word in error.message for word in ("/", "ffmpeg", "Error", "\n", "0x")), error.message
            return item[0], error

    def attempt(files: dict[str, bytes]) -> dict[str, Answer]:
        trap.opened()
        with ThreadPoolExecutor(3) as pool:
            return dict(pool.map(one, files.items()))

    yield attempt
    assert trap.canary.name not in trap.opened()
    assert trap.connections == 0
    assert not list(temporary.iterdir())
    assert not children()


def test_the_trap_notices_a_file_that_is_opened_and_an_address_that_is_called(trap: Trap) -> None:
    movie = trap.folder / "alias.mov"
    movie.write_bytes(hostile.references(trap.canary, trap.address)["alias-path.mov"])
    careless = [
        FFMPEG,
        "-v",
        "quiet",
        "-enable_drefs",
        "1",
        "-use_absolute_path",
        "1",
        "-i",
        str(movie),
        "-f",
        "null",
        "-",
    ]
    trap.opened()
    subprocess.run(careless, stdin=subprocess.DEVNULL)
    assert trap.canary.name in trap.opened()
    playlist = trap.folder / "list.m3u8"
    playlist.write_bytes(hostile.scripts(trap.canary, trap.address)["hls-http.m3u8"])
    careless = [FFMPEG, "-v", "quiet", "-protocol_whitelist", "file,http,tcp", "-i", str(playlist), "-f", "null", "-"]
    subprocess.run(careless, stdin=subprocess.DEVNULL)
    assert trap.connections > 0


def test_playlists_and_scripts_are_refused_under_any_name(attempt: Try, trap: Trap) -> None:
    scripts = hostile.scripts(trap.canary, trap.address)
    under_media_names = {f"{name}.{ending}": text for name, text in scripts.items() for ending in ("mp3", "mp4", "ts")}
    answers = attempt({**scripts, **under_media_names})
    assert {type(answer) for answer in answers.values()} == {UnsupportedMedia}


def test_references_inside_true_containers_lead_nowhere(attempt: Try, trap: Trap) -> None:
    answers = attempt(hostile.references(trap.canary, trap.address))
    assert all(isinstance(answers[name], DamagedMedia) for name in answers if name.startswith("alias"))
    assert isinstance(answers["reference-movie.mov"], NoAudioTrack)
    assert isinstance(answers["playlist-as-subtitle.avi"], DecodedAudio)


def test_files_of_other_kinds_are_refused(attempt: Try) -> None:
    answers = attempt(hostile.foreign())
    assert {type(answer) for answer in answers.values()} == {UnsupportedMedia}


def test_random_bytes_are_refused_under_every_documented_extension(attempt: Try) -> None:
    answers = attempt(hostile.noise())
    assert len(answers) == 16
    assert {type(answer) for answer in answers.values()} == {UnsupportedMedia}


def test_an_empty_file_is_called_empty(attempt: Try) -> None:
    assert isinstance(attempt({"empty.wav": b""})["empty.wav"], EmptyFile)


def test_files_cut_off_after_their_first_bytes_are_refused(attempt: Try) -> None:
    answers = attempt(hostile.cut_short())
    wrong = {name: answer for name, answer in answers.items() if not isinstance(answer, SttError)}
    assert not wrong
    assert not [name for name, answer in answers.items() if isinstance(answer, Unavailable)]


def test_headers_that_lie_end_in_a_refusal(attempt: Try) -> None:
    answers = attempt(hostile.lying_headers())
    expected = (DamagedMedia, UnsupportedMedia, NoAudioTrack)
    assert not {name: answer for name, answer in answers.items() if not isinstance(answer, expected)}


def test_tags_without_end_are_refused(attempt: Try) -> None:
    tag, sound = b"ID3\x04" + bytes(6), all_media()["a.flac"].read_bytes()
    answers = attempt({"some.flac": tag * 20 + sound, "many.flac": tag * 100_000 + sound})
    assert isinstance(answers["some.flac"], DecodedAudio)
    assert isinstance(answers["many.flac"], DamagedMedia)


def test_a_few_kilobytes_that_hold_hours_are_refused(attempt: Try) -> None:
    answers = attempt(hostile.bombs())
    # What its pages claim is not believed, and what is in it is decoded.
    opus = answers.pop("silent-24-h.opus")
    assert isinstance(opus, DecodedAudio)
    assert opus.duration == pytest.approx(24, abs=1)
    assert all(isinstance(answer, DamagedMedia | UnsupportedMedia) for answer in answers.values())


def test_pictures_of_absurd_size_are_never_decoded(attempt: Try) -> None:
    cases = hostile.absurd_pictures()
    answers = attempt({name: content for name, (content, _) in cases.items()})
    for name, (_, has_sound) in cases.items():
        assert isinstance(answers[name], DecodedAudio if has_sound else NoAudioTrack), name
