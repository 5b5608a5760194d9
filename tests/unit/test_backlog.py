import asyncio
import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.api.admission import Grant
from stt_ai.errors import DamagedMedia, Overloaded
from stt_ai.pipeline.backlog import AHEAD_S, RESERVED_S, Backlog
from stt_ai.ports import TranscriptionService
from stt_ai.types import Transcript, TranscriptionRequest, Upload
from tests.support.api import HELLO, Failing, Recorder


class Server:
    """Does one file after another, ``speed`` seconds of audio a second, on a clock of its own."""

    def __init__(self, speed: float, longest_s: float = 10.0, always: int = 2) -> None:
        self.now = self.free_at = 0.0
        self.speed = speed
        self.backlog = Backlog(longest_s, always, lambda: self.now)
        self._inside: list[tuple[float, ExitStack]] = []

    def arrive(self, seconds: float) -> float:
        """How long it waits for its turn. Raises `Overloaded`."""
        stay = ExitStack()
        reservation = stay.enter_context(self.backlog.reserve())
        stay.enter_context(reservation.begin())(seconds)
        begins = max(self.now, self.free_at)
        self.free_at = begins + min(seconds, AHEAD_S) / self.speed
        self._inside.append((self.free_at, stay))
        return begins - self.now

    def pass_time(self, until: float) -> None:
        while self._inside and self._inside[0][0] <= until:
            self.now, stay = self._inside.pop(0)
            stay.close()
        self.now = until

    def slow_down(self, times: float) -> None:
        self.speed /= times
        self.free_at = self.now + (self.free_at - self.now) * times
        self._inside = [(self.now + (end - self.now) * times, stay) for end, stay in self._inside]


@given(
    speed=st.floats(0.5, 200),
    load=st.floats(1.2, 5),
    lengths=st.lists(st.floats(1, 60), min_size=5, max_size=30),
    rounds=st.integers(5, 20),
)
def test_over_capacity_nobody_who_is_let_in_waits_much_longer_than_allowed(
    speed: float, load: float, lengths: list[float], rounds: int
) -> None:
    server, waits, refused = Server(speed), [], 0
    for seconds in lengths * rounds:
        try:
            waits.append(server.arrive(seconds))
        except Overloaded as busy:
            refused += 1
            assert 1 <= busy.retry_after <= 600
        server.pass_time(server.now + seconds / speed / load)
    longest_file = max(lengths) / speed
    # Until the first file has ended nothing is measured, and `always` files are let in anyhow.
    assert max(waits) <= 10 * 1.25 + 2 * longest_file + longest_file * load
    assert len(waits) > 0 and (refused > 0 or server.free_at - server.now <= 10 * 1.25 + 2 * longest_file)


@given(speed=st.floats(0.5, 200), lengths=st.lists(st.floats(1, 60), min_size=1, max_size=50))
def test_below_capacity_nobody_is_refused(speed: float, lengths: list[float]) -> None:
    server = Server(speed)
    for seconds in lengths:
        assert server.arrive(seconds) == 0
        server.pass_time(server.now + 1.01 * seconds / speed)


def an_hour(load: float) -> tuple[float, float]:
    """(the 95th percentile of the time until a file is done, the share of files refused) at a Poisson load."""
    server, chance = Server(20, always=8), random.Random(3)
    lengths = [3.0, 5.0, *[10.0] * 16, *[23.5] * 3]
    taken, refused = [], 0
    while server.now < 3600:
        server.pass_time(server.now + chance.expovariate(load * server.speed * len(lengths) / sum(lengths)))
        seconds = chance.choice(lengths)
        try:
            taken.append(server.arrive(seconds) + seconds / server.speed)
        except Overloaded:
            refused += 1
    return sorted(taken)[len(taken) * 95 // 100], refused / (refused + len(taken))


def test_at_twice_the_load_those_who_are_let_in_fare_as_at_capacity_and_at_half_nobody_is_refused() -> None:
    (half, none), (full, few), (twice, many) = (an_hour(load) for load in (0.5, 1.0, 2.0))
    assert (none, half) == (0, pytest.approx(0, abs=3))
    assert few < 0.1
    assert many == pytest.approx(0.5, abs=0.05)
    assert twice <= 1.2 * full


def test_the_estimate_is_the_wait() -> None:
    server = Server(20, longest_s=1e9)
    for _ in range(100):
        server.arrive(10)
        server.pass_time(server.now + 0.49)
    for _ in range(40):
        server.pass_time(server.now + 0.01)
        expected = server.backlog.wait_s
        assert server.arrive(10) == pytest.approx(expected, rel=0.25, abs=0.6)


def steady(speed: float = 20.0) -> Server:
    """One that has measured that."""
    server = Server(speed)
    for _ in range(100):
        server.arrive(10)
        server.pass_time(server.now + 0.49)
    return server


def test_a_service_that_becomes_slower_at_once_says_so_before_anything_is_done() -> None:
    server = steady()
    for _ in range(15):
        server.arrive(10)
    server.slow_down(20)
    server.pass_time(server.now + 8)
    assert len(server.backlog) >= 15
    assert server.backlog.wait_s > 15  # it will be 150; by those who are done it would be 8


def test_of_those_who_come_together_only_so_many_are_let_in_as_can_wait() -> None:
    server, entered = steady(), []
    with ExitStack() as sending:
        with pytest.raises(Overloaded):
            for _ in range(100):
                entered.append(sending.enter_context(server.backlog.reserve()))
        assert 18 <= len(entered) <= 24
        for reservation in entered:  # and they are not counted twice when they are here
            sending.enter_context(reservation.begin())(10)
        assert len(server.backlog) >= len(entered) and server.backlog.wait_s == pytest.approx(10, rel=0.25)
    with server.backlog.reserve():
        pass


def test_who_is_slow_to_send_a_file_takes_nobodys_place() -> None:
    server = steady()
    with ExitStack() as sending:
        for _ in range(5):
            for _ in range(12):
                sending.enter_context(server.backlog.reserve())
            server.pass_time(server.now + RESERVED_S)
        assert server.backlog.wait_s == 0


def test_whose_request_fails_before_its_file_is_here_leaves_his_place() -> None:
    server = steady()
    for _ in range(1000):
        with server.backlog.reserve():
            pass
    server.pass_time(server.now + 1)
    assert server.backlog.wait_s == 0


def test_a_few_that_wait_for_something_else_keep_nobody_out() -> None:
    server = Server(20, always=16)
    with ExitStack() as stuck:
        for _ in range(3):
            stuck.enter_context(server.backlog.begin())(10)
        for _ in range(1000):
            server.pass_time(server.now + 0.25)
            while len(server.backlog) < 19:
                server.arrive(10)


def test_it_recovers_as_soon_as_the_work_is_done() -> None:
    server = Server(20)
    server.arrive(10)
    server.pass_time(1)
    while True:
        try:
            server.arrive(30)
        except Overloaded as busy:
            server.pass_time(server.now + busy.retry_after)
            break
    assert server.arrive(30) <= 10
    server.pass_time(server.now + 60)
    assert (server.arrive(30), len(server.backlog)) == (0, 1)


def test_so_many_are_always_let_in() -> None:
    server = Server(0.1, always=3)
    server.arrive(100)
    server.pass_time(1000)
    for _ in range(3):
        server.arrive(100)
    with pytest.raises(Overloaded) as busy:
        server.arrive(100)
    assert busy.value.retry_after == 600


def test_a_long_file_counts_as_what_of_it_can_be_before_another() -> None:
    backlog = Backlog(10, 0)
    with backlog.begin() as tell:
        tell(40_000)
        assert backlog.seconds == AHEAD_S
    assert (backlog.seconds, len(backlog)) == (0, 0)


def test_whose_file_is_slow_keeps_his_own_place_when_another_begins_first() -> None:
    server = Server(20, always=0)
    server.arrive(10)
    server.pass_time(5)
    with server.backlog.reserve() as first:
        server.pass_time(server.now + RESERVED_S - 1)
        with server.backlog.reserve() as second:
            with second.begin() as count:
                count(10)
                assert server.backlog.seconds == 10 + 10, "the first is on its way still"
            server.pass_time(server.now + 2)
            assert server.backlog.seconds == 0, "and is not for ever"
        with first.begin() as count:
            count(10)
            assert server.backlog.seconds == 10


@pytest.fixture
def upload(tmp_path: Path) -> Iterator[Upload]:
    path = tmp_path / "upload"
    path.write_bytes(b"sound")
    yield Upload(path, 5)


async def worked(service: TranscriptionService, upload: Upload, backlog: Backlog, seen: list[float]) -> Transcript:
    """A file as a route works on it."""
    with backlog.reserve() as reservation, Grant(10, reservation=reservation).work() as on_duration:

        async def noted(seconds: float) -> None:
            await on_duration(seconds)
            seen.append(backlog.seconds)
            await asyncio.sleep(0.01)

        return await service.transcribe(upload, TranscriptionRequest("m"), noted)


async def test_work_is_counted_from_its_first_moment_to_its_last(upload: Upload) -> None:
    backlog, seen = Backlog(10, 0), []
    assert await worked(Recorder(), upload, backlog, seen) == HELLO
    assert (seen, len(backlog)) == ([3.0], 0)
    with backlog.begin() as count:
        count(300)
        assert backlog.wait_s > 0


async def test_what_failed_says_nothing_of_the_pace_and_is_gone(upload: Upload) -> None:
    backlog = Backlog(10, 0)
    with pytest.raises(DamagedMedia):
        await worked(Failing(DamagedMedia("broken")), upload, backlog, [])
    with backlog.begin() as count:
        count(300)
        assert (len(backlog), backlog.wait_s) == (1, 0)


def test_what_other_processes_work_on_counts_before_a_new_file_like_files_of_this_one() -> None:
    backlog = Backlog(10, 0)
    backlog.count_elsewhere([100, 2 * AHEAD_S])
    assert backlog.seconds == 100 + AHEAD_S
    backlog.count_elsewhere([])
    assert backlog.seconds == 0
