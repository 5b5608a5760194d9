"""A form for each operation that a page can send: `console/docs.js` sends it with the key and shows the answer."""

import json
from html import escape
from typing import Any

from stt_ai.api.console import docs_tables

_SAMPLES = {"text": "Emma will send the report on Monday.", "name": "Ada"}
"""Values of fields that have no default and no example of their own."""


def form(path: str, method: str, operation: dict[str, Any], schema: dict[str, Any]) -> str:
    """Return the form, closed; nothing for what is no request, such as a WebSocket."""
    if "x-websocket" in operation:
        return ""
    content = operation.get("requestBody", {}).get("content", {})
    fields = docs_tables.body_fields(operation, schema)
    parameters = [one for one in operation.get("parameters", []) if one["in"] in ("path", "query")]
    inputs = "".join(_input(one["name"], one["schema"], one["in"]) for one in parameters if one["name"] not in fields)
    if docs_tables.FORM in content:
        inputs += "".join(_input(name, field, "body") for name, field in fields.items())
    elif docs_tables.JSON in content:
        body = json.dumps({name: _sample(name, field) for name, field in fields.items()}, indent=2)
        inputs += f'<label>Body <textarea name="body" rows="6" spellcheck="false">{escape(body)}</textarea></label>'
    return (
        '<details class="try"><summary>Try it</summary>'
        f'<form data-path="{escape(path)}" data-method="{method.upper()}">'
        f'{inputs}<p><button class="main">Send {method.upper()}</button></p><div class="answer" role="status"></div>'
        "</form></details>"
    )


def _input(name: str, field: dict[str, Any], place: str) -> str:
    named = f'name="{escape(name)}" data-in="{place}"'
    default = field.get("default", "")
    default = str(default).lower() if isinstance(default, bool) else "" if default is None else str(default)
    choices = field.get("enum") or (["true", "false"] if field.get("type") == "boolean" else None)
    if choices and not default:
        choices = ["", *choices]
    if choices:
        options = "".join(
            f"<option{' selected' if choice == default else ''}>{escape(choice)}</option>" for choice in choices
        )
        return f"<label>{escape(name)} <select {named}>{options}</select></label>"
    kind = "file" if field.get("format") == "binary" else "text"
    return f'<label>{escape(name)} <input type="{kind}" {named} value="{escape(default)}"></label>'


def _sample(name: str, field: dict[str, Any]) -> Any:
    if field.get("default") is not None:
        return field["default"]
    return _SAMPLES.get(name, next(iter(field.get("examples", [])), None))
