"""The demo diarizer's speaker embedding: pyannote's WeSpeaker ResNet with few channels, so that it is small and quick.

Its checkpoint names this module and class, and so it must be importable where the demo diarizer is loaded.
"""

from typing import Any

from pyannote.audio.models.embedding.wespeaker import BaseWeSpeakerResNet
from pyannote.audio.models.embedding.wespeaker.resnet import BasicBlock, ResNet


class SmallWeSpeaker(BaseWeSpeakerResNet):  # type: ignore[misc]
    """Waves (batch, 1, samples) and weights (batch, speakers, frames) -> embeddings (batch, speakers, ``embed_dim``).

    Differs from `WeSpeakerResNet34` in its sizes alone: ``num_blocks`` residual blocks in each of four stages, the
    first of ``m_channels`` channels.
    """

    def __init__(
        self,
        sample_rate: int = 16_000,
        num_channels: int = 1,
        num_mel_bins: int = 40,
        frame_length: float = 25.0,
        frame_shift: float = 10.0,
        dither: float = 0.0,
        window_type: str = "hamming",
        use_energy: bool = False,
        m_channels: int = 8,
        embed_dim: int = 64,
        num_blocks: tuple[int, int, int, int] = (1, 1, 1, 1),
        task: Any = None,
    ) -> None:
        super().__init__(
            sample_rate=sample_rate,
            num_channels=num_channels,
            num_mel_bins=num_mel_bins,
            frame_length=frame_length,
            frame_shift=frame_shift,
            dither=dither,
            window_type=window_type,
            use_energy=use_energy,
            task=task,
        )
        self.save_hyperparameters("m_channels", "embed_dim", "num_blocks")
        self.resnet = ResNet(
            BasicBlock,
            list(num_blocks),
            m_channels=m_channels,
            feat_dim=num_mel_bins,
            embed_dim=embed_dim,
            pooling_func="TSTP",
            two_emb_layer=False,
        )
