"""A minute of mixed use by callers of all kinds; `python -m tests.benchmarks soak` takes as long as asked."""

import asyncio

import httpx

from tests.benchmarks.load_samples import Process, Sampler
from tests.benchmarks.soak import soak
from tests.support.long_tests import long
from tests.support.service import Service, wait_until

SPARE = 10
"""Files and threads that pools may have taken since."""


def held(service: Service) -> dict[int, Process]:
    return {pid: one for pid, one in Sampler(service).sample().processes.items() if not one.name.startswith("ray")}


@long
def test_whatever_callers_do_for_a_minute_nothing_fails_and_nothing_is_left_open(service: Service) -> None:
    asyncio.run(soak(service, 15, print))
    before = held(service)
    outcomes, _ = asyncio.run(soak(service, 60, print))
    assert not [one for one in outcomes if not one.served and not one.refused]
    wait_until(lambda: not service.upload_files())

    def as_before() -> bool:
        after = held(service)
        return all(
            one.files <= before[pid].files + SPARE and one.threads <= before[pid].threads + SPARE
            for pid, one in after.items()
            if pid in before
        )

    wait_until(as_before, 90)
    assert httpx.get(f"{service.url}/health", timeout=60).json()["status"] == "ok"
