"""The parts of decoding one by one: laying out in time, mixing, levelling, Ogg pages, frames without a container."""

import io
from collections import deque
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stt_ai.engines import ogg
from stt_ai.engines.ffmpeg_log import FfmpegLog, Mark
from stt_ai.engines.frame_walk import mpeg_frame, walk
from stt_ai.engines.levels import Leveler
from stt_ai.engines.mixing import Mixer
from stt_ai.engines.packet_walk import PacketWalk, program_packet, walk_packets
from stt_ai.engines.timeline import AnySamples, Timeline
from tests.support.media_files import RATE, all_media

HOUR = 3600.0


def laid_out(
    seconds: float, marks: list[tuple[float, float]], cut: int = 4000, origin: float | None = 0.0
) -> tuple[AnySamples, Timeline]:
    """``marks``: (seconds of sound before it, stamp). The sound counts its own samples, so it shows where it went."""
    sound = np.arange(1, int(seconds * RATE) + 1, dtype=np.float32)
    timeline, marked = Timeline(origin, HOUR), deque(Mark(round(at * RATE), time) for at, time in marks)
    out = [part for start in range(0, len(sound), cut) for part in timeline.feed(sound[start : start + cut], marked)]
    out += timeline.finish()
    return np.concatenate(out), timeline


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(-100, 5000)), max_size=30), st.integers(100, 90_000))
@settings(deadline=None)
def test_whatever_the_stamps_no_sound_is_lost_or_doubled(marks: list[tuple[float, float]], cut: int) -> None:
    audible, timeline = laid_out(20, sorted(marks), cut)
    assert np.array_equal(audible[audible > 0], np.arange(1, 20 * RATE + 1))
    assert timeline.samples == len(audible)
    silence = sum(end - start for start, end in timeline.report.gaps) * RATE
    assert abs(len(audible) - 20 * RATE - silence) <= len(timeline.report.gaps)
    assert all(left[1] <= right[0] + 1e-4 for left, right in pairwise(timeline.report.gaps))


@given(st.lists(st.floats(0.2, 300), min_size=1, max_size=5))
@settings(deadline=None)
def test_gaps_between_stretches_of_sound_are_kept(gaps: list[float]) -> None:
    marks, stamp = [(0.0, 0.0)], 0.0
    for number, gap in enumerate(gaps, 1):
        stamp += 6 + gap
        marks.append((6.0 * number, stamp))
    audible, timeline = laid_out(6.0 * (len(gaps) + 1), marks)
    assert len(audible) == pytest.approx((6.0 * (len(gaps) + 1) + sum(gaps)) * RATE, abs=10)
    assert not timeline.report.repairs


@pytest.mark.parametrize("cut", [160, 16_000, 1_000_000])
def test_pauses_between_single_packets_are_kept(cut: int) -> None:
    """As where a coder sends one packet for each stretch of silence."""
    marks = [(0.0, 0.0), *((1 + 0.02 * number, 1 + 0.42 * number) for number in range(20)), (1.4, 9.4)]
    audible, timeline = laid_out(8.0, marks, cut)
    assert len(audible) == pytest.approx(16.0 * RATE, abs=50)
    assert not timeline.report.repairs


def test_stray_stamps_do_not_move_what_follows() -> None:
    for stray in (31.0, 0.2, 4.0):
        audible, timeline = laid_out(10.0, [(0.0, 0.0), (1.0, stray), (1.02, 1.02)])
        assert np.array_equal(audible, np.arange(1, 10 * RATE + 1))
        assert timeline.report.repairs


def test_the_last_packet_is_no_evidence_for_a_long_gap() -> None:
    audible, timeline = laid_out(3.0, [(0.0, 0.0), (2.98, 1800.0)])
    assert len(audible) == 3 * RATE
    assert timeline.report.repairs == 1


def test_sound_that_begins_late_is_put_where_it_begins() -> None:
    audible, _ = laid_out(6.0, [(0.0, 102.5)], origin=100.0)
    assert np.flatnonzero(audible)[0] == 2.5 * RATE
    assert len(audible) == 8.5 * RATE


def test_marks_are_read_however_the_log_is_cut() -> None:
    lines = b"[info] ffmpeg version 9\n" + b"".join(
        b"[Eval @ 0x7f] [info] %f\n" % value for value in (0, 1.5, 2, 3.5, 0, 4.0, 1, 5.0)
    )
    for step in (1, 7, 1000):
        log = FfmpegLog()
        for start in range(0, len(lines), step):
            log.feed(lines[start : start + step])
        # The second filter graph counts anew; by its stamp it follows 0.5 s after the last mark of the first.
        assert list(log.marks) == [Mark(0, 1.5), Mark(32_000, 3.5), Mark(40_000, 4.0), Mark(56_000, 5.0)]
        assert log.began


def noise(seed: int, seconds: float = 3.0) -> np.ndarray:
    """Noise whose loudness changes as that of speech."""
    time = np.arange(int(seconds * RATE)) / RATE
    wave = np.random.default_rng(seed).standard_normal(len(time)) * (0.02 + 0.1 * np.sin(2 * np.pi * 2 * time) ** 2)
    return wave.astype(np.float32)


def mixed(channels: list[np.ndarray], cut: int = 1000) -> np.ndarray:
    samples, mixer = np.stack(channels, axis=1), Mixer(len(channels))
    out = [part for start in range(0, len(samples), cut) for part in mixer.feed(samples[start : start + cut])]
    return np.concatenate([*out, *mixer.finish()])


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    return float(abs(np.corrcoef(one, other)[0, 1]))


def test_the_mix_does_not_depend_on_the_cuts() -> None:
    channels = [noise(1), -noise(1) + noise(2), noise(3)]
    assert np.array_equal(mixed(channels, 777), mixed(channels, 50_000))


@pytest.mark.parametrize("speaking", range(4))
def test_every_channel_of_four_is_audible(speaking: int) -> None:
    channels = [noise(1) * (1.0 if channel == speaking else 0.0) for channel in range(4)]
    assert similarity(mixed(channels), noise(1)) > 0.999


def test_two_who_speak_on_two_channels_are_both_transcribed() -> None:
    mix = mixed([noise(1), 0.2 * noise(2)])
    assert similarity(mix - noise(1) * (mix @ noise(1)) / (noise(1) @ noise(1)), noise(2)) > 0.9


def test_channels_that_cancel_are_told_apart_from_those_that_do_not() -> None:
    for other, cancelled in ((-noise(1), True), (noise(1), False), (noise(2), False), (0 * noise(1), False)):
        mixer = Mixer(2)
        list(mixer.feed(np.stack([noise(1), other], axis=1)))
        list(mixer.finish())
        assert mixer.cancelled == cancelled


def leveled(sound: AnySamples) -> tuple[np.ndarray, Leveler]:
    leveler = Leveler()
    parts = [*leveler.feed(sound), *leveler.finish()]
    return np.concatenate([part.samples[:, 0] for part in parts]), leveler


def test_sound_of_usual_loudness_is_left_as_it_is() -> None:
    samples = (noise(1, 20.0) * 32768).astype(np.int16)
    for sound in (samples, samples.astype(np.float32) / 32768):
        out, leveler = leveled(sound)
        assert np.array_equal(out, samples)
        assert not leveler.quiet


def test_quiet_speech_is_amplified_and_quiet_hiss_is_not() -> None:
    out, leveler = leveled(noise(1) * np.float32(1e-4))
    assert leveler.quiet
    assert np.std(out) > 100
    hiss = np.random.default_rng(1).standard_normal(3 * RATE).astype(np.float32) * np.float32(1e-4)
    out, leveler = leveled(hiss)
    assert not leveler.quiet
    assert np.std(out) < 10


def test_sound_above_full_scale_is_not_clipped() -> None:
    out, _ = leveled(noise(1) * np.float32(300))
    assert similarity(out, noise(1)) > 0.999


def test_numbers_that_are_none_are_silence() -> None:
    sound = noise(1)
    sound[100:200], sound[300:310] = np.nan, np.inf
    out, _ = leveled(sound)
    assert not out[100:200].any() and similarity(out[400:], sound[400:]) > 0.999


def test_the_checksum_of_ogg_pages_is_that_of_other_programs() -> None:
    for name in ("a.opus", "vorbis.ogg", "flac.ogg"):
        data = all_media()[name].read_bytes()
        found = list(ogg.pages(io.BytesIO(data), 0, len(data)))
        assert found and all(page.intact for page, _ in found)
        assert b"".join(page for _, page in found) == data


def test_a_page_that_fails_its_checksum_is_mended() -> None:
    data = bytearray(all_media()["vorbis.ogg"].read_bytes())
    data[len(data) // 2] ^= 1
    (link,) = ogg.links(io.BytesIO(data), 0, len(data))
    assert link.damaged and not link.cut
    copy = b"".join(ogg.repaired(io.BytesIO(data), link))
    assert len(copy) == len(data)
    assert all(page.intact for page, _ in ogg.pages(io.BytesIO(copy), 0, len(copy)))


@pytest.mark.parametrize("missing", [1, 700, 2000])
def test_a_hole_among_frames_is_as_long_as_what_was_there(missing: int) -> None:
    data = all_media()["cbr.mp3"].read_bytes()
    whole = walk(io.BytesIO(data), 0, len(data), mpeg_frame)
    assert not whole.holes and not whole.truncated
    assert whole.seconds == pytest.approx(1.5, abs=0.1)
    at = len(data) // 2
    for damaged in (data[:at] + bytes(missing) + data[at + missing :], data[:at] + data[at + missing :]):
        found = walk(io.BytesIO(damaged), 0, len(damaged), mpeg_frame)
        lost = sum(seconds for _, seconds in found.missing())
        assert found.holes or len(damaged) < len(data)
        assert lost + found.seconds == pytest.approx(whole.seconds, abs=0.1 + 0.3 * (len(damaged) < len(data)))


def test_program_streams_are_packets_without_a_break() -> None:
    for name in ("a.mpg", "a.mpeg"):
        data = all_media()[name].read_bytes()
        assert walk_packets(io.BytesIO(data), 0, len(data), program_packet) == PacketWalk(True)
        broken = data[:3000] + data[3500:]
        assert not walk_packets(io.BytesIO(broken), 0, len(broken), program_packet).unbroken


@pytest.mark.parametrize("more", [4, 12, 15, 40])
def test_a_program_stream_that_ends_inside_a_packet_is_truncated(more: int) -> None:
    data = all_media()["a.mpg"].read_bytes()
    pack = data.index(b"\0\0\1\xba", len(data) // 2)
    cut = data[: pack + more]
    whole_header = more == 12  # of MPEG-1
    assert walk_packets(io.BytesIO(cut), 0, len(cut), program_packet) == PacketWalk(True, truncated=not whole_header)
