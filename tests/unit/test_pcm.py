"""Any stretch of a file out of its chunks, and few of them held."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.engines.pcm import PcmReader
from stt_ai.types import Pcm, Samples


def cut(samples: Samples, chunk: int) -> Pcm:
    chunks = tuple(range(-(-len(samples) // chunk)))
    return Pcm(chunks, chunk, len(samples))


@given(st.integers(1, 60), st.integers(1, 20), st.lists(st.tuples(st.integers(0, 80), st.integers(0, 80)), max_size=5))
def test_it_reads_what_is_there_and_silence_beyond(length: int, chunk: int, spans: list[tuple[int, int]]) -> None:
    samples = np.arange(1, length + 1, dtype=np.int16)
    reader = PcmReader(cut(samples, chunk), lambda at: samples[at * chunk : (at + 1) * chunk])
    padded = np.concatenate([samples, np.zeros(200, np.int16)])
    for start, more in spans:
        assert np.array_equal(reader.read(start, start + more), padded[start : start + more])


def test_reading_forwards_fetches_each_chunk_once() -> None:
    samples = np.zeros(1_000, np.int16)
    fetched: list[int] = []

    def fetch(at: int) -> Samples:
        fetched.append(at)
        return samples[at * 100 : (at + 1) * 100]

    reader = PcmReader(cut(samples, 100), fetch)
    for start in range(0, 900, 10):
        reader.read(start, start + 100)
    assert fetched == list(range(10))
