"""The report of one upload's decoding: what was missing, damaged or repaired, and the warnings about it."""

from dataclasses import dataclass, field

from stt_ai.types import TranscriptWarning

_MIN_LOSS_S = 0.1
_MIN_END_S = 0.25
_MAX_LISTED = 20
_MAX_CLAIM = 20.0
"""A header that claims more than so many times the decoded audio is not credible."""
_CHOICE = "The parameter `track` chooses another."
_ALWAYS_LOSS = frozenset({"mp3", "aac", "flac"})
"""Formats in which every gap is a loss."""


_EXACT_CLAIM = frozenset({"flac"})
"""Formats whose header counts the samples: a file with fewer was cut off, perhaps between two frames."""


@dataclass(slots=True)
class DecodingReport:
    """The claims of a file, and what was decoded, skipped or repaired. Times are seconds of the result."""

    demuxer: str
    claimed_s: float = 0.0
    """The length that the file claims; 0 if nothing credible does."""
    decoded_s: float = 0.0
    """Seconds of sound, without the silence in gaps."""
    end_s: float = 0.0
    truncated: bool = False
    damaged: bool = False
    gaps: list[tuple[float, float]] = field(default_factory=list)
    repairs: list[tuple[float, float]] = field(default_factory=list)
    cancelled: bool = False
    quiet: bool = False
    skipped_tracks: int = 0
    tracks: int = 1
    """Audio tracks in the file."""
    start_s: float = 0.0
    """Where the part that was asked for begins; it ends at ``end_s``."""
    stopped: bool = False
    """Whether decoding stopped at the end of that part."""

    def warnings(self) -> tuple[TranscriptWarning, ...]:
        """Return the warnings for readers of the transcript, in order."""
        found = [*self._missing(), *self._repaired()]
        if self.skipped_tracks:
            count = self.skipped_tracks
            text = "The first audio track holds" if count == 1 else f"The first {count} audio tracks hold"
            found.append(
                _warning("silent_track_skipped", f"{text} no speech; track {count + 1} was transcribed. {_CHOICE}")
            )
        if self.cancelled:
            found.append(
                _warning("channels_cancelled", "Channels cancel each other; one was inverted before they were mixed.")
            )
        if self.quiet:
            found.append(_warning("quiet", "The recording is very quiet and was amplified; words may be missing."))
        return tuple(found)

    def _missing(self) -> list[TranscriptWarning]:
        truncated = self.truncated and not self.stopped
        hurt = self.damaged or truncated
        gaps = self.gaps if hurt or self.demuxer in _ALWAYS_LOSS else []
        selected = [(max(start, self.start_s), min(end, self.end_s)) for start, end in gaps]
        lost = [(start, end) for start, end in selected if end - start >= _MIN_LOSS_S]
        found = [
            _warning(
                "audio_missing", f"The file is damaged: {end - start:.1f} s of audio are missing here.", start, end
            )
            for start, end in lost[:_MAX_LISTED]
        ]
        if len(lost) > _MAX_LISTED:
            text = f"The file is damaged: audio is missing in {len(lost) - _MAX_LISTED} more places."
            found.append(_warning("audio_missing", text, lost[_MAX_LISTED][0], lost[-1][1]))
        tail = 0.0 if self.stopped else self.claimed_s - self.end_s
        if (
            (hurt or self.demuxer in _EXACT_CLAIM)
            and tail > _MIN_END_S
            and self.claimed_s <= _MAX_CLAIM * max(self.end_s, 1.0)
        ):
            text = f"The file breaks off: its last {tail:.1f} s of audio are missing."
            found.append(_warning("audio_missing", text, self.end_s, self.claimed_s))
        elif truncated:
            found.append(_warning("audio_missing", "The file breaks off: what followed is missing.", self.end_s))
        if self.damaged and not found:
            found.append(_warning("audio_damaged", "The file is damaged: parts of the audio may be missing or wrong."))
        return found

    def _repaired(self) -> list[TranscriptWarning]:
        repairs = [(a, b) for a, b in self.repairs if b >= self.start_s and a <= self.end_s]
        if not repairs:
            return []
        text = "The file's timestamps contradict its audio and were corrected; times may differ from the recording's."
        return [_warning("timestamps_repaired", text, repairs[0][0], repairs[-1][1])]


def _warning(code: str, message: str, start: float | None = None, end: float | None = None) -> TranscriptWarning:
    def rounded(value: float | None) -> float | None:
        return None if value is None else round(value, 2)

    return TranscriptWarning(code, message, rounded(start), rounded(end))
