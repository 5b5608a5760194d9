"""Whisper as trained here: architecture and parameter names of transformers' WhisperForConditionalGeneration.

Three things are added for training only and leave no trace in the export: cross-attention weights are returned so that
one head of each layer can be guided, timestamps share a smooth basis, and one `unused` row stands for all tokens that
the small world never uses (weighted by their number, so the softmax learns to give them nothing).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FULL_VOCABULARY = 51_865
TIMESTAMPS = 1501
MEL_BINS = 80


@dataclass(frozen=True)
class Shape:
    """Sizes of the model; frames are 20 ms each after the second convolution."""

    width: int = 144
    heads: int = 3
    encoder_layers: int = 5
    decoder_layers: int = 3
    frames: int = 1500
    positions: int = 448


def sinusoids(length: int, width: int) -> Tensor:
    """(length, width): Whisper's encoder positions."""
    steps = torch.exp(-math.log(10_000) / (width // 2 - 1) * torch.arange(width // 2))
    angles = torch.arange(length)[:, None] * steps[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x: Tensor, source: Tensor, causal: bool = False) -> Tensor:
        q, k, v = self._split(self.q_proj(x)), self._split(self.k_proj(source)), self._split(self.v_proj(source))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))

    def with_guided_head(self, x: Tensor, source: Tensor, forced: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The same, and the logarithm of the first head's attention, (batch, tokens, frames).

        Where a row of `forced` (same shape) is not zero, the first head attends by it instead.
        """
        q, k, v = self._split(self.q_proj(x)), self._split(self.k_proj(source)), self._split(self.v_proj(source))
        log_weights = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).log_softmax(-1)
        weights = log_weights.exp()
        if forced is not None:
            first = torch.where(forced.sum(-1, keepdim=True) > 0, forced, weights[:, 0])
            weights = torch.cat([first[:, None], weights[:, 1:]], dim=1)
        mixed = weights @ v
        return self.out_proj(mixed.transpose(1, 2).flatten(2)), log_weights[:, 0]


class EncoderLayer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self_attn = Attention(width, heads)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.self_attn_layer_norm(x)
        x = x + self.self_attn(y, y)
        return x + self.fc2(F.gelu(self.fc1(self.final_layer_norm(x))))


class DecoderLayer(EncoderLayer):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads)
        self.encoder_attn = Attention(width, heads)
        self.encoder_attn_layer_norm = nn.LayerNorm(width)

    def decode(self, x: Tensor, audio: Tensor, forced: Tensor | None) -> tuple[Tensor, Tensor]:
        y = self.self_attn_layer_norm(x)
        x = x + self.self_attn(y, y, causal=True)
        mixed, guided = self.encoder_attn.with_guided_head(self.encoder_attn_layer_norm(x), audio, forced)
        x = x + mixed
        return x + self.fc2(F.gelu(self.fc1(self.final_layer_norm(x)))), guided


class Encoder(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(MEL_BINS, shape.width, 3, padding=1)
        self.conv2 = nn.Conv1d(shape.width, shape.width, 3, stride=2, padding=1)
        self.embed_positions = nn.Embedding(shape.frames, shape.width)
        self.embed_positions.weight.data = sinusoids(shape.frames, shape.width)
        self.embed_positions.requires_grad_(False)
        self.layers = nn.ModuleList(EncoderLayer(shape.width, shape.heads) for _ in range(shape.encoder_layers))
        self.layer_norm = nn.LayerNorm(shape.width)

    def forward(self, mel: Tensor, first: int = 0) -> Tensor:
        """(batch, 80, 2 * frames) to (batch, frames, width); `first` is the position of the first frame."""
        return self.with_middle(mel, first)[0]

    def with_middle(self, mel: Tensor, first: int = 0) -> tuple[Tensor, Tensor]:
        """The same, and what leaves the layer past the middle."""
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)
        x = middle = x + self.embed_positions.weight[first : first + x.shape[1]]
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index == len(self.layers) // 2:
                middle = x
        return self.layer_norm(x), middle


class Decoder(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embed_positions = nn.Embedding(shape.positions, shape.width)
        self.embed_positions.weight.data = 0.1 * sinusoids(shape.positions, shape.width)
        self.layers = nn.ModuleList(DecoderLayer(shape.width, shape.heads) for _ in range(shape.decoder_layers))
        self.layer_norm = nn.LayerNorm(shape.width)


class TrainingWhisper(nn.Module):
    """Whisper over a reduced vocabulary: a row for each text token, then the 1,501 timestamps.

    `words_of` has the word classes that each text token is a part of: a token's row leans on the weights by which the
    encoder's word head knows those words, so what is learned of reading one word serves them all.
    """

    def __init__(self, shape: Shape, words_of: Sequence[Sequence[int]], words: int, phonemes: int):
        super().__init__()
        text_tokens = len(words_of)
        self.word_basis = nn.Parameter(torch.zeros(shape.width, shape.width))
        counts = torch.tensor([len(some) for some in words_of])
        self.register_buffer(
            "token_words", torch.tensor([word for some in words_of for word in some]), persistent=False
        )
        self.register_buffer("token_offsets", counts.cumsum(0) - counts, persistent=False)
        self.encoder, self.decoder = Encoder(shape), Decoder(shape)
        self.text_rows = nn.Parameter(torch.randn(text_tokens, shape.width) * 0.04)
        self.time_rows = nn.Parameter(torch.zeros(TIMESTAMPS, shape.width))
        self.time_basis = nn.Parameter(torch.eye(shape.width) * 0.06)
        self.unused_row = nn.Parameter(torch.zeros(shape.width))
        self.register_buffer("time_waves", sinusoids(TIMESTAMPS, shape.width), persistent=False)
        self.unused_bias = math.log(FULL_VOCABULARY - text_tokens - TIMESTAMPS)
        self.word_head = nn.Linear(shape.width, words)
        self.phoneme_head = nn.Sequential(nn.LayerNorm(shape.width), nn.Linear(shape.width, phonemes))

    def rows(self) -> Tensor:
        """(text_tokens + 1501, width): the token embeddings, which are also the output projection."""
        known = F.embedding_bag(self.token_words, self.word_head.weight.detach(), self.token_offsets, mode="mean")
        return torch.cat([self.text_rows + known @ self.word_basis, self.time_waves @ self.time_basis + self.time_rows])

    def hidden(
        self, tokens: Tensor, audio: Tensor, rows: Tensor, forced: Sequence[Tensor] = ()
    ) -> tuple[Tensor, list[Tensor]]:
        """Last hidden states (batch, tokens, width) and each layer's guided log-attention, replaced by `forced`."""
        x = F.embedding(tokens, rows) + self.decoder.embed_positions.weight[: tokens.shape[1]]
        guided = []
        for index, layer in enumerate(self.decoder.layers):
            x, attention = layer.decode(x, audio, forced[index] if forced else None)
            guided.append(attention)
        return self.decoder.layer_norm(x), guided

    def logits(self, hidden: Tensor, rows: Tensor) -> Tensor:
        """(batch, tokens, text_tokens + 1501 + 1): the last class is every unused token together."""
        unused = (hidden @ self.unused_row)[..., None] + self.unused_bias
        return torch.cat([hidden @ rows.T, unused], dim=-1)
