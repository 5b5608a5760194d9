"""Resumable uploads: the protocol over HTTP, cut connections, and what is on the disk."""

import base64
import hashlib
import http.client
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from stt_ai.api.app import create_app
from stt_ai.api.services import ApiConfig, Services
from stt_ai.environment import StoreKey
from stt_ai.errors import OffsetMismatch
from stt_ai.sources.resumable import BLOCK, DESCRIPTION, ResumableUpload, ResumableUploads
from stt_ai.storage.encryption import Keyring
from stt_ai.storage.folder import FolderStore
from stt_ai.storage.opening import open_store
from tests.support.api import Fixed, FourModels, Recorder, eventually, serving
from tests.support.billed_api import books, refused
from tests.support.billing import Books

__all__ = ["books"]

KEYS = (StoreKey("2026", b"k" * 32),)
SOUND = bytes(range(256)) * 20_000
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = TUS | {"Content-Type": "application/offset+octet-stream"}


@dataclass
class Service:
    """The API on a port, over the real books."""

    port: int
    folder: Path
    books: Books
    transcription: Recorder

    def ask(self, method: str, path: str, key: str | None, headers: dict[str, str], **options: Any) -> httpx.Response:
        bearer = {"Authorization": f"Bearer {key}"} if key else {}
        url = f"http://127.0.0.1:{self.port}{path}"
        return httpx.request(method, url, headers=bearer | headers, **options)

    def create(self, key: str, length: int = len(SOUND), **headers: str) -> str:
        answer = self.ask("POST", "/v1/uploads", key, TUS | {"Upload-Length": str(length)} | headers)
        assert answer.status_code == 201, answer.text
        assert answer.headers["Location"] == f"/v1/uploads/{answer.json()['id']}"
        return str(answer.headers["Location"])

    def send(self, key: str, path: str, offset: int, data: bytes, **headers: str) -> httpx.Response:
        return self.ask("PATCH", path, key, BYTES | {"Upload-Offset": str(offset)} | headers, content=data)

    def offset(self, key: str, path: str) -> int:
        answer = self.ask("HEAD", path, key, TUS)
        assert (answer.status_code, answer.headers["Cache-Control"], answer.content) == (200, "no-store", b"")
        return int(answer.headers["Upload-Offset"])


@pytest.fixture
def service(books: Books, tmp_path: Path) -> Iterator[Service]:
    store = open_store(str(tmp_path / "store"), KEYS)
    uploads = ResumableUploads(store, max_per_owner=3, min_free_bytes=0, max_pieces=5)
    transcription = Recorder()
    config = ApiConfig(tmp_path / "uploads", "large-v3-turbo")
    parts = (transcription, FourModels(), Fixed(), config)
    with serving(create_app(Services(*parts, billing=books.client, uploads=uploads))) as port:
        yield Service(port, tmp_path / "store", books, transcription)


def test_an_upload_in_pieces_is_transcribed(service: Service) -> None:
    key = service.books.account()
    path = service.create(key, **{"Upload-Metadata": "a YQ==,filename " + base64.b64encode(b"talk.mp3").decode()})
    assert service.offset(key, path) == 0
    incomplete = service.ask("POST", "/v1/transcribe", key, {}, files={"upload_id": (None, path.rsplit("/", 1)[1])})
    refused(incomplete, 400, "upload_incomplete")
    for start in range(0, len(SOUND), 2_000_000):
        answer = service.send(key, path, start, SOUND[start : start + 2_000_000])
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(min(len(SOUND), start + 2_000_000)))
        assert answer.headers["Upload-Expires"].endswith("GMT")
    done = service.ask("POST", "/v1/transcribe", key, {}, files={"upload_id": (None, path.rsplit("/", 1)[1])})
    assert (done.status_code, done.json()["text"]) == (200, "Hello, welcome to the meeting.")
    assert service.transcription.sizes == [len(SOUND)]
    assert service.transcription.uploads[0].filename == "talk.mp3"
    assert service.transcription.heads == [SOUND[: 1 << 16]]
    assert b"".join(pieces(service.folder)) == SOUND


def test_a_cut_connection_keeps_what_came(service: Service) -> None:
    key = service.books.account()
    path = service.create(key)
    connection = http.client.HTTPConnection("127.0.0.1", service.port)
    connection.putrequest("PATCH", path)
    given = BYTES | {"Authorization": f"Bearer {key}", "Upload-Offset": "0", "Content-Length": str(len(SOUND))}
    for name, value in given.items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(SOUND[:3_000_001])
    connection.close()
    assert eventually(lambda: service.offset(key, path) == 3_000_001)
    assert service.send(key, path, 3_000_001, SOUND[3_000_001:]).status_code == 204
    assert b"".join(pieces(service.folder)) == SOUND


def test_a_checksum_is_held_against_the_bytes(service: Service) -> None:
    key = service.books.account()
    path = service.create(key, 10)
    for algorithm in ("sha1", "sha256"):
        wrong = base64.b64encode(hashlib.new(algorithm, b"other").digest()).decode()
        answer = service.send(key, path, 0, b"01234", **{"Upload-Checksum": f"{algorithm} {wrong}"})
        refused(answer, 460, "checksum_mismatch")
    assert service.offset(key, path) == 0
    right = base64.b64encode(hashlib.sha1(b"01234").digest()).decode()
    assert service.send(key, path, 0, b"01234", **{"Upload-Checksum": f"sha1 {right}"}).status_code == 204
    assert service.offset(key, path) == 5
    refused(service.send(key, path, 5, b"0", **{"Upload-Checksum": "crc32 AAAA"}), 400, "invalid_parameter")


def test_the_offset_must_be_exact_and_the_length_is_kept(service: Service) -> None:
    key = service.books.account()
    path = service.create(key, 10)
    assert service.send(key, path, 0, b"01234").status_code == 204
    for offset in (0, 4, 6, 10):
        refused(service.send(key, path, offset, b"x"), 409, "offset_mismatch")
    refused(service.send(key, path, 5, b"567890"), 400, "invalid_parameter")
    refused(service.send(key, path, 5, iter([b"567890"])), 400, "invalid_parameter")  # type: ignore[arg-type]
    assert service.offset(key, path) == 5


def test_what_the_protocol_asks_for_is_refused_without(service: Service) -> None:
    key = service.books.account()
    path = service.create(key, 10)
    for method, where in (("POST", "/v1/uploads"), ("PATCH", path), ("DELETE", path)):
        answer = service.ask(method, where, key, {"Tus-Resumable": "0.2.2", "Upload-Length": "5"})
        refused(answer, 412, "unsupported_tus_version")
        assert answer.headers["Tus-Version"] == "1.0.0"
    refused(service.ask("PATCH", path, key, TUS | {"Upload-Offset": "0"}, content=b"x"), 415, "unsupported_media_type")
    for length in ("", "-1", "x", "1" * 30):
        refused(service.ask("POST", "/v1/uploads", key, TUS | {"Upload-Length": length}), 400, "invalid_parameter")
    refused(service.ask("POST", "/v1/uploads", key, TUS | {"Upload-Length": "0"}), 400, "empty_file")
    options = service.ask("OPTIONS", "/v1/uploads", None, {})
    assert options.headers["Tus-Extension"] == "creation,termination,expiration,checksum"
    assert options.headers["Tus-Version"] == "1.0.0" and "PATCH" in options.headers["Access-Control-Allow-Methods"]


def test_limits_of_plans_and_accounts(service: Service) -> None:
    key = service.books.account()
    refused(service.ask("POST", "/v1/uploads", None, TUS | {"Upload-Length": "5"}), 401, "unauthorized")
    refused(service.ask("POST", "/v1/uploads", key, TUS | {"Upload-Length": "500000001"}), 413, "file_too_large")
    paths = [service.create(key, 10) for _ in range(3)]
    refused(service.ask("POST", "/v1/uploads", key, TUS | {"Upload-Length": "5"}), 429, "rate_limited")
    assert service.ask("DELETE", paths[0], key, TUS).status_code == 204
    service.create(key, 10)


def test_anothers_upload_does_not_exist(service: Service) -> None:
    key, other = service.books.account(), service.books.account()
    path = service.create(key, 10)
    for unknown in (path, "/v1/uploads/up_" + "0" * 32, "/v1/uploads/..%2f..%2fetc", "/v1/uploads/x"):
        refused(service.ask("GET", unknown, other, TUS), 404, "not_found")
    refused(service.send(other, path, 0, b"x"), 404, "not_found")
    refused(service.ask("DELETE", path, other, TUS), 404, "not_found")
    named = service.ask("POST", "/v1/transcribe", other, {}, files={"upload_id": (None, path.rsplit("/", 1)[1])})
    refused(named, 404, "not_found")
    assert service.ask("DELETE", path, key, TUS).status_code == 204
    refused(service.ask("GET", path, key, TUS), 404, "not_found")
    assert not list((service.folder / "uploads").rglob("*"))


async def test_what_expired_is_swept_also_after_a_crash_in_the_sweep(tmp_path: Path) -> None:
    now, store = [time.time()], FolderStore(tmp_path)
    uploads = ResumableUploads(store, expires_s=100, min_free_bytes=0, clock=lambda: now[0])
    half, old, new = [await sent(uploads, owner, b"0123", 10) for owner in ("ada", "ada", "bob")]
    await store.delete(f"{half.group}/{DESCRIPTION}")  # a process died while it deleted this one
    assert await uploads.sweep() == 0
    for upload, names in ((half, half.pieces), (old, (DESCRIPTION, *old.pieces))):
        for name in names:
            os.utime(tmp_path / upload.group / name, (now[0] - 100,) * 2)
    assert await uploads.sweep() == 2
    assert await store.objects(old.group) == await store.objects(half.group) == ()
    assert [found.name for found in await store.objects(new.group)] == [DESCRIPTION, *new.pieces]
    now[0] += 101
    assert await uploads.sweep() == 1
    assert await store.groups() == ()


async def test_using_an_upload_keeps_it_for_longer(tmp_path: Path) -> None:
    uploads = ResumableUploads(FolderStore(tmp_path), expires_s=100, min_free_bytes=0)
    made = await sent(uploads, "ada", b"0123456789", 10)
    for name in (DESCRIPTION, *made.pieces):
        os.utime(tmp_path / made.group / name, (time.time() - 90,) * 2)
    await uploads.find_complete("ada", made.description.id)
    assert (await uploads.find("ada", made.description.id)).expires_at > time.time() + 90


async def test_a_process_that_died_leaves_the_upload_open(tmp_path: Path) -> None:
    uploads = ResumableUploads(FolderStore(tmp_path), min_free_bytes=0)
    made = await sent(uploads, "ada", b"0123", 10)
    async with uploads.appending("ada", made.description.id, 4) as dead:
        await dead.write(b"45")  # and its process is killed: nothing flushes this
    async with uploads.appending("ada", made.description.id, 4) as appender:
        await appender.write(b"456789")
        await appender.flush()
    assert await whole(uploads, "ada", made.description.id) == b"0123456789"


async def test_of_two_who_write_at_once_one_is_told_where_to_go_on(tmp_path: Path) -> None:
    uploads = ResumableUploads(FolderStore(tmp_path), min_free_bytes=0)
    made = (await uploads.create("ada", 10, "")).description.id
    async with uploads.appending("ada", made, 0) as slow, uploads.appending("ada", made, 0) as fast:
        await slow.write(b"0123")
        await fast.write(b"012345")
        await fast.flush()
        with pytest.raises(OffsetMismatch):
            await slow.flush()
    async with uploads.appending("ada", made, 6) as appender:
        await appender.write(b"6789")
        await appender.flush()
    assert await whole(uploads, "ada", made) == b"0123456789"


async def test_what_was_taken_back_is_no_part_of_the_upload(tmp_path: Path) -> None:
    uploads = ResumableUploads(FolderStore(tmp_path), min_free_bytes=0)
    made = (await uploads.create("ada", 2 * BLOCK + 1, "")).description.id
    async with uploads.appending("ada", made, 0) as appender:
        await appender.write(b"x" * BLOCK)
        await appender.write(b"x" * BLOCK)
        async with uploads.appending("ada", made, 2 * BLOCK) as other:
            await other.write(b"y")
            await other.flush()
        await appender.take_back()
    assert (await uploads.find("ada", made)).offset == 0
    async with uploads.appending("ada", made, 0) as appender:
        await appender.write(b"z" * BLOCK)
        await appender.write(b"z" * BLOCK)
    assert await whole(uploads, "ada", made) == b"z" * (2 * BLOCK) + b"y"


def test_an_upload_in_countless_pieces_is_refused(service: Service) -> None:
    key = service.books.account()
    path = service.create(key, 10)
    for offset in range(5):
        assert service.send(key, path, offset, b"x").status_code == 204
    refused(service.send(key, path, 5, b"xxxxx"), 400, "invalid_parameter")


async def sent(uploads: ResumableUploads, owner: str, data: bytes, length: int) -> ResumableUpload:
    """A new upload with ``data``."""
    made = await uploads.create(owner, length, "")
    async with uploads.appending(owner, made.description.id, 0) as appender:
        await appender.write(data)
        await appender.flush()
    return await uploads.find(owner, made.description.id)


async def whole(uploads: ResumableUploads, owner: str, upload_id: str) -> bytes:
    """What a complete upload holds."""
    found = bytearray()

    async def write(piece: bytes) -> None:
        found.extend(piece)

    await uploads.copy(await uploads.find_complete(owner, upload_id), write)
    return bytes(found)


def pieces(folder: Path) -> list[bytes]:
    """The pieces of the only upload in the store, in their order, after what encrypts them is taken off."""
    paths = sorted((folder / "uploads").glob("*/*/pieces/*"))
    return [Keyring(KEYS).decrypted(path.read_bytes(), str(path.relative_to(folder))) for path in paths]
