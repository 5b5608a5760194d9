"""Progress of many files, on a terminal only."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from stt_ai.sdk import Job

AUDIO_BAR = "{desc}: {percentage:3.0f} %|{bar}| {n_fmt}/{total_fmt} s of audio, {remaining} left {postfix}"


class Bars:
    """One bar for all files, and one for each that is on its way."""

    def __init__(self, files: int) -> None:
        self._all = tqdm(total=files, unit="file", disable=None, position=0, leave=False)

    @contextmanager
    def file(self, name: str) -> Iterator["FileProgress"]:
        """Gives what shows how far this file is."""
        progress = FileProgress(name[-30:])
        try:
            yield progress
        finally:
            progress.close()
            self._all.update()

    def say(self, line: str, error: bool = False) -> None:
        """A line on standard output or error, not through the bars."""
        tqdm.write(line, file=sys.stderr if error else sys.stdout)

    def close(self) -> None:
        """Take the bars off the terminal."""
        self._all.close()


class FileProgress:
    """The bar of one file: bytes while it is sent, then seconds of audio with the time that is left."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._bar = self._new(unit="B", unit_scale=True)
        self._transcribing = False

    def sent(self, sent: int, total: int | None) -> None:
        """Show that ``sent`` of ``total`` bytes are sent; fewer than before are another attempt."""
        if self._transcribing or sent < self._bar.n:  # another attempt
            self._replace(unit="B", unit_scale=True)
            self._transcribing = False
        self._bar.total = total
        self._bar.update(sent - self._bar.n)
        if sent and sent == total:
            self._bar.set_postfix_str("waiting for the service")

    def transcribed(self, done: float, total: float) -> None:
        """Show that ``done`` of ``total`` seconds of audio are transcribed."""
        if not self._transcribing:
            self._replace(total=round(total), unit=" s", bar_format=AUDIO_BAR)
            self._transcribing = True
        self._bar.update(round(done) - self._bar.n)
        if done >= total:
            self._bar.set_postfix_str("identifying speakers")

    def followed(self, job: Job) -> None:
        """Show how far a job is."""
        if job.progress is not None and job.duration:
            self.transcribed(job.progress.fraction * job.duration, job.duration)
        else:
            self._bar.set_postfix_str(job.progress.stage if job.progress else job.status)

    def say(self, line: str) -> None:
        """A line on standard error, not through the bar."""
        tqdm.write(line, file=sys.stderr)

    @property
    def watcher(self) -> Callable[[float, float], None] | None:
        """`transcribed`, where somebody sees the bar: who asks for events and leaves pays for what was sent."""
        return None if self._bar.disable else self.transcribed

    def close(self) -> None:
        """Take the bar off the terminal."""
        self._bar.close()

    def _replace(self, **how: Any) -> None:
        self._bar.close()
        self._bar = self._new(**how)

    def _new(self, **how: Any) -> Any:
        return tqdm(desc=self._name, disable=None, leave=False, **how)
