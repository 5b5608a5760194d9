import asyncio
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from stt_ai.types import GpuInfo, PartHealth, ServiceHealth
from tests.unit.api_support import Fixed, make_app


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
        "parts": [{"name": "decoder", "ok": True, "detail": ""}],
    }


def test_health_with_a_gpu_and_demo_models(tmp_path: Path) -> None:
    body = health(tmp_path, Fixed(ServiceHealth(GpuInfo(True, "NVIDIA A100", 8188), (), demo_models=True)))
    assert (body["gpu_available"], body["gpu_name"], body["gpu_memory_mb"]) == (True, "NVIDIA A100", 8188)
    assert body["demo_models"] is True


def test_a_part_that_cannot_serve_is_named(tmp_path: Path) -> None:
    parts = (PartHealth("decoder", True), PartHealth("transcriber-small", False, "its weights are missing"))
    body = health(tmp_path, Fixed(ServiceHealth(GpuInfo(), parts)))
    assert body["status"] == "degraded"
    assert {"name": "transcriber-small", "ok": False, "detail": "its weights are missing"} in body["parts"]  # type: ignore[operator]


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
