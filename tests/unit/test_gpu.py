"""CUDA's libraries are found beside torch's, and what is missing is said, with what to do. No GPU is needed here."""

import ctypes
import subprocess
import sys
from importlib.metadata import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from stt_ai.cli.main import main
from stt_ai.engines import gpu
from stt_ai.engines.whisper import WhisperEngine
from stt_ai.errors import ModelUnavailable
from stt_ai.models.fetch import demo_path

REAL = next(Path(str(found.locate())) for found in files("ctranslate2") or () if found.name.startswith("libgomp"))
"""A library with a name of its own, that the loader finds nowhere by itself."""


class Loader:
    """The loader of a machine that has these libraries in its own folders, by their names."""

    def __init__(self, *known: str) -> None:
        self.known = set(known)
        self.loaded: list[str] = []

    def __call__(self, place: str, *_: Any, **__: Any) -> object:
        if "/" in place:
            ctypes.CDLL(place)  # really: raises OSError
        elif place not in self.known:
            raise OSError(f"{place}: cannot open shared object file: No such file or directory")
        self.loaded.append(place)
        return object()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(*known: str, wheels: Path | None = None) -> Loader:
        loader = Loader(*known)
        monkeypatch.setattr(gpu, "ctypes", SimpleNamespace(CDLL=loader))
        monkeypatch.setattr(gpu, "sys", SimpleNamespace(platform="linux", path=[str(wheels)] if wheels else []))
        return loader

    return make


def wheel(folder: Path, *names: str) -> Path:
    """Where pip puts cuBLAS. What lies there are real libraries, but other ones."""
    at = folder / "nvidia" / "cublas" / "lib"
    at.mkdir(parents=True)
    for name in names:
        (at / name).symlink_to(REAL)
    return folder


def test_what_the_loader_finds_by_itself_is_taken(machine: Any) -> None:
    loader = machine(gpu.DRIVER, *gpu.CUBLAS)
    assert gpu.load_cuda_libraries() == ()
    assert loader.loaded == [gpu.DRIVER, *gpu.CUBLAS]


def test_what_lies_beside_torchs_is_loaded_from_there_what_is_needed_first(machine: Any, tmp_path: Path) -> None:
    loader = machine(gpu.DRIVER, wheels=wheel(tmp_path, *gpu.CUBLAS))
    assert gpu.load_cuda_libraries() == ()
    assert [Path(place).name for place in loader.loaded] == [gpu.DRIVER, *gpu.CUBLAS]


def test_what_is_missing_is_named_with_what_to_do(machine: Any, tmp_path: Path) -> None:
    machine(gpu.DRIVER)
    (said,) = gpu.load_cuda_libraries()
    assert said.startswith(gpu.CUBLAS[0])
    assert "pip install '.[server,cuda]'" in said
    machine(*gpu.CUBLAS)
    (said,) = gpu.load_cuda_libraries()
    assert said.startswith(gpu.DRIVER)
    assert "driver" in said
    machine(gpu.DRIVER, wheels=wheel(tmp_path, gpu.CUBLAS[0]))
    (said,) = gpu.load_cuda_libraries()
    assert said.startswith(gpu.CUBLAS[1])
    machine()
    assert len(gpu.load_cuda_libraries()) == 2


def test_what_is_there_and_broken_is_said_to_be(machine: Any, tmp_path: Path) -> None:
    broken = wheel(tmp_path) / "nvidia/cublas/lib" / gpu.CUBLAS[0]
    broken.write_bytes(b"no library")
    machine(gpu.DRIVER, wheels=tmp_path)
    (said,) = gpu.load_cuda_libraries()
    assert str(broken) in said
    assert "cannot be loaded" in said


@pytest.mark.skipif(sys.platform != "linux", reason="it is about Linux's loader")
def test_what_was_loaded_from_a_wheel_is_found_by_its_name_afterwards(tmp_path: Path) -> None:
    """As CTranslate2 opens it: by the real loader, in a process that has loaded nothing yet."""
    name = REAL.name
    program = f"""
import ctypes
from stt_ai.engines import gpu
try:
    ctypes.CDLL({name!r})
except OSError:
    pass
else:
    raise SystemExit("the loader finds it by itself")
assert gpu._problem_of({name!r}, "missing") is None
ctypes.CDLL({name!r})
"""
    environment = {"PYTHONPATH": f"{Path(__file__).parents[2]}:{wheel(tmp_path, name)}"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_model_is_not_put_on_a_gpu_without_them_and_the_log_says_what_to_do(machine: Any) -> None:
    machine(gpu.DRIVER)
    with pytest.raises(ModelUnavailable, match=r"cannot be put on a GPU.*pip install"):
        WhisperEngine(demo_path(), device="cuda")


def test_operators_can_ask_what_is_missing(machine: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STT_AI_MODEL_CACHE", str(tmp_path))
    monkeypatch.setattr(gpu, "torch_problem", lambda: None)
    machine(gpu.DRIVER)
    asked = CliRunner().invoke(main, ["models", "check", "--device", "cuda"])
    assert (asked.exit_code, gpu.CUBLAS[0] in asked.output) == (1, True)
    machine(gpu.DRIVER, *gpu.CUBLAS)
    asked = CliRunner().invoke(main, ["models", "check", "--device", "cuda"])
    assert (asked.exit_code, asked.output.splitlines()[-1]) == (0, "Nothing is missing or damaged.")
    asked = CliRunner().invoke(main, ["models", "check", "--device", "cpu"])
    assert (asked.exit_code, asked.output.splitlines()[-1]) == (0, "Nothing is missing or damaged.")
    assert "The models run on CPU." in asked.output


def test_what_the_image_and_the_extra_install_is_what_is_looked_for() -> None:
    root = Path(__file__).parents[2]
    pinned = dict(line.split("==") for line in (root / "constraints.txt").read_text().splitlines() if "==" in line)
    (major,) = {name.rsplit(".", 1)[1] for name in gpu.CUBLAS}
    assert pinned[f"nvidia-cublas-cu{major}"].startswith(f"{major}.")
