"""`stt-ai store encrypt`: what was stored before a key can be read with it afterwards, and with nothing else."""

import asyncio
import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from stt_ai.cli.main import main
from stt_ai.environment import StoreKey
from stt_ai.storage.opening import open_store

OLD, NEW = f"old:{'A' * 43}=", f"new:{'B' * 42}A="
OBJECTS = {"job_1/result.json": b"{}", "job_1/audio": bytes(200_000), "uploads/ada/up_1/pieces/0": b""}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "serve.yaml"
    path.write_text(yaml.safe_dump({"applications": [{"args": {"jobs": {"store": str(tmp_path / "store")}}}]}))
    return path


def encrypt(config: Path, keys: str) -> Result:
    return CliRunner().invoke(
        main, ["--config", str(config), "--json", "store", "encrypt"], env={"STT_AI_STORE_KEYS": keys}
    )


def test_what_was_stored_is_encrypted_once_with_the_first_key(config: Path, tmp_path: Path) -> None:
    location = str(tmp_path / "store")
    plain = open_store(location)
    for key, data in OBJECTS.items():
        asyncio.run(plain.put(key, data))
    for keys in (OLD, f"{NEW},{OLD}"):
        assert json.loads(encrypt(config, keys).output) == {"encrypted": 3}
        assert json.loads(encrypt(config, keys).output) == {"encrypted": 0}
        store = open_store(location, StoreKey.parse_all(keys)[:1])
        assert {key: asyncio.run(store.get(key)) for key in OBJECTS} == OBJECTS
    assert not any(path.read_bytes() == b"{}" for path in (tmp_path / "store").rglob("*.json"))


def test_without_a_key_or_with_another_nothing_is_changed(config: Path, tmp_path: Path) -> None:
    asyncio.run(open_store(str(tmp_path / "store"), StoreKey.parse_all(OLD)).put("job_1/audio", b"sound"))
    before = (tmp_path / "store/job_1/audio").read_bytes()
    for keys, complaint in (("", "no keys"), ("x", "32 bytes in base64"), (NEW, "old is not among the keys")):
        done = encrypt(config, keys)
        assert done.exit_code == 1 and complaint in done.output
    assert (tmp_path / "store/job_1/audio").read_bytes() == before
