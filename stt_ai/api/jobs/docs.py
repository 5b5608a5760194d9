"""What the schema says of POST /v1/jobs, which reads its body itself."""

from typing import Any

from stt_ai.api.jobs.schemas import EXAMPLE, JobBody, JobResultBody, NewJobBody, WebhookBody
from stt_ai.api.openai.schemas import VerboseText
from stt_ai.api.openapi import failures, json_body, json_schema, transcript_responses, transcription_form
from stt_ai.api.transcription.subtitle_parameters import RANGES
from stt_ai.ports import Catalogue
from stt_ai.types import SummaryStyle


def submission_form(catalogue: Catalogue, default_model: str, urls: bool, uploads: bool) -> dict[str, Any]:
    """Return the `openapi_extra` of the route: the form of POST /v1/transcribe, or JSON."""
    form = transcription_form(catalogue, default_model, urls=urls, uploads=uploads)
    content = form["requestBody"]["content"]
    properties = content["multipart/form-data"]["schema"]["properties"]
    dropped = {"response_format", "stream", *RANGES}
    for name in dropped:
        properties.pop(name, None)
    properties["retention_hours"] = {
        "type": "number",
        "exclusiveMinimum": 0,
        "description": "Hours after the job's end at which audio and text are erased.",
    }
    properties["keep_audio"] = {
        "type": "boolean",
        "default": False,
        "description": "Keep the recording as long as the text.",
    }
    properties["summary"] = {
        "type": "string",
        "enum": [str(style) for style in SummaryStyle],
        "description": "Summarize the transcript, too. A summary that fails leaves the transcript as it is.",
    }
    properties["webhook"] = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": json_schema(WebhookBody),
        "description": "Where to send a message when the job has ended, as a JSON object.",
        "examples": ['{"url": "https://example.com/hooks/transcripts"}'],
    }
    form["parameters"] = [one for one in form["parameters"] if one["name"] not in dropped]
    if urls or uploads:
        content |= json_body(NewJobBody)["requestBody"]["content"]
    if urls:
        content["application/json"]["example"] = EXAMPLE
    return form


def submission_responses() -> dict[int | str, dict[str, Any]]:
    """Return the route's `responses`."""
    location = {"Location": {"description": "Where the job is.", "schema": {"type": "string"}}}
    accepted = {"model": JobBody, "description": "The job, queued.", "headers": location}
    return {202: accepted, **failures(400, 401, 402, 404, 409, 413, 429, 500, 503)}


def result_responses() -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of the route of a job's result."""
    responses = transcript_responses(statuses=(400, 401, 404, 409, 500, 503))
    responses[200]["model"] = JobResultBody | VerboseText
    responses[200]["content"].pop("text/event-stream")
    return responses
