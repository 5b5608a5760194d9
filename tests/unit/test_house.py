"""The house rules that a program can check: direction of imports, types, style, and what no committed file may hold."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PAGES = {".js", ".mjs", ".cjs", ".ts", ".html", ".css"}
TEXTS = {".py", ".toml", ".txt", ".md", ".yaml", ".yml", ".json", ".sh", "", *PAGES}


def tracked() -> list[Path]:
    """The files of the repository, or of the source tree where it is not one."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize(
    "check",
    [["lint-imports"], ["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]],
    ids=["direction of imports", "lint", "format", "types"],
)
def test_the_tree_passes(check: list[str]) -> None:
    done = subprocess.run([BIN / check[0], *check[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_synchronous_client_is_made_from_the_one_for_asyncio() -> None:
    command = [sys.executable, "-m", "tests.synchronous", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_file_names_a_package_registry_or_a_path_of_one_machine() -> None:
    registry = r"https?://[^\s\"']*(pypi|npmjs|debian|/simple/)"
    forbidden = re.compile(rf"{registry}|/(work|root|home/\w+)/", re.IGNORECASE)
    found = []
    for path in tracked():
        if path.suffix in TEXTS and path.stat().st_size < 200_000:
            text = path.read_text(errors="ignore")
            found += [f"{path.relative_to(ROOT)}: {m.group()}" for m in forbidden.finditer(text)]
    assert not [line for line in found if "test_house.py" not in line]


def test_only_what_belongs_there_stands_at_the_top() -> None:
    allowed = {
        "pyproject.toml", "README.md", "CONTRIBUTING.md", "serve_config.yaml", "stt_ai", "cluster", "tests",
        "notebooks", "constraints.txt", "Makefile", "LICENSE", ".ci", ".gitignore", ".gitattributes",
    }  # fmt: skip
    assert {path.relative_to(ROOT).parts[0] for path in tracked()} <= allowed


def test_the_map_names_every_folder_and_only_what_is_there() -> None:
    text = (ROOT / "stt_ai/README.md").read_text()
    folders = {path.relative_to(ROOT).parts[1] for path in tracked() if len(path.relative_to(ROOT).parts) > 2}
    folders &= {path.name for path in (ROOT / "stt_ai").iterdir() if path.is_dir()}
    assert not [folder for folder in folders if f"| `{folder}/` |" not in text], "a folder without its row"
    named = re.findall(r"`([\w/*]+(?:/|\.py)|\w+/\w+\.py:\w+)`", text)
    assert named
    missing = [name for name in named if not list((ROOT / "stt_ai").glob(name.split(":")[0]))]
    for file, function in (name.split(":") for name in named if ":" in name):
        if not re.search(rf"(def|class) {function}\b", (ROOT / "stt_ai" / file).read_text()):
            missing.append(f"{file}:{function}")
    assert not missing
