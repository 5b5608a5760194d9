"""GET /docs: the schema as a page of our own files: contents, search, examples, and forms that send a key."""

from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse

from stt_ai.api.console import docs_forms, docs_tables
from stt_ai.api.console.docs_text import prose
from stt_ai.api.console.example_languages import BASE
from stt_ai.api.console.routes import HEADERS

_HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>API reference · STT.ai</title><link rel="icon" href="console/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="console/base.css"><link rel="stylesheet" href="console/docs.css">
<script type="module" src="console/docs.js"></script></head><body>
<a class="skip" href="#main">Skip to content</a>
<header class="top"><a class="brand" href="./"><img src="console/icon.svg" alt="" width="26" height="26">STT.ai</a>
<span class="grow"></span>
<label class="key">API key <input id="key" type="password" autocomplete="off" spellcheck="false"
placeholder="none: anonymous"></label>
<button id="theme" type="button" class="small">Theme</button></header>"""


def docs_routes(app: FastAPI) -> APIRouter:
    """Return the route of /docs, which shows the schema of ``app``."""
    router = APIRouter()

    @router.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        base = str(request.base_url).rstrip("/")
        return HTMLResponse(page(app.openapi(), base), headers={**HEADERS, "Vary": "Host"})

    return router


def page(schema: dict[str, Any], base: str = BASE) -> str:
    """Return an OpenAPI document as HTML, with examples for the service at ``base``."""
    info = schema["info"]
    groups = [(tag["name"], _operations(schema, tag["name"])) for tag in schema["tags"]]
    contents = "".join(_contents(name, operations) for name, operations in groups)
    sections = "".join(
        f'<h2 class="group">{escape(name)}</h2>' + "".join(_section(one, schema, base) for one in operations)
        for name, operations in groups
    )
    return (
        f'{_HEAD}<div class="frame"><nav class="contents" aria-label="Contents">'
        f'<input id="filter" type="search" placeholder="Search" aria-label="Search the reference" autocomplete="off">'
        f'<p id="filtered" class="muted" role="status"></p>'
        f"<details open><summary>Contents</summary>{contents}</details>"
        f'</nav><main id="main" tabindex="-1"><h1>{escape(info["title"])} API {escape(info["version"])}</h1>'
        f"<p>{prose(info.get('description', ''))}</p>"
        f'<p>For programs: <a href="openapi.json">openapi.json</a>. The <a href="./">console</a> shows it at work, and '
        f'<a href="./#plans">Plans</a> the limits of each kind of caller.</p>{sections}</main></div></body></html>'
    )


def _operations(schema: dict[str, Any], tag: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (path, method, operation) of a group."""
    return [
        (path, method, operation)
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
        if tag in operation["tags"]
    ]


def _contents(name: str, operations: list[tuple[str, str, dict[str, Any]]]) -> str:
    links = "".join(
        f'<li><a href="#{escape(one["operationId"])}">{escape(one.get("summary", path))}</a></li>'
        for path, _, one in operations
    )
    return f"<p>{escape(name)}</p><ul>{links}</ul>"


def _section(found: tuple[str, str, dict[str, Any]], schema: dict[str, Any], base: str) -> str:
    path, method, operation = found
    name = escape(operation["operationId"])
    title = escape(operation.get("summary", path))
    parts = [
        f'<section id="{name}" aria-labelledby="{name}-title"><h3 id="{name}-title">{title} '
        f'<a class="anchor" href="#{name}" aria-label="Link to {title}">#</a></h3>',
        f'<p class="address"><span class="method">{method.upper()}</span> <code>{escape(path)}</code> '
        f"{_key(operation)}</p>",
        f"<p>{prose(operation.get('description', ''))}</p>",
        _examples(operation, base),
        docs_tables.request(operation, schema),
        docs_tables.answers(operation),
        *(docs_tables.table(head, rows) for head, rows in operation.get("x-websocket", {}).items()),
        docs_tables.shapes(operation, schema),
        docs_forms.form(path, method, operation, schema),
    ]
    return "".join(parts) + "</section>"


def _key(operation: dict[str, Any]) -> str:
    needed = operation.get("security")
    if not needed:
        return ""
    return f'<span class="muted">{"API key optional" if {} in needed else "API key required"}</span>'


def _examples(operation: dict[str, Any], base: str) -> str:
    shown = "".join(
        f'<figure class="example" data-language="{escape(sample["lang"])}"><figcaption>{escape(sample["lang"])}'
        f'<button type="button" class="small copy" aria-label="Copy the {escape(sample["lang"])} example">Copy</button>'
        f'</figcaption><pre tabindex="0"><code>{escape(sample["source"].replace(BASE, base))}</code></pre></figure>'
        for sample in operation.get("x-codeSamples", [])
    )
    return f'<div class="examples">{shown}</div>' if shown else ""
