"""The JavaScript client against the running service: in Node, and in a page under a strict policy."""

import functools
import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

from tests.support import chromium, nodejs
from tests.support.browser_page import opened
from tests.support.service import ROOT, Service
from tests.support.word_errors import DATA, word_error_rate

SDK = ROOT / "stt_ai/console/sdk"
SPOKEN = "ten_seconds_01.flac"


def sound(path: Path, *encoding: str) -> Path:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", DATA / SPOKEN, "-ac", "1", *encoding, path]
    subprocess.run(command, check=True)
    return path


@nodejs.needed
@pytest.mark.usefixtures("within_a_day")
def test_in_node(service: Service, manifest: dict[str, Any], tmp_path: Path) -> None:
    files = {
        "PCM": sound(tmp_path / "talk.pcm", "-ar", "16000", "-f", "s16le"),
        "WAV": sound(tmp_path / "talk.wav", "-ar", "44100"),
    }
    said = next(entry["text"] for entry in manifest["files"] if entry["file"] == SPOKEN)
    env = {"STT_AI_BASE_URL": service.url, "SAID": said, **{name: str(path) for name, path in files.items()}}
    service.load_summarizer()
    assert "fail 0" in nodejs.run("client.test.mjs", env=env, timeout=300).stdout


# What a page of another origin does with the client, a file and a key.
VISIT = """
(async ({ url, key }) => {
  const { Client } = await import("/stt-ai.js");
  const client = new Client({ baseUrl: url, apiKey: key });
  const file = new File([await (await fetch("/hello.flac")).blob()], "hello.flac");
  const nameOf = (work) => work.then(() => "nothing", (error) => error.name + " " + error.message);
  const transcribe = async (who) => {
    const events = [];
    for await (const event of who.stream(file, { language: "en" })) events.push(event);
    const finals = events.filter(({ type }) => type === "final");
    return { text: finals.map(({ text }) => text).join(" "), last: events.at(-1) };
  };
  const sent = [];
  const { text } = await client.transcribe(file, { onProgress: (...at) => sent.push(at) });
  const stranger = new Client({ baseUrl: url, apiKey: "YOUR_API_KEY" });
  const signal = AbortSignal.abort(new Error("enough"));
  const nobody = new Client({ baseUrl: "http://127.0.0.1:9", apiKey: null, maxRetries: 0 });
  return {
    text,
    last: sent.at(-1),
    size: file.size,
    subtitles: await client.transcribe(file.stream(), { responseFormat: "vtt" }),
    live: await transcribe(client),
    anonymous: await transcribe(new Client({ baseUrl: url, apiKey: null })),
    left: client.allowance.limit - client.allowance.remaining,
    refused: await nameOf(stranger.transcribe(file)),
    refusedLive: await nameOf(transcribe(stranger)),
    aborted: await nameOf(client.transcribe(file, { signal })),
    nobody: await nameOf(nobody.transcribe(file)),
    nobodyLive: await nameOf(transcribe(nobody)),
  };
})
"""


@pytest.fixture
def elsewhere(service: Service, tmp_path: Path) -> Iterator[str]:
    """The address of a page of another origin, which may load its own scripts and call itself and the service."""
    folder = tmp_path / "site"
    shutil.copytree(SDK, folder)
    shutil.copy(DATA / "hello_3s.flac", folder / "hello.flac")
    (folder / "index.html").write_text("<!doctype html><title>Elsewhere · test</title>")
    there = f"{service.url} {service.url.replace('http', 'ws', 1)} http://127.0.0.1:9 ws://127.0.0.1:9"
    policy = f"default-src 'none'; script-src 'self'; connect-src 'self' {there}"

    class Handler(http.server.SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            self.send_header("Content-Security-Policy", policy)
            super().end_headers()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@chromium.needed
def test_in_a_page_of_another_origin(service: Service, elsewhere: str, tmp_path: Path) -> None:
    hello = "Hello Emma and welcome from London."
    with opened(tmp_path / "profile", tmp_path) as page:
        page.go(elsewhere)
        given = json.dumps({"url": service.url, "key": service.new_key()})
        found = page.evaluate(f"({VISIT})({given})")
    assert found["text"] == hello
    sent, total = found["last"]
    assert sent == total > found["size"]
    assert found["subtitles"].startswith("WEBVTT")
    for live in (found["live"], found["anonymous"]):
        assert word_error_rate([hello], [live["text"]]) <= 0.2
        assert live["last"] == {"type": "ended", "text": "", "duration": 3.0}
    assert found["left"] >= 2
    assert found["refused"].startswith("AuthenticationFailed ") and found["refusedLive"] == found["refused"]
    assert found["aborted"] == "Error enough"
    assert found["nobody"].startswith("ConnectionFailed ") and found["nobodyLive"].startswith("ConnectionFailed ")
