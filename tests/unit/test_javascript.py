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
from tests.support import nodejs
from tests.support.billed_api import books
from tests.support.billing import Books
from tests.support.stream_client import Sessions, live_app, serving

__all__ = ["books"]

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


@pytest.fixture
def digests() -> Iterator[str]:
    """The address of a WebSocket that tells the digest of each message, in fragments and between pings."""

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
