"""The console's files over HTTP: what they are, what their headers forbid, and that nothing else can be had."""

import gzip
import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from stt_ai.api.console.routes import FOLDER, MEDIA_TYPES, console_routes, load
from tests.support.api import make_app


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    return TestClient(make_app(tmp_path))


def test_the_page_is_at_the_root_and_says_that_only_its_own_files_may_run(client: TestClient) -> None:
    answer = client.get("/")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.text.startswith("<!doctype html>")
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "img-src", "connect-src")} == {"'self'"}
    assert policy["media-src"] == "blob:"
    assert {policy[name] for name in ("base-uri", "form-action", "frame-ancestors")} == {"'none'"}
    assert "unsafe" not in str(policy)
    assert "microphone=(self)" in answer.headers["Permissions-Policy"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Request-ID"]


def test_every_file_of_the_page_is_served_as_what_it_is(client: TestClient) -> None:
    for name, asset in load(FOLDER).items():
        answer = client.get("/" if name == "index.html" else f"/console/{name}")
        assert (answer.status_code, answer.content) == (200, (FOLDER / name).read_bytes())
        assert answer.headers["Content-Type"] == asset.media_type == MEDIA_TYPES[Path(name).suffix]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_whatever_the_files_name_is_there_and_from_no_other_host(client: TestClient) -> None:
    named = set()
    for path in FOLDER.rglob("*"):
        if path.suffix in MEDIA_TYPES:
            text = path.read_text()
            folder = Path("console") if path.suffix == ".html" else path.parent.relative_to(FOLDER.parent)
            found = re.findall(r"""(?:from|import\(?) ?"(\.[^"]+)\"""", text)
            if path.suffix == ".html":
                found += [link.removeprefix("console/") for link in re.findall(r'(?:src|href)="(console/[^"]+)"', text)]
                assert not re.search(r"<style|style=|\son\w+=|<script(?! type=\"module\" src=)", text)
            named |= {(folder / link).as_posix().replace("/./", "/") for link in found}
            assert (
                not re.search(r"https?://(?!www\.w3\.org/2000/svg)[a-z0-9.-]*[a-z]{2,}/", text, re.I)
                or "sdk" in path.parts
            )
    assert len(named) > 10
    missing = [name for name in named if client.get(f"/{name}").status_code != 200]
    assert not missing


@pytest.mark.parametrize(
    "path",
    [
        "/console/", "/console/nothing.js", "/console/__init__.py", "/console/index.html", "/console/sdk/package.json",
        "/console/../api/app.py", "/console/%2e%2e/api/app.py", "/console/..%2f..%2fpyproject.toml",
        "/console//etc/passwd", "/console/sdk/..%5c..%5cbase.css", "/console/base.css%00", "/console/base.css//",
    ],
)  # fmt: skip
def test_nothing_but_the_files_can_be_had(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_who_has_the_file_is_sent_nothing_until_it_changes(tmp_path: Path) -> None:
    def get(**headers: str) -> tuple[int, str, bytes]:
        app = FastAPI()
        app.include_router(console_routes(tmp_path))
        answer = TestClient(app).get("/console/a.js", headers=headers)
        return answer.status_code, answer.headers["ETag"], answer.content

    file = tmp_path / "a.js"
    file.write_text("export const a = 1;")
    _, tag, content = get()
    assert content == b"export const a = 1;"
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        assert get(**{"If-None-Match": known}) == (304, tag, b"")
    assert get(**{"If-None-Match": '"other"'})[0] == 200
    file.write_text("export const a = 2;")
    assert get(**{"If-None-Match": tag})[::2] == (200, b"export const a = 2;")


@pytest.mark.parametrize(("takes", "packed"), [("gzip, br", True), ("gzip;q=0", False), ("identity", False)])
def test_files_are_compressed_for_whoever_takes_that(client: TestClient, takes: str, packed: bool) -> None:
    with client.stream("GET", "/console/base.css", headers={"Accept-Encoding": takes}) as answer:
        raw = b"".join(answer.iter_raw())
    assert (answer.headers.get("Content-Encoding") == "gzip") is packed
    assert int(answer.headers["Content-Length"]) == len(raw)
    assert (gzip.decompress(raw) if packed else raw) == (FOLDER / "base.css").read_bytes()
    assert "Accept-Encoding" in answer.headers["Vary"]


def test_head_has_the_headers_alone(client: TestClient) -> None:
    whole, head = client.get("/"), client.head("/")
    assert (head.status_code, head.content) == (200, b"")
    ours = ("Content-Type", "Content-Length", "ETag", "Content-Security-Policy")
    assert [head.headers[name] for name in ours] == [whole.headers[name] for name in ours]


@pytest.mark.parametrize(
    ("accept", "status"),
    [("text/html,application/xhtml+xml;q=0.9", 200), ("*/*", 200), ("text/*;q=0.1", 200), ("application/json", 406),
     ("application/json, text/html;q=0", 406)],
)  # fmt: skip
def test_programs_that_want_json_are_told_where_it_is(client: TestClient, accept: str, status: int) -> None:
    answer = client.get("/", headers={"Accept": accept})
    assert answer.status_code == status
    if status == 406:
        assert answer.json()["code"] == "not_acceptable" and "/openapi.json" in answer.json()["error"]


def test_the_root_takes_nothing_but_reading(client: TestClient) -> None:
    answer = client.post("/")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert client.get("/docs").status_code == 200


def test_the_pages_modules_are_all_asked_for_at_once() -> None:
    text = (FOLDER / "index.html").read_text()
    loaded = set(re.findall(r'(?:modulepreload" href|module" src)="console/([^"/]+)"', text))
    assert loaded == {path.name for path in FOLDER.glob("*.js")} - {"docs.js"}
