"""The peer in a process of its own, asked by lines of JSON over its standard input and output."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.service import ROOT


def environment() -> dict[str, str]:
    """What a measured process inherits: nothing that would set its allocator or its threads from outside."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_", "OMP_"))}


class Peer:
    """`Engines` at the other end of a pipe: idle, and without a thread that spins, while it is not asked."""

    def __init__(self, setting: Sequence[Any], log: Path) -> None:
        """``setting``: what `Engines` takes."""
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.benchmarks.peer"],
                cwd=ROOT,
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self._log = log
        self._send({"setting": list(setting)})

    def ask(self, method: str, **arguments: Any) -> dict[str, Any]:
        """The answer of `Engines.<method>(**arguments)`. Raises `RuntimeError` with the peer's log if it fails."""
        self._send({"method": method, "arguments": arguments})
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the peer ended:\n{self._log.read_text()[-3000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def seconds(self, method: str, **arguments: Any) -> float:
        return float(self.ask(method, **arguments)["seconds"])

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()


def serve() -> None:
    """The process itself. What libraries print goes to standard error, so that answers stay alone."""
    from tests.benchmarks.engines import Engines

    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    engines = Engines(*json.loads(sys.stdin.readline())["setting"])
    for line in sys.stdin:
        asked = json.loads(line)
        answer: Any = getattr(engines, asked["method"])(**asked["arguments"])
        answers.write(json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    serve()
