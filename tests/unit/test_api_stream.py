"""The protocol of /v1/stream over a real socket, before a session that writes a word for every second."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from stt_ai.api.stream.closing import CODES
from stt_ai.api.stream.config import StreamParams
from stt_ai.api.stream.run import MAX_IGNORED
from stt_ai.errors import InternalError, ModelLoading, SttError, Unavailable
from stt_ai.types import LoadedModel
from tests.support.api import PATIENCE, eventually
from tests.support.scripted_recognizer import in_virtual_time, now
from tests.support.stream_client import (
    SECOND,
    Client,
    Sessions,
    connected,
    connection_of,
    live_app,
    said,
    serving,
    texts,
)


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    return Sessions()


@pytest.fixture(scope="module")
def port(sessions: Sessions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with serving(live_app(tmp_path_factory.mktemp("uploads"), sessions)) as port:
        yield port


@pytest.fixture
def client(port: int) -> Iterator[Client]:
    with connected(port) as client:
        yield client


# The protocol as documented.


def test_the_documented_exchange(client: Client) -> None:
    client.ready(language="auto", model="large-v3-turbo")
    for _ in range(7):
        client.audio()
    messages, code = client.stop()
    assert code == 1000
    assert texts(messages) == said(7)
    partials = [message["partial"] for message in messages if message.get("partial")]
    assert partials == ["w0", "w0 w1", "w3", "w3 w4", "w6"]
    last = messages[-1]
    assert last == {"is_final": True, "text": "", "partial": "", "duration": 7.0}
    assert sum(message.get("is_final", False) for message in messages) == 1
    first = next(message for message in messages if message.get("text"))
    assert first == {
        **{"text": "w0 w1 w2", "partial": "", "start": 0.0, "end": 3.0, "segment_id": 0},
        **{"language": "en", "speech_final": True},
        "words": [{"word": f"w{n}", "start": 0.0, "end": 3.0, "confidence": 0.9} for n in range(3)],
    }


def test_ready_says_what_is_in_effect(client: Client, sessions: Sessions) -> None:
    ready = client.ready(
        model="small",
        language="es-MX",
        encoding="linear16",
        sample_rate=8000,
        interim_results=False,
        endpointing=False,
        utterance_end_ms=1500,
        vad_events=True,
        word_timestamps=False,
        prompt="A talk.",
        keywords=["Ray", "Ada  Lovelace", "Ray"],
        colour="blue",
    )
    assert len(ready.pop("session_id")) >= 16
    assert [warning["code"] for warning in ready.pop("warnings")] == ["demo_model"]
    assert ready == {
        **{"status": "ready", "resumed": False, "offset": 0.0, "model": "fake-small", "demo_model": True},
        **{"language": "es", "encoding": "pcm_s16le", "sample_rate": 8000, "interim_results": False},
        **{"endpointing": False, "utterance_end_ms": 1500, "vad_events": True, "word_timestamps": False},
        **{"prompt": "A talk.", "keywords": ["Ray", "Ada Lovelace"]},
    }
    config = sessions.all[-1].config
    assert (config.endpointing_ms, config.utterance_end_ms, config.keywords) == (None, 1500, ("Ray", "Ada Lovelace"))
    for _ in range(6):
        client.socket.send(SECOND[: len(SECOND) // 2])
    messages, _ = client.stop()
    assert [message["words"] for message in messages if message.get("text")] == [[], []]
    assert not any(message.get("partial") for message in messages)


def test_ready_warns_of_a_model_that_serves_in_place_of_another(
    client: Client, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "model", LoadedModel("whisper-base", reason="There is no hub."))
    ready = client.ready(model="small")
    assert ready["model"] == "whisper-base" and "demo_model" not in ready
    assert ready["warnings"] == [{"code": "model_substituted", "message": "There is no hub."}]


def test_ready_has_no_warnings_of_the_model_that_was_asked_for(
    client: Client, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "model", LoadedModel("small", origin="hub"))
    assert "warnings" not in client.ready(model="small")


def test_an_empty_config_means_the_defaults(client: Client) -> None:
    ready = client.ready(language=None)
    assert (ready["model"], ready["language"], ready["sample_rate"], ready["endpointing"]) == (
        "fake-large-v3-turbo",
        "auto",
        16000,
        500,
    )
    assert client.stop() == ([{"is_final": True, "text": "", "partial": "", "duration": 0.0}], 1000)


@settings(max_examples=12)
@given(cuts=st.lists(st.integers(1, 40_001), min_size=1, max_size=12))
def test_any_cut_of_the_bytes_says_the_same(port: int, cuts: list[int]) -> None:
    audio, at = SECOND * 4, 0
    with connected(port) as client:
        client.ready()
        for size in cuts:
            client.socket.send(audio[at : at + size])
            at += size
        client.socket.send(audio[at:])
        messages, code = client.stop()
    assert (texts(messages), code, messages[-1]["duration"]) == (said(4), 1000, 4.0)


def test_half_a_sample_at_the_end_is_none(client: Client) -> None:
    client.ready()
    client.socket.send(SECOND + b"\x01")
    messages, code = client.stop()
    assert (messages[-1]["duration"], code) == (1.0, 1000)


def test_finalize_ends_the_utterance_and_is_always_answered(client: Client) -> None:
    client.ready(interim_results=False)
    client.audio(2)
    client.send(action="finalize")
    message = client.read()
    assert (message["text"], message["from_finalize"], message["end"]) == ("w0 w1", True, 2.0)
    client.send(action="finalize")
    assert client.read()["text"] == ""
    client.audio(2)
    assert texts(client.stop()[0]) == "w2 w3"


def test_a_fragmented_message_is_one(client: Client) -> None:
    client.ready()
    client.socket.send(iter([SECOND[:5], SECOND[5:], SECOND]))
    assert client.stop()[0][-1]["duration"] == 2.0


def test_after_stop_nothing_more_is_transcribed(client: Client, sessions: Sessions) -> None:
    client.ready()
    client.audio(1)
    client.send(action="stop")
    try:
        for _ in range(3):
            client.audio(1)
    except ConnectionClosed:
        pass
    assert client.rest()[0][-1]["duration"] == 1.0


def test_stop_instead_of_a_config_ends_at_once(client: Client) -> None:
    client.send(action="keepalive")
    assert client.stop()[1] == 1000


# What is wrong with a message is said, with a code, and the connection is closed with one.


def refused(client: Client, code: str, close: int, retryable: bool = False) -> dict[str, Any]:
    messages, closed = client.rest()
    error = messages[-1]
    assert (error["code"], closed, error["retryable"]) == (code, close, retryable)
    assert error["error"].endswith(".") and error["request_id"]
    assert client.socket.protocol.close_rcvd is not None and client.socket.protocol.close_rcvd.reason == code
    return error


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"model": "tiny"}, "model"),
        ({"model": 7}, "model"),
        ({"language": "klingon"}, "language"),
        ({"language": "yue", "model": "small"}, "language"),
        ({"sample_rate": 7999}, "sample_rate"),
        ({"sample_rate": "16000"}, "sample_rate"),
        ({"sample_rate": 16000.5}, "sample_rate"),
        ({"interim_results": "yes"}, "interim_results"),
        ({"endpointing": 5}, "endpointing"),
        ({"endpointing": "fast"}, "endpointing"),
        ({"utterance_end_ms": 999}, "utterance_end_ms"),
        ({"utterance_end_ms": 10**400}, "utterance_end_ms"),
        ({"prompt": "x" * 1001}, "prompt"),
        ({"keywords": [1]}, "keywords"),
        ({"keywords": "?!"}, "keywords"),
        ({"keywords": ["k"] * 40 + ["k" * 61]}, "keywords"),
        ({"hotwords": 7}, "hotwords"),
        ({"session_id": "a b"}, "session_id"),
        ({"offset": -1}, "offset"),
        ({"offset": float("nan")}, "offset"),
        ({"offset": [[]]}, "offset"),
        ({"last_segment_id": -2}, "last_segment_id"),
    ],
)
def test_a_bad_value_is_named(client: Client, config: dict[str, Any], named: str) -> None:
    client.send(**config)
    assert f"`{named}`" in refused(client, "invalid_parameter", 1007)["error"]


@pytest.mark.parametrize(
    "message", ["", "hello", "[]", "7", "null", '{"model": ', "[" * 100_000, '"' + "\\ud800" + '"']
)
def test_what_is_no_config_is_told(client: Client, message: str) -> None:
    client.socket.send(message)
    refused(client, "malformed_body", 1007)


def test_half_a_character_in_a_prompt_breaks_nothing(client: Client) -> None:
    client.socket.send('{"prompt": "a \\ud800 b", "model": "\\udfff"}')
    refused(client, "invalid_parameter", 1007)


def test_audio_before_the_config_is_told(client: Client) -> None:
    client.audio()
    refused(client, "malformed_body", 1007)


@pytest.mark.parametrize("encoding", ["mp3", 3, ""])
def test_another_encoding_is_told(client: Client, encoding: Any) -> None:
    client.send(encoding=encoding)
    assert "pcm_s16le, mulaw, alaw, opus" in refused(client, "unsupported_encoding", 1003)["error"]


def test_opus_that_is_none_is_told(client: Client) -> None:
    client.ready(encoding="opus")
    client.audio()
    refused(client, "unsupported_encoding", 1003)


NO_ACTIONS = {
    "AAAA" * 100: "not valid JSON",
    '{"action": "sing"}': "stop, finalize, keepalive",
    '{"type": "Configure"}': "stop, finalize, keepalive",
    '{"language": "es"}': "The config is taken once",
    "[]": "must be a JSON object",
}


@pytest.mark.parametrize("message", NO_ACTIONS)
def test_text_that_is_no_action_is_answered_and_ignored(client: Client, message: str) -> None:
    client.ready(interim_results=False)
    client.audio(1)
    client.socket.send(message)
    ((warning,),) = (client.read()["warnings"],)
    assert warning["code"] == "message_ignored" and NO_ACTIONS[message] in warning["message"]
    client.audio(1)
    messages, code = client.stop()
    assert (texts(messages), code) == (said(2), 1000)


def test_who_does_not_read_the_warnings_is_closed_with_all_that_was_transcribed_sent(client: Client) -> None:
    client.ready(interim_results=False)
    client.audio(2)
    for _ in range(MAX_IGNORED + 1):
        client.socket.send("AAAA")
    messages, code = client.rest()
    assert len([message for message in messages if "warnings" in message]) == MAX_IGNORED
    assert texts(messages) == said(2)
    assert (messages[-1]["code"], messages[-1]["offset"], code) == ("malformed_body", 2.0, 1007)


@pytest.mark.parametrize(
    ("finalize", "keepalive", "stop"),
    [
        ({"action": "finalize"}, {"action": "keepalive"}, {"action": "stop"}),
        ({"type": "Finalize"}, {"type": "KeepAlive"}, {"type": "CloseStream"}),
        ({"type": "ForceEndpoint"}, {"type": "KeepAlive"}, {"type": "Terminate"}),
    ],
)
def test_actions_may_be_spelled_as_in_other_apis(
    client: Client, finalize: dict[str, str], keepalive: dict[str, str], stop: dict[str, str]
) -> None:
    client.send(**keepalive)
    client.ready(interim_results=False)
    client.audio(1)
    client.send(**keepalive)
    client.send(**finalize)
    assert client.read()["from_finalize"] is True
    client.audio(1)
    client.send(**stop)
    messages, code = client.rest()
    assert (texts(messages), messages[-1]["is_final"], code) == ("w1", True, 1000)


def test_a_container_that_a_stream_does_not_take_costs_nothing(client: Client, sessions: Sessions) -> None:
    client.ready()
    client.socket.send(b"\x00\x00\x00\x1cftypiso5" + bytes(64_000))
    assert "MP4" in refused(client, "unsupported_encoding", 1003)["error"]
    assert sessions.all[-1].position == 0


def test_a_frame_that_is_too_large_is_told(client: Client) -> None:
    client.ready(interim_results=False)
    client.audio(1)
    client.socket.send(bytes(1_000_001))
    assert client.read()["text"] == "w0"
    refused(client, "frame_too_large", 1009)


def test_a_hundred_megabytes_in_one_frame_are_refused_at_its_head(client: Client) -> None:
    client.ready()
    with pytest.raises(ConnectionClosed):
        client.socket.send(bytes(100_000_000))
        client.socket.recv(timeout=PATIENCE)
    received = client.socket.protocol.close_rcvd
    assert received is None or received.code == 1009  # the head of the frame may be answered by a reset


def test_silence_of_the_client_ends_the_stream_unless_it_keeps_alive(tmp_path: Path) -> None:
    """The connection is its messages alone: in these no time passes but the one that is waited for."""
    app, sent = live_app(tmp_path, Sessions(), idle_timeout_s=30), []

    async def client() -> AsyncIterator[dict[str, Any]]:
        yield {"type": "websocket.connect"}
        yield {"type": "websocket.receive", "text": '{"interim_results": false}'}
        yield {"type": "websocket.receive", "bytes": SECOND}
        for _ in range(6):
            await asyncio.sleep(20)
            yield {"type": "websocket.receive", "text": '{"action": "keepalive"}'}
        await asyncio.Event().wait()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def stream() -> float:
        await app(connection_of(), aiter(client()).__anext__, send)
        return now()

    assert in_virtual_time(stream()) == pytest.approx(6 * 20 + 30)
    ready, text, error = [json.loads(message["text"]) for message in sent if "text" in message]
    assert (text["text"], error["code"], error["retryable"]) == ("w0", "idle_timeout", True)
    assert (error["session_id"], error["offset"]) == (ready["session_id"], 1.0)
    assert (sent[-1]["code"], sent[-1]["reason"]) == (4001, "idle_timeout")


def test_a_config_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    with serving(live_app(tmp_path, Sessions(), config_timeout_s=0.3)) as port, connected(port) as client:
        with suppress(ConnectionClosed):  # the service may be done with it already
            client.send(action="keepalive")
        refused(client, "config_timeout", 4000)


def test_a_stream_has_a_longest_length(tmp_path: Path) -> None:
    with serving(live_app(tmp_path, Sessions(), max_session_s=PATIENCE)) as port, connected(port) as client:
        client.ready(interim_results=False)
        for _ in range(round(PATIENCE) + 1):
            client.audio(1)
        messages = client.until(lambda message: message.get("end") == PATIENCE)
        assert texts(messages) == said(round(PATIENCE))
        assert refused(client, "session_limit", 4002, retryable=True)["offset"] == PATIENCE


# The service's own failures.


@pytest.mark.parametrize(
    ("error", "code", "close"),
    [
        (ModelLoading("The model is being loaded.", 15), "model_loading", 1013),
        (InternalError("secret"), "internal_error", 1011),
    ],
)
def test_a_model_that_is_not_there_is_told(tmp_path: Path, error: SttError, code: str, close: int) -> None:
    with serving(live_app(tmp_path, Sessions(unready=error))) as port, connected(port) as client:
        client.send()
        failure = refused(client, code, close, retryable=True)
        assert "secret" not in failure["error"]
        assert failure.get("retry_after") == (15 if code == "model_loading" else None)


def test_a_session_that_fails_is_told_and_can_go_on_from_its_last_text(tmp_path: Path) -> None:
    sessions = Sessions(fails=(4 * 16000, Unavailable("The model is busy.", 3)))
    with serving(live_app(tmp_path, sessions)) as port:
        with connected(port) as client:
            client.ready(interim_results=False)
            for _ in range(4):
                client.audio(1)
            assert client.read()["text"] == said(3)
            error = refused(client, "unavailable", 1013, retryable=True)
        assert sessions.all[0].closed
        sessions.fails = None
        with connected(port) as client:
            assert client.ready(session_id=error["session_id"], offset=error["offset"])["resumed"]
            client.audio(2)
            assert texts(client.stop()[0]) == "w3 w4"


def test_a_fault_of_ours_is_told_without_its_inside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sessions = Sessions(fails=(1, ValueError("secret")))
    with serving(live_app(tmp_path, sessions)) as port, connected(port) as client:
        client.ready()
        client.audio(1)
        assert "secret" not in refused(client, "internal_error", 1011, retryable=True)["error"]
    assert "secret" in caplog.text


# Going on after a cut.


def test_a_stream_that_was_cut_off_goes_on_with_nothing_lost_or_sent_twice(port: int, sessions: Sessions) -> None:
    with connected(port) as client:
        session_id = client.ready(interim_results=False)["session_id"]
        for _ in range(8):
            client.audio(1)
        texts_before = [client.read()["text"], client.read()["text"]]
        client.socket.socket.close()  # no goodbye
    cut = sessions.all[-1]
    assert eventually(lambda: cut.closed)
    with connected(port) as client:
        ready = client.ready(session_id=session_id, offset=6.0, interim_results=False)
        assert (ready["session_id"], ready["resumed"], ready["offset"]) == (session_id, True, 6.0)
        client.audio(4)
        messages, code = client.stop()
    assert " ".join([*texts_before, texts(messages)]) == said(10)
    assert [message["segment_id"] for message in messages if message.get("text")] == [2, 3]
    assert (code, sessions.all[-1].config.language) == (1000, "en")  # as it was found out before the cut


@pytest.mark.parametrize("known", [{}, {"last_segment_id": 0}])
def test_texts_that_the_client_missed_are_sent_again_and_their_audio_is_not_transcribed_again(
    port: int, sessions: Sessions, known: dict[str, Any]
) -> None:
    with connected(port) as client:
        session_id = client.ready(interim_results=False)["session_id"]
        for _ in range(7):
            client.audio(1)
        client.until(lambda message: message.get("end") == 6.0)
    assert eventually(lambda: sessions.all[-1].closed)
    with connected(port) as client:
        assert client.ready(session_id=session_id, offset=3.0, interim_results=False, **known)["offset"] == 6.0
        again = client.read()
        assert (again["text"], again["segment_id"]) == ("w3 w4 w5", 1)
        client.audio(6)  # seconds 3 to 9
        messages, _ = client.stop()
    assert texts(messages) == "w6 w7 w8"
    assert messages[-1]["duration"] == 9.0


def test_a_client_that_is_cut_off_twice_misses_nothing(port: int, sessions: Sessions) -> None:
    with connected(port) as client:
        session_id = client.ready(interim_results=False)["session_id"]
        client.audio(7)
        client.until(lambda message: message.get("end") == 6.0)
    for _ in range(2):
        assert eventually(lambda: sessions.all[-1].closed)
        with connected(port) as client:  # gone again before it has read any text
            client.ready(session_id=session_id, offset=0.0, interim_results=False)
    assert eventually(lambda: sessions.all[-1].closed)
    with connected(port) as client:
        client.ready(session_id=session_id, offset=0.0, interim_results=False)
        client.audio(9)
        messages, _ = client.stop()
    assert texts(messages) == said(9)
    assert [message["segment_id"] for message in messages if message.get("text")] == [0, 1, 2]


def test_a_language_that_was_found_out_outlives_a_cut_before_any_further_text(port: int, sessions: Sessions) -> None:
    with connected(port) as client:
        session_id = client.ready(interim_results=False)["session_id"]
        client.audio(3)
        assert client.read()["language"] == "en"
    for _ in range(2):
        assert eventually(lambda: sessions.all[-1].closed)
        with connected(port) as client:
            ready = client.ready(session_id=session_id, offset=3.0)
            assert (ready["resumed"], ready["language"]) == (True, "en")


def test_a_stream_that_goes_on_with_a_model_that_does_not_know_its_language_finds_out_again(
    port: int, sessions: Sessions
) -> None:
    with connected(port) as client:
        session_id = client.ready(language="yue")["session_id"]
        client.audio(1)
        client.until(lambda message: bool(message.get("partial")))
    assert eventually(lambda: sessions.all[-1].closed)
    with connected(port) as client:
        ready = client.ready(session_id=session_id, model="small")
        assert (ready["resumed"], ready["language"]) == (True, "auto")


def test_streams_that_brought_no_audio_take_no_place_among_the_remembered(tmp_path: Path) -> None:
    sessions = Sessions()
    with serving(live_app(tmp_path, sessions, max_resume_points=1)) as port:
        with connected(port) as client:
            session_id = client.ready(interim_results=False)["session_id"]
            client.audio(3)
            assert client.read()["text"] == said(3)
        assert eventually(lambda: sessions.all[0].closed)
        for number in (1, 2):
            with connected(port) as client:
                client.ready()
            assert eventually(lambda number=number: sessions.all[number].closed)
        with connected(port) as client:
            assert client.ready(session_id=session_id, offset=3.0)["resumed"]


def test_a_stream_that_nobody_here_knows_begins_at_the_offset(port: int) -> None:
    with connected(port) as client:
        ready = client.ready(session_id="from-elsewhere", offset=6, last_segment_id=1)
        assert (ready["resumed"], ready["offset"]) == (False, 6.0)
        assert ready["session_id"] != "from-elsewhere"  # it opens a stream's texts, so callers cannot choose it
        client.audio(2)
        messages, _ = client.stop()
    (text,) = [message for message in messages if message.get("text")]
    assert (text["text"], text["start"], text["segment_id"]) == ("w6 w7", 6.0, 2)


def test_a_stream_that_was_stopped_is_over(port: int) -> None:
    with connected(port) as client:
        session_id = client.ready()["session_id"]
        client.audio(3)
        client.stop()
    with connected(port) as client:
        assert not client.ready(session_id=session_id, offset=3.0)["resumed"]


# Around it.


def test_without_an_upgrade_it_is_426_with_the_error_body(port: int) -> None:
    answer = httpx.get(f"http://127.0.0.1:{port}/v1/stream", timeout=PATIENCE)
    assert (answer.status_code, answer.headers["Upgrade"]) == (426, "websocket")
    assert (answer.json()["code"], set(answer.json())) == ("upgrade_required", {"error", "code", "request_id"})


@pytest.mark.parametrize("path", ["/v1/transcribe", "/v1/streams", "/"])
def test_a_websocket_elsewhere_is_404_with_the_error_body(port: int, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(f"ws://127.0.0.1:{port}{path}"):
        pass
    answer = refused.value.response
    body = json.loads(answer.body or b"")
    assert (answer.status_code, body["code"], answer.headers["Content-Type"]) == (404, "not_found", "application/json")
    assert body["request_id"] == answer.headers["X-Request-ID"]


def test_a_parameter_in_the_address_is_refused_instead_of_ignored(port: int) -> None:
    for query in ("language=es", "token=stt_once_x&encoding=linear16"):
        with pytest.raises(InvalidStatus) as refused, connect(f"ws://127.0.0.1:{port}/v1/stream?{query}"):
            pass
        answer = refused.value.response
        error = json.loads(answer.body)
        assert (answer.status_code, error["code"]) == (400, "invalid_parameter")
        assert "first message" in error["error"]
        assert error["error"].startswith(('"language"', '"encoding"'))


def test_pages_of_every_origin_may_connect(port: int) -> None:
    with connected(port, origin="https://example.com") as client:
        assert client.ready()


def test_a_stream_has_an_id_and_one_line_in_the_log(port: int, caplog: pytest.LogCaptureFixture) -> None:
    def lines() -> list[dict[str, Any]]:
        found = [record.__dict__["fields"] for record in caplog.records if record.name == "stt_ai.access"]
        return [line for line in found if line.get("model") == "fake-small"]  # not the stream of the test before

    with caplog.at_level(logging.INFO, "stt_ai.access"):
        with connected(port, token="stt_once_secret", request_id="mine-7") as client:
            assert client.socket.response is not None
            assert client.socket.response.headers["X-Request-ID"] == "mine-7"
            client.ready(model="small")
            client.audio(2)
            client.stop()
        assert eventually(lambda: bool(lines()))
    (line,) = lines()
    assert {key: line[key] for key in ("method", "route", "status", "audio_seconds", "model", "bytes_in")} == {
        **{"method": "WS", "route": "/v1/stream", "status": 1000, "audio_seconds": 2.0, "model": "fake-small"},
        "bytes_in": 64_000 + len('{"model": "small"}') + len('{"action": "stop"}'),
    }
    assert "secret" not in caplog.text


def test_the_schema_and_the_docs_tell_the_whole_protocol(port: int) -> None:
    schema = httpx.get(f"http://127.0.0.1:{port}/openapi.json", timeout=PATIENCE).json()
    operation = schema["paths"]["/v1/stream"]["get"]
    assert {"101", "401", "402", "426", "429", "503"} <= set(operation["responses"])
    page = httpx.get(f"http://127.0.0.1:{port}/docs", timeout=PATIENCE).text
    for name in fields(StreamParams):
        if name.name != "config":
            assert name.name in page
    for field in ("stable_chars", "utterance_end", "is_final", "finalize", "keepalive", "endpointing", "vad_events"):
        assert field in page
    for error, code in CODES.items():
        assert f"<td>{code}</td>" in page and error.code in page
