"""The address that is counted is the caller's own, whatever headers the caller sends."""

import pytest
import uvicorn.middleware.proxy_headers
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from stt_ai.api.http.client_address import TrustedProxies, caller_of, client_address, parse_address
from stt_ai.api.http.proxy import CleanHeaders
from stt_ai.environment import peer_header

TRUSTED = TrustedProxies.of(["10.0.0.0/8", "2001:db8:1::/48", "127.0.0.1"])
addresses = st.ip_addresses().map(str)
strangers = addresses.filter(lambda text: (parsed := parse_address(text)) is not None and parsed not in TRUSTED)
proxies = st.ip_addresses(v=4, network="10.0.0.0/8").map(str) | st.just("127.0.0.1")
junk = addresses | st.text('0123456789abcdef.:[]%", x', max_size=40)


def canonical(text: str) -> str:
    return str(parse_address(text))


@given(strangers, st.lists(junk))
def test_a_caller_that_is_no_trusted_proxy_is_itself_whatever_it_says(peer: str, said: list[str]) -> None:
    assert client_address(peer, said, TRUSTED) == canonical(peer)


@given(st.lists(junk), strangers, st.lists(proxies, min_size=1, max_size=4), st.data())
def test_what_a_caller_says_through_trusted_proxies_changes_nothing(
    said: list[str], caller: str, chain: list[str], data: st.DataObject
) -> None:
    """Each proxy appends whom it sees: the caller, then the proxies but the last, which is the peer."""
    appended = [caller, *chain[:-1]]
    cut = data.draw(st.integers(0, len(appended)))
    lines = [*said, *([", ".join(appended[:cut])] if cut else []), *appended[cut:]]
    assert client_address(chain[-1], lines, TRUSTED) == canonical(caller)


@given(proxies, st.lists(proxies, max_size=4))
def test_among_trusted_proxies_alone_the_first_is_the_caller(peer: str, others: list[str]) -> None:
    assert client_address(peer, [", ".join(others)] if others else [], TRUSTED) == [*others, peer][0]


@pytest.mark.parametrize("hidden", ["unknown", "_gateway", "", "1.2.3.4.5", "1.2.3.4, secret"])
def test_a_proxy_that_hides_its_clients_stands_for_them(hidden: str) -> None:
    assert client_address("10.0.0.1", ["192.0.2.9", hidden], TRUSTED) == "10.0.0.1"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1:8080 ", "192.0.2.1"),
        ("[2001:DB8::1]:443", "2001:db8::1"),
        ('"[2001:db8::1]"', "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ],
)
def test_addresses_in_every_form_that_proxies_write(written: str, meant: str) -> None:
    assert client_address("10.0.0.1", [written], TRUSTED) == meant


def test_a_connection_without_an_address_is_unknown() -> None:
    assert client_address(None, ["192.0.2.1"], TRUSTED) == "unknown"
    assert client_address("testclient", ["192.0.2.1"], TRUSTED) == "testclient"


def app(trusted: TrustedProxies) -> ASGIApp:
    async def who(request: Request) -> PlainTextResponse:
        return PlainTextResponse(caller_of(request, trusted))

    return Starlette(routes=[Route("/", who)])


def ask(app: ASGIApp, peer: str, *headers: tuple[str, str]) -> str:
    return TestClient(app, client=(peer, 40123)).get("/", headers=headers).text  # type: ignore[arg-type]


FORGED = ["192.0.2.77", "192.0.2.77:5000", "[2001:db8::7]:5000", "[2001:db8::7]", "192.0.2.7:x", "127.0.0.1"]


@pytest.mark.parametrize("forged", FORGED)
def test_uvicorns_own_trust_in_this_machine_is_undone(forged: str) -> None:
    behind = uvicorn.middleware.proxy_headers.ProxyHeadersMiddleware(app(TrustedProxies()), "127.0.0.1,::1")  # type: ignore[arg-type]
    header = ("X-Forwarded-For", forged)
    assert ask(behind, "127.0.0.1", header) == "127.0.0.1"  # type: ignore[arg-type]
    assert ask(behind, "198.51.100.1", header) == "198.51.100.1"  # type: ignore[arg-type]
    trusting = uvicorn.middleware.proxy_headers.ProxyHeadersMiddleware(app(TRUSTED), "127.0.0.1,::1")  # type: ignore[arg-type]
    assert ask(trusting, "127.0.0.1", ("X-Forwarded-For", "192.0.2.77")) == "192.0.2.77"  # type: ignore[arg-type]


def test_who_quotes_his_own_address_and_port_is_nobody_else() -> None:
    """He looks like what uvicorn makes of the header; so he may pass for this machine, and for no address he likes."""
    for beyond in ("", ", 192.0.2.77", ", 127.0.0.1, 192.0.2.77"):
        header = ("X-Forwarded-For", f"198.51.100.1:40123{beyond}")
        for trusted in (TrustedProxies(), TrustedProxies.of(["127.0.0.1", "198.51.100.0/24"])):
            assert ask(app(trusted), "198.51.100.1", header) == "127.0.0.1"


def test_what_haproxy_appended_last_is_the_peer_and_what_came_before_is_the_callers_word() -> None:
    cleaned = CleanHeaders(app(TrustedProxies()), "X-Peer-f00")
    lines = [("X-Peer-f00", "192.0.2.1"), ("x-peer-f00", "198.51.100.1"), ("X-Forwarded-For", "192.0.2.2")]
    assert ask(cleaned, "127.0.0.1", *lines) == "198.51.100.1"
    assert ask(CleanHeaders(app(TrustedProxies())), "127.0.0.1", *lines) == "127.0.0.1"
    assert ask(CleanHeaders(app(TRUSTED), "X-Peer-f00"), "127.0.0.1", *lines) == "198.51.100.1"
    beyond = [("X-Forwarded-For", "192.0.2.2"), ("X-Peer-f00", "10.1.1.1")]
    assert ask(CleanHeaders(app(TRUSTED), "X-Peer-f00"), "127.0.0.1", *beyond) == "192.0.2.2"


@pytest.mark.parametrize(
    ("enabled", "named", "header"),
    [
        ("1", "X-Peer-f00", "X-Peer-f00"),
        ("0", "X-Peer-f00", None),
        ("1", "", None),
    ],
)
def test_the_header_is_believed_only_where_haproxy_was_told_to_send_it(
    monkeypatch: pytest.MonkeyPatch, enabled: str, named: str, header: str | None
) -> None:
    monkeypatch.setenv("RAY_SERVE_ENABLE_HA_PROXY", enabled)
    monkeypatch.setenv("STT_AI_PEER_HEADER", named)
    assert peer_header() == header
