"""Comparing what was said with what was heard."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jiwer

DATA = Path(__file__).parent / "data"


def normalized(text: str) -> str:
    """Lower case without punctuation, single blanks: accents and ñ stay, for they are spelling."""
    kept = "".join(c if c.isalnum() else " " for c in unicodedata.normalize("NFC", text.lower()))
    return re.sub(r"\s+", " ", kept).strip()


def word_error_rate(said: Sequence[str], heard: Sequence[str]) -> float:
    """Substitutions, insertions and deletions over the words that were said, all texts together."""
    return float(jiwer.wer([normalized(text) for text in said], [normalized(text) for text in heard]))


def matched_words(said: Sequence[dict[str, Any]], heard: Sequence[dict[str, Any]]) -> list[tuple[int, int]]:
    """(index said, index heard) of the words that an edit-distance alignment pairs as equal."""
    reference = [normalized(word["word"]) for word in said]
    hypothesis = [normalized(word["word"]) for word in heard]
    aligned = jiwer.process_words(" ".join(reference), " ".join(hypothesis)).alignments[0]
    pairs: list[tuple[int, int]] = []
    for chunk in aligned:
        if chunk.type == "equal":
            pairs += zip(
                range(chunk.ref_start_idx, chunk.ref_end_idx),
                range(chunk.hyp_start_idx, chunk.hyp_end_idx),
                strict=True,
            )
    return pairs


def spoken_files(manifest: dict[str, Any], prefix: str) -> list[dict[str, Any]]:
    """The manifest's entries whose file begins with ``prefix``."""
    return [entry for entry in manifest["files"] if entry["file"].startswith(prefix)]


def words_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """All words of a JSON answer, in order."""
    return [word for segment in answer["segments"] for word in segment["words"]]
