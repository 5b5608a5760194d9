"""The demo recogniser from nothing: corpus, training, export, figures.

`python -m tests.recipes.whisper` runs every step; name one or more of them to run only those.
"""

import argparse
import json
from pathlib import Path

from ..steps import REPOSITORY, carry_out

STEPS = ("corpus", "train", "export", "evaluate")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.recipes.whisper", description=__doc__)
    parser.add_argument(
        "--work", type=Path, default=REPOSITORY / "build" / "demo_whisper", help="corpus and checkpoint"
    )
    parser.add_argument("--target", type=Path, default=REPOSITORY / "stt_ai" / "models" / "demo" / "whisper")
    parser.add_argument("--data", type=Path, default=REPOSITORY / "tests" / "data", help="recordings to evaluate on")
    parser.add_argument("--minutes", type=float, default=150.0, help="training time; the curriculum follows it")
    parser.add_argument("--processes", type=int, default=2, help="processes that speak, and threads that train")
    carry_out(parser, STEPS, run)


def run(step: str, chosen: argparse.Namespace) -> None:
    """One step; what each needs is imported only for it."""
    corpus, checkpoint = chosen.work / "corpus", chosen.work / "checkpoint.pt"
    if step == "corpus":
        from .corpus import make_corpus

        make_corpus(corpus, chosen.processes)
    elif step == "train":
        from .tokenizer import fetch_ranks
        from .train import train

        train(corpus, fetch_ranks(chosen.work), checkpoint, chosen.minutes, chosen.processes)
    elif step == "export":
        from .export import export
        from .tokenizer import fetch_ranks

        export(checkpoint, fetch_ranks(chosen.work), corpus, chosen.target)
    elif step == "evaluate":
        from .evaluate import evaluate

        figures = evaluate(chosen.target, chosen.data, chosen.processes)
        (chosen.work / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    else:
        from .fixtures import make_fixtures

        make_fixtures(chosen.data)


if __name__ == "__main__":
    main()
