"""Folders for files that are worked on: gone afterwards, and gone when their process was killed."""

import subprocess
import sys
from pathlib import Path

import pytest

from stt_ai.storage.workspace import sweep_stale, working_folder

KILLED = """
import os, sys
from pathlib import Path
from stt_ai.storage.workspace import working_folder
with working_folder(Path(sys.argv[1])) as folder:
    (folder / "audio").write_bytes(b"sound")
    os.kill(os.getpid(), 9)
"""


def test_a_folder_is_removed_afterwards_also_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), working_folder(tmp_path / "work") as folder:
        (folder / "audio").write_bytes(b"sound")
        raise RuntimeError
    assert list((tmp_path / "work").iterdir()) == []


def test_what_is_in_use_stays_and_what_a_killed_process_left_goes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert len(list(tmp_path.rglob("audio"))) == 1
    with working_folder(tmp_path) as folder:
        assert sweep_stale(tmp_path) == 1
        assert list(tmp_path.iterdir()) == [folder]
