"""The documented page in a real browser: its microphone plays a file, and its text is right."""

import functools
import http.server
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

from tests.service import Service
from tests.speech import DATA, word_error_rate

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell")
BROWSER = os.environ.get("STT_AI_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
SPOKEN = "ten_seconds_01.flac"

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium on the PATH: the documented page was NOT tried in a browser"
)

# As documented, but for the host.
SAMPLE = """
// Real-time transcription from microphone
const ws = new WebSocket("{host}/v1/stream");
ws.binaryType = "arraybuffer";

ws.onopen = () => {
  ws.send(JSON.stringify({ language: "auto", model: "large-v3-turbo" }));
};

ws.onmessage = (event) => {
  const data = JSON.parse(event.data);
  if (data.status === "ready") {
    startStreaming(); // Begin sending audio
  }
  if (data.text) console.log("Final:", data.text);
  if (data.partial) console.log("Partial:", data.partial);
};

async function startStreaming() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const ctx = new AudioContext({ sampleRate: 16000 });
  const source = ctx.createMediaStreamSource(stream);
  const processor = ctx.createScriptProcessor(4096, 1, 1);

  processor.onaudioprocess = (e) => {
    const float32 = e.inputBuffer.getChannelData(0);
    const int16 = new Int16Array(float32.length);
    for (let i = 0; i < float32.length; i++) {
      int16[i] = Math.max(-32768, Math.min(32767, float32[i] * 32767));
    }
    if (ws.readyState === 1) ws.send(int16.buffer);
  };

  source.connect(processor);
  processor.connect(ctx.destination);
}

// Stop: ws.send(JSON.stringify({ action: "stop" }));
"""
# What the page's visitor does, and what the test sees of it.
AROUND = """
ws.addEventListener("message", (event) => {
  if (JSON.parse(event.data).status === "ready") {
    setTimeout(() => ws.send(JSON.stringify({ action: "stop" })), 13000);
  }
});
ws.addEventListener("close", (event) => console.log("Closed:", event.code));
"""


@pytest.fixture
def page(service: Service, tmp_path: Path) -> Iterator[str]:
    """The address of a page with the sample on it."""
    script = SAMPLE.replace("{host}", service.url.replace("http", "ws", 1)) + AROUND
    (tmp_path / "index.html").write_text(f"<!doctype html><title>Live</title><script>{script}</script>")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_the_documented_page_writes_down_what_its_microphone_hears(
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
    assert BROWSER
    command = [
        *(BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={profile}"),
        *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
        *(f"--use-file-for-fake-audio-capture={microphone}%noloop", "--autoplay-policy=no-user-gesture-required"),
        *("--enable-logging=stderr", "--v=0", page),
    ]
    log = profile.with_suffix(".log")
    with log.open("wb") as output, subprocess.Popen(command, stderr=output, start_new_session=True) as browser:
        try:
            end = time.monotonic() + 60
            while (
                time.monotonic() < end and browser.poll() is None and "Closed:" not in log.read_text("utf-8", "replace")
            ):
                time.sleep(0.2)
        finally:
            browser.terminate()
    return log.read_text("utf-8", "replace")
