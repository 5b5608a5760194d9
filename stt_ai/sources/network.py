"""Connections that go only to addresses that were checked: the name is resolved here, and never again afterwards."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence

import httpcore

from stt_ai.errors import SourceForbidden, SourceRefused
from stt_ai.sources.addresses import AddressPolicy

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host name or literal, port -> its IP addresses. Raises `OSError`."""

NOT_PUBLIC = "The URL's host is not on the public internet, and this service may not connect to it."
MAX_TRIED = 4
"""Addresses of one name, one after the other."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of ``host`` in the order in which the system would try them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """httpcore's network, but for names: what is connected to is the very address that the policy was asked about.

    TLS still verifies the certificate for the host's name, because httpcore starts it on the stream.
    """

    def __init__(self, policy: AddressPolicy, resolver: Resolve = resolve) -> None:
        self._policy = policy
        self._resolve = resolver
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raise `SourceForbidden`, `SourceRefused` or httpcore's `ConnectTimeout`."""
        addresses = await self._addresses(host, port, timeout)
        last: Exception | None = None
        for address in addresses[:MAX_TRIED]:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        if isinstance(last, httpcore.ConnectTimeout):
            raise last
        raise SourceRefused("The URL's host refused the connection.") from last

    async def _addresses(self, host: str, port: int, timeout: float | None) -> list[str]:
        try:
            async with asyncio.timeout(timeout):
                found = await self._resolve(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error
        except (OSError, UnicodeError) as error:
            raise SourceRefused("The URL's host name cannot be resolved.") from error
        permitted = [address for address in found if self._policy.permits(address)]
        if not permitted:
            raise SourceForbidden(NOT_PUBLIC)
        return permitted

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: an address names no socket of this machine."""
        raise SourceForbidden(NOT_PUBLIC)

    async def sleep(self, seconds: float) -> None:
        """Sleep, as httpcore requires of a backend."""
        await asyncio.sleep(seconds)
