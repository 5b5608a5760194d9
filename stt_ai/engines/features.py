"""Samples -> log-mel features for Whisper."""

import numpy as np
import numpy.typing as npt

from stt_ai.types import Samples

Features = npt.NDArray[np.float32]

N_FFT = 400
HOP = 160
FRAMES_PER_SECOND = 100
MAX_FRAMES = 3000


class LogMel:
    """Log-mel spectrograms as OpenAI's Whisper makes them, with silence after the audio up to any length.

    Only the audio itself goes through the transform: what follows it is digital silence, whose features are the
    floor that the loudest frame sets. A clip of 3 s costs a tenth of what it costs to transform 30 s.
    """

    def __init__(self, mel_filters: npt.NDArray[np.float32]) -> None:
        """``mel_filters``: float32 [n_mels, 201]."""
        self._filters = np.ascontiguousarray(mel_filters.T, dtype=np.float32)
        self._window = np.hanning(N_FFT + 1)[:-1].astype(np.float32)

    @property
    def n_mels(self) -> int:
        """Return the number of mel bins."""
        return int(self._filters.shape[1])

    def __call__(self, samples: Samples, frames: int = MAX_FRAMES) -> Features:
        """int16 [samples] -> float32 [n_mels, frames]: cut to ``frames`` of 10 ms, or silence after the audio."""
        covered = min(frames, -(-len(samples) // HOP) + 2)
        wave = np.zeros(covered * HOP + N_FFT, dtype=np.float32)
        audio = samples[: covered * HOP + N_FFT // 2].astype(np.float32) / 32768.0
        wave[N_FFT // 2 : N_FFT // 2 + len(audio)] = audio
        wave[: N_FFT // 2] = wave[N_FFT : N_FFT // 2 : -1]  # mirrored at the start, as a centred transform is
        overlapping = np.lib.stride_tricks.sliding_window_view(wave, N_FFT)[: covered * HOP : HOP]
        spectrum = np.fft.rfft(overlapping * self._window, axis=-1)
        power = np.square(spectrum.real, dtype=np.float32) + np.square(spectrum.imag, dtype=np.float32)
        mel = np.log10(np.maximum(power @ self._filters, 1e-10))
        floor = max(float(mel.max()) - 8.0, -10.0)
        out = np.full((self.n_mels, frames), (floor + 4.0) / 4.0, dtype=np.float32)
        out[:, :covered] = (np.maximum(mel, floor).T + 4.0) / 4.0
        return out
