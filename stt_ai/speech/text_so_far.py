"""The text of a file in pieces while it is heard."""

from collections.abc import Mapping

from stt_ai.types import WindowTranscript


class TextSoFar:
    """Gives out each window's text once and in order, in whatever order they are heard.

    The pieces joined are `Transcript.text`: blanks at the ends of the whole are left out.
    """

    def __init__(self) -> None:
        self.windows = 0
        """How many have been given out."""
        self._blanks = ""
        self._begun = False

    def advance(self, heard: Mapping[int, WindowTranscript]) -> str:
        """What can be told now that was not told before, of the windows in ``heard``, by index from 0."""
        text = self._blanks
        while (window := heard.get(self.windows)) is not None:
            text += "".join(word.text for word in window.words if word.word)
            self.windows += 1
        piece = text.rstrip()
        self._blanks = text[len(piece) :]
        if not self._begun:
            piece = piece.lstrip()
        self._begun = self._begun or bool(piece)
        return piece
