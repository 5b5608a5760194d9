"""GET /docs: the schema as a page that needs no script and no other host, with a form to try the service."""

from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.responses import HTMLResponse

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h2 { margin-top: 2.5rem; border-top: 1px solid #ddd; padding-top: 1rem }
code, .m { font-family: ui-monospace, monospace }
.m { background: #0b5; color: #fff; border-radius: .3rem; padding: .1rem .5rem }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; border-bottom: 1px solid #eee; padding: .3rem .6rem .3rem 0 }
form { background: #f6f6f6; padding: 1rem; border-radius: .5rem } label { display: block; margin: .4rem 0 }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"


def docs_routes(app: FastAPI) -> APIRouter:
    router = APIRouter()

    @router.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(page(app.openapi()), headers={"Content-Security-Policy": _POLICY})

    return router


def page(schema: dict[str, Any]) -> str:
    """An OpenAPI document as HTML."""
    info = schema["info"]
    routes = "".join(
        _operation(path, method, operation, schema)
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{_prose(info.get('description', ''))}</p>"
        f'<p>For programs: <a href="openapi.json">openapi.json</a></p>{routes}</html>'
    )


def _operation(path: str, method: str, operation: dict[str, Any], schema: dict[str, Any]) -> str:
    fields = _form_fields(operation)
    parts = [
        f'<h2><span class="m">{method.upper()}</span> <code>{escape(path)}</code></h2>',
        f"<p>{_prose(operation.get('description', operation.get('summary', '')))}</p>",
    ]
    needed = _form_schema(operation).get("required", [])
    rows = [
        (name, _kind(field), "required" if name in needed else field.get("default", ""), field.get("description", ""))
        for name, field in fields
    ]
    in_form = {name for name, _ in fields}
    rows += [_parameter(other) for other in operation.get("parameters", []) if other["name"] not in in_form]
    if rows:
        parts.append(_table("Parameter Type Default Description", rows))
    answers = [
        (status, ", ".join(answer.get("content", {})), answer["description"])
        for status, answer in operation["responses"].items()
    ]
    parts.append(_table("Status Content Meaning", answers))
    parts += [_table(head, rows) for head, rows in operation.get("x-websocket", {}).items()]
    parts += [_fields_table(name, schema) for name in _answer_shapes(operation, schema)]
    if fields:
        parts.append(_form(path, method, fields))
    return "".join(parts)


def _parameter(parameter: dict[str, Any]) -> tuple[Any, ...]:
    """A row for what stands in the path, the query or the headers."""
    schema = parameter["schema"]
    default = "required" if parameter.get("required") else schema.get("default", "")
    return (f"{parameter['name']} ({parameter['in']})", _kind(schema), default, parameter.get("description", ""))


def _form_schema(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    schema: dict[str, Any] = content.get("multipart/form-data", {}).get("schema", {})
    return schema


def _form_fields(operation: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return list(_form_schema(operation).get("properties", {}).items())


def _answer_shapes(operation: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """Return the names of the shapes of a JSON answer, each once, those that they are made of behind them."""
    answer = operation["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
    names = _named(answer)
    for name in names:  # grows meanwhile
        fields = _properties(name, schema).values()
        names += dict.fromkeys(found for field in fields for found in _named(field) if found not in names)
    return names


def _named(field: dict[str, Any]) -> list[str]:
    """Return the names of the shapes that ``field`` refers to."""
    if "$ref" in field:
        return [field["$ref"].rsplit("/", 1)[-1]]
    inside = [*field.get("anyOf", []), *([field["items"]] if "items" in field else [])]
    return [name for part in inside for name in _named(part)]


def _properties(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a shape by name; none of one that is no object, such as a choice of words."""
    properties: dict[str, Any] = schema["components"]["schemas"][name].get("properties", {})
    return properties


def _fields_table(name: str, schema: dict[str, Any]) -> str:
    rows = [(key, _kind(field), field.get("description", "")) for key, field in _properties(name, schema).items()]
    return f"<h3>{escape(name)}</h3>" + _table("Field Type Description", rows) if rows else ""


def _kind(field: dict[str, Any]) -> str:
    if "enum" in field:
        return ", ".join(str(value) for value in field["enum"])
    if "anyOf" in field:
        return ", ".join(_kind(choice) for choice in field["anyOf"])
    if "$ref" in field:
        return str(field["$ref"]).rsplit("/", 1)[-1]
    if field.get("type") == "array":
        return f"list of {_kind(field['items'])}"
    return "file" if field.get("format") == "binary" else str(field.get("type", ""))


def _form(path: str, method: str, fields: list[tuple[str, dict[str, Any]]]) -> str:
    inputs = "".join(f"<label>{escape(name)} {_input(name, field)}</label>" for name, field in fields)
    return (
        f'<form action="{escape(path.lstrip("/"))}" method="{method}" enctype="multipart/form-data">'
        f"<b>Try it</b>{inputs}<button>Send</button></form>"
    )


def _input(name: str, field: dict[str, Any]) -> str:
    default = str(field.get("default", ""))
    choices = field.get("enum") or (["True", "False"] if field.get("type") == "boolean" else None)
    if choices:
        options = "".join(
            f"<option{' selected' if choice == default else ''}>{escape(choice)}</option>" for choice in choices
        )
        return f'<select name="{escape(name)}">{options}</select>'
    kind = "file" if field.get("format") == "binary" else "text"
    return f'<input type="{kind}" name="{escape(name)}" value="{escape(default)}">'


def _table(head: str, rows: list[tuple[Any, ...]]) -> str:
    titles = "".join(f"<th>{title}" for title in head.split())
    lines = "".join("<tr>" + "".join(f"<td>{_prose(str(cell))}" for cell in row) for row in rows)
    return f"<table><tr>{titles}{lines}</table>"


def _prose(text: str) -> str:
    """Escaped text with `code` marked as such."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if index % 2 else piece for index, piece in enumerate(pieces))
