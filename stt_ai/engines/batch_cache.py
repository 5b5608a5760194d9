"""Keys and values of several prompts in one cache that grows in place."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


class RoomyLayer(DynamicLayer):  # type: ignore[misc]
    """A layer of a cache with room for ``room`` more tokens.

    transformers' own copies all keys and values for each token, and holds them twice meanwhile.
    """

    def __init__(self, states: Sequence[tuple[Tensor, Tensor]], room: int) -> None:
        """``states``: keys and values of each row, (1, heads, tokens, width). They stand at the right end."""
        super().__init__()
        first = states[0][0]
        self.dtype, self.device = first.dtype, first.device
        self._length = max(keys.shape[-2] for keys, _ in states)
        size = (len(states), first.shape[1], self._length + room, first.shape[3])
        self._all_keys, self._all_values = first.new_zeros(size), first.new_zeros(size)
        for row, (keys, values) in enumerate(states):
            begin = self._length - keys.shape[-2]
            self._all_keys[row, :, begin : self._length] = keys[0]
            self._all_values[row, :, begin : self._length] = values[0]
        self.is_initialized = True
        self._show()

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Add states of shape (batch, heads, tokens, width), and return views of all so far."""
        end = self._length + key_states.shape[-2]
        self._all_keys[:, :, self._length : end] = key_states
        self._all_values[:, :, self._length : end] = value_states
        self._length = end
        self._show()
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep the rows of the batch at ```indices```, in their order."""
        self._all_keys, self._all_values = self._all_keys[indices], self._all_values[indices]
        self._show()

    def _show(self) -> None:
        self.keys = self._all_keys[:, :, : self._length]
        self.values = self._all_values[:, :, : self._length]


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
        layers.append(RoomyLayer(states, room))
        del states
        for cache in caches:
            cache.layers[index].reset()
    together.layers = layers
    return together, mask
