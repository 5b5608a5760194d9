"""The demo diarizer from nothing: corpus, the two models, clustering, figures.

`python -m tests.recipes.diarization` runs every step; name one or more of them to run only those.
"""

import argparse
import json
import os
from pathlib import Path

from ..steps import REPOSITORY, carry_out

STEPS = ("corpus", "train", "tune", "evaluate")


def main() -> None:
    os.environ.setdefault("PYANNOTE_METRICS_ENABLED", "0")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    parser = argparse.ArgumentParser(prog="python -m tests.recipes.diarization", description=__doc__)
    parser.add_argument("--work", type=Path, default=REPOSITORY / "build" / "demo_diarization", help="corpus")
    parser.add_argument("--target", type=Path, default=REPOSITORY / "stt_ai" / "models" / "demo" / "diarization")
    parser.add_argument("--data", type=Path, default=REPOSITORY / "tests" / "data" / "conversations")
    parser.add_argument("--minutes", type=float, default=60.0, help="processor time to train segmentation")
    parser.add_argument("--processes", type=int, default=2, help="processes that speak")
    carry_out(parser, STEPS, run)


def run(step: str, chosen: argparse.Namespace) -> None:
    """One step; what each needs is imported only for it."""
    corpus = chosen.work / "corpus"
    if step == "corpus":
        from .corpus import make_corpus

        make_corpus(corpus, chosen.processes)
    elif step == "train":
        from .training import train_both

        train_both(corpus, chosen.target, chosen.minutes)
    elif step == "tune":
        from .folder import fit_plda
        from .tune import tune

        fit_plda(corpus, chosen.target)
        tune(corpus, chosen.target)
    elif step == "evaluate":
        from .evaluate import evaluate

        figures = evaluate(corpus, chosen.target, chosen.data)
        (chosen.work / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
        print(json.dumps(figures, indent=2))
    else:
        from .fixtures import make_fixtures

        make_fixtures(chosen.data)


if __name__ == "__main__":
    main()
