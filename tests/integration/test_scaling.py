"""Replicas of the running service come with the work and go without it, and models with their callers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.benchmarks.fixed_cost import entry
from tests.support.long_tests import long
from tests.support.service import Service, wait_until
from tests.support.word_errors import DATA

MAX = 3
FILES = 4
CLIP, TALK = DATA / "hello_3s.flac", DATA / "ten_minutes.opus"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Its models sleep, so that many replicas have room on a small machine; all the rest is the service."""
    folder = tmp_path_factory.mktemp("scaling")
    models = [entry(name, folder / "models") for name in ("usual", "kept", "rare")]
    catalogue = {"default": "usual", "offer": ["usual", "kept", "rare"], "extra": models}
    arguments: dict[str, dict[str, Any]] = {
        "models": {"catalogue": catalogue, "preload": ["kept"], "load_wait_s": 0.5},
        "transcriber": {"max_replicas": MAX, "target_audio_s": 120, "downscale_delay_s": 5, "idle_unload_s": 5},
    }
    service = Service(folder, arguments, import_path="tests.benchmarks.fixed_cost:build")
    try:
        service.start()
        yield service
    finally:
        service.stop()


def send(service: Service, path: Any = CLIP, model: str = "usual") -> httpx.Response:
    fields = {"model": model, "language": "en", "diarize": "false"}
    return httpx.post(f"{service.url}/v1/transcribe", files={"file": path.open("rb")}, data=fields, timeout=300)


def count(service: Service, model: str) -> int:
    return len(service.replicas(f"transcriber-{model}"))


@long
def test_a_rare_model_is_waited_for_a_while_and_leaves_when_nobody_wants_it(service: Service) -> None:
    assert (count(service, "usual"), count(service, "kept"), count(service, "rare")) == (1, 1, 0)
    refused = send(service, model="rare")
    assert (refused.status_code, refused.json()["code"]) == (503, "model_loading")
    assert int(refused.headers["Retry-After"]) > 0
    wait_until(lambda: send(service, model="rare").status_code == 200, 120, every=1)
    assert count(service, "rare") == 1
    wait_until(lambda: count(service, "rare") == 0, 180)
    assert send(service, model="rare").status_code == 503
    assert send(service, model="kept").status_code == 200
    assert count(service, "kept") == 1


@long
def test_replicas_come_with_the_audio_that_waits_and_go_again(service: Service) -> None:
    with ThreadPoolExecutor(FILES) as pool:
        calls = [pool.submit(send, service, TALK) for _ in range(FILES)]
        wait_until(lambda: count(service, "usual") == MAX, 120)
        assert [call.result().status_code for call in calls] == [200] * FILES
    wait_until(lambda: count(service, "usual") == 1, 180)
    assert send(service).status_code == 200
