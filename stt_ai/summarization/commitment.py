"""Something that somebody promised to do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Commitment:
    """``owner`` does ``task`` (a verb phrase in the text's words) ``when`` (or empty). ``turn``: where it is agreed on.

    ``deictic``: the task says "it" or "that" of something that was named before.
    """

    owner: str
    task: str
    when: str
    turn: int
    deictic: bool = False

    @property
    def line(self) -> str:
        """Return it as an action item."""
        return f"{self.owner}: {self.task}{' ' + self.when if self.when else ''}"

    def sentence(self, language: str) -> str:
        """Return it as a sentence: as it was promised in English, as an item in other languages."""
        if language != "en":
            return f"{self.line}."
        return f"{self.owner} will {self.task}{' ' + self.when if self.when else ''}."
