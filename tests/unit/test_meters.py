"""What is counted, by whom, and that it is reported once and right."""

import time
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from stt_ai.api.app import create_app
from stt_ai.api.services import ApiConfig, Services
from stt_ai.api.stream.services import LiveServices
from stt_ai.billing.database import Database
from stt_ai.deployments.metrics import counted_batches, process_meters
from stt_ai.engines import live_audio
from stt_ai.errors import PaymentRequired, UnsupportedMedia
from stt_ai.meters import (
    ALL,
    AUDIO,
    BATCH_SIZE,
    BATCHED,
    BATCHED_SECONDS,
    BUSY_SECONDS,
    CREDITS,
    LIVE_LAG,
    NO_METERS,
    OPEN_STREAMS,
    REALTIME_FACTOR,
    REFUSALS,
    REQUEST_SECONDS,
    REQUESTS,
    STAGE_SECONDS,
    Counter,
    Gauge,
    Histogram,
)
from stt_ai.pipeline import Pipeline
from stt_ai.speech.endpointing import FRAME
from stt_ai.streaming.config import LiveConfig
from stt_ai.streaming.session import LiveSession
from stt_ai.types import SAMPLE_RATE, TranscriptionRequest
from tests.support.api import PATIENCE, Failing, Fixed, FourModels, Recorder, eventually, serving
from tests.support.billing import Books, migrated_database
from tests.support.scripted_recognizer import ScriptedRecognizer, in_virtual_time, now, play, talk
from tests.support.scripted_recognizer import ScriptedVoices as Speech
from tests.support.stream_client import Sessions, connected
from tests.support.telemetry import RecordedMeters
from tests.unit.test_pipeline import UPLOAD, CannedDecoder, ScriptedDiarizer, SpeakingClock


@pytest.fixture
def meters() -> RecordedMeters:
    return RecordedMeters()


def app(folder: Path, meters: RecordedMeters, transcription: object = None, sessions: Sessions | None = None) -> object:
    live = LiveServices(sessions.open, live_audio.decode) if sessions else None
    parts = (transcription or Recorder(), FourModels(), Fixed(), ApiConfig(folder, "large-v3-turbo"))
    return create_app(Services(*parts, live=live, meters=meters))  # type: ignore[arg-type]


def test_names_follow_the_fields_custom() -> None:
    assert len({meter.name for meter in ALL}) == len(ALL)
    for meter in ALL:
        assert meter.name.startswith("stt_ai_") and not meter.name.endswith(("_total", "_sum", "_count", "_bucket"))
        assert meter.description.endswith(".")
        if isinstance(meter, Histogram):
            assert list(meter.boundaries) == sorted(set(meter.boundaries)) and meter.boundaries[0] > 0


# The API


def test_requests_are_counted_by_route_and_not_by_path(meters: RecordedMeters, tmp_path: Path) -> None:
    client = TestClient(app(tmp_path, meters))  # type: ignore[arg-type]
    client.get("/v1/models/small")
    client.get("/v1/models/none-such")
    client.get("/v1/anything/at/all")
    client.request("BREW", "/health")
    assert meters.labels(REQUESTS) == {
        ("method=GET", "route=/v1/models/{model}", "status=200"),
        ("method=GET", "route=/v1/models/{model}", "status=404"),
        ("method=GET", "route=none", "status=404"),
        ("method=other", "route=/health", "status=405"),
    }
    assert meters.labels(REFUSALS) == {
        ("route=/v1/models/{model}", "code=not_found"),
        ("route=none", "code=not_found"),
        ("route=/health", "code=method_not_allowed"),
    }
    assert len(meters.of(REQUEST_SECONDS)) == len(meters.of(REQUESTS)) == 4


def test_an_upload_is_a_stage_and_a_refusal_has_its_cause(meters: RecordedMeters, tmp_path: Path) -> None:
    client = TestClient(app(tmp_path, meters, Failing(UnsupportedMedia("This is not audio."))))  # type: ignore[arg-type]
    assert client.post("/v1/transcribe", files={"file": b"sound"}).status_code == 400
    assert client.post("/v1/transcribe", files={"file": b""}).status_code == 400
    assert len(meters.of(STAGE_SECONDS, stage="upload")) == 2
    assert meters.of(REFUSALS, route="/v1/transcribe", code="unsupported_format") == [1]
    assert meters.of(REFUSALS, route="/v1/transcribe", code="empty_file") == [1]


def test_streams_are_counted_while_they_are_open(meters: RecordedMeters, tmp_path: Path) -> None:
    with serving(app(tmp_path, meters, sessions=Sessions())) as port:  # type: ignore[arg-type]
        with connected(port) as one, connected(port) as other:
            one.ready()
            other.ready()
            assert max(meters.of(OPEN_STREAMS)) == 2
        assert eventually(lambda: meters.of(OPEN_STREAMS)[-1] == 0)
        assert eventually(lambda: len(meters.of(REQUESTS, method="WS", route="/v1/stream")) == 2)
        assert httpx.get(f"http://127.0.0.1:{port}/v1/stream", timeout=PATIENCE).status_code == 426
    assert meters.of(REFUSALS, code="upgrade_required") == [1]


# Files and streams


async def test_a_files_audio_and_stages_are_counted_once(meters: RecordedMeters) -> None:
    parts = (CannedDecoder(40, [(0, 20), (21, 38)]), {"clock": SpeakingClock()}, ScriptedDiarizer((0, 20, "A")))
    pipeline = Pipeline(*parts, meters=meters)
    await pipeline.transcribe(UPLOAD, TranscriptionRequest("clock"))
    assert meters.of(AUDIO, model="clock", kind="file") == [40]
    assert len(meters.of(REALTIME_FACTOR, model="clock")) == 1
    assert {stage for (stage,) in meters.labels(STAGE_SECONDS)} == {
        "stage=decode",
        "stage=transcribe",
        "stage=diarize",
        "stage=attribute",
    }


async def test_what_is_not_done_is_not_counted(meters: RecordedMeters) -> None:
    parts = (CannedDecoder(40, [(0, 20)]), {"clock": SpeakingClock()}, ScriptedDiarizer((0, 20, "A")))
    pipeline = Pipeline(*parts, meters=meters)

    async def refuse(seconds: float) -> None:
        raise PaymentRequired("No credits remaining.")

    with pytest.raises(PaymentRequired):
        await pipeline.transcribe(UPLOAD, TranscriptionRequest("clock", diarize=False), refuse)
    assert not meters.of(AUDIO) and not meters.of(REALTIME_FACTOR)
    assert not meters.of(STAGE_SECONDS, stage="diarize")
    assert len(meters.of(STAGE_SECONDS, stage="decode")) == 1


@pytest.mark.parametrize("slow", [0.0, 2.0])
@pytest.mark.parametrize("begin", [0, 10 * FRAME])
def test_the_lag_of_live_texts_is_from_the_end_of_their_audio(slow: float, begin: int, meters: RecordedMeters) -> None:
    spoken = talk([(20, 60), (30, 60)])

    async def main() -> None:
        voices = Speech(spoken.probabilities, begin // FRAME)
        model = ScriptedRecognizer(spoken.words, latency=lambda: slow)
        session = LiveSession(LiveConfig("gold"), model, voices, clock=now, meters=meters, start_at_sample=begin)
        await play(session, spoken.samples[begin:], [1600])

    in_virtual_time(main())
    assert sum(meters.of(AUDIO, kind="live")) == pytest.approx((len(spoken.samples) - begin) / SAMPLE_RATE)
    lags = meters.of(LIVE_LAG)
    assert len(lags) == 2
    # The final is begun within the pause that ends the utterance, a little before its last audio has come.
    assert all(max(0, slow - 0.2) <= lag <= slow + 3 for lag in lags), lags


# Billing


@pytest.fixture
def books(meters: RecordedMeters, tmp_path: Path) -> Books:
    database = Database(migrated_database("sqlite", tmp_path), meters=meters)
    return Books(database)


def test_credits_are_counted_as_the_books_have_them(meters: RecordedMeters, books: Books) -> None:
    key = books.account(credits=10)
    first, second, third = (books.admit(key).lease for _ in range(3))
    for ask in (
        lambda: books.service.reserve(first, 170.0),
        lambda: books.service.reserve(second, 61.0),
        lambda: books.service.settle(first, 130.0),
        lambda: books.service.release(second),
    ):
        ask()
        ask()  # an answer may be lost, and the question comes again
    with pytest.raises(PaymentRequired):
        books.service.reserve(third, 3600.0)
    counted = {
        entry: sum(meters.of(CREDITS, meter="credits", entry=entry))
        for entry in ("grant", "reserve", "settle", "release", "expire")
    }
    assert counted == {"grant": 10, "reserve": 3 + 2, "settle": 3, "release": 2, "expire": 0}


def test_what_is_rolled_back_is_not_counted(meters: RecordedMeters, books: Books) -> None:
    key = books.account(credits=10)
    lease = books.admit(key).lease
    books.service.reserve(lease, 60.0)
    before = meters.of(CREDITS)
    with pytest.raises(ZeroDivisionError), books.database.transaction() as session:
        from stt_ai.billing import leases

        leases.settle(session, leases.find_active(session, lease), 60.0, 0.0, books.service.config)
        raise ZeroDivisionError
    assert meters.of(CREDITS) == before


# Deployments


def test_batches_are_counted_also_when_they_fail(meters: RecordedMeters) -> None:
    def run(items: list[float]) -> list[float]:
        return [1 / item for item in items]

    counted = counted_batches(run, meters, seconds=lambda item: item)
    assert counted([1.0, 2.0, 4.0]) == [1.0, 0.5, 0.25]
    with pytest.raises(ZeroDivisionError):
        counted([0.0])
    assert meters.of(BATCH_SIZE) == [3, 1]
    assert sum(meters.of(BATCHED)) == 4
    assert sum(meters.of(BATCHED_SECONDS)) == 7
    assert len(meters.of(BUSY_SECONDS)) == 2


def test_time_in_which_batches_run_beside_each_other_is_counted_once(meters: RecordedMeters) -> None:
    def run(items: list[int]) -> list[int]:
        (count,) = items
        return counted([count - 1]) if count else [sum(range(100_000))]

    counted = counted_batches(run, meters)
    begun = time.perf_counter()
    counted([3])
    assert 0 < sum(meters.of(BUSY_SECONDS)) <= time.perf_counter() - begun
    assert len(meters.of(BUSY_SECONDS)) == 4


def test_outside_of_a_replica_nobody_is_told() -> None:
    assert process_meters() is NO_METERS
    NO_METERS.add(Counter("a", ""), 1)
    NO_METERS.set(Gauge("b", ""), 1)
    NO_METERS.observe(Histogram("c", ""), 1)
