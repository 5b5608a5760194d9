# Made from stt_ai/sdk/aio/client.py by `python -m tests.synchronous`: edit that one.
"""The client: every call of the service but live streams."""

import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack, overload

import httpx

from stt_ai.sdk import calls, job_calls
from stt_ai.sdk.account_results import Account, Key, NewAccount, NewKey, Plans, Usage
from stt_ai.sdk.calls import Call, Format, Style, TranscriptParams
from stt_ai.sdk.configuration import MAX_RETRIES, TIMEOUT_S, Configuration
from stt_ai.sdk.errors import SttAiError, from_answer
from stt_ai.sdk.failures import connection_failed
from stt_ai.sdk.job_results import WebhookSecret
from stt_ai.sdk.replay import StreamParams
from stt_ai.sdk.results import Health, Language, Model, Summary, Transcription, TranscriptText
from stt_ai.sdk.retries import Attempts
from stt_ai.sdk.server_events import OnProgress, OnText, SummaryReader, TranscriptReader, Watcher, is_event_stream
from stt_ai.sdk.sources import Audio
from stt_ai.sdk.sync.jobs import Jobs
from stt_ai.sdk.sync.stream import Stream
from stt_ai.sdk.sync.uploads import Uploads
from stt_ai.sdk.uploads import File, Progress, upload_of

T = TypeVar("T")


class Client:
    """A client of one service; a context manager that closes its connections.

    `AsyncClient` belongs to one event loop, `Client` may be shared by threads.

    ``api_key`` None: that of `STT_AI_API_KEY`, else none, as an anonymous caller. ``base_url`` None: that of
    `STT_AI_BASE_URL`, else this machine. ``timeout``: seconds that an answer may take to begin. ``max_retries``: of a
    call that was refused for a while or whose connection broke; the service charges it once however often it is sent.
    """

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = TIMEOUT_S,
        max_retries: int = MAX_RETRIES,
    ) -> None:
        self._configuration = Configuration.of(api_key, base_url, timeout, max_retries)
        self._http = httpx.Client(**self._configuration.http_arguments)
        self.uploads = Uploads(self._do, max_retries)
        self.jobs = Jobs(self._do, self.uploads, self._configuration.api_key is not None)

    @property
    def base_url(self) -> str:
        """The address of the service, without a slash at its end."""
        return self._configuration.base_url

    @overload
    def transcribe(
        self,
        file: File | None = None,
        *,
        url: str | None = None,
        upload_id: str | None = None,
        response_format: Literal["json"] = "json",
        progress: Progress | None = None,
        on_text: OnText | None = None,
        on_progress: OnProgress | None = None,
        idempotency_key: str | None = None,
        **params: Unpack[TranscriptParams],
    ) -> Transcription: ...
    @overload
    def transcribe(
        self,
        file: File | None = None,
        *,
        url: str | None = None,
        upload_id: str | None = None,
        response_format: Literal["txt", "srt", "vtt"],
        progress: Progress | None = None,
        on_text: OnText | None = None,
        on_progress: OnProgress | None = None,
        idempotency_key: str | None = None,
        **params: Unpack[TranscriptParams],
    ) -> TranscriptText: ...
    def transcribe(
        self,
        file: File | None = None,
        *,
        url: str | None = None,
        upload_id: str | None = None,
        response_format: Format = "json",
        progress: Progress | None = None,
        on_text: OnText | None = None,
        on_progress: OnProgress | None = None,
        idempotency_key: str | None = None,
        **params: Unpack[TranscriptParams],
    ) -> Transcription | TranscriptText:
        """A file's transcript; its text, SRT or VTT where ``response_format`` says so.

        ``file``: a path, bytes or a binary file object; one that cannot seek is not sent again once it was begun.
        ``url`` in its place: the address of the recording, which the service fetches. ``upload_id``: of a file that
        `uploads` sent.
        ``progress`` is called with (bytes sent, bytes in all), ``on_text`` with each piece of the text while the file
        is transcribed, and ``on_progress`` with (seconds of audio transcribed, seconds in all); with them a call that
        is left early is charged for the audio whose text was given. ``idempotency_key``: to ask for the same answer
        again later; else each call has one. `TranscriptParams` lists the other parameters.
        """
        with upload_of(file, url, upload_id, progress) as upload:
            how = (response_format, params, idempotency_key, Watcher(on_text, on_progress))
            return self._do(calls.transcribe(upload, url, upload_id, *how))

    @overload
    def summarize(self, text: str, style: Style = "brief", *, stream: Literal[False] = False) -> Summary: ...
    @overload
    def summarize(self, text: str, style: Style = "brief", *, stream: Literal[True]) -> Iterator[str | Summary]: ...
    def summarize(self, text: str, style: Style = "brief", *, stream: bool = False) -> Any:
        """Return a transcript's summary. With ``stream``: its pieces while it is written, and last the whole."""
        call = calls.summarize(text, style)
        return self._stream(call) if stream else self._do(call)

    def stream(self, audio: Audio, *, paced: bool = False, **options: Unpack[StreamParams]) -> Stream:
        """Return a live transcription: events to iterate over, `Ready` first and `Ended` last.

        ``audio``: a path, bytes, a binary file object, an iterable of pieces, or a `Microphone`. A file of any kind may
        be named by its path; all else but WAV is raw audio as the options say. ``paced``: sent as fast as it is spoken
        instead of as fast as it is transcribed. `StreamParams` lists the options.
        """
        return Stream(self._configuration, audio, options, paced)

    def models(self) -> tuple[Model, ...]:
        """Return the models that a request may name."""
        return self._do(calls.models())

    def languages(self) -> tuple[Language, ...]:
        """Return the languages that can be asked for."""
        return self._do(calls.languages())

    def health(self) -> Health:
        """Return how the service is, part by part."""
        return self._do(calls.health())

    def plans(self) -> Plans:
        """Return what each plan allows, and where credits are sold."""
        return self._do(calls.plans())

    def account(self) -> Account:
        """Return the key's account: its plan, and what is used and left of it."""
        return self._do(calls.account())

    def usage(self, cursor: str | None = None, limit: int = 50, days: int = 31) -> Usage:
        """Return sums of the last ``days``, and ``limit`` single requests from ``cursor`` on."""
        return self._do(calls.usage(cursor, limit, days))

    def keys(self) -> tuple[Key, ...]:
        """Return all keys of the account, including revoked ones."""
        return self._do(calls.list_keys())

    def create_key(self, name: str | None = None) -> NewKey:
        """Create another key, which is shown only once."""
        return self._do(calls.create_key(name))

    def revoke_key(self, key_id: str) -> Key:
        """Revoke a key: it is refused from now on."""
        return self._do(calls.revoke_key(key_id))

    def webhook_secret(self) -> WebhookSecret:
        """Return what signs the account's webhooks, for `verify_webhook`; made when it is first asked for."""
        return self._do(job_calls.webhook_secret())

    def rotate_webhook_secret(self, overlap_hours: float | None = None) -> WebhookSecret:
        """Return a new secret. For ``overlap_hours``, else 24, messages are signed with the old one as well."""
        return self._do(job_calls.rotate_webhook_secret(overlap_hours))

    def sign_up(self, name: str | None = None) -> NewAccount:
        """Create a free account and its first key, which is shown only once. This client keeps its own key."""
        return self._do(calls.sign_up(name))

    def close(self) -> None:
        """Close the connections. No call may follow."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _do(self, call: Call[T]) -> T:
        attempts = self._attempts(call)
        while True:
            try:
                with self._http.stream(**call.request()) as response:
                    if is_event_stream(response):
                        return call.from_events(self._watch(response, call.watcher), response)
                    response.read()
                if response.is_success:
                    return call.result(response)
                failure = from_answer(response.status_code, response.headers, response.content)
            except httpx.TransportError as error:
                failure = connection_failed(error, self.base_url)
                if call.watcher.text_given:
                    raise failure from error
            time.sleep(attempts.wait(failure))

    def _watch(self, response: httpx.Response, watcher: Watcher) -> Mapping[str, Any]:
        reader = TranscriptReader(watcher)
        for line in response.iter_lines():
            reader.line(line)
        return reader.end()

    def _stream(self, call: Call[Summary]) -> Iterator[str | Summary]:
        attempts, request = self._attempts(call), calls.with_events(call)
        while True:
            given = False
            try:
                with self._http.stream(**request) as response:
                    if response.is_success:
                        for piece in _pieces(response):
                            given = True
                            yield piece
                        return
                    failure = from_answer(response.status_code, response.headers, response.read())
            except httpx.TransportError as error:
                failure = connection_failed(error, self.base_url)
            except SttAiError as error:
                failure = error
            if given:
                raise failure
            time.sleep(attempts.wait(failure))

    def _attempts(self, call: Call[Any]) -> Attempts:
        return Attempts(self._configuration.max_retries, call.may_repeat, self._configuration.timeout)


def _pieces(response: httpx.Response) -> Iterator[str | Summary]:
    reader = SummaryReader()
    for line in response.iter_lines():
        piece = reader.line(line)
        if piece is not None:
            yield piece
    if failure := reader.end():
        raise failure
