"""One recording as two jobs: one undisturbed, one with every process of the service killed at seeded moments.

Each process is killed with SIGKILL and the whole service started again on the same database and store. The second
result must be the first one byte for byte, be charged once, and no window that was in the store at a kill may be
transcribed again after it. What was transcribed is counted from the records of the transcribers themselves.
"""

import argparse
import base64
import os
import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from tests.jobs_drill.killed_service import CREDITS, Drill, Finished, Kill, bucket

JITTER_S = 0.3
LATEST = 0.9
"""Of the windows."""


def faults(undisturbed: Finished, disturbed: Finished, kills: Sequence[Kill], wanted: int) -> list[str]:
    """Return in what the disturbed job is not as it should be."""
    found = [] if len(kills) == wanted else [f"the job ended after {len(kills)} of {wanted} kills"]
    for name, one in (("undisturbed", undisturbed), ("disturbed", disturbed)):
        if one.job["status"] != "succeeded":
            found.append(f"the {name} job: {one.job['status']}, {one.job['error']}")
        if one.settlements != 1 or one.credits != undisturbed.credits:
            found.append(f"the {name} job: {one.settlements} charges, {one.credits} credits")
    if undisturbed.result is None or undisturbed.result != disturbed.result:
        found.append("the results differ")
    if set(disturbed.transcribed) != set(undisturbed.transcribed):
        found.append("the windows differ")
    for number, kill in enumerate(kills, 1):
        if again := kill.saved & set(disturbed.transcribed[kill.records :]):
            found.append(f"saved at kill {number}, and transcribed again after it: {sorted(again)}")
    more = len(disturbed.transcribed) - len(undisturbed.transcribed)
    if more > sum(len(kill.under_way) for kill in kills):
        found.append(f"{more} windows more than undisturbed")
    return found


def disturb(drill: Drill, key: str, job_id: str, windows: int, kills: int, seed: int) -> list[Kill]:
    """Kill the service at seeded moments of the job: the first while its recording is decoded, then one in each of as
    many equal parts of it, but for its very end, when it may be done before the service says that it is ready.
    """
    draw = random.Random(seed)
    moments = [0, *(round(LATEST * windows * (part + draw.random()) / (kills - 1)) for part in range(kills - 1))]
    done: list[Kill] = []
    for moment in moments:
        if not drill.await_moment(key, job_id, moment):
            break
        time.sleep(draw.random() * JITTER_S)
        done.append(drill.kill(job_id))
        under_way, saved = len(done[-1].under_way), len(done[-1].saved)
        print(f"  kill {len(done)}: at {moment} of {windows} windows; {saved} saved, {under_way} under way", flush=True)
        print(f"  started again in {drill.service.start():.0f} s", flush=True)
    return done


def run(chosen: argparse.Namespace) -> bool:
    """Return whether something is not as it should be."""
    with (
        tempfile.TemporaryDirectory(prefix="stt-drill-") as folder,
        bucket() if chosen.bucket else nullcontext(f"{folder}/jobs") as location,
    ):
        keys = f"drill:{base64.b64encode(os.urandom(32)).decode()}" if chosen.encrypt else ""
        drill = Drill(Path(folder), location, chosen.minutes, {"diarize": str(chosen.diarize).lower()}, keys)
        try:
            print(f"{chosen.minutes:g} minutes of audio; started in {drill.service.start():.0f} s", flush=True)
            key, other = drill.service.new_key(CREDITS), drill.service.new_key(CREDITS)
            begun = time.monotonic()
            undisturbed = drill.finish(key, drill.queue(key))
            windows = len(set(undisturbed.transcribed))
            print(f"  undisturbed: {windows} windows in {time.monotonic() - begun:.0f} s", flush=True)
            job_id = drill.queue(other)
            kills = disturb(drill, other, job_id, windows, chosen.kills, chosen.seed)
            disturbed = drill.finish(other, job_id)
            found = [*faults(undisturbed, disturbed, kills, chosen.kills), *drill.disagreements()]
            found += [f"{name} is left" for name in drill.leftovers()]
        finally:
            drill.service.stop()
    again = len(disturbed.transcribed) - windows
    print(f"{windows} windows, {again} of them begun again, attempt {disturbed.job['attempt']}, ", end="")
    print(f"{disturbed.credits} credits; {'; '.join(found) or 'as it should be'}")
    return bool(found)


def add_parser(drills: Any) -> None:
    """Add this drill to the command line."""
    parser = drills.add_parser("kill", help="kill every process of the service while a job runs", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20, help="of audio")
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--diarize", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--bucket", action="store_true", help="keep jobs in a bucket, not in a folder")
    parser.add_argument("--encrypt", action=argparse.BooleanOptionalAction, default=True)
    parser.set_defaults(run=run)
