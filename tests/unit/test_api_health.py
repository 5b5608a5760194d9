import asyncio
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from stt_ai.types import GpuInfo, LoadedModel, PartHealth, ServiceHealth
from tests.support.api import Fixed, make_app


def health(directory: Path, probe: object, **settings: object) -> dict[str, object]:
    answer = TestClient(make_app(directory, None, probe, **settings)).get("/health")
    assert answer.status_code == 200
    return dict(answer.json())


def test_health_without_a_gpu(tmp_path: Path) -> None:
    body = health(tmp_path, Fixed(), version="1.2.3")
    assert body == {
        "status": "ok",
        "gpu_available": False,
        "gpu_name": None,
        "gpu_memory_mb": 0,
        "demo_models": False,
        "version": "1.2.3",
        "parts": [_part("decoder")],
    }


def _part(name: str, ok: bool = True, detail: str = "", **served: object) -> dict[str, object]:
    return {"name": name, "ok": ok, "detail": detail, "served_by": None, "origin": None, "demo": False} | served


def test_health_with_a_gpu(tmp_path: Path) -> None:
    body = health(tmp_path, Fixed(ServiceHealth(GpuInfo(True, "NVIDIA A100", 8188))))
    assert (body["gpu_available"], body["gpu_name"], body["gpu_memory_mb"]) == (True, "NVIDIA A100", 8188)


def test_each_part_says_what_serves_it_and_only_a_synthetic_model_is_a_demo(tmp_path: Path) -> None:
    base = LoadedModel("whisper-base", origin="packages", reason="There is no hub: whisper-base serves in its place.")
    parts = [PartHealth("decoder", True), PartHealth("transcriber-small", True, base.reason, model=base)]
    body = health(tmp_path, Fixed(ServiceHealth(GpuInfo(), parts)))
    assert body["demo_models"] is False and body["status"] == "ok"
    served = _part("transcriber-small", detail=base.reason, served_by="whisper-base", origin="packages")
    assert body["parts"] == [_part("decoder"), served]
    demo = PartHealth("diarizer", True, model=LoadedModel("demo-diarization", True, origin="demo"))
    body = health(tmp_path, Fixed(ServiceHealth(GpuInfo(), [*parts, demo])))
    assert body["demo_models"] is True
    assert body["parts"][-1] == _part("diarizer", served_by="demo-diarization", origin="demo", demo=True)  # type: ignore[index]


def test_models_say_what_serves_when_they_are_asked_for(tmp_path: Path) -> None:
    models = {
        "large-v3-turbo": LoadedModel("whisper-base", origin="packages", reason="There is no hub."),
        "large-v3": LoadedModel("large-v3", origin="hub"),
        "medium": None,
    }
    app = make_app(tmp_path, None, Fixed(ServiceHealth(GpuInfo(), (), models)))
    rows = TestClient(app).get("/v1/models").json()["models"]
    assert {row["id"]: (row["available"], row["served_by"]) for row in rows} == {
        "large-v3-turbo": (False, "whisper-base"),
        "large-v3": (True, "large-v3"),
        "medium": (False, None),
        "small": (None, None),
    }


def test_models_are_listed_whatever_becomes_of_the_question_what_serves(tmp_path: Path) -> None:
    for probe in (Stuck(), Fixed(RuntimeError("inside"))):
        answer = TestClient(make_app(tmp_path, None, probe, health_timeout=0.05)).get("/v1/models")
        assert [(row["available"], row["served_by"]) for row in answer.json()["models"]] == [(None, None)] * 4


def test_a_part_that_cannot_serve_is_named(tmp_path: Path) -> None:
    parts = (PartHealth("decoder", True), PartHealth("transcriber-small", False, "its weights are missing"))
    body = health(tmp_path, Fixed(ServiceHealth(GpuInfo(), parts)))
    assert body["status"] == "degraded"
    assert _part("transcriber-small", False, "its weights are missing") in body["parts"]  # type: ignore[operator]


class Stuck:
    async def health(self) -> ServiceHealth:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


@pytest.mark.parametrize("probe", [Stuck(), Fixed(RuntimeError("inside"))])
def test_a_probe_that_hangs_or_fails_is_itself_what_is_degraded(probe: object, tmp_path: Path) -> None:
    body = health(tmp_path, probe, health_timeout=0.05)
    assert body["status"] == "degraded"
    (part,) = body["parts"]  # type: ignore[misc]
    assert (part["name"], part["ok"]) == ("health", False)
    assert "inside" not in str(body)
