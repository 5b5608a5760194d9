"""Live transcription against the running service: the documented protocol, odd clients, deaths, and exact bills."""

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import httpx
import imageio_ffmpeg
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.support.fault_report import Faults
from tests.support.service import Service, program, resident, wait_until
from tests.support.stream_client import Client, texts
from tests.support.word_errors import DATA, word_error_rate

CLEAR = ("ten_seconds_01.flac", "ten_seconds_03.flac", "ten_seconds_10.flac")
RATE = 16_000


@cache
def audio(name: str, *encoding: str) -> bytes:
    """A file of the test data as 16-bit samples at 16 kHz, or as ``encoding`` says."""
    encoding = encoding or ("-ar", str(RATE), "-f", "s16le")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(DATA / name), "-ac", "1", *encoding, "pipe:1"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def spoken(manifest: dict[str, Any], *names: str) -> str:
    said = {entry["file"]: entry["text"] for entry in manifest["files"]}
    return " ".join(said[name] for name in names)


@contextmanager
def stream(service: Service, key: str | None = None, query: str = "", **options: Any) -> Iterator[Client]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    url = f"{service.url.replace('http', 'ws', 1)}/v1/stream{query}"
    options = {"ping_timeout": None, **options}  # a ping waits behind audio that is read only as it is transcribed
    with connect(url, additional_headers=headers, max_size=None, open_timeout=60, **options) as socket:
        yield Client(socket)


def refusal(service: Service, key: str | None = None, query: str = "") -> tuple[int, dict[str, Any], Any]:
    with pytest.raises(InvalidStatus) as refused, stream(service, key, query):
        pass
    answer = refused.value.response
    return answer.status_code, json.loads(answer.body or b""), answer.headers


def say(client: Client, data: bytes, pace: float = 0.0, piece: int = 8192) -> None:
    """Sends it as the documented sample does, in pieces of 4096 samples; ``pace`` 1: as fast as it is spoken."""
    began = time.monotonic()
    for at in range(0, len(data), piece):
        client.socket.send(data[at : at + piece])
        if pace:
            time.sleep(max(0.0, began + pace * (at + piece) / (2 * RATE) - time.monotonic()))


def recognized(service: Service, data: bytes, key: str | None = None, pace: float = 0.0, **config: Any) -> str:
    """All events of a stream."""
    with stream(service, key) as client, ThreadPoolExecutor(1) as thread:
        client.ready(**{"language": "en", **config})
        saying = thread.submit(say, client, data, pace)
        saying.add_done_callback(lambda _: client.send(action="stop"))
        messages, code = client.rest(timeout=60)
        saying.result()
    assert (code, messages[-1]["is_final"]) == (1000, True)
    return texts(messages)


def account(service: Service, key: str) -> dict[str, Any]:
    answer = httpx.get(f"{service.url}/v1/account", headers={"Authorization": f"Bearer {key}"}, timeout=30)
    return dict(answer.json())


def bills(service: Service, key: str) -> list[tuple[float, int]]:
    """(seconds, credits) of each stream, newest first, once none is open any more."""
    wait_until(lambda: account(service, key)["limits"]["running"] == 0)
    answer = httpx.get(f"{service.url}/v1/account/usage", headers={"Authorization": f"Bearer {key}"}, timeout=30)
    return [(item["seconds"], item["credits"]) for item in answer.json()["requests"] if item["kind"] == "stream"]


def test_the_documented_exchange_in_real_time(service: Service, manifest: dict[str, Any]) -> None:
    """Without a key, as the documented page does it; `language` auto."""
    name = CLEAR[0]
    with stream(service, origin="https://example.com") as client, ThreadPoolExecutor(1) as thread:
        assert client.ready(language="auto", model="large-v3-turbo")["model"] == "demo-whisper"
        saying = thread.submit(say, client, audio(name), 1.0)
        saying.add_done_callback(lambda _: client.send(action="stop"))
        messages, code = client.rest(timeout=60)
    said = spoken(manifest, name)
    assert (code, messages[-1]["is_final"], messages[-1]["text"]) == (1000, True, "")
    assert word_error_rate([said], [texts(messages)]) <= 0.1
    finals = [message for message in messages if message.get("text")]
    partials = [message for message in messages if message.get("partial")]
    assert len(partials) >= 3
    assert all(final["language"] == "en" and final["words"] for final in finals)
    times = [time for final in finals for word in final["words"] for time in (word["start"], word["end"])]
    assert times == sorted(times) and times[-1] <= 10.0
    assert [final["segment_id"] for final in finals] == list(range(len(finals)))


@pytest.mark.parametrize(
    ("config", "encoding"),
    [
        ({"encoding": "opus"}, ("-c:a", "libopus", "-f", "webm")),
        ({"encoding": "opus"}, ("-c:a", "libopus", "-f", "ogg")),
        ({"sample_rate": 48_000}, ("-ar", "48000", "-f", "s16le")),
    ],
    ids=["webm", "ogg", "48 kHz"],
)
def test_audio_as_browsers_have_it(
    service: Service, manifest: dict[str, Any], config: dict[str, Any], encoding: tuple[str, ...]
) -> None:
    name = CLEAR[1]
    text = recognized(service, audio(name, *encoding), **config)
    assert word_error_rate([spoken(manifest, name)], [text]) <= 0.1


def test_refusals_come_before_the_connection_is_accepted(service: Service) -> None:
    status, body, headers = refusal(service, "YOUR_API_KEY")
    assert (status, body["code"], headers["WWW-Authenticate"]) == (401, "unauthorized", "Bearer")
    assert set(body) == {"error", "code", "request_id"} and headers["X-Request-ID"] == body["request_id"]
    poor = service.new_key(credits=1)
    recognized(service, audio("hello_3s.flac"), poor)
    status, body, _ = refusal(service, poor)
    assert (status, body["error"]) == (402, "No credits remaining. Upgrade your plan.")
    key = service.new_key(credits=0)
    with stream(service, key) as one, stream(service, key) as two:
        one.ready()
        two.ready()
        status, body, headers = refusal(service, key)
        assert (status, body["code"]) == (429, "rate_limited") and int(headers["Retry-After"]) >= 1
    wait_until(lambda: account(service, key)["limits"]["running"] == 0)


def test_a_token_opens_one_stream(service: Service) -> None:
    key = service.new_key(credits=5)
    made = httpx.post(f"{service.url}/v1/stream/token", headers={"Authorization": f"Bearer {key}"}, timeout=30)
    query = f"?token={made.json()['token']}"
    with stream(service, query=query) as client:
        client.ready()
        say(client, audio("hello_3s.flac"))
        assert client.stop()[1] == 1000
    assert refusal(service, query=query)[:1] == (401,)
    assert bills(service, key) == [(3.0, 1)]
    assert made.json()["token"] not in service.log.read_text()


def test_bills_are_exact_to_the_minute_however_a_stream_ends(service: Service) -> None:
    key = service.new_key(credits=10)
    silence = bytes(2 * RATE)
    with stream(service, key) as client:  # stopped after 61 seconds
        client.ready()
        say(client, silence * 61)
        assert client.stop()[0][-1]["duration"] == 61.0
    assert bills(service, key) == [(61.0, 2)]
    with stream(service, key) as client:  # gone without a word in its second minute, when the server has read all
        client.ready()
        say(client, silence * 65)
        client.send(action="finalize")
        client.until(lambda message: message.get("from_finalize", False))
        client.socket.socket.shutdown(socket.SHUT_RDWR)
    assert bills(service, key)[0] == (65.0, 2)
    with stream(service, key) as client:  # silent from the beginning
        client.ready()
    wait_until(lambda: account(service, key)["limits"]["running"] == 0)
    assert account(service, key)["credits"]["available"] == 6


def test_credits_that_run_out_end_a_stream_after_all_that_was_transcribed(
    service: Service, manifest: dict[str, Any]
) -> None:
    key = service.new_key(credits=1)
    names = CLEAR * 2 + CLEAR[:1]
    with stream(service, key) as client, ThreadPoolExecutor(1) as thread:
        client.ready(language="en", interim_results=False)
        thread.submit(say, client, b"".join(map(audio, names)))
        messages, code = client.rest(timeout=60)
    assert (messages[-1]["error"], messages[-1]["code"]) == ("No credits remaining. Upgrade your plan.", "no_credits")
    assert (code, messages[-1]["offset"]) == (1008, pytest.approx(60.0, abs=2))
    assert word_error_rate([spoken(manifest, *names[:6])], [texts(messages)]) <= 0.1
    assert bills(service, key) == [(60.0, 1)]


# Odd clients, each beside a good one that must notice nothing.


def never_reads(service: Service, key: str) -> Any:
    """Asks for answers without end and reads none of them. It is closed, and what it held is free, with it still there.

    The reason cannot be sent: HAProxy holds what it would have to read first.
    """
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # or the machine itself would read megabytes for it
    raw.connect(("127.0.0.1", service.port))
    with stream(service, key, sock=raw, max_queue=1, compression=None, ping_interval=None) as client:
        client.ready(language="en")

        def ask() -> None:
            with suppress(ConnectionClosed):
                while True:
                    client.send(action="finalize")

        asking = threading.Thread(target=ask)
        asking.start()
        wait_until(lambda: account(service, key)["limits"]["running"] == 0, timeout=200)
        raw.shutdown(socket.SHUT_RDWR)
        asking.join(60)
    # The line of a stream is written when it has ended, and reaches the service's output by way of Ray.
    wait_until(lambda: '"code": "slow_consumer"' in service.log.read_text())
    return "slow_consumer"


def far_too_fast(service: Service, key: str) -> Any:
    """As fast as the connection takes it, and transcribed to its end."""
    return len(recognized(service, b"".join(map(audio, CLEAR * 4)), key, interim_results=False).split()) > 200


def odd_bytes(service: Service, key: str) -> Any:
    data = audio(CLEAR[2])
    with stream(service, key) as client:
        client.ready(language="en", interim_results=False)
        at = 0
        for size in [1, 1, 3, 7, 4095, 1, 65_537] * 8:
            client.socket.send(data[at : at + size])
            at += size
        client.socket.send(data[at:] + b"\x7f")
        return len(texts(client.stop(timeout=60)[0])) > 20


def text_instead(service: Service, key: str) -> Any:
    with stream(service, key) as client:
        client.socket.send("Hello?")
        messages, code = client.rest()
        return messages[-1]["code"], code


def one_huge_frame(service: Service, key: str) -> Any:
    with stream(service, key) as client:
        client.ready()
        try:
            client.socket.send(bytes(100_000_000))
            client.rest()
        except (ConnectionClosed, AssertionError, TimeoutError):
            pass
        received = client.socket.protocol.close_rcvd
        return received.code if received else None


def nothing_at_all(service: Service, key: str) -> Any:
    with stream(service, key) as client:
        messages, code = client.rest()
        return messages[-1]["code"], code


ODD = {
    never_reads: ["slow_consumer"],
    far_too_fast: [True],
    odd_bytes: [True],
    text_instead: [("malformed_body", 1007)],
    one_huge_frame: [1009, None],
    nothing_at_all: [("config_timeout", 4000)],
}


def test_odd_clients_get_their_answers_and_the_others_notice_nothing(
    service: Service, manifest: dict[str, Any]
) -> None:
    good, odd = service.new_key(credits=50), [service.new_key(credits=50) for _ in ODD]
    parts = [*service.replicas("ingress"), *service.proxies()]
    before = {process.pid: resident(process) for process in parts}
    with ThreadPoolExecutor(len(ODD) + 1) as threads:
        well = threads.submit(recognized, service, audio(CLEAR[0]) * 2, good, 1.0)
        answers = {client.__name__: threads.submit(client, service, key) for client, key in zip(ODD, odd, strict=True)}
        outcome = {name: answer.result(300) for name, answer in answers.items()}
        text = well.result(300)
    for client, accepted in ODD.items():
        assert outcome[client.__name__] in accepted, outcome
    assert word_error_rate([" ".join([spoken(manifest, CLEAR[0])] * 2)], [text]) <= 0.1
    for key in [good, *odd]:
        wait_until(lambda key=key: account(service, key)["limits"]["running"] == 0)
    grown = {process.pid: resident(process) - before[process.pid] for process in parts}
    assert max(grown.values()) < 150_000_000, grown
    (ingress,) = service.replicas("ingress")
    wait_until(lambda: not any("ffmpeg" in program(child) for child in ingress.children(recursive=True)))


def test_an_ingress_that_dies_leaves_a_stream_that_goes_on_and_a_fair_bill(
    service: Service, manifest: dict[str, Any], faults: Faults
) -> None:
    key = service.new_key(credits=10)
    names = CLEAR * 3
    data = b"".join(map(audio, names))
    with stream(service, key) as client, ThreadPoolExecutor(1) as thread:
        session_id = client.ready(language="en", interim_results=False)["session_id"]
        thread.submit(say, client, data[: 75 * 2 * RATE])
        messages = client.until(lambda message: message.get("end", 0.0) > 62.0, timeout=60)
        wait_until(lambda: account(service, key)["credits"]["reserved"] == 2)
        fault = faults.begin("ingress killed", "a stream in its second minute")
        for replica in service.replicas("ingress"):
            replica.kill()
        with pytest.raises(ConnectionClosed):
            while True:
                messages.append(client.read())
    texted = [message for message in messages if message.get("text")]
    offset = texted[-1]["end"]
    wait_until(service.is_well, timeout=120)
    fault.over()
    resumed = {"session_id": session_id, "offset": offset, "last_segment_id": texted[-1]["segment_id"]}
    with stream(service, key) as client, ThreadPoolExecutor(1) as thread:
        ready = client.ready(language="en", interim_results=False, **resumed)
        assert (ready["resumed"], ready["offset"]) == (False, offset)
        thread.submit(say, client, data[round(offset * RATE) * 2 :]).result(60)
        rest, code = client.stop(timeout=60)
    assert code == 1000
    assert word_error_rate([spoken(manifest, *names)], [texts(texted + rest)]) <= 0.1
    ids = [message["segment_id"] for message in texted + rest if message.get("text")]
    assert ids == list(range(len(ids)))
    # What had begun for certain is charged when the dead server's lease ends, and the minute after it is given back.
    wait_until(lambda: account(service, key)["credits"]["reserved"] == 0, timeout=120)
    assert sorted(bills(service, key)) == [(round(90 - offset, 2), 1), (60.0, 1)]
    assert account(service, key)["credits"]["available"] == 8
    fault.tell("every word once, resumed", "2 of the 2 minutes that had begun")


def test_no_stream_leaves_anything_behind(service: Service) -> None:
    """Ten clients that come, speak and vanish without a goodbye."""
    key = service.new_key(credits=100)
    (ingress,) = service.replicas("ingress")

    def vanish(number: int) -> None:
        with stream(service, key) as client:
            client.ready(language="en")
            say(client, audio("hello_3s.flac"))
            client.socket.socket.shutdown(socket.SHUT_RDWR)

    for number in range(10):
        vanish(number)
        wait_until(lambda: account(service, key)["limits"]["running"] == 0)
    assert len(bills(service, key)) <= 10
    assert account(service, key)["credits"]["reserved"] == 0
    assert ingress.is_running()
