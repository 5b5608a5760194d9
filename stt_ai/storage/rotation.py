"""Encrypts what is stored already: after the first key was set, and after a new one was put before the others."""

import asyncio
import tempfile
from pathlib import Path

from stt_ai.storage.encryption import HEADER_BYTES, MAGIC, Keyring
from stt_ai.storage.store import Store


async def encrypt_all(within: Store, keyring: Keyring) -> int:
    """Encrypt with the first key all that is not; return how many objects. ``within``: the store without encryption.

    May be ended and begun again at any time. Raise `UnreadableError` for what can be read with none of the keys.
    """
    encrypted = 0
    with tempfile.TemporaryDirectory() as folder:
        stored, made = Path(folder) / "stored", Path(folder) / "made"
        for group in await within.groups():
            for found in await within.objects(group):
                key = f"{group}/{found.name}"
                if await within.get_file(key, stored) and await asyncio.to_thread(_encrypt, keyring, stored, made, key):
                    await within.put_file(key, made)
                    encrypted += 1
    return encrypted


def _encrypt(keyring: Keyring, stored: Path, made: Path, key: str) -> bool:
    """Write to ``made`` what is ``stored``, encrypted with the first key; return False where it is so already."""
    with stored.open("rb") as source:
        header = source.read(HEADER_BYTES)
    if keyring.is_current(header):
        return False
    plain = stored
    if header.startswith(MAGIC):
        plain = stored.with_suffix(".plain")
        with stored.open("rb") as source, plain.open("wb") as target:
            keyring.decrypt(source, target, key)
    with plain.open("rb") as source, made.open("wb") as target:
        keyring.encrypt(source, target, key)
    return True
