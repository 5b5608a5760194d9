"""The service under the drill of kills: a recording as a job, the deaths of all processes, and what became of it."""

import asyncio
import logging
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import imageio_ffmpeg
import psutil
from moto.server import ThreadedMotoServer

from stt_ai.billing.database import Database
from stt_ai.billing.operators import Operators
from stt_ai.billing.plans import BillingConfig
from stt_ai.billing.service import BillingService
from stt_ai.billing.tables import EntryKind
from stt_ai.environment import STORE_KEYS, StoreKey
from stt_ai.jobs import stored
from stt_ai.storage.opening import open_store
from tests.jobs_drill.recorded import RECORDS, read_records
from tests.support.service import Service, wait_until
from tests.support.word_errors import DATA

CLEAR = ("ten_seconds_01.flac", "ten_seconds_03.flac", "ten_seconds_10.flac")
"""Speech that the demo model is sure of: where it is in doubt it samples, and no two answers need be the same."""
ROUND_S = 30
"""Seconds of the three together."""
CREDITS = 10_000
LEASE_S = 10.0
LOOK_EVERY_S = 1.0
SWEPT_S = 150.0
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

    def __init__(self, folder: Path, location: str, minutes: float, fields: dict[str, str], keys: str) -> None:
        self._records = folder / "records.jsonl"
        self._store = open_store(location, StoreKey.parse_all(keys))
        self._audio = make_recording(folder, minutes)
        self._fields = fields
        self._doomed: Sequence[psutil.Process] = ()
        self.service = Service(
            folder,
            {"jobs": {"store": location, "lease_s": LEASE_S, "poll_s": 0.2}},
            import_path="tests.jobs_drill.recorded:build",
            environment={RECORDS: str(self._records), STORE_KEYS: keys},
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
        status, checked = "", 0.0

        def reached() -> bool:
            nonlocal status, checked
            if time.monotonic() > checked + LOOK_EVERY_S:
                status = self._look(key, job_id)["status"]
                self._doomed = self.service.processes()
                checked = time.monotonic()
            begun = len(set(read_records(self._records, "begun")))
            return status not in ("", "queued", "running") or (status == "running" and begun >= windows)

        wait_until(reached, PATIENCE_S, 0.01)
        return status == "running"

    def kill(self, job_id: str) -> Kill:
        self.service.kill_all(self._doomed)
        begun = read_records(self._records, "begun")
        names = [found.name for found in asyncio.run(self._store.objects(f"{job_id}/{stored.WINDOWS}"))]
        saved = frozenset(int(name.split("-")[0]) for name in names)
        return Kill(len(begun), frozenset(begun) - saved, saved)

    def finish(self, key: str, job_id: str) -> Finished:
        """Wait for the end of the job."""
        wait_until(lambda: self._look(key, job_id)["status"] not in ("queued", "running"), PATIENCE_S, 0.5)
        database = Database(self.service.database_url)
        billing = BillingService(database, BillingConfig())
        account = billing.account(key)
        entries = Operators(billing).entries(account.id, 1000)
        database.close()
        return Finished(
            self._look(key, job_id),
            asyncio.run(self._store.get(stored.key(job_id, stored.RESULT))),
            CREDITS - account.credits,
            sum(entry.kind is EntryKind.SETTLE for entry in entries),
            read_records(self._records, "begun"),
        )

    def leftovers(self) -> Sequence[str]:
        """Return what is in the store and on the disk beside the results, once a sweep has had its time."""

        def found() -> list[str]:
            groups = asyncio.run(self._store.groups())
            objects = [one.name for group in groups for one in asyncio.run(self._store.objects(group))]
            files = [path.name for path in self.service.upload_files()]
            return [name for name in (*objects, *files) if name != stored.RESULT]

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


@contextmanager
def bucket() -> Iterator[str]:
    """Yield the URL of an empty bucket, for which the environment has the credentials."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else a line for each request
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    values = {"ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "secret", "REGION": "us-east-1", "ALLOW_HTTP": "true"}
    for name, value in (values | {"ENDPOINT_URL": f"http://{host}:{port}"}).items():
        os.environ[f"AWS_{name}"] = value
    boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1").create_bucket(Bucket="drill")
    try:
        yield "s3://drill/jobs"
    finally:
        server.stop()


def make_recording(folder: Path, minutes: float) -> Path:
    """Return a WAV file of so many minutes of speech."""
    listed, path = folder / "list.txt", folder / "recording.wav"
    listed.write_text("".join(f"file '{DATA / name}'\n" for name in CLEAR) * max(1, round(60 * minutes / ROUND_S)))
    join = ["-f", "concat", "-safe", "0", "-i", str(listed), "-c:a", "pcm_s16le", str(path)]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *join], check=True)
    return path
