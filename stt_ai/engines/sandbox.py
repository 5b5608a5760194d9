"""A child process that may use little and that nothing outlives: for programs that read hostile files."""

import contextlib
import fcntl
import functools
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Self

from stt_ai.environment import for_ffmpeg

_BLOCK_BYTES = 1 << 18
_REAP_SECONDS = 5.0
# A shell sets the limits and becomes the program: no code of ours runs between fork and exec, so this is safe in a
# process with threads, and `subprocess` can still use vfork. A limit that cannot be set is already lower.
_LIMITED = 'ulimit -v "$1"; ulimit -t "$2"; ulimit -n "$3"; ulimit -f 0; ulimit -c 0; shift 3; exec "$@" 2>&4 4>&-'
_SHELL = ("/bin/sh", "-c", "exec 4>&2 2>/dev/null; " + _LIMITED, "sh")


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """``memory_bytes``: of address space. ``cpu_seconds``: of processor time. No file may be written."""

    memory_bytes: int
    cpu_seconds: int
    open_files: int = 32


def sandboxed(command: Sequence[str], limits: SandboxLimits) -> list[str]:
    """Return ``command`` under ``limits``, to be started in `environment` and in an empty folder."""
    numbers = (limits.memory_bytes // 1024, limits.cpu_seconds, limits.open_files)
    return [*_dying_with_parent(), *_SHELL, *map(str, numbers), *command]


class SandboxedProcess:
    """A context: inside it the program runs, at its end the program is dead and reaped, whatever happened.

    Use it in one thread: the program is told to die with the thread that started it.
    """

    def __init__(self, command: Sequence[str], limits: SandboxLimits) -> None:
        self._command = command
        self._limits = limits
        self.returncode: int | None = None
        self.cpu_seconds = 0.0

    def __enter__(self) -> Self:
        # The working directory is gone once the program runs: no relative name leads anywhere.
        with tempfile.TemporaryDirectory(prefix="stt-ai-") as empty:
            self._process = subprocess.Popen(
                sandboxed(self._command, self._limits),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=empty,
                env=for_ffmpeg(),
                start_new_session=True,
            )
        return self

    def output(self, poll_seconds: float = 0.1) -> Iterator[tuple[bytes, bytes]]:
        """Yield what came on (stdout, stderr), one at a time, until both are closed; two empty ones when nothing came.

        What was written to stderr before some of stdout comes before it.
        """
        out, err = self._process.stdout, self._process.stderr
        assert out is not None and err is not None
        with contextlib.suppress(OSError, AttributeError):
            fcntl.fcntl(out, fcntl.F_SETPIPE_SZ, _BLOCK_BYTES)  # fewer switches between the two processes
        os.set_blocking(err.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(out, selectors.EVENT_READ)
            selector.register(err, selectors.EVENT_READ)
            while selector.get_map():
                ready = [key.fileobj for key, _ in selector.select(poll_seconds)]
                if not ready:
                    yield b"", b""
                piece = os.read(out.fileno(), _BLOCK_BYTES) if out in ready else b""
                if out in ready and not piece:
                    selector.unregister(out)
                while err in selector.get_map() and (log := _read_now(err)) is not None:
                    if not log:
                        selector.unregister(err)
                        break
                    yield b"", log
                if piece:
                    yield piece, b""
        self._reap(_REAP_SECONDS)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.returncode is None:
            self._reap(0.0)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _reap(self, patience: float) -> None:
        """Wait for the end, and force it after ``patience`` seconds."""
        deadline, killed = time.monotonic() + patience, False
        while self.returncode is None:
            if not killed and time.monotonic() >= deadline:
                killed = True
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            pid, status, usage = os.wait4(self._process.pid, 0 if killed else os.WNOHANG)
            if pid:
                self.returncode = self._process.returncode = os.waitstatus_to_exitcode(status)
                self.cpu_seconds = usage.ru_utime + usage.ru_stime
            else:
                time.sleep(0.0005)


def _read_now(stream: IO[bytes]) -> bytes | None:
    """Return what the non-blocking ``stream`` holds: nothing at its end, None where nothing has come yet."""
    try:
        return os.read(stream.fileno(), _BLOCK_BYTES)
    except BlockingIOError:
        return None


@functools.cache
def _dying_with_parent() -> tuple[str, ...]:
    """Return a prefix that ends the program when this process is killed. Where there is none (it is part of every Linux
    distribution's base), the program ends at its next write into the broken pipe, or by its processor time."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--no-new-privs", "--pdeathsig", "KILL") if setpriv else ()
