"""Each call of the API: what is sent and what its answer is read as. Both clients send these."""

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypedDict, TypeVar
from urllib.parse import quote

import httpx

from stt_ai.sdk.account_results import Account, Key, NewAccount, NewKey, Plans, Usage
from stt_ai.sdk.errors import Conflict, ConnectionFailed, RateLimited, ServerError, SttAiError, Unavailable
from stt_ai.sdk.parsing import parse
from stt_ai.sdk.results import Health, Language, Model, Summary, Transcription, TranscriptText, TranscriptWarning
from stt_ai.sdk.server_events import Watcher
from stt_ai.sdk.uploads import Upload
from stt_ai.sdk.warning_header import read_warnings

T = TypeVar("T")
Row = TypeVar("Row")
Format = Literal["json", "txt", "srt", "vtt"]
Style = Literal["brief", "detailed", "action_items", "bullet_points"]


class TranscriptParams(TypedDict, total=False):
    """What may be asked of a file's transcript. None: as the service thinks best.

    ``speakers``: how many speak, 0 to detect it, then within ``min_speakers`` and ``max_speakers``. ``diarize`` False:
    nobody is named. ``strict``: a recording with a warning about its audio is refused, and costs nothing.

    ``task`` "translate": English, whatever is spoken. ``prompt``: text taken for what was said before. ``keywords``:
    names and terms that may be said. ``channels`` "separate": each channel is transcribed by itself, and is a speaker.
    ``start`` and ``end``: seconds of the recording, of which only that part is transcribed and charged. ``track``: the
    audio track of a video, from 1. ``line_width``, ``lines``, ``words_per_cue``: of cues, where SRT or VTT is asked
    for; `Transcription.to_srt` takes them too, without another request.
    """

    model: str | None
    language: str | None
    diarize: bool | None
    speakers: int | None
    min_speakers: int | None
    max_speakers: int | None
    task: Literal["transcribe", "translate"] | None
    prompt: str | None
    keywords: Sequence[str] | None
    channels: Literal["mix", "separate"] | None
    start: float | None
    end: float | None
    track: int | None
    line_width: int | None
    lines: int | None
    words_per_cue: int | None
    strict: bool | None


@dataclass(frozen=True)
class Call(Generic[T]):
    """``idempotency_key``: with it the same may be sent again, whatever became of it the first time.

    ``repeatable``: it may be, too, because what it does twice is as what it does once. ``url``: a recording that the
    service fetches, and ``upload_id``: one that was sent before, are fields of the form in place of ``file``.
    """

    method: str
    path: str
    parse: Callable[[httpx.Response], T]
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, str] | None = None
    file: Upload | None = None
    url: str | None = None
    upload_id: str | None = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    idempotency_key: str | None = None
    repeatable: bool = False
    watcher: Watcher = field(default_factory=Watcher)

    def request(self) -> dict[str, Any]:
        """The arguments of httpx for one attempt."""
        arguments: dict[str, Any] = {"method": self.method, "url": self.path}
        if self.params:
            arguments["params"] = {name: value for name, value in self.params.items() if value is not None}
        if self.json is not None:
            arguments["json"] = self.json
        if self.file is not None:
            arguments |= {"data": self.form, "files": {"file": (self.file.name, self.file.begin())}}
        for name, value in (("url", self.url), ("upload_id", self.upload_id)):
            if value is not None:
                arguments |= {"data": self.form, "files": {name: (None, value)}}
        if self.content is not None:
            arguments["content"] = self.content
        headers = dict(self.headers)
        if self.idempotency_key is not None:
            headers["Idempotency-Key"] = self.idempotency_key
        if headers:
            arguments["headers"] = headers
        return arguments

    def may_repeat(self, failure: SttAiError) -> bool:
        """Whether sending it again can do no harm, and may help."""
        if not isinstance(failure, Conflict | ConnectionFailed | RateLimited | Unavailable):
            return False
        if isinstance(failure.__cause__, httpx.LocalProtocolError):
            return False  # it cannot be sent as it is
        if isinstance(failure, Conflict) and failure.code != "still_running":
            return False
        if self.file is not None and not self.file.repeatable:
            return False
        if self.method in ("GET", "DELETE") or self.repeatable or self.idempotency_key is not None:
            return True
        # A refusal did nothing; a broken connection may have, unless it was never made.
        never_sent = isinstance(failure.__cause__, httpx.ConnectError | httpx.ConnectTimeout)
        return not isinstance(failure, ConnectionFailed) or never_sent

    def from_events(self, data: Mapping[str, Any], response: httpx.Response) -> T:
        """The value of an answer that came as events, whose last said ``data``."""
        body = data.get("content")
        content = body if isinstance(body, str) else json.dumps(data)
        warnings = tuple(parse(TranscriptWarning, one) for one in data.get("warnings", ()))
        result = self.result(
            httpx.Response(200, headers=_plain(response.headers), text=content, request=response.request)
        )
        if isinstance(result, TranscriptText):
            result.warnings, result.model = warnings, str(data.get("model", ""))
        return result

    def result(self, response: httpx.Response) -> T:
        """Raises `ServerError` when the answer is not the service's."""
        try:
            return self.parse(response)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            message = f"The server at {response.url.host} gave an answer that is not this service's: {error}"
            raise ServerError(message, status=response.status_code) from error


class Do(Protocol):
    """Makes a call, again where it may be, and returns its result."""

    def __call__(self, call: Call[T], /) -> T: ...


class AsyncDo(Protocol):
    """As `Do`, for asyncio."""

    def __call__(self, call: Call[T], /) -> Awaitable[T]: ...


def transcribe(
    file: Upload | None,
    url: str | None,
    upload_id: str | None,
    response_format: Format,
    params: Mapping[str, Any],
    key: str | None,
    watcher: Watcher,
) -> "Call[Transcription | TranscriptText]":
    """Raises `TypeError` for what is no parameter: the service would not look at it."""
    check_names(params, TranscriptParams)
    form = spelled_form(params)
    form["response_format"] = response_format
    if watcher:
        form["stream"] = "true"
    return Call(
        "POST",
        "/v1/transcribe",
        transcript_parser(response_format),
        form=form,
        file=file,
        url=url,
        upload_id=upload_id,
        idempotency_key=key or new_key(),
        watcher=watcher,
    )


def transcript_parser(response_format: Format) -> "Callable[[httpx.Response], Transcription | TranscriptText]":
    """Return what reads a response: JSON as a `Transcription`, every other form as its text."""
    return _transcription if response_format == "json" else _text


def spelled_form(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of the form for `TranscriptParams`; those that are None are left out."""
    given = {name: value for name, value in params.items() if value is not None}
    keywords = listed_keywords(given.pop("keywords", ()))
    form = {name: _spelled(value) for name, value in given.items()}
    return form | ({"keywords[]": ",".join(keywords)} if keywords else {})


def listed_keywords(keywords: Sequence[str]) -> list[str]:
    """Return the names and terms as a list. Raise `TypeError` for a single text, whose letters they would be."""
    if isinstance(keywords, str):
        raise TypeError("`keywords` is a list of names and terms, such as ['Ada Lovelace']")
    return list(keywords)


def summarize(text: str, style: Style) -> Call[Summary]:
    """Return the call of POST /v1/summarize."""
    body = {"text": text, "style": style}
    return Call("POST", "/v1/summarize", one(Summary), json=body, idempotency_key=new_key())


def models() -> Call[tuple[Model, ...]]:
    """Return the call of GET /v1/models."""
    return Call("GET", "/v1/models", many(Model, "models"))


def languages() -> Call[tuple[Language, ...]]:
    """Return the call of GET /v1/languages."""
    return Call("GET", "/v1/languages", many(Language, "languages"))


def health() -> Call[Health]:
    """Return the call of GET /health."""
    return Call("GET", "/health", one(Health))


def plans() -> Call[Plans]:
    """Return the call of GET /v1/plans."""
    return Call("GET", "/v1/plans", one(Plans))


def account() -> Call[Account]:
    """Return the call of GET /v1/account."""
    return Call("GET", "/v1/account", one(Account))


def usage(cursor: str | None, limit: int, days: int) -> Call[Usage]:
    """Return the call of GET /v1/account/usage."""
    params = {"cursor": cursor, "limit": limit, "days": days}
    return Call("GET", "/v1/account/usage", one(Usage), params=params)


def list_keys() -> Call[tuple[Key, ...]]:
    """Return the call that lists the account's keys."""
    return Call("GET", "/v1/account/keys", many(Key, "keys"))


def create_key(name: str | None) -> Call[NewKey]:
    """Return the call that makes a key."""
    return Call("POST", "/v1/account/keys", one(NewKey), json={"name": name})


def revoke_key(key_id: str) -> Call[Key]:
    """Return the call that revokes a key."""
    return Call("DELETE", f"/v1/account/keys/{quote(key_id, safe='')}", one(Key))


def sign_up(name: str | None) -> Call[NewAccount]:
    """Return the call that makes an account."""
    return Call("POST", "/v1/account", one(NewAccount), json={"name": name})


def with_events(call: Call[Summary]) -> dict[str, Any]:
    """The arguments of httpx for a summary that comes while it is written. Its answers are not kept under a key."""
    return {"method": call.method, "url": call.path, "json": {**call.json, "stream": True}}


def check_names(given: Mapping[str, Any], known: type) -> None:
    """Raises `TypeError` unless ``known``, a typed dictionary, has all names of ``given``."""
    for name in given:
        if name not in known.__annotations__:
            raise TypeError(f"there is no parameter {name!r}; there are {', '.join(known.__annotations__)}")


def new_key() -> str:
    """Return a random idempotency key."""
    return uuid.uuid4().hex


def one(cls: type[T]) -> Callable[[httpx.Response], T]:
    """Return what parses a response's JSON as a ``cls``."""
    return lambda response: parse(cls, response.json())


def many(cls: type[Row], name: str) -> Callable[[httpx.Response], tuple[Row, ...]]:
    """Return what parses the list ``name`` of a response's JSON as ``cls`` each."""
    return lambda response: tuple(parse(cls, row) for row in response.json()[name])


def _transcription(response: httpx.Response) -> Transcription:
    data = response.json()
    # An answer that came as events has no such header: it was not known when they began.
    demo = response.headers.get("x-stt-demo-model") == "true" or any(
        str(warning.get("code")).startswith("demo_") for warning in data.get("warnings", ())
    )
    return parse(Transcription, {**data, "raw": data, "demo": demo})


def _plain(headers: httpx.Headers) -> dict[str, str]:
    """Without those about how the body was sent."""
    return {name: value for name, value in headers.items() if not name.startswith(("content-", "transfer-"))}


def _text(response: httpx.Response) -> TranscriptText:
    text = TranscriptText(response.text)
    text.warnings = read_warnings(response.headers.get("x-stt-warnings", ""))
    text.model = response.headers.get("x-stt-model", "")
    return text


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
