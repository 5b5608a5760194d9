"""WS /v1/stream: who may open one, what is asked of it, and how it ends."""

import asyncio
import logging
import secrets
from contextlib import suppress
from dataclasses import replace

from fastapi import APIRouter
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketState

from stt_ai.accounts import WorkKind
from stt_ai.api.admission import Admission, IncomingRequest
from stt_ai.api.http.client_address import TrustedProxies
from stt_ai.api.http.context import current_record
from stt_ai.api.http.errors import INTERNAL, envelope, error_response, failure_response
from stt_ai.api.stream.config import StreamParams, action_of, parse_config, parse_json
from stt_ai.api.stream.docs import UPGRADE
from stt_ai.api.stream.messages import final_message, last_message, ready_message
from stt_ai.api.stream.meter import StreamMeter
from stt_ai.api.stream.resume import ResumeStore, StreamStart
from stt_ai.api.stream.run import LiveStream
from stt_ai.api.stream.services import LiveServices
from stt_ai.api.stream.socket import ClientLeft, StreamSocket
from stt_ai.api.transcription.values import quoted
from stt_ai.billing.keys import is_token
from stt_ai.errors import BadParameter, ConfigTimeout, MalformedBody, NotFound, SttError, Unauthorized
from stt_ai.meters import NO_METERS, OPEN_STREAMS, Meters
from stt_ai.ports import Catalogue
from stt_ai.streaming.session import LiveSession
from stt_ai.types import SAMPLE_RATE

logger = logging.getLogger(__name__)

TOKEN = "token"
"""The one parameter of the address."""
MAX_NAME = 40
"""Characters of a parameter's name in an answer."""
BOOKS_S = 10.0
"""So long the last message waits for the charge. Then it goes out without: what was transcribed is reserved."""


def stream_routes(
    live: LiveServices,
    catalogue: Catalogue,
    default_model: str,
    admission: Admission,
    trusted: TrustedProxies,
    meters: Meters = NO_METERS,
) -> APIRouter:
    """Return the WebSocket /v1/stream, and the answers to whoever calls something else."""
    router = APIRouter()
    streams = Streams(live, catalogue, default_model, meters)

    @router.websocket("/v1/stream")
    async def stream(websocket: WebSocket) -> None:
        try:
            refuse_parameters(websocket)
            async with admission.admit(incoming_of(websocket, trusted)) as grant:
                meter = StreamMeter(grant)
                await meter.begin()
                await websocket.accept(headers=[(k.encode(), v.encode()) for k, v in grant.headers.items()])
                await streams.serve(websocket, meter)
        except SttError as error:
            await refuse(websocket, failure_response(error))
        except Exception:
            logger.exception("a stream could not be opened")
            await refuse(websocket, error_response(INTERNAL))

    @router.websocket("/{path:path}")
    async def nowhere(websocket: WebSocket) -> None:
        """Without it the framework would answer with an empty 403."""
        error = NotFound("There is no WebSocket at this address. Live transcription is at /v1/stream.")
        await refuse(websocket, failure_response(error))

    @router.get("/v1/stream", summary="Live transcription", operation_id="stream", **UPGRADE)
    async def no_upgrade() -> Response:
        message = "This address is a WebSocket: connect to it with ws:// or wss://."
        return envelope(426, "upgrade_required", message, {"Upgrade": "websocket", "Connection": "Upgrade"})

    return router


async def refuse(websocket: WebSocket, answer: Response) -> None:
    """An HTTP answer instead of a connection, where none was accepted yet."""
    if websocket.application_state is WebSocketState.CONNECTING:
        with suppress(RuntimeError, OSError):
            await websocket.send_denial_response(answer)


def refuse_parameters(websocket: HTTPConnection) -> None:
    """Raise `BadParameter` for whatever the address has beside the token: it would be ignored in silence."""
    for name in websocket.query_params:
        if name != TOKEN:
            message = f"{quoted(name)} in the address is not read: parameters belong in the first message, as JSON."
            raise BadParameter(message, name[:MAX_NAME])


def incoming_of(websocket: HTTPConnection, trusted: TrustedProxies) -> IncomingRequest:
    """With a token from the address as its credential where there is one: pages cannot set headers.

    Raises `Unauthorized` for a key in its place: addresses are logged on their way, and a token is spent by then.
    """
    incoming = IncomingRequest.of(websocket, trusted, WorkKind.STREAM)
    credential, token = websocket.headers.get("authorization"), websocket.query_params.get(TOKEN)
    if credential is None and token is not None:
        if not is_token(token):
            raise Unauthorized(
                "`?token=` takes a token of POST /v1/stream/token. Send an API key as `Authorization: Bearer <key>`, "
                "and revoke one that stood in an address."
            )
        credential = f"Bearer {token}"
    return replace(incoming, headers={} if credential is None else {"authorization": credential})


class Streams:
    """Serves accepted connections."""

    def __init__(self, live: LiveServices, catalogue: Catalogue, default_model: str, meters: Meters) -> None:
        self._live = live
        self._limits = live.limits
        self._catalogue = catalogue
        self._default_model = default_model
        self._resumable = ResumeStore(live.limits.resume_s, live.limits.max_resume_points)
        self._meters = meters
        self._open = 0
        meters.set(OPEN_STREAMS, 0)

    async def serve(self, websocket: WebSocket, meter: StreamMeter) -> None:
        """Serve the connection from its first message to its close."""
        self._count(1)
        try:
            await self._serve(websocket, meter)
        finally:
            self._count(-1)

    def _count(self, more: int) -> None:
        self._open += more
        self._meters.set(OPEN_STREAMS, self._open)

    async def _serve(self, websocket: WebSocket, meter: StreamMeter) -> None:
        socket = StreamSocket(websocket, self._limits)
        try:
            async with asyncio.timeout(self._limits.config_timeout_s):
                params = await self._receive_config(socket)
        except TimeoutError:
            await socket.refuse(ConfigTimeout("The first message, the JSON config, did not come in time."))
        except SttError as error:
            await socket.refuse(error)
        except ClientLeft:
            pass
        else:
            await self._run_stream(socket, meter, params)

    async def _receive_config(self, socket: StreamSocket) -> StreamParams | None:
        """Return the parameters of the first message; None if it only says stop."""
        while True:
            message = await socket.receive()
            if isinstance(message, bytes):
                raise MalformedBody("The first message must be the JSON config; audio comes after `ready`.")
            given = parse_json(message)
            action = action_of(given)
            if action == "stop":
                return None
            if action is None:
                return parse_config(given, self._catalogue, self._default_model, self._limits.max_offset_s)

    def _language(self, params: StreamParams, start: StreamStart) -> str | None:
        """Return the caller's language, else that of the resumed stream if this stream's model knows it, too."""
        known = dict(self._catalogue.languages(params.config.model))
        return params.config.language or (start.language if start.language in known else None)

    async def _run_stream(self, socket: StreamSocket, meter: StreamMeter, params: StreamParams | None) -> None:
        if params is None:
            await socket.finish(last_message(0))
            return
        start = self._resumable.start_of(params)
        # Whoever knows the id gets the texts: so it is one of ours, not one that a caller thought of.
        session_id = (params.session_id if start.resumed else None) or secrets.token_urlsafe(16)
        effective = replace(params, config=replace(params.config, language=self._language(params, start)))
        session = self._live.open(effective.config, start.position, start.segment_id)
        stream = LiveStream(socket, session, meter, self._live.decode, params, self._limits, start)
        failure: SttError | ClientLeft | None = INTERNAL  # also when this is cancelled
        try:
            failure = await self._transmit(socket, session, stream, effective, session_id, start)
        finally:
            # Also when this is cancelled, as the server does when the client has left.
            charging = meter.end(stream.received)
            if failure is not None and (stream.received or start.resumed):
                self._resumable.save(session_id, stream.resume_point())
            await session.aclose()
        await asyncio.wait([charging], timeout=BOOKS_S)
        if failure is None:
            await socket.finish(last_message(session.received_samples / SAMPLE_RATE))
        elif isinstance(failure, SttError):
            at = stream.resume_point().position / SAMPLE_RATE
            await socket.refuse(failure, session_id=session_id, offset=round(at, 2))

    async def _transmit(
        self,
        socket: StreamSocket,
        session: LiveSession,
        stream: LiveStream,
        params: StreamParams,
        session_id: str,
        start: StreamStart,
    ) -> SttError | ClientLeft | None:
        """Return why the stream ended; None: the client stopped it."""
        try:
            model = await session.start()
            current_record().model = model.label
            at = start.position / SAMPLE_RATE
            await socket.send(ready_message(params, model, session_id, start.resumed, at))
            for final in start.repeated:
                await socket.send(final_message(final))
            await stream.run()
            return stream.ending
        except (ClientLeft, SttError) as error:
            return error
        except Exception:
            logger.exception("a stream failed")
            return INTERNAL
