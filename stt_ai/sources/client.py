"""One HTTP request to an address that a caller named. No proxies, cookies, netrc or redirects: httpcore has none."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpcore
import httpx

from stt_ai.errors import SourceRefused, SourceTimeout
from stt_ai.sources.addresses import AddressPolicy
from stt_ai.sources.network import CheckedBackend, Resolve, resolve

USER_AGENT = "stt-ai"


class BrokenOff(SourceRefused):
    """The connection ended in the middle of the response; never leaves this package."""


class CheckedClient:
    """Sends requests under an `AddressPolicy`. Each has a connection of its own, whose address is checked anew."""

    def __init__(
        self,
        policy: AddressPolicy,
        connect_timeout_s: float = 10,
        idle_timeout_s: float = 30,
        ssl_context: ssl.SSLContext | None = None,
        resolver: Resolve = resolve,
    ) -> None:
        self.policy = policy
        self._backend = CheckedBackend(policy, resolver)
        self._timeout = {"connect": connect_timeout_s} | dict.fromkeys(("read", "write", "pool"), idle_timeout_s)
        self._ssl_context = ssl_context or httpx.create_ssl_context()

    @asynccontextmanager
    async def send(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], content: bytes | None = None
    ) -> AsyncIterator[httpcore.Response]:
        """Yield the response once its headers are there. Raise `SourceForbidden`, `SourceTimeout` or `SourceRefused`.

        Errors of reading its body inside the context are mapped too.
        """
        sent = {"host": url.netloc.decode("ascii"), "user-agent": USER_AGENT, **headers}
        if content is not None:
            sent["content-length"] = str(len(content))
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        connections = httpcore.AsyncConnectionPool(self._ssl_context, network_backend=self._backend)
        try:
            async with (
                connections,
                connections.stream(
                    method, target, headers=list(sent.items()), content=content, extensions={"timeout": self._timeout}
                ) as response,
            ):
                yield response
        except httpcore.TimeoutException as error:
            raise SourceTimeout("The URL's host took too long to answer.") from error
        except httpcore.ConnectError as error:
            raise SourceRefused("No secure connection to the URL's host could be made.") from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise BrokenOff("The URL's host broke the connection off.") from error


def header(response: httpcore.Response, name: str) -> str:
    """Return the value of a response's header, stripped; empty without it."""
    wanted = name.lower().encode()
    return next((value.decode("latin-1").strip() for key, value in response.headers if key.lower() == wanted), "")
