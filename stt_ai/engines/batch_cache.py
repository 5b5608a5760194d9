"""Keys and values of prompts, alone and together, in caches that grow in place.

Those of a model in float32 are kept in bfloat16, in which such models are trained: half of the memory, for a
few hundredths more time.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


class RoomyLayer(DynamicLayer):  # type: ignore[misc]
    """A layer of a cache with room for ``capacity`` tokens, which it takes when the first arrive.

    transformers' own copies all keys and values for each token, and holds them twice meanwhile; what the copies leave
    behind, blocks of ever other sizes, the allocator cannot put together again.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._capacity, self._length = capacity, 0

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Take the room for a batch like these states, of shape (batch, heads, tokens, width)."""
        self.dtype, self.device = key_states.dtype, key_states.device
        batch, heads, _, width = key_states.shape
        size = (batch, heads, self._capacity, width)
        kept = _kept(self.dtype)
        self._all_keys, self._all_values = (
            key_states.new_zeros(size, dtype=kept),
            value_states.new_zeros(size, dtype=kept),
        )
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Add states of shape (batch, heads, tokens, width), and return all so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = self._length + key_states.shape[-2]
        self._all_keys[:, :, self._length : end] = key_states
        self._all_values[:, :, self._length : end] = value_states
        self._length = end
        self._show()
        return self.keys.to(self.dtype), self.values.to(self.dtype)

    def reset(self) -> None:
        """Give the room back."""
        self._all_keys = self._all_values = None
        self._length = 0
        super().reset()

    def _show(self) -> None:
        self.keys = self._all_keys[:, :, : self._length]
        self.values = self._all_values[:, :, : self._length]


class BatchLayer(DynamicLayer):  # type: ignore[misc]
    """A layer of a cache of several texts, each from place 0 on, with room for ``capacity`` tokens of each.

    ``lengths`` say how many tokens of each text hold. All layers share them, and who reads on with the cache changes
    them: what `update` puts behind a text's length is written over by the next unless the length grows.
    """

    def __init__(self, rows: Sequence[RoomyLayer], lengths: list[int], capacity: int) -> None:
        """``rows`` are the layer of each text alone, which is given up."""
        super().__init__()
        self._lengths = lengths
        keys, values = rows[0].keys, rows[0].values
        super().lazy_initialization(keys, values)
        self.dtype = rows[0].dtype
        heads, width = keys.shape[1], keys.shape[3]
        self._all_keys = keys.new_zeros(len(rows), heads, capacity, width)
        self._all_values = values.new_zeros(len(rows), heads, capacity, values.shape[3])
        for row, layer in enumerate(rows):
            self._put(row, 0, layer.keys[0], layer.values[0])
            layer.reset()
        self._show(max(lengths))

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Put states of shape (rows, heads, tokens, width) behind each text, and return all that is held."""
        for row, begin in enumerate(self._lengths):
            self._put(row, begin, key_states[row], value_states[row])
        self._show(max(self._lengths) + key_states.shape[-2])
        return self.keys.to(self.dtype), self.values.to(self.dtype)

    def get_seq_length(self) -> int:
        """Return how many tokens of the longest text hold."""
        return max(self._lengths)

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep the texts at ``indices``, in their order."""
        self._all_keys, self._all_values = self._all_keys[indices], self._all_values[indices]
        self._show(self.keys.shape[-2])

    def _put(self, row: int, begin: int, keys: Tensor, values: Tensor) -> None:
        end = begin + keys.shape[-2]
        self._all_keys[row, :, begin:end] = keys
        self._all_values[row, :, begin:end] = values

    def _show(self, length: int) -> None:
        self.keys, self.values = self._all_keys[:, :, :length], self._all_values[:, :, :length]


def roomy(config: Any, capacity: int) -> Any:
    """Return an empty cache with room for ``capacity`` tokens in all layers that keep what lies far back."""
    cache = DynamicCache(config=config)
    cache.layers = [layer if layer.is_sliding else RoomyLayer(capacity) for layer in cache.layers]
    return cache


def joined(caches: Sequence[Any], lengths: list[int], capacity: int, config: Any) -> Any:
    """Return one cache of several texts: a `BatchLayer` of ``lengths`` and ``capacity`` for each layer.

    The texts' own caches are given up layer by layer, so that none is held twice.
    """
    together = DynamicCache(config=config)
    together.layers = [
        BatchLayer([cache.layers[index] for cache in caches], lengths, capacity)
        for index in range(len(caches[0].layers))
    ]
    return together


def _kept(dtype: torch.dtype) -> torch.dtype:
    return torch.bfloat16 if dtype == torch.float32 else dtype
