"""`Client.jobs`: recordings that are transcribed without holding a connection open. `async_jobs` is for asyncio."""

import time
from collections.abc import Callable, Mapping
from typing import Literal, Protocol, TypeVar, Unpack, overload

from stt_ai.sdk import job_calls
from stt_ai.sdk.calls import Asked, Call, Format
from stt_ai.sdk.job_calls import Polling, id_of
from stt_ai.sdk.job_results import Job, JobPage, JobStatus
from stt_ai.sdk.results import Transcription, TranscriptText
from stt_ai.sdk.uploads import File, Progress, upload_or_url

T = TypeVar("T")
OnJob = Callable[[Job], None]


class Do(Protocol):
    """Makes a call, again where it may be, and returns its result."""

    def __call__(self, call: Call[T], /) -> T: ...


class Jobs:
    """The jobs of the client's account. A job may be given as a `Job` or by its id."""

    def __init__(self, do: Do) -> None:
        self._do = do

    def create(
        self,
        file: File | None = None,
        *,
        url: str | None = None,
        url_headers: Mapping[str, str] | None = None,
        retention_hours: float | None = None,
        keep_audio: bool = False,
        progress: Progress | None = None,
        idempotency_key: str | None = None,
        **asked: Unpack[Asked],
    ) -> Job:
        """Queue ``file``, or the recording at ``url``, which the service fetches; return the job at once.

        ``url_headers`` are sent to the host of ``url`` alone. ``retention_hours``: audio and text are erased so long
        after the end. ``keep_audio``: the recording stays as long as the text. ``progress``, ``idempotency_key`` and
        `Asked` are as in `Client.transcribe`.
        """
        with upload_or_url(file, url, progress) as upload:
            return self._do(
                job_calls.create(upload, url, url_headers, retention_hours, keep_audio, asked, idempotency_key)
            )

    def get(self, job: Job | str) -> Job:
        """Return how far a job is, or how it ended."""
        return self._do(job_calls.get(id_of(job)))

    def list(self, status: JobStatus | None = None, cursor: str | None = None, limit: int = 50) -> JobPage:
        """Return ``limit`` jobs, newest first, from ``cursor`` on."""
        return self._do(job_calls.list_jobs(status, cursor, limit))

    def wait(self, job: Job | str, timeout: float | None = None, on_change: OnJob | None = None) -> Job:
        """Return the job when it has succeeded; it is asked about less and less often, every ten seconds in the end.

        ``timeout``: seconds. ``on_change`` is told the job at each look. Raise the job's own error when it failed,
        `JobEnded` when it was cancelled or has expired, or `TimeoutError`: the job goes on.
        """
        polling = Polling(timeout)
        while True:
            found = self.get(job)
            if on_change:
                on_change(found)
            pause = polling.pause(found)
            if pause is None:
                return found
            time.sleep(pause)

    @overload
    def result(self, job: Job | str, response_format: Literal["json"] = "json") -> Transcription: ...
    @overload
    def result(self, job: Job | str, response_format: Literal["txt", "srt", "vtt"]) -> TranscriptText: ...
    def result(self, job: Job | str, response_format: Format = "json") -> Transcription | TranscriptText:
        """Return the transcript of a job that has succeeded, in any form, any number of times until it expires."""
        return self._do(job_calls.result(id_of(job), response_format))

    def cancel(self, job: Job | str) -> Job:
        """End a job at no charge. Raise `Conflict` for one that has ended already."""
        return self._do(job_calls.cancel(id_of(job)))

    def delete(self, job: Job | str) -> None:
        """Erase a job's audio and text now; one that runs is cancelled."""
        self._do(job_calls.delete(id_of(job)))

    def rename_speakers(self, job: Job | str, names: Mapping[str, str]) -> Job:
        """Change what every form of the result calls its speakers; an empty name restores the original."""
        return self._do(job_calls.rename_speakers(id_of(job), names))
