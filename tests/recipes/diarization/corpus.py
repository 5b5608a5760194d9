"""The corpus: for every speaker of training and development a file of sentences, with the true times of the words."""

import errno
import json
import os
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from .speakers import Said, Speaker, held_out_speech, people, training_speech

SENTENCES_PUBLISHED = 120
SENTENCES_OTHER = 14
SENTENCES_HELD_OUT = 40


class Person:
    """A speaker with what they say, read from the disk as it is drawn."""

    def __init__(self, speaker: Speaker, said: list[Said]) -> None:
        self.speaker = speaker
        self._said = said

    def draw(self, rng: np.random.Generator) -> Said:
        return self._said[rng.integers(len(self._said))]

    def all(self) -> list[Said]:
        return self._said


def make_corpus(folder: Path, processes: int) -> None:
    """Write what is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(split, index, folder) for split, speakers in people().items() for index in range(len(speakers))]
    jobs += [(f"published-{split}", index, folder) for split in ("development", "test") for index in range(14)]
    with get_context("spawn").Pool(processes) as pool:
        for done, name in enumerate(pool.imap_unordered(_make, jobs), start=1):
            if done % 20 == 0 or done == len(jobs):
                print(f"corpus: {done}/{len(jobs)} speakers ({name})", flush=True)


def load(folder: Path, split: str) -> list[Person]:
    """The people of `train`, `development`, `test`, `published-development` or `published-test`."""
    if not folder.is_dir():  # said before the voices are asked for, which few machines have
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
    result = []
    for index, speaker in enumerate(_speakers(split)):
        path = _path(folder, split, index)
        samples, items = np.load(path.with_suffix(".npy"), mmap_mode="r"), json.loads(path.read_text())
        said = [
            Said(samples[i["offset"] : i["offset"] + i["size"]], tuple(i["words"]), tuple(map(tuple, i["times"])))
            for i in items
        ]
        result.append(Person(speaker, said))
    return result


def _speakers(split: str) -> list[Speaker]:
    if split.startswith("published"):
        return [speaker for speaker in people()["train"] if speaker.published]
    return people()[split]


def _path(folder: Path, split: str, index: int) -> Path:
    return folder / f"{split}-{index:03d}.json"


def _make(job: tuple[str, int, Path]) -> str:
    split, index, folder = job
    path = _path(folder, split, index)
    speaker = _speakers(split)[index]
    if path.exists():
        return speaker.label
    if split == "train":
        said = training_speech(speaker, SENTENCES_PUBLISHED if speaker.published else SENTENCES_OTHER)
    else:
        said = held_out_speech(speaker, SENTENCES_HELD_OUT, split)
    items, offset = [], 0
    for one in said:
        times = [(round(a, 3), round(b, 3)) for a, b in one.times]
        items.append({"words": one.words, "times": times, "offset": offset, "size": len(one.samples)})
        offset += len(one.samples)
    np.save(path.with_suffix(".npy"), np.concatenate([one.samples for one in said]).astype(np.float16))
    path.with_suffix(".part").write_text(json.dumps(items, ensure_ascii=False))
    path.with_suffix(".part").rename(path)
    return speaker.label
