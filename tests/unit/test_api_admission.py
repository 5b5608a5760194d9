from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from starlette.testclient import TestClient

from stt_ai import errors
from stt_ai.accounts import WorkKind
from stt_ai.api.admission import Grant, IncomingRequest, ProcessAdmission
from stt_ai.api.app import create_app
from stt_ai.api.services import ApiConfig, Services
from tests.support.api import Failing, Fixed, FourModels, Recorder

ARRIVAL = IncomingRequest("/v1/transcribe", {}, "192.0.2.1", 10)


class Doorkeeper:
    """An admission that keeps a book: who came, and how each visit ended."""

    def __init__(self, refusal: errors.SttError | None = None, max_file_bytes: int = 1000) -> None:
        self.refusal = refusal
        self.grant = Grant(max_file_bytes, {"RateLimit-Remaining": "2"})
        self.arrivals: list[IncomingRequest] = []
        self.endings: list[str] = []

    @asynccontextmanager
    async def admit(self, arrival: IncomingRequest) -> AsyncIterator[Grant]:
        self.arrivals.append(arrival)
        if self.refusal:
            raise self.refusal
        try:
            yield self.grant
        except BaseException as error:
            self.endings.append(type(error).__name__)
            raise
        self.endings.append("served")


def client(directory: Path, door: Doorkeeper, transcription: object = None) -> TestClient:
    config = ApiConfig(directory, "large-v3-turbo")
    return TestClient(create_app(Services(transcription or Recorder(), FourModels(), Fixed(), config, door)))  # type: ignore[arg-type]


def test_a_caller_is_known_before_the_body_is_read(tmp_path: Path) -> None:
    door = Doorkeeper(errors.Unauthorized("This API key is not known."))
    read = []

    def body() -> object:
        read.append(1)
        yield b"x"

    answer = client(tmp_path, door).post(
        "/v1/transcribe", content=body(), headers={"Authorization": "Bearer x", "Content-Length": "123"}
    )
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    (arrival,) = door.arrivals
    assert (arrival.route, arrival.content_length) == ("/v1/transcribe", 123)
    assert arrival.headers["authorization"] == "Bearer x"
    assert arrival.client == "testclient"


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (errors.PaymentRequired("No credits remaining. Upgrade your plan."), 402),
        (errors.TooManyRequests("The three transcriptions of today are used up.", 3600), 429),
        (errors.Overloaded("Full."), 503),
    ],
)
def test_a_refusal_is_the_answer(refusal: errors.SttError, status: int, tmp_path: Path) -> None:
    answer = client(tmp_path, Doorkeeper(refusal)).post("/v1/transcribe", files={"file": b"sound"})
    assert (answer.status_code, answer.json()["error"]) == (status, refusal.message)
    assert not list(tmp_path.iterdir())


def test_the_callers_own_file_limit_holds(tmp_path: Path) -> None:
    door = Doorkeeper(max_file_bytes=1000)
    assert client(tmp_path, door).post("/v1/transcribe", files={"file": b"s" * 1000}).status_code == 200
    assert client(tmp_path, door).post("/v1/transcribe", files={"file": b"s" * 1001}).status_code == 413
    assert door.endings == ["served", "FileTooLarge"]


@pytest.mark.parametrize(
    ("transcription", "status", "ending"),
    [
        (Recorder(), 200, "served"),
        (Failing(errors.DamagedMedia("Damaged.")), 400, "DamagedMedia"),
        (Failing(ZeroDivisionError()), 500, "ZeroDivisionError"),
    ],
)
def test_the_slot_is_left_on_every_way_out_and_knows_which(
    transcription: object, status: int, ending: str, tmp_path: Path
) -> None:
    door = Doorkeeper(max_file_bytes=10_000)
    answer = client(tmp_path, door, transcription).post("/v1/transcribe", files={"file": b"sound"})
    assert (answer.status_code, door.endings) == (status, [ending])


@pytest.mark.parametrize("size", [10, 5000])
def test_the_callers_allowance_is_in_the_headers_of_answers_and_refusals(size: int, tmp_path: Path) -> None:
    answer = client(tmp_path, Doorkeeper()).post("/v1/transcribe", files={"file": b"s" * size})
    assert answer.status_code in (200, 413)
    assert answer.headers["RateLimit-Remaining"] == "2"


@pytest.mark.parametrize("length", ["", "abc", "-1", "1.5", "٣", "9" * 5000])
def test_a_content_length_that_is_no_number_is_unknown(length: str, tmp_path: Path) -> None:
    door = Doorkeeper()
    client(tmp_path, door).post("/v1/transcribe", content=b"x", headers={"Content-Length": length.encode()})
    assert door.arrivals[0].content_length is None


async def test_open_admission_counts_who_is_inside() -> None:
    admission = ProcessAdmission(max_file_bytes=5, max_concurrent=2)
    async with admission.admit(ARRIVAL) as grant, admission.admit(ARRIVAL):
        assert grant.max_file_bytes == 5
        with pytest.raises(errors.Overloaded):
            async with admission.admit(ARRIVAL):
                pass
    with pytest.raises(ZeroDivisionError):
        async with admission.admit(ARRIVAL):
            raise ZeroDivisionError
    assert admission.active == 0


async def test_without_room_for_one_kind_of_work_the_others_are_let_in() -> None:
    def full() -> NoReturn:
        raise errors.Overloaded("full", 17)

    admission = ProcessAdmission(max_file_bytes=5, max_concurrent=2, capacity={WorkKind.TRANSCRIPTION: full})
    with pytest.raises(errors.Overloaded):
        async with admission.admit(ARRIVAL):
            pass
    async with admission.admit(replace(ARRIVAL, kind=WorkKind.SUMMARY)):
        assert admission.active == 1


def test_without_room_the_refusal_says_when_to_come_back_before_the_body_is_read(tmp_path: Path) -> None:
    def full() -> NoReturn:
        raise errors.Overloaded("The service has more to do than it can begin.", 17.2)

    config = ApiConfig(tmp_path, "large-v3-turbo")
    services = Services(Recorder(), FourModels(), Fixed(), config, capacity={WorkKind.TRANSCRIPTION: full})
    answer = TestClient(create_app(services)).post("/v1/transcribe", files={"file": b"sound"})
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()["code"]) == (503, "18", "overloaded")
    assert not list(tmp_path.iterdir())
