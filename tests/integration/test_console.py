"""The console in a real browser, against the real service: what visitors do, what they see, and who can use it."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import imageio_ffmpeg
import pytest

from tests.support import chromium, nodejs
from tests.support.browser_page import Page, opened
from tests.support.service import Service, wait_until
from tests.support.word_errors import DATA, word_error_rate

TALK = DATA / "conversations" / "en_2_voices_00.opus"
SPOKEN = "ten_seconds_01.flac"
VISITOR = "192.0.2.77"
# A name that would do harm if it became markup.
HOSTILE = '<img src=x onerror="document.title=1">'
VIDEO = "document.querySelector('#screen video')"
LEFT = "document.querySelector('#left').textContent"
WORDS = "[...document.querySelectorAll('#words p span')]"
KEPT = "[sessionStorage, localStorage].map((storage) => storage.getItem('stt-ai-key'))"
TIME = re.compile(r"(\d+):(\d+):(\d+),(\d+)")

pytestmark = [chromium.needed, nodejs.needed]


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def tab(service: Service, downloads: Path) -> Iterator[Page]:
    profile = downloads.with_name(f"{downloads.name}-profile")
    microphone = profile.with_suffix(".wav")
    converted = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", DATA / SPOKEN, "-ar", "48000", microphone]
    subprocess.run(converted, check=True)
    with opened(profile, downloads, microphone) as page:
        page.call("Network.enable")
        page.call("Network.setExtraHTTPHeaders", headers={"X-Forwarded-For": VISITOR})
        yield page


@pytest.fixture
def page(tab: Page, service: Service) -> Iterator[Page]:
    """The console as a new visitor finds it. At the end its console must be clean."""
    tab.go(f"{service.url}/")
    tab.evaluate("sessionStorage.clear(), localStorage.clear()")
    tab.call("Page.navigate", url="about:blank")
    tab.go(f"{service.url}/")
    tab.wait("document.querySelector('#serving').textContent")  # it comes late, and moves what is below it
    tab.problems.clear()
    yield tab
    tab.look()
    assert not tab.problems


def test_a_visitor_signs_up_and_the_key_is_kept_only_while_wanted(page: Page, service: Service) -> None:
    usable(page, "start")
    assert "demo model" in page.text("#serving") and not page.evaluate("document.querySelector('.notice')")
    page.click(".top a[href='#account']")
    usable(page, "signing up")
    page.write("#account [name=name]", HOSTILE)
    page.press("Enter")
    key = page.wait("document.querySelector('.secret code')?.textContent")
    assert page.evaluate("document.activeElement.id") == "account-title"  # what had the focus is gone
    account = httpx.get(f"{service.url}/v1/account", headers=bearer(key), timeout=60).json()
    assert account["name"] == page.text("#account-body h2.name") == HOSTILE
    assert page.evaluate(KEPT) == [key, None]
    assert page.evaluate("location.href") == f"{service.url}/#account"
    usable(page, "account")
    sign_out(page)
    assert key not in page.evaluate("document.documentElement.outerHTML")
    page.write("[name=key]", key)
    page.click("form:has([name=key]) [name=remember]")
    page.click("form:has([name=key]) button")
    page.wait("document.querySelector('.figure')")
    assert page.evaluate(KEPT) == [None, key]
    sign_out(page)


def test_a_file_is_read_transcribed_and_saved(page: Page, service: Service, downloads: Path, tmp_path: Path) -> None:
    key = sign_in(page, service)
    file = tmp_path / f"{HOSTILE}.opus"
    file.write_bytes(TALK.read_bytes())
    transcribe(page, file)
    assert page.text("#result-name") == file.name
    assert page.evaluate("document.querySelectorAll('#warnings li').length") == 1
    assert page.text("#speakers .serving") == "Speaker names come from a demo model and may be wrong."
    voices = page.evaluate(
        "[...document.querySelectorAll('.by b')].map((b) => [b.textContent, getComputedStyle(b).color])"
    )
    assert len({name for name, _ in voices}) == len({colour for _, colour in voices}) == 2
    page.wait(f"{VIDEO}.readyState > 0")
    page.evaluate(f"{WORDS}[12].id = 'chosen'")
    page.evaluate(f"{VIDEO}.playbackRate = 0.1")  # or the word is over before it is seen
    page.click("#chosen")
    page.wait(f"!{VIDEO}.paused && document.querySelector('#chosen.now')")
    page.evaluate(f"{VIDEO}.playbackRate = 1")
    page.wait("document.querySelector('#words .now:not(#chosen)')")
    page.click(".play")
    page.wait(f"{VIDEO}.paused")
    by_keyboard(page)
    text = json.loads(saved(page, downloads, "json"))["text"]
    assert text.split() == page.evaluate(f"{WORDS}.map((word) => word.textContent)")
    served, ours = answer(service, key, "srt"), saved(page, downloads, "srt")
    assert TIME.sub("", ours) == TIME.sub("", served)
    assert all(abs(one - other) <= 11 for one, other in zip(times(ours), times(served), strict=True))
    assert "Speaker 2: " in saved(page, downloads, "txt") and "<v Speaker 2>" in saved(page, downloads, "vtt")
    page.write(".speakers input", HOSTILE)
    page.press("Enter")
    page.wait(f"document.querySelector('.by b').textContent.endsWith({json.dumps(HOSTILE)})")
    assert saved(page, downloads, "txt").startswith(page.text(".by b") + ": ")
    usable(page, "transcript")
    service.load_summarizer()
    page.click("#summarize button")
    page.wait("document.querySelector('#summary .by-model')", 90)
    asked = {"text": text, "style": page.evaluate("document.querySelector('#summarize [name=style]').value")}
    served = httpx.post(f"{service.url}/v1/summarize", json=asked, headers=bearer(key), timeout=90).json()["summary"]
    assert served and page.evaluate("document.querySelector('#summary span').textContent") == served


def test_what_the_microphone_records_is_written_down(page: Page, service: Service, manifest: dict[str, Any]) -> None:
    said = next(entry["text"] for entry in manifest["files"] if entry["file"] == SPOKEN)
    sign_in(page, service)
    page.evaluate("location.hash = '#live'")
    page.wait("!document.querySelector('#live').hidden")
    usable(page, "live")
    page.click("#talk")
    page.wait("document.querySelector('#guess').textContent")
    page.wait("/^0:(1[2-9]|[2-5])/.test(document.querySelector('#live-state').textContent)", 60)
    page.click("#talk")
    page.wait("!document.querySelector('#live-done').hidden")
    assert word_error_rate([said], [page.text("#live-text")]) <= 0.15
    assert page.text("#guess") == ""
    usable(page, "live-text")


def test_keys_are_made_and_revoked(page: Page, service: Service) -> None:
    sign_in(page, service)
    page.write(".keys [name=name]", HOSTILE)
    page.press("Enter")
    key = page.wait("document.querySelector('.keys .secret code')?.textContent")
    assert httpx.get(f"{service.url}/v1/account", headers=bearer(key), timeout=60).status_code == 200
    assert HOSTILE in page.text(".keys tbody tr")
    page.click(".keys tbody tr button")
    page.wait("document.querySelector('dialog[open]')")
    usable(page, "revoking")
    page.click("dialog .danger")
    page.wait("document.querySelector('.keys .gone')")
    assert httpx.get(f"{service.url}/v1/account", headers=bearer(key), timeout=60).status_code == 401


def test_what_one_account_was_shown_is_not_shown_to_the_next(page: Page, service: Service) -> None:
    page.evaluate("location.hash = '#account'")
    page.wait("document.querySelector('#account [name=name]')")
    page.write("#account [name=name]", "Ada")
    page.press("Enter")
    page.wait("document.querySelector('.secret code')")
    page.click(".keys tbody tr button")
    page.wait("document.querySelector('dialog[open]')")
    page.click("dialog .danger")  # the key in use: who revokes it is signed out
    sign_in(page, service)
    assert page.evaluate("document.querySelectorAll('.secret').length") == 0
    # A key that is made while its account signs out: the answer comes when another one is there.
    page.evaluate(
        """(() => {
          const own = window.fetch;
          window.fetch = async (url, options) => {
            const answer = await own(url, options);
            if (options?.method === "POST") await new Promise((resolve) => (window.deliver = resolve));
            return answer;
          };
        })()"""
    )
    page.write(".keys [name=name]", "laptop")
    page.press("Enter")
    page.wait("window.deliver")
    sign_out(page)
    sign_in(page, service)
    page.evaluate("deliver(), new Promise((resolve) => setTimeout(resolve))")
    page.evaluate("document.querySelector('#account-body').replaceChildren(), dispatchEvent(new Event('hashchange'))")
    page.wait("document.querySelector('.figure')")  # the list as it is drawn after that
    assert page.evaluate("document.querySelectorAll('.secret').length") == 0


def test_who_names_one_speaker_after_the_other_is_not_interrupted(page: Page, service: Service) -> None:
    sign_in(page, service)
    transcribe(page, TALK)
    page.write(".speakers input", "Ada")
    page.click(".speakers li + li input")
    page.wait("document.querySelector('.by b').textContent.includes('Ada')")
    assert page.evaluate("document.activeElement === document.querySelectorAll('.speakers input')[1]")
    page.call("Input.insertText", text="Emma")
    page.press("Enter")
    page.wait("[...document.querySelectorAll('.by b')].some((name) => name.textContent.includes('Emma'))")
    assert page.evaluate("document.activeElement === document.querySelectorAll('.speakers input')[1]")
    page.click(".play")
    page.wait(f"!{VIDEO}.paused")
    page.evaluate("location.hash = '#live'")
    page.wait(f"{VIDEO}.paused")  # nobody wants to hear it there


def test_without_a_key_a_visitor_sees_what_is_left_and_what_is_wrong(page: Page, tmp_path: Path) -> None:
    transcribe(page, DATA / "hello_3s.flac")
    left = page.wait("document.querySelector('#left').textContent")
    assert re.fullmatch(r"\d+ of \d+ left today", left)
    page.evaluate(  # as a summary would leave another allowance
        "import('/console/session.js').then(({ client, spent }) => { client.allowance = { limit: 7 }; spent(); })"
    )
    assert page.text("#left") == left
    page.evaluate(f"window.before = {VIDEO}")
    page.click("#again")
    # Late events of the file that was put away do nothing: no problem, and no word at the next one.
    page.evaluate("['loadedmetadata', 'timeupdate', 'error'].forEach((name) => before.dispatchEvent(new Event(name)))")
    notes = tmp_path / "notes.mp3"
    notes.write_text("This is no sound at all. " * 100)
    page.choose("#file", notes)
    request = page.wait("document.querySelector('#file-failure [role=alert] code')?.textContent")
    assert re.fullmatch(r"[\w-]{8,}", request)
    assert "audio" in page.text("#file-failure p")
    usable(page, "failure")
    refused = [problem for problem in page.problems if "400 (Bad Request)" in problem]
    assert len(refused) == 1  # the browser's own line about the answer
    page.problems.remove(refused[0])


def test_an_upload_can_be_cancelled_and_a_lost_connection_is_told(page: Page, service: Service) -> None:
    key = sign_in(page, service)
    network(page, upload=20_000)
    page.evaluate("location.hash = '#files'")
    page.wait("!document.querySelector('#files').hidden")
    page.choose("#file", DATA / "ten_minutes.opus")  # would take a minute
    page.wait("document.querySelector('#work-bar').value > 0")
    usable(page, "uploading")
    page.wait(f"{LEFT}.endsWith(' left')")
    page.evaluate(f"{LEFT} = ''")  # it is asked for again
    page.click("#cancel")
    page.wait("!document.querySelector('#start').hidden")
    assert page.text("#file-failure") == "ten_minutes.opus: cancelled. Nothing was charged."
    page.wait(f"{LEFT}.endsWith(' left')")  # what asks the service has its answer
    network(page, offline=True)
    page.wait("document.querySelector('[data-kind=offline]')")
    network(page)
    page.wait("!document.querySelector('[data-kind=offline]')")
    usage = httpx.get(f"{service.url}/v1/account/usage", headers=bearer(key), timeout=60).json()
    assert usage["requests"] == []


def test_what_a_lost_connection_kept_away_can_be_asked_for_again(page: Page, service: Service) -> None:
    sign_in(page, service)
    page.evaluate(
        """(() => {
          const own = XMLHttpRequest.prototype.setRequestHeader;
          window.keys = [];
          XMLHttpRequest.prototype.setRequestHeader = function (name, value) {
            if (name === "Idempotency-Key") keys.push(value);
            own.call(this, name, value);
          };
        })()"""
    )
    network(page, offline=True)
    page.evaluate("location.hash = '#files', location.hash = '#account'")
    page.wait("document.querySelector('#account-failure [role=alert]')")
    assert page.text("#account-body") == "Sign out" and "offline" in page.text("#account-failure")
    page.evaluate("location.hash = '#files'")
    page.choose("#file", DATA / "hello_3s.flac")
    page.wait("document.querySelector('#file-failure button')")
    network(page)
    page.click("#file-failure button")
    page.wait("!document.querySelector('#result').hidden", 90)
    keys = page.evaluate("keys")
    assert len(keys) > 1 and len(set(keys)) == 1  # charged once, if it was only the answer that was lost
    page.evaluate("location.hash = '#account'")
    page.wait("document.querySelector('.figure')")
    assert page.evaluate("document.querySelector('#account-failure').childElementCount") == 0
    page.problems[:] = [problem for problem in page.problems if "ERR_INTERNET_DISCONNECTED" not in problem]


def test_live_speech_says_that_its_connection_is_lost_until_it_is_back(page: Page, service: Service) -> None:
    sign_in(page, service)
    page.evaluate(
        """(() => {
          const { fetch, setInterval } = window;
          const { send } = WebSocket.prototype;
          window.ticks = [];
          window.setInterval = (go, time) => (ticks.push(go), setInterval(go, time));
          WebSocket.prototype.send = function (data) { (window.socket = this), send.call(this, data); };
          window.fetch = async (...asked) => {
            if (window.lost) await new Promise((resolve) => (window.reach = resolve));
            return fetch(...asked);
          };
        })()"""
    )
    state = "document.querySelector('#live-state').textContent"
    page.evaluate("location.hash = '#live'")
    page.wait("!document.querySelector('#live').hidden")
    page.click("#talk")
    page.wait(f"{state}.startsWith('0:')")
    page.evaluate("lost = true, socket.close()")
    page.wait("window.reach")
    page.evaluate("ticks.forEach((tick) => tick())")
    assert page.evaluate(state).startswith("The connection broke")
    page.evaluate("lost = false, reach()")
    page.wait(f"{state}.startsWith('0:')")
    page.click("#talk")
    page.wait(f"{state}.startsWith('Stopped')")
    assert page.evaluate("document.activeElement.id") == "talk"


def test_the_client_does_in_a_page_what_it_does_in_node(page: Page) -> None:
    client = "const { Client, Microphone } = await import('/console/sdk/stt-ai.js')"
    pieces = "async function* pieces() { for (let count = 0; count < 3; count++) yield new Uint8Array(1600); }"
    size = f"""(async () => {{ {pieces}
      const {{ openedFile }} = await import('/console/sdk/uploads.js');
      return (await openedFile(pieces())).size;
    }})()"""
    assert page.evaluate(size) == 4800
    abandoned = f"""(async () => {{ {client}; {pieces}
      const leaving = new AbortController();
      const token = () => leaving.abort(new Error("enough"));
      try {{
        for await (const event of new Client().stream(pieces(), {{ signal: leaving.signal, token }})) return event.type;
      }} catch (error) {{
        return error.message;
      }}
    }})()"""
    assert page.evaluate(abandoned) == "enough"
    opened = f"""(async () => {{ {client};
      const {{ getUserMedia }} = MediaDevices.prototype;
      let asked = 0;
      navigator.mediaDevices.getUserMedia = function (...what) {{ return asked++, getUserMedia.apply(this, what); }};
      const microphone = new Microphone();
      await Promise.all([microphone.open(), microphone.open()]);
      microphone.stop();
      for await (const _ of microphone);
      return asked;
    }})()"""
    assert page.evaluate(opened) == 1


def network(page: Page, offline: bool = False, upload: int = -1) -> None:
    """Bytes a second; -1: as fast as it goes."""
    page.call(
        "Network.emulateNetworkConditions", offline=offline, latency=0, downloadThroughput=-1, uploadThroughput=upload
    )


def by_keyboard(page: Page) -> None:
    """The transcript is one stop of the tab key; its words are reached by arrows."""
    page.evaluate("document.querySelector('#words').focus()")
    page.press("ArrowRight")
    page.press("Enter")
    page.wait(f"!{VIDEO}.paused && document.querySelector('#words .here') === {WORDS}[13]")
    page.press(" ")
    page.wait(f"{VIDEO}.paused")


def sign_in(page: Page, service: Service) -> str:
    key = service.new_key()
    page.evaluate("location.hash = '#account'")
    page.wait("document.querySelector('[name=key]')")
    page.write("[name=key]", key)
    page.press("Enter")
    page.wait("document.querySelector('.figure')")
    return key


def sign_out(page: Page) -> None:
    page.click("#sign-out")
    page.wait("document.querySelector('[name=key]')")
    assert page.evaluate(KEPT) == [None, None]


def transcribe(page: Page, file: Path) -> None:
    page.evaluate("location.hash = '#files'")
    page.wait("!document.querySelector('#files').hidden")
    page.choose("#file", file)
    page.wait("!document.querySelector('#result').hidden", 90)


def usable(page: Page, where: str) -> None:
    """In a window and on a phone, each in one color scheme: nothing keeps people out, nothing is beside the screen."""
    for scheme, width in (("light", 1280), ("dark", 390)):
        page.look(width=width, scheme=scheme)
        assert page.barriers() == [], (where, scheme, width)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (where, width)
    page.look()


def saved(page: Page, downloads: Path, name: str) -> str:
    """What the button for this format saves."""
    page.evaluate(f"document.querySelector('#exports [data-format={name}]').click()")  # wherever it moves meanwhile
    # The browser makes an empty file of that name first, and puts the whole one in its place.
    wait_until(lambda: any(file.stat().st_size for file in downloads.glob(f"*.{name}")))
    (made,) = downloads.glob(f"*.{name}")
    text = made.read_text()
    made.unlink()
    return text


def answer(service: Service, key: str, form: str) -> str:
    """The service's own answer for the same file, in this format."""
    files, data = {"file": TALK.read_bytes()}, {"response_format": form}
    return httpx.post(f"{service.url}/v1/transcribe", files=files, data=data, headers=bearer(key), timeout=90).text


def times(subtitles: str) -> list[int]:
    """Milliseconds."""
    return [((int(h) * 60 + int(m)) * 60 + int(s)) * 1000 + int(ms) for h, m, s, ms in TIME.findall(subtitles)]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
