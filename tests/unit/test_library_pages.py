"""Pages of files that a process has mapped and does not use."""

import ctypes
import mmap
import platform
import re
from pathlib import Path

import pytest

from stt_ai.engines import library_pages
from stt_ai.engines.library_pages import release_pages

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="pages are counted by Linux's smaps")

SIZE = 1 << 20
PAGE = mmap.PAGESIZE


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "nvidia" / "library.so"
    path.parent.mkdir()
    path.write_bytes(bytes(range(1, 129)) * (SIZE // 128))
    return path


def mapped(library: Path, protection: int) -> mmap.mmap:
    with library.open("rb") as file:
        return mmap.mmap(file.fileno(), SIZE, flags=mmap.MAP_PRIVATE, prot=protection)


def read_all(memory: mmap.mmap) -> bytes:
    return b"".join(memory[at : at + PAGE] for at in range(0, SIZE, PAGE))


def released(library: Path) -> int:
    return release_pages(re.compile(re.escape(str(library))))


def test_pages_of_a_file_leave_memory_and_are_read_again(library: Path) -> None:
    memory = mapped(library, mmap.PROT_READ)
    assert read_all(memory) == library.read_bytes()
    assert released(library) == SIZE
    assert released(library) == 0
    assert read_all(memory) == library.read_bytes()
    assert released(library) == SIZE


def test_other_files_stay_in_memory(library: Path) -> None:
    memory = mapped(library, mmap.PROT_READ)
    read_all(memory)
    assert release_pages(re.compile("another library")) == 0
    assert released(library) == SIZE


@pytest.mark.parametrize("protected", [False, True])
def test_what_was_written_stays(library: Path, protected: bool) -> None:
    memory = mapped(library, mmap.PROT_READ | mmap.PROT_WRITE)
    memory[:4] = b"mine"
    if protected:  # as the dynamic linker does with what it has relocated
        view = ctypes.c_char.from_buffer(memory)
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.mprotect(ctypes.c_void_p(ctypes.addressof(view)), ctypes.c_size_t(SIZE), mmap.PROT_READ) == 0
        del view
    read_all(memory)
    assert released(library) == 0
    assert memory[:4] == b"mine"


@pytest.mark.parametrize("readable", [False, True], ids=["nothing at all", "not what differs from the file"])
def test_where_the_system_does_not_say_what_is_in_memory_all_stays(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readable: bool
) -> None:
    memory = mapped(library, mmap.PROT_READ)
    read_all(memory)
    smaps = tmp_path / "smaps"
    if readable:
        lines = Path("/proc/self/smaps").read_text().splitlines(keepends=True)
        smaps.write_text("".join(line for line in lines if not line.startswith("Anonymous:")))
    monkeypatch.setattr(library_pages, "_SMAPS", smaps)
    assert released(library) == 0
    monkeypatch.undo()
    assert released(library) == SIZE
