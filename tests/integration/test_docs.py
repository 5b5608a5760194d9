"""/docs in a real browser, and every example that it shows, run as printed but for the host, the key and the ids."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import imageio_ffmpeg
import pytest

from stt_ai import Client
from stt_ai.api.console.example_languages import BASE, KEY
from stt_ai.api.console.examples import EXAMPLES
from tests.support import chromium, nodejs
from tests.support.browser_page import Page, opened
from tests.support.service import ROOT, Service
from tests.support.word_errors import DATA

CURL = shutil.which("curl")
CASES = [(name, language) for name, examples in EXAMPLES.items() for language in examples]


@pytest.fixture(scope="module")
def folder(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the examples find what they name: recordings, and the clients of JavaScript."""
    folder = tmp_path_factory.mktemp("examples")
    for name in ("meeting.mp3", "meeting.wav"):
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", DATA / "hello_3s.flac", "-ar", "16000"]
        subprocess.run([*command, folder / name], check=True)
    if nodejs.INSTALLED:
        (folder / "node_modules").mkdir()
        (folder / "node_modules/stt-ai").symlink_to(ROOT / "stt_ai/console/sdk")
        (folder / "node_modules/openai").symlink_to(nodejs.MODULES / "openai")
    service.load_summarizer()
    return folder


@pytest.fixture(scope="module")
def key(service: Service) -> str:
    """Of an account that has been used."""
    key = service.new_key()
    files, headers = {"file": (DATA / "hello_3s.flac").read_bytes()}, {"Authorization": f"Bearer {key}"}
    assert httpx.post(f"{service.url}/v1/transcribe", files=files, headers=headers, timeout=90).status_code == 200
    return key


@pytest.mark.parametrize(("name", "language"), CASES)
def test_an_example_runs_as_printed(
    service: Service,
    folder: Path,
    key: str,
    name: str,
    language: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if (language == "curl" and CURL is None) or (language == "JavaScript" and not nodejs.INSTALLED):
        pytest.skip(f"{language} is not here: its examples were NOT tried")
    if name in ("create_translation", "metrics"):
        pytest.skip("demo models do not translate, and operators set the token: the other examples show the form")
    made = httpx.post(f"{service.url}/v1/account/keys", headers={"Authorization": f"Bearer {key}"}, timeout=60).json()
    text = EXAMPLES[name][language].replace(BASE, service.url).replace(KEY, key).replace("KEY_ID", made["id"])
    if "JOB_ID" in text:
        text = text.replace("JOB_ID", job_of(service, key, running=name == "cancel_job"))
    if "UPLOAD_ID" in text:
        text = text.replace("UPLOAD_ID", upload_of(service, key, (folder / "meeting.mp3").stat().st_size))
    monkeypatch.chdir(folder)
    if language == "Python":
        # Here, and not in a process of its own, which would import the clients' libraries anew for each example.
        exec(compile(text, f"{name}.py", "exec"), {"__name__": "__main__"})
        output = capsys.readouterr().out
    elif language == "JavaScript":
        script = folder / f"{name}.mjs"
        script.write_text(text)
        output = nodejs.run(script, cwd=folder).stdout
    else:
        command, environment = ["sh", "-e", "-c", text], {"PATH": "/usr/local/bin:/usr/bin:/bin"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        output = done.stdout
    assert output.strip() and not re.search('"error": *"', output)


def job_of(service: Service, key: str, running: bool) -> str:
    """Return the id of a new job: one that has succeeded, or one that runs for long."""
    with Client(key, service.url) as client:
        if running:
            return client.jobs.create(DATA / "ten_minutes.opus", diarize=False).id
        return client.jobs.wait(client.jobs.create(DATA / "hello_3s.flac"), timeout=120).id


def upload_of(service: Service, key: str, size: int) -> str:
    """Return the id of a new, empty upload."""
    headers = {"Authorization": f"Bearer {key}", "Tus-Resumable": "1.0.0", "Upload-Length": str(size)}
    made: str = httpx.post(f"{service.url}/v1/uploads", headers=headers, timeout=60).raise_for_status().json()["id"]
    return made


@pytest.fixture
def page(service: Service, tmp_path: Path) -> Iterator[Page]:
    with opened(tmp_path / "profile", tmp_path) as page:
        page.go(f"{service.url}/docs")
        yield page
        assert not page.problems


@chromium.needed
@nodejs.needed
def test_the_reference_keeps_nobody_out_and_fits_a_phone(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    for scheme, width in (("light", 1280), ("dark", 390)):
        page.look(width=width, scheme=scheme)
        assert page.barriers() == [], (scheme, width)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width


@chromium.needed
@nodejs.needed
def test_it_is_searched_its_examples_are_chosen_once_and_its_forms_send_the_key(page: Page, service: Service) -> None:
    page.write("#filter", "utterance_end_ms")
    page.wait("document.querySelector('#filtered').textContent === '1 found'")
    assert page.evaluate("[...document.querySelectorAll('main section:not([hidden])')].map(({ id }) => id)") == [
        "stream"
    ]
    page.evaluate("document.querySelector('#filter').value = ''")
    page.evaluate("document.querySelector('#filter').dispatchEvent(new Event('input'))")
    page.wait("document.querySelector('#filtered').textContent === ''")
    page.click("#transcribe .tabs button:nth-child(2)")
    shown = "[...document.querySelectorAll('.example:not([hidden])')].map(({ dataset }) => dataset.language)"
    assert set(page.evaluate(shown)) == {"Python"}
    page.write("#key", service.new_key())
    page.click("#get_account .try summary")
    page.click("#get_account .try button")
    page.wait("document.querySelector('#get_account .answer p')?.textContent === '200 OK'")
    assert '"plan": "paid"' in page.text("#get_account .answer pre")
    page.click("#transcribe .try summary")
    page.choose("#transcribe .try [type=file]", DATA / "hello_3s.flac")
    page.click("#transcribe .try button")
    page.wait("document.querySelector('#transcribe .answer p')?.textContent === '200 OK'", 90)
    page.click("#summarize .try summary")
    page.click("#summarize .try button")
    page.wait("document.querySelector('#summarize .answer p')?.textContent === '200 OK'", 90)
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)):
        page.look(width=width, scheme=scheme)
        assert page.barriers(".try[open]") == [], (scheme, width)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
