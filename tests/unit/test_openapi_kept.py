"""What earlier clients were written for is still there. `openapi.json` is the document of 0.1.0, without its prose."""

import json
from pathlib import Path
from typing import Any

import pytest

from stt_ai.api.app import create_app
from stt_ai.api.services import ApiConfig, Services
from stt_ai.api.stream.limits import StreamLimits
from stt_ai.api.stream.services import LiveServices
from stt_ai.engines import live_audio
from tests.support.api import Fixed, FourModels, Recorder
from tests.support.billed_api import books  # noqa: F401
from tests.support.billing import Books
from tests.unit.test_api_summarize import Scribe

EARLIER = json.loads(Path(__file__).with_name("openapi.json").read_text())
PROSE = {"description", "summary", "title", "example", "examples", "info", "externalDocs"}
NAMES = {"properties", "headers"}
"""Below these, a key is a caller's word and none of the schema's."""
EXACT = {"required", "type", "default", "format", "pattern", "const"}


def changes(earlier: Any, now: Any, path: str = "", *, names: bool = False) -> list[str]:
    """Return what is lost or changed. Additions are none, but for a field that callers must send."""
    if isinstance(earlier, dict) and isinstance(now, dict):
        found = []
        for key, value in earlier.items():
            if not names and key in PROSE:
                continue
            if key not in now or (not names and key in EXACT and value != now[key]):
                found.append(f"{path}/{key}")
            else:
                found += changes(value, now[key], f"{path}/{key}", names=not names and key in NAMES)
        return found
    if isinstance(earlier, list) and isinstance(now, list):
        return [f"{path}: {item}" for item in earlier if all(changes(item, other) for other in now)]
    return [] if earlier == now else [path]


def test_nothing_of_the_earlier_document_is_lost_or_changed(tmp_path: Path, books: Books) -> None:  # noqa: F811
    config = ApiConfig(tmp_path, "large-v3-turbo")
    live = LiveServices(lambda *arguments: pytest.fail("no stream was asked for"), live_audio.decode, StreamLimits())
    parts = Services(Recorder(), FourModels(), Fixed(), config, billing=books.client, live=live, summarizer=Scribe())
    assert changes(EARLIER, create_app(parts).openapi()) == []


@pytest.mark.parametrize(
    ("earlier", "now", "found"),
    [
        ({"enum": ["a", "b"]}, {"enum": ["b", "c", "a"], "title": "new"}, []),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, ["/enum: b"]),
        ({"required": ["a"]}, {"required": ["a", "b"]}, ["/required"]),
        ({"properties": {"summary": {"type": "string"}}}, {"properties": {}}, ["/properties/summary"]),
        ({"summary": "One."}, {"summary": "Another."}, []),
        ([{"name": "a", "in": "query"}], [{"name": "b"}, {"name": "a", "in": "query", "x": 1}], []),
        ([{"name": "a", "in": "query"}], [{"name": "a", "in": "path"}], [": {'name': 'a', 'in': 'query'}"]),
    ],
)
def test_additions_alone_are_no_change(earlier: Any, now: Any, found: list[str]) -> None:
    assert changes(earlier, now) == found
