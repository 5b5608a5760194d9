"""The HTTP edge over the real billing service on SQLite, and the shortest way to send it requests."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from stt_ai.api.app import create_app
from stt_ai.api.services import ApiConfig, Services
from stt_ai.billing.database import Database
from tests.support.api import HELLO, Fixed, FourModels, Recorder
from tests.support.billing import Books, migrated_database

FILE = {"file": ("hello.flac", b"sound" * 100)}
HOME = "192.0.2.1"


@dataclass
class Edge:
    """The API over these books."""

    books: Books
    uploads: Path
    transcription: Any = None
    billing: Any = None
    at_once: int = 64

    def app(self) -> FastAPI:
        config = ApiConfig(self.uploads, "large-v3-turbo", max_concurrent_uploads=self.at_once)
        parts = (self.transcription or Recorder(), FourModels(), Fixed(), config)
        return create_app(Services(*parts, billing=self.billing or self.books.client))

    @asynccontextmanager
    async def client(self, key: str | None = None, address: str = HOME) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(self.app(), raise_app_exceptions=False, client=(address, 40123))
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with httpx.AsyncClient(transport=transport, base_url="http://here", headers=headers) as client:
            yield client

    async def transcribe(
        self, key: str | None = None, address: str = HOME, headers: dict[str, str] | None = None, **fields: str
    ) -> httpx.Response:
        async with self.client(key, address) as client:
            return await client.post("/v1/transcribe", files=FILE, data=fields, headers=headers)

    async def get(self, path: str, key: str) -> Any:
        async with self.client(key) as client:
            answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    database = Database(migrated_database("sqlite", tmp_path))
    yield Books(database)
    database.close()


@pytest.fixture
def edge(books: Books, tmp_path: Path) -> Edge:
    return Edge(books, tmp_path / "uploads")


def refused(answer: httpx.Response, status: int, code: str) -> str:
    """Its message, once it is the refusal that it should be."""
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert set(answer.json()) == {"error", "code", "request_id"}
    return str(answer.json()["error"])


def limits(answer: httpx.Response) -> tuple[str | None, ...]:
    return tuple(answer.headers.get(f"RateLimit-{name}") for name in ("Limit", "Remaining", "Reset"))


def lasting(seconds: float) -> Recorder:
    return Recorder(replace(HELLO, duration=seconds))


class Held(Recorder):
    """A transcription service that finishes when the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()
        self._began = asyncio.Semaphore(0)

    async def transcribe(self, *arguments: Any) -> Any:
        result = await super().transcribe(*arguments)
        self._began.release()
        await self.go.wait()
        return result

    async def all_began(self, count: int) -> None:
        for _ in range(count):
            await self._began.acquire()
