"""Keys and values of several prompts in one cache that grows in place."""

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

    @classmethod
    def of_rows(cls, rows: Sequence[tuple[Tensor, Tensor]], room: int) -> "RoomyLayer":
        """Return a batch of keys and values of (1, heads, tokens, width) each, at its right end, with ``room`` more."""
        longest = max(keys.shape[-2] for keys, _ in rows)
        layer = cls(longest + room)
        shape = (len(rows), *rows[0][0].shape[1:])
        layer.lazy_initialization(*(states[:1].expand(shape) for states in rows[0]))
        for row, (keys, values) in enumerate(rows):
            begin = longest - keys.shape[-2]
            layer._all_keys[row, :, begin:longest] = keys[0]
            layer._all_values[row, :, begin:longest] = values[0]
        layer._length = longest
        layer._show()
        return layer

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Take the room for a batch like these states, of shape (batch, heads, tokens, width)."""
        self.dtype, self.device = key_states.dtype, key_states.device
        batch, heads, _, width = key_states.shape
        size = (batch, heads, self._capacity, width)
        self._all_keys, self._all_values = key_states.new_zeros(size), value_states.new_zeros(size)
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Add states of shape (batch, heads, tokens, width), and return views of all so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = self._length + key_states.shape[-2]
        self._all_keys[:, :, self._length : end] = key_states
        self._all_values[:, :, self._length : end] = value_states
        self._length = end
        self._show()
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep the rows of the batch at ``indices``, in their order."""
        self._all_keys, self._all_values = self._all_keys[indices], self._all_values[indices]
        self._show()

    def reset(self) -> None:
        """Give the room back."""
        self._all_keys = self._all_values = None
        self._length = 0
        super().reset()

    def _show(self) -> None:
        self.keys = self._all_keys[:, :, : self._length]
        self.values = self._all_values[:, :, : self._length]


def roomy(config: Any, capacity: int) -> Any:
    """Return an empty cache with room for ``capacity`` tokens in all layers that keep what lies far back."""
    cache = DynamicCache(config=config)
    cache.layers = [layer if layer.is_sliding else RoomyLayer(capacity) for layer in cache.layers]
    return cache


def joined(caches: Sequence[Any], lengths: Sequence[int], room: int, model: Any) -> tuple[Any, Tensor]:
    """Return one cache of all rows with room for ``room`` tokens more, and its mask of shape (rows, longest).

    The rows' own caches are given up layer by layer, so that none is held twice. One whose layers forget what lies far
    back is returned as it is: it comes alone.
    """
    longest = max(lengths)
    mask = torch.zeros(len(caches), longest, dtype=torch.long, device=model.device)
    for row, length in enumerate(lengths):
        mask[row, longest - length :] = 1
    if any(layer.is_sliding for layer in caches[0].layers):
        return caches[0], mask
    together = DynamicCache(config=model.config)
    layers = []
    for index in range(len(caches[0].layers)):
        states = [(cache.layers[index].keys, cache.layers[index].values) for cache in caches]
        layers.append(RoomyLayer.of_rows(states, room))
        del states
        for cache in caches:
            cache.layers[index].reset()
    together.layers = layers
    return together, mask
