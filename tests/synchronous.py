"""Makes the Python client for programs that wait from the one for asyncio, by `unasync`.

python -m tests.synchronous           # writes stt_ai/sdk/sync
python -m tests.synchronous --check   # fails where what is there is not what would be written
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import unasync

SDK = Path(__file__).parents[1] / "stt_ai/sdk"
MADE = ("client.py", "jobs.py", "uploads.py")
NAMES = {
    "AsyncAudio": "Audio",
    "AsyncClient": "Client",
    "AsyncDo": "Do",
    "AsyncJobs": "Jobs",
    "AsyncStream": "Stream",
    "AsyncUploads": "Uploads",
    "aclose": "close",
    "aio": "sync",
    "aiter_lines": "iter_lines",
    "aread": "read",
    "asyncio": "time",  # of which it uses `sleep` alone
}
HEADER = "# Made from stt_ai/sdk/aio/{} by `python -m tests.synchronous`: edit that one.\n"


def make(folder: Path) -> None:
    """Write the modules into ``folder``, formatted as all others are."""
    rule = unasync.Rule(f"{SDK}/aio/", f"{folder}/", NAMES)
    unasync.unasync_files([str(SDK / "aio" / name) for name in MADE], [rule])
    for name in MADE:
        path = folder / name
        path.write_text(HEADER.format(name) + path.read_text())
    config = ["--config", SDK.parents[1] / "pyproject.toml"]
    for command in (["check", "--fix", "--quiet", "--select", "I"], ["format", "--quiet"]):
        ruff = [Path(sys.executable).with_name("ruff"), *command, *config, "--no-cache"]
        subprocess.run([*ruff, *(folder / name for name in MADE)], check=True)


def differing(folder: Path) -> list[str]:
    """Return the modules of the package that are not as those in ``folder``."""
    return [name for name in MADE if (SDK / "sync" / name).read_text() != (folder / name).read_text()]


if __name__ == "__main__":
    if "--check" not in sys.argv[1:]:
        make(SDK / "sync")
    else:
        with tempfile.TemporaryDirectory() as temporary:
            make(Path(temporary))
            if names := differing(Path(temporary)):
                sys.exit(f"Run `python -m tests.synchronous`: {', '.join(names)} of stt_ai/sdk/sync is not current.")
