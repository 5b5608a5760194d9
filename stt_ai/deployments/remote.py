"""Deployment handles as the ports the pipeline knows, and Ray's failures as ours."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from ray import exceptions as rex
from ray.serve import exceptions as sex
from ray.serve.handle import DeploymentHandle, DeploymentResponse

from stt_ai.deployments.tracing import trace_context
from stt_ai.errors import AudioLost, InternalError, ModelLoading, ModelUnavailable, Overloaded, ReplicaLost, SttError
from stt_ai.speech.windows import chunks_of, gather
from stt_ai.types import (
    AudioSelection,
    DecodedAudio,
    DecodingOptions,
    Hypothesis,
    LoadedModel,
    Pcm,
    Samples,
    Upload,
    Window,
    WindowTranscript,
)

logger = logging.getLogger(__name__)

# A lost replica: the call was not answered and no one will. All our calls may be made again.
LOST = (
    rex.RayActorError,
    rex.WorkerCrashedError,
    rex.NodeDiedError,
    rex.TaskCancelledError,
    rex.ObjectLostError,
    rex.OutOfMemoryError,
    rex.LocalRayletDiedError,
)
ATTEMPTS = 4
BLOCK = 64 * 1024 * 1024
REFRESH_S = 30.0


def map_error(exc: BaseException) -> SttError:
    """Return Ray's exception as one of ours. An unknown one is logged in full, and becomes an `InternalError`."""
    cause = getattr(exc, "cause", None)
    if isinstance(cause, SttError):
        return cause
    if isinstance(exc, SttError) and not isinstance(exc, rex.RayError):
        return exc
    if isinstance(exc, sex.BackPressureError):
        return Overloaded("The service is at capacity. Please try again shortly.", exc.retry_after_s or 5)
    if isinstance(exc, sex.DeploymentUnavailableError):
        return ReplicaLost("A part of the service could not be started. Please try again later.", 30)
    if isinstance(exc, LOST):
        return ReplicaLost("The server that worked on this request failed. Please try again.")
    logger.error("a deployment failed unexpectedly", exc_info=exc)
    return InternalError("The service failed to process this request.")


async def call(send: Callable[[], "DeploymentResponse[Any]"], *, attempts: int = ATTEMPTS) -> Any:
    """Await one handle call, sending it again when the replica that had it is lost.

    A refusal may come as a value, since Serve logs whatever is raised with its whole traceback; it is raised here.

    Cancelling the caller cancels the call on its replica too: Serve does not do that by itself for calls
    that outlive their request's context.
    """
    for attempt in range(1, attempts + 1):
        response = send()
        try:
            result = await response
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):  # a deployment that is gone has nothing left to cancel
                response.cancel()
            raise
        except Exception as exc:
            error = map_error(exc)
            if not isinstance(error, ReplicaLost) or attempt == attempts:
                raise error from None
            logger.warning("a replica was lost in attempt %d, sending its work to another: %s", attempt, type(exc))
            await asyncio.sleep(0.2 * attempt)  # the router learns of the death meanwhile
        else:
            if isinstance(result, SttError):
                raise result
            return result
    raise AssertionError("unreachable")


class RemoteDecoder:
    """The decoder deployment as a `Decoder`.

    The file's path is enough where the decoder sees the same disk (one node, or shared storage). Where it
    does not, it says so, and the bytes follow through the object store.
    """

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle

    async def decode(self, upload: Upload, selection: AudioSelection) -> DecodedAudio:
        """As `stt_ai.ports.Decoder.decode`; a replica that does not see the file is sent its bytes."""
        audio: DecodedAudio | None = await call(
            lambda: self._handle.decode.remote(upload, selection, **trace_context())
        )
        if audio is None:
            blocks = await asyncio.to_thread(put_file, upload.path)
            audio = await call(lambda: self._handle.decode_bytes.remote(upload, blocks, selection, **trace_context()))
        assert audio is not None
        return audio


def put_file(path: Path) -> list["ray.ObjectRef[bytes]"]:
    """Return the file's bytes in the object store, in blocks of 64 MiB."""
    with path.open("rb") as file:
        return [ray.put(block) for block in iter(lambda: file.read(BLOCK), b"")]


class Description:
    """A deployment's model in memory, fetched from a replica at most every `REFRESH_S`, since every request needs it.

    ``wait_s``: how long to wait for a replica that is being started; then it is `ModelLoading` with ``loading``.
    ``known``: the last answer. ``failed``: the last one was that its model cannot be loaded.
    """

    def __init__(self, handle: DeploymentHandle, wait_s: float, loading: str) -> None:
        self.known: LoadedModel | None = None
        self.failed = False
        self._handle = handle
        self._wait_s = wait_s
        self._loading = loading
        self._refreshed_at = 0.0

    async def get(self) -> LoadedModel:
        """Return what serves the part, asked again after `REFRESH_S`. Raise `ModelLoading` or `ModelUnavailable`."""
        if self.known is None or time.monotonic() - self._refreshed_at > REFRESH_S:
            try:
                self.known = await self._fetch()
            except ModelUnavailable:
                self.failed = True
                raise
            self.failed = False
            self._refreshed_at = time.monotonic()
        return self.known

    async def _fetch(self) -> LoadedModel:
        try:
            async with asyncio.timeout(self._wait_s):
                described: LoadedModel = await call(lambda: self._handle.describe.remote())
                return described
        except TimeoutError:
            raise ModelLoading(self._loading, 15) from None


class RemoteTranscriber:
    """One model's deployment as a `Transcriber` and as a `LiveRecognizer`.

    ``wait_s``: how long a request waits for the first replica of a model that is not in memory yet.
    """

    def __init__(self, handle: DeploymentHandle, model: str, wait_s: float) -> None:
        self._handle = handle
        loading = f"The model {model} is loading. Please try again shortly."
        self.description = Description(handle, wait_s, loading)

    async def describe(self) -> LoadedModel:
        """As `stt_ai.ports.Transcriber.describe`."""
        return await self.description.get()

    async def transcribe(self, pcm: Pcm, window: Window, options: DecodingOptions) -> WindowTranscript:
        """As `stt_ai.ports.Transcriber.transcribe`; only the audio that the window needs is sent."""
        part = _without_unneeded(pcm, window)
        result: WindowTranscript = await call(
            lambda: self._handle.transcribe.remote(part, window, options, **trace_context())
        )
        return result

    async def transcribe_partial(
        self, samples: Samples, options: DecodingOptions, *, key: str, within_s: float
    ) -> Hypothesis | None:
        """As `stt_ai.ports.LiveRecognizer.transcribe_partial`."""
        result: Hypothesis | None = await call(
            lambda: self._handle.transcribe_partial.remote(samples, options, key, within_s)
        )
        return result

    async def transcribe_final(self, samples: Samples, options: DecodingOptions, *, key: str) -> WindowTranscript:
        """As `stt_ai.ports.LiveRecognizer.transcribe_final`."""
        result: WindowTranscript = await call(
            lambda: self._handle.transcribe_final.remote(samples, options, key, **trace_context())
        )
        return result


def _without_unneeded(pcm: Pcm, window: Window) -> Pcm:
    """Return the same PCM without the references that this window does not need: hours have hundreds of them."""
    needed = set(chunks_of(window, pcm))
    return replace(pcm, chunks=tuple(chunk if i in needed else None for i, chunk in enumerate(pcm.chunks)))


async def fetch_samples(pcm: Pcm, window: Window) -> Samples:
    """Return the window's samples out of the object store. Raise `AudioLost` when they died with their decoder."""
    needed = chunks_of(window, pcm)
    try:
        chunks = await asyncio.gather(*(pcm.chunks[index] for index in needed))
    except rex.ObjectLostError as exc:
        raise AudioLost("The decoded samples are gone.") from exc
    return gather(window, pcm.chunk_samples, dict(zip(needed, chunks, strict=True)))
