"""Transcripts as the API gives them."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from stt_ai.billing.pricing import credits_for
from stt_ai.captions.shapes import DEFAULTS, SubtitleOptions
from stt_ai.captions.subtitles import to_srt, to_txt, to_vtt
from stt_ai.types import Segment, Transcript, TranscriptWarning, Word

PLAIN = {
    "txt": ("text/plain; charset=utf-8", to_txt),
    "srt": ("application/x-subrip; charset=utf-8", to_srt),
    "vtt": ("text/vtt; charset=utf-8", to_vtt),
}
"""Media type and spelling of each form that is not JSON."""


def rendered(
    transcript: Transcript, form: str, request_id: str, subtitles: SubtitleOptions = DEFAULTS
) -> tuple[str, str]:
    """Return the media type and the text of a transcript in ``form``: json, or one of `PLAIN`."""
    if form in PLAIN:
        media_type, spell = PLAIN[form]
        return media_type, spell(transcript, subtitles)
    body = transcript_body(transcript, request_id)
    return "application/json", json.dumps(body, ensure_ascii=False, allow_nan=False)


def transcript_body(transcript: Transcript, request_id: str) -> dict[str, Any]:
    """Return the body of a JSON answer. Times are seconds to the hundredth, in order, within the duration."""
    segments = [segment for segment in transcript.segments if segment.words]
    times = _times_by_channel(segments, transcript.end)
    duration = round(transcript.duration, 2)
    body: dict[str, Any] = {
        "text": transcript.text,
        "language": transcript.language,
        "language_confidence": _confidence(transcript.language_probability),
        "duration": duration,
        "segments": [_segment(segment, times[segment.channel]) for segment in segments],
        "speakers": list(transcript.speakers),
        "model": transcript.model,
        "usage": {"seconds": duration, "credits": credits_for(duration)},
        "request_id": request_id,
    }
    if transcript.start:
        body["start"] = round(transcript.start, 2)
    return body | warnings_of(transcript.warnings)


def warnings_of(warnings: Sequence[TranscriptWarning]) -> dict[str, Any]:
    """Return the `warnings` of a JSON answer; nothing when there are none."""
    return {"warnings": [_warning(warning) for warning in warnings]} if warnings else {}


def _times_by_channel(segments: Sequence[Segment], end: float) -> dict[int | None, Iterator[tuple[float, float]]]:
    """`settled_times` of each channel's words: two channels may speak at once."""
    channels = dict.fromkeys(segment.channel for segment in segments)
    return {
        channel: settled_times(
            [word for segment in segments if segment.channel == channel for word in segment.words], end
        )
        for channel in channels
    }


def settled_times(words: Iterable[Word], duration: float) -> Iterator[tuple[float, float]]:
    """Yield (start, end) of each word, rounded: 0 <= start <= end <= duration, none before the last one ended."""
    raw = list(words)
    limit = round(round(duration, 2) * 100)  # of the duration that is shown: half a hundredth is rounded otherwise
    starts, latest = [], 0
    for word in raw:
        latest = min(max(latest, round(word.start * 100)), limit)
        starts.append(latest)
    for word, (start, following) in zip(raw, pairwise([*starts, limit]), strict=True):
        yield start / 100, max(start, min(round(word.end * 100), following)) / 100


def _segment(segment: Segment, times: Iterator[tuple[float, float]]) -> dict[str, Any]:
    words = [_word(word, *next(times)) for word in segment.words]
    body = {"start": words[0]["start"], "end": words[-1]["end"], "text": segment.text}
    if segment.speaker is not None:
        body["speaker"] = segment.speaker
    if segment.channel is not None:
        body["channel"] = segment.channel
    return body | {"confidence": _confidence(segment.confidence), "words": words}


def _word(word: Word, start: float, end: float) -> dict[str, Any]:
    body = {"word": word.word, "start": start, "end": end, "confidence": _confidence(word.confidence)}
    labels = {"speaker": word.speaker, "channel": word.channel}
    return body | {name: value for name, value in labels.items() if value is not None}


def _warning(warning: TranscriptWarning) -> dict[str, Any]:
    """`start` and `end` are left out where the warning concerns the whole recording."""
    body: dict[str, Any] = {"code": warning.code, "message": warning.message}
    times = {"start": warning.start, "end": warning.end}
    return body | {name: round(value, 2) for name, value in times.items() if value is not None}


def _confidence(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 4) if math.isfinite(value) else 0.0
