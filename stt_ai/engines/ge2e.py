"""A speaker embedding of 1.6 s of speech: Wan et al., "Generalized end-to-end loss for speaker verification" (2018).

The architecture and the features are those of Resemblyzer's checkpoint: mel energies (not their logarithm) of frames of
25 ms every 10 ms, three LSTM layers, and the last state projected onto the positive part of the unit sphere. There all
voices lie near each other; without what they have in common, cosine distances tell them apart better (`MEAN`).
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from pyannote.audio.core.model import Model
from torch import nn

from stt_ai.types import SAMPLE_RATE

BANDS = 40
HOP = SAMPLE_RATE // 100
"""Samples from one frame to the next."""
PARTIAL = 160
"""Frames that the model has been trained on: 1.6 s."""
DIMENSION = 256

MEAN = Path(__file__).with_name("ge2e_mean.npy")
"""The mean embedding of people whom no parameter was chosen by: six speakers of prompts and of LJSpeech, in five
languages, and seven meetings of AMI, half each."""

_FFT = SAMPLE_RATE // 40
_LEVEL_DBFS = -25.0
_PARTIALS_A_BATCH = 128
"""Bounds the memory: one batch takes some 150 MB for the LSTM's states."""


class Ge2eEmbedding(Model):  # type: ignore[misc]
    """Waves (batch, 1, samples) and weights (batch, [speakers,] frames) to embeddings (batch, [speakers,] 256).

    The frames with a positive weight are those of one speaker; they are joined one after the other, as if nobody else
    had spoken in between. A speaker of less than `MIN_FRAMES` has no embedding: NaN.
    """

    MIN_FRAMES = 20

    def __init__(self, hop: int = PARTIAL // 2, centered: bool = True) -> None:
        super().__init__(sample_rate=SAMPLE_RATE, num_channels=1)
        self.hop = hop
        self.lstm = nn.LSTM(BANDS, DIMENSION, 3, batch_first=True)
        self.linear = nn.Linear(DIMENSION, DIMENSION)
        self.register_buffer("filters", torch.from_numpy(mel_filters()).float(), persistent=False)
        mean = np.load(MEAN) if centered else np.zeros(DIMENSION, np.float32)
        self.register_buffer("mean", torch.from_numpy(mean), persistent=False)
        self.register_buffer("window", torch.hann_window(_FFT), persistent=False)

    @property
    def dimension(self) -> int:
        """Return the length of an embedding."""
        return DIMENSION

    def forward(self, waveforms: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
        """Return (batch, dimension); with weights of (batch, speaker, frame), (batch, speaker, dimension)."""
        if waveforms.shape[-1] < self.MIN_FRAMES * HOP:  # by which pyannote learns how much it takes
            raise ValueError(f"an embedding takes {self.MIN_FRAMES * HOP} samples")
        if weights is None:
            weights = waveforms.new_ones((len(waveforms), 1))
        several = weights.dim() == 3
        masks = weights if several else weights[:, None]
        mels, powers = self.features(waveforms[:, 0])
        near = _nearest(mels.shape[1], masks.shape[2]).to(mels.device)
        speakers = [
            normalized(mel[mask[near] > 0], power[mask[near] > 0])
            for mel, power, chunk in zip(mels, powers, masks, strict=True)
            for mask in chunk
        ]
        embeddings = self.embed(speakers).unflatten(0, masks.shape[:2])
        return embeddings if several else embeddings[:, 0]

    def features(self, waves: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mel energies (batch, frames, bands) and the mean squares (batch, frames) of waves (batch, samples)."""
        spectra = torch.stft(
            waves, _FFT, HOP, window=self.window, center=True, pad_mode="constant", return_complex=True
        )
        mels = (spectra.real.square() + spectra.imag.square()).transpose(1, 2) @ self.filters.T
        frames = mels.shape[1]
        padded = nn.functional.pad(waves, (HOP // 2, frames * HOP - waves.shape[1] - HOP // 2))
        return mels, padded.unflatten(1, (frames, HOP)).square().mean(dim=2)

    def embed(self, speakers: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return embeddings (speakers, 256) for the features (frames, bands) of each; NaN for too short ones."""
        partials, owners = [], []
        for speaker, mel in enumerate(speakers):
            pieces = self._partials(mel)
            partials += pieces
            owners += [speaker] * len(pieces)
        out = self.linear.weight.new_full((len(speakers), DIMENSION), math.nan)
        if not partials:
            return out
        embedded = self.embed_partials(torch.stack(partials))
        index = torch.tensor(owners, device=embedded.device)
        sums = torch.zeros_like(out).index_add_(0, index, embedded)
        present = index.unique()
        out[present] = nn.functional.normalize(nn.functional.normalize(sums[present], dim=1) - self.mean, dim=1)
        return out

    def embed_partials(self, mels: torch.Tensor) -> torch.Tensor:
        """Map (partials, 160 frames, bands) to (partials, 256), each of length 1."""
        states = [self.lstm(batch)[1][0][-1] for batch in mels.split(_PARTIALS_A_BATCH)]
        return nn.functional.normalize(torch.relu(self.linear(torch.cat(states))), dim=1)

    def _partials(self, mel: torch.Tensor) -> list[torch.Tensor]:
        frames = len(mel)
        if frames < self.MIN_FRAMES:
            return []
        if frames < PARTIAL:  # said again until it is long enough
            return [mel.repeat(-(-PARTIAL // frames), 1)[:PARTIAL]]
        count = 1 + round((frames - PARTIAL) / self.hop)
        starts = np.linspace(0, frames - PARTIAL, count).round().astype(int)
        return [mel[start : start + PARTIAL] for start in starts]


def normalized(mel: torch.Tensor, power: torch.Tensor) -> torch.Tensor:
    """Return the features (frames, bands) at the level that the model knows, by their mean squares (frames)."""
    mean = power.double().mean()
    return mel * (10 ** (_LEVEL_DBFS / 10) / mean.clamp_min(1e-12)).to(mel.dtype)


def mel_filters() -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Triangles of equal area [bands, FFT bins] on Slaney's scale (Auditory Toolbox, 1998), up to 8 kHz."""
    step = math.log(6.4) / 27  # above 1 kHz; below, a mel is 200/3 Hz
    mels = np.linspace(0.0, 15 + math.log(SAMPLE_RATE / 2 / 1000) / step, BANDS + 2)
    hertz = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp(step * (mels - 15)))
    bins = np.linspace(0, SAMPLE_RATE / 2, _FFT // 2 + 1)
    rising = (bins - hertz[:-2, None]) / np.diff(hertz)[:-1, None]
    falling = (hertz[2:, None] - bins) / np.diff(hertz)[1:, None]
    area = 2 / (hertz[2:] - hertz[:-2])
    return np.maximum(0, np.minimum(rising, falling)) * area[:, None]


def _nearest(frames: int, coarse: int) -> torch.Tensor:
    """For each of ``frames`` the one of ``coarse`` frames of the same stretch that it lies in."""
    return (torch.arange(frames) * coarse // frames).clamp_max(coarse - 1)
