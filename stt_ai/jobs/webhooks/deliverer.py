"""Sends the messages that are due, each to its address, and keeps what came of it."""

import asyncio
import contextlib
import email.utils
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpcore

from stt_ai.errors import SourceTimeout, SttError
from stt_ai.jobs import stored
from stt_ai.jobs.webhooks.client import WebhooksClient
from stt_ai.jobs.webhooks.messages import Attempt, ClaimedDelivery
from stt_ai.jobs.webhooks.signing import signed_headers
from stt_ai.jobs.working import keep_working
from stt_ai.sources.client import CheckedClient, header
from stt_ai.sources.urls import parse_url
from stt_ai.storage.store import Store

logger = logging.getLogger(__name__)

TIMEOUT_S = 20.0
"""For a whole attempt: the specification recommends 15 to 30 seconds."""
MAX_READ_BYTES = 16_384
READ_S = 2.0
"""So much of an answer is read, for so long, that a receiver sees an orderly end. Nothing of it is kept."""
UNEXPECTED = "The service failed to send the message."


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    retry_after: str


class Deliverer:
    """Sends up to ``max_running`` messages at once. ``clock``: seconds since the epoch.

    Redirects are not followed, as the specification has it: they are failures.
    """

    def __init__(
        self,
        webhooks: WebhooksClient,
        store: Store,
        client: CheckedClient,
        *,
        timeout_s: float = TIMEOUT_S,
        max_running: int = 16,
        poll_s: float = 1.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._webhooks = webhooks
        self._store = store
        self._client = client
        self._timeout_s = timeout_s
        self._max_running = max_running
        self._poll_s = poll_s
        self._clock = clock
        self._draining = asyncio.Event()

    async def run(self) -> None:
        """Work until `drain`; then end when all that was begun has."""
        await keep_working(
            self._claim, self.deliver, self._draining, max_running=self._max_running, poll_s=self._poll_s
        )

    def drain(self) -> None:
        """Send nothing more."""
        self._draining.set()

    async def deliver(self, delivery: ClaimedDelivery) -> None:
        """Make one attempt, and keep what came of it. Where that is not possible, it is made again later."""
        at, begun = self._clock(), time.perf_counter()
        status, error, retry_after = None, "", None
        try:
            answer = await self._post(delivery, at)
            status, retry_after = answer.status, _seconds(answer.retry_after, at)
            error = "" if 200 <= status < 300 else f"The receiver answered {status}."
        except SttError as failure:
            error = failure.message
        except Exception:
            logger.exception("the message %s could not be sent", delivery.id)
            error = UNEXPECTED
        attempt = Attempt(at, round(time.perf_counter() - begun, 3), status, error, retry_after)
        try:
            await self._webhooks.attempted(delivery, attempt)
        except SttError as failure:
            logger.warning("the attempt to send %s could not be kept: %s", delivery.id, failure.code)

    async def _claim(self) -> ClaimedDelivery | None:
        try:
            return await self._webhooks.claim()
        except SttError as error:
            logger.warning("no message could be claimed: %s", error.code)
            return None

    async def _post(self, delivery: ClaimedDelivery, at: float) -> _Answer:
        """Return the answer's head. Raise `SourceForbidden`, `SourceRefused` or `SourceTimeout`."""
        url = parse_url(delivery.url, self._client.policy.allow_http)
        body = await self._body(delivery)
        headers = {"content-type": "application/json", **signed_headers(delivery.id, at, body, delivery.secrets)}
        answer: _Answer | None = None
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.send("POST", url, headers, body.encode()) as response,
            ):
                answer = _Answer(response.status, header(response, "retry-after"))
                await _read_some(response)
        except (TimeoutError, SttError) as error:
            if answer is not None:  # its head says all
                return answer
            if isinstance(error, SttError):
                raise
            raise SourceTimeout(f"The receiver did not answer within {self._timeout_s:g} seconds.") from error
        return answer

    async def _body(self, delivery: ClaimedDelivery) -> str:
        """Return the message as it is sent, with the job's text where its caller asked for that and it is kept."""
        if not delivery.include_text:
            return delivery.message
        kept = await self._store.get(stored.key(delivery.job_id, stored.RESULT))
        text = (await asyncio.to_thread(stored.TRANSCRIPT.validate_json, kept)).text if kept else None
        message = json.loads(delivery.message)
        message["data"]["text"] = text
        return json.dumps(message, separators=(",", ":"))


async def _read_some(response: httpcore.Response) -> None:
    read = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READ_S):
            async for piece in response.aiter_stream():
                read += len(piece)
                if read >= MAX_READ_BYTES:
                    return


def _seconds(retry_after: str, now: float) -> float | None:
    """Return what the header `Retry-After` asks for, a number of seconds or a date; None where it is neither."""
    if retry_after.isdecimal() and len(retry_after) < 10:
        return float(retry_after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - now)
    except (ValueError, OverflowError):
        return None
