"""Every block of code in the repository's texts, run as printed and in the order printed.

Only the host, the key and an account's id are replaced. `test_docs.py` runs those of /docs, `test_notebooks.py` the
notebooks, and `test_documentation.py` those of the public documentation.
"""

import base64
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import imageio_ffmpeg
import pytest

from stt_ai.jobs.webhooks.signing import signed_headers
from tests.support import chromium, nodejs
from tests.support.browser_page import opened
from tests.support.service import ROOT, Service, wait_until
from tests.support.word_errors import DATA

HOST = "http://127.0.0.1:8000"
RECORDINGS = ("meeting.mp3", "talk.mp4", "congress.mp4")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHOWN = ("json", "yaml")
"""Languages that nothing runs: answers, and settings, which `tests/unit/test_cluster.py` reads."""
ELSEWHERE = {
    r"make (serve|test)": "makes an environment of its own: whoever runs the tests has run it",
    r"docker ": "no Docker runs where the tests do",
    r"ffmpeg ": "the ffmpeg of a package makes the same file",
    r"stt-ai stream --microphone": "needs a microphone",
    r"stt-ai transcribe \S+ --local": "loads weights of its own: tests/unit has it with the demo models",
    r"stt-ai models pull": "fetches gigabytes",
    r"stt-ai transcribe --url": "needs the internet: tests/unit/test_api_urls.py has it",
}
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
BODY = '{"type": "job.succeeded", "data": {"id": "job_1"}}'
PYTHON_SENDER = """
import threading
from http.server import HTTPServer

import httpx

server = HTTPServer(("127.0.0.1", 0), Webhooks)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{{server.server_port}}"
print(*(httpx.post(address, content=body, headers={headers}).status_code for body in ({body!r}, "{{}}")))
"""
NODE_SENDER = """
server.listen(0, "127.0.0.1", async () => {
  const [headers, message] = [%s, %s];
  const statuses = [];
  for (const body of [message, "{}"]) {
    const answer = await fetch(`http://127.0.0.1:${server.address().port}`, { method: "POST", headers, body });
    statuses.push(answer.status);
  }
  console.log(...statuses);
  server.close();
  server.closeAllConnections();
});
"""


def webhook_headers() -> dict[str, str]:
    """Return those of a webhook as the service sends it now."""
    return dict(signed_headers("msg_1", time.time(), BODY, [SECRET]))


def blocks(name: str) -> list[tuple[str, str]]:
    """Return (language, text) of each block."""
    return [(found[1], found[2]) for found in BLOCK.finditer((ROOT / name).read_text())]


def lines(text: str) -> list[str]:
    """Return the commands of a shell's block that run here."""
    commands = [line.split("  #")[0].strip() for line in text.splitlines() if line and not line.startswith("#")]
    return [line for line in commands if not any(re.match(pattern, line) for pattern in ELSEWHERE)]


class Reader:
    """Somebody who types what is printed, in a folder with the recordings that the texts name."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.folder = folder
        self._service = service
        self._ids = {"acc_…": "", "job_…": ""}
        self.environment = {
            **os.environ,
            "STT_AI_BASE_URL": service.url,
            "STT_AI_API_KEY": (key := service.new_key()),
            "KEY": key,
            "STT_AI_DATABASE_URL": service.database_url,
            "PYTHONPATH": str(ROOT),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        for name, place in (("tests", ROOT / "tests"), (".venv", Path(sys.prefix))):
            (folder / name).symlink_to(place)
        (folder / "billing.db").symlink_to(service.folder / "billing.db")
        (folder / "node_modules").mkdir()
        (folder / "node_modules/stt-ai").symlink_to(ROOT / "stt_ai/console/sdk")
        made = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", DATA / "hello_3s.flac"]
        for name in RECORDINGS:
            subprocess.run([*made, folder / name], check=True)
        raw = [*made[:3], "-i", DATA / "five_seconds.flac", "-f", "s16le", "-ac", "1", "-ar", "16000"]
        subprocess.run([*raw, folder / "talk.pcm"], check=True)

    def types(self, command: str) -> str:
        """Run one line in a shell, and return what it prints."""
        if "curl" in command:
            command = command.replace("curl", "curl -sS --fail-with-body", 1)
        if "/result" in command:
            self._wait_for_the_job()
        output = self._ran(["sh", "-e", "-c", self._replaced(command)])
        if key := re.search(r'"key": ?"(stt_[^"]+)"', output):
            self.environment["KEY"] = key[1]
        for printed in self._ids:
            if found := re.search(rf"{printed[:-1]}\w+", output):
                self._ids[printed] = found[0]
        return output

    def _wait_for_the_job(self) -> None:
        address, headers = (
            f"{self._service.url}/v1/jobs/{self._ids['job_…']}",
            {"Authorization": f"Bearer {self.environment['KEY']}"},
        )
        wait_until(lambda: httpx.get(address, headers=headers, timeout=60).json()["status"] == "succeeded", 120)

    def runs(self, language: str, text: str) -> str:
        """Run a script, and return what it prints."""
        script = self.folder / ("script.mjs" if language == "js" else "script.py")
        script.write_text(self._replaced(text))
        return self._ran([nodejs.NODE if language == "js" else sys.executable, script])

    def _replaced(self, text: str) -> str:
        text = text.replace(HOST, self._service.url).replace("ws://127.0.0.1:8000", f"ws{self._service.url[4:]}")
        for printed, real in self._ids.items():
            text = text.replace(printed, real)
        return text.replace("YOUR_API_KEY", self.environment["STT_AI_API_KEY"])

    def _ran(self, command: list[str | Path]) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture
def reader(service: Service, tmp_path: Path) -> Reader:
    service.load_summarizer()
    return Reader(service, tmp_path)


def test_every_text_with_code_is_one_of_these() -> None:
    tracked = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = [name for name in tracked.stdout.split() if not name.startswith("tests/")]
    found = {name for name in names if any(language not in SHOWN for language, _ in blocks(name))}
    assert found == {
        "README.md",
        "CONTRIBUTING.md",
        "cluster/RUNBOOK.md",
        "stt_ai/billing/README.md",
        "stt_ai/console/sdk/README.md",
        "stt_ai/jobs/README.md",
        "stt_ai/sdk/README.md",
        "stt_ai/streaming/README.md",
    }
    assert not [command for _, text in blocks("CONTRIBUTING.md") for command in lines(text)]


def test_the_readme(reader: Reader) -> None:
    del reader.environment["STT_AI_API_KEY"]  # a newcomer has none
    reader.environment["STT_AI_API_KEY"] = ""
    spoken = []
    for language, text in blocks("README.md"):
        if language == "sh":
            for command in lines(text):
                assert json.loads(reader.types(command))["segments"]
        elif language == "python" or (language == "js" and nodejs.INSTALLED):
            spoken.append(reader.runs(language, text).lower())
    assert len(spoken) == 2 + nodejs.INSTALLED and all("hello" in text for text in spoken)


def test_the_python_clients(reader: Reader) -> None:
    """Its blocks are one session: the second goes on with the first one's client."""
    python = [text for language, text in blocks("stt_ai/sdk/README.md") if language == "python"]
    session = "".join(text for text in python if "verify_webhook" not in text)
    assert "hello" in reader.runs("python", session).lower()
    (receiving,) = (text for text in python if "verify_webhook" in text)
    reader.environment["WEBHOOK_SECRET"] = SECRET
    output = reader.runs("python", receiving + PYTHON_SENDER.format(headers=webhook_headers(), body=BODY))
    assert "job.succeeded" in output and output.endswith("204 400\n")
    for language, text in blocks("stt_ai/sdk/README.md"):
        for command in lines(text) if language == "sh" else ():
            reader.types(command)
    assert {path.name for path in (reader.folder / "subtitles").iterdir()} == {"talk.srt", "congress.srt"}
    assert "-->" in (reader.folder / "congress.srt").read_text()


@nodejs.needed
def test_the_javascript_clients_in_node(reader: Reader) -> None:
    _, *others, receiving, _ = (text for _, text in blocks("stt_ai/console/sdk/README.md"))
    first = blocks("stt_ai/console/sdk/README.md")[0][1]
    output = reader.runs("js", "".join([first, *others]))
    assert "100 % sent" in output and "hello" in output.lower()
    reader.environment["WEBHOOK_SECRET"] = SECRET
    sender = NODE_SENDER % (json.dumps(webhook_headers()), json.dumps(BODY))
    output = reader.runs("js", receiving + sender)
    assert "job.succeeded" in output and output.endswith("204 400\n")


@chromium.needed
@nodejs.needed
def test_the_javascript_clients_in_a_page(service: Service, tmp_path: Path) -> None:
    """With a microphone that plays a recording, and a page that has what the block names."""
    *_, (_, text) = blocks("stt_ai/console/sdk/README.md")
    text = re.sub(r"^import .*\n", "", text)  # it is imported from where the page has it
    microphone = tmp_path / "microphone.wav"
    made = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", DATA / "ten_seconds_01.flac", "-ar", "48000"]
    subprocess.run([*made, microphone], check=True)
    with opened(tmp_path / "profile", tmp_path, microphone) as page:
        page.go(f"{service.url}/")
        page.evaluate(
            f"""(async () => {{
              const {{ Client, Microphone }} = await import("./console/sdk/stt-ai.js");
              const [client, meter, stopButton] = [new Client(), {{}}, {{}}];
              window.grey = window.said = "";
              const showGrey = (text) => (grey += text);
              const append = (text) => ((said += text), stopButton.onclick());
              (async () => {{ {text}; window.ended = meter.value >= 0; }})();
            }})()"""
        )
        page.wait("window.ended", 90)
        assert page.evaluate("grey") and page.evaluate("said")
        assert not page.problems


def test_live_transcription(reader: Reader) -> None:
    ((_, text),) = blocks("stt_ai/streaming/README.md")
    messages = [json.loads(line) for line in reader.runs("python", text).splitlines()]
    assert messages[-1]["is_final"] and any(message.get("text") for message in messages)


@pytest.mark.parametrize("name", ["stt_ai/billing/README.md", "stt_ai/jobs/README.md", "cluster/RUNBOOK.md"])
def test_what_operators_type(name: str, reader: Reader) -> None:
    for language, text in blocks(name):
        for command in lines(text) if language == "sh" else ():
            reader.types(command)
