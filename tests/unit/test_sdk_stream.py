"""Live streams of the client: over a real socket to the house's API, on wires that break, from every kind of audio."""

import asyncio
import io
import json
import math
import subprocess
import threading
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_ai import AsyncClient, Client, Ended, Final, Microphone, MicrophoneUnavailable, Partial, Ready
from stt_ai.errors import Overloaded, SttError, Unauthorized
from stt_ai.sdk import errors, sources
from stt_ai.sdk.replay import KEPT_S, ConnectionLost, ReplayBuffer
from tests.support.api import PATIENCE, eventually, serving
from tests.support.scripted_server import wire
from tests.support.stream_client import SECOND, Sessions, live_app, said

RETRIES = 4


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def recognize(kind: str, url: str, audio: Any, max_retries: int = RETRIES, **options: Any) -> list[Any]:
    """All events of a stream."""
    if kind == "sync":
        with Client(base_url=url, max_retries=max_retries) as client, client.stream(audio, **options) as stream:
            return list(stream)

    async def call() -> list[Any]:
        async with (
            AsyncClient(base_url=url, max_retries=max_retries) as client,
            client.stream(audio, **options) as stream,
        ):
            return [event async for event in stream]

    return asyncio.run(call())


@contextmanager
def live(directory: Path, sessions: Sessions | None = None, **limits: Any) -> Iterator[int]:
    with serving(live_app(directory, sessions or Sessions(), **limits)) as port:
        yield port


def finals(events: list[Any]) -> list[Final]:
    return [event for event in events if isinstance(event, Final)]


def check(events: list[Any], seconds: int) -> None:
    """Every word once, in order, whatever became of the connections."""
    assert isinstance(events[0], Ready) and events[-1] == Ended(said(seconds), float(seconds))
    assert " ".join(final.text for final in finals(events)) == said(seconds)
    assert [final.segment_id for final in finals(events)] == sorted({final.segment_id for final in finals(events)})


def test_a_stream_is_told_from_ready_to_its_end(kind: str, tmp_path: Path) -> None:
    with live(tmp_path) as port:
        events = recognize(kind, f"http://127.0.0.1:{port}", SECOND * 7, language="es", model="small")
    check(events, 7)
    assert events[0].language == "es" and events[0].model == "fake-small" and events[0].session_id
    assert [warning.code for warning in events[0].warnings] == ["demo_model"]
    assert any(isinstance(event, Partial) and event.text == "w0" for event in events)
    assert [word.word for word in finals(events)[0].words] == ["w0", "w1", "w2"]


def chunks() -> Iterator[bytes]:
    for at in range(0, 4 * len(SECOND), 6_401):  # pieces may end within a sample
        yield (4 * SECOND)[at : at + 6_401]


async def async_chunks() -> AsyncIterator[bytes]:
    for piece in chunks():
        await asyncio.sleep(0)
        yield piece


def wav(path: Path, rate: int = 16_000, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(b"\x01\x00" * (4 * rate * channels))
    return path


SOURCES = ("chunks", "list", "raw", "wav", "48 kHz", "stereo", "opened", "opened raw")


@pytest.mark.parametrize(
    ("kind", "source"), [("async", "async"), *((kind, source) for kind in ("sync", "async") for source in SOURCES)]
)
def test_audio_may_come_from_anywhere(kind: str, source: str, tmp_path: Path) -> None:
    raw = tmp_path / "talk.pcm"
    raw.write_bytes(4 * SECOND)
    made = {
        "chunks": chunks,
        "async": async_chunks,
        "list": lambda: list(chunks()),
        "raw": lambda: str(raw),
        "wav": lambda: wav(tmp_path / "a.wav"),
        "48 kHz": lambda: wav(tmp_path / "a.wav", 48_000),
        "stereo": lambda: wav(tmp_path / "a.wav", channels=2),  # needs ffmpeg
        "opened": lambda: wav(tmp_path / "a.wav", 8_000).open("rb"),
        "opened raw": lambda: raw.open("rb"),
    }
    sessions = Sessions()
    with live(tmp_path, sessions) as port:
        events = recognize(kind, f"http://127.0.0.1:{port}", made[source]())
    assert events[-1].text == said(4), source
    assert sum(len(piece) for piece in sessions.all[0].received) == pytest.approx(4 * 16_000, abs=100)


@pytest.mark.parametrize("opened", [bytes, io.BytesIO])
def test_a_wav_that_would_be_taken_for_noise_is_an_error(opened: Any, tmp_path: Path) -> None:
    content = wav(tmp_path / "a.wav", channels=2).read_bytes()
    with Client(base_url="http://127.0.0.1:1") as client:
        for given in (content, content[:30]):
            with pytest.raises(ValueError, match="16 bits, mono"):
                client.stream(opened(given))


def test_a_file_that_ffmpeg_says_much_of_is_read_to_its_end(tmp_path: Path) -> None:
    ffmpeg, path = sources._ffmpeg(), tmp_path / "a.mp3"
    sound = ["-f", "lavfi", "-i", "anoisesrc=duration=10:seed=1:sample_rate=16000"]
    subprocess.run([ffmpeg, "-v", "error", *sound, path], check=True)
    content = bytearray(path.read_bytes())
    content[4096::31] = bytes(len(content[4096::31]))
    path.write_bytes(content * 40)
    command = [ffmpeg, "-v", "error", "-i", path, "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, check=False).stderr
    assert len(said) > 65_536, "more than a pipe holds"
    audio = bytearray()
    reading = threading.Thread(target=lambda: audio.extend(b"".join(sources.pieces(path, {})[0])), daemon=True)
    reading.start()
    reading.join(PATIENCE)
    assert not reading.is_alive() and len(audio) > 100 * len(SECOND)


def test_what_is_no_audio_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"no audio" * 100)
    with live(tmp_path) as port, Client(base_url=f"http://127.0.0.1:{port}") as client:
        with pytest.raises(TypeError, match="int"):
            client.stream(5)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="langage"):
            client.stream(b"", langage="en")  # type: ignore[call-arg]
        with pytest.raises(OSError, match=r"none\.wav"):
            client.stream(tmp_path / "none.wav")
        with pytest.raises(ValueError, match=r"a\.mp3 cannot be read"):
            list(client.stream(tmp_path / "a.mp3"))


def failing() -> Iterator[bytes]:
    yield SECOND
    raise ZeroDivisionError


class Unopened:
    """Fails before its first piece."""

    def __iter__(self) -> Iterator[bytes]:
        raise ZeroDivisionError


class Unclosed:
    """Fails when it is closed."""

    def __init__(self) -> None:
        self._pieces = iter([SECOND])

    def __iter__(self) -> "Unclosed":
        return self

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        raise ZeroDivisionError


@pytest.mark.parametrize("make", [failing, Unopened, Unclosed])
def test_what_the_source_raises_reaches_who_listens(kind: str, make: Callable[[], Any], tmp_path: Path) -> None:
    with live(tmp_path) as port, pytest.raises(ZeroDivisionError):
        recognize(kind, f"http://127.0.0.1:{port}", make())


@pytest.mark.parametrize("resume_s", [120, 1e-9], ids=["remembered", "forgotten"])
@pytest.mark.parametrize(
    "lengths",
    [(200_000,), (64_000, 150_000), (3_000,), (96_700, 400, 64_300, 10_000)],
    ids=["once", "twice", "at once", "often"],
)
def test_a_stream_that_is_cut_goes_on_and_loses_and_repeats_nothing(
    kind: str, lengths: tuple[int, ...], resume_s: float, tmp_path: Path
) -> None:
    """As long as something is transcribed between two cuts, there may be any number of them."""
    with live(tmp_path, resume_s=resume_s) as port, wire(port, *lengths) as cut:
        events = recognize(kind, cut.url, SECOND * 10)
        check(events, 10)
        assert cut.connections == len(lengths) + 1
    ready = [event for event in events if isinstance(event, Ready)]
    assert not ready[0].resumed and len(ready) <= len(lengths) + 1


def test_a_stream_that_reached_its_limit_goes_on_in_another(kind: str, tmp_path: Path) -> None:
    with live(tmp_path, max_session_s=4.0) as port:
        check(recognize(kind, f"http://127.0.0.1:{port}", SECOND * 10), 10)


def test_a_service_that_stays_away_is_not_waited_for_for_ever(kind: str, tmp_path: Path) -> None:
    gone = (errors.ConnectionFailed, errors.StreamClosed)
    with live(tmp_path) as port, wire(port, *[0] * 9) as cut, pytest.raises(gone):
        recognize(kind, cut.url, SECOND, max_retries=1)
    assert cut.connections == 2


@pytest.mark.parametrize(
    ("refusal", "expected", "sessions"),
    [(Unauthorized("No."), errors.AuthenticationFailed, 1), (Overloaded("Full.", 0.0), errors.Unavailable, 2)],
)
def test_what_a_stream_is_refused_for_is_raised(
    kind: str, refusal: SttError, expected: type[errors.SttAiError], sessions: int, tmp_path: Path
) -> None:
    made = Sessions(unready=refusal)
    with live(tmp_path, made) as port, pytest.raises(expected) as raised:
        recognize(kind, f"http://127.0.0.1:{port}", SECOND, max_retries=1)
    assert raised.value.message == refusal.message and len(made.all) == sessions


def test_a_bad_option_is_the_callers(kind: str, tmp_path: Path) -> None:
    with live(tmp_path) as port, pytest.raises(errors.BadRequest, match="language"):
        recognize(kind, f"http://127.0.0.1:{port}", SECOND, language="klingon")


def test_without_a_service_it_says_where(kind: str) -> None:
    with pytest.raises(errors.ConnectionFailed, match=r"127\.0\.0\.1:1"):
        recognize(kind, "http://127.0.0.1:1", SECOND, max_retries=0)


def endless() -> Iterator[bytes]:
    while True:
        yield SECOND


def test_a_stream_that_is_stopped_sends_what_it_transcribed(tmp_path: Path) -> None:
    with live(tmp_path) as port, Client(base_url=f"http://127.0.0.1:{port}") as client:
        with client.stream(endless()) as stream:
            for event in stream:
                if isinstance(event, Final):
                    stream.stop()
        assert isinstance(event, Ended) and stream.text == event.text == said(int(event.duration))


def test_a_stream_that_is_left_early_is_whole(tmp_path: Path) -> None:
    with live(tmp_path) as port, Client(base_url=f"http://127.0.0.1:{port}") as client:
        with client.stream(endless()) as stream:
            for event in stream:
                if isinstance(event, Final):
                    break
        words = stream.text.split()
    assert words == said(len(words)).split() and len(words) >= 3


async def test_a_stream_that_is_left_early_is_whole_in_asyncio_too(tmp_path: Path) -> None:
    with live(tmp_path) as port:
        async with AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            async with client.stream(endless()) as stream:
                async for event in stream:
                    if isinstance(event, Final):
                        break
            words = stream.text.split()
            assert words == said(len(words)).split() and len(words) >= 3
            assert len(asyncio.all_tasks()) == 1, "nothing goes on"


@pytest.mark.parametrize("reads", [True, False], ids=["it reads", "it does not"])
def test_a_stream_that_is_given_up_waits_for_nobody(kind: str, reads: bool, tmp_path: Path) -> None:
    """Not for a service that takes no more audio, either."""
    sessions = Sessions()
    if not reads:
        sessions.gate.clear()

    async def give_up_async(url: str) -> None:
        async with AsyncClient(base_url=url) as client, client.stream(endless()) as stream:
            async for _ in stream:
                raise KeyError

    def give_up(url: str) -> None:
        with Client(base_url=url) as client, client.stream(endless()) as stream:
            for _ in stream:
                assert reads or eventually(lambda: stream._feed.buffer.full)
                raise KeyError

    with live(tmp_path, sessions) as port:
        with pytest.raises(KeyError):
            url = f"http://127.0.0.1:{port}"
            give_up(url) if kind == "sync" else asyncio.run(give_up_async(url))
        sessions.go_on()
        assert eventually(lambda: all(session.closed for session in sessions.all))


def test_a_source_that_is_silent_holds_nobody_who_leaves(tmp_path: Path) -> None:
    speak = threading.Event()

    def silent() -> Iterator[bytes]:
        yield 4 * SECOND
        speak.wait()

    async def leave(url: str) -> None:
        async with AsyncClient(base_url=url) as client, client.stream(silent()) as stream:
            async for event in stream:
                if isinstance(event, Final):
                    break

    with live(tmp_path) as port:
        leaving = threading.Thread(target=lambda: asyncio.run(leave(f"http://127.0.0.1:{port}")))
        leaving.start()
        leaving.join(PATIENCE)
        left = not leaving.is_alive()
        speak.set()
        leaving.join(PATIENCE)
    assert left


def test_a_stream_that_was_never_read_connects_to_nobody(tmp_path: Path) -> None:
    sessions = Sessions()
    with (
        live(tmp_path, sessions) as port,
        Client(base_url=f"http://127.0.0.1:{port}") as client,
        client.stream(SECOND),
    ):
        pass
    assert not sessions.all


def test_an_utterance_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with live(tmp_path) as port, Client(base_url=f"http://127.0.0.1:{port}") as client:
        with client.stream(one_second_and_a_pause()) as stream:
            for event in stream:
                if isinstance(event, Partial):
                    stream.finalize()
                if isinstance(event, Final) and event.from_finalize:
                    stream.stop()
        assert stream.text.startswith("w0")


def one_second_and_a_pause() -> Iterator[bytes]:
    yield SECOND
    while True:
        yield b"\x00\x00"


def test_without_a_library_for_it_a_microphone_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sounddevice", None)
    with pytest.raises(MicrophoneUnavailable, match=r"'\.\[microphone\]'"):
        next(iter(Microphone()))


class Recognized:
    """A service without a socket: in second n the word `w<n>` is said, three make an utterance."""

    def __init__(self, remembers: bool) -> None:
        self._remembers = remembers
        self._reported: list[str] = []
        self._position = self._received = 0  # bytes of the stream that have text, and that came
        self._segment = 0

    def connect(self, config: dict[str, Any]) -> list[str]:
        offset, following = round(config.get("offset", 0.0) * 32_000), config.get("last_segment_id", -1) + 1
        resumed = self._remembers and "session_id" in config
        if not resumed:
            self._position, self._segment, self._reported = offset, following, []
        self._received = offset
        missed = [final for final in self._reported if json.loads(final)["segment_id"] >= following]
        return [json.dumps({"status": "ready", "session_id": "s", "resumed": resumed}), *missed]

    def receive(self, piece: bytes | str) -> list[str]:
        """Bytes of audio, or the word that no more comes."""
        stopped = isinstance(piece, str)
        self._received += 0 if stopped else len(piece)
        before = len(self._reported)
        while self._received >= self._position + 96_000 or (stopped and self._received > self._position):
            self._tell(min(self._position + 96_000, self._received))
        return self._reported[before:]

    def _tell(self, end: int) -> None:
        words = said(math.ceil(end / 32_000), self._position // 32_000)
        self._reported.append(json.dumps({"text": words, "end": end / 32_000, "segment_id": self._segment}))
        self._position, self._segment = end, self._segment + 1


@given(
    seconds=st.integers(0, 20),
    size=st.sampled_from([500, 3_200, 16_000, 32_000]),
    cuts=st.lists(st.integers(0, 40), max_size=8),
    lost=st.lists(st.integers(0, 3), max_size=8),
    remembers=st.booleans(),
)
def test_no_text_is_lost_or_repeated_wherever_the_wire_breaks(
    seconds: int, size: int, cuts: list[int], lost: list[int], remembers: bool
) -> None:
    """``cuts``: messages sent on each connection before it breaks; ``lost``: the last answers that did not come."""
    talk, server, finals = ReplayBuffer({}), Recognized(remembers), []
    audio = (SECOND[:size] for _ in range(seconds * len(SECOND) // size))
    for limit, missing in [*zip(cuts, [*lost, *[0] * 8], strict=False), (10_000, 0)]:
        answers = server.connect(json.loads(talk.begin()))
        talk.receive(answers[0])
        for _ in range(limit):
            while not talk.full and (piece := next(audio, None)):
                talk.add(piece)
            if not talk.full:
                talk.finish()
            if (sent := talk.next()) is None:
                break
            answers += server.receive(sent)
        for message in answers[1 : max(1, len(answers) - missing)]:
            event = talk.receive(message)
            finals += [event] if isinstance(event, Final) else []
    assert " ".join(final.text for final in finals) == said(seconds) == talk.text


def test_silence_is_not_kept_for_ever() -> None:
    """And what is kept goes on at the second where it begins."""
    talk = ReplayBuffer({})
    talk.begin()
    talk.receive('{"status": "ready", "session_id": "s"}')
    for _ in range(3_000):
        talk.add(SECOND)
        while talk.next() is not None:
            pass
    kept = len(talk._kept)
    assert KEPT_S * len(SECOND) <= kept <= 2 * KEPT_S * len(SECOND) + len(SECOND)
    assert json.loads(talk.begin())["offset"] == 3_000 - kept / len(SECOND)


def test_coded_audio_goes_on_from_its_beginning_or_says_that_it_cannot() -> None:
    talk = ReplayBuffer({"encoding": "opus"})
    talk.begin()
    talk.receive('{"status": "ready", "session_id": "s"}')
    talk.add(b"header" * 100)
    assert talk.next()
    talk.receive('{"text": "w0", "end": 1.0, "segment_id": 0}')
    again = json.loads(talk.begin())
    assert (again["session_id"], again["offset"], again["last_segment_id"]) == ("s", 0, 0)
    assert talk.next() == b"header" * 100
    with pytest.raises(errors.StreamClosed):
        talk.receive('{"status": "ready", "session_id": "t", "resumed": false}')


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"error": "No.", "code": "no_credits", "retryable": False}, errors.PaymentRequired),
        ({"error": "No.", "code": "session_limit", "retryable": True}, ConnectionLost),
        ({"error": "No.", "code": "overloaded", "retryable": True, "retry_after": 2}, ConnectionLost),
    ],
)
def test_a_failure_says_whether_the_stream_may_go_on(message: dict[str, Any], expected: type[Exception]) -> None:
    with pytest.raises(expected):
        ReplayBuffer({}).receive(json.dumps(message))


def test_messages_that_are_not_known_are_passed_over() -> None:
    talk = ReplayBuffer({})
    assert talk.receive('{"event": "applause", "at": 1}') is None
    assert talk.receive('{"later": true}') is None
