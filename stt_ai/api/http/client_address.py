"""The caller's network address, which no header of the caller can forge."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from starlette.requests import HTTPConnection

Address = IPv4Address | IPv6Address
LOOPBACK = "127.0.0.1"
UNKNOWN = "unknown"
PEER = "stt_ai.peer"
"""The key in a request's scope under which `stt_ai.api.http.proxy` leaves the peer that HAProxy saw."""


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The networks whose word in `X-Forwarded-For` is believed: those of an operator's own proxies."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def of(cls, networks: Iterable[str]) -> "TrustedProxies":
        """Return the proxies at these addresses and CIDR networks. Raise `ValueError`."""
        return cls(tuple(ip_network(network, strict=False) for network in networks))

    def __contains__(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def caller_of(connection: HTTPConnection, trusted: TrustedProxies) -> str:
    """Return the caller's address, or `UNKNOWN` where the connection has none."""
    peer, certain = peer_of(connection.scope)
    return client_address(peer, connection.headers.getlist("x-forwarded-for") if certain else (), trusted)


def client_address(peer: str | None, forwarded: Sequence[str], trusted: TrustedProxies) -> str:
    """Return the peer, or whom the trusted proxies before it say they speak for.

    ``forwarded`` are the `X-Forwarded-For` headers in their order. A proxy appends the address that it sees, so
    the list is read from its end, and only as long as those who appended are trusted: what a caller wrote into
    the header stands to the left of what the first trusted proxy appended, and is never reached.
    """
    current = parse_address(peer or "")
    if current is None:
        return peer or UNKNOWN
    for entry in reversed([entry for line in forwarded for entry in line.split(",")]):
        if current not in trusted:
            break
        following = parse_address(entry)
        if following is None:  # a proxy that hides its clients counts as one caller
            break
        current = following
    return str(current)


def parse_address(text: str) -> Address | None:
    """Return an address as proxies write it: with a port, in brackets, with a zone, or IPv4 in IPv6's clothes."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def peer_of(scope: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Return the peer of the connection, and whether `X-Forwarded-For` may be read.

    Unless `FORWARDED_ALLOW_IPS` is empty, uvicorn replaces a peer on this machine by an address of that header. If
    peer and header agree in address and port, either uvicorn did so, or a remote client wrote its own address and port
    into the header. The two cannot be told apart, so the header must not be read: False. An entry without a port is
    safe: uvicorn makes the port 0, and nobody connects from that.
    """
    if PEER in scope:
        return str(scope[PEER]), True
    client = scope.get("client")
    if not client:
        return None, True
    lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    rewritten = any(tuple(client) == _host_and_port(entry) for line in lines for entry in line.split(","))
    return (LOOPBACK, client[1] == 0) if rewritten else (str(client[0]), True)


def _host_and_port(entry: str) -> tuple[str, int]:
    """As uvicorn reads an entry: the port is 0 where there is none."""
    entry = entry.strip()
    host, port = entry, ""
    if entry.startswith("[") and "]" in entry:
        host, _, port = entry[1:].partition("]")
        port = port.removeprefix(":")
    elif entry.count(":") == 1:
        host, _, port = entry.partition(":")
    try:
        return host, int(port)
    except ValueError:
        return (host, 0) if entry.startswith("[") else (entry, 0)
