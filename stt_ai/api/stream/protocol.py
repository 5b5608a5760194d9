"""uvicorn's side of a WebSocket, kept from holding more than the app can know of. Serve passes no setting on to it."""

import logging
from collections.abc import Generator
from functools import cache
from typing import Any

from websockets.exceptions import PayloadTooBig

from stt_ai.api.http.unread import Receive
from stt_ai.streaming.config import MAX_MESSAGE_BYTES

logger = logging.getLogger(__name__)

TOO_LARGE = 1009
MAX_FRAGMENTS = 4096
"""Of one message: empty ones would be collected without end."""
MAX_UNREAD_PONGS = 256 * 1024
"""Bytes that a client has not read when its pings are no longer answered."""


def restrain(receive: Receive) -> None:
    """Limit the connection before it is accepted. With another server than uvicorn this does nothing."""
    protocol = _protocol(receive)
    if protocol is None:
        return
    # The pong of a client that is held back waits behind its audio: uvicorn would give it up. Who is gone is found out
    # by the stream's own idle timeout.
    protocol.ping_timeout = None
    _refuse_compression(protocol)
    protocol.conn.max_message_size = MAX_MESSAGE_BYTES
    _bound_pongs(protocol)
    _bound_fragments(protocol)
    _pass_on_large_messages(protocol)


def abort(receive: Receive) -> None:
    """Closing would wait until a client that reads nothing has read all."""
    protocol = _protocol(receive)
    if protocol is not None:
        protocol.transport.abort()


def _protocol(receive: Receive) -> Any:
    protocol = getattr(receive, "__self__", None)
    if hasattr(protocol, "conn"):
        return protocol
    if any(kind.__module__.startswith("uvicorn.") for kind in type(protocol).__mro__):
        _log_unknown_protocol()
    return None


@cache
def _log_unknown_protocol() -> None:
    """Once in a process: this is so for every connection, or for none."""
    logger.error("this uvicorn's WebSocket protocol is not the known one: its connections are not limited")


def _refuse_compression(protocol: Any) -> None:
    """All that one read of the socket holds is taken before reading pauses: compressed, that is a thousandfold."""
    protocol.conn.extensions.clear()
    protocol.response.headers.pop("Sec-WebSocket-Extensions", None)


def _pass_on_large_messages(protocol: Any) -> None:
    """Close after a message that is too large: uvicorn closes at its head, and earlier text would not be sent.

    The app gets one that it finds too large instead, and closes; whatever else comes until then is thrown away.
    """
    conn, fail, give_up = protocol.conn, protocol.conn.fail, protocol.handle_parser_exception
    passed_on = False

    def fail_unless_too_large(code: int, reason: str = "") -> None:
        if code != TOO_LARGE:
            fail(code, reason)
            return
        conn.parser = _thrown_away(conn.reader)
        next(conn.parser)

    def pass_on() -> None:
        nonlocal passed_on
        if not isinstance(conn.parser_exc, PayloadTooBig):
            give_up()
        elif not passed_on:
            passed_on = True
            protocol.queue.put_nowait({"type": "websocket.receive", "bytes": bytes(MAX_MESSAGE_BYTES + 1)})

    conn.fail, protocol.handle_parser_exception = fail_unless_too_large, pass_on


def _thrown_away(reader: Any) -> Generator[None, None, None]:
    while not (yield from reader.at_eof()):
        reader.discard()
    yield


def _bound_pongs(protocol: Any) -> None:
    """uvicorn writes them without asking whether the client reads."""
    answer = protocol.handle_ping

    def answer_a_client_that_reads() -> None:
        transport = protocol.transport
        if transport.get_write_buffer_size() > MAX_UNREAD_PONGS:
            transport.abort()
        if not transport.is_closing():
            answer()

    protocol.handle_ping = answer_a_client_that_reads


def _bound_fragments(protocol: Any) -> None:
    """A message is limited in bytes, and uvicorn pauses reading only when it is complete."""
    take = protocol.handle_cont

    def take_a_few(frame: Any) -> None:
        if len(protocol.frames) >= MAX_FRAGMENTS:
            protocol.transport.abort()
        if not protocol.transport.is_closing():
            take(frame)

    protocol.handle_cont = take_a_few
