"""Processes that are killed during files and streams: callers have what they asked for, once, and pay for it once."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_faults import ten_minutes, undisturbed
from tests.support.concurrent_clients import MODEL, Talking, Transcribing, Work, answers, charged, recovered
from tests.support.fault_report import Faults
from tests.support.long_tests import long
from tests.support.service import Service, kill, program, wait_until

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
        return [process for process in service.processes() if program(process) == "haproxy"]
    return service.titled(VICTIMS[victim])


@pytest.mark.parametrize("victim", chosen("transcriber"))
def test_a_file_and_a_stream_go_on(
    service: Service,
    ten_minutes: Path,
    undisturbed: dict[str, Any],
    manifest: dict[str, Any],
    faults: Faults,
    victim: str,
) -> None:
    key, other = service.new_key(credits=50), service.new_key(credits=50)
    wait_until(lambda: answers(service), 300)
    stream = Talking(service, other)
    work = Work(service.replicas("diarizer" if victim == "diarizer" else MODEL))
    file = Transcribing(service, key, ten_minutes, {"language": "en", "diarize": victim == "diarizer"})
    wait_until(lambda: work.under_way() and bool(stream.finals))
    acknowledged = stream.finals
    dead = victims(service, victim)
    assert dead
    fault = faults.begin(f"{victim} killed", "a file and a stream")
    kill(dead)
    recovered(service, lambda: victims(service, victim), dead)
    fault.over()
    assert file.result() == undisturbed["text"]
    stream.reported_all(manifest, acknowledged)
    assert (file.sent, stream.connections) == (1, 1) or victim in CUT
    paid, begun = charged(service, key, 50), charged(service, other, 50)
    assert paid == 10 and 1 <= begun <= stream.connections
    assert not service.upload_files()
    fault.tell(f"{file.saw}; {stream.saw}", f"{paid}, once; {begun} of {stream.connections} begun minutes")
