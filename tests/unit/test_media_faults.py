"""What recorders, editors and broken disks make of files is decoded, in its place, or said to be missing."""

from pathlib import Path

import numpy as np
import pytest

from stt_ai.engines.decoding import FileDecoder
from stt_ai.errors import BadRequest, UnsupportedMedia
from stt_ai.types import DecodedAudio, Upload
from tests.support.media_files import FFMPEGS, PATIENT, RATE
from tests.unit.media.faults import BOTH, EARLY, FAULTS, HELLO, MEETING, Fault, Part, sound_of

ROWS = [(fault, kind) for fault in FAULTS for kind in fault.containers]
PROGRAMS = FFMPEGS
CASES = Path(__file__).parents[3] / "shared" / "cases"


@pytest.fixture(scope="module")
def decoders() -> list[FileDecoder]:
    return [FileDecoder(PATIENT, program=program) for program in PROGRAMS]


def decode(decoder: FileDecoder, path: Path) -> DecodedAudio | BadRequest:
    try:
        return decoder.decode(Upload(path, path.stat().st_size, path.name))
    except BadRequest as error:
        return error


def similarity_at(audio: DecodedAudio, part: Part, slack: float) -> float:
    """The greatest correlation of the part with what is decoded within ``slack`` seconds of its time."""
    audible = np.concatenate(audio.pcm.chunks).astype(float)
    wanted = sound_of(part).astype(float)
    first = max(0, int((part.at - slack) * RATE))
    stretch = audible[first : int((part.at + slack) * RATE) + len(wanted)]
    if len(stretch) < len(wanted) // 2:
        return 0.0
    size = 1 << (len(stretch) + len(wanted)).bit_length()
    cross = np.fft.irfft(np.fft.rfft(stretch, size) * np.conj(np.fft.rfft(wanted, size)))
    lags = int(2 * slack * RATE) + 1
    near = np.concatenate([cross[:lags], cross[-lags // 2 :]])
    energy = max(np.square(stretch[: len(wanted)]).sum(), 1e-9) * np.square(wanted).sum()
    return float(np.abs(near).max() / np.sqrt(energy))


@pytest.mark.parametrize(("fault", "kind"), ROWS, ids=[f"{fault.name} in {kind}" for fault, kind in ROWS])
def test_a_fault(fault: Fault, kind: str, decoders: list[FileDecoder], tmp_path: Path) -> None:
    path = tmp_path / f"file.{kind}"
    fault.build(path)
    for decoder in decoders:
        audio = decode(decoder, path)
        if fault.error:
            assert isinstance(audio, BadRequest), audio
            assert fault.error in audio.message
            continue
        assert isinstance(audio, DecodedAudio), audio
        codes = {warning.code for warning in audio.warnings}
        assert codes - fault.any_of == fault.warnings, audio.warnings
        assert codes & fault.any_of or not fault.any_of
        if fault.seconds:
            assert audio.duration == pytest.approx(fault.seconds, abs=fault.slack)
        for part in fault.parts:
            assert similarity_at(audio, part, fault.slack) > 0.7, (part, decoder._program)
        assert audio.regions


THREE_SECONDS = (
    *("3ch_speech_on_3.wav", "8ch_speech_on_4.wav", "quiet_50db.flac", "phase_inverted.wav", "wav_24in32.wav"),
    *("wav_behind_id3.wav", "xing15h.mp3", "long_video_13h.mp4", "silent_first_track.mkv", "times_back05.mkv"),
    *("times_stray30.mkv", "times_stray_last.mkv", "times_all0.mkv", "times_dur50h.mkv", "codec_tta.mka"),
    "codec_s302m.ts",
)
IN_THE_MIDDLE = (Part(0.0, MEETING, 0.0, 5.0), Part(18.0, MEETING, 18.0, 22.0))
RIGHT: dict[str, tuple[float, tuple[Part, ...]]] = {
    **{name: (3.0, (Part(),)) for name in THREE_SECONDS},
    **{name: (5.5, (Part(2.5),)) for name in ("offset.ts", "offset.mpg", "offset.wmv", "mid_packet.ts")},
    **dict.fromkeys(("chained_st_mono.ogg", "chained_flac.oga"), (8.0, BOTH)),
    **dict.fromkeys(("flip.ogg", "hole.ogg", "hole.wma"), (23.5, IN_THE_MIDDLE)),
    "half.m4a": (11.3, EARLY),
    "half.mp3": (11.7, EARLY),
    "half.ogg": (11.0, EARLY),
    "cut.m4a": (1.4, (Part(0.0, HELLO, 0.0, 1.3),)),
}
WARNED = {
    "quiet_50db.flac": "quiet",
    "phase_inverted.wav": "channels_cancelled",
    "silent_first_track.mkv": "silent_track_skipped",
    "flip.ogg": "audio_damaged",
    **{f"times_{name}.mkv": "timestamps_repaired" for name in ("back05", "stray30", "stray_last", "all0")},
    **dict.fromkeys(("cut.m4a", "half.m4a", "half.mp3", "half.ogg", "hole.ogg", "hole.wma"), "audio_missing"),
}


@pytest.mark.skipif(not CASES.exists(), reason="needs the files beside the checkout")
@pytest.mark.parametrize("name", sorted(RIGHT))
def test_a_file_that_failed(name: str, decoders: list[FileDecoder]) -> None:
    seconds, parts = RIGHT[name]
    for decoder in decoders:
        audio = decode(decoder, CASES / name)
        assert isinstance(audio, DecodedAudio), audio
        assert audio.duration == pytest.approx(seconds, abs=0.2)
        assert [warning.code for warning in audio.warnings] == ([WARNED[name]] if name in WARNED else [])
        for part in parts:
            assert similarity_at(audio, part, 0.3) > 0.7, part
        assert audio.regions


@pytest.mark.skipif(not CASES.exists(), reason="needs the files beside the checkout")
def test_every_file_that_failed_is_tested(decoders: list[FileDecoder]) -> None:
    assert {path.name for path in CASES.iterdir()} - set(RIGHT) == {"README.md", "encrypted.mp4"}
    for decoder in decoders:
        refused = decode(decoder, CASES / "encrypted.mp4")
        assert isinstance(refused, UnsupportedMedia)
        assert "encrypted" in refused.message
