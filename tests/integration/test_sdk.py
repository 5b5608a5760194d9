"""The Python client and the command line against the running service, and from an environment that has nothing else."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stt_ai import AsyncClient, Client, Ended, Final, Summary
from tests.integration.test_stream import CLEAR, audio, spoken
from tests.support.scripted_server import wire
from tests.support.service import ROOT, Service
from tests.support.word_errors import DATA, word_error_rate

STT_AI = Path(sys.executable).with_name("stt-ai")
FILES = [DATA / "hello_3s.flac", DATA / "five_seconds.flac", DATA / "ten_seconds_01.flac"]


def command(program: Path, *arguments: str | Path, **more: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=240, **more)


@pytest.mark.usefixtures("within_a_day")
def test_the_client(service: Service, manifest: dict[str, Any]) -> None:
    sent: list[int] = []
    with Client(api_key=service.new_key(), base_url=service.url) as client:
        made = client.transcribe(FILES[0], language="en", progress=lambda done, total: sent.append(done))
        assert made.text == spoken(manifest, "hello_3s.flac") and made.demo and made.model == "demo-whisper"
        assert made.speakers == ("Speaker 1",) and made.words[0].word == "Hello"
        assert sent[-1] == FILES[0].stat().st_size
        assert client.transcribe(FILES[0].read_bytes(), response_format="srt").startswith("1\n00:00:00,180")
        assert client.usage().days[0].requests == 2 and client.account().credits.available == 999_998
        pieces = list(client.summarize("Vanessa will review the report on Monday.", "action_items", stream=True))
        assert isinstance(pieces[-1], Summary) and "".join(map(str, pieces[:-1])).strip() == pieces[-1].summary
        assert client.health().demo_models and client.languages()[0].code == "en"


async def test_the_client_for_asyncio_does_several_things_at_once(service: Service, manifest: dict[str, Any]) -> None:
    async with AsyncClient(base_url=service.url) as client:
        made = await asyncio.gather(*(client.transcribe(path, diarize=False) for path in FILES), client.models())
    assert [made[at].text for at in range(2)] == [spoken(manifest, path.name) for path in FILES[:2]]
    assert made[3][0].id == "large-v3-turbo"


def test_a_live_stream_on_a_wire_that_breaks_sends_every_word_once(service: Service, manifest: dict[str, Any]) -> None:
    data = audio(CLEAR[0]) + audio(CLEAR[1])
    with wire(service.port, 250_000, 400_000) as cut, Client(base_url=cut.url) as client:
        with client.stream([data[at : at + 8192] for at in range(0, len(data), 8192)], language="en") as stream:
            events = list(stream)
        assert cut.connections == 3
    assert isinstance(events[-1], Ended) and events[-1].duration == 20.0
    assert [event.segment_id for event in events if isinstance(event, Final)] == list(
        range(sum(isinstance(event, Final) for event in events))
    )
    assert word_error_rate([spoken(manifest, *CLEAR[:2])], [stream.text]) <= 0.1


def test_the_command_over_several_files(service: Service, manifest: dict[str, Any], tmp_path: Path) -> None:
    service.load_summarizer()
    asked = ("--server", service.url, "--key", service.new_key())
    done = command(STT_AI, "transcribe", *FILES, "--out", tmp_path, "--format", "vtt", "--jobs", "3", *asked)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {f"{path.stem}.vtt" for path in FILES}
    rows = command(STT_AI, "transcribe", *FILES[:2], ROOT / "README.md", "--json", "--no-diarize", *asked)
    printed = [json.loads(line) for line in rows.stdout.splitlines()]
    assert rows.returncode == 1 and [row["ok"] for row in printed] == [True, True, False]
    assert (
        printed[0]["result"]["text"] == spoken(manifest, "hello_3s.flac") and printed[2]["code"] == "unsupported_format"
    )
    live = command(STT_AI, "stream", FILES[1], "--language", "en", *asked)
    assert word_error_rate([spoken(manifest, FILES[1].name)], [live.stdout]) <= 0.2, live.stderr
    summary = command(STT_AI, "summarize", "-", *asked, input="Vanessa will review the report on Monday.")
    assert summary.stdout.strip() and summary.returncode == 0
    assert command(STT_AI, "models", "list", *asked[:2], "--key", "stt_live_no").returncode == 0, "needs no key"
    assert command(STT_AI, "transcribe", FILES[0], *asked[:2], "--key", "stt_live_no").returncode == 4


def test_the_command_without_a_service(manifest: dict[str, Any], tmp_path: Path) -> None:
    config = tmp_path / "serve.yaml"
    config.write_text("applications: [{args: {models: {source: demo}}}]")
    done = command(STT_AI, "--config", config, "transcribe", *FILES[:2], "--local", "--format", "json", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert [row["result"]["text"] for row in rows] == [spoken(manifest, path.name) for path in FILES[:2]]
    assert rows[0]["result"]["speakers"] == ["Speaker 1"] and rows[0]["result"]["model"] == "demo-whisper"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment into which only the client was installed, from a clean copy."""
    folder = tmp_path_factory.mktemp("alone")
    source = folder / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(ROOT / "stt_ai", source / "stt_ai", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    pip = [sys.executable, "-m", "pip", "--python", folder / "venv", "--disable-pip-version-check"]
    install = ["install", "--quiet", "--no-compile", "--retries", "10", "-c", ROOT / "constraints.txt", source]
    subprocess.run([*pip, *install], check=True, capture_output=True, text=True)
    return folder / "venv/bin"


def test_the_client_alone_is_light_and_works(service: Service, alone: Path, tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "STT_AI_BASE_URL": service.url}
    listed = "from importlib.metadata import distributions; print(*(one.name.lower() for one in distributions()))"
    names = set(command(alone / "python", "-I", "-c", listed).stdout.split())
    assert not names & {"torch", "ray", "numpy", "fastapi", "pydantic", "sqlalchemy"}
    assert names >= {"stt-ai", "httpx", "websockets", "click"} and len(names) < 16, names
    assert "transcribe" in command(alone / "stt-ai", "--help", env=environment).stdout
    done = command(alone / "stt-ai", "transcribe", FILES[0], "--format", "json", env=environment)
    assert json.loads(done.stdout)["text"] == "Hello Emma and welcome from London.", done.stderr
    live = command(alone / "stt-ai", "stream", tmp_path / "talk.pcm", "--fast", env=environment)
    assert live.returncode == 2, "no such file"
    (tmp_path / "talk.pcm").write_bytes(audio("five_seconds.flac"))
    live = command(alone / "stt-ai", "stream", tmp_path / "talk.pcm", "--fast", env=environment)
    assert "grandmother" in live.stdout, live.stderr
    refused = command(alone / "stt-ai", "accounts", "list", env=environment)
    assert refused.returncode == 1 and "pip install '.[server]' in the checkout" in refused.stderr
    refused = command(alone / "stt-ai", "transcribe", FILES[0], "--local", env=environment)
    assert refused.returncode == 1 and "pip install '.[server]' in the checkout" in refused.stderr
    typed = (
        "import stt_ai, pathlib; assert pathlib.Path(stt_ai.__file__).with_name('py.typed').exists(); stt_ai.Client()"
    )
    assert command(alone / "python", "-c", typed, cwd=tmp_path).returncode == 0
