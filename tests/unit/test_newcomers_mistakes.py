"""What everybody gets wrong at first, in all four clients: each message says what to do instead."""

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stt_ai.api.app import create_app
from stt_ai.api.services import ApiConfig, Services
from stt_ai.billing.database import Database
from stt_ai.cli.main import main
from stt_ai.engines.decoding import FileDecoder
from stt_ai.sdk import Client, Microphone, MicrophoneUnavailable, SttAiError
from stt_ai.types import Transcript, TranscriptionRequest, Upload
from tests.support import chromium, nodejs
from tests.support.api import HELLO, Fixed, FourModels, Recorder, make_app, serving
from tests.support.billing import Books, migrated_database
from tests.support.browser_page import Page, opened
from tests.support.media_files import PATIENT
from tests.support.stream_client import Sessions, live_app
from tests.support.word_errors import DATA

SDK = Path(__file__).parents[2] / "stt_ai/console/sdk/stt-ai.js"
EIGHT_MINUTES = replace(HELLO, duration=480.0)
NOTHING_RECOGNIZED = "http://127.0.0.1:9"


class Decoding(Recorder):
    """A transcription service that really decodes what it is sent, and takes it for eight minutes."""

    async def transcribe(
        self, upload: Upload, request: TranscriptionRequest, on_duration: Any = None, on_text: Any = None
    ) -> Transcript:
        await asyncio.to_thread(FileDecoder(PATIENT).decode, upload)
        return await super().transcribe(upload, request, on_duration, on_text)


@dataclass(frozen=True)
class Places:
    """Where clients are sent, and with what."""

    service: str
    elsewhere: str
    free: str
    one_credit: str
    folder: Path


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    folder = tmp_path_factory.mktemp("mistakes")
    (folder / "talk.flac").write_bytes((DATA / "hello_3s.flac").read_bytes())
    (folder / "empty.wav").touch()
    (folder / "notes.txt").write_text("Buy milk.\n" * 100)
    (folder / "recordings").mkdir()
    database = Database(migrated_database("sqlite", folder))
    books = Books(database)
    config = ApiConfig(folder / "uploads", "large-v3-turbo")
    app = create_app(Services(Decoding(EIGHT_MINUTES), FourModels(), Fixed(), config, billing=books.client))  # type: ignore[arg-type]
    with serving(app) as port, another_server() as elsewhere:
        yield Places(f"http://127.0.0.1:{port}", elsewhere, books.account(), books.account(credits=1), folder)
    database.close()


class another_server:
    """Some web server that is no service of ours."""

    class _Page(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            self.send_response(404)
            self.end_headers()
            self.wfile.write(b"<h1>Not here</h1>")

        def log_message(self, *arguments: Any) -> None: ...

    def __enter__(self) -> str:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._Page)
        threading.Thread(target=self._server.serve_forever).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *failure: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass(frozen=True)
class Mistake:
    """``says``: a pattern that each client's message has; ``says_javascript`` where JavaScript's own words differ."""

    says: str
    address: Callable[[Places], str] = lambda places: places.service
    key: Callable[[Places], str] = lambda places: places.free
    file: str = "talk.flac"
    options: dict[str, str] = field(default_factory=dict)
    says_javascript: str = ""


MISTAKES = {
    "the service does not run": Mistake(r"refused\. Start the service \(`make serve`\)", lambda _: NOTHING_RECOGNIZED),
    "no such host": Mistake(r"no host has this name\. Check the address", lambda _: "http://no-such-host.invalid"),
    "https for http": Mistake(
        r"does not speak HTTPS\. Try http://127", lambda places: places.service.replace("http:", "https:")
    ),
    "no http at all": Mistake("must begin with http:// or https://", lambda places: places.service[7:]),
    "an address with /v1": Mistake("ends before /v1, so give clients one without /v1", lambda p: p.service + "/v1"),
    "another server": Mistake("answered 404, .* Is this the service['’]s address", lambda places: places.elsewhere),
    "a wrong key": Mistake(r"not an API key of this service|does not know the API key", key=lambda _: "stt_wrong"),
    "out of credits": Mistake("needs 8 credits; you have 1", key=lambda places: places.one_credit),
    "no such file": Mistake("No such file or directory", file="none.flac", says_javascript="no such file or directory"),
    "a folder for a file": Mistake("(is a|in the) folder", file="recordings"),
    "an empty file": Mistake("is empty. Check that it was saved or downloaded whole", file="empty.wav"),
    "no recording": Mistake("not audio or video", file="notes.txt"),
    "a wrong model": Mistake("must be one of large-v3-turbo, large-v3, medium, small", options={"model": "whisper-9"}),
    "a wrong language": Mistake("a code that GET /v1/languages lists, such as en", options={"language": "klingon"}),
    "a wrong field": Mistake(
        "languge.*(there are model, language|Did you mean one of: '--language')",
        options={"languge": "en"},
        says_javascript="languge.*language",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_python_says_what_to_do(mistake: Mistake, places: Places) -> None:
    with pytest.raises((SttAiError, OSError, ValueError, TypeError)) as raised:  # noqa: SIM117
        with Client(base_url=mistake.address(places), api_key=mistake.key(places), max_retries=0) as client:
            client.transcribe(places.folder / mistake.file, **mistake.options)  # type: ignore[arg-type]
    assert re.search(mistake.says, str(raised.value), re.DOTALL), raised.value


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_the_command_line_says_what_to_do(mistake: Mistake, places: Places) -> None:
    given = [argument for name, value in mistake.options.items() for argument in (f"--{name}", value)]
    where = ["--server", mistake.address(places), "--key", mistake.key(places)]
    done = CliRunner().invoke(main, ["transcribe", str(places.folder / mistake.file), *where, *given])
    assert done.exit_code and re.search(mistake.says, done.stderr, re.DOTALL), done.stderr


@nodejs.needed
@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_javascript_says_what_to_do(mistake: Mistake, places: Places, tmp_path: Path) -> None:
    client = {"baseUrl": mistake.address(places), "apiKey": mistake.key(places), "maxRetries": 0}
    script = tmp_path / "mistake.mjs"
    script.write_text(
        f"""import {{ Client }} from {json.dumps(str(SDK))};
        try {{
          const client = new Client({json.dumps(client)});
          await client.transcribe({json.dumps(str(places.folder / mistake.file))}, {json.dumps(mistake.options)});
        }} catch (error) {{ console.log(error.message); }}"""
    )
    message = nodejs.run(script).stdout
    assert re.search(mistake.says_javascript or mistake.says, message, re.DOTALL), message


def test_without_a_microphone_each_client_says_what_to_do(tmp_path: Path) -> None:
    advice = r"pip install '\.\[microphone\]'|libportaudio2|python -m sounddevice"
    with pytest.raises(MicrophoneUnavailable, match=advice):
        next(iter(Microphone()))
    with serving(live_app(tmp_path, Sessions())) as port:
        done = CliRunner().invoke(main, ["stream", "--microphone", "--server", f"http://127.0.0.1:{port}"])
    assert done.exit_code and re.search(advice, done.stderr), done.stderr
    if nodejs.INSTALLED:
        script = tmp_path / "microphone.mjs"
        script.write_text(
            f"import {{ Microphone }} from {json.dumps(str(SDK))};\n"
            "await new Microphone().open().catch(({ message }) => console.log(message));"
        )
        assert "In Node, pass a file" in nodejs.run(script).stdout


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A browser without a microphone."""
    folder = tmp_path_factory.mktemp("browser")
    with opened(folder / "profile", folder) as page:
        yield page


FAILURE = "[...document.querySelectorAll('.failure')].map((one) => one.textContent).join(' ')"
CONSOLE = [name for name in MISTAKES if name in ("out of credits", "an empty file", "no recording", "a wrong key")]


def visit(page: Page, address: str, key: str) -> None:
    page.go(f"{address}/")
    page.evaluate(f"sessionStorage.clear(), sessionStorage.setItem('stt-ai-key', {json.dumps(key)}), 0")
    page.call("Page.navigate", url="about:blank")
    page.go(f"{address}/#files")


@chromium.needed
@pytest.mark.parametrize("name", CONSOLE)
def test_the_console_says_what_to_do(name: str, places: Places, tab: Page) -> None:
    mistake = MISTAKES[name]
    visit(tab, places.service, mistake.key(places))
    tab.choose("#file", places.folder / mistake.file)
    shown = tab.wait(FAILURE)
    assert re.search(mistake.says, shown), shown
    link = {"out of credits": "#plans", "a wrong key": "#account"}.get(name)
    assert tab.evaluate("document.querySelector('.failure a')?.getAttribute('href')") == link


@chromium.needed
def test_the_console_says_what_to_do_about_folders_microphones_and_silence(places: Places, tab: Page) -> None:
    with serving(make_app(places.folder / "others")) as port:
        visit(tab, f"http://127.0.0.1:{port}", "")
        tab.evaluate(
            """(() => {
              const folder = { webkitGetAsEntry: () => ({ isDirectory: true, name: "recordings" }) };
              const event = new Event("drop", { cancelable: true });
              event.dataTransfer = { items: [folder], files: [new File([], "recordings")] };
              dispatchEvent(event);
            })()"""
        )
        assert "recordings is a folder. Open it and drop the recordings in it." in tab.wait(FAILURE)
        tab.evaluate("location.hash = '#live'")
        tab.wait("!document.querySelector('#live').hidden")
        tab.click("#talk")
        tab.wait("document.querySelector('#live-failure').textContent")
        assert "No microphone was found. Connect one, then start again." in tab.text("#live-failure")
        tab.evaluate("location.hash = '#files'")
        tab.wait("!document.querySelector('#files').hidden")
    tab.choose("#file", places.folder / "talk.flac")
    tab.wait("document.querySelector('#file-failure').textContent.includes('Check that the service runs')")
