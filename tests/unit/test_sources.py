"""What may be fetched by its address, and what must not even be asked."""

import socket
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import pytest

from stt_ai.errors import (
    BadParameter,
    SourceForbidden,
    SourceRefused,
    SourceTimeout,
    SourceTooLarge,
    SttError,
    UnsupportedMedia,
)
from stt_ai.sources.addresses import AddressPolicy, is_public
from stt_ai.sources.client import CheckedClient
from stt_ai.sources.fetching import Fetcher
from tests.support.tls_server import Exchange, Server, client, giving, response, serving

SOUND = bytes(range(256)) * 400
SPECIAL = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32",
    "168.63.129.16/32", "::/128", "::1/128", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64",
    "2001::/23", "2001::/32", "2001:2::/48", "2001:10::/28", "2001:20::/28", "2001:db8::/32", "2002::/16",
    "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
)  # fmt: skip


class Written(bytearray):
    async def write(self, data: bytes) -> None:
        self.extend(data)


async def fetched(sender: CheckedClient, url: str, **options: object) -> bytes:
    written = Written()
    await Fetcher(sender).fetch(url, int(options.pop("max_bytes", 1 << 20)), written.write, **options)  # type: ignore
    return bytes(written)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(giving(response(SOUND))) as server:
        yield server


@pytest.fixture
def canary() -> Iterator[Server]:
    """Whoever connects to it has already gone too far."""
    with serving(giving(response(b"secret")), secure=False) as canary:
        yield canary
        assert canary.connections == 0


@pytest.mark.parametrize("network", SPECIAL)
def test_no_address_of_a_special_purpose_range_is_public(network: str) -> None:
    addresses = ip_network(network)
    assert not is_public(addresses[0])
    assert not is_public(addresses[-1])
    assert not is_public(addresses[addresses.num_addresses // 2])


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "172.32.0.1", "223.255.255.254", "2606:4700::1111"])
def test_others_are_public(address: str) -> None:
    assert is_public(ip_address(address))


def test_what_is_no_address_is_not_permitted() -> None:
    everything = AddressPolicy.of(["0.0.0.0/0", "::/0"])
    assert not everything.permits("localhost")
    assert everything.permits("10.0.0.1")
    assert not AddressPolicy.of(["10.0.0.0/8"]).permits("::ffff:10.0.0.1")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "2130706433",
     "0x7f000001", "0177.0.0.1",
     "127.1", "0", "0.0.0.0", "[::]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1%25lo]", "localhost."],
)  # fmt: skip
async def test_no_spelling_of_the_loopback_is_connected_to(host: str, canary: Server) -> None:
    with pytest.raises((SourceForbidden, SourceRefused)) as caught:
        await fetched(client((), allow_http=True), canary.url(host=host))
    assert "127.0.0.1" not in caught.value.message


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "gopher://example.com/", "ftp://example.com/a.mp3", "data:audio/mp3;base64,AAAA", "/a.mp3",
     "http://example.com/a.mp3", "https://", "https:///a.mp3", "https://user:pass@example.com/", "https://user@a.com/",
     "https://example.com:25/", "https://example.com:22/", "https://[::1", "https://exa mple.com/", "h" * 5000, "",
     "https://%31%32%37.0.0.1/", "https://a.com\r\nHost: b.com/", "https://a.com:99999/", "unix:///var/run/docker.sock"],
)  # fmt: skip
async def test_other_schemes_ports_and_credentials_are_refused_unresolved(url: str) -> None:
    async def never(host: str, port: int) -> list[str]:
        raise AssertionError("a name was looked up")

    with pytest.raises(SourceForbidden):
        await fetched(client(resolver=never), url)


async def test_the_checked_address_is_the_one_connected_to(canary: Server) -> None:
    """A name that is public when asked first, and the loopback ever after, is asked once a connection."""
    answers = iter([["203.0.113.9", "192.0.2.1"], ["127.0.0.1"], ["127.0.0.1"]])
    asked = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    with serving(giving(response(SOUND)), name="rebound.example") as server:
        sender = client(("127.0.0.2/32",), resolver=rebinding)
        with pytest.raises(SourceForbidden):
            await fetched(sender, server.url())
        with pytest.raises(SourceForbidden):
            await fetched(sender, server.url())
        assert server.connections == 0
    assert asked == ["rebound.example"] * 2


async def test_of_several_answers_only_permitted_ones_are_used(server: Server) -> None:
    async def mixed(host: str, port: int) -> list[str]:
        return ["10.0.0.1", "169.254.169.254", "127.0.0.1"]

    assert await fetched(client(("127.0.0.1/32",), resolver=mixed), server.url()) == SOUND


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_the_loopback_is_not_followed(status: int, canary: Server) -> None:
    async def outside(host: str, port: int) -> list[str]:
        return ["127.0.0.9"] if host == "outside.example" else ["127.0.0.1"]

    with serving(giving(response(status=status, Location=canary.url())), secure=False) as server:
        listener = socket.create_server(("127.0.0.9", 0))
        listener.close()
        sender = client(("127.0.0.9/32",), allow_http=True, resolver=outside)
        with pytest.raises((SourceForbidden, SourceRefused)):
            await fetched(sender, server.url(host="outside.example"))
    # The server that redirects is allowed; where it redirects to is not.
    with serving(giving(response(status=status, Location=canary.url(host="inside.example")))) as server:

        async def inside(host: str, port: int) -> list[str]:
            return ["10.0.0.1"] if host == "inside.example" else ["127.0.0.1"]

        with pytest.raises(SourceForbidden):
            await fetched(client(allow_http=True, resolver=inside), server.url())
        assert len(server.exchanges) == 1


@pytest.mark.parametrize("target", ["file:///etc/passwd", "gopher://a.com/", "http://a.com/", "https://u:p@a.com/"])
async def test_a_redirect_obeys_the_rules_of_addresses(target: str) -> None:
    with serving(giving(response(status=302, Location=target))) as server, pytest.raises(SourceForbidden):
        await fetched(client(), server.url())


async def test_what_lies_in_an_allowed_network_is_fetched_over_tls(server: Server) -> None:
    written = Written()
    name = await Fetcher(client()).fetch(server.url("/a%20b/caf%C3%A9.mp3?x=1"), 1 << 20, written.write)
    assert bytes(written) == SOUND
    assert name == "café.mp3"
    [exchange] = server.exchanges
    assert exchange.line == "GET /a%20b/caf%C3%A9.mp3?x=1 HTTP/1.1"
    assert exchange.headers["host"] == f"localhost:{server.port}"
    assert exchange.headers["accept-encoding"] == "identity"


async def test_the_certificate_must_be_the_names_own() -> None:
    async def loopback(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    with serving(giving(response(SOUND)), name="other.example") as server:
        assert await fetched(client(resolver=loopback), server.url()) == SOUND
        with pytest.raises(SourceRefused):
            await fetched(client(resolver=loopback), server.url(host="named.example"))
    assert len(server.exchanges) == 1


async def test_proxies_of_the_environment_are_not_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert await fetched(client(), server.url()) == SOUND


async def test_three_redirects_are_followed_and_no_fourth() -> None:
    with serving(*[giving(response(status=302, Location="/next"))] * 3, giving(response(SOUND))) as server:
        assert await fetched(client(), server.url()) == SOUND
    with serving(giving(response(status=302, Location="/next"))) as server:
        with pytest.raises(SourceForbidden, match="more than 3"):
            await fetched(client(), server.url())
        assert len(server.exchanges) == 4


async def test_headers_go_to_their_own_origin_alone(server: Server) -> None:
    with serving(giving(response(status=302, Location=server.url()))) as first:
        assert await fetched(client(), first.url(), headers={"Authorization": "Bearer x"}) == SOUND
        assert first.exchanges[0].headers["authorization"] == "Bearer x"
    assert "authorization" not in server.exchanges[0].headers


@pytest.mark.parametrize(
    "headers",
    [{"Host": "a.com"}, {"X": "a\r\nY: b"}, {"a b": "c"}, {"Proxy-Authorization": "x"}, {"X": "y" * 9000},
     {"Range": "b"},
     {str(number): "" for number in range(21)}],
)  # fmt: skip
async def test_headers_that_change_the_request_are_refused(headers: dict[str, str], server: Server) -> None:
    with pytest.raises(BadParameter):
        await fetched(client(), server.url(), headers=headers)
    assert server.connections == 0


async def test_a_download_that_breaks_is_resumed_where_it_was() -> None:
    def rest(exchange: Exchange) -> bytes:
        start = int(exchange.headers["range"].removeprefix("bytes=").rstrip("-"))
        total = f"bytes {start}-{len(SOUND) - 1}/{len(SOUND)}"
        assert exchange.headers["if-range"] == '"v1"'
        half = SOUND[start : start + 30_000]
        return response(half, 206, len(SOUND) - start, Content_Range=total, ETag='"v1"')

    first = response(SOUND[:50_000], length=len(SOUND), ETag='"v1"')
    with serving(giving(first), rest) as server:
        assert await fetched(client(), server.url()) == SOUND
        assert [exchange.headers.get("range") for exchange in server.exchanges] == [
            None, "bytes=50000-", "bytes=80000-",
        ]  # fmt: skip


@pytest.mark.parametrize(
    "second",
    [response(SOUND, ETag='"v2"'), response(SOUND[9:], 206, Content_Range=f"bytes 9-{len(SOUND) - 1}/{len(SOUND)}")],
    ids=["changed", "another part"],
)
async def test_content_that_changed_meanwhile_is_not_mixed(second: bytes) -> None:
    first = response(SOUND[:50_000], length=len(SOUND), ETag='"v1"')
    with serving(giving(first), giving(second)) as server, pytest.raises(SourceRefused):
        await fetched(client(), server.url())


async def test_without_a_validator_nothing_is_resumed() -> None:
    with serving(giving(response(SOUND[:9], length=99))) as server:
        with pytest.raises(SourceRefused):
            await fetched(client(), server.url())
        assert len(server.exchanges) == 1


async def test_too_much_is_refused_from_its_length_and_while_reading() -> None:
    chunked = b"HTTP/1.1 200 -\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + bytes(4096) + b"\r\n0\r\n\r\n"
    with serving(giving(response(b"", length=1 << 40)), giving(chunked)) as server:
        with pytest.raises(SourceTooLarge, match="2 MB"):
            await fetched(client(), server.url(), max_bytes=2_000_000)
        with pytest.raises(SourceTooLarge):
            await fetched(client(), server.url(), max_bytes=4095)
        assert await fetched(client(), server.url(), max_bytes=4096) == bytes(4096)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (response(b"x", 404), SourceRefused),
        (response(b"x", 500), SourceRefused),
        (response(b"x", 204), SourceRefused),
        (response(b""), SourceRefused),
        (response(b"x", 302), SourceRefused),
        (response(b"x", Content_Encoding="gzip"), SourceRefused),
        (response(b"x", Content_Type="text/html; charset=utf-8"), UnsupportedMedia),
        (b"SSH-2.0-OpenSSH_9.6\r\n", SourceRefused),
        (b"", SourceRefused),
    ],
)
async def test_answers_without_a_recording_are_refused(answer: bytes, error: type[SttError]) -> None:
    with serving(giving(answer)) as server, pytest.raises(error):
        await fetched(client(), server.url())


async def test_who_says_nothing_is_given_up() -> None:
    with serving(giving(None)) as server:
        with pytest.raises(SourceTimeout):
            await Fetcher(client(), timeout_s=0.2).fetch(server.url(), 1 << 20, Written().write)
        slow = CheckedClient(AddressPolicy.of(["127.0.0.0/8"], allow_http=True), idle_timeout_s=0.1)
    with serving(giving(None), secure=False) as server, pytest.raises(SourceTimeout):
        await fetched(slow, server.url())


async def test_unknown_names_and_closed_ports_are_refused() -> None:
    async def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror

    with pytest.raises(SourceRefused, match="resolved"):
        await fetched(client(resolver=unknown), "https://nowhere.example/")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(SourceRefused, match="refused the connection"):
        await fetched(client(), f"https://127.0.0.1:{port}/")
