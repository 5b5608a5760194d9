"""What the service's processes hold, again and again: memory, files, threads; the object store and the disk."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.support.service import Service


@dataclass(frozen=True, slots=True)
class Process:
    """Bytes: ``uss`` belongs to it alone, and of what several share ``pss`` has its part."""

    name: str
    rss: int
    pss: int
    uss: int
    files: int
    threads: int


@dataclass(frozen=True, slots=True)
class Sample:
    """At ``at`` seconds, by process id; and bytes of the object store's pages and on disk."""

    at: float
    processes: dict[int, Process]
    store: int
    uploads: int
    database: int


class Sampler:
    """Looks at every process of the service and of its Ray."""

    def __init__(self, service: Service, every_s: float = 10.0) -> None:
        self._service = service
        self._every_s = every_s
        self._begin = time.monotonic()

    def sample(self) -> Sample:
        found = {}
        store = 0
        for process in self._service.processes():
            try:
                name = title(process)
                with process.oneshot():
                    memory = process.memory_full_info()
                    found[process.pid] = Process(
                        name, memory.rss, memory.pss, memory.uss, process.num_fds(), process.num_threads()
                    )
                if name == "raylet":
                    store = max(store, memory.shared)
            except psutil.Error:  # it has ended meanwhile
                continue
        database = self._service.folder / "billing.db"
        books = sum(path.stat().st_size for path in database.parent.glob("billing.db*"))
        return Sample(time.monotonic() - self._begin, found, store, _size(self._service.upload_files()), books)

    @contextmanager
    def watching(self) -> Iterator[list[Sample]]:
        """Fills the list from a thread of its own, until the end of the context."""
        samples: list[Sample] = []
        done = threading.Event()

        def watch() -> None:
            while not done.wait(self._every_s):
                samples.append(self.sample())

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield samples
        finally:
            done.set()
            watcher.join()
            samples.append(self.sample())


def totals(sample: Sample) -> tuple[int, int, int]:
    """Bytes of memory of all processes together, of the object store's pages, and of uploads."""
    return sum(one.pss for one in sample.processes.values()), sample.store, sample.uploads


def title(process: psutil.Process) -> str:
    """What a process is: a replica by its deployment, Ray's own by their programs."""
    words = process.cmdline()
    text = " ".join(words)
    if replica := re.match(r"ray::ServeReplica:[^:]*:([\w-]+)", text):
        return replica[1]
    if actor := re.match(r"ray::(\w+)", text):
        return f"ray::{actor[1]}"
    scripts = [Path(word).stem for word in words if word.endswith(".py")]
    return scripts[0] if scripts else Path(words[0]).name if words else process.name()


def _size(paths: list[Path]) -> int:
    total = 0
    for path in paths:
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total
