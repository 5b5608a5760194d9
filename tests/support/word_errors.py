"""Comparing what was said with what was recognized."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
from scipy.optimize import linear_sum_assignment

DATA = Path(__file__).parents[1] / "data"


def normalized(text: str) -> str:
    """Lower case without punctuation, single blanks: accents and ñ stay, for they are spelling."""
    kept = "".join(c if c.isalnum() else " " for c in unicodedata.normalize("NFC", text.lower()))
    return re.sub(r"\s+", " ", kept).strip()


def word_error_rate(said: Sequence[str], recognized: Sequence[str]) -> float:
    """Substitutions, insertions and deletions over the words that were said, all texts together."""
    return float(jiwer.wer([normalized(text) for text in said], [normalized(text) for text in recognized]))


def speaker_word_error_rate(said: Sequence[str], recognized: Sequence[str]) -> tuple[int, int]:
    """(errors, words said) of the concatenated minimum-permutation word error rate, cpWER.

    Each text is all that one speaker says. Speakers are paired so that the errors are fewest; whoever is left alone
    counts with all words (Watanabe et al., CHiME-6, 2020).
    """
    said, recognized = [normalized(text) for text in said], [normalized(text) for text in recognized]
    size = max(len(said), len(recognized))
    errors = np.zeros((size, size), dtype=int)
    for i in range(size):
        for j in range(size):
            one, other = (texts[at] if at < len(texts) else "" for texts, at in ((said, i), (recognized, j)))
            errors[i, j] = _word_errors(one, other)
    return int(errors[linear_sum_assignment(errors)].sum()), sum(len(text.split()) for text in said)


def _word_errors(said: str, recognized: str) -> int:
    if not said or not recognized:
        return len((said or recognized).split())
    counted = jiwer.process_words(said, recognized)
    return int(counted.substitutions + counted.deletions + counted.insertions)


def matched_words(said: Sequence[dict[str, Any]], recognized: Sequence[dict[str, Any]]) -> list[tuple[int, int]]:
    """(index said, index recognized) of the words that an edit-distance alignment pairs as equal."""
    reference = [normalized(word["word"]) for word in said]
    hypothesis = [normalized(word["word"]) for word in recognized]
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
