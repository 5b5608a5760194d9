"""All that callers do and should not do, again and again: formats, summaries, bad inputs, clients that leave."""

import asyncio
import json
import random
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import httpx
import imageio_ffmpeg
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.benchmarks.load_traffic import CLIPS, SENTENCES, Callers, File, Outcome, retry_after
from tests.benchmarks.stream_talk import talk
from tests.support.word_errors import DATA

FORMATS = {
    "a.mp3": [],
    "a.wav": [],
    "a.ogg": ["-c:a", "libvorbis"],
    "a.opus": [],
    "a.m4a": [],
    "a.wma": [],
    "a.webm": ["-c:a", "libopus"],
    "a.mp4": ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=25", "-shortest", "-c:v", "mpeg4", "-c:a", "aac"],
}
BROKEN = 0


class Soak:
    """``folder``: for files made here. Each way to call is a method that calls once and says what became of it."""

    def __init__(self, callers: Callers, service: str, key: str, folder: Path) -> None:
        self._callers = callers
        self._url = service
        self._key = key
        self._client = httpx.AsyncClient(base_url=service, headers={"Authorization": f"Bearer {key}"}, timeout=300)
        self._files = cycle(list(_formats(folder)))
        self._chance = random.Random(7)
        self._number = 0

    async def close(self) -> None:
        await self._client.aclose()

    def ways(self) -> list[tuple[float, Callable[[], Awaitable[Outcome]]]]:
        """Each with the seconds from one call to the next."""
        return [
            (2.0, self.another_format),
            (3.0, self.something_bad),
            (4.0, self.leaving),
            (15.0, self.leaving_a_stream),
            (20.0, self.summary),
            (10.0, self.again),
            (10.0, self.keys),
        ]

    async def another_format(self) -> Outcome:
        return await self._callers.send(next(self._files))

    async def something_bad(self) -> Outcome:
        """Is refused with a 400, 401 or 404, whichever it is."""
        sound = (DATA / "hello_3s.flac").read_bytes()
        kind = self._chance.randrange(6)
        match kind:
            case 0:
                answer = await self._send(self._chance.randbytes(20_000))
            case 1:
                answer = await self._send(sound[: len(sound) // 3][200:])
            case 2:
                answer = await self._send(b"")
            case 3:
                answer = await self._send(sound, speakers="many")
            case 4:
                answer = await self._client.post("/v1/transcribe", content=b"--b\r\nnot a form", headers=_FORM)
            case _:
                answer = await self._send(sound, headers={"Authorization": "Bearer stt_live_" + "0" * 36})
        return _outcome("bad", answer, (400, 401))

    async def leaving(self) -> Outcome:
        """In the middle of its upload, or while it is worked on."""
        body = (DATA / "meeting_en.flac").read_bytes()
        head = (
            f"POST /v1/transcribe HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self._key}\r\n"
            f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(body) + 100}\r\n\r\n"
            '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        ).encode()
        data = head + body + b"\r\n--b--\r\n"
        sent = len(data) if self._chance.random() < 0.5 else self._chance.randrange(len(head), len(data))
        address = httpx.URL(self._url)
        with suppress(OSError):
            _, writer = await asyncio.open_connection(address.host, address.port)
            writer.write(data[:sent])
            await writer.drain()
            await asyncio.sleep(self._chance.random())
            writer.transport.abort()
        return Outcome("leaving", 0, 0, 200)

    async def leaving_a_stream(self) -> Outcome:
        """In the middle of a word; every other time it comes back and goes on."""
        samples, _ = talk(SENTENCES, 3)
        address = f"{self._url.replace('http', 'ws', 1)}/v1/stream"
        headers = {"Authorization": f"Bearer {self._key}"}
        config: dict[str, object] = {"language": "en"}
        with suppress(OSError, TimeoutError, WebSocketException):
            for _ in range(1 + (self._chance.random() < 0.5)):
                async with connect(address, additional_headers=headers) as socket:
                    await socket.send(json.dumps(config))
                    config = {**config, "session_id": json.loads(await socket.recv()).get("session_id"), "offset": 0}
                    for at in range(0, 5 * 16_000, 8_000):
                        await socket.send(samples[at : at + 8_000].tobytes())
                        await asyncio.sleep(0.3)
                    socket.transport.abort()
        return Outcome("leaving", 0, 0, 200)

    async def summary(self) -> Outcome:
        text = "Martin must decide the budget before Tuesday. Vanessa will review the report on Monday. "
        body = {"text": text * self._chance.randint(1, 3), "stream": self._chance.random() < 0.5}
        return _outcome("summary", await self._client.post("/v1/summarize", json=body), (200, 503))

    async def again(self) -> Outcome:
        """The same request twice under one idempotency key."""
        self._number += 1
        headers = {"Idempotency-Key": f"soak-{self._number}"}
        sound = (DATA / self._chance.choice(CLIPS)).read_bytes()
        first = await self._send(sound, headers=headers)
        second = await self._send(sound, headers=headers)
        same = first.status_code != 200 or second.status_code != 200 or first.content == second.content
        return _outcome("again", second, (200, 503) if same else ())

    async def keys(self) -> Outcome:
        made = await self._client.post("/v1/account/keys", json={"name": "soak"})
        if made.status_code == 201:
            await self._client.delete(f"/v1/account/keys/{made.json()['id']}")
        for path in ("/health", "/v1/account", "/v1/account/usage", "/v1/models", "/docs", "/"):
            await self._client.get(path)
        return _outcome("keys", made, (201,))

    async def _send(self, data: bytes, headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
        return await self._client.post("/v1/transcribe", files={"file": data}, data=fields, headers=headers)


_FORM = {"Content-Type": "multipart/form-data; boundary=b"}


def _outcome(kind: str, answer: httpx.Response, intended: tuple[int, ...]) -> Outcome:
    """What was intended counts as served."""
    status = 200 if answer.status_code in intended else answer.status_code if intended else BROKEN
    return Outcome(kind, 0, 0, status, retry_after(answer), detail=answer.text[:200])


def _formats(folder: Path) -> Iterator[File]:
    """One clip in all formats, and all clips as they are."""
    source = DATA / "ten_seconds_01.flac"
    for name, options in FORMATS.items():
        path = folder / name
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", str(source), *options, str(path)]
        subprocess.run(command, check=True, capture_output=True)
        yield File(path)
    yield from (File(DATA / name) for name in CLIPS)
