"""Parameters in the query string, which count as if they stood in the body."""

from collections.abc import Callable, Mapping

from starlette.datastructures import QueryParams

from stt_ai.api.transcription.spelling import field_name
from stt_ai.api.transcription.values import quoted
from stt_ai.errors import BadParameter

Refusal = Callable[[str], str | None]
"""Name of a field -> why it cannot be taken, as a sentence; None: it is taken, or ignored."""


def query_fields(query: QueryParams, known: frozenset[str], refusal: Refusal = lambda name: None) -> dict[str, str]:
    """Return the known parameters of a query, as `FormReader.fields` has those of a form. Raise `BadParameter`.

    Of several values the last one counts; where the name ends in `[]`, all of them do, joined by commas.
    """
    fields: dict[str, str] = {}
    for spelled, value in query.multi_items():
        name = field_name(spelled, known)
        if reason := refusal(name):
            raise BadParameter(reason, name)
        if name in known:
            fields[name] = f"{fields[name]},{value}" if name.endswith("[]") and name in fields else value
    return fields


def merged(query: Mapping[str, str], form: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of both. Raise `BadParameter` where they contradict each other; empty values do not."""
    for name in query.keys() & form.keys():
        in_query, in_form = query[name].strip(), form[name].strip()
        if in_query and in_form and in_query != in_form:
            raise BadParameter(
                f"`{name}` is {quoted(in_query)} in the address and {quoted(in_form)} in the body; send it once.", name
            )
    return {**form, **{name: value for name, value in query.items() if not form.get(name, "").strip()}}
