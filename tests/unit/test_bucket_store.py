"""The store in a bucket, over HTTP, with a server that speaks as S3 does."""

import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from stt_ai.environment import StoreKey
from stt_ai.errors import Unavailable
from stt_ai.jobs import stored
from stt_ai.jobs.messages import JobStatus
from stt_ai.storage import bucket
from stt_ai.storage.opening import open_store
from stt_ai.storage.store import Store
from tests.support.billing import Books
from tests.unit.test_job_runner import Workshop
from tests.unit.test_pipeline import SpeakingClock, spoken

KEYS = (StoreKey("2026", b"k" * 32),)
PART = 5 << 20


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadedMotoServer]:
    made = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def endpoint(server: ThreadedMotoServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server's address, as the environment names it to who opens a bucket there."""
    host, port = server.get_host_and_port()
    values = {"ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "secret", "REGION": "us-east-1", "ALLOW_HTTP": "true"}
    for name, value in (values | {"ENDPOINT_URL": f"http://{host}:{port}"}).items():
        monkeypatch.setenv(f"AWS_{name}", value)
    boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1").create_bucket(Bucket="stt")
    return f"http://{host}:{port}"


@pytest.fixture(params=[(), KEYS], ids=["plain", "encrypted"])
def store(request: pytest.FixtureRequest, endpoint: str, tmp_path: Path) -> Store:
    return open_store(f"s3://stt/{tmp_path.name}", request.param)


def contents(endpoint: str) -> dict[str, bytes]:
    """All that the bucket has, as the server gives it to another client."""
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    keys = [found["Key"] for found in client.list_objects_v2(Bucket="stt").get("Contents", ())]
    return {key: client.get_object(Bucket="stt", Key=key)["Body"].read() for key in keys}


async def test_objects_small_and_in_parts_are_kept_listed_and_erased(store: Store, tmp_path: Path) -> None:
    path, copy, data = tmp_path / "file", tmp_path / "copy", os.urandom(2 * PART + 1000)
    path.write_bytes(data)
    await store.put_file("job_1/audio", path)
    await store.put("job_1/windows/1.json", b"one")
    assert await store.put_new("job_2/audio", b"first")
    assert not await store.put_new("job_2/audio", b"second")
    assert await store.get_file("job_1/audio", copy)
    assert copy.read_bytes() == data
    assert (await store.get("job_2/audio"), await store.get("job_3/audio")) == (b"first", None)
    assert [(one.name, one.size) for one in await store.objects("job_1")] == [
        ("audio", len(data)),
        ("windows/1.json", 3),
    ]
    assert await store.groups() == ("job_1", "job_2")
    await store.delete("job_1/audio")
    await store.delete_group("job_1")
    await store.delete_group("job_1")
    assert await store.groups() == ("job_2",)


async def test_a_job_is_resumed_from_a_bucket_and_leaves_its_result_alone(
    store: Store, endpoint: str, books: Books, tmp_path: Path
) -> None:
    workshop = Workshop(books, tmp_path, store)
    job = await workshop.queue()
    finished = await workshop.die(1, spoken(windows=3))
    last = SpeakingClock()
    await workshop.work(last, spoken(windows=3))
    assert workshop.status(job) is JobStatus.SUCCEEDED
    assert len(finished) == 1 and not finished & {index for index, _ in last.recognized}
    assert await workshop.kept(job) == (stored.RESULT,)
    kept = {key: data for key, data in contents(endpoint).items() if key.startswith(f"{tmp_path.name}/{job}/")}
    assert list(kept) == [f"{tmp_path.name}/{job}/{stored.RESULT}"]
    [data] = kept.values()
    assert data.startswith(b"{") is isinstance(store, bucket.BucketStore)


async def test_a_bucket_that_does_not_answer_is_unavailable(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(bucket, "RETRIES", 0)
    store = open_store("s3://stt/prefix")
    for asking in (store.get("job_1/audio"), store.put("job_1/audio", b"x"), store.objects("job_1"), store.groups()):
        with pytest.raises(Unavailable):
            await asking
