"""The demo summarizer from nothing: training, figures. Its corpus is made while it trains.

`python -m tests.recipes.summaries` runs every step; name one or more of them to run only those.
"""

import argparse
import json
from pathlib import Path

from ..steps import REPOSITORY

STEPS = ("train", "evaluate")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.recipes.summaries", description=__doc__)
    parser.add_argument("--target", type=Path, default=REPOSITORY / "stt_ai" / "models" / "demo" / "summaries")
    parser.add_argument("--minutes", type=float, default=30.0, help="of one processor's time to train")
    parser.add_argument("--meetings", type=int, default=50, help="held-out meetings of each language to evaluate on")
    parser.add_argument("steps", nargs="*", choices=[*STEPS, []], help="train, evaluate; both by default")
    chosen = parser.parse_args()
    chosen.target.mkdir(parents=True, exist_ok=True)
    for step in chosen.steps or STEPS:
        print(f"==> {step}", flush=True)
        if step == "train":
            import torch

            from .train import train

            torch.set_num_threads(1)
            train(chosen.target, chosen.minutes)
        else:
            from .measure import evaluate

            print(json.dumps(evaluate(chosen.target, chosen.meetings), indent=2))


if __name__ == "__main__":
    main()
