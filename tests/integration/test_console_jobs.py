"""The account's jobs in the console, and what is asked for in its options: a real browser on the real service."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from stt_ai import Client
from stt_ai.sdk import errors
from tests.integration.test_console import downloads, page, saved, sign_in, tab, usable
from tests.integration.test_console_library import TALKS, WORDS, correct, drop, empty_library
from tests.support import chromium, nodejs
from tests.support.browser_page import Page
from tests.support.service import Service, wait_until
from tests.support.word_errors import DATA

__all__ = ["downloads", "empty_library", "page", "tab"]

ROW = "document.querySelector('#jobs li')"

pytestmark = [chromium.needed, nodejs.needed]


@pytest.fixture
def client(page: Page, service: Service) -> Iterator[Client]:
    """The client of the account that is signed in."""
    with Client(sign_in(page, service), service.url) as client:
        page.evaluate("location.hash = '#files'")
        page.wait("!document.querySelector('#files').hidden")
        page.click("#options summary")
        yield client


def choose(page: Page, name: str, value: str) -> None:
    page.evaluate(f"document.querySelector('#wanted').elements[{json.dumps(name)}].value = {json.dumps(value)}")


def test_a_job_is_followed_opened_corrected_exported_and_erased(page: Page, client: Client, downloads: Path) -> None:
    usable(page, "options")
    choose(page, "background", "always")
    choose(page, "summary", "brief")
    drop(page, TALKS[:1])
    page.wait(ROW, 60)
    assert page.evaluate("location.hash") == "#library"
    page.wait(f"{ROW}.dataset.status === 'succeeded'", 240)
    usable(page, "jobs")
    (job,) = client.jobs.list().jobs
    assert job.title == TALKS[0].name == page.text("#jobs .name")
    last = client.jobs.result(job).words[-1].word
    page.write("#search", last)
    page.wait("document.querySelector('#found').textContent === '1 of 1'")
    page.write("#search", "")
    page.click("#jobs a.name")
    page.wait("document.querySelectorAll('.by b').length")
    page.wait("document.querySelector('#screen video').readyState > 0")  # this browser kept the recording
    written = client.jobs.result(job).summary
    assert written is not None and page.text("#summary").startswith(written.summary[:20])
    page.evaluate("document.querySelector('.speakers input').select()")
    page.call("Input.insertText", text="Ada")
    page.press("Enter")
    page.wait("document.querySelector('.by b').textContent === 'Ada'")
    correct(page, 0, "Zanzibar")
    assert saved(page, downloads, "txt").startswith("Ada: Zanzibar")
    wait_until(lambda: client.jobs.result(job, "txt").startswith("Ada: Zanzibar"))
    address = page.evaluate("location.href")
    page.call("Page.navigate", url="about:blank")
    page.go(address)
    page.wait("document.querySelector('.by b')?.textContent === 'Ada'")
    assert page.evaluate(f"{WORDS}[0].textContent") == "Zanzibar"
    assert client.jobs.get(job).speakers == {"Speaker 1": "Ada"}
    page.click(".top a[href='#library']")
    page.wait(ROW)
    assert page.evaluate("document.querySelectorAll('.kept li').length") == 1, "this browser has no second one"
    page.click("#jobs .danger")
    page.wait("document.querySelector('dialog[open]')")
    page.click("dialog .danger")
    page.wait(f"!{ROW} && !document.querySelector('.kept li')")
    with pytest.raises(errors.NotFound):
        client.jobs.get(job)


def test_a_job_that_runs_is_seen_and_cancelled(page: Page, client: Client) -> None:
    job = client.jobs.create(DATA / "ten_minutes.opus", diarize=False)
    page.evaluate("location.hash = '#library'")
    page.wait("document.querySelector('#jobs progress')", 90)
    assert page.text("#jobs p").startswith(("Reading the recording", "Transcribing"))
    page.click("#jobs button[aria-label^=Cancel]")
    page.wait(f"{ROW}?.dataset.status === 'cancelled'", 60)
    assert client.jobs.get(job).status == "cancelled"
    assert "Cancelled" in page.text("#jobs li")


def test_a_part_is_asked_for_and_a_time_that_is_none_is_not(page: Page, client: Client, service: Service) -> None:
    choose(page, "start", "0:01,5")
    page.choose("#file", DATA / "five_seconds.flac")
    assert page.evaluate("document.querySelector('#work').hidden"), "nothing is sent"
    choose(page, "start", "0:01")
    choose(page, "end", "0:03.5")
    choose(page, "prompt", "Emma speaks.")
    page.choose("#file", DATA / "five_seconds.flac")
    page.wait("!document.querySelector('#result').hidden", 90)
    details = page.evaluate("[...document.querySelectorAll('#details dd')].map((one) => one.textContent)")
    assert "0:02" in details
    key = page.evaluate("sessionStorage.getItem('stt-ai-key')")
    usage = httpx.get(f"{service.url}/v1/account/usage", headers={"Authorization": f"Bearer {key}"}, timeout=60).json()
    assert usage["requests"][0]["seconds"] == pytest.approx(2.5, abs=0.05)
