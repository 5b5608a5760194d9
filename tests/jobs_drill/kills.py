"""One recording as two jobs: one undisturbed, one with every process of the service killed at seeded moments.

Each process is killed with SIGKILL and the whole service started again on the same database and store. The second
result must be the first one byte for byte, be charged once, and no window that was in the store at a kill may be
transcribed again after it. What was transcribed is counted from the records of the transcribers themselves.
"""

import argparse
import random
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import imageio_ffmpeg
import psutil

from stt_ai.billing.database import Database
from stt_ai.billing.operators import Operators
from stt_ai.billing.plans import BillingConfig
from stt_ai.billing.service import BillingService
from stt_ai.billing.tables import EntryKind
from stt_ai.jobs import stored
from tests.jobs_drill.recorded import RECORDS, read_records
from tests.support.service import Service, wait_until
from tests.support.word_errors import DATA

CLEAR = ("ten_seconds_01.flac", "ten_seconds_03.flac", "ten_seconds_10.flac")
"""Speech that the demo model is sure of: where it is in doubt it samples, and no two answers need be the same."""
ROUND_S = 30
"""Seconds of the three together."""
CREDITS = 10_000
LEASE_S = 10.0
JITTER_S = 0.3
LOOK_EVERY_S = 1.0
SWEPT_S = 150.0
LATEST = 0.9
"""Of the windows."""
PATIENCE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Finished:
    """A job that has ended. ``settlements``: of its account in the ledger. ``transcribed``: windows, as often as each
    was begun.
    """

    job: dict[str, Any]
    result: bytes | None
    credits: int
    settlements: int
    transcribed: Sequence[int]


@dataclass(frozen=True, slots=True)
class Kill:
    """The death of all processes. ``records``: how many windows had been begun, each counted as often as it was.

    ``under_way``: windows that were begun and not in the store. ``saved``: those in the store.
    """

    records: int
    under_way: frozenset[int]
    saved: frozenset[int]


class Drill:
    """The service, and what its transcribers write down."""

    def __init__(self, folder: Path, minutes: float, fields: dict[str, str]) -> None:
        self._records = folder / "records.jsonl"
        self._store = folder / "jobs"
        self._audio = make_recording(folder, minutes)
        self._fields = fields
        self._doomed: Sequence[psutil.Process] = ()
        self.service = Service(
            folder,
            {"jobs": {"store": str(self._store), "lease_s": LEASE_S, "poll_s": 0.2}},
            import_path="tests.jobs_drill.recorded:build",
            environment={RECORDS: str(self._records)},
        )

    def queue(self, key: str) -> str:
        """Send the recording; return the job's id."""
        self._records.unlink(missing_ok=True)
        begun = time.monotonic()
        with self._audio.open("rb") as file:
            headers, url = {"Authorization": f"Bearer {key}"}, f"{self.service.url}/v1/jobs"
            answer = httpx.post(url, files={"file": file}, data=self._fields, headers=headers, timeout=600)
        assert answer.status_code == 202, answer.text
        print(f"  {self._audio.stat().st_size / 1e6:.0f} MB accepted in {time.monotonic() - begun:.1f} s", flush=True)
        return str(answer.json()["id"])

    def await_moment(self, key: str, job_id: str, windows: int) -> bool:
        """Return True once the job runs and so many of its windows were begun, False if it has ended."""
        status, looked = "", 0.0

        def reached() -> bool:
            nonlocal status, looked
            if time.monotonic() > looked + LOOK_EVERY_S:
                status = self._look(key, job_id)["status"]
                self._doomed = self.service.processes()
                looked = time.monotonic()
            begun = len(set(read_records(self._records, "begun")))
            return status not in ("", "queued", "running") or (status == "running" and begun >= windows)

        wait_until(reached, PATIENCE_S, 0.01)
        return status == "running"

    def kill(self, job_id: str) -> Kill:
        self.service.kill_all(self._doomed)
        begun = read_records(self._records, "begun")
        names = (self._store / job_id / stored.WINDOWS).glob("*.json")
        saved = frozenset(int(path.name.split("-")[0]) for path in names)
        return Kill(len(begun), frozenset(begun) - saved, saved)

    def finish(self, key: str, job_id: str) -> Finished:
        """Wait for the end of the job."""
        wait_until(lambda: self._look(key, job_id)["status"] not in ("queued", "running"), PATIENCE_S, 0.5)
        path = self._store / stored.key(job_id, stored.RESULT)
        database = Database(self.service.database_url)
        billing = BillingService(database, BillingConfig())
        account = billing.account(key)
        entries = Operators(billing).entries(account.id, 1000)
        database.close()
        return Finished(
            self._look(key, job_id),
            path.read_bytes() if path.exists() else None,
            CREDITS - account.credits,
            sum(entry.kind is EntryKind.SETTLE for entry in entries),
            read_records(self._records, "begun"),
        )

    def leftovers(self) -> Sequence[str]:
        """Return what is on the disk beside the results, once a sweep has had its time."""

        def found() -> list[str]:
            files = [path for path in self._store.rglob("*") if path.is_file() and path.name != stored.RESULT]
            return [path.name for path in (*files, *self.service.upload_files())]

        with suppress(AssertionError):
            wait_until(lambda: not found(), SWEPT_S, 1)
        return found()

    def disagreements(self) -> Sequence[str]:
        """Return in what the ledger does not agree with itself."""
        database = Database(self.service.database_url)
        found = Operators(BillingService(database, BillingConfig())).reconcile()
        database.close()
        return found

    def _look(self, key: str, job_id: str) -> dict[str, Any]:
        headers, url = {"Authorization": f"Bearer {key}"}, f"{self.service.url}/v1/jobs/{job_id}"
        with suppress(httpx.TransportError):
            answer = httpx.get(url, headers=headers, timeout=60)
            if answer.is_success:
                return dict(answer.json())
        return {"status": "running"}  # as long as nobody says otherwise


def make_recording(folder: Path, minutes: float) -> Path:
    """Return a WAV file of so many minutes of speech."""
    listed, path = folder / "list.txt", folder / "recording.wav"
    listed.write_text("".join(f"file '{DATA / name}'\n" for name in CLEAR) * max(1, round(60 * minutes / ROUND_S)))
    join = ["-f", "concat", "-safe", "0", "-i", str(listed), "-c:a", "pcm_s16le", str(path)]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *join], check=True)
    return path


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
    with tempfile.TemporaryDirectory(prefix="stt-drill-") as folder:
        drill = Drill(Path(folder), chosen.minutes, {"diarize": str(chosen.diarize).lower()})
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
    parser.set_defaults(run=run)
