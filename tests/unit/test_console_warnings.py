"""What the console shows of warnings and of the models that serve, in a real browser."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stt_ai.types import GpuInfo, LoadedModel, PartHealth, ServiceHealth, TranscriptWarning
from tests.support import chromium, nodejs
from tests.support.api import TALK, Fixed, Recorder, make_app, serving
from tests.support.browser_page import Page, opened
from tests.support.word_errors import DATA

pytestmark = [chromium.needed, nodejs.needed]

BASE = LoadedModel("whisper-base", origin="packages", reason="There is no hub: whisper-base serves in its place.")
VOICES = LoadedModel("demo-diarization", True, origin="demo")
HEALTH = ServiceHealth(
    GpuInfo(),
    (PartHealth("diarizer", True, model=VOICES), PartHealth("transcriber-large-v3-turbo", True, model=BASE)),
    {"large-v3-turbo": BASE, "small": LoadedModel("small", origin="hub")},
)
WARNED = replace(
    TALK,
    warnings=(
        TranscriptWarning("audio_missing", "<b>A part</b> is missing.", 1.2, 2.5),
        TranscriptWarning("model_substituted", BASE.reason, about_audio=False),
        TranscriptWarning("demo_diarization", "Speaker names may be wrong.", about_audio=False),
    ),
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("browser")
    app = make_app(folder / "uploads", Recorder(WARNED), Fixed(HEALTH))
    with serving(app) as port, opened(folder / "profile", folder) as page:
        page.go(f"http://127.0.0.1:{port}/")
        page.wait("document.querySelector('#serving').textContent")
        yield page


def chosen(page: Page, name: str, value: str) -> None:
    page.evaluate(
        f"(() => {{ const field = document.querySelector('#wanted [name={name}]'); field.value = '{value}';"
        "field.dispatchEvent(new Event('change', { bubbles: true })) })()"
    )


def test_what_serves_is_said_where_it_is_chosen(page: Page) -> None:
    voices = "Speaker names come from a demo model and may be wrong."
    assert page.text("#serving") == f"{voices} Transcription uses Whisper Base."
    assert page.text("#live-serving") == "Transcription uses Whisper Base."
    assert page.text("#wanted option[value=large-v3-turbo]") == "Whisper Large V3 Turbo (Whisper Base serves)"
    assert not page.evaluate("document.querySelector('.notice')")
    chosen(page, "model", "small")
    assert page.text("#serving") == voices
    chosen(page, "speakers", "none")
    assert page.text("#serving") == ""
    assert page.barriers() == []


def test_each_warning_of_a_transcript_stands_where_it_belongs(page: Page, tmp_path: Path) -> None:
    page.choose("#file", DATA / "hello_3s.flac")
    page.wait("!document.querySelector('#result').hidden")
    assert page.text("#warnings") == "<b>A part</b> is missing. 0:01 to 0:02"
    assert page.text("#speakers .serving") == "Speaker names may be wrong."
    assert page.text("#details .note") == BASE.reason
    assert page.barriers() == []
    page.wait("document.querySelector('#screen video').readyState > 0")
    page.click("#warnings button")
    page.wait("document.querySelector('#screen video').currentTime >= 1.2")
    assert not page.problems
