"""Opus in Ogg or WebM, as browsers record it, decoded while it comes by a sandboxed ffmpeg of the stream's own."""

import asyncio
import contextlib
import logging
import os
import signal
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

import numpy as np

from stt_ai.engines.ffmpeg import find_ffmpeg
from stt_ai.engines.sandbox import SandboxLimits, sandboxed
from stt_ai.environment import for_ffmpeg
from stt_ai.errors import Unavailable, UnsupportedEncoding
from stt_ai.types import SAMPLE_RATE, Samples

logger = logging.getLogger(__name__)

_MAGIC = {b"OggS": "ogg", b"\x1a\x45\xdf\xa3": "matroska"}
_BLOCK_BYTES = 1 << 15
_LEAD_BYTES = 2_000_000
_BYTES_A_SECOND = 128_000
"""Twice the most that Opus takes. What is more than this for its sound, after a lead for headers, is something else."""
_LIMITS = SandboxLimits(memory_bytes=1 << 30, cpu_seconds=1800)

_NOT_OPUS = (
    "The audio is not Opus in Ogg or WebM, as `encoding` says. Send what MediaRecorder makes, from its beginning."
)


def command(program: str, demuxer: str) -> list[str]:
    """Standard input as samples on standard output, each as soon as it is known."""
    return [
        *(program, "-hide_banner", "-nostdin", "-nostats", "-loglevel", "quiet", "-filter_threads", "1"),
        *("-probesize", "4096", "-analyzeduration", "0", "-threads", "1"),
        *(
            "-f",
            demuxer,
            "-format_whitelist",
            demuxer,
            "-protocol_whitelist",
            "pipe",
            "-codec_whitelist",
            "opus,libopus",
        ),
        *("-i", "pipe:0", "-map", "0:a:0", "-ac", "1", "-ar", str(SAMPLE_RATE)),
        *("-f", "s16le", "-acodec", "pcm_s16le", "-flush_packets", "1", "pipe:1"),
    ]


async def decode(pieces: AsyncIterator[bytes], ffmpeg: str = "") -> AsyncGenerator[Samples, None]:
    """As `live_audio.decode` says. What ``pieces`` raise is raised after the samples of all that came before."""
    head = b""
    async for piece in pieces:
        head += piece
        if len(head) >= 4:
            break
    if not head:
        return
    process = await _start(head, ffmpeg)
    decoded = DecodedCount()
    writing = asyncio.create_task(_write(process, head, pieces, decoded))
    try:
        half = b""
        assert process.stdout is not None
        while block := await process.stdout.read(_BLOCK_BYTES):
            data = half + block
            whole = len(data) // 2 * 2
            half = data[whole:]
            decoded.samples += whole // 2
            yield np.frombuffer(data[:whole], "<i2").astype(np.int16, copy=False)
        if writing.done():
            await writing
        if not writing.done() or (not decoded.samples and await process.wait()):  # the program gave up
            raise UnsupportedEncoding(_NOT_OPUS)
    finally:
        writing.cancel()
        _kill(process)
        await asyncio.gather(writing, _reap(process), return_exceptions=True)


@dataclass(slots=True)
class DecodedCount:
    """The number of samples that were decoded so far."""

    samples: int = 0


async def _start(head: bytes, ffmpeg: str) -> Process:
    demuxer = _MAGIC.get(head[:4])
    if demuxer is None:
        raise UnsupportedEncoding(_NOT_OPUS)
    with tempfile.TemporaryDirectory(prefix="stt-ai-") as empty:
        try:
            return await asyncio.create_subprocess_exec(
                *sandboxed(command(find_ffmpeg(ffmpeg), demuxer), _LIMITS),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                cwd=empty,
                env=for_ffmpeg(),
                start_new_session=True,
            )
        except OSError as error:
            raise Unavailable("The service cannot decode this audio at the moment. Send raw samples.") from error


async def _write(process: Process, head: bytes, pieces: AsyncIterator[bytes], decoded: DecodedCount) -> None:
    """Wait with the caller's bytes until ffmpeg has read those before; closing its input lets it finish."""
    assert process.stdin is not None
    try:
        process.stdin.write(head)
        await process.stdin.drain()
        written = len(head)
        async for piece in pieces:
            process.stdin.write(piece)
            await process.stdin.drain()
            written += len(piece)
            if written > _LEAD_BYTES + _BYTES_A_SECOND * decoded.samples / SAMPLE_RATE:
                raise UnsupportedEncoding(_NOT_OPUS)
    except (BrokenPipeError, ConnectionResetError):
        await asyncio.Event().wait()  # the reader notices the end, and raises
    finally:
        process.stdin.close()


async def _reap(process: Process) -> None:
    """asyncio knows of the end only when the pipe is read to its end."""
    assert process.stdout is not None
    while await process.stdout.read(_BLOCK_BYTES):
        pass
    await process.wait()


def _kill(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
