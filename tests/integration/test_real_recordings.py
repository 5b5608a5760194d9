"""The console's whole way with recordings of people and real models, where both are at hand: a service of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.recordings import FOLDER, transcribed, word_errors
from tests.integration.test_console import downloads, page, sign_in, tab
from tests.integration.test_console_library import empty_library, whole_way
from tests.support import chromium, nodejs
from tests.support.browser_page import Page
from tests.support.long_tests import long
from tests.support.packaged_models import packaged
from tests.support.service import Service, running

__all__ = ["downloads", "empty_library", "page", "tab"]

RECORDINGS = ("asterisk-en_en_demo-nogo", "lj_LJ001-0017")
"""The first has pauses of more than half a second, so its text comes in pieces."""

pytestmark = [
    long,
    chromium.needed,
    nodejs.needed,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the recordings are not at hand"),
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    if packaged("whisper-base") is None:
        pytest.skip("Whisper base is not at hand")
    yield from running(tmp_path_factory.mktemp("real"), args={"models": {"source": "packages"}})


def test_recordings_of_people_are_dropped_corrected_found_exported_and_erased(
    page: Page, service: Service, downloads: Path
) -> None:
    said = {recording.path.stem: recording for recording in transcribed(FOLDER)}
    sign_in(page, service)
    text = whole_way(page, service.url, downloads, [said[name].path for name in RECORDINGS])
    wrong, words = word_errors("en", said[RECORDINGS[0]].text, text)
    assert wrong <= words / 10, text
