"""A redeploy under load, and a second node: it shares the work of one file, and may die of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.integration.test_faults import ten_minutes, undisturbed
from tests.integration.test_stream import CLEAR
from tests.support.concurrent_clients import MODEL, Talking, Transcribing, Work, answers, charged
from tests.support.fault_report import Faults
from tests.support.long_tests import long
from tests.support.second_ray_node import SecondNode
from tests.support.service import Service, wait_until
from tests.support.word_errors import DATA

__all__ = ["ten_minutes", "undisturbed"]

ON_TWO_NODES = {"name": MODEL, "num_replicas": 2, "autoscaling_config": None, "max_replicas_per_node": 1}


class Callers(threading.Thread):
    """Files one after the other, each sent once by somebody who does not ask again."""

    def __init__(self, service: Service) -> None:
        super().__init__(daemon=True)
        self._service = service
        self._enough = threading.Event()
        self.outcomes: list[str] = []
        self.start()

    def run(self) -> None:
        with (DATA / "hello_3s.flac").open("rb") as file:
            content = file.read()
        while not self._enough.is_set():
            try:
                answer = httpx.post(
                    f"{self._service.url}/v1/transcribe",
                    files={"file": content},
                    data={"language": "en", "diarize": "false", "response_format": "txt"},
                    timeout=120,
                )
                self.outcomes.append(f"{answer.status_code} {answer.text.strip()}")
            except httpx.HTTPError as error:
                self.outcomes.append(repr(error))

    def __enter__(self) -> "Callers":
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self.join(150)


def replaced(service: Service, before: dict[str, set[int]]) -> bool:
    """Whether no deployment has a replica of before. What is loaded on first use need not have another."""
    return bool(service.deployed()) and all(pids.isdisjoint(service.running(name)) for name, pids in before.items())


def gone(service: Service, before: dict[str, set[int]]) -> bool:
    living = {process.pid for process in service.processes()}
    return not living & set().union(*before.values())


def all_replicas(service: Service) -> dict[str, set[int]]:
    return {name: pids for name in service.deployed() if (pids := set(service.running(name)))}


@long
def test_a_redeploy_under_load_drops_nothing(
    service: Service, ten_minutes: Path, undisturbed: dict[str, Any], manifest: dict[str, Any], faults: Faults
) -> None:
    key = service.new_key(credits=50)
    wait_until(lambda: bool(service.deployed()))
    before = all_replicas(service)
    with Callers(service) as callers:
        stream, file = Talking(service, key, CLEAR + CLEAR[:1]), Transcribing(service, key, ten_minutes)
        wait_until(lambda: bool(stream.finals) and len(callers.outcomes) > 1)
        acknowledged = stream.finals
        fault = faults.begin("redeploy", "files and a stream")
        service.deploy({"transcriber": {"max_batch": 4}})
        wait_until(lambda: replaced(service, before), 300)
        wait_until(lambda: service.is_well() and answers(service), 300)
        fault.over()
    outcomes = callers.outcomes
    assert set(outcomes) == {"200 Hello Emma and welcome from London."}
    assert (file.result(), file.sent) == (undisturbed["text"], 1)
    stream.reported_all(manifest, acknowledged)
    assert stream.connections == 1
    credits = charged(service, key, 50)
    assert credits == 10 + 1
    fault.tell(f"{len(outcomes)} files' texts, {stream.saw}", f"{credits}, once")
    wait_until(lambda: gone(service, before), 120)


@contextmanager
def second_node(service: Service) -> Iterator[SecondNode]:
    node = SecondNode(service)
    try:
        yield node
    finally:
        node.kill()


def on_both(service: Service) -> bool:
    return len(set(service.running(MODEL).values())) == 2


@long
def test_two_nodes_share_a_file_and_one_of_them_dies(
    service: Service, ten_minutes: Path, undisturbed: dict[str, Any], manifest: dict[str, Any], faults: Faults
) -> None:
    key = service.new_key(credits=50)
    with second_node(service) as node:
        service.deploy(deployments=[ON_TWO_NODES])
        wait_until(lambda: on_both(service), 240)
        (far,) = [process for process in node.processes() if process.pid in service.running(MODEL)]
        (near,) = [process for process in service.replicas(MODEL) if process.pid in service.running(MODEL)]
        work = Work([near, far])
        assert Transcribing(service, key, ten_minutes).result() == undisturbed["text"]
        assert min(work.done()) > 0.1 * sum(work.done()), "windows of one file were transcribed on both"
        stream = Talking(service, key)
        wait_until(lambda: bool(stream.finals))
        work = Work([near, far])
        file = Transcribing(service, key, ten_minutes)
        wait_until(work.under_way)
        acknowledged = stream.finals
        fault = faults.begin("second node killed", "a file and a stream")
        node.kill()
        text = file.result()
        wait_until(lambda: service.is_well() and answers(service), 300)
        fault.over()
        assert (text, file.sent) == (undisturbed["text"], 1)
        stream.reported_all(manifest, acknowledged)
        credits = charged(service, key, 50)
        assert (stream.connections, credits) == (1, 10 + 10 + 1)
        fault.tell(f"{file.saw}; {stream.saw}", f"{credits}, once")
    service.deploy()
    wait_until(lambda: bool(service.deployed()) and service.is_well(), 240)
