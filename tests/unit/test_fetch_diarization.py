"""From a pipeline's name to a folder in pyannote's layout, with the real hub client against a hub on the loopback."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import constants

from stt_ai.errors import ModelUnavailable
from stt_ai.models import snapshot
from stt_ai.models.diarization import DEMO_LABEL, PACKAGED_LABEL, PipelineName, resolve
from stt_ai.models.fetch import demo_path
from stt_ai.models.packaged import PACKAGED
from stt_ai.models.wanted import Source, SourceSettings
from tests.support.model_hub import LoopbackHub

TOKEN = "hf_aSecretThatMustNotBeLogged"
COMMUNITY, OLDER = "pyannote/speaker-diarization-community-1", "pyannote/speaker-diarization-3.1"
PARTS = ("pyannote/segmentation-3.0", "pyannote/wespeaker-voxceleb-resnet34-LM")

COMMUNITY_FILES = {
    "config.yaml": b"""
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params:
    clustering: VBxClustering
    segmentation: $model/segmentation
    embedding: $model/embedding
    plda: $model/plda
params:
  clustering: {threshold: 0.6, Fa: 0.07, Fb: 0.8}
""",
    "segmentation/pytorch_model.bin": b"segmentation" * 100,
    "embedding/pytorch_model.bin": b"embedding" * 100,
    "plda/plda.npz": b"plda",
    "plda/xvec_transform.npz": b"xvec",
    "embedding/README.md": b"not wanted",
}
OLDER_FILES = {
    "config.yaml": b"""
version: 3.1.0
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params:
    clustering: AgglomerativeClustering
    embedding: pyannote/wespeaker-voxceleb-resnet34-LM
    segmentation: pyannote/segmentation-3.0
params:
  clustering: {method: centroid, min_cluster_size: 12, threshold: 0.7}
  segmentation: {min_duration_off: 0.0}
""",
}


@pytest.fixture(autouse=True)
def _only_the_loopback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr(snapshot, "_unreachable", {})
    monkeypatch.delitem(PACKAGED, PACKAGED_LABEL)
    huggingface_hub.close_session()
    yield
    huggingface_hub.close_session()


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as hub:
        hub.repos[COMMUNITY] = dict(COMMUNITY_FILES)
        hub.repos[OLDER] = dict(OLDER_FILES)
        for part in PARTS:
            hub.repos[part] = {"pytorch_model.bin": part.encode() * 50, "config.yaml": b"model: {}"}
        yield hub


@pytest.fixture
def asking(hub: LoopbackHub, tmp_path: Path) -> Any:
    def settings(source: Source = "hub", **others: Any) -> SourceSettings:
        where = {"cache_dir": tmp_path / "cache", "endpoint": hub.endpoint, "hub_timeout": 60}
        return SourceSettings(**{"source": source} | where | others)

    return settings


def files_under(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("source", ["hub", "auto"])
def test_a_pipeline_that_holds_its_models_arrives_whole_and_once(hub: LoopbackHub, asking: Any, source: Source) -> None:
    found = resolve("community-1", asking(source))
    assert (found.label, found.demo, found.origin, found.parts) == ("community-1", False, "hub", {})
    assert files_under(found.path) == set(COMMUNITY_FILES) - {"embedding/README.md"}
    for name in files_under(found.path):
        assert (found.path / name).read_bytes() == COMMUNITY_FILES[name]
    asked = len(hub.asked)
    again = resolve("community-1", asking(source))
    assert (again.path, again.origin) == (found.path, "cache")
    assert len(hub.asked) == asked


def test_a_pipeline_of_several_repositories_brings_them_all(hub: LoopbackHub, asking: Any) -> None:
    found = resolve("3.1", asking())
    assert set(found.parts) == set(PARTS)
    for part, folder in found.parts.items():
        assert (folder / "pytorch_model.bin").read_bytes() == hub.repos[part]["pytorch_model.bin"]
    asked = len(hub.asked)
    assert resolve("3.1", asking()) == replace(found, origin="cache")
    assert len(hub.asked) == asked


@pytest.mark.parametrize("source", ["hub", "auto"])
@pytest.mark.parametrize("name", ["community-1", "3.1"])
def test_without_a_token_the_sentence_says_what_to_do(
    hub: LoopbackHub, asking: Any, name: PipelineName, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    hub.token = TOKEN
    with pytest.raises(ModelUnavailable) as raised:
        resolve(name, asking(source))
    sentence = raised.value.message
    wanted = ["(401)", "no token was sent: set HF_TOKEN", "conditions must be accepted", "models.local_dir"]
    assert [part for part in wanted if part not in sentence] == []
    assert "\n" not in sentence
    assert "DEMO" not in caplog.text, "a refusal must not be hidden behind the demo"


def test_a_token_without_the_licence_is_told_so_and_never_shown(
    hub: LoopbackHub, asking: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hub.token = TOKEN
    monkeypatch.setenv("HF_TOKEN", "hf_ofSomebodyElse")
    with pytest.raises(ModelUnavailable, match=rf"\(403\).*accepted once at {hub.endpoint}/{COMMUNITY}") as raised:
        resolve("community-1", asking())
    assert "hf_ofSomebodyElse" not in caplog.text + raised.value.message
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert resolve("community-1", asking()).origin == "hub"
    assert TOKEN not in caplog.text


def test_a_part_that_is_refused_is_named(hub: LoopbackHub, asking: Any) -> None:
    del hub.repos[PARTS[0]]
    with pytest.raises(ModelUnavailable, match=rf"has no {PARTS[0]} at revision main \(404\)"):
        resolve("3.1", asking())


def test_files_that_are_no_pipeline_are_described(hub: LoopbackHub, asking: Any) -> None:
    del hub.repos[COMMUNITY]["plda/plda.npz"]
    with pytest.raises(ModelUnavailable, match=r"plda has no plda\.npz"):
        resolve("community-1", asking())
    hub.repos[OLDER]["config.yaml"] = b"<html>"
    with pytest.raises(ModelUnavailable, match=r"config\.yaml does not describe a pipeline"):
        resolve("3.1", asking())
    del hub.repos[COMMUNITY]["config.yaml"]
    with pytest.raises(ModelUnavailable, match=r"has no config\.yaml: it is not a pyannote model"):
        resolve("community-1", asking(cache_dir=asking().cache_dir / "other"))


@pytest.mark.parametrize("kind", ["folder", "local_dir"])
def test_a_local_folder_comes_before_the_hub(hub: LoopbackHub, asking: Any, tmp_path: Path, kind: str) -> None:
    local = tmp_path / "models" / "speaker-diarization-community-1"
    for name, content in COMMUNITY_FILES.items():
        (local / name).parent.mkdir(parents=True, exist_ok=True)
        (local / name).write_bytes(content)
    settings, folder = (asking(), local) if kind == "folder" else (asking(local_dir=local.parent), None)
    found = resolve("community-1", settings, folder)
    assert (found.path, found.origin) == (local, "folder")
    (local / "plda/plda.npz").unlink()
    with pytest.raises(ModelUnavailable, match=r"has no plda\.npz; mend or remove that folder"):
        resolve("community-1", settings, folder)
    (local / "config.yaml").write_bytes(OLDER_FILES["config.yaml"])
    with pytest.raises(ModelUnavailable, match="should name folders beside it"):
        resolve("community-1", settings, folder)
    assert hub.asked == []


needs_demo = pytest.mark.skipif(
    not (Path(__file__).parents[2] / "stt_ai/models/demo/diarization/config.yaml").is_file(),
    reason="the demo pipeline is not made yet",
)


@needs_demo
def test_auto_falls_back_to_the_demo_with_a_warning(
    hub: LoopbackHub, asking: Any, caplog: pytest.LogCaptureFixture
) -> None:
    hub.status = 503
    found = resolve("community-1", asking("auto"))
    assert (found.label, found.demo, found.origin) == (DEMO_LABEL, True, "demo")
    assert found.path == demo_path("diarization", "config.yaml")
    assert found.reason.startswith("community-1 is not here, since the model hub cannot be reached: demo-diarization")
    assert "DEMO MODEL IN USE instead of community-1" in caplog.text


@needs_demo
def test_the_demo_asks_nobody(hub: LoopbackHub, asking: Any) -> None:
    assert resolve("3.1", asking("demo")).demo
    assert hub.asked == []
