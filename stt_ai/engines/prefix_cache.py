"""Keys and values of what many prompts begin with, so that it is read once."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

MIN_TOKENS = 32
MAX_TOKENS = 1_200
"""Of all prefixes together, those of four styles: 30 MB in a model of 0.5 B parameters."""


class PrefixCache:
    """The most recently used prefixes, by their tokens. To be used from one thread at a time."""

    def __init__(self, config: Any) -> None:
        self._config = config
        self._kept: OrderedDict[tuple[int, ...], Any] = OrderedDict()

    def start(self, prefix: Sequence[int], capacity: int) -> tuple[Any, int]:
        """Return a cache to continue, and how many of the tokens in ``prefix`` it holds: all or none.

        It has room for ``capacity`` tokens.
        """
        from stt_ai.engines.batch_cache import roomy

        cache = roomy(self._config, capacity)
        key = tuple(prefix)
        if key not in self._kept:
            return cache, 0
        self._kept.move_to_end(key)
        for index, (keys, values, dtype) in enumerate(self._kept[key]):
            cache.update(keys.to(dtype), values.to(dtype), index)
        return cache, len(key)

    def keep(self, prefix: Sequence[int], cache: Any) -> None:
        """Keep what ``cache`` holds, which is exactly ``prefix``. It is copied."""
        if not MIN_TOKENS <= len(prefix) <= MAX_TOKENS:
            return
        self._kept[tuple(prefix)] = [(layer.keys.clone(), layer.values.clone(), layer.dtype) for layer in cache.layers]
        while sum(map(len, self._kept)) > MAX_TOKENS:
            self._kept.popitem(last=False)
