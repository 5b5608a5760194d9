"""The bytes of a live caller, as they come -> 16 kHz mono int16 samples, however the bytes are cut.

Raw samples are converted here: there is nothing in them to be fooled by. Containers are hostile input, so ffmpeg reads
them in a confined process of the stream's own.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import av
import numpy as np

from stt_ai.engines import live_opus
from stt_ai.engines.live_detection import detect
from stt_ai.types import SAMPLE_RATE, Samples

RAW = {"pcm_s16le": 2, "mulaw": 1, "alaw": 1}
"""Bytes a sample."""

_CODECS = {"pcm_s16le": "pcm_s16le", "mulaw": "pcm_mulaw", "alaw": "pcm_alaw"}


async def decode(
    encoding: str, sample_rate: int, pieces: AsyncIterator[bytes], ffmpeg: str = ""
) -> AsyncGenerator[Samples, None]:
    """Yield samples as soon as they can be had; the last ones when ``pieces`` end, and what those raise after them.

    ``encoding``: one of `RAW`, mono at ``sample_rate``, `opus`, in Ogg or WebM as browsers record it, or `detected`.
    ``ffmpeg``: as `find_ffmpeg` takes it. Raise `UnsupportedEncoding` for what is no Opus, and `Unavailable`.
    """
    if encoding == "detected":
        detected = await detect(sample_rate, pieces)
        if detected is None:
            return
        encoding, sample_rate, pieces = detected.encoding, detected.sample_rate, _chain(detected.head, pieces)
    if encoding == "opus":
        async with aclosing(live_opus.decode(pieces, ffmpeg)) as opus:
            async for samples in opus:
                yield samples
        return
    raw = RawAudio(encoding, sample_rate)
    async for piece in pieces:
        yield raw.feed(piece)
    yield raw.finish()


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


class RawAudio:
    """Converts one stream of raw samples. The cuts between what is fed leave no trace in what comes out."""

    def __init__(self, encoding: str, sample_rate: int) -> None:
        self._width = RAW[encoding]
        self._half = b""
        self._plain = encoding == "pcm_s16le"
        self._rate = sample_rate
        codec = av.CodecContext.create(_CODECS[encoding], "r")
        assert isinstance(codec, av.AudioCodecContext)
        codec.sample_rate, codec.layout = sample_rate, "mono"
        self._codec = codec
        self._resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE) if sample_rate != SAMPLE_RATE else None

    def feed(self, data: bytes) -> Samples:
        """Return the samples that ``data`` completes; part of one is kept for the next call."""
        data = self._half + data
        whole = len(data) - len(data) % self._width
        data, self._half = data[:whole], data[whole:]
        if not data:
            return np.zeros(0, np.int16)
        if self._plain and self._resampler is None:
            return np.frombuffer(data, "<i2").astype(np.int16, copy=False)
        return _joined([out for frame in self._codec.decode(av.Packet(data)) for out in self._resampled(frame)])

    def finish(self) -> Samples:
        """Return what the resampler still holds. A sample of which only a half came is no sample."""
        return _joined(self._resampled(None))

    def _resampled(self, frame: av.AudioFrame | None) -> list[av.AudioFrame]:
        if self._resampler is None:
            return [] if frame is None else [frame]
        if frame is not None:
            frame.sample_rate = self._rate
        return self._resampler.resample(frame)


def _joined(frames: list[av.AudioFrame]) -> Samples:
    if not frames:
        return np.zeros(0, np.int16)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.int16, copy=False)
