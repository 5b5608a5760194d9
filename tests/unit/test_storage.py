"""Stores: whatever is behind the port, what was put is there, whole, and nothing else is."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from stt_ai.environment import StoreKey
from stt_ai.storage.bucket import BucketStore
from stt_ai.storage.encrypted import EncryptedStore
from stt_ai.storage.encryption import Keyring
from stt_ai.storage.folder import ABANDONED_S, FolderStore
from stt_ai.storage.opening import open_store
from stt_ai.storage.store import Store

KEYS = (StoreKey("2026", b"k" * 32),)
SIZES = (0, 1, 65_535, 65_536, 65_537, 200_000)


def _folder(path: Path) -> Store:
    return FolderStore(path)


def _bucket(path: Path) -> Store:
    return BucketStore(MemoryStore())


def _encrypted(within: Callable[[Path], Store]) -> Callable[[Path], Store]:
    return lambda path: EncryptedStore(within(path), Keyring(KEYS))


@pytest.fixture(
    params=[_folder, _bucket, _encrypted(_folder), _encrypted(_bucket)],
    ids=["folder", "bucket", "encrypted folder", "encrypted bucket"],
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    made: Store = request.param(tmp_path / "store")
    return made


async def names(store: Store, group: str) -> list[str]:
    return [found.name for found in await store.objects(group)]


async def test_what_was_put_is_there(store: Store, tmp_path: Path) -> None:
    path, copy = tmp_path / "file", tmp_path / "copy"
    for size in SIZES:
        data = os.urandom(size)
        path.write_bytes(data)
        await store.put("job_1/result.json", data)
        await store.put_file("job_1/audio", path)
        assert await store.get("job_1/result.json") == await store.get("job_1/audio") == data
        assert await store.get_file("job_1/audio", copy)
        assert copy.read_bytes() == data
        assert [(found.name, found.size) for found in await store.objects("job_1")] == [
            ("audio", size),
            ("result.json", size),
        ]


async def test_what_is_not_there_is_none_and_may_be_deleted(store: Store, tmp_path: Path) -> None:
    assert await store.get("job_1/audio") is None
    assert not await store.get_file("job_1/audio", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert await store.objects("job_1") == await store.groups() == ()
    await store.delete("job_1/audio")
    await store.delete_group("job_1")


async def test_of_several_who_store_a_new_object_one_wins(store: Store) -> None:
    assert await store.put_new("up/1", b"first")
    assert not await store.put_new("up/1", b"second")
    assert await store.get("up/1") == b"first"
    assert await names(store, "up") == ["1"]


async def test_groups_are_apart(store: Store) -> None:
    for key in ("job_1/audio", "job_1/windows/1.json", "job_10/audio", "up/a/b/c"):
        await store.put(key, b"x")
    assert await store.groups() == ("job_1", "job_10", "up")
    assert await names(store, "job_1") == ["audio", "windows/1.json"]
    await store.delete_group("job_1/windows")
    assert await names(store, "job_1") == ["audio"]
    await store.delete_group("job_1")
    await store.delete("up/a/b/c")
    assert await names(store, "job_1") == await names(store, "up") == []
    assert await names(store, "job_10") == ["audio"]


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "a//b", "a/..", ".parts/x", "a/b/../../..", "", "a\0b", "a/"])
async def test_no_key_leads_out_of_the_store(store: Store, key: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        await store.put(key, b"x")
    with pytest.raises(ValueError, match="no key"):
        await store.delete_group(key)


async def test_a_folder_is_for_its_user_alone(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    await store.put("job_1/windows/1.json", b"x")
    paths = [tmp_path / "store", tmp_path / "store" / "job_1/windows/1.json"]
    assert [path.stat().st_mode & 0o077 for path in paths] == [0, 0]


async def test_what_a_killed_writer_left_is_no_object_and_is_swept(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    await store.put("job_1/audio", b"x")
    parts = [tmp_path / ".parts" / name for name in ("old", "new")]
    for part in parts:
        part.write_bytes(b"half")
    os.utime(parts[0], (0, time.time() - ABANDONED_S))
    await store.sweep()
    assert [part.exists() for part in parts] == [False, True]
    assert await store.groups() == ("job_1",)


async def test_an_empty_group_leaves_no_folder(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    await store.put("uploads/owner/up_1/info", b"x")
    await store.delete_group("uploads/owner/up_1")
    assert await store.groups() == ()


def test_a_location_is_opened_as_what_it_is(tmp_path: Path) -> None:
    assert isinstance(open_store(str(tmp_path)), FolderStore)
    assert isinstance(open_store("s3://bucket/prefix"), BucketStore)
    assert isinstance(open_store("s3://bucket/prefix", KEYS), EncryptedStore)
