"""Headless Chromium for tests, with a microphone that plays a file."""

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import pytest

from tests.support import nodejs

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell")
FOUND = os.environ.get("STT_AI_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
HERE = (platform.system(), platform.machine())  # npm's is made for one kind of machine
UNPACKED = nodejs.MODULES / ".chromium"

needed = pytest.mark.skipif(
    not (FOUND or (nodejs.INSTALLED and HERE == ("Linux", "x86_64"))),
    reason="no Chromium on the PATH or of npm: this was NOT tried in a browser",
)


@contextmanager
def launched(profile: Path, *arguments: str, microphone: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Chromium with ``arguments``, flags or a page's address; it writes its log and pages' consoles to `log_of`.

    ``profile``: a folder of its own. ``microphone``: a 48 kHz WAV file that is played once; pages need not ask for it.
    """
    executable, environment = chromium()
    command = [
        *(executable, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
        *(f"--user-data-dir={profile}", "--autoplay-policy=no-user-gesture-required"),
        *("--enable-logging=stderr", "--v=0"),
    ]
    if microphone:
        command += ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
        command += [f"--use-file-for-fake-audio-capture={microphone}%noloop"]
    with (
        log_of(profile).open("wb") as log,
        subprocess.Popen([*command, *arguments], stderr=log, env=environment, start_new_session=True) as browser,
    ):
        try:
            yield browser
        finally:
            browser.terminate()


def log_of(profile: Path) -> Path:
    return profile.with_suffix(".log")


@cache
def chromium() -> tuple[str, dict[str, str]]:
    """The browser's path and the environment that it needs."""
    if FOUND:
        return FOUND, dict(os.environ)
    if not UNPACKED.is_dir():
        with tempfile.TemporaryDirectory(dir=nodejs.MODULES) as folder:
            whole = Path(folder) / "chromium"
            whole.mkdir()
            nodejs.run("unpack-chromium.mjs", env={"TMPDIR": str(whole)})
            with suppress(OSError):  # another process was first
                whole.rename(UNPACKED)
    libraries = os.pathsep.join(filter(None, [str(UNPACKED / "al2023/lib"), os.environ.get("LD_LIBRARY_PATH")]))
    fonts = {"FONTCONFIG_PATH": str(UNPACKED / "fonts")}
    return str(UNPACKED / "chromium"), {**os.environ, "LD_LIBRARY_PATH": libraries, **fonts}
