"""The training corpus: sentences of the grammar in every voice, as shards of int16 samples with true word times."""

import json
import random
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from .grammar import SentenceMaker
from .voices import VOICES, Voice, random_manner, synthesize

SHARD = 250
SHARDS_PER_VOICE = {"en": 12, "es": 10}
SHARE_RANDOM = 0.6


def make_corpus(folder: Path, processes: int = 2) -> None:
    """Write every shard that is not there yet; first shards of all voices come first, so training can begin early."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [
        (voice, index, folder)
        for index in range(max(SHARDS_PER_VOICE.values()))
        for voice in VOICES
        if index < SHARDS_PER_VOICE[voice.language]
    ]
    with get_context("spawn").Pool(processes) as pool:
        for done, name in enumerate(pool.imap_unordered(_make_shard, jobs), start=1):
            print(f"corpus: {done}/{len(jobs)} shards ({name})", flush=True)


def training_sentences(voice: Voice, index: int) -> Iterator[tuple[str, str]]:
    """The (kind, text) of one shard, the same in every run."""
    maker = SentenceMaker(voice.language, random.Random(f"train {voice.label} {index}"))
    for _, item in zip(range(SHARD), maker.sentences(SHARE_RANDOM), strict=False):
        yield item


def training_texts() -> set[str]:
    """Every sentence of the corpus, lower-cased: what held-out sentences must not be."""
    return {
        text.lower()
        for voice in VOICES
        for index in range(SHARDS_PER_VOICE[voice.language])
        for _, text in training_sentences(voice, index)
    }


def _make_shard(job: tuple[Voice, int, Path]) -> str:
    voice, index, folder = job
    stem = folder / f"{voice.language}-{voice.engine}-{voice.name}-{index:02d}"
    if stem.with_suffix(".json").exists():
        return stem.name
    rng = random.Random(f"manner {voice.label} {index}")
    sentences = [(text, random_manner(rng)) for _, text in training_sentences(voice, index)]
    items, pieces, offset = [], [], 0
    for utterance in synthesize(voice, sentences):
        times = [(round(a, 3), round(b, 3)) for a, b in utterance.times]
        size = len(utterance.samples)
        items.append({"text": utterance.text, "offset": offset, "size": size, "times": times})
        pieces.append(utterance.samples)
        offset += size
    np.save(stem.with_suffix(".npy"), np.concatenate(pieces))
    record = {"language": voice.language, "voice": voice.label, "items": items}
    stem.with_suffix(".json.part").write_text(json.dumps(record, ensure_ascii=False))
    stem.with_suffix(".json.part").rename(stem.with_suffix(".json"))
    return stem.name
