"""The environment of the service's processes, and the command that sets it."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from stt_ai import environment
from stt_ai.cli.main import main
from stt_ai.environment import NODE, Secrets, complaint, completed, for_serve, peer_header, shell_exports, values

SHIPPED = Path(__file__).parents[2] / "serve_config.yaml"


def test_a_variable_that_is_set_keeps_its_value_even_an_empty_one() -> None:
    found = completed({"RAY_worker_niceness": "5", "RAY_SERVE_ENABLE_HA_PROXY": ""}, NODE)
    assert (found["RAY_worker_niceness"], found["RAY_SERVE_ENABLE_HA_PROXY"]) == ("5", "")
    assert found["RAY_USAGE_STATS_ENABLED"] == "0"


def test_the_peers_header_cannot_be_guessed_and_is_there_behind_haproxy_only() -> None:
    first, second = (for_serve({}) for _ in range(2))
    assert peer_header(first) != peer_header(second)
    assert len(peer_header(first) or "") == len("X-Peer-") + 24
    assert peer_header({**first, "RAY_SERVE_ENABLE_HA_PROXY": "0"}) is None


def test_a_ray_of_our_own_asks_for_a_token_and_listens_on_the_loopback() -> None:
    alone, joined = for_serve({}), for_serve({}, address="auto")
    assert alone["RAY_AUTH_MODE"] == joined["RAY_AUTH_MODE"] == "token"
    assert alone["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"
    assert "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER" not in joined


def test_the_exports_mean_to_a_shell_what_serve_is_started_with() -> None:
    shown = shell_exports({"RAY_worker_niceness": "it's 5"})
    shell = subprocess.run(["sh", "-c", f"{shown}\nenv -0"], env={}, capture_output=True, text=True, check=True)
    exported = dict(pair.split("=", 1) for pair in shell.stdout.split("\0") if "=" in pair)
    expected = values(NODE)
    del expected["RAY_worker_niceness"]
    assert {name: value for name, value in exported.items() if name in expected} == {
        **expected,
        environment.PEER_HEADER: exported[environment.PEER_HEADER],
    }
    assert "RAY_worker_niceness" not in exported


def test_nodes_that_share_a_name_for_their_peer_keep_it() -> None:
    assert for_serve({"STT_AI_PEER_HEADER": "X-Peer-shared"})["STT_AI_PEER_HEADER"] == "X-Peer-shared"


def test_a_service_started_otherwise_says_what_it_lacks_and_why() -> None:
    assert complaint(for_serve({}, address="auto")) is None
    lacking = for_serve({})
    del lacking["RAY_AUTH_MODE"]
    said = complaint(lacking) or ""
    assert "RAY_AUTH_MODE: Whoever reaches Ray's own ports may run code" in said
    assert "RAY_SERVE_ENABLE_HA_PROXY" not in said


def test_ffmpeg_inherits_no_secret() -> None:
    found = environment.for_ffmpeg({"PATH": "/bin", "STT_AI_SECRET": "s", "HF_TOKEN": "t"})
    assert found == {"PATH": "/bin", "LC_ALL": "C", "MALLOC_ARENA_MAX": "1"}


def test_secrets_do_not_show_in_a_log() -> None:
    variables = dict.fromkeys(("STT_AI_SECRET", "STT_AI_DATABASE_URL", "STT_AI_METRICS_TOKEN"), "hidden")
    key = "aGlkZGVu" + "A" * 34 + "8="  # of "hidden"
    read = Secrets.read(variables | {"STT_AI_STORE_KEYS": f"first:{key}"})
    assert [one.id for one in read.store_keys] == ["first"]
    assert (read.address_secret, read.database_url, read.metrics_token) == ("hidden",) * 3
    assert "hidden" not in repr(read)


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose `serve` notes how it was started, as the program beside Python."""
    program = tmp_path / "bin" / "serve"
    program.parent.mkdir()
    note = f"import json, os, sys; json.dump([sys.argv[1:], dict(os.environ)], open({str(tmp_path / 'note')!r}, 'w'))"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c {shlex.quote(note)} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(os, "umask", lambda mask: 0)
    monkeypatch.setattr(os, "execve", lambda path, arguments, env: subprocess.run([program, *arguments[1:]], env=env))
    return tmp_path


def test_serve_runs_serve_on_the_configuration_with_all_that_it_needs(started: Path) -> None:
    done = CliRunner().invoke(main, ["serve", "--no-pull", "--address", "auto", str(SHIPPED)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "http://127.0.0.1:8000" in done.output
    arguments, environ = json.loads((started / "note").read_text())
    assert arguments == ["run", "--address=auto", str(SHIPPED)]
    assert complaint(environ) is None


def test_a_wrong_configuration_is_refused_before_anything_starts(started: Path) -> None:
    wrong = yaml.safe_load(SHIPPED.read_text())
    wrong["applications"][0]["args"]["ingres"] = {}
    (started / "wrong.yaml").write_text(yaml.safe_dump(wrong))
    done = CliRunner().invoke(main, ["serve", str(started / "wrong.yaml")])
    assert done.exit_code == 2
    assert "ingres" in done.output
    assert not (started / "note").exists()


def test_a_folder_without_a_configuration_is_told_so(started: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(started)
    done = CliRunner().invoke(main, ["serve"])
    assert done.exit_code == 2
    assert "no serve_config.yaml here" in done.output
