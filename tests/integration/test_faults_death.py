"""Processes that are killed during files and streams: callers have what they asked for, once, and pay for it once."""

from pathlib import Path
from typing import Any

import pytest

from tests.faults import Faults
from tests.integration.test_faults import ten_minutes, undisturbed
from tests.integration.under_way import MODEL, Talking, Transcribing, Work, answers, charged, recovered
from tests.long import long
from tests.service import Service, kill, wait_until

__all__ = ["ten_minutes", "undisturbed"]

REPLICA = "ray::ServeReplica:stt_ai:"
VICTIMS = {
    "HAProxy": "haproxy",
    "ingress": REPLICA + "ingress",
    "billing": REPLICA + "billing",
    "decoder": REPLICA + "decoder",
    "transcriber": REPLICA + MODEL,
    "diarizer": REPLICA + "diarizer",
    "fallback proxy": "ray::ProxyActor",
    "Serve's controller": "ray::ServeController",
    "HAProxy's manager": "ray::HAProxyManager",
}
CUT = {"ingress", "HAProxy", "HAProxy's manager"}
"""Whose death a caller notices, for the connection is gone."""


def chosen(*always: str) -> list[Any]:
    return [victim if victim in always else pytest.param(victim, marks=long) for victim in VICTIMS]


def victims(service: Service, victim: str) -> list[Any]:
    if victim == "HAProxy":
        return [process for process in service.processes() if process.name() == "haproxy"]
    return service.titled(VICTIMS[victim])


@pytest.mark.parametrize("victim", chosen("transcriber", "decoder", "HAProxy"))
def test_a_file_is_answered_and_charged_once(
    service: Service, ten_minutes: Path, undisturbed: dict[str, Any], faults: Faults, victim: str
) -> None:
    key = service.new_key(credits=50)
    asked = {"language": "en", "diarize": victim == "diarizer"}
    work = Work(service.replicas("diarizer" if victim == "diarizer" else MODEL))
    file = Transcribing(service, key, ten_minutes, asked)
    wait_until(work.under_way)
    dead = victims(service, victim)
    assert dead
    fault = faults.begin(f"{victim} killed", "a file")
    kill(dead)
    recovered(service, lambda: victims(service, victim), dead)
    fault.over()
    assert file.result() == undisturbed["text"]
    assert file.sent == 1 or victim in CUT
    credits = charged(service, key, 50)
    assert credits == 10
    assert not service.upload_files()
    fault.tell(file.saw, f"{credits}, once")


@pytest.mark.parametrize("victim", [pytest.param(name, marks=long) for name in VICTIMS])
def test_a_stream_goes_on_where_it_was(service: Service, manifest: dict[str, Any], faults: Faults, victim: str) -> None:
    key = service.new_key(credits=50)
    wait_until(lambda: answers(service))
    stream = Talking(service, key)
    wait_until(lambda: len(stream.finals) >= 1)
    dead = victims(service, victim)
    assert dead
    acknowledged = stream.finals
    fault = faults.begin(f"{victim} killed", "a stream")
    kill(dead)
    recovered(service, lambda: victims(service, victim), dead)
    fault.over()
    stream.told_all(manifest, acknowledged)
    assert stream.connections == 1 or victim in CUT
    credits = charged(service, key, 50)
    assert 1 <= credits <= stream.connections
    fault.tell(stream.saw, f"{credits} of {stream.connections} begun minutes")
