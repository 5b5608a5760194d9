"""Caches that grow in place hold what transformers' own hold."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.cache_utils import DynamicLayer

from stt_ai.engines.batch_cache import BatchLayer, RoomyLayer


def states(rows: int, tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys and values that half precision holds exactly."""
    keys, values = torch.randn(2, rows, 2, tokens, 3).bfloat16().float()
    return keys, values


def layer_of(keys: torch.Tensor, values: torch.Tensor) -> RoomyLayer:
    layer = RoomyLayer(keys.shape[-2])
    layer.update(keys, values)
    return layer


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=4),
    st.lists(st.integers(1, 4), max_size=5),
    st.data(),
)
def test_each_text_holds_what_was_kept_of_it_and_texts_may_leave(
    lengths: list[int], steps: list[int], data: st.DataObject
) -> None:
    """Beside a cache of transformers for each text, which is given only what is kept."""
    rows = [states(1, length) for length in lengths]
    together = BatchLayer([layer_of(*row) for row in rows], lengths, max(lengths) + sum(steps) + 1)
    alone = []
    for keys, values in rows:
        alone.append(DynamicLayer())
        alone[-1].update(keys, values)
    for step in steps:
        new = states(len(lengths), step)
        keys, values = together.update(*new)
        assert keys.shape[-2] == values.shape[-2] == max(lengths) + step
        for row, layer in enumerate(alone):
            kept = data.draw(st.integers(1, step))
            assert torch.equal(keys[row, :, lengths[row] : lengths[row] + step], new[0][row])
            layer.update(*(states[row : row + 1, :, :kept] for states in new))
            lengths[row] += kept
        stay = data.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1, unique=True))
        together.batch_select_indices(torch.tensor(stay))
        alone = [alone[row] for row in stay]
        lengths[:] = [lengths[row] for row in stay]
        assert together.get_seq_length() == max(lengths)
        for row, layer in enumerate(alone):
            assert torch.equal(together._all_keys[row, :, : lengths[row]].float(), layer.keys[0])
            assert torch.equal(together._all_values[row, :, : lengths[row]].float(), layer.values[0])


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_a_cache_that_begins_empty_grows_like_transformers(steps: list[int]) -> None:
    roomy, plain = RoomyLayer(sum(steps)), DynamicLayer()
    assert roomy.get_seq_length() == 0
    for step in steps:
        new = states(2, step)
        for ours, theirs in zip(roomy.update(*new), plain.update(*new), strict=True):
            assert torch.equal(ours, theirs)
    roomy.reset()
    assert roomy.get_seq_length() == 0 and roomy.keys is None
