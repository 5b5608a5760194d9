"""Transcription on this machine, without a service and without Ray: the same pipeline over the engines."""

import asyncio
import json
import threading
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

from stt_ai.api.transcription.parameters import parse_parameters
from stt_ai.api.transcription.rendering import PLAIN, transcript_body
from stt_ai.captions.shapes import SubtitleOptions
from stt_ai.captions.subtitles import to_tsv
from stt_ai.cli.bars import FileProgress
from stt_ai.cli.engines import LocalDecoder, LocalDiarizer, LocalTranscriber
from stt_ai.cli.inputs import Address, Recording
from stt_ai.cli.outputs import Form, Transcribed
from stt_ai.engines.decoding import FileDecoder
from stt_ai.engines.ffmpeg import DecoderLimits, find_ffmpeg
from stt_ai.environment import ffmpeg_choice
from stt_ai.errors import BadParameter, EmptyFile
from stt_ai.pipeline import Pipeline
from stt_ai.sdk import TranscriptWarning
from stt_ai.sdk.calls import spelled_form
from stt_ai.settings import Settings
from stt_ai.types import DecodingOptions, Transcript, Upload


class Local:
    """Threads may share it: their files go through one event loop, which runs while this is entered."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        self._pipeline: Pipeline | None = None
        self._transcribers = {e.id: LocalTranscriber(e, settings) for e in settings.models.catalogue.entries}

    def __enter__(self) -> Self:
        warnings.simplefilter("ignore")  # of the models' libraries, which people cannot do anything about
        threading.Thread(target=self._loop.run_forever, name="stt-ai-local", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def transcribe(
        self, recording: Recording, form: Form, asked: Mapping[str, Any], progress: FileProgress
    ) -> Transcribed:
        """The text in the format. Raises `SttError` or `OSError`."""
        if isinstance(recording, Address):
            raise BadParameter("Without a service nothing is fetched: save the recording first.", "url")
        path, size = recording, recording.stat().st_size
        if not path.is_file():
            raise IsADirectoryError(f"{path} is not a file")
        if not size:
            raise EmptyFile("The file is empty. Check that it was saved or downloaded whole.")
        progress.sent(size, size)
        fields = spelled_form(asked) | {"response_format": "json" if form == "tsv" else form}
        wanted = parse_parameters(fields, self._settings.models.catalogue, self._settings.models.catalogue.default)
        length = 0.0

        async def on_duration(seconds: float) -> None:
            nonlocal length
            length = seconds
            progress.transcribed(0.0, length)

        async def on_text(_: str, until: float) -> None:
            progress.transcribed(until, length)

        upload = Upload(path, size, path.name)
        work = self._made().transcribe(upload, wanted.request, on_duration, on_text)
        transcript = asyncio.run_coroutine_threadsafe(work, self._loop).result()
        warnings = [TranscriptWarning(one.code, one.message, one.start, one.end) for one in transcript.warnings]
        return Transcribed(_spelt(transcript, form, wanted.subtitles), warnings)

    def unfinished(self) -> Sequence[str]:
        """As `Remote.unfinished`."""
        return ()

    async def _close(self) -> None:
        for transcriber in self._transcribers.values():
            await transcriber.close()

    def _made(self) -> Pipeline:
        if self._pipeline is None:
            settings = self._settings
            decoder = FileDecoder(
                DecoderLimits(max_duration_s=settings.decoder.max_duration_s), program=find_ffmpeg(ffmpeg_choice())
            )
            self._pipeline = Pipeline(
                LocalDecoder(decoder),
                self._transcribers,
                LocalDiarizer(settings),
                options=DecodingOptions(beam_size=settings.transcriber.beam_size),
            )
        return self._pipeline


def _spelt(transcript: Transcript, form: Form, subtitles: SubtitleOptions) -> str:
    if form == "tsv":
        return to_tsv(transcript, subtitles)
    if form in PLAIN:
        return PLAIN[form][1](transcript, subtitles)
    body = transcript_body(transcript, "")
    for name in ("usage", "request_id"):  # nobody was asked and nothing charged
        del body[name]
    return json.dumps(body, ensure_ascii=False, indent=2, allow_nan=False)
