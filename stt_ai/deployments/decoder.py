"""The decoder deployment: ffmpeg and voice activity detection, on CPU."""

import asyncio
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from ray import exceptions as rex

from stt_ai.engines.decoding import DecoderLimits, FileDecoder
from stt_ai.errors import ReplicaLost
from stt_ai.types import DecodedAudio, Upload


class DecoderDeployment:
    """Decodes uploads. The PCM stays in the object store; what it returns are references to it."""

    def __init__(self, limits: DecoderLimits) -> None:
        self._decoder = FileDecoder(limits, put=ray.put)

    async def decode(self, upload: Upload) -> DecodedAudio | None:
        """None: this replica does not see the file."""
        if not upload.path.exists():
            return None
        cancelled = threading.Event()
        work = asyncio.create_task(asyncio.to_thread(self._decoder.decode, upload, cancelled))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            cancelled.set()  # the thread kills ffmpeg; a thread itself cannot be cancelled
            raise

    async def decode_bytes(self, upload: Upload, blocks: list[Any]) -> DecodedAudio:
        """The same from the file's bytes as object references, for a node that does not share the disk."""
        with tempfile.NamedTemporaryFile(prefix="stt-ai-") as file:
            try:
                for block in blocks:
                    await asyncio.to_thread(file.write, await block)
            except rex.ObjectLostError:
                raise ReplicaLost("The server that took this upload failed. Please try again.") from None
            file.flush()
            audio = await self.decode(replace(upload, path=Path(file.name)))
        assert audio is not None
        return audio
