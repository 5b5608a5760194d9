"""How fast a language model reads and writes here."""

_KEPT = 0.9
"""Of what was measured before, at each measurement."""


class Speed:
    """Averages that forget, in tokens and steps a second."""

    def __init__(self) -> None:
        self._tokens = self._read_s = 0.0
        self._steps = self._write_s = 0.0

    @property
    def tokens_a_second(self) -> float:
        """Return how many tokens are read in a second; 0 as long as none was."""
        return self._tokens / self._read_s if self._read_s else 0.0

    @property
    def steps_a_second(self) -> float:
        """Return how many steps are written in a second; 0 as long as none was."""
        return self._steps / self._write_s if self._write_s else 0.0

    def read(self, tokens: int, seconds: float) -> None:
        """Take into account that ``tokens`` were read in ``seconds``."""
        self._tokens = self._tokens * _KEPT + tokens
        self._read_s = self._read_s * _KEPT + max(seconds, 1e-6)

    def wrote(self, seconds: float) -> None:
        """Take into account that one step of writing took ``seconds``."""
        self._steps = self._steps * _KEPT + 1
        self._write_s = self._write_s * _KEPT + max(seconds, 1e-6)

    def seconds(self, tokens: int, steps: int) -> float:
        """Return an estimate for reading ``tokens`` and writing ``steps``; 0 as long as nothing was measured."""
        if not self._read_s or not self._write_s:
            return 0.0
        return tokens / self.tokens_a_second + steps / self.steps_a_second
