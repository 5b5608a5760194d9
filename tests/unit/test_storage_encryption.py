"""What is encrypted: it can be read with its key under its name, and nothing else can be read at all."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.environment import StoreKey
from stt_ai.errors import InternalError
from stt_ai.storage.encrypted import EncryptedStore
from stt_ai.storage.encryption import (
    CHUNK_BYTES,
    HEADER_BYTES,
    TAG_BYTES,
    Keyring,
    UnreadableError,
    decrypted_size,
)
from stt_ai.storage.folder import FolderStore

OLD, NEW = StoreKey("2025", b"o" * 32), StoreKey("2026", b"n" * 32)
SEALED = CHUNK_BYTES + TAG_BYTES
TEXT = bytes(range(256)) * 1000  # three whole chunks and a part of one


def flipped(data: bytes, at: int) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def reordered(data: bytes) -> bytes:
    head, rest = data[:HEADER_BYTES], data[HEADER_BYTES:]
    return head + rest[SEALED : 2 * SEALED] + rest[:SEALED] + rest[2 * SEALED :]


def spliced(data: bytes) -> bytes:
    """With a chunk of another file in the place of its own."""
    other = Keyring([NEW]).encrypted(TEXT, "job_1/audio")
    begin = HEADER_BYTES + SEALED
    return data[:begin] + other[begin : begin + SEALED] + data[begin + SEALED :]


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda data: b"",
    "the header alone": lambda data: data[:HEADER_BYTES],
    "half a header": lambda data: data[: HEADER_BYTES // 2],
    "the last chunk cut off": lambda data: data[: HEADER_BYTES + 3 * SEALED],
    "a byte cut off": lambda data: data[:-1],
    "a byte more": lambda data: data + b"\0",
    "a chunk more": lambda data: data + data[HEADER_BYTES : HEADER_BYTES + SEALED],
    "chunks reordered": reordered,
    "a chunk of another file": spliced,
    "another magic": lambda data: flipped(data, 0),
    "another key's id": lambda data: flipped(data, 8),
    "another salt": lambda data: flipped(data, HEADER_BYTES - 1),
    "a bit of the text": lambda data: flipped(data, HEADER_BYTES + 10),
    "a bit of a tag": lambda data: flipped(data, len(data) - 1),
    "plain text": lambda data: TEXT,
}


@given(size=st.one_of(st.integers(0, 3 * CHUNK_BYTES), st.sampled_from([CHUNK_BYTES, 2 * CHUNK_BYTES])))
def test_any_size_comes_back_and_is_known_from_the_encrypted_one(size: int) -> None:
    ring, data = Keyring([NEW]), TEXT[:size]
    encrypted = ring.encrypted(data, "a")
    assert ring.decrypted(encrypted, "a") == data
    assert decrypted_size(len(encrypted)) == len(data)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_what_was_changed_is_refused(change: Callable[[bytes], bytes]) -> None:
    ring = Keyring([NEW])
    encrypted = ring.encrypted(TEXT, "job_1/audio")
    assert ring.decrypted(encrypted, "job_1/audio") == TEXT
    with pytest.raises(UnreadableError):
        ring.decrypted(change(encrypted), "job_1/audio")


def test_a_file_under_the_name_of_another_is_refused() -> None:
    ring = Keyring([NEW])
    with pytest.raises(UnreadableError, match="another name"):
        ring.decrypted(ring.encrypted(TEXT, "job_1/result.json"), "job_2/result.json")


def test_another_key_under_the_same_id_is_refused() -> None:
    encrypted = Keyring([NEW]).encrypted(TEXT, "a")
    with pytest.raises(UnreadableError):
        Keyring([StoreKey(NEW.id, b"x" * 32)]).decrypted(encrypted, "a")


def test_the_same_text_is_never_encrypted_alike() -> None:
    ring = Keyring([NEW])
    assert ring.encrypted(TEXT, "a")[-1000:] != ring.encrypted(TEXT, "a")[-1000:]


def test_keys_are_rotated_by_putting_the_new_one_first() -> None:
    before = Keyring([OLD]).encrypted(TEXT, "a")
    both = Keyring([NEW, OLD])
    after = both.encrypted(TEXT, "a")
    assert both.decrypted(before, "a") == both.decrypted(after, "a") == TEXT
    assert (both.is_current(before), both.is_current(after)) == (False, True)
    assert Keyring([NEW]).decrypted(after, "a") == TEXT
    with pytest.raises(UnreadableError, match="2025 is not among the keys"):
        Keyring([NEW]).decrypted(before, "a")


def test_a_file_is_never_in_memory_as_a_whole() -> None:
    class Counting(io.BytesIO):
        largest = 0

        def read(self, size: int | None = -1) -> bytes:
            self.largest = max(self.largest, size or 0) if size != -1 else 1 << 60
            return super().read(size)

    source, encrypted = Counting(TEXT), io.BytesIO()
    Keyring([NEW]).encrypt(source, encrypted, "a")
    read = Counting(encrypted.getvalue())
    Keyring([NEW]).decrypt(read, io.BytesIO(), "a")
    assert max(source.largest, read.largest) <= SEALED


def files(folder: Path) -> dict[str, bytes]:
    """The content of all files, by name."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


async def test_nothing_on_the_disk_holds_a_text(tmp_path: Path) -> None:
    store = EncryptedStore(FolderStore(tmp_path / "store"), Keyring([NEW]))
    secret = b"Nobody shall read this. " * 10
    path = tmp_path / "recording"
    path.write_bytes(secret)
    await store.put("job_1/result.json", secret)
    await store.put_file("job_1/audio", path)
    path.unlink()
    kept = files(tmp_path)
    assert list(kept) == ["store/job_1/audio", "store/job_1/result.json"]
    assert not any(b"Nobody" in data for data in kept.values())


async def test_a_foreign_object_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    within = FolderStore(tmp_path / "store")
    store = EncryptedStore(within, Keyring([NEW]))
    await within.put("job_1/audio", b"not ours")
    with pytest.raises(InternalError):
        await store.get("job_1/audio")
    with pytest.raises(InternalError):
        await store.get_file("job_1/audio", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("bmV3", "32 bytes in base64"),
        (":bmV3", "without an id"),
        ("a" * 17 + ":bmV3", "without an id"),
        ("2026:bmV3", "32 bytes in base64"),
        ("2026:?", "32 bytes in base64"),
        (f"a:{'A' * 43}=,a:{'B' * 42}A=", "two keys of one id"),
    ],
)
def test_keys_that_are_none_are_refused_with_what_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        StoreKey.parse_all(text)


def test_keys_are_read_in_their_order_and_never_shown() -> None:
    keys = StoreKey.parse_all(f"new:{'A' * 43}=, old:{'/' * 42}8=,")
    assert [(key.id, len(key.secret)) for key in keys] == [("new", 32), ("old", 32)]
    assert "x00" not in repr(keys)
