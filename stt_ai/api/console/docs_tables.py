"""Tables of an operation: its parameters, bodies and statuses, and the types in them."""

from collections.abc import Iterable
from html import escape
from typing import Any

from stt_ai.api.console.docs_text import prose

JSON, FORM = "application/json", "multipart/form-data"


def request(operation: dict[str, Any], schema: dict[str, Any]) -> str:
    """Return the parameters and the fields of the body."""
    fields = body_fields(operation, schema)
    needed = _resolved(body_schema(operation), schema).get("required", [])
    rows = [
        (name, kind(field), "required" if name in needed else _default(field), field.get("description", ""))
        for name, field in fields.items()
    ]
    rows += [_parameter(other) for other in operation.get("parameters", []) if other["name"] not in fields]
    return table("Parameter Type Default Description", rows) if rows else ""


def answers(operation: dict[str, Any]) -> str:
    """Return the table of an operation's answers by status."""
    rows = [
        (status, ", ".join(answer.get("content", {})), answer["description"])
        for status, answer in operation["responses"].items()
    ]
    return table("Status Content Meaning", rows)


def shapes(operation: dict[str, Any], schema: dict[str, Any]) -> str:
    """Return the types of the bodies, each once, those that they are made of behind them."""
    bodies = [body_schema(operation)] + [
        answer.get("content", {}).get(JSON, {}).get("schema", {})
        for status, answer in operation["responses"].items()
        if status.startswith("2")
    ]
    names = list(dict.fromkeys(name for body in bodies for name in _named(body)))
    for name in names:  # grows meanwhile
        fields = _properties(name, schema).values()
        names += dict.fromkeys(found for field in fields for found in _named(field) if found not in names)
    return "".join(_fields_table(name, schema) for name in names)


def body_schema(operation: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an operation's body."""
    content = operation.get("requestBody", {}).get("content", {})
    found: dict[str, Any] = content.get(FORM, content.get(JSON, {})).get("schema", {})
    return found


def body_fields(operation: dict[str, Any], schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the fields of the body by name."""
    fields: dict[str, dict[str, Any]] = _resolved(body_schema(operation), schema).get("properties", {})
    return fields


def table(head: str, rows: Iterable[tuple[Any, ...]]) -> str:
    """Return an HTML table with these rows."""
    titles = "".join(f'<th scope="col">{title}</th>' for title in head.split())
    lines = "".join("<tr>" + "".join(f"<td>{prose(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    name = escape(head.split()[0])
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{name}s"><table><thead><tr>{titles}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def kind(field: dict[str, Any]) -> str:
    """Return the type of a field in words."""
    if "enum" in field:
        return ", ".join(str(value) for value in field["enum"])
    if "const" in field:
        return str(field["const"])
    if "anyOf" in field:
        return " or ".join(kind(choice) for choice in field["anyOf"])
    if "$ref" in field:
        return _name(field["$ref"])
    if field.get("type") == "array":
        return f"list of {kind(field['items'])}"
    return "file" if field.get("format") == "binary" else str(field.get("type", ""))


def _default(field: dict[str, Any]) -> Any:
    default = field.get("default", "")
    return str(default).lower() if isinstance(default, bool) else "" if default is None else default


def _parameter(parameter: dict[str, Any]) -> tuple[Any, ...]:
    """Return a row for what stands in the path, the query or the headers."""
    schema = parameter["schema"]
    default = "required" if parameter.get("required") else _default(schema)
    return (f"{parameter['name']} ({parameter['in']})", kind(schema), default, parameter.get("description", ""))


def _fields_table(name: str, schema: dict[str, Any]) -> str:
    rows = [(key, kind(field), field.get("description", "")) for key, field in _properties(name, schema).items()]
    return f"<h4>{escape(name)}</h4>" + table("Field Type Description", rows) if rows else ""


def _resolved(shape: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return schema["components"]["schemas"][_name(shape["$ref"])] if "$ref" in shape else shape


def _properties(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a type by name; none of one that is no object, such as a choice of words."""
    properties: dict[str, Any] = schema["components"]["schemas"][name].get("properties", {})
    return properties


def _named(field: dict[str, Any]) -> list[str]:
    """Return the names of the types that ``field`` refers to."""
    if "$ref" in field:
        return [_name(field["$ref"])]
    inside = [*field.get("anyOf", []), *([field["items"]] if "items" in field else [])]
    return [name for part in inside for name in _named(part)]


def _name(reference: str) -> str:
    return reference.rsplit("/", 1)[-1]
