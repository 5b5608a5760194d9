"""Both models at once. Not in `__main__`: processes that are spawned do not import that of a package."""

from multiprocessing import get_context
from pathlib import Path


def train_both(corpus: Path, target: Path, minutes: float) -> None:
    """Segmentation for so many minutes of a processor's time, and beside it the embedding for three tenths of that."""
    context = get_context("spawn")
    jobs = [
        context.Process(target=_train, args=(name, corpus, target, share * minutes))
        for name, share in (("segmentation", 1.0), ("embedding", 0.3))
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    if any(job.exitcode for job in jobs):
        raise SystemExit("training failed")


def _train(name: str, corpus: Path, target: Path, minutes: float) -> None:
    import torch

    torch.set_num_threads(1)
    if name == "segmentation":
        from .segmentation import train

        train(corpus, target, minutes / 2)
        train(corpus, target, minutes / 2, on=True)
    else:
        from .embedding import train as train_embedding

        train_embedding(corpus, target, minutes)
