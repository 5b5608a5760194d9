"""Where transcripts go, and what is shown of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import click

from stt_ai.cli.bars import Bars
from stt_ai.cli.inputs import Recording
from stt_ai.cli.service import failure_row, reason
from stt_ai.sdk import Transcription, TranscriptWarning

Form = Literal["txt", "json", "srt", "vtt", "tsv"]
FORMS: tuple[Form, ...] = get_args(Form)


@dataclass(frozen=True, slots=True)
class Transcribed:
    """``text``: the transcript in the format that was asked for."""

    text: str
    warnings: Sequence[TranscriptWarning]


@dataclass(frozen=True, slots=True)
class Outcome:
    """``text``: the transcript in the format that was asked for."""

    recording: Recording
    text: str = ""
    failure: Exception | None = None
    warnings: Sequence[TranscriptWarning] = ()


def default_form(out: Path | None, as_json: bool) -> Form:
    """Return the format that the name of the one text says, else json for programs and text for people."""
    suffix = out.suffix[1:] if out is not None and not out.is_dir() else ""
    return next((form for form in FORMS if form == suffix), "json" if as_json else "txt")


def rendered(made: Transcription, form: Form, subtitles: Mapping[str, Any]) -> str:
    """Return a transcript in the form; ``subtitles``: `SubtitleParams`. Text begins with the summary of a job."""
    match form:
        case "json":
            return json.dumps(made.raw, ensure_ascii=False, indent=2)
        case "srt":
            return made.to_srt(**subtitles)
        case "vtt":
            return made.to_vtt(**subtitles)
        case "tsv":
            return made.to_tsv()
        case "txt":
            return f"{made.summary.summary}\n\n{made.to_txt()}" if made.summary else made.to_txt()


def targets_of(files: Sequence[Recording], out: Path | None, form: str) -> dict[Recording, Path]:
    """Where each file's text goes: two files never to the same place."""
    if out is None:
        return {}
    if out.suffix and not out.is_dir():
        if len(files) > 1:
            raise click.UsageError(f"--out: {out} is one file, and there are {len(files)} recordings: name a folder.")
        return dict.fromkeys(files, out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.UsageError(f"--out: {error}") from None
    targets: dict[Recording, Path] = {}
    taken: set[Path] = set()
    stems = [path.stem for path in files]
    for path in dict.fromkeys(files):
        name = path.stem if stems.count(path.stem) == 1 else path.name
        target, again = out / f"{name}.{form}", 2
        while target in taken:
            target, again = out / f"{name}-{again}.{form}", again + 1
        taken.add(target)
        targets[path] = target
    return targets


def written(outcome: Outcome, target: Path | None) -> Exception | None:
    """Write the outcome to ``target``, and return what failed."""
    if target is not None:
        try:
            target.write_text(outcome.text, encoding="utf-8")
        except OSError as error:
            return error
    return None


def report(outcome: Outcome, target: Path | None, form: str, as_json: bool, many: bool, bars: Bars) -> None:
    """Print what became of one file: its text or a row of JSON to stdout, all else to stderr."""
    if as_json:
        bars.say(json.dumps(_row(outcome, target, form), ensure_ascii=False))
        return
    for warning in outcome.warnings:
        bars.say(warning_line(warning, str(outcome.recording) if many else ""), error=True)
    if outcome.failure is not None:
        bars.say(f"stt-ai: {outcome.recording}: {reason(outcome.failure)}", error=True)
    elif target is not None:
        bars.say(f"{outcome.recording} -> {target}", error=True)
    else:
        head = f"==> {outcome.recording} <==\n" if many else ""
        bars.say(head + outcome.text.rstrip("\n"))


def warning_line(warning: TranscriptWarning, subject: str = "") -> str:
    """One line for people. ``subject``: the file that it is about, where there are several."""
    times = [_clock(time) for time in (warning.start, warning.end) if time is not None]
    place = f" ({' to '.join(times)})" if times else ""
    return f"warning: {f'{subject}: ' if subject else ''}{warning.message or warning.code}{place}"


def warning_row(warning: TranscriptWarning) -> dict[str, Any]:
    """As the service's JSON has it."""
    return {name: value for name, value in asdict(warning).items() if value is not None}


def _clock(seconds: float) -> str:
    """75.4 -> 1:15.40"""
    minutes, rest = divmod(round(seconds * 100), 6000)
    return f"{minutes}:{rest // 100:02d}.{rest % 100:02d}"


def _row(outcome: Outcome, target: Path | None, form: str) -> dict[str, Any]:
    row: dict[str, Any] = {"file": str(outcome.recording), "ok": outcome.failure is None}
    if outcome.warnings:
        row["warnings"] = [warning_row(warning) for warning in outcome.warnings]
    if outcome.failure is not None:
        return row | failure_row(outcome.failure)
    if target is not None:
        return row | {"output": str(target)}
    return row | {"result": json.loads(outcome.text) if form == "json" else outcome.text}
