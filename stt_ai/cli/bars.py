"""Progress of many files, on a terminal only."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from stt_ai.sdk.uploads import Progress


class Bars:
    """One bar for all files, and one for each that is on its way."""

    def __init__(self, files: int) -> None:
        self._all = tqdm(total=files, unit="file", disable=None, position=0, leave=False)

    @contextmanager
    def file(self, name: str) -> Iterator[Progress]:
        """Gives what is told the bytes sent."""
        bar = tqdm(desc=name[-30:], unit="B", unit_scale=True, disable=None, leave=False)
        try:
            yield lambda sent, total: _show(bar, sent, total)
        finally:
            bar.close()
            self._all.update()

    def say(self, line: str, error: bool = False) -> None:
        """A line on standard output or error, not through the bars."""
        tqdm.write(line, file=sys.stderr if error else sys.stdout)

    def close(self) -> None:
        self._all.close()


def _show(bar: Any, sent: int, total: int | None) -> None:
    if sent < bar.n:  # another attempt
        bar.reset(total)
    bar.total = total
    bar.update(sent - bar.n)
    if sent and sent == total:
        bar.set_postfix_str("transcribing")
