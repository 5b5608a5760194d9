"""The OpenAPI document, with what FastAPI cannot read from the code: groups, optional keys, examples."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from stt_ai.api.console.examples import EXAMPLES

GROUPS = {
    "Transcription": ("/v1/transcribe",),
    "Live": ("/v1/stream",),
    "Jobs": ("/v1/jobs", "/v1/uploads"),
    "Summaries": ("/v1/summarize",),
    "OpenAI": ("/v1/audio", "/v1/models/"),
    "Models and languages": ("/v1/models", "/v1/languages"),
    "Account": ("/v1/account", "/v1/plans"),
    "Operation": ("/health", "/livez", "/readyz", "/metrics"),
}
"""The groups of operations, and how the paths of each begin; the first that fits."""
REST = "More"
_SCHEME = {"type": "http", "scheme": "bearer", "description": "An API key; a free one comes from POST /v1/account."}
_KEY_OPTIONAL = ("/v1/transcribe", "/v1/audio", "/v1/summarize", "/v1/stream", "/v1/jobs")
"""Beginnings of paths; a route that needs a key says so itself."""


def operation_id(route: APIRoute) -> str:
    """Return the id that clients made from the schema name their methods after: the function's name."""
    return route.name


def described(app: FastAPI) -> dict[str, Any]:
    """Return the schema of ``app``; made once."""
    if app.openapi_schema is None:
        schema = FastAPI.openapi(app)
        schema.setdefault("components", {}).setdefault("securitySchemes", {})["ApiKey"] = _SCHEME
        for path, operations in schema["paths"].items():
            for operation in operations.values():
                _describe(path, operation)
        schema["tags"] = [{"name": name} for name in [*GROUPS, REST] if _used(schema, name)]
    return app.openapi_schema or {}


def _describe(path: str, operation: dict[str, Any]) -> None:
    found = (name for name, beginnings in GROUPS.items() if path.startswith(beginnings))
    operation["tags"] = [next(found, REST)]
    if path.startswith(_KEY_OPTIONAL) and "security" not in operation:
        operation["security"] = [{"ApiKey": []}, {}]
    if examples := EXAMPLES.get(operation["operationId"]):
        operation["x-codeSamples"] = [{"lang": lang, "source": source} for lang, source in examples.items()]


def _used(schema: dict[str, Any], tag: str) -> bool:
    return any(tag in operation["tags"] for operations in schema["paths"].values() for operation in operations.values())
