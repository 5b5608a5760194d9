"""What it brings that the engine has glibc keep what it frees (stt_ai/engines/malloc.py)."""

import json
import subprocess
import sys
from typing import Any

from tests.benchmarks.bench import Bench
from tests.benchmarks.peer import environment
from tests.benchmarks.report import Result
from tests.support.service import ROOT


def run(bench: Bench, result: Result) -> None:
    taken: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for _ in range(1 if bench.quick else 3):
        for on in (True, False):
            taken[on].append(_encode(bench, on))
    for batch in ("1", "8"):
        series = {}
        for on, word in ((True, "kept"), (False, "as it comes")):
            name = f"encode of a 30 s window, batch {batch}, {word}"
            series[on] = result.add(name, [found[batch]["seconds"] for found in taken[on]])
            faults = [found[batch]["faults"] for found in taken[on]]
            result.find(f"page faults a window, batch {batch}, {word}", sum(faults) / len(faults))
        result.ratio(f"as it comes / kept, batch {batch}", series[False], series[True])
    result.notes.append("The peer of all other benchmarks runs with the same setting as the service.")


def _encode(bench: Bench, keep: bool) -> dict[str, Any]:
    repeats = 3 if bench.quick else 8
    call = [sys.executable, "-m", "tests.benchmarks.encode", str(bench.model), str(bench.threads)]
    done = subprocess.run(
        [*call, bench.compute_type, str(repeats), "keep" if keep else "plain"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        check=True,
        timeout=300,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found
