"""The whole job: decoding, hearing and telling speakers apart beside each other, and again where samples were lost."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import replace

from stt_ai.errors import AudioLost, ModelUnavailable, ReplicaLost
from stt_ai.meters import AUDIO, NO_METERS, REALTIME_FACTOR, Meters
from stt_ai.pipeline.channels import shifted, split_channels
from stt_ai.pipeline.checkpoints import NO_CHECKPOINT
from stt_ai.pipeline.hearing import Heard, Hearing
from stt_ai.pipeline.labels import diarizer_warnings, transcriber_warnings
from stt_ai.pipeline.speakers import Speakers
from stt_ai.pipeline.strict import refuse_if_strict
from stt_ai.pipeline.telling import Told
from stt_ai.pipeline.together import together
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
    """Transcribes uploads with one decoder, one transcriber a model, and one diarizer, which works beside them.

    ``windows_in_flight`` bounds how many windows of one file wait at the replicas at once: enough to fill
    every replica's batches, few enough that a file of hours does not stand before all the others.
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
        """The upload's transcript. Raises the decoder's `BadRequest`s and `Unavailable`; leaves nothing behind.

        A model that cannot do the task is a `BadParameter`; with ``strict``, a warning about the audio is an
        `IncompleteAudio`, which comes before ``on_duration`` when the decoder gave it.
        """
        transcriber = self._transcribers.get(request.model)
        if transcriber is None:
            raise ModelUnavailable(f"The model {request.model} is not served here.", 3600)
        begun = time.perf_counter()
        options = _options_for(request, self._options)
        heard = Heard()  # outlives the samples: no window is decoded twice
        speakers = Speakers(self._diarizer, request, checkpoint)
        told = Told(on_duration, on_text)
        for attempt in range(1, self._decode_attempts + 1):
            with stage(self._meters, "decode"):
                audio = await checkpoint.load(await self._decoder.decode(upload, request.selection))
            refuse_if_strict(request, audio.warnings)
            in_flight, keywords = self._windows_in_flight, request.keywords
            hearing = Hearing(audio, transcriber, options, in_flight, heard, told, keywords, checkpoint)
            try:
                async with together() as group:
                    group.create_task(told.tell_length(audio.duration))
                    group.create_task(self._diarize(speakers, audio))
                    spoken = group.create_task(self._hear(hearing, request, told, audio))
                code, probability = spoken.result()
                break
            except AudioLost:
                logger.warning("the decoded samples were lost in attempt %d", attempt)
        else:
            raise ReplicaLost("The servers that worked on this file failed repeatedly. Please try again.")
        with stage(self._meters, "attribute"):
            # Hours of words take seconds, in which the loop serves others.
            told_apart = await asyncio.to_thread(_segments, hearing, speakers, request, audio)
        warnings = (*audio.warnings, *_labels(hearing.model, speakers.model))
        refuse_if_strict(request, warnings)
        model = hearing.model.label
        self._meters.add(AUDIO, audio.duration, model=model, kind="file")
        if audio.duration:
            self._meters.observe(REALTIME_FACTOR, (time.perf_counter() - begun) / audio.duration, model=model)
        return Transcript(
            segments=told_apart,
            language=code,
            language_probability=probability,
            duration=audio.duration,
            model=model,
            demo=hearing.model.demo or (speakers.model is not None and speakers.model.demo),
            warnings=warnings,
            windows=tuple(replace(note, start=note.start + audio.start) for note in hearing.notes()),
            start=audio.start,
        )

    async def _hear(
        self, hearing: Hearing, request: TranscriptionRequest, told: Told, audio: DecodedAudio
    ) -> tuple[str, float]:
        with stage(self._meters, "transcribe"):
            found = await hearing.hear_all(request.language)
        text = ""
        if audio.channels:
            merged = await asyncio.to_thread(split_channels, hearing.words(), audio.duration, False)
            text = "".join(segment.raw_text for segment in merged).strip()
        await told.tell_all_heard(audio.duration, text)
        return found

    async def _diarize(self, speakers: Speakers, audio: DecodedAudio) -> None:
        if speakers.asked_for(audio):
            with stage(self._meters, "diarize"):
                await speakers.find(audio)


def _segments(
    hearing: Hearing, speakers: Speakers, request: TranscriptionRequest, audio: DecodedAudio
) -> tuple[Segment, ...]:
    """Return the segments of all that was heard, timed by the recording."""
    words = hearing.words()
    if audio.channels:
        found = split_channels(words, audio.duration, named=request.diarize)
    else:
        found = segments.split(speakers.name(words), audio.duration)
    return tuple(shifted(segment, audio.start) for segment in found) if audio.start else found


def _labels(transcriber: LoadedModel, diarizer: LoadedModel | None) -> tuple[TranscriptWarning, ...]:
    return (*transcriber_warnings(transcriber), *(diarizer_warnings(diarizer) if diarizer else ()))


def _options_for(request: TranscriptionRequest, usual: DecodingOptions) -> DecodingOptions:
    """Decoding begins at the temperature that the caller names and rises from there where the text is in doubt."""
    rest = (temperature for temperature in usual.temperatures if temperature > request.temperature)
    return replace(usual, task=request.task, prompt=request.prompt, temperatures=(request.temperature, *rest))
