"""From an entry to a folder, with the real hub client against a hub on the loopback."""

import hashlib
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ctranslate2
import huggingface_hub
import pytest
from huggingface_hub import constants
from pydantic import ValidationError

from stt_ai.errors import ModelUnavailable
from stt_ai.models import fetch, progress, resume, snapshot, speech_models
from stt_ai.models.catalogue import ModelEntry
from stt_ai.models.fetch import demo_path
from stt_ai.models.speech_models import DEMO_LABEL
from stt_ai.models.wanted import ResolvedModel, Source, SourceSettings
from tests.support.model_hub import COMMIT, LoopbackHub, write_model

REPO = "someone/faster-whisper-small"
ENTRY = ModelEntry(id="small", name="Small", repo=REPO, mel_bins=80, packaged=None)
MB = 1 << 20
CHUNK = 10 * MB
"""The client writes what it receives in pieces of this size, so this is what survives a cut."""
PATIENCE = 120.0
"""Seconds that another process may take, on however busy a machine."""
TOKEN = "hf_aSecretThatMustNotBeLogged"

HUB_TIMEOUT = 60.0
"""Seconds that the loopback's hub may take to answer, on a busy machine too."""


def resolve(
    entry: ModelEntry, source: Source, local_dir: Path | None = None, cache_dir: Path | None = None, **where: Any
) -> ResolvedModel:
    where = {"hub_timeout": HUB_TIMEOUT} | where
    return speech_models.resolve(
        entry, SourceSettings(source=source, local_dir=local_dir, cache_dir=cache_dir, **where)
    )


needs_demo = pytest.mark.skipif(
    not (Path(fetch.__file__).parent / "demo/whisper/model.bin").is_file(), reason="the demo model is not made yet"
)


@pytest.fixture(autouse=True, scope="module")
def _straight_to_the_loopback() -> Iterator[None]:
    """Not through a proxy of the environment (the client reads that when it is made), and nowhere else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        patch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
        huggingface_hub.close_session()
        yield
    huggingface_hub.close_session()


@pytest.fixture(autouse=True)
def _no_login_of_the_developer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr(snapshot, "_unreachable", {})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


@pytest.fixture
def large_model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model", padding=24 * MB)


@pytest.fixture
def hub(model: Path) -> Iterator[LoopbackHub]:
    with LoopbackHub() as hub:
        hub.add(REPO, model)
        yield hub


@pytest.fixture
def large_hub(large_model: Path) -> Iterator[LoopbackHub]:
    with LoopbackHub() as hub:
        hub.add(REPO, large_model)
        yield hub


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def closed_port() -> int:
    """A port of the loopback on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def same_files(folder: Path, hub: LoopbackHub) -> bool:
    return {path.name: path.read_bytes() for path in folder.iterdir()} == hub.repos[REPO]


def run_elsewhere(code: str, **environment: str) -> subprocess.Popen[str]:
    """Another process, with nothing of this one's Hugging Face environment and all the time in the world."""
    patience = {"HF_HUB_DOWNLOAD_TIMEOUT": "600", "HF_HUB_ETAG_TIMEOUT": "600"}
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=inherited | {"HF_HUB_DISABLE_TELEMETRY": "1"} | patience | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


RESOLVE = f"""
import logging
from stt_ai.models.catalogue import ModelEntry
from stt_ai.models.wanted import SourceSettings
from stt_ai.models.speech_models import resolve
logging.basicConfig(level=logging.DEBUG)
entry = ModelEntry(id="small", name="Small", repo="{REPO}", mel_bins=80)
model = resolve(entry, SourceSettings(source="hub", hub_timeout={HUB_TIMEOUT}))
print(model.origin, model.path)
"""


# What is fetched, and from where


def test_a_first_download_brings_the_whole_model_and_nothing_else(hub: LoopbackHub, cache: Path) -> None:
    found = resolve(ENTRY, "hub", cache_dir=cache, endpoint=hub.endpoint)
    assert (found.label, found.demo, found.reason, found.origin) == ("small", False, "", "hub")
    assert same_files(found.path, hub)
    assert len(hub.downloads("model.bin")) == 1
    assert {asked.name for asked in hub.asked} == {*hub.repos[REPO], "main"}


@pytest.mark.parametrize("source", ["hub", "auto"])
def test_a_second_start_asks_nobody(hub: LoopbackHub, cache: Path, source: Source) -> None:
    first = resolve(ENTRY, source, cache_dir=cache, endpoint=hub.endpoint)
    asked = len(hub.asked)
    second = resolve(ENTRY, source, cache_dir=cache, endpoint=hub.endpoint)
    assert (second.path, second.origin, second.demo) == (first.path, "cache", False)
    assert len(hub.asked) == asked


def test_a_local_folder_comes_before_the_hub(hub: LoopbackHub, cache: Path, tmp_path: Path) -> None:
    local = write_model(tmp_path / "models" / "small")
    found = resolve(ENTRY, "auto", tmp_path / "models", cache, endpoint=hub.endpoint)
    assert (found.path, found.origin, found.label) == (local, "folder", "small")
    own = ENTRY.model_copy(update={"folder": local, "repo": None})
    assert resolve(own, "hub").path == local
    assert hub.asked == []


def test_a_damaged_local_folder_is_an_error_not_a_download(hub: LoopbackHub, cache: Path, tmp_path: Path) -> None:
    local = write_model(tmp_path / "models" / "small")
    (local / "tokenizer.json").unlink()
    with pytest.raises(ModelUnavailable, match=r"small cannot be used: .*small has no tokenizer\.json; mend or remove"):
        resolve(ENTRY, "auto", tmp_path / "models", cache, endpoint=hub.endpoint)
    assert hub.asked == []


def test_an_entry_with_neither_repository_nor_folder_says_so() -> None:
    with pytest.raises(ModelUnavailable, match=r"names no hub repository.*models\.local_dir"):
        resolve(ModelEntry(id="mine", name="Mine"), "hub")


def test_large_files_may_come_from_another_host_which_never_sees_the_token(
    hub: LoopbackHub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.token, hub.cdn = TOKEN, True
    found = resolve(ENTRY, "hub", cache_dir=cache, endpoint=hub.endpoint)
    assert same_files(found.path, hub)
    elsewhere = [asked for asked in hub.asked if asked.path.startswith("/cdn/")]
    assert elsewhere
    assert all("authorization" not in asked.headers for asked in elsewhere)


# Downloads that break


@pytest.mark.parametrize("reset", [False, True])
def test_a_cut_connection_asks_only_for_the_missing_bytes(large_hub: LoopbackHub, cache: Path, reset: bool) -> None:
    large_hub.cuts, large_hub.reset = [22 * MB], reset
    found = resolve(ENTRY, "hub", cache_dir=cache, endpoint=large_hub.endpoint)
    assert same_files(found.path, large_hub)
    ranges = [asked.headers.get("range") for asked in large_hub.downloads("model.bin")]
    assert ranges[0] is None
    assert ranges[1:] in ([f"bytes={CHUNK}-"], [f"bytes={2 * CHUNK}-"]), "a reset may lose what was under way"


def test_the_next_start_goes_on_where_the_last_gave_up(
    large_hub: LoopbackHub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume, "SECONDS_BETWEEN_TRIES", 0.0)
    large_hub.cuts, large_hub.down_after_cuts = [12 * MB], True
    with pytest.raises(ModelUnavailable, match=r"broke off \(it answers 503\); what arrived is kept"):
        resolve(ENTRY, "auto", cache_dir=cache, endpoint=large_hub.endpoint)
    large_hub.down_after_cuts = False
    large_hub.asked.clear()
    found = resolve(ENTRY, "auto", cache_dir=cache, endpoint=large_hub.endpoint)
    assert same_files(found.path, large_hub)
    assert [asked.headers.get("range") for asked in large_hub.downloads("model.bin")] == [f"bytes={CHUNK}-"]


def test_a_damaged_leftover_is_not_believed(hub: LoopbackHub, cache: Path) -> None:
    sha = hashlib.sha256(hub.repos[REPO]["model.bin"]).hexdigest()
    blobs = cache / f"models--{REPO.replace('/', '--')}" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{sha}.incomplete").write_bytes(b"x" * 100)
    found = resolve(ENTRY, "hub", cache_dir=cache, endpoint=hub.endpoint)
    assert same_files(found.path, hub)
    assert [asked.headers.get("range") for asked in hub.downloads("model.bin")] == ["bytes=100-", None]


@pytest.mark.parametrize("damage", [b"", b"same size"])
@pytest.mark.parametrize("name", ["model.bin", "config.json"])
def test_a_damaged_cache_is_mended(hub: LoopbackHub, cache: Path, name: str, damage: bytes) -> None:
    found = resolve(ENTRY, "hub", cache_dir=cache, endpoint=hub.endpoint)
    blob = (found.path / name).resolve()
    blob.write_bytes(bytes(blob.stat().st_size) if damage == b"same size" else damage)
    again = resolve(ENTRY, "hub", cache_dir=cache, endpoint=hub.endpoint)
    assert again.origin == "hub"
    assert same_files(again.path, hub)


def test_a_download_that_lacked_files_is_completed(hub: LoopbackHub, cache: Path) -> None:
    tokenizer = hub.repos[REPO].pop("tokenizer.json")
    with pytest.raises(ModelUnavailable, match=r"has no tokenizer\.json"):
        resolve(ENTRY, "auto", cache_dir=cache, endpoint=hub.endpoint)
    hub.repos[REPO]["tokenizer.json"] = tokenizer
    assert same_files(resolve(ENTRY, "auto", cache_dir=cache, endpoint=hub.endpoint).path, hub)


def test_two_processes_download_once(large_hub: LoopbackHub, cache: Path) -> None:
    large_hub.hold = threading.Event()
    environment = {"HF_ENDPOINT": large_hub.endpoint, "HF_HUB_CACHE": str(cache)}
    processes = [run_elsewhere(RESOLVE, **environment) for _ in range(2)]
    large_hub.wait_for(2, "main")
    large_hub.wait_for(2, "tokenizer.json", "HEAD")
    large_hub.wait_for(1, "model.bin")
    large_hub.hold.set()
    for process in processes:
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
        assert out.startswith("hub ")
    assert len(large_hub.downloads("model.bin")) == 1


def test_a_cache_that_cannot_be_written_is_not_blamed_on_the_hub(hub: LoopbackHub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelUnavailable, match=r"the cache .*file/cache cannot be written: Not a directory"):
        resolve(ENTRY, "auto", cache_dir=tmp_path / "file" / "cache", endpoint=hub.endpoint)


# A hub that cannot be reached


def unreachable(hub: LoopbackHub, how: str) -> dict[str, Any]:
    if how == "closed port":
        return {"endpoint": f"http://127.0.0.1:{closed_port()}"}
    if how == "unknown name":
        return {"endpoint": "http://no-such-hub.invalid", "hub_timeout": 5.0}
    hub.silent, hub.trickle = how == "silence", how == "a trickle"
    hub.status = {"503": 503, "a firewall": 403}.get(how)
    hub.page = b"<html>Welcome to our network</html>" if how in ("a portal", "a firewall") else None
    return {"endpoint": hub.endpoint, "hub_timeout": 0.5 if hub.silent or hub.trickle else HUB_TIMEOUT}


HOWS = ["closed port", "unknown name", "silence", "a trickle", "503", "a portal", "a firewall"]


@pytest.mark.parametrize("how", HOWS)
def test_an_unreachable_hub_is_an_error_that_says_what_to_do(hub: LoopbackHub, cache: Path, how: str) -> None:
    where = unreachable(hub, how)
    with pytest.raises(ModelUnavailable) as raised:
        resolve(ENTRY, "hub", cache_dir=cache, **where)
    sentence = raised.value.message
    wanted = ["small", where["endpoint"], "HF_ENDPOINT", "HF_TOKEN", "models.local_dir", "models.source to demo"]
    assert [word for word in wanted if word not in sentence] == []
    assert sentence.count("\n") == 0
    assert len(hub.asked) <= 1, "it must not try again and again"


@needs_demo
@pytest.mark.parametrize("how", HOWS)
def test_auto_falls_back_to_the_demo_with_a_warning(
    hub: LoopbackHub, cache: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    where = unreachable(hub, how)
    found = resolve(ENTRY, "auto", cache_dir=cache, **where)
    assert (found.demo, found.label, found.origin, found.path) == (True, DEMO_LABEL, "demo", demo_path())
    assert found.reason.startswith(
        "small is not here, since the model hub cannot be reached: demo-whisper serves in its"
    )
    assert where["endpoint"] not in found.reason, "callers learn nothing about the inside"
    warnings = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING and r.name.startswith("stt_ai")]
    assert [w for w in warnings if w.startswith("DEMO MODEL IN USE instead of small") and where["endpoint"] in w]


# A hub that answers, but refuses


@pytest.mark.parametrize("source", ["hub", "auto"])
@pytest.mark.parametrize(
    ("trouble", "complaint"),
    [
        ({"token": TOKEN}, r"does not give access to someone/\S+ \(401\); no token was sent: set HF_TOKEN"),
        ({"token": TOKEN, "listed": True}, r"does not give access to someone/\S+ \(401\); no token was sent"),
        ({"repos": {}}, r"has no someone/\S+ at revision main \(404\)"),
        ({"status": 403}, r"does not give access to someone/\S+ \(403\)"),
        ({"status": 429}, r"asks for fewer requests \(429\)"),
    ],
)
def test_a_refusal_is_an_error_and_never_quietly_the_demo(
    hub: LoopbackHub, cache: Path, source: Source, trouble: dict[str, Any], complaint: str
) -> None:
    for name, value in trouble.items():
        setattr(hub, name, value)
    with pytest.raises(ModelUnavailable, match=complaint):
        resolve(ENTRY, source, cache_dir=cache, endpoint=hub.endpoint)


@pytest.mark.parametrize("listed", [False, True])
def test_a_token_opens_a_gated_repository_and_is_never_logged(
    hub: LoopbackHub, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, listed: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    hub.token, hub.listed = TOKEN, listed
    monkeypatch.setenv("HF_TOKEN", "hf_anotherSecret")
    with pytest.raises(ModelUnavailable, match=r"\(403\); the token that was sent does not allow it") as raised:
        resolve(ENTRY, "hub", cache_dir=cache, endpoint=hub.endpoint)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    resolve(ENTRY, "hub", cache_dir=cache, endpoint=hub.endpoint)
    assert hub.asked[-1].headers["authorization"] == f"Bearer {TOKEN}"
    for secret in (TOKEN, "hf_anotherSecret"):
        assert secret not in caplog.text
        assert secret not in str(raised.value)


@pytest.mark.parametrize("source", ["hub", "auto"])
@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("model.bin", b"<!DOCTYPE html><html>Sign in</html>", "model.bin is not a CTranslate2 model"),
        ("model.bin", b"", "model.bin is empty"),
        ("model.bin", None, r"has no model\.bin: it is not a CTranslate2 model"),
        ("tokenizer.json", None, r"has no tokenizer\.json"),
        ("config.json", b"<html>", r"config\.json is not JSON"),
    ],
)
def test_wrong_files_are_described(
    hub: LoopbackHub, cache: Path, source: Source, name: str, content: bytes | None, complaint: str
) -> None:
    hub.repos[REPO].pop(name)
    if content is not None:
        hub.repos[REPO][name] = content
    with pytest.raises(ModelUnavailable, match=f"small .*{complaint}"):
        resolve(ENTRY, source, cache_dir=cache, endpoint=hub.endpoint)


def test_a_name_that_no_repository_can_have_is_described(cache: Path) -> None:
    entry = ENTRY.model_copy(update={"repo": "someone/two--dashes"})
    with pytest.raises(ModelUnavailable, match="someone/two--dashes is not a name that a repository can have"):
        resolve(entry, "auto", cache_dir=cache)


def test_wrong_mel_bins_and_half_a_file_are_described(hub: LoopbackHub, cache: Path) -> None:
    entry = ENTRY.model_copy(update={"mel_bins": 128})
    with pytest.raises(ModelUnavailable, match=f"80 mel bins where 128 are expected; set another .* than {REPO}"):
        resolve(entry, "hub", cache_dir=cache, endpoint=hub.endpoint)
    hub.repos[REPO]["model.bin"] = hub.repos[REPO]["model.bin"][:-20]
    with pytest.raises(ModelUnavailable, match=r"model\.bin is cut off after \d+ bytes"):
        resolve(ENTRY, "hub", cache_dir=cache / "other", endpoint=hub.endpoint)


def test_content_other_than_announced_is_not_kept(
    hub: LoopbackHub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced = hub.repos[REPO]["model.bin"]
    monkeypatch.setattr("tests.support.model_hub._sha256", lambda content: hashlib.sha256(b"else").hexdigest())
    with pytest.raises(ModelUnavailable, match="does not have the content that the hub announced"):
        resolve(ENTRY, "hub", cache_dir=cache, endpoint=hub.endpoint)
    assert [path for path in cache.rglob("*") if path.is_file() and path.stat().st_size == len(announced)] == []


# The environment that Hugging Face users know


def test_endpoint_token_and_cache_come_from_the_environment(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.token = TOKEN
    home = tmp_path / "home"
    process = run_elsewhere(RESOLVE, HF_ENDPOINT=hub.endpoint, HF_TOKEN=TOKEN, HF_HOME=str(home))
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    folder = home / "hub" / f"models--{REPO.replace('/', '--')}" / "snapshots" / COMMIT
    assert out.split() == ["hub", str(folder)]
    assert TOKEN not in err


def test_offline_mode_uses_the_cache_and_asks_nobody(hub: LoopbackHub, cache: Path) -> None:
    resolve(ENTRY, "hub", cache_dir=cache, endpoint=hub.endpoint)
    asked = len(hub.asked)
    then_elsewhere = RESOLVE.replace('"hub",', f'"hub", cache_dir="{cache}/empty",')
    environment = {"HF_ENDPOINT": hub.endpoint, "HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}
    out, err = (process := run_elsewhere(RESOLVE + then_elsewhere, **environment)).communicate(timeout=PATIENCE)
    assert out.startswith("cache "), err
    assert out.count("\n") == process.returncode == 1
    assert "HF_HUB_OFFLINE is set" in err.splitlines()[-1]
    assert len(hub.asked) == asked


# The demo


@needs_demo
def test_the_demo_is_unmistakable_and_asks_nobody(hub: LoopbackHub) -> None:
    found = resolve(ENTRY.model_copy(update={"mel_bins": 128}), "demo", endpoint=hub.endpoint)
    assert (found.demo, found.label, found.origin) == (True, "demo-whisper", "demo")
    assert "this service runs on synthetic models" in found.reason
    assert hub.asked == []


def test_a_copy_without_the_demo_says_so() -> None:
    with pytest.raises(ModelUnavailable, match=r"no polyglot demo model: .*make demo-models"):
        demo_path("polyglot")


@needs_demo
def test_the_shipped_model_arrives_through_the_hub_as_ctranslate2_loads_it(cache: Path) -> None:
    with LoopbackHub() as hub:
        hub.add(REPO, demo_path())
        found = resolve(ENTRY, "hub", cache_dir=cache, endpoint=hub.endpoint)
    assert ctranslate2.models.Whisper(str(found.path), device="cpu").is_multilingual


# Settings and progress


def test_settings_resolve_and_refuse_what_they_do_not_know(hub: LoopbackHub, cache: Path) -> None:
    settings = SourceSettings.model_validate(
        {"source": "hub", "cache_dir": str(cache), "endpoint": hub.endpoint, "hub_timeout": HUB_TIMEOUT}
    )
    assert speech_models.resolve(ENTRY, settings).origin == "hub"
    for wrong in ({"sorce": "hub"}, {"source": "net"}, {"endpoint": "localhost"}, {"hub_timeout": 0}):
        with pytest.raises(ValidationError):
            SourceSettings.model_validate(wrong)


def test_a_log_gets_lines_and_a_terminal_gets_a_bar(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(progress, "LOG_EVERY_SECONDS", 0.0)
    with progress.DownloadProgress(total=4_000_000, initial=1_000_000, desc="small/model.bin", unit="B") as lines:
        lines.update(2_000_000)
    assert "Downloading small/model.bin: 3 of 4 MB (75%)" in caplog.text
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress.DownloadProgress(total=4_000_000, desc="small/model.bin", unit="B", file=sys.stderr) as bar:
        bar.update(4_000_000)
    assert "small/model.bin: 100%" in capsys.readouterr().err
