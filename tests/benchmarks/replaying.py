"""Starts `tests.benchmarks.stream_replay`: what is compared runs in a process of its own, each with as many threads."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.bench import Bench
from tests.benchmarks.peer import environment
from tests.benchmarks.stream_figures import Reported
from tests.support.service import ROOT


def replay(bench: Bench, **setting: Any) -> list[Reported]:
    """Return what each stream was sent. ``setting``: a setting of the process beside the bench's model and threads."""
    model = {
        "model": str(Path(bench.model).resolve()),
        "variable_length": bench.variable_length,
        "window_s": bench.window_s,
        "threads": bench.service_threads,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.stream_replay", json.dumps(model | setting)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=900,
    )
    if done.returncode:
        raise RuntimeError(f"the replay failed:\n{done.stderr[-3000:]}")
    return [[(at, text, final) for at, text, final in shown] for shown in json.loads(done.stdout)]
