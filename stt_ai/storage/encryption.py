"""Authenticated encryption of files of any size in bounded memory.

The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance", CRYPTO 2015) over AES-256-GCM, with the nonce as in age (C2SP, "The age file encryption format"):
eleven bytes count the chunks and the twelfth says whether it is the last. So chunks cannot be cut off, added, reordered
or taken from another file. Each file has a key of its own, which HKDF-SHA256 (RFC 5869) derives from the keyring's key,
a random salt, and the file's name: a file under the name of another is refused.

    magic (8 bytes), key's id (16 bytes, filled up with zeros), salt (32 bytes), then chunks of 64 KiB and 16 bytes each
"""

import io
import os
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from stt_ai.environment import StoreKey

MAGIC = b"STTAIv1\0"
ID_BYTES = 16
SALT_BYTES = 32
HEADER_BYTES = len(MAGIC) + ID_BYTES + SALT_BYTES
CHUNK_BYTES = 64 << 10
TAG_BYTES = 16
_SEALED_BYTES = CHUNK_BYTES + TAG_BYTES


class UnreadableError(Exception):
    """The file is not what was stored under its name, or its key is not here; the message says which."""


class Keyring:
    """Encrypts with the first of its keys and decrypts with any. There must be one."""

    def __init__(self, keys: Sequence[StoreKey]) -> None:
        self._current = keys[0]
        self._secrets = {key.id: key.secret for key in keys}

    def encrypt(self, source: BinaryIO, target: BinaryIO, name: str) -> None:
        """Write what ``source`` holds to ``target``, to be read under ``name`` alone."""
        salt = os.urandom(SALT_BYTES)
        cipher = _cipher(self._current.secret, salt, name)
        target.write(MAGIC + self._current.id.encode().ljust(ID_BYTES, b"\0") + salt)
        for nonce, chunk in _numbered(source, CHUNK_BYTES):
            target.write(cipher.encrypt(nonce, chunk, None))

    def decrypt(self, source: BinaryIO, target: BinaryIO, name: str) -> None:
        """Write what was encrypted to ``target``. Raise `UnreadableError`: then all that was written is worthless."""
        header = source.read(HEADER_BYTES)
        if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
            raise UnreadableError("it is not encrypted")
        key_id = header[len(MAGIC) : len(MAGIC) + ID_BYTES].rstrip(b"\0").decode("ascii", "replace")
        if key_id not in self._secrets:
            raise UnreadableError(f"its key {key_id} is not among the keys")
        cipher = _cipher(self._secrets[key_id], header[-SALT_BYTES:], name)
        for nonce, sealed in _numbered(source, _SEALED_BYTES):
            try:
                target.write(cipher.decrypt(nonce, sealed, None))
            except InvalidTag:
                raise UnreadableError("it was changed, cut off, or stored under another name") from None

    def encrypted(self, data: bytes, name: str) -> bytes:
        """Return ``data`` as `encrypt` writes it."""
        target = io.BytesIO()
        self.encrypt(io.BytesIO(data), target, name)
        return target.getvalue()

    def decrypted(self, data: bytes, name: str) -> bytes:
        """Return what `encrypted` got. Raise `UnreadableError`."""
        target = io.BytesIO()
        self.decrypt(io.BytesIO(data), target, name)
        return target.getvalue()

    def is_current(self, header: bytes) -> bool:
        """Return whether a file that begins with ``header`` was encrypted with the first key."""
        return header[:HEADER_BYTES].startswith(MAGIC + self._current.id.encode().ljust(ID_BYTES, b"\0"))


def decrypted_size(size: int) -> int:
    """Return how many bytes are in an encrypted file of ``size`` bytes."""
    chunks = max(1, -(-(size - HEADER_BYTES) // _SEALED_BYTES))
    return max(0, size - HEADER_BYTES - TAG_BYTES * chunks)


def _cipher(secret: bytes, salt: bytes, name: str) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt, b"stt_ai store v1\0" + name.encode()).derive(secret))


def _numbered(source: BinaryIO, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield each chunk of the rest of ``source`` after its nonce. There is at least one, if an empty one."""
    chunk, number = source.read(size), 0
    while True:
        following = source.read(size)
        yield number.to_bytes(11, "big") + (b"\0" if following else b"\1"), chunk
        if not following:
            return
        chunk, number = following, number + 1
