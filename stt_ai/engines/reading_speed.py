"""How fast a language model reads and writes here."""

_KEPT = 0.9
"""Of what was measured before, at each measurement."""


class Speed:
    """Averages that forget, in tokens a second."""

    def __init__(self) -> None:
        self._read = self._read_s = 0.0
        self._written = self._write_s = 0.0

    @property
    def read_a_second(self) -> float:
        """Return how many tokens are read in a second; 0 as long as none was."""
        return self._read / self._read_s if self._read_s else 0.0

    @property
    def written_a_second(self) -> float:
        """Return by how many tokens an answer grows in a second; 0 as long as none was written."""
        return self._written / self._write_s if self._write_s else 0.0

    def read(self, tokens: int, seconds: float) -> None:
        """Take into account that ``tokens`` were read in ``seconds``."""
        self._read = self._read * _KEPT + tokens
        self._read_s = self._read_s * _KEPT + max(seconds, 1e-6)

    def wrote(self, tokens: float, seconds: float) -> None:
        """Take into account that answers grew by ``tokens`` each, on average, in ``seconds``."""
        self._written = self._written * _KEPT + tokens
        self._write_s = self._write_s * _KEPT + max(seconds, 1e-6)

    def seconds(self, read: int, written: int) -> float:
        """Return an estimate for reading and writing so many tokens; 0 as long as nothing was measured."""
        if not self._read_s or not self._write_s:
            return 0.0
        return read / self.read_a_second + written / self.written_a_second
