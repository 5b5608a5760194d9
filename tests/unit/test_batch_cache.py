"""A cache that grows in place holds what transformers' own holds."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.cache_utils import DynamicLayer

from stt_ai.engines.batch_cache import RoomyLayer


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.lists(st.integers(1, 3), max_size=4), st.data())
def test_rows_stand_on_the_right_and_grow_and_leave_like_transformers(
    lengths: list[int], steps: list[int], data: st.DataObject
) -> None:
    made = torch.Generator().manual_seed(1)
    rows = [tuple(torch.randn(1, 2, length, 3, generator=made) for _ in range(2)) for length in lengths]
    longest = max(lengths)
    roomy = RoomyLayer.of_rows(rows, sum(steps))
    plain = DynamicLayer()
    padded = [
        torch.cat([torch.nn.functional.pad(row[part], (0, 0, longest - row[part].shape[-2], 0)) for row in rows])
        for part in (0, 1)
    ]
    plain.update(*padded)
    for step in steps:
        new = [torch.randn(plain.keys.shape[0], 2, step, 3, generator=made) for _ in range(2)]
        for ours, theirs in zip(roomy.update(*new), plain.update(*new), strict=True):
            assert torch.equal(ours, theirs)
        stay = torch.tensor(data.draw(st.lists(st.integers(0, plain.keys.shape[0] - 1), min_size=1, unique=True)))
        roomy.batch_select_indices(stay)
        plain.batch_select_indices(stay)
        assert torch.equal(roomy.keys, plain.keys) and torch.equal(roomy.values, plain.values)
        assert roomy.get_seq_length() == plain.get_seq_length()


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_a_cache_that_begins_empty_grows_like_transformers(steps: list[int]) -> None:
    roomy, plain = RoomyLayer(sum(steps)), DynamicLayer()
    assert roomy.get_seq_length() == 0
    for step in steps:
        new = [torch.randn(2, 2, step, 3) for _ in range(2)]
        for ours, theirs in zip(roomy.update(*new), plain.update(*new), strict=True):
            assert torch.equal(ours, theirs)
    roomy.reset()
    assert roomy.get_seq_length() == 0 and roomy.keys is None
