"""The JavaScript client in Node, beside servers that refuse, cut and answer oddly; and its package."""

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.server import ServerConnection, serve

from stt_ai import __version__
from tests.support import nodejs, tls_server
from tests.support.api import TALK
from tests.support.billed_api import books
from tests.support.billing import Books
from tests.support.cutting_proxy import cutting
from tests.support.jobs_api import JobsHouse, jobs_house
from tests.support.stream_client import Sessions, live_app, serving
from tests.support.tls_server import giving, response

__all__ = ["books", "jobs_house"]

SDK = Path(__file__).parents[2] / "stt_ai/console/sdk"

pytestmark = nodejs.needed


def test_requests_come_again_and_fail_as_documented() -> None:
    assert "fail 0" in nodejs.run("requests.test.mjs").stdout


def test_the_console_says_what_serves() -> None:
    assert "fail 0" in nodejs.run("serving.test.mjs").stdout


def test_live_streams_are_whole_over_cuts(books: Books, digests: str, tmp_path: Path) -> None:
    with (
        serving(live_app(tmp_path / "a", Sessions())) as service,
        serving(live_app(tmp_path / "b", Sessions(), resume_s=1e-9)) as forgetful,
        serving(live_app(tmp_path / "c", Sessions(), books.client)) as refusing,
    ):
        ports = {"SERVICE": service, "FORGETFUL": forgetful, "REFUSING": refusing}
        urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        assert "fail 0" in nodejs.run("live.test.mjs", env={**urls, "DIGESTS": digests}).stdout


def test_jobs_are_queued_and_cancelled(jobs_house: JobsHouse) -> None:
    assert "fail 0" in nodejs.run("jobs-queued.test.mjs", env=_caller(jobs_house)).stdout


def test_jobs_are_worked_on(jobs_house: JobsHouse, tmp_path: Path) -> None:
    recordings = tls_server.serving(giving(response(b"sound")))
    lines = cutting(jobs_house.url, 3_000_000, 4_000_000), cutting(jobs_house.url, *[2_000_000] * 9)
    with (
        recordings as source,
        tls_server.serving(giving(response(b"", 404))) as refusing,
        lines[0] as once,
        lines[1] as broken,
        jobs_house.working(),
    ):
        given = {"SOURCE": source.url(), "REFUSING": refusing.url(), "TEXT": TALK.text}
        given |= {"CUTTING": once.url, "BREAKING": broken.url, "FOLDER": str(tmp_path)}
        assert "fail 0" in nodejs.run("jobs.test.mjs", env=_caller(jobs_house) | given).stdout
    assert once.received < 15_000_000, "only the rest is sent again"
    assert source.exchanges[0].headers["x-token"] == "t"
    asked = [(request.language, request.keywords) for request in jobs_house.transcription.requests]
    assert ("en", ("Ada",)) in asked


def _caller(house: JobsHouse) -> dict[str, str]:
    return {"STT_AI_BASE_URL": house.url, "STT_AI_API_KEY": house.books.account(credits=9)}


@pytest.fixture
def digests() -> Iterator[str]:
    """The address of a WebSocket that answers the digest of each message, in fragments and between pings."""

    def tell(connection: ServerConnection) -> None:
        while isinstance(message := connection.recv(), bytes):
            connection.ping()
            connection.send(iter(hashlib.sha256(message).hexdigest()))
        connection.send(iter(message))
        connection.close(4321)

    with serve(tell, "127.0.0.1", 0, max_size=None) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/"
        server.shutdown()


def test_its_version_is_the_service_s() -> None:
    assert json.loads((SDK / "package.json").read_text())["version"] == __version__


def test_it_installs_as_a_package_and_its_types_hold(tmp_path: Path) -> None:
    shutil.copy(nodejs.FOLDER / "use.ts", tmp_path)
    done = nodejs.run("package.mjs", SDK, tmp_path)
    assert done.stdout.splitlines()[-1] == "ok"
