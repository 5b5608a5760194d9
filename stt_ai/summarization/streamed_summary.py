"""Hands on a summary while it is written, as far as it stands."""

from collections.abc import Callable

from stt_ai.summarization.completion import Completion
from stt_ai.summarization.grounding import Grounding
from stt_ai.summarization.shaping import nothing_to_do, shape, whole_units
from stt_ai.types import SummaryStyle

_SEPARATORS = {SummaryStyle.BRIEF: " ", SummaryStyle.DETAILED: "\n\n"}


class StreamedSummary:
    """Calls ``on_text`` with pieces of a summary that are never taken back; joined, they are the summary."""

    def __init__(self, style: SummaryStyle, grounding: Grounding, on_text: Callable[[str], None] | None) -> None:
        self._style, self._language, self._on_text = style, grounding.language, on_text
        self._grounding, self._completion = grounding, Completion(grounding)
        self._sent = ""

    @property
    def listener(self) -> Callable[[str], None] | None:
        """Return what is to be called with the model's answer so far, or None if nobody wants it in pieces."""
        return self._update if self._on_text is not None else None

    def finish(self, answer: str) -> str:
        """Return the summary that the model's whole answer makes, with the promises that it forgot."""
        summary = self._checked(answer)
        if not summary:  # nothing of the model's words was true
            summary = shape(self._completion.excerpt(), self._style, self._language)
        closing = self._completion.closing(summary, self._style)
        summary = _SEPARATORS.get(self._style, "\n").join(filter(None, (summary, closing)))
        self._send_up_to(summary)
        return summary

    def _update(self, so_far: str) -> None:
        whole = whole_units(so_far, self._style)
        if whole.strip():
            checked = self._checked(whole)
            if checked != nothing_to_do(self._language):  # only at its end is that sure
                self._send_up_to(checked)

    def _checked(self, text: str) -> str:
        shaped = shape(text, self._style, self._language)
        if shaped == nothing_to_do(self._language):
            return shaped
        if self._style is not SummaryStyle.ACTION_ITEMS:
            return self._grounding.check(shaped, self._style)
        if self._grounding.has_speakers and self._language:  # found by rules
            return shaped
        return shape(self._grounding.check(shaped, self._style), self._style, self._language)

    def _send_up_to(self, summary: str) -> None:
        more = summary[len(self._sent) :]
        if self._on_text is not None and more and summary.startswith(self._sent):
            self._sent = summary
            self._on_text(more)
