"""From an upload to its transcript: decode, then transcribe and diarize side by side; again if samples are lost."""

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
    LoadedModel,
    Segment,
    Transcript,
    TranscriptionRequest,
    TranscriptWarning,
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
        options = _options_for(request, self._options)
        results = WindowResults()  # kept when samples are lost: no window is transcribed twice
        speakers = Speakers(self._diarizer, request, checkpoint)
        progress = ProgressReporter(on_duration, on_text)
        for attempt in range(1, self._decode_attempts + 1):
            with stage(self._meters, "decode"):
                audio = await checkpoint.load(await self._decoder.decode(upload, request.selection))
            refuse_if_strict(request, audio.warnings)
            in_flight, keywords = self._windows_in_flight, request.keywords
            file = FileTranscriber(audio, transcriber, options, in_flight, results, progress, keywords, checkpoint)
            try:
                async with task_group() as group:
                    group.create_task(progress.report_duration(audio.duration))
                    group.create_task(self._diarize(speakers, audio))
                    spoken = group.create_task(self._transcribe(file, request, progress, audio))
                code, probability = spoken.result()
                break
            except AudioLost:
                logger.warning("the decoded samples were lost in attempt %d", attempt)
        else:
            raise ReplicaLost("The servers that worked on this file failed repeatedly. Please try again.")
        with stage(self._meters, "attribute"):
            # The words of hours take seconds, in which the event loop serves others.
            found = await asyncio.to_thread(_segments, file, speakers, request, audio)
        warnings = (*audio.warnings, *_labels(file.model, speakers.model))
        refuse_if_strict(request, warnings)
        model = file.model.label
        self._meters.add(AUDIO, audio.duration, model=model, kind="file")
        if audio.duration:
            self._meters.observe(REALTIME_FACTOR, (time.perf_counter() - begun) / audio.duration, model=model)
        return Transcript(
            segments=found,
            language=code,
            language_probability=probability,
            duration=audio.duration,
            model=model,
            demo=file.model.demo or (speakers.model is not None and speakers.model.demo),
            warnings=warnings,
            windows=tuple(replace(note, start=note.start + audio.start) for note in file.notes()),
            start=audio.start,
        )

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


def _labels(transcriber: LoadedModel, diarizer: LoadedModel | None) -> tuple[TranscriptWarning, ...]:
    return (*transcriber_warnings(transcriber), *(diarizer_warnings(diarizer) if diarizer else ()))


def _options_for(request: TranscriptionRequest, usual: DecodingOptions) -> DecodingOptions:
    """Return the options of a request: temperatures rise from the caller's while the text is doubtful."""
    rest = (temperature for temperature in usual.temperatures if temperature > request.temperature)
    return replace(usual, task=request.task, prompt=request.prompt, temperatures=(request.temperature, *rest))
