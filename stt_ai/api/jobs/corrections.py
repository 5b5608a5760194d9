"""PATCH /v1/jobs/{id}/segments: what people correct in the text of a job that has succeeded."""

from collections.abc import Mapping

from stt_ai.api.jobs.results import read_transcript
from stt_ai.api.jobs.schemas import CorrectionBody, CorrectionsBody
from stt_ai.api.jobs.services import JobServices
from stt_ai.captions.cues import clean
from stt_ai.errors import BadParameter
from stt_ai.jobs.corrections import Correction, Corrections, change, while_unchanged
from stt_ai.jobs.messages import JobView
from stt_ai.types import Segment, Transcript


async def correct_segments(jobs: JobServices, credential: str | None, job_id: str, body: CorrectionsBody) -> JobView:
    """Keep the corrections. Raise `BadParameter`, `NotFound`, `JobNotDone` or `JobChanged`."""

    async def correct(job: JobView) -> JobView:
        transcript = await read_transcript(jobs.store, job)
        labels = {shown: label for label, shown in job.speaker_names.items()}

        def changed(before: Corrections) -> Corrections:
            after = dict(before)
            for number, one in enumerate(body.segments):
                segment = _segment(transcript, one.id, f"segments.{number}")
                after[one.id] = _corrected(segment, after.get(one.id, Correction()), one, labels, number)
            return after

        return await change(jobs.client, jobs.store, credential, job, changed)

    return await while_unchanged(lambda: jobs.client.get(credential, job_id), correct)


def _segment(transcript: Transcript, number: int, name: str) -> Segment:
    if number >= len(transcript.segments):
        raise BadParameter(
            f"`{name}.id` is {number}; the job's segments have ids up to {len(transcript.segments) - 1}.", f"{name}.id"
        )
    return transcript.segments[number]


def _corrected(
    segment: Segment, before: Correction, body: CorrectionBody, labels: Mapping[str, str], number: int
) -> Correction:
    """Return what becomes of ``segment``. ``labels``: the original names of the speakers that their owner named."""
    text, speaker = before.text, before.speaker
    if "text" in body.model_fields_set:
        text = None if body.text is None else " ".join(clean(body.text).split())
        text = None if text == " ".join(segment.text.split()) else text
    if "speaker" in body.model_fields_set:
        if body.speaker is not None and segment.speaker is None:
            name = f"segments.{number}.speaker"
            raise BadParameter(f"`{name}` cannot be set: the job was not asked to identify speakers.", name)
        speaker = None if body.speaker is None else labels.get(body.speaker, body.speaker)
        speaker = None if speaker == segment.speaker else speaker
    return Correction(text, speaker)
