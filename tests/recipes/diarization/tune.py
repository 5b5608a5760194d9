"""Picks the clustering's parameters on development conversations, short and long."""

from itertools import product
from pathlib import Path
from typing import Any

from .evaluate import Case, Tally, add_up, cases, recognized
from .folder import DEFAULTS, open_pipeline, write_config

COUNTS = {"2": 16, "3": 16, "unheard": 12, "long": 4}
THRESHOLDS = (0.5, 0.6, 0.7)
FA = (0.05, 0.07, 0.1, 0.14)
FB = (0.8, 2.0, 4.0, 8.0)
WORTH_OF_A_COUNT = 0.2  # a wrong number of speakers costs as much as that much error rate


def tune(corpus: Path, target: Path, counts: dict[str, int] | None = None) -> dict[str, Any]:
    """Write the best parameters to config.yaml: least error and fewest wrong counts, each kind weighing the same."""
    write_config(target, DEFAULTS)
    pipeline = open_pipeline(target)
    pipeline.training = True  # keeps the segmentation and embeddings of each file, which do not change
    files = [
        (case, recognized(case.conversation)) for case in cases(corpus, "development", counts or COUNTS, seed=2025)
    ]
    best, minimum = DEFAULTS, float("inf")
    for threshold, fa, fb in product(THRESHOLDS, FA, FB):
        chosen = DEFAULTS | {"threshold": threshold, "Fa": fa, "Fb": fb}
        figures = _tried(pipeline, chosen, files)
        cost = sum(f["DER"] + WORTH_OF_A_COUNT * (1 - f["speakers counted right"]) for f in figures.values())
        shown = "; ".join(f"{k} {f['DER']:.1%} {f['speakers counted right']:.0%}" for k, f in figures.items())
        print(f"tune: threshold {threshold}, Fa {fa}, Fb {fb}: {shown}", flush=True)
        if cost < minimum:
            best, minimum = chosen, cost
    print(f"tune: best is {best}", flush=True)
    write_config(target, best)
    return best


def _tried(pipeline: Any, parameters: dict[str, Any], files: list[tuple[Case, dict[str, Any]]]) -> dict[str, Any]:
    pipeline.instantiate(
        {
            "segmentation": {"min_duration_off": parameters["min_duration_off"]},
            "clustering": {name: parameters[name] for name in ("threshold", "Fa", "Fb")},
        }
    )
    tallies: dict[str, Tally] = {}
    for case, file in files:
        add_up(tallies.setdefault(case.kind, Tally()), case.conversation, pipeline.apply(file))
    return {kind: tally.figures for kind, tally in tallies.items()}
