"""Which doors are open beside the service's own, and what Ray's ask for, started as `stt-ai serve` does."""

import secrets
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import grpc
import httpx
import psutil
import pytest

from stt_ai.environment import AUTHENTICATION, SINGLE_NODE, values
from tests.support.long_tests import long
from tests.support.service import Service
from tests.unit.test_haproxy import BROKEN, Proxy, read

TOKEN = secrets.token_hex(32)
JOB = {"entrypoint": "id", "submission_id": "intruder"}
DASHBOARD = ["/api/jobs/", "/api/serve/applications/", "/nodes?view=summary", "/api/cluster_status", "/api/v0/actors"]

pytestmark = long


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    alone = {**values(AUTHENTICATION), **values(SINGLE_NODE), "RAY_AUTH_TOKEN": TOKEN}
    service = Service(tmp_path_factory.mktemp("closed"), environment=alone)
    try:
        service.start()
        yield service
    finally:
        service.stop()


def loopback(address: str) -> bool:
    parsed = ip_address(address)
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback


def beyond_the_loopback(service: Service) -> dict[int, str]:
    """The command line of who listens there, by port."""
    return {
        connection.laddr.port: " ".join(process.cmdline())
        for process in service.processes()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN and not loopback(connection.laddr.ip)
    }


def test_only_haproxys_counters_and_doors_that_ask_for_the_token_are_beyond_the_loopback(closed: Service) -> None:
    found = beyond_the_loopback(closed)
    for name in ("METRICS", "STATS"):
        assert "haproxy" in found.pop(int(closed.environment[f"RAY_SERVE_HAPROXY_{name}_PORT"]))
    assert {port: who for port, who in found.items() if not who.startswith("ray::ServeReplica:")} == {}
    for port in found:
        for metadata in ((), (("authorization", "Bearer " + "0" * 64),)):
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, pytest.raises(grpc.RpcError) as refused:
                channel.unary_unary("/ray.serve.ASGIService/HandleRequest")(b"", metadata=metadata, timeout=30)
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert httpx.get(f"{closed.url}/health", timeout=60).status_code == 200


def test_headers_that_do_not_end_are_not_waited_for(closed: Service) -> None:
    """Else a few thousand such callers would have all the connections that there are."""
    with socket.create_connection(("127.0.0.1", closed.port), timeout=30) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert client.recv(12) == b"HTTP/1.1 408"


@pytest.mark.parametrize("name", BROKEN)
def test_what_haproxy_refuses_is_told_as_the_service_words_failures(closed: Service, name: str) -> None:
    status, headers, body = read(Proxy(closed.port, closed.port).ask(BROKEN[name]))
    assert (status, body["code"], headers["x-request-id"]) == (400, "malformed_request", body["request_id"])


def test_an_unknown_method_is_told_so(closed: Service) -> None:
    request = b"FOO /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    status, headers, body = read(Proxy(closed.port, closed.port).ask(request))
    assert (status, body["code"], headers["x-request-id"]) == (405, "method_not_allowed", body["request_id"])


@pytest.mark.parametrize("path", DASHBOARD)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer " + "0" * 64}])
def test_the_dashboard_shows_nothing_without_the_token(closed: Service, path: str, headers: dict[str, str]) -> None:
    answer = httpx.get(closed.dashboard + path, headers=headers, timeout=60)
    assert answer.status_code in (401, 403), answer.text


def test_nobody_runs_or_changes_anything_without_the_token(closed: Service) -> None:
    for method, path in (("POST", "/api/jobs/"), ("PUT", "/api/serve/applications/"), ("DELETE", "/api/jobs/x")):
        answer = httpx.request(method, closed.dashboard + path, json=JOB, timeout=60)
        assert answer.status_code in (401, 403), answer.text


def test_whoever_has_the_token_sees_the_service(closed: Service) -> None:
    answer = httpx.get(
        f"{closed.dashboard}/api/serve/applications/", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60
    )
    assert answer.json()["applications"]["stt_ai"]["status"] == "RUNNING"


def test_the_token_stands_in_no_log_and_no_command_line(closed: Service) -> None:
    for log in [closed.log, *Path(closed._ray).rglob("*.log"), *Path(closed._ray).rglob("*.out")]:
        assert not log.is_file() or TOKEN not in log.read_text(errors="replace"), log
    assert not any(TOKEN in " ".join(process.cmdline()) for process in closed.processes())
