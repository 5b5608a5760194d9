"""/livez, /readyz and /metrics."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from stt_ai.api.app import create_app
from stt_ai.api.services import ApiConfig, Services
from stt_ai.deployments.exposition import joined
from stt_ai.errors import Unavailable
from stt_ai.types import GpuInfo, PartHealth, ServiceHealth
from tests.support.api import Fixed, FourModels, Recorder, make_app
from tests.unit.test_api_health import Stuck

TOKEN = "a-token-of-the-operators"
NEEDED = PartHealth("billing", True, needed=True)


class Figures:
    async def text(self) -> str:
        return "# TYPE stt_ai_requests counter\nstt_ai_requests_total 1\n"


class NoFigures:
    async def text(self) -> str:
        raise Unavailable("Metrics are not available at the moment.", 10)


def client(folder: Path, token: str = TOKEN, exposition: object = None) -> TestClient:
    config = ApiConfig(folder, "large-v3-turbo", metrics_token=token)
    parts = (Recorder(), FourModels(), Fixed(), config)
    return TestClient(create_app(Services(*parts, exposition=exposition or Figures())))  # type: ignore[arg-type]


@pytest.mark.parametrize("probe", [Fixed(), Stuck(), Fixed(RuntimeError("inside"))])
def test_the_process_lives_whatever_its_parts_do(probe: object, tmp_path: Path) -> None:
    answer = TestClient(make_app(tmp_path, None, probe, health_timeout=0.05)).get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("parts", "missing"),
    [
        ((NEEDED, PartHealth("summarizer", False, "no weights", ready=False)), None),
        ((NEEDED, PartHealth("decoder", True, needed=True, ready=False)), "decoder"),
        ((NEEDED, PartHealth("decoder", False, "secret detail", needed=True)), "decoder"),
        (
            (PartHealth("billing", False, needed=True), PartHealth("decoder", True, needed=True, ready=False)),
            "billing, decoder",
        ),
    ],
)
def test_it_is_ready_when_what_is_needed_serves(
    parts: tuple[PartHealth, ...], missing: str | None, tmp_path: Path
) -> None:
    answer = TestClient(make_app(tmp_path, None, Fixed(ServiceHealth(GpuInfo(), parts)))).get("/readyz")
    if missing is None:
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        return
    assert (answer.status_code, answer.json()["error"]) == (503, f"Not ready: {missing}.")
    assert int(answer.headers["Retry-After"]) >= 1
    assert "secret" not in answer.text


@pytest.mark.parametrize("probe", [Stuck(), Fixed(RuntimeError("inside"))])
def test_it_is_not_ready_when_nobody_can_say(probe: object, tmp_path: Path) -> None:
    answer = TestClient(make_app(tmp_path, None, probe, health_timeout=0.05)).get("/readyz")
    assert (answer.status_code, answer.json()["error"]) == (503, "Not ready: health.")


def test_operators_get_the_figures(tmp_path: Path) -> None:
    answer = client(tmp_path).get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text == asyncio.run(Figures().text())


@pytest.mark.parametrize("token", [TOKEN, ""])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer another"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {TOKEN}"},
        {"X-Forwarded-For": "127.0.0.1"},
    ],
)
def test_nobody_else_gets_them(token: str, headers: dict[str, str], tmp_path: Path) -> None:
    answer = client(tmp_path, token).get("/metrics", headers=headers)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert TOKEN not in answer.text and "stt_ai_requests" not in answer.text


def test_figures_that_cannot_be_had_are_503(tmp_path: Path) -> None:
    answer = client(tmp_path, exposition=NoFigures()).get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 503


def test_the_token_does_not_stand_in_the_configurations_repr(tmp_path: Path) -> None:
    assert TOKEN not in repr(ApiConfig(tmp_path, "large-v3-turbo", metrics_token=TOKEN))


NAMES = ("ray_stt_ai_a", "ray_stt_ai_b", "ray_serve_c", "ray_node_d")
samples = st.dictionaries(st.tuples(st.sampled_from(NAMES), st.sampled_from("xyz")), st.integers(0, 9))


def spelt(node: int, found: dict[tuple[str, str], int]) -> str:
    """A node's text, whose samples have the node as a label."""
    lines = []
    for name in sorted({name for name, _ in found}):
        lines += [f"# HELP {name}_total About {name}.", f"# TYPE {name}_total counter"]
        lines += [
            f'{name}_total{{node="{node}",label="{label}"}} {n}' for (own, label), n in found.items() if own == name
        ]
    return "\n".join([*lines, ""])


@given(st.lists(samples, max_size=4))
def test_texts_of_several_nodes_become_one(found: list[dict[tuple[str, str], int]]) -> None:
    text = joined((spelt(node, one) for node, one in enumerate(found)), ("ray_stt_ai_", "ray_serve_"))
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    got = {
        (sample.name, sample.labels["node"], sample.labels["label"]): sample.value
        for family in families
        for sample in family.samples
    }
    assert got == {
        (f"{name}_total", str(node), label): value
        for node, one in enumerate(found)
        for (name, label), value in one.items()
        if name != "ray_node_d"
    }


def test_the_schema_says_in_which_form_figures_and_failures_come(tmp_path: Path) -> None:
    schema = client(tmp_path).get("/openapi.json").json()
    responses = schema["paths"]["/metrics"]["get"]["responses"]
    forms = {status: list(response["content"]) for status, response in responses.items()}
    assert forms == {"200": ["text/plain"]} | {key: ["application/json"] for key in ("401", "500", "503")}
    assert "ErrorBody" in schema["components"]["schemas"]
