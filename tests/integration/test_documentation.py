"""The code samples of the documentation, run as they are printed but for the host and the key.

The browser's is in test_browser.py.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pysubs2
import pytest

from tests.support import nodejs
from tests.support.service import Service
from tests.support.word_errors import DATA, word_error_rate

SAMPLES = DATA / "documentation"
SPOKEN = "ten_seconds_01.flac"
CURL = shutil.which("curl")


@pytest.fixture(scope="module")
def folder(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples with this host and a key, beside the files that they name."""
    folder = tmp_path_factory.mktemp("documentation")
    picture = ["-f", "lavfi", "-i", "color=c=blue:s=160x120:d=10", "-shortest", "-pix_fmt", "yuv420p"]
    for name, more in (("meeting.mp3", []), ("video.mp4", picture)):
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", DATA / SPOKEN, *more, folder / name]
        subprocess.run(command, check=True)
    service.load_summarizer()
    key = service.new_key()
    for sample in SAMPLES.iterdir():
        text = sample.read_text().replace("https://api.stt.ai", service.url).replace("YOUR_API_KEY", key)
        (folder / sample.name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def said(manifest: dict[str, Any]) -> str:
    return str(next(entry["text"] for entry in manifest["files"] if entry["file"] == SPOKEN))


def run(folder: Path, *command: str | Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def bodies(text: str) -> list[dict[str, Any]]:
    """The JSON objects that stand one after the other in ``text``."""
    found, at = [], 0
    while at < len(text):
        body, at = json.JSONDecoder().raw_decode(text, at)
        found.append(body)
        at += len(text[at:]) - len(text[at:].lstrip())
    return found


def reported(output: str, line: str, said: str) -> None:
    """Whether the segments that ``output`` shows, each in the form ``line``, say what was said."""
    texts = re.findall(line, output, re.MULTILINE)
    assert texts and word_error_rate([said], [" ".join(texts)]) <= 0.1, output


@pytest.mark.skipif(CURL is None, reason="curl is not on the PATH: its samples were NOT tried")
def test_curl(folder: Path, said: str) -> None:
    transcript, summary, models, health = bodies(run(folder, "sh", "-e", "curl.sh"))
    assert word_error_rate([said], [transcript["text"]]) <= 0.1
    assert transcript["language"] == "en" and transcript["speakers"] == ["Speaker 1"]
    assert transcript["segments"][0]["words"][0].keys() >= {"word", "start", "end"}
    subtitles = pysubs2.load(str(folder / "subtitles.srt"))
    shown = " ".join(cue.plaintext.replace("\n", " ").removeprefix("Speaker 1: ") for cue in subtitles)
    assert word_error_rate([said], [shown]) <= 0.1
    assert summary["style"] == "brief" and summary["summary"] and summary["model"]
    assert [model["id"] for model in models["models"]] == ["large-v3-turbo", "large-v3", "medium", "small"]
    assert health["status"] == "ok" and health.keys() >= {"gpu_available", "gpu_name", "gpu_memory_mb"}


def test_python(folder: Path, said: str) -> None:
    output = run(folder, sys.executable, "python.py")
    assert output.startswith("Language: en, Duration: 10.0s\n")
    reported(output, r"^\[\d+\.\ds\] Speaker 1: (.*)$", said)
    assert re.search(r"^- \S", output, re.MULTILINE), "the summary's points"


@nodejs.needed
def test_node(folder: Path, said: str) -> None:
    """With node-fetch as `fetch`: what Node has built in takes the package's form for the words [object FormData]."""
    preload = f"--require={json.dumps(str(nodejs.FOLDER / 'node-fetch.cjs'))}"
    output = nodejs.run(folder / "node.js", env={"NODE_OPTIONS": preload}, cwd=folder).stdout
    assert output.startswith("Duration: 10.0s\n")
    reported(output, r"^\[\d+\.\ds\] Speaker 1: (.*)$", said)


@nodejs.needed
def test_node_with_its_own_fetch_is_told_what_to_do(folder: Path) -> None:
    form = folder / "form.cjs"
    form.write_text(
        "const own = fetch; globalThis.fetch = async (...given) => {"
        "  const answer = await own(...given); console.log(answer.status, await answer.text()); process.exit(); };"
    )
    output = nodejs.run(
        folder / "node.js", env={"NODE_OPTIONS": f"--require={json.dumps(str(form))}"}, cwd=folder
    ).stdout
    status, _, body = output.partition(" ")
    assert (status, json.loads(body)["code"]) == ("400", "malformed_body")
    assert "node-fetch" in json.loads(body)["error"]
