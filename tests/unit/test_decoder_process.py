"""The confined process: what it may not do, and that nothing outlives its context or its parent."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from stt_ai.engines.sandbox import SandboxedProcess, SandboxLimits
from tests.support.media_files import children

ROOT = Path(__file__).parents[2]
ROOMY = SandboxLimits(memory_bytes=1 << 30, cpu_seconds=20)


def run(*command: str, confinement: SandboxLimits = ROOMY) -> tuple[bytes, SandboxedProcess]:
    with SandboxedProcess(command, confinement) as process:
        printed = b"".join(out for out, _ in process.output())
    return printed, process


def test_output_and_log_come_apart_and_the_end_is_known() -> None:
    with SandboxedProcess(("/bin/sh", "-c", "echo out; echo log >&2; exit 7"), ROOMY) as process:
        pieces = list(process.output())
    assert b"".join(out for out, _ in pieces) == b"out\n"
    assert b"".join(log for _, log in pieces).endswith(b"log\n")
    assert process.returncode == 7


def test_arguments_arrive_as_they_are() -> None:
    odd = ["a b", "$HOME", "'\"", "*", "", "-n", "\\"]
    printed, _ = run("/usr/bin/printf", "%s|", *odd)
    assert printed.decode() == "".join(f"{argument}|" for argument in odd)


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="needs Linux")
def test_its_limits_are_those_that_were_asked_for() -> None:
    printed, _ = run("/bin/cat", "/proc/self/limits", confinement=SandboxLimits(1 << 28, 11, 17))
    limits = {line[:26].strip(): line[26:].split()[:2] for line in printed.decode().splitlines()[1:]}
    assert limits["Max address space"] == [str(1 << 28)] * 2
    assert limits["Max cpu time"] == ["11"] * 2
    assert limits["Max open files"] == ["17"] * 2
    assert limits["Max file size"] == ["0"] * 2
    assert limits["Max core file size"] == ["0"] * 2


def test_memory_beyond_the_limit_is_refused() -> None:
    eat = "import sys\ntry:\n bytearray(2 << 30)\nexcept MemoryError:\n print('refused')"
    assert run(sys.executable, "-I", "-S", "-c", eat)[0] == b"refused\n"


def test_it_cannot_write_a_file(tmp_path: Path) -> None:
    target = tmp_path / "written"
    _, process = run(sys.executable, "-I", "-S", "-c", f"import os; os.write(os.open({str(target)!r}, 65), b'x')")
    assert process.returncode != 0
    assert target.stat().st_size == 0


def test_it_sees_no_secret_and_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "secret")
    printed, _ = run("/usr/bin/env")
    assert {line.split("=")[0] for line in printed.decode().splitlines()} <= {
        "PATH",
        "LD_LIBRARY_PATH",
        "LC_ALL",
        "MALLOC_ARENA_MAX",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
    }
    # Its folder goes when it has started, and it may be quicker.
    assert run("/bin/sh", "-c", 'while [ -e "$PWD" ]; do :; done; touch here; ls -A')[0] == b""


def test_it_cannot_compute_for_ever() -> None:
    _, process = run("/bin/sh", "-c", "while :; do :; done", confinement=SandboxLimits(1 << 28, 1))
    assert process.returncode in (-signal.SIGKILL, -signal.SIGXCPU)
    assert process.cpu_seconds < 3


def test_leaving_the_context_ends_it_and_all_that_it_started() -> None:
    with (
        pytest.raises(KeyError),
        SandboxedProcess(("/bin/sh", "-c", "sleep 600 & sleep 600 & echo ready; wait"), ROOMY) as process,
    ):
        next(out for out, _ in process.output() if out)
        started = children()
        assert len(started) == 3
        raise KeyError
    assert process.returncode == -signal.SIGKILL
    _, alive = psutil.wait_procs(started, timeout=60)
    assert not alive


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
@pytest.mark.parametrize("command", [["sleep", "600"], ["sh", "-c", "while :; do :; done"]], ids=["idle", "busy"])
def test_it_dies_with_a_parent_that_is_killed(command: list[str]) -> None:
    script = (
        "from stt_ai.engines.sandbox import SandboxedProcess, SandboxLimits\n"
        f"with SandboxedProcess({command!r}, SandboxLimits(1 << 28, 60)) as process:\n"
        "    print(process._process.pid, flush=True)\n"
        "    list(process.output())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()
    # Where nobody reaps orphans it stays as a zombie, which is dead too.
    psutil.wait_procs([child], timeout=60)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
