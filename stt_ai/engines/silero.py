"""Silero voice activity detection as a stream: where in the audio somebody speaks, in memory that does not grow
with it but for four bytes a frame. The model is the one that faster-whisper ships.
"""

import functools
import importlib.util
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from stt_ai.speech.endpointing import FRAME, pause_cost
from stt_ai.types import SAMPLE_RATE, Samples, SpeechRegion

Probabilities = npt.NDArray[np.float32]

_CONTEXT = 64
_STATE = (1, 1, 128)
_PRE_EMPHASIS = 0.97
_EMPHASIS_GAIN = 15.0
_BATCH = 256
"""Frames that go to the model in one call. The calls are cut at the same frames however the audio arrives."""


@dataclass(frozen=True, slots=True)
class VadOptions:
    """Speech begins at ``threshold`` and ends below ``exit_threshold``; durations are seconds.

    Pauses from ``min_silence`` on end a region: as short as in faster-whisper's batched pipeline, so that windows can
    be filled well. Bursts shorter than ``min_speech`` are no speech: the shortest words last as long, and white noise
    at full scale is taken for speech for one to four frames every few minutes. Audio shorter than ``shortest_file`` may
    be a cut word, so there any burst counts. Regions are widened by ``pad`` on both sides, to the middle of the pause
    at most.
    """

    threshold: float = 0.5
    exit_threshold: float = 0.35
    min_speech: float = 0.15
    shortest_file: float = 1.0
    min_silence: float = 0.19
    pad: float = 0.4
    max_region_s: float = 30.0


class _Frames:
    """Takes samples in pieces of any length and judges each frame with what the model kept of those before it."""

    def __init__(self, session: onnxruntime.InferenceSession, batch: int) -> None:
        """``batch``: how many frames go to the model in one call. The calls are cut at the same frames always."""
        self._session = session
        self._batch = batch * FRAME
        self._hidden = np.zeros(_STATE, np.float32)
        self._cell = np.zeros(_STATE, np.float32)
        # The last samples of the frame before, then the samples that do not fill a batch yet.
        self._pending: list[Samples] = [np.zeros(_CONTEXT, np.int16)]
        self._waiting = 0

    def feed(self, samples: Samples) -> Iterator[Probabilities]:
        """``samples``: int16, 16 kHz, shape (n,). The probabilities of each batch that is whole now."""
        self._pending.append(samples)
        self._waiting += len(samples)
        if self._waiting < self._batch:
            return
        audio = np.concatenate(self._pending)
        whole = self._waiting // self._batch * self._batch
        self._pending = [audio[whole:].copy()]
        self._waiting -= whole
        for start in range(0, whole, self._batch):
            yield self._judge(audio[start : start + self._batch + _CONTEXT])

    def finish(self) -> Iterator[Probabilities]:
        """Yield the rest; the last frame is filled with silence. Nothing may be fed afterwards."""
        if self._waiting:
            audio = np.concatenate(self._pending)
            yield self._judge(np.pad(audio, (0, -self._waiting % FRAME)))

    def _judge(self, audio: Samples) -> Probabilities:
        """``audio``: the context of the first frame, then whole frames."""
        if len(audio) > SAMPLE_RATE and not audio.any():
            # Nothing at all for seconds: as at the start of a file. Long digital silence costs next to nothing.
            self._hidden, self._cell = np.zeros(_STATE, np.float32), np.zeros(_STATE, np.float32)
            return np.zeros(len(audio) // FRAME, np.float32)
        scaled = audio.astype(np.float32) / 32768.0
        frames = np.lib.stride_tricks.sliding_window_view(scaled, _CONTEXT + FRAME)[::FRAME]
        inputs = {"input": np.ascontiguousarray(frames), "h": self._hidden, "c": self._cell}
        found, self._hidden, self._cell = self._session.run(None, inputs)
        return np.asarray(found, np.float32).ravel()


class SpeechStream:
    """Takes one file's samples in pieces of any length and gives one probability for each frame, all at the end."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._frames = _Frames(session, _BATCH)
        self._probabilities: list[Probabilities] = []

    def feed(self, samples: Samples) -> None:
        """``samples``: int16, 16 kHz, shape (n,)."""
        self._probabilities.extend(self._frames.feed(samples))

    def finish(self) -> Probabilities:
        """Shape (frames,); the last frame is filled with silence. Nothing may be fed afterwards."""
        self._probabilities.extend(self._frames.finish())
        return np.concatenate(self._probabilities) if self._probabilities else np.zeros(0, np.float32)


class FileSpeech:
    """One file's speech, judged in blocks of `_BATCH` frames; where these are faint, a second time with the treble up.

    Rooms rumble: in a recording from afar the low frequencies hide the speech from the model. What is flattened by
    pre-emphasis, as speech coders do it, it recognizes.
    """

    def __init__(self, detector: "SpeechDetector") -> None:
        self._detector = detector
        self._plain = detector.stream()
        self._faint: list[tuple[int, Probabilities]] = []
        self._frames = 0

    def feed(self, samples: Samples, faint: bool = False) -> None:
        """``samples``: int16, shape (n,), whole frames but for the last."""
        self._plain.feed(samples)
        if faint and samples.any():
            stream = self._detector.stream()
            stream.feed(_emphasized(samples))
            self._faint.append((self._frames, stream.finish()))
        self._frames += -(-len(samples) // FRAME)

    def finish(self) -> Probabilities:
        """Shape (frames,). Nothing may be fed afterwards."""
        found = self._plain.finish()
        for start, again in self._faint:
            part = found[start : start + len(again)]
            np.maximum(part, again[: len(part)], out=part)
        return found


def _emphasized(samples: Samples) -> Samples:
    """``samples`` after y[n] = x[n] - 0.97 x[n - 1], at most as loud as int16 can be."""
    scaled = samples.astype(np.float32)
    scaled[1:] -= np.float32(_PRE_EMPHASIS) * scaled[:-1].copy()
    gain = min(_EMPHASIS_GAIN, 32767 / max(float(np.abs(scaled).max()), 1.0))
    return (scaled * np.float32(gain)).astype(np.int16)


class LiveSpeechStream:
    """Takes a live stream's samples and gives each frame's probability as soon as the frame is whole."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._frames = _Frames(session, 1)

    def feed(self, samples: Samples) -> list[float]:
        """``samples``: int16, 16 kHz, shape (n,), of which it keeps no reference. The same however they are cut."""
        return [float(found[0]) for found in self._frames.feed(samples.copy())]


class SpeechDetector:
    """The loaded model, for files. Many streams may use it at once, from any threads."""

    def __init__(self, threads: int = 1) -> None:
        self._session = _load(threads)

    def stream(self) -> SpeechStream:
        """Return a detector of one file's speech."""
        return SpeechStream(self._session)


class VoiceDetector:
    """The same for live streams. Fits `stt_ai.ports.VoiceDetector`."""

    def __init__(self) -> None:
        self._session = _load(threads=1)

    def stream(self) -> LiveSpeechStream:
        """Return a detector of one live stream's speech."""
        return LiveSpeechStream(self._session)


def _load(threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # with it the same work took twice the time
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(_model_path()), sess_options=options, providers=["CPUExecutionProvider"])


@functools.cache
def _model_path() -> Path:
    """Found without importing faster-whisper, which would bring CTranslate2 into a process that needs none of it."""
    spec = importlib.util.find_spec("faster_whisper")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "assets" / "silero_vad_v6.onnx"


def speech_regions(
    probabilities: Probabilities, samples: int, options: VadOptions | None = None
) -> tuple[SpeechRegion, ...]:
    """Return the speech in audio of ``samples`` samples: sorted, disjoint, none longer than ``max_region_s``.

    Longer ones are cut where the speaker most likely pauses; their parts touch.
    """
    options = options or VadOptions()
    if samples < options.shortest_file * SAMPLE_RATE:
        options = replace(options, min_speech=0.0)
    bounds = _padded(_runs(probabilities, options), samples, options)
    cost = pause_cost(probabilities)
    return tuple(part for start, end in bounds for part in _split(start, end, cost, options))


def _runs(probabilities: Probabilities, options: VadOptions) -> list[tuple[int, int]]:
    """Return [start, end) frames of speech by hysteresis, short pauses closed and short bursts dropped."""
    decided = np.where(probabilities >= options.threshold, 1, np.where(probabilities < options.exit_threshold, 0, -1))
    # An undecided frame is as the last decided one; before the first there is silence.
    latest = np.maximum.accumulate(np.where(decided >= 0, np.arange(len(decided)), -1)) if len(decided) else decided
    speech = np.where(latest >= 0, decided[latest], 0)
    edges = np.flatnonzero(np.diff(speech, prepend=0, append=0))
    runs: list[tuple[int, int]] = []
    for start, end in edges.reshape(-1, 2).tolist():
        if runs and (start - runs[-1][1]) * FRAME < options.min_silence * SAMPLE_RATE:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return [(start, end) for start, end in runs if (end - start) * FRAME >= options.min_speech * SAMPLE_RATE]


def _padded(runs: list[tuple[int, int]], samples: int, options: VadOptions) -> list[tuple[int, int]]:
    """Return [start, end) samples of the runs, widened."""
    pad = int(options.pad * SAMPLE_RATE)
    bounds = [(start * FRAME, min(end * FRAME, samples)) for start, end in runs]
    middles = [(left[1] + right[0]) // 2 for left, right in itertools.pairwise(bounds)]
    floors, ceilings = [0, *middles], [*middles, samples]
    return [
        (max(start - pad, floor), min(end + pad, ceiling))
        for (start, end), floor, ceiling in zip(bounds, floors, ceilings, strict=False)  # without bounds there is one
    ]


def _split(start: int, end: int, cost: Probabilities, options: VadOptions) -> list[SpeechRegion]:
    """Return the region in parts of at most ``max_region_s``, cut at the last clearest pause of the second half."""
    max_samples = int(options.max_region_s * SAMPLE_RATE)
    parts = []
    while end - start > max_samples:
        first, last = -(-(start + max_samples // 2) // FRAME), (start + max_samples) // FRAME
        choices = cost[first:last]
        cut = (last - 1 - int(np.argmin(choices[::-1]))) * FRAME
        parts.append(SpeechRegion(start, cut))
        start = cut
    return [*parts, SpeechRegion(start, end)]
