"""The decoder deployment: ffmpeg and voice activity detection, on CPU."""

import asyncio
import ctypes
import mmap
import os
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from ray import exceptions as rex
from ray import serve
from ray.serve import Application

from stt_ai.deployments.metrics import process_meters
from stt_ai.deployments.resources import DRAIN_S, SURGE_PERCENT, actor_options
from stt_ai.deployments.tracing import export_spans, traced
from stt_ai.engines.cores import available
from stt_ai.engines.ffmpeg import DecoderLimits, find_ffmpeg
from stt_ai.environment import ffmpeg_choice
from stt_ai.errors import ReplicaLost
from stt_ai.settings import DecoderSettings
from stt_ai.types import AudioSelection, DecodedAudio, Samples, Upload

_MADV_DONTNEED = 4
_MIN_RELEASED = 4 << 20  # bytes; finding the mapping takes a millisecond or two, too long for a short clip
_LIBC = ctypes.CDLL(None, use_errno=True)


def put_and_release(chunk: Samples) -> "ray.ObjectRef[Samples]":
    """Put ``chunk`` into the object store, and release its pages from this process's resident memory.

    The store is shared memory, whose pages count as the writer's until it releases them: a gigabyte for hours of audio.
    A released page of shared memory keeps its content.
    """
    reference = ray.put(chunk)
    if chunk.nbytes < _MIN_RELEASED:
        return reference
    stored = ray.get(reference)
    start = -(-stored.ctypes.data // mmap.PAGESIZE) * mmap.PAGESIZE
    length = (stored.ctypes.data + stored.nbytes - start) // mmap.PAGESIZE * mmap.PAGESIZE
    if length > 0 and _is_shared(start, length):
        _LIBC.madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), _MADV_DONTNEED)
    return reference


def _is_shared(start: int, length: int) -> bool:
    """Return whether the addresses lie in one shared mapping. Those of small objects, the only copy, do not."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, permissions = line.split(maxsplit=2)[:2]
        first, last = (int(address, 16) for address in addresses.split("-"))
        if first <= start < last:
            return permissions.endswith("s") and start + length <= last
    return False


class DecoderDeployment:
    """Decodes uploads. The PCM stays in the object store; what it returns are references to it."""

    def __init__(self, limits: DecoderLimits) -> None:
        # Imported here: the builder of the service imports this module too, and needs no model library.
        from stt_ai.engines.decoding import FileDecoder

        process_meters()
        export_spans()
        self._decoder = FileDecoder(limits, put=put_and_release, program=find_ffmpeg(ffmpeg_choice()))

    @traced("decoder decode")
    async def decode(self, upload: Upload, selection: AudioSelection) -> DecodedAudio | None:
        """Return the decoded audio, None where this replica does not see the file."""
        if not upload.path.exists():
            return None
        cancelled = threading.Event()
        work = asyncio.create_task(asyncio.to_thread(self._decoder.decode, upload, cancelled, selection))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            cancelled.set()  # the thread kills ffmpeg; a thread itself cannot be cancelled
            raise

    @traced("decoder decode")
    async def decode_bytes(self, upload: Upload, blocks: list[Any], selection: AudioSelection) -> DecodedAudio:
        """Return the same from the file's bytes as object references, for a node that does not share the disk."""
        with tempfile.TemporaryFile() as file:  # without a name, it is gone when this process is killed
            try:
                for block in blocks:
                    await asyncio.to_thread(file.write, await block)
            except rex.ObjectLostError:
                raise ReplicaLost("The server that took this upload failed. Please try again.") from None
            file.flush()
            unnamed = replace(upload, path=Path(f"/proc/{os.getpid()}/fd/{file.fileno()}"))
            audio = await self.decode(unnamed, selection)
        assert audio is not None
        return audio


def build(settings: DecoderSettings) -> Application:
    """Return the deployment that ``settings`` describe."""
    max_concurrency = max(2, available())
    return (
        serve.deployment(DecoderDeployment)
        .options(
            name="decoder",
            max_ongoing_requests=max_concurrency,
            max_queued_requests=200,
            autoscaling_config={"min_replicas": 1, "max_replicas": 4, "target_ongoing_requests": max_concurrency},
            max_surge_percent=SURGE_PERCENT,
            ray_actor_options=actor_options(),
            graceful_shutdown_timeout_s=DRAIN_S,
        )
        .bind(limits=DecoderLimits(max_duration_s=settings.max_duration_s))
    )
