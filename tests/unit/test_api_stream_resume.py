"""Streams that were cut off: what is remembered of them, for how long, and where they go on."""

from hypothesis import given
from hypothesis import strategies as st

from stt_ai.api.stream.config import StreamParams
from stt_ai.api.stream.resume import ResumePoint, ResumeStore
from stt_ai.streaming.config import LiveConfig
from stt_ai.streaming.events import Final
from stt_ai.types import SAMPLE_RATE
from tests.support.billing import Clock


def final(number: int, start: float, end: float) -> Final:
    return Final(f"text {number}", start, end, (), number, "en", True)


def asked(session_id: str | None, offset: float = 0.0, last: int | None = None) -> StreamParams:
    return StreamParams(LiveConfig("small"), session_id=session_id, offset=offset, last_segment_id=last)


def test_a_cut_is_taken_once() -> None:
    cuts = ResumeStore(60, 10, Clock())
    cuts.save("one", ResumePoint(16000, 3, "es", ()))
    found = cuts.start_of(asked("one"))
    assert (found.resumed, found.position, found.skipped, found.segment_id, found.language) == (
        *(True, 16000, 16000, 3),
        "es",
    )
    assert not cuts.start_of(asked("one")).resumed
    assert len(cuts) == 0


def test_a_cut_is_forgotten_after_its_time_and_the_oldest_when_there_are_too_many() -> None:
    clock = Clock()
    cuts = ResumeStore(60, 3, clock)
    for number in range(5):
        cuts.save(str(number), ResumePoint(0, 0, None, ()))
        clock.turn(10)
    assert len(cuts) == 3
    assert [cuts.start_of(asked(str(number))).resumed for number in (0, 1, 2)] == [False, False, True]
    clock.turn(45)  # 65 seconds after the fourth, 55 after the fifth
    assert [cuts.start_of(asked(str(number))).resumed for number in (3, 4)] == [False, True]


@given(
    lengths=st.lists(st.integers(10, 500), min_size=1, max_size=20),
    reported=st.integers(0, 20),
    back=st.integers(0, 300),
    by_id=st.booleans(),
)
def test_whatever_the_client_missed_is_sent_again_and_transcribed_once(
    lengths: list[int], reported: int, back: int, by_id: bool
) -> None:
    """Utterances of so many hundredths of a second, one after the other; the client got the first ``reported``."""
    ends = [sum(lengths[: number + 1]) / 100 for number in range(len(lengths))]
    finals = tuple(final(n, ([0.0, *ends])[n], end) for n, end in enumerate(ends))
    reported = min(reported, len(finals))
    has = ends[reported - 1] if reported else 0.0
    offset = max(0.0, round(has - back / 100, 2)) if by_id else has
    cuts = ResumeStore(60, 10, Clock())
    cuts.save("it", ResumePoint(round(ends[-1] * SAMPLE_RATE), len(finals), "en", finals))
    found = cuts.start_of(asked("it", offset, reported - 1 if by_id else None))
    assert found.repeated == finals[reported:]
    assert found.position == round(ends[-1] * SAMPLE_RATE)
    assert round(offset * SAMPLE_RATE) + found.skipped == found.position
    assert found.segment_id == len(finals)


@given(offset=st.integers(0, 10_000), last=st.one_of(st.none(), st.integers(-1, 99)))
def test_what_nobody_knows_begins_where_the_client_says(offset: int, last: int | None) -> None:
    found = ResumeStore(60, 10, Clock()).start_of(asked("gone", offset / 100, last))
    assert (found.resumed, found.skipped, found.repeated) == (False, 0, ())
    assert found.position == round(offset / 100 * SAMPLE_RATE)
    assert found.segment_id == (0 if last is None else last + 1)
