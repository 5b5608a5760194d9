"""What the running service reports to those who watch it: figures that add up."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.support.observability import Figures, figures, settled, total
from tests.support.service import Service, wait_until
from tests.support.word_errors import DATA

FILES = [DATA / f"ten_seconds_{n:02}.flac" for n in range(1, 9)]
MODEL = "demo-whisper"


def transcribe(service: Service, path: object, key: str, **headers: str) -> httpx.Response:
    with open(str(path), "rb") as file:  # noqa: PTH123
        return httpx.post(
            f"{service.url}/v1/transcribe",
            files={"file": file},
            data={"diarize": "false", "language": "en"},
            headers={"Authorization": f"Bearer {key}", **headers},
            timeout=120,
        )


def test_it_lives_and_is_ready(service: Service) -> None:
    for path in ("/livez", "/readyz"):
        answer = httpx.get(f"{service.url}{path}", timeout=60)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_figures_are_for_operators(service: Service) -> None:
    for headers in ({}, {"Authorization": f"Bearer {service.new_key()}"}):
        answer = httpx.get(f"{service.url}/metrics", headers=headers, timeout=60)
        assert answer.status_code == 401 and "ray_" not in answer.text


def test_figures_add_up(service: Service, three_minutes: Path) -> None:
    """Audio, credits, refusals and batches are counted as they were."""
    key = service.new_key(credits=5)
    before = settled(service)
    with ThreadPoolExecutor(len(FILES)) as callers:
        answers = list(callers.map(lambda path: transcribe(service, path, key), FILES))
    done = [answer.json() for answer in answers if answer.status_code == 200]
    refused = [answer.json()["code"] for answer in answers if answer.status_code != 200]
    assert done and refused  # the plan allows five at once, and five credits
    empty = httpx.post(f"{service.url}/v1/transcribe", files={"file": b""}, timeout=30).json()["code"]
    route = {"route": "/v1/transcribe"}
    expected = {
        ("ray_stt_ai_audio_seconds_total", ("kind", "file")): sum(body["duration"] for body in done),
        ("ray_stt_ai_credits_total", ("entry", "settle")): len(done),
        ("ray_stt_ai_requests_total", ("status", "200")): len(done),
        **{("ray_stt_ai_refusals_total", ("code", code)): refused.count(code) for code in set(refused)},
        ("ray_stt_ai_refusals_total", ("code", empty)): 1,
    }

    def grown(now: Figures, name: str, **labels: str) -> float:
        return total(now, name, **labels) - total(before, name, **labels)

    def of(now: Figures, name: str, label: tuple[str, str]) -> float:
        more = {"requests": route, "refusals": route, "audio": {"model": MODEL}, "credits": {"meter": "credits"}}
        (also,) = (labels for word, labels in more.items() if word in name)
        return grown(now, name, **dict([label]), **also)

    def reported() -> bool:
        now = figures(service)
        return all(of(now, *asked) >= value - 1e-6 for asked, value in expected.items())

    wait_until(reported, every=1)
    now = figures(service)
    for asked, value in expected.items():
        assert of(now, *asked) == pytest.approx(value, abs=1e-6), asked
    transcriber = {"deployment": "transcriber-large-v3-turbo"}

    def reported_by_the_transcriber() -> bool:
        now = figures(service)
        batches = grown(now, "ray_stt_ai_batch_size_count", **transcriber)
        alone = grown(now, "ray_stt_ai_batch_size_bucket", le="1.0", **transcriber)
        jobs = grown(now, "ray_stt_ai_batched_jobs_total", **transcriber)
        seconds = [grown(now, f"ray_stt_ai_{name}_seconds_total", **transcriber) for name in ("batched_audio", "busy")]
        return jobs > len(done) and alone < batches < jobs and min(seconds) > 0  # some shared a batch

    assert grown(now, "ray_stt_ai_realtime_factor_count", model=MODEL) == len(done)
    # Short files may each find a core free; of a long one more windows wait than there are cores.
    assert transcribe(service, three_minutes, service.new_key(credits=10)).status_code == 200
    wait_until(reported_by_the_transcriber, every=1)  # processes do not tell at the same time
    now = figures(service)
    for stage in ("upload", "decode", "transcribe", "attribute"):
        assert grown(now, "ray_stt_ai_stage_seconds_count", stage=stage) >= len(done)
    assert grown(now, "ray_stt_ai_stage_seconds_count", stage="billing") >= 4 * len(done)
    assert total(now, "ray_stt_ai_model_loads_total", outcome="loaded", **transcriber) >= 1
    memory = "ray_stt_ai_replica_memory_bytes"  # reported now and then, and not there in between
    for deployment in ("ingress", "decoder", "billing", "diarizer", "transcriber-large-v3-turbo"):
        wait_until(lambda d=deployment: total(figures(service), memory, deployment=d) > 10_000_000, every=1)
    wait_until(lambda: total(figures(service), "ray_stt_ai_queue_jobs", **transcriber) == 0, 60, every=1)
    assert not any(key in str(labels) for _, labels in now)
