"""Recordings that a service transcribes: while one waits, or as jobs."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Self

from stt_ai.cli.bars import FileProgress
from stt_ai.cli.inputs import Recording, source_of
from stt_ai.cli.outputs import Form, Transcribed, rendered
from stt_ai.sdk import Client

_SUBTITLES = ("line_width", "lines", "words_per_cue")


class Remote:
    """One request for each recording, whose answer is waited for."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def transcribe(
        self, recording: Recording, form: Form, asked: Mapping[str, Any], progress: FileProgress
    ) -> Transcribed:
        """Return the transcript in the form asked for. Raise `SttAiError` or `OSError`."""
        how: dict[str, Any] = {"progress": progress.sent, "on_progress": progress.watcher, **asked}
        if form == "json" or form == "tsv":
            made = self._client.transcribe(**source_of(recording), **how)
            return Transcribed(rendered(made, form, {}), made.warnings)
        text = self._client.transcribe(**source_of(recording), response_format=form, **how)
        return Transcribed(text, text.warnings)

    def unfinished(self) -> Sequence[str]:
        """Return what to say of the work that goes on when this program is interrupted: none does."""
        return ()


class Queued(Remote):
    """A job for each recording: it goes on when the connection breaks or this program ends."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._jobs: set[str] = set()
        self._guard = threading.Lock()

    def transcribe(
        self, recording: Recording, form: Form, asked: Mapping[str, Any], progress: FileProgress
    ) -> Transcribed:
        """As `Remote.transcribe`."""
        options, subtitles = _divided(asked)
        job = self._client.jobs.create(**source_of(recording), progress=progress.sent, **options)
        with self._guard:
            self._jobs.add(job.id)
        progress.say(f"stt-ai: {recording}: {job.id}")
        try:
            made = self._client.jobs.result(self._client.jobs.wait(job, on_change=progress.followed))
        finally:
            with self._guard:
                self._jobs.discard(job.id)
        return Transcribed(rendered(made, form, subtitles), made.warnings)

    def unfinished(self) -> Sequence[str]:
        """Return how to go on with each job that runs."""
        with self._guard:
            return [f"{job} goes on: stt-ai jobs wait {job} && stt-ai jobs result {job}" for job in sorted(self._jobs)]


def _divided(asked: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the service is asked, and how the subtitles are cut here."""
    options = {name: value for name, value in asked.items() if name not in _SUBTITLES}
    return options, {name: asked[name] for name in _SUBTITLES if asked.get(name) is not None}
