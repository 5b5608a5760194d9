"""Transcribes an upload: decodes, then transcribes and diarizes side by side; again if samples are lost."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import replace

from stt_ai.errors import AudioLost, ModelUnavailable, ReplicaLost
from stt_ai.meters import AUDIO, NO_METERS, REALTIME_FACTOR, Meters
from stt_ai.pipeline.channels import shift, split_channels
from stt_ai.pipeline.checkpoints import NO_CHECKPOINT
from stt_ai.pipeline.concurrency import task_group
from stt_ai.pipeline.file_transcriber import FileTranscriber, WindowResults
from stt_ai.pipeline.model_warnings import diarizer_warnings, transcriber_warnings
from stt_ai.pipeline.progress import ProgressReporter
from stt_ai.pipeline.speakers import Speakers
from stt_ai.pipeline.strict import refuse_if_strict
from stt_ai.ports import Checkpoint, Decoder, Diarizer, OnDuration, OnText, Transcriber
from stt_ai.speech import segments
from stt_ai.stages import stage
from stt_ai.types import (
    DecodedAudio,
    DecodingOptions,
    Segment,
    Transcript,
    TranscriptionRequest,
    Upload,
)

logger = logging.getLogger(__name__)


class Pipeline:
    """Transcribes uploads with a decoder, one transcriber for each model, and a diarizer.

    ``windows_in_flight``: how many windows of one file wait at the replicas at once, enough to fill every batch, and
    few enough that a file of hours does not delay all others.
    """

    def __init__(
        self,
        decoder: Decoder,
        transcribers: Mapping[str, Transcriber],
        diarizer: Diarizer,
        *,
        options: DecodingOptions | None = None,
        windows_in_flight: int = 32,
        decode_attempts: int = 3,
        meters: Meters = NO_METERS,
    ) -> None:
        self._decoder = decoder
        self._transcribers = transcribers
        self._diarizer = diarizer
        self._options = options or DecodingOptions()
        self._windows_in_flight = windows_in_flight
        self._decode_attempts = decode_attempts
        self._meters = meters

    async def transcribe(
        self,
        upload: Upload,
        request: TranscriptionRequest,
        on_duration: OnDuration | None = None,
        on_text: OnText | None = None,
        checkpoint: Checkpoint = NO_CHECKPOINT,
    ) -> Transcript:
        """Return the upload's transcript; leave nothing behind.

        Raise the decoder's `BadRequest`s, `BadParameter` if the model cannot do the task, `IncompleteAudio` if a strict
        request gets a warning about its audio, before ``on_duration`` if the decoder gave it, and `Unavailable`.
        """
        transcriber = self._transcribers.get(request.model)
        if transcriber is None:
            raise ModelUnavailable(f"The model {request.model} is not served here.", 3600)
        begun = time.perf_counter()
        options, results = _options_for(request, self._options), WindowResults()
        speakers = Speakers(self._diarizer, request, checkpoint)
        progress = ProgressReporter(on_duration, on_text)
        in_flight, keywords = self._windows_in_flight, request.keywords
        for attempt in range(1, self._decode_attempts + 1):
            with stage(self._meters, "decode"):
                audio = await checkpoint.load(await self._decoder.decode(upload, request.selection))
            refuse_if_strict(request, audio.warnings)
            # The results are kept when samples are lost: no window is transcribed twice.
            file = FileTranscriber(audio, transcriber, options, in_flight, results, progress, keywords, checkpoint)
            try:
                language = await self._transcribe_and_diarize(file, speakers, request, progress, audio)
                break
            except AudioLost:
                logger.warning("the decoded samples were lost in attempt %d", attempt)
        else:
            raise ReplicaLost("The servers that worked on this file failed repeatedly. Please try again.")
        with stage(self._meters, "attribute"):
            # The words of hours take seconds, in which the event loop serves others.
            found = await asyncio.to_thread(_segments, file, speakers, request, audio)
        transcript = _transcript(found, language, file, speakers, audio)
        refuse_if_strict(request, transcript.warnings)
        self._measure(transcript, time.perf_counter() - begun)
        return transcript

    async def _transcribe_and_diarize(
        self,
        file: FileTranscriber,
        speakers: Speakers,
        request: TranscriptionRequest,
        progress: ProgressReporter,
        audio: DecodedAudio,
    ) -> tuple[str, float]:
        """Return the file's language with its probability. Raise `AudioLost` if the samples are gone."""
        async with task_group() as group:
            group.create_task(progress.report_duration(audio.duration))
            group.create_task(self._diarize(speakers, audio))
            language = group.create_task(self._transcribe(file, request, progress, audio))
        return language.result()

    async def _transcribe(
        self, file: FileTranscriber, request: TranscriptionRequest, progress: ProgressReporter, audio: DecodedAudio
    ) -> tuple[str, float]:
        with stage(self._meters, "transcribe"):
            found = await file.transcribe_all(request.language)
        text = ""
        if audio.channels:
            merged = await asyncio.to_thread(split_channels, file.words(), audio.duration, False)
            text = "".join(segment.raw_text for segment in merged).strip()
        await progress.report_all_transcribed(audio.duration, text)
        return found

    async def _diarize(self, speakers: Speakers, audio: DecodedAudio) -> None:
        if speakers.asked_for(audio):
            with stage(self._meters, "diarize"):
                await speakers.find(audio)

    def _measure(self, transcript: Transcript, seconds: float) -> None:
        self._meters.add(AUDIO, transcript.duration, model=transcript.model, kind="file")
        if transcript.duration:
            self._meters.observe(REALTIME_FACTOR, seconds / transcript.duration, model=transcript.model)


def _segments(
    file: FileTranscriber, speakers: Speakers, request: TranscriptionRequest, audio: DecodedAudio
) -> tuple[Segment, ...]:
    """Return the segments of the file, timed by the recording."""
    words = file.words()
    if audio.channels:
        found = split_channels(words, audio.duration, named=request.diarize)
    else:
        found = segments.split(speakers.name(words), audio.duration)
    return tuple(shift(segment, audio.start) for segment in found) if audio.start else found


def _transcript(
    found: tuple[Segment, ...],
    language: tuple[str, float],
    file: FileTranscriber,
    speakers: Speakers,
    audio: DecodedAudio,
) -> Transcript:
    model, diarizer = file.model, speakers.model
    about_models = (*transcriber_warnings(model), *(diarizer_warnings(diarizer) if diarizer else ()))
    return Transcript(
        segments=found,
        language=language[0],
        language_probability=language[1],
        duration=audio.duration,
        model=model.label,
        demo=model.demo or (diarizer is not None and diarizer.demo),
        warnings=(*audio.warnings, *about_models),
        windows=tuple(replace(note, start=note.start + audio.start) for note in file.notes()),
        start=audio.start,
    )


def _options_for(request: TranscriptionRequest, usual: DecodingOptions) -> DecodingOptions:
    """Return the options of a request: temperatures rise from the caller's while the text is doubtful."""
    rest = (temperature for temperature in usual.temperatures if temperature > request.temperature)
    return replace(usual, task=request.task, prompt=request.prompt, temperatures=(request.temperature, *rest))
