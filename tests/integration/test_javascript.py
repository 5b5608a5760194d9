"""The JavaScript client against the running service: in Node, and in a page under a strict policy."""

import subprocess
from pathlib import Path
from typing import Any

import imageio_ffmpeg

from tests import node
from tests.service import Service
from tests.speech import DATA

SPOKEN = "ten_seconds_01.flac"


def sound(path: Path, *encoding: str) -> Path:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", DATA / SPOKEN, "-ac", "1", *encoding, path]
    subprocess.run(command, check=True)
    return path


@node.needed
def test_in_node(service: Service, manifest: dict[str, Any], tmp_path: Path) -> None:
    files = {
        "PCM": sound(tmp_path / "talk.pcm", "-ar", "16000", "-f", "s16le"),
        "WAV": sound(tmp_path / "talk.wav", "-ar", "44100"),
    }
    said = next(entry["text"] for entry in manifest["files"] if entry["file"] == SPOKEN)
    env = {"STT_AI_BASE_URL": service.url, "SAID": said, **{name: str(path) for name, path in files.items()}}
    assert "fail 0" in node.run("client.test.mjs", env=env, timeout=180).stdout
