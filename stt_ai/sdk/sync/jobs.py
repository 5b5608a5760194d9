# Made from stt_ai/sdk/aio/jobs.py by `python -m tests.synchronous`: edit that one.
"""`client.jobs`: recordings that are transcribed without holding a connection open."""

import time
from collections.abc import Iterable, Mapping
from typing import Literal, Unpack, overload

from stt_ai.sdk import job_calls
from stt_ai.sdk.calls import Call, Do, Format, Style, TranscriptParams
from stt_ai.sdk.errors import NotFound
from stt_ai.sdk.job_calls import Correction, OnJob, Polling, Webhook, id_of
from stt_ai.sdk.job_results import Delivery, Job, JobPage, JobStatus
from stt_ai.sdk.results import Transcription, TranscriptText
from stt_ai.sdk.resumable import sent_in_pieces
from stt_ai.sdk.sync.uploads import Uploads
from stt_ai.sdk.uploads import File, Progress, Upload, upload_of


class Jobs:
    """The jobs of the client's account. A job may be given as a `Job` or by its id."""

    def __init__(self, do: Do, uploads: Uploads, has_key: bool) -> None:
        self._do = do
        self._uploads = uploads
        self._has_key = has_key

    def create(
        self,
        file: File | None = None,
        *,
        url: str | None = None,
        upload_id: str | None = None,
        url_headers: Mapping[str, str] | None = None,
        retention_hours: float | None = None,
        keep_audio: bool = False,
        webhook: Webhook | str | None = None,
        summary: Style | None = None,
        resumable: bool | None = None,
        progress: Progress | None = None,
        idempotency_key: str | None = None,
        **params: Unpack[TranscriptParams],
    ) -> Job:
        """Queue ``file``, or the recording at ``url``, which the service fetches; return the job at once.

        ``upload_id``: of a file that `Client.uploads` sent. ``url_headers`` are sent only to the host of ``url``.
        ``retention_hours``: audio and text are erased this long after the end. ``keep_audio``: the recording stays as
        long as the text. ``webhook``: an address, or a `Webhook`, that gets a message when the job has ended.
        ``summary``: the style of a summary, which stands in the `Transcription` that is the result.
        ``resumable``: whether the file is sent in pieces, going on after a break; None: those of 100 MB and more,
        where there is a key. ``progress``, ``idempotency_key`` and `TranscriptParams` are as in `Client.transcribe`.
        """

        def call(upload: Upload | None, upload_id: str | None) -> Call[Job]:
            how = (url_headers, retention_hours, keep_audio, webhook, summary, params, idempotency_key)
            return job_calls.create(upload, url, upload_id, *how)

        with upload_of(file, url, upload_id, progress) as upload:
            whole = call(upload, upload_id)  # what is wrong with it is said before anything is sent
            if upload is None or not sent_in_pieces(upload, resumable, self._has_key):
                return self._do(whole)
            try:
                sent = self._uploads.transfer(upload)
            except NotFound:
                if resumable:
                    raise
                return self._do(whole)  # a service that takes no pieces
            try:
                return self._do(call(None, sent))
            finally:
                self._uploads.delete(sent)

    def get(self, job: Job | str) -> Job:
        """Return how far a job is, or how it ended."""
        return self._do(job_calls.get(id_of(job)))

    def list(self, status: JobStatus | None = None, cursor: str | None = None, limit: int = 50) -> JobPage:
        """Return ``limit`` jobs, newest first, from ``cursor`` on."""
        return self._do(job_calls.list_jobs(status, cursor, limit))

    def wait(self, job: Job | str, timeout: float | None = None, on_change: OnJob | None = None) -> Job:
        """Return the job when it has succeeded; it is polled less and less often, every ten seconds in the end.

        ``timeout``: seconds. ``on_change`` is called with the job each time. Raise the job's own error when it
        failed, `JobEnded` when it was cancelled or has expired, or `TimeoutError`: the job goes on.
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
        """Erase a job's audio and text now; a running one is cancelled."""
        self._do(job_calls.delete(id_of(job)))

    def rename_speakers(self, job: Job | str, names: Mapping[str, str]) -> Job:
        """Change what every form of the result calls its speakers; an empty name restores the original."""
        return self._do(job_calls.rename_speakers(id_of(job), names))

    def correct(self, job: Job | str, segments: Iterable[Correction]) -> Job:
        """Change what every form of the result says from now on; each word is timed by those that it replaces."""
        return self._do(job_calls.correct(id_of(job), segments))

    def deliveries(self, job: Job | str) -> tuple[Delivery, ...]:
        """Return the messages that were sent to the job's webhook, or will be, oldest first."""
        return self._do(job_calls.deliveries(id_of(job)))

    def redeliver(self, job: Job | str, delivery: Delivery | str) -> Delivery:
        """Send a message again now, under the same `webhook-id`."""
        return self._do(job_calls.redeliver(id_of(job), id_of(delivery)))
