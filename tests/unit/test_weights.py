"""A folder that is not a whole model comes out as one sentence, never as another exception."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stt_ai.models.weights import BadModelFiles, inspect
from tests.support.model_hub import model_bin, write_model

GOOD = model_bin(mel_bins=80)
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.mark.parametrize("mel_bins", [80, 128])
def test_a_whole_model_has_its_mel_bins(tmp_path: Path, mel_bins: int) -> None:
    folder = write_model(tmp_path / "model", mel_bins)
    assert inspect(folder).mel_bins == mel_bins
    assert inspect(folder, mel_bins).size == (folder / "model.bin").stat().st_size


def test_eighty_bins_need_no_preprocessor_config(tmp_path: Path) -> None:
    assert inspect(write_model(tmp_path / "80", 80, preprocessor=False)).mel_bins == 80
    with pytest.raises(BadModelFiles, match=r"128 mel bins but its preprocessor_config\.json is missing"):
        inspect(write_model(tmp_path / "128", 128, preprocessor=False))


@pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = write_model(tmp_path / "model")
    (folder / name).unlink()
    with pytest.raises(BadModelFiles, match=f"has no {name}"):
        inspect(folder)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("model.bin", b"", "is empty"),
        ("model.bin", b"<!DOCTYPE html><html>Sign in</html>", "is not a CTranslate2 model"),
        ("model.bin", GOOD[:-9], "is cut off"),
        ("model.bin", GOOD + b"!", "goes on after its end"),
        ("model.bin", model_bin(spec="TransformerSpec"), "'TransformerSpec', not a WhisperSpec"),
        ("model.bin", model_bin(version=7), "format 7"),
        ("config.json", b"<html>", "is not JSON"),
        ("config.json", b"[]", "is not a JSON object"),
        ("tokenizer.json", b"{}", "is not a tokenizer"),
        ("preprocessor_config.json", b'{"feature_size": 128}', "takes 80 mel bins but .* says 128"),
    ],
)
def test_wrong_content_is_described(tmp_path: Path, name: str, content: bytes, complaint: str) -> None:
    folder = write_model(tmp_path / "model")
    (folder / name).write_bytes(content)
    with pytest.raises(BadModelFiles, match=complaint):
        inspect(folder)


def test_mel_bins_other_than_expected(tmp_path: Path) -> None:
    with pytest.raises(BadModelFiles, match="80 mel bins where 128 are expected"):
        inspect(write_model(tmp_path / "model", 80), 128)


@same_folder
@given(length=st.integers(0, len(GOOD) - 1))
def test_a_cut_anywhere_is_noticed(tmp_path: Path, length: int) -> None:
    folder = write_model(tmp_path / "model")
    (folder / "model.bin").write_bytes(GOOD[:length])
    with pytest.raises(BadModelFiles):
        inspect(folder)


@same_folder
@given(content=st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: GOOD[:40] + tail))
def test_no_bytes_make_it_fail_otherwise(tmp_path: Path, content: bytes) -> None:
    folder = write_model(tmp_path / "model")
    (folder / "model.bin").write_bytes(content)
    with pytest.raises(BadModelFiles):
        inspect(folder)
