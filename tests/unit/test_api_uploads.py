import asyncio
import fcntl
import multiprocessing
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from stt_ai.api.http.uploads import BLOCK, TemporaryUpload, sweep_stale
from stt_ai.errors import StorageFull
from tests.support.api import Recorder, eventually, form, make_app


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


async def test_what_is_written_in_pieces_is_the_file(tmp_path: Path) -> None:
    file = TemporaryUpload.create(tmp_path / "new" / "folder")
    pieces = [os.urandom(size) for size in (1, BLOCK - 1, 3 * BLOCK + 7, 0, 5, 100_000)]
    for piece in pieces:
        await file.write(piece)
    await file.flush()
    assert file.path.read_bytes() == b"".join(pieces)
    assert file.size == file.path.stat().st_size
    await file.remove()
    assert not names(file.path.parent)


async def test_only_we_can_read_uploads(tmp_path: Path) -> None:
    file = TemporaryUpload.create(tmp_path / "uploads")
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700
    await file.remove()


async def test_a_full_disk_is_told_to_the_caller(tmp_path: Path) -> None:
    file = TemporaryUpload(tmp_path / "never", os.open("/dev/full", os.O_WRONLY))
    with pytest.raises(StorageFull) as caught:
        await file.write(b"x" * BLOCK)
        await file.flush()
    assert caught.value.retry_after >= 1
    await file.remove()


async def test_a_slow_disk_slows_the_caller_alone_and_fills_no_memory(tmp_path: Path) -> None:
    """A pipe takes no more than somebody reads from it."""
    reading, writing = os.pipe()
    file = TemporaryUpload(tmp_path / "never", writing)
    blocks = [os.urandom(BLOCK) for _ in range(8)]
    taken = 0

    async def send() -> None:
        nonlocal taken
        for block in blocks:
            await file.write(block)
            taken += 1
        await file.flush()

    sending = asyncio.create_task(send())
    for _ in range(1000):  # others have their turns meanwhile
        await asyncio.sleep(0)
    assert not sending.done() and taken <= 2
    read = b""
    while len(read) < len(blocks) * BLOCK:
        read += await asyncio.to_thread(os.read, reading, BLOCK)
    await sending
    assert read == b"".join(blocks)
    await file.remove()
    os.close(reading)


async def test_removing_goes_through_although_the_caller_is_cancelled(tmp_path: Path) -> None:
    file = TemporaryUpload.create(tmp_path)
    await file.write(b"x" * 5 * BLOCK)
    removal = asyncio.create_task(file.remove())
    await asyncio.sleep(0)
    removal.cancel()
    with pytest.raises(asyncio.CancelledError):
        await removal
    assert await asyncio.to_thread(eventually, lambda: not names(tmp_path))


async def test_removing_waits_for_a_write_in_flight(tmp_path: Path) -> None:
    """Closing under a writing thread could send its bytes to whoever gets the descriptor next."""
    reader, writer = os.pipe()
    file = TemporaryUpload(tmp_path / "pipe", writer)
    await file.write(b"x" * BLOCK)
    removal = asyncio.create_task(file.remove())
    done, _ = await asyncio.wait([removal], timeout=0.05)
    assert not done
    os.fstat(writer)
    received = 0
    while received < BLOCK:
        received += len(await asyncio.to_thread(os.read, reader, BLOCK))
    await removal
    os.close(reader)


def leave_behind(directory: Path, process: int, age: float = 0.0) -> Path:
    path = directory / f"stt-ai-{process}-{uuid.uuid4().hex}"
    path.write_bytes(b"x")
    os.utime(path, (time.time() - age,) * 2)
    return path


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


async def test_a_sweep_removes_what_the_dead_left_and_nothing_else(tmp_path: Path) -> None:
    in_use = TemporaryUpload.create(tmp_path)
    os.utime(in_use.path, (0, 0))
    stale = [leave_behind(tmp_path, dead_process()), leave_behind(tmp_path, os.getpid(), age=3600)]
    just_made = leave_behind(tmp_path, os.getpid())
    others = [tmp_path / name for name in ("notes.txt", "stt-ai-notes", f"stt-ai-1x-{'0' * 32}")]
    for other in others:
        other.write_bytes(b"x")
    assert sweep_stale(tmp_path) == len(stale)
    assert names(tmp_path) == {path.name for path in (in_use.path, just_made, *others)}
    await in_use.remove()


def test_a_sweep_of_no_folder_is_nothing(tmp_path: Path) -> None:
    assert sweep_stale(tmp_path / "missing") == 0


def hold(directory: str, ready: object, done: object) -> None:
    file = TemporaryUpload.create(Path(directory))
    os.utime(file.path, (0, 0))
    ready.set()  # type: ignore[attr-defined]
    done.wait()  # type: ignore[attr-defined]


def test_a_killed_process_leaves_a_file_that_the_next_start_removes(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    process = context.Process(target=hold, args=(str(tmp_path), ready, done), daemon=True)
    process.start()
    try:
        assert ready.wait(300)
        with TestClient(make_app(tmp_path)):
            assert len(list(tmp_path.iterdir())) == 1, "a file in use by another replica was taken away"
    finally:
        process.kill()
        process.join()
    assert len(list(tmp_path.iterdir())) == 1
    with TestClient(make_app(tmp_path)):
        assert not list(tmp_path.iterdir())


async def test_a_lock_marks_a_file_in_use(tmp_path: Path) -> None:
    file = TemporaryUpload.create(tmp_path)
    with file.path.open("rb") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    await file.remove()


def test_without_room_on_the_disk_an_upload_is_refused_before_it_is_read(tmp_path: Path) -> None:
    service = Recorder()
    tmp_path.mkdir(exist_ok=True)
    client = TestClient(make_app(tmp_path, service, min_free_bytes=1 << 60))
    body, headers = form(("file", "a.mp3", b"sound"))
    answer = client.post("/v1/transcribe", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_full")
    assert int(answer.headers["Retry-After"]) >= 1
    assert not service.requests


def test_a_folder_that_cannot_be_written_is_a_503_that_shows_no_path(tmp_path: Path) -> None:
    (tmp_path / "uploads").write_text("a file where the folder should be")
    client = TestClient(make_app(tmp_path / "uploads"))
    answer = client.post("/v1/transcribe", files={"file": b"sound"})
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_full")
    assert str(tmp_path) not in answer.text
