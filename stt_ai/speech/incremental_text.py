"""The text of a file, given out while its windows are transcribed."""

from collections.abc import Mapping

from stt_ai.types import WindowTranscript


class IncrementalText:
    """Gives out each window's text once and in order, in whatever order the windows are transcribed.

    Joined, the parts are `Transcript.text`: blanks at both ends of the whole are left out.
    """

    def __init__(self) -> None:
        self.windows = 0
        """The number of windows whose text has been given out."""
        self._blanks = ""
        self._begun = False

    def advance(self, transcripts: Mapping[int, WindowTranscript]) -> str:
        """Return the text that has become complete. ``transcripts``: those that are known, by index from 0."""
        text = self._blanks
        while (window := transcripts.get(self.windows)) is not None:
            text += "".join(word.text for word in window.words if word.word)
            self.windows += 1
        piece = text.rstrip()
        self._blanks = text[len(piece) :]
        if not self._begun:
            piece = piece.lstrip()
        self._begun = self._begun or bool(piece)
        return piece
