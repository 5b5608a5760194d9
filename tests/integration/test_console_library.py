"""The console's whole way: recordings dropped, text before the end, corrections, a reload, a search, an export."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_console import downloads, page, saved, sign_in, tab, transcribe, usable
from tests.support import chromium, nodejs
from tests.support.browser_page import Page
from tests.support.service import Service
from tests.support.word_errors import DATA

__all__ = ["downloads", "page", "tab"]

TALKS = [DATA / "conversations" / name for name in ("en_2_voices_00.opus", "en_2_voices_04.opus")]
WORDS = "[...document.querySelectorAll('#words p span')]"

pytestmark = [chromium.needed, nodejs.needed]


@pytest.fixture(autouse=True)
def empty_library(page: Page, service: Service) -> Iterator[None]:
    yield
    page.call("Page.navigate", url="about:blank")
    page.go(f"{service.url}/")
    page.evaluate("new Promise((done) => (indexedDB.deleteDatabase('stt-ai').onsuccess = done)).then(() => true)")


def test_from_two_recordings_to_a_corrected_export_that_a_reload_keeps(
    page: Page, service: Service, downloads: Path
) -> None:
    sign_in(page, service)
    whole_way(page, service.url, downloads, TALKS)


def whole_way(page: Page, url: str, downloads: Path, recordings: list[Path]) -> str:
    """Drop two recordings, watch, correct, reload, find, export and erase. Return the older one's text before."""
    page.evaluate("location.hash = '#files'")
    page.wait("!document.querySelector('#files').hidden")
    page.evaluate(
        """(() => {
          window.seen = new Set();
          new MutationObserver(() => {
            if (document.querySelector("#work-text").textContent) seen.add("text");
            const state = document.querySelector("#work-state").textContent;
            if (/ \\d+ %/.test(state)) seen.add("percent");
            if (document.querySelector("#queue li")) seen.add("queue");
          }).observe(document.querySelector("#work"), { subtree: true, childList: true, characterData: true });
        })()"""
    )
    drop(page, recordings)
    page.wait("document.querySelectorAll('.kept li').length === 2", 120)
    assert set(page.evaluate("[...seen]")) == {"text", "percent", "queue"}
    assert page.evaluate("location.hash") == "#library"
    usable(page, "library")
    page.click(".kept li:last-child a")  # the older one
    page.wait("document.querySelectorAll('.by b').length")
    text = page.evaluate(f"{WORDS}.map((word) => word.textContent).join(' ')")
    correct(page, 0, "Zanzibar")
    page.evaluate("document.querySelector('.speakers input').select()")
    page.call("Input.insertText", text="Ada")
    page.press("Enter")
    page.wait("document.querySelector('.by b').textContent === 'Ada'")
    usable(page, "corrected")
    address = page.evaluate("location.href")
    page.call("Page.navigate", url="about:blank")
    page.go(address)
    page.wait("document.querySelector('.by b')?.textContent === 'Ada'")
    assert page.evaluate(f"{WORDS}[0].textContent") == "Zanzibar"
    page.wait("document.querySelector('#screen video').readyState > 0")  # the recording is kept too
    page.click(".top a[href='#library']")
    page.wait("document.querySelectorAll('.kept li').length === 2")
    page.write("#search", "nobody said this")
    page.wait("document.querySelectorAll('.kept li').length === 0")
    usable(page, "nothing found")
    page.evaluate("document.querySelector('#search').select()")
    page.call("Input.insertText", text="zanzibar")
    page.wait("document.querySelectorAll('.kept li').length === 1")
    assert page.text(".kept mark") == "Zanzibar"
    page.click(".kept a")
    page.wait("!document.querySelector('#result').hidden")
    assert saved(page, downloads, "txt").startswith("Ada: Zanzibar")
    assert "Ada: Zanzibar" in saved(page, downloads, "srt") and "<v Ada>Zanzibar" in saved(page, downloads, "vtt")
    assert saved(page, downloads, "tsv").splitlines()[1].split("\t")[2:][0] == "Ada"
    body = json.loads(saved(page, downloads, "json"))
    assert body["text"].startswith("Zanzibar") and body["segments"][0]["words"][0]["word"] == "Zanzibar"
    assert body["speakers"][0] == body["segments"][0]["speaker"] == "Ada"
    usable(page, "exporting")
    page.click("#exports [name=speakers]")
    assert "Ada" not in saved(page, downloads, "srt")
    page.click(".top a[href='#library']")
    page.wait("!document.querySelector('#library').hidden")
    page.click(".kept .danger")
    page.wait("document.querySelector('dialog[open]')")
    usable(page, "erasing")
    page.click("dialog .danger")
    page.wait("document.querySelectorAll('.kept li').length === 0")
    page.call("Page.navigate", url="about:blank")
    page.go(f"{url}/#library")
    page.wait("document.querySelectorAll('.kept li').length === 1")  # the other one
    return str(text)


def test_words_and_speakers_are_corrected_by_keyboard_and_merged(page: Page, service: Service) -> None:
    sign_in(page, service)
    transcribe(page, TALKS[0])
    before = page.evaluate(f"{WORDS}.length")
    page.click("#edit")
    page.evaluate("document.querySelector('#words').focus()")
    page.press("ArrowRight")
    page.press("Enter")
    page.wait("document.activeElement.matches('#words input')")
    usable(page, "correcting a word")
    page.call("Input.insertText", text="two words")
    page.press("Tab")  # on to the next one
    page.wait(f"{WORDS}.length === {before + 1} && document.activeElement.matches('#words input')")
    assert page.evaluate("document.activeElement.closest('span').index") == 2
    page.evaluate("document.activeElement.value = ''")
    page.press("Enter")
    page.wait(f"{WORDS}.length === {before}")
    assert page.evaluate(f"{WORDS}.slice(0, 2).map((word) => word.textContent)") == ["two", "words"]
    second = page.evaluate("document.querySelector('.merge option:last-child').value")
    page.evaluate(
        f"""(() => {{
          const menu = document.querySelector(".merge");
          menu.value = {json.dumps(second)};
          menu.dispatchEvent(new Event("change"));
        }})()"""
    )
    page.wait("document.querySelectorAll('.speakers li').length === 1")
    assert set(page.evaluate("[...document.querySelectorAll('.by b')].map((b) => b.textContent)")) == {second}


def test_leaving_while_a_file_is_under_way_is_warned_about(page: Page) -> None:
    leaving = "!dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    assert not page.evaluate(leaving)
    page.choose("#file", TALKS[0])
    page.wait("!document.querySelector('#work').hidden")
    assert page.evaluate(leaving)
    page.wait("!document.querySelector('#result').hidden", 90)
    assert not page.evaluate(leaving)


def test_copying_works_where_the_browser_gives_no_clipboard(page: Page) -> None:
    transcribe(page, DATA / "hello_3s.flac")
    page.evaluate(
        """(() => {
          Object.defineProperty(navigator, "clipboard", { value: undefined });
          document.addEventListener("copy", () => {
            window.taken = String(getSelection()) || document.activeElement.value;
          });
        })()"""
    )
    page.click("#exports button:last-child")
    page.wait("document.querySelector('#exports button:last-child').textContent === 'Copied'")
    assert page.evaluate("taken").strip()


def test_plans_are_on_a_page_of_their_own(page: Page) -> None:
    page.evaluate("location.hash = '#plans'")
    page.wait("document.querySelectorAll('.plans .card').length === 3")
    assert "600 minutes a month" in page.text("#plans-body")
    usable(page, "plans")


def correct(page: Page, index: int, text: str) -> None:
    page.click("#edit")
    page.evaluate(f"{WORDS}[{index}].id = 'wrong'")
    page.click("#wrong")
    page.wait("document.activeElement.matches('#words input')")
    page.call("Input.insertText", text=text)
    page.press("Enter")
    page.wait(f"{WORDS}[{index}].textContent === {json.dumps(text)}")
    page.click("#edit")


def drop(page: Page, files: list[Path]) -> None:
    """As if they were dragged from a folder."""
    contents = json.dumps([[file.name, base64.b64encode(file.read_bytes()).decode()] for file in files])
    page.evaluate(
        f"""(() => {{
          const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
          const data = new DataTransfer();
          for (const [name, text] of {contents}) data.items.add(new File([bytes(text)], name, {{ type: "audio/ogg" }}));
          const dropped = {{ dataTransfer: data, bubbles: true, cancelable: true }};
          document.querySelector("#drop").dispatchEvent(new DragEvent("drop", dropped));
        }})()"""
    )
