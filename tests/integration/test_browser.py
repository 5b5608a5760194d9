"""The documented page in a real browser: its microphone plays a file, and its text is right."""

import functools
import http.server
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

from tests.support import chromium
from tests.support.service import Service, wait_until
from tests.support.word_errors import DATA, word_error_rate

SPOKEN = "ten_seconds_01.flac"
SAMPLE = (DATA / "documentation/browser.js").read_text()

pytestmark = chromium.needed

# What the page's visitor does, and what the test sees of it.
AROUND = """
const send = ws.send.bind(ws);
let left = 384000; // bytes of 12 seconds: what is said, and a moment
ws.send = (data) => {
  send(data);
  if (typeof data === "string" || left <= 0) return;
  left -= data.byteLength;
  if (left <= 0) send(JSON.stringify({ action: "stop" }));
};
ws.addEventListener("close", (event) => console.log("Closed:", event.code));
"""


@pytest.fixture
def page(service: Service, tmp_path: Path) -> Iterator[str]:
    """The address of a page with the sample on it."""
    script = SAMPLE.replace("wss://api.stt.ai", service.url.replace("http", "ws", 1)) + AROUND
    (tmp_path / "index.html").write_text(f"<!doctype html><title>Live</title><script>{script}</script>")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_the_documented_page_writes_down_what_its_microphone_records(
    page: str, manifest: dict[str, Any], tmp_path: Path
) -> None:
    said = next(entry["text"] for entry in manifest["files"] if entry["file"] == SPOKEN)
    microphone = tmp_path / "microphone.wav"
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", DATA / SPOKEN, "-ar", "48000", microphone], check=True
    )
    console = look_at(page, microphone, tmp_path / "profile")
    finals = re.findall(r'"Final: (.*?)", source', console)
    assert word_error_rate([said], [" ".join(finals)]) <= 0.15, console
    assert '"Partial: ' in console
    assert '"Closed: 1000"' in console


def look_at(page: str, microphone: Path, profile: Path) -> str:
    """What the page has written to its console when its connection is closed."""
    log = chromium.log_of(profile)
    with chromium.launched(profile, page, microphone=microphone) as running:
        wait_until(lambda: running.poll() is not None or "Closed:" in log.read_text("utf-8", "replace"), 120)
    return log.read_text("utf-8", "replace")
