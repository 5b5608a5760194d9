"""From what an operator sets to a store."""

from collections.abc import Sequence
from pathlib import Path

from stt_ai.environment import StoreKey
from stt_ai.storage.bucket import BucketStore
from stt_ai.storage.encrypted import EncryptedStore
from stt_ai.storage.encryption import Keyring
from stt_ai.storage.folder import FolderStore
from stt_ai.storage.store import Store


def open_store(location: str, keys: Sequence[StoreKey] = ()) -> Store:
    """Return the store in the folder or at the URL that ``location`` is, encrypted where there are ``keys``.

    Raise `ValueError` for a URL that cannot be opened.
    """
    within: Store = BucketStore.at(location) if "://" in location else FolderStore(Path(location))
    return EncryptedStore(within, Keyring(keys)) if keys else within
