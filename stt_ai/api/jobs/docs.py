"""What the schema says of POST /v1/jobs, which reads its body itself."""

from typing import Any

from stt_ai.api.jobs.schemas import EXAMPLE, JobBody, NewJobBody, WebhookBody
from stt_ai.api.openapi import failures, json_body, json_schema, transcription_form
from stt_ai.ports import Catalogue


def submission_form(catalogue: Catalogue, default_model: str, urls: bool, uploads: bool) -> dict[str, Any]:
    """Return the `openapi_extra` of the route: the form of POST /v1/transcribe, or JSON."""
    form = transcription_form(catalogue, default_model, urls=urls, uploads=uploads)
    content = form["requestBody"]["content"]
    properties = content["multipart/form-data"]["schema"]["properties"]
    for name in ("response_format", "stream"):
        properties.pop(name, None)
    properties["retention_hours"] = {
        "type": "number",
        "exclusiveMinimum": 0,
        "description": "Audio and text are erased so long after the end.",
    }
    properties["keep_audio"] = {
        "type": "boolean",
        "default": False,
        "description": "Keep the recording as long as the text.",
    }
    properties["webhook"] = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": json_schema(WebhookBody),
        "description": "Where to send a message when the job has ended, as a JSON object.",
        "examples": ['{"url": "https://example.com/hooks/transcripts"}'],
    }
    dropped = {"response_format", "stream"}
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
