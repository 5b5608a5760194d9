"""Transcripts as OpenAI's audio routes give them."""

import json
import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

from stt_ai.api.openai.parameters import AudioFormat, AudioParams
from stt_ai.api.transcription.rendering import PLAIN, settled_times, warnings_of
from stt_ai.speech.fallback import compression_ratio
from stt_ai.types import Segment, Task, Transcript, WindowNote

Times = Iterator[tuple[float, float]]

_PLAIN = {AudioFormat.TEXT: PLAIN["txt"], AudioFormat.SRT: PLAIN["srt"], AudioFormat.VTT: PLAIN["vtt"]}


def render(transcript: Transcript, params: AudioParams, languages: Mapping[str, str]) -> tuple[str, str]:
    """Return (media type, body). ``languages`` has the English name of each code."""
    if params.response_format in _PLAIN:
        media_type, spell = _PLAIN[params.response_format]
        return media_type, spell(transcript)
    body = {"text": transcript.text, "usage": usage(transcript)}
    if params.response_format is AudioFormat.VERBOSE_JSON:
        words, segments = params.words, params.segments
        body = verbose_body(transcript, params.request.task, languages, words=words, segments=segments)
    elif params.response_format is AudioFormat.DIARIZED_JSON:
        body = _diarized(transcript)
    return "application/json", json.dumps(body | warnings_of(transcript.warnings), ensure_ascii=False, allow_nan=False)


def usage(transcript: Transcript) -> dict[str, Any]:
    """Return the seconds of audio as OpenAI's usage object."""
    return {"type": "duration", "seconds": round(transcript.duration, 2)}


def spoken_segments(transcript: Transcript) -> list[dict[str, Any]]:
    """Return the segments of the diarized form, which are also the events of a stream."""
    times = _times(transcript)
    letters = {speaker: _letters(number) for number, speaker in enumerate(transcript.speakers)}
    return [
        {
            "type": "transcript.text.segment",
            "id": f"seg_{number}",
            "speaker": letters.get(segment.speaker or "", "A"),
            **_span(segment, times),
            "text": segment.text,
        }
        for number, segment in enumerate(_segments(transcript))
    ]


def _diarized(transcript: Transcript) -> dict[str, Any]:
    return {
        "task": Task.TRANSCRIBE,
        "duration": round(transcript.duration, 2),
        "text": transcript.text,
        "segments": spoken_segments(transcript),
        "usage": usage(transcript),
    }


def verbose_body(
    transcript: Transcript, task: Task, languages: Mapping[str, str], *, words: bool, segments: bool
) -> dict[str, Any]:
    """Return the body of format `verbose_json`, without warnings. ``languages`` has the English name of each code."""
    code = "en" if task is Task.TRANSLATE else transcript.language
    body: dict[str, Any] = {
        "task": task,
        "language": languages.get(code, code),
        "duration": round(transcript.duration, 2),
        "text": transcript.text,
    }
    if segments:
        times = _times(transcript)
        body["segments"] = [
            _segment(number, segment, times, transcript.windows) for number, segment in enumerate(_segments(transcript))
        ]
    if words:
        spoken = [word for segment in _segments(transcript) for word in segment.words]
        body["words"] = [
            {"word": word.word, "start": start, "end": end}
            for word, (start, end) in zip(spoken, _times(transcript), strict=True)
        ]
    return body | {"usage": usage(transcript)}


def _segment(number: int, segment: Segment, times: Times, notes: tuple[WindowNote, ...]) -> dict[str, Any]:
    """Return the fields of a segment that are known only for the window it begins in, as Whisper does."""
    at = bisect_right(notes, segment.start, key=lambda note: note.start) - 1
    note = notes[max(at, 0)] if notes else WindowNote(0.0, 0.0, 0.0)
    return {
        "id": number,
        "seek": round(note.start * 100),
        **_span(segment, times),
        "text": segment.raw_text,
        "tokens": [],
        "temperature": note.temperature,
        "avg_logprob": round(min(0.0, math.log(max(segment.confidence, 1e-10))), 4),
        "compression_ratio": round(compression_ratio(segment.text), 4),
        "no_speech_prob": round(min(1.0, max(0.0, note.no_speech_probability)), 4),
    }


def _segments(transcript: Transcript) -> list[Segment]:
    return [segment for segment in transcript.segments if segment.words]


def _times(transcript: Transcript) -> Times:
    """Return (start, end) of all words in order."""
    words = (word for segment in _segments(transcript) for word in segment.words)
    return settled_times(words, transcript.duration)


def _span(segment: Segment, times: Times) -> dict[str, float]:
    """Take the times of the segment's words."""
    spans = [next(times) for _ in segment.words]
    return {"start": spans[0][0], "end": spans[-1][1]}


def _letters(number: int) -> str:
    """Return the names A to Z, then AA, AB …"""
    return (_letters(number // 26 - 1) if number >= 26 else "") + chr(ord("A") + number % 26)
