"""The running service, started once for all tests that need it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import pytest

from tests.support.observability import ENVIRONMENT
from tests.support.service import Service, running
from tests.support.word_errors import DATA


# Of the package: it ends with the last of these tests, and does not take the processor from those that come after.
@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The whole service with the demo models, in processes of its own."""
    yield from running(tmp_path_factory.mktemp("service"), environment=ENVIRONMENT)


@pytest.fixture(scope="session")
def three_minutes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Speech in more windows than there are cores, charged as three minutes."""
    path = tmp_path_factory.mktemp("speech") / "three_minutes.opus"
    cut = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", DATA / "ten_minutes.opus", "-t", "175", "-c", "copy"]
    subprocess.run([*cut, path], check=True)
    return path
