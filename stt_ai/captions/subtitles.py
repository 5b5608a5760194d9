"""Transcripts as SubRip, WebVTT and plain text."""

import html
import re
from itertools import groupby

from stt_ai.captions.cues import Cue, clean, group, settle_times, to_cue, tokens_of
from stt_ai.captions.pacing import spread
from stt_ai.captions.scripts import cells
from stt_ai.captions.shapes import DEFAULTS, SubtitleOptions, TranscriptLike, WarningLike

# SubRip has no escapes: what players read as tags or as an arrow becomes a look-alike.
_SRT_SAFE = str.maketrans({"<": "‹", ">": "›", "{": "(", "}": ")", "\\": "⧵"})
_MAX_NAME = 20


def to_srt(transcript: TranscriptLike, options: SubtitleOptions = DEFAULTS) -> str:
    """SubRip: `Speaker 1: ` opens each cue when speakers are known, and counts as part of its line."""
    blocks = []
    for number, cue in enumerate(_cues(transcript, True, options), start=1):
        text = (_name(cue.speaker) + "\n".join(cue.lines)).translate(_SRT_SAFE)
        blocks.append(f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n{text}\n")
    return "\n".join(blocks)


def to_vtt(transcript: TranscriptLike, options: SubtitleOptions = DEFAULTS) -> str:
    """WebVTT: `<v Speaker 1>` opens each cue when speakers are known. A NOTE at the top has the warnings."""
    blocks = ["WEBVTT\n"]
    if transcript.warnings:
        blocks.append("".join(f"{line}\n" for line in ("NOTE", *map(_note, transcript.warnings))))
    for cue in _cues(transcript, False, options):
        voice = f"<v {_escape(cue.speaker)}>" if cue.speaker else ""
        text = voice + "\n".join(_escape(line) for line in cue.lines)
        blocks.append(f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{text}\n")
    return "\n".join(blocks)


def to_txt(transcript: TranscriptLike, options: SubtitleOptions = DEFAULTS) -> str:
    """Return the text, one paragraph a speaker turn, the speaker's name before it when known."""
    paragraphs = []
    for speaker, segments in groupby(transcript.segments, lambda one: one.speaker if options.speakers else None):
        text = " ".join(clean("".join(word.text for segment in segments for word in segment.words)).split())
        if text:
            paragraphs.append((f"{speaker}: " if speaker else "") + text)
    return "\n\n".join(paragraphs) + "\n" if paragraphs else ""


def to_tsv(transcript: TranscriptLike, options: SubtitleOptions = DEFAULTS) -> str:
    """Return a row for each segment: `start` and `end` in milliseconds, `speaker` if known and wanted, and `text`."""
    segments = [segment for segment in transcript.segments if segment.words]
    named = options.speakers and any(segment.speaker for segment in segments)
    rows = ["\t".join(("start", "end", *(("speaker",) if named else ()), "text"))]
    for segment in segments:
        text = " ".join(clean("".join(word.text for word in segment.words)).split())
        times = (segment.words[0].start, segment.words[-1].end)
        speaker = (" ".join((segment.speaker or "").split()),) if named else ()
        rows.append("\t".join((*(str(round(time * 1000)) for time in times), *speaker, text)))
    return "\n".join(rows) + "\n"


def _note(warning: WarningLike) -> str:
    """Return one line of a NOTE, in which neither a line break nor an arrow may stand."""
    times = [_clock(round(round(time, 2) * 1000), ".") for time in (warning.start, warning.end) if time is not None]
    place = f" ({' to '.join(times)})" if times else ""
    return re.sub("-{2,}>", "->", f"Warning{place}: {' '.join(warning.message.split())} [{warning.code}]")


def _cues(transcript: TranscriptLike, named: bool, options: SubtitleOptions) -> list[Cue]:
    cues: list[Cue] = []
    segments = [segment for segment in transcript.segments if segment.words]
    ends = [following.words[0].start for following in segments[1:]] + [transcript.end]
    for segment, end in zip(segments, ends, strict=False):
        speaker = segment.speaker if options.speakers else None
        prefix = cells(_name(speaker)) if named else 0
        tokens = spread(tokens_of(segment.words, options.line_width - prefix), end)
        cues += [to_cue(shown, speaker, prefix, options) for shown in group(tokens, prefix, options)]
    if any(segment.channel is not None for segment in segments):
        cues.sort(key=lambda cue: cue.start)  # channels may speak at once
    return settle_times(cues, transcript.end)


def _name(speaker: str | None) -> str:
    return f"{speaker[:_MAX_NAME]}: " if speaker else ""


def _escape(text: str) -> str:
    return html.escape(text, quote=False)


def _clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{point}{rest:03d}"
