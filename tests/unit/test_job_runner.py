"""The runner over a real queue, store and pipeline: what is taken up again, and what is left behind."""

import asyncio
import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stt_ai.accounts import WorkKind
from stt_ai.errors import LeaseExpired, ModelLoading, Overloaded, ReplicaLost, SummaryTooLong, UnsupportedMedia
from stt_ai.jobs import stored
from stt_ai.jobs.checkpoint import StoredCheckpoint
from stt_ai.jobs.client import JobsClient
from stt_ai.jobs.config import JobsConfig
from stt_ai.jobs.messages import JobStatus, NewJob
from stt_ai.jobs.runner import Runner
from stt_ai.jobs.service import JobService
from stt_ai.jobs.tables import Job
from stt_ai.pipeline import Pipeline
from stt_ai.storage.folder import FolderStore
from stt_ai.storage.store import Store
from stt_ai.types import (
    AudioSelection,
    DecodingOptions,
    Pcm,
    SpeechRegion,
    Summary,
    SummaryStyle,
    TranscriptionRequest,
    Window,
    WindowTranscript,
)
from tests.support.billing import Books, Clock
from tests.unit.test_pipeline import CannedDecoder, ScriptedDiarizer, SpeakingClock, spoken

REQUEST = TranscriptionRequest("clock", diarize=False)
CHANNELS = replace(REQUEST, selection=AudioSelection(separate=True))
SECRET = "Bearer of-another-service"
RATE = 16_000


class Mortal(SpeakingClock):
    """Transcribes ``lives`` windows; from then on it is waited for in vain. ``reached``: that is so."""

    def __init__(self, lives: int) -> None:
        super().__init__()
        self.lives = lives
        self.finished: set[int] = set()
        self.reached = asyncio.Event()

    async def transcribe(self, pcm: Pcm, window: Window, options: DecodingOptions) -> WindowTranscript:
        if len(self.finished) >= self.lives:
            self.reached.set()
            await asyncio.Event().wait()
        transcript = await super().transcribe(pcm, window, options)
        self.finished.add(window.index)
        return transcript


class Fetching:
    """Stands for the fetcher: gives the same bytes, and keeps the headers that it was given."""

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []

    async def fetch(self, url: str, max_bytes: int, write: Any, headers: dict[str, str]) -> str:
        self.headers.append(headers)
        await write(b"sound")
        return "a.wav"


class ScriptedSummarizer:
    """Raises ``failures`` in turn, then summarizes; ``texts``: what it was given."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.texts: list[str] = []

    async def summarize(self, text: str, style: SummaryStyle) -> Summary:
        self.texts.append(text)
        if self.failures:
            raise self.failures.pop(0)
        return Summary(f"{style}.", style, "scribe")

    def stream(self, text: str, style: SummaryStyle) -> Any:
        raise NotImplementedError


class Workshop:
    """One account's queue, its store, and workers that come and go."""

    def __init__(self, books: Books, folder: Path, store: Store | None = None, **config: float) -> None:
        self.books, self.folder = books, folder
        self.service = JobService(books.service, JobsConfig(**config))
        self.store = store or FolderStore(folder / "store")
        self.key = books.account(credits=100)
        self.fetching = Fetching()
        self.summarizer = ScriptedSummarizer()
        self.renewed = asyncio.Event()
        """A worker has reported how far it is."""

    async def queue(
        self, request: TranscriptionRequest = REQUEST, *, url: str = "", keep_audio: bool = False, summary: str = ""
    ) -> str:
        lease = self.books.admit(self.key, kind=WorkKind.SUBMISSION).lease
        source = {"filename": "a.wav", "url": url, "headers": {"Authorization": SECRET}, "max_bytes": 1000}
        options = stored.REQUEST.dump_json(request).decode()
        new = NewJob(
            f"job_{uuid.uuid4().hex}",
            "r",
            "a.wav",
            options,
            json.dumps(source),
            keep_audio=keep_audio,
            summary=summary,
        )
        self.service.create(lease, new)
        self.books.service.settle(lease, 0)
        if not url:
            path = self.folder / "recording"
            path.write_bytes(b"sound")
            await self.store.put_file(stored.key(new.id, stored.AUDIO), path)
        return new.id

    def runner(self, transcriber: SpeakingClock, decoder: Any) -> Runner:
        async def carry(operation: str, *arguments: Any) -> Any:
            answer = getattr(self.service, operation)(*arguments)
            if operation == "renew":
                self.renewed.set()
            return answer

        pipeline = Pipeline(decoder, {"clock": transcriber}, ScriptedDiarizer(), windows_in_flight=1)
        fetcher: Any = self.fetching
        return Runner(
            JobsClient(carry),
            self.store,
            pipeline,
            self.folder / "work",
            fetcher=fetcher,
            summarizer=self.summarizer,
        )

    async def work(self, transcriber: SpeakingClock, decoder: Any) -> None:
        """Take up the next job, and return when the worker is done with it."""
        job = self.service.claim()
        assert job is not None
        await self.runner(transcriber, decoder).work_on(job)

    async def die(self, lives: int, decoder: Any) -> set[int]:
        """Take up the next job, die after ``lives`` windows, and return which these were."""
        mortal = Mortal(lives)
        self.renewed.clear()
        working = asyncio.create_task(self.work(mortal, decoder))
        await mortal.reached.wait()
        if lives:
            await self.renewed.wait()  # the first window is reported at once
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        self.books.clock.turn(31)
        return mortal.finished

    async def sweep(self) -> int:
        return await self.runner(SpeakingClock(), spoken(windows=1)).sweep()

    async def kept(self, job_id: str) -> tuple[str, ...]:
        """What the store has of a job."""
        return tuple(found.name for found in await self.store.objects(job_id))

    def status(self, job_id: str) -> JobStatus:
        return self.service.get(self.key, job_id).status

    def source(self, job_id: str) -> str:
        with self.service.database.reading() as session:
            return session.get_one(Job, job_id).source


@pytest.fixture
def workshop(books: Books, tmp_path: Path) -> Workshop:
    return Workshop(books, tmp_path)


def two_channels() -> CannedDecoder:
    """Three windows on one channel, and three on another, which begin later."""
    decoder, other = spoken(windows=3), CannedDecoder(90, [(2, 20), (35, 50), (62, 85)])
    decoder.audio = replace(decoder.audio, channels=(decoder.audio, other.audio))
    return decoder


@pytest.mark.parametrize("request_", [REQUEST, CHANNELS], ids=["mixed", "separate channels"])
async def test_a_job_is_resumed_after_its_last_finished_window(
    workshop: Workshop, request_: TranscriptionRequest
) -> None:
    def decoder() -> CannedDecoder:
        return two_channels() if request_ is CHANNELS else spoken(windows=6)

    undisturbed = await workshop.queue(request_)
    whole = SpeakingClock()
    await workshop.work(whole, decoder())
    resumed = await workshop.queue(request_)
    finished = await workshop.die(2, decoder())
    more = await workshop.die(2, decoder())
    assert len(finished) == len(more) == 2 and not finished & more
    progress = workshop.service.get(workshop.key, resumed).progress
    assert progress.total_s == workshop.service.get(workshop.key, undisturbed).progress.total_s > progress.done_s > 0
    last = SpeakingClock()
    await workshop.work(last, decoder())
    windows = {index for index, _ in whole.recognized}
    assert {index for index, _ in last.recognized} == windows - finished - more
    assert len(windows) == 6
    first, second = [await workshop.store.get(stored.key(one, stored.RESULT)) for one in (undisturbed, resumed)]
    assert first is not None and first == second
    minutes = 2 if request_ is CHANNELS else 3
    assert workshop.books.left(workshop.key) == (100 - 2 * minutes, 0)
    assert workshop.books.operators.reconcile() == ()


async def test_a_job_whose_workers_die_soon_succeeds_if_each_saves_a_window(books: Books, tmp_path: Path) -> None:
    workshop = Workshop(books, tmp_path, max_lost=2)
    job = await workshop.queue()
    for _ in range(5):
        assert len(await workshop.die(1, spoken(windows=6))) == 1
    await workshop.work(SpeakingClock(), spoken(windows=6))
    assert workshop.status(job) is JobStatus.SUCCEEDED


async def test_the_time_that_is_left_is_that_of_this_attempt_alone(tmp_path: Path) -> None:
    clock, store = Clock(0), FolderStore(tmp_path)
    windows = [Window(number, (SpeechRegion(RATE * 20 * number, RATE * 20 * (number + 1)),)) for number in range(4)]
    transcript = WindowTranscript((), "en", 1.0)
    first = StoredCheckpoint(store, "job_1", clock)
    await first.windows("m", windows)
    assert first.progress.seconds_left is None
    clock.turn(100)
    await first.save_window(windows[0], transcript)
    assert first.progress.seconds_left == 300
    clock.turn(86_400)  # nobody works on it
    second = StoredCheckpoint(store, "job_1", clock)
    await second.windows("m", windows)
    assert (second.progress.done_s, second.progress.seconds_left) == (20, None)
    clock.turn(50)
    await second.save_window(windows[1], transcript)
    assert second.progress.seconds_left == 100
    await second.save_window(windows[1], transcript)
    assert second.progress.done_s == 40, "a window is counted once, also one that was transcribed twice"


async def test_a_summary_is_kept_beside_the_result(workshop: Workshop) -> None:
    workshop.summarizer.failures = [Overloaded("Later.", 0), ModelLoading("Soon.", 0)]
    job = await workshop.queue(summary="brief")
    await workshop.work(SpeakingClock(), spoken(windows=2))
    kept = await workshop.store.get(stored.key(job, stored.SUMMARY_NAME))
    result = await workshop.store.get(stored.key(job, stored.RESULT))
    assert kept is not None and result is not None
    assert stored.SUMMARY.validate_json(kept) == Summary("brief.", SummaryStyle.BRIEF, "scribe")
    assert workshop.summarizer.texts == [stored.TRANSCRIPT.validate_json(result).text] * 3
    assert workshop.status(job) is JobStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("failures", "code"),
    [
        ([SummaryTooLong("It is too long.")], "summary_too_long"),
        ([Overloaded("Later.", 0)] * 5, "overloaded"),
        ([RuntimeError("a fault")], "internal_error"),
    ],
)
async def test_a_summary_that_fails_takes_nothing_from_the_transcript(
    workshop: Workshop, failures: list[Exception], code: str
) -> None:
    workshop.summarizer.failures = list(failures)
    job = await workshop.queue(summary="brief")
    await workshop.work(SpeakingClock(), spoken(windows=2))
    found = workshop.service.get(workshop.key, job)
    assert (found.status, found.summary_error_code, found.credits) == (JobStatus.SUCCEEDED, code, 1)
    kept = await workshop.store.objects(job)
    assert [one.name for one in kept] == [stored.RESULT]


async def test_a_summary_is_written_once_however_often_its_job_is_taken_up(workshop: Workshop) -> None:
    job = await workshop.queue(summary="brief")
    await workshop.store.put(
        stored.key(job, stored.SUMMARY_NAME), stored.SUMMARY.dump_json(Summary("brief.", SummaryStyle.BRIEF, "scribe"))
    )
    await workshop.work(SpeakingClock(), spoken(windows=2))
    assert workshop.summarizer.texts == []
    assert workshop.service.get(workshop.key, job).summary_error_code == ""


async def test_a_finished_job_leaves_its_result_alone_and_the_recording_where_that_was_asked_for(
    workshop: Workshop,
) -> None:
    plain, kept = await workshop.queue(), await workshop.queue(keep_audio=True)
    for _ in range(2):
        await workshop.work(SpeakingClock(), spoken(windows=2))
    assert await workshop.kept(plain) == (stored.RESULT,)
    assert await workshop.kept(kept) == (stored.AUDIO, stored.RESULT)


async def test_a_source_is_forgotten_once_it_was_fetched(workshop: Workshop) -> None:
    job = await workshop.queue(url="https://example.com/a.wav?token=t")
    assert SECRET in workshop.source(job)
    await workshop.die(1, spoken(windows=2))
    assert "Bearer" not in workshop.source(job) and "token" not in workshop.source(job)
    await workshop.work(SpeakingClock(), spoken(windows=2))
    assert workshop.status(job) is JobStatus.SUCCEEDED
    assert workshop.fetching.headers == [{"Authorization": SECRET}]
    assert workshop.source(job) == "{}"


async def test_a_cancelled_job_leaves_nothing(workshop: Workshop) -> None:
    begun, queued = await workshop.queue(), await workshop.queue(url="https://example.com/")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workshop.books.clock, "turn", lambda seconds: None)
        await workshop.die(1, spoken(windows=2))
    for job in (begun, queued):
        workshop.service.cancel(workshop.key, job)
        assert workshop.source(job) == "{}"
    await workshop.sweep()
    assert await workshop.kept(begun)  # a worker that does not know of it may still write
    workshop.books.clock.turn(31)
    await workshop.sweep()
    assert await workshop.kept(begun) == ()
    assert workshop.status(begun) is JobStatus.CANCELLED
    assert workshop.service.ended() == ()


async def test_a_job_that_is_given_up_leaves_nothing(books: Books, tmp_path: Path) -> None:
    workshop = Workshop(books, tmp_path, max_failures=1, max_lost=1)
    tried = await workshop.queue()
    await workshop.work(SpeakingClock(fails=[ReplicaLost("It died.")]), spoken(windows=2))
    killing = await workshop.queue()
    await workshop.die(1, spoken(windows=2))
    assert workshop.service.claim() is None
    workshop.books.clock.turn(31)
    await workshop.sweep()
    for job in (tried, killing):
        assert workshop.status(job) is JobStatus.FAILED
        assert await workshop.kept(job) == ()


async def test_a_refused_recording_is_erased_at_once(workshop: Workshop) -> None:
    class Refusing:
        async def decode(self, *_: Any) -> Any:
            raise UnsupportedMedia("This is no recording.")

    job = await workshop.queue()
    await workshop.work(SpeakingClock(), Refusing())
    assert workshop.status(job) is JobStatus.FAILED
    assert await workshop.kept(job) == ()


async def test_what_a_worker_died_before_erasing_is_swept(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def dies(key: str) -> None:
        raise LeaseExpired("The worker dies here.")

    job = await workshop.queue()
    with monkeypatch.context() as patch:
        patch.setattr(workshop.store, "delete", dies)
        await workshop.work(SpeakingClock(), spoken(windows=2))
    assert workshop.status(job) is JobStatus.SUCCEEDED
    assert stored.AUDIO in await workshop.kept(job)
    workshop.books.clock.turn(31)
    await workshop.sweep()
    assert await workshop.kept(job) == (stored.RESULT,)
