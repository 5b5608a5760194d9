"""The notebooks as people run them, from the first cell to the last, against the running service."""

import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from tests.support.service import ROOT, Service

NOTEBOOKS = ROOT / "notebooks"


class Run:
    """One notebook, executed in a kernel of its own. Raises what a cell raises."""

    def __init__(self, name: str, folder: Path, **environment: str) -> None:
        notebook: Any = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
        # No folder with kernels: then it is this very Python, whatever kernels somebody has installed.
        kernel = AsyncKernelManager(
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]), connection_file=str(folder / "kernel.json")
        )
        own = {key: value for key, value in os.environ.items() if not key.startswith("STT_AI_")}
        there = {"metadata": {"path": str(NOTEBOOKS)}}
        client = NotebookClient(notebook, km=kernel, timeout=240, resources=there)
        client.execute(env={**own, "IPYTHONDIR": str(folder), **environment}, cleanup_kc=True)
        self._outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]

    @property
    def text(self) -> str:
        """All that was printed or shown as text."""
        printed = [output.text for output in self._outputs if output.output_type == "stream"]
        return "\n".join(printed + self._shown("text/plain"))

    @property
    def figures(self) -> int:
        return len(self._shown("image/png"))

    @property
    def html(self) -> str:
        return "\n".join(self._shown("text/html"))

    def _shown(self, kind: str) -> list[str]:
        return [output.data[kind] for output in self._outputs if kind in output.get("data", {})]


@pytest.fixture
def environment(service: Service) -> dict[str, str]:
    return {"STT_AI_BASE_URL": service.url, "STT_AI_API_KEY": service.new_key()}


def numbers(pattern: str, text: str) -> list[float]:
    found = re.search(pattern, text)
    assert found, f"{pattern} is not in what was shown:\n{text}"
    return [float(group.replace(",", "")) for group in found.groups()]


def test_the_quickstart_of_somebody_who_has_no_key(service: Service, tmp_path: Path) -> None:
    service.load_summarizer()
    text = Run("quickstart", tmp_path, STT_AI_BASE_URL=service.url).text
    assert "Keep this: stt_live_" in text
    assert "Hello Emma and welcome from London." in text
    assert "Speaker 1: Hello Daniel" in text and "Speaker 2: Today we must discuss the quarterly budget." in text
    assert "00:00:00,240 --> " in text, "subtitles"
    assert re.search(r"^- .*(Vanessa|Leonard)", text, re.MULTILINE), "a summary"
    assert re.search(r"… Probably.*Final: Probably Stephen.*Ended: Probably", text, re.DOTALL), "a live stream"
    assert numbers(r"(\d+) minutes used, (\d+) left", text) == [4, 596]


def test_looking_at_a_transcript(environment: dict[str, str], tmp_path: Path) -> None:
    run = Run("transcript", tmp_path, **environment)
    assert run.figures == 4
    assert "47 words by 2 speakers" in run.text and ">Laura</span>" in run.html
    of_speakers = [
        numbers(rf"{name}: (\d+) words in ([\d.]+) s, (\d+) a", run.text) for name in ("Speaker 1", "Speaker 2")
    ]
    for words, seconds, pace in of_speakers:
        assert pace == pytest.approx(words / seconds * 60, rel=0.02) and 100 < pace < 200


def test_measuring_accuracy_and_speed(environment: dict[str, str], tmp_path: Path) -> None:
    run = Run("measure", tmp_path, **environment)
    assert run.figures == 1
    rate, words = numbers(r"Word error rate ([\d.]+)%: of (\d+) words", run.text)
    low, high = numbers(r"between ([\d.]+)% and ([\d.]+)%", run.text)
    assert words == 68 and low <= rate <= high and rate <= 10
    wrong = numbers(r"(\d+) substituted, (\d+) left out, (\d+) put in", run.text)
    assert sum(wrong) == pytest.approx(rate / 100 * words, abs=0.05)
    assert [numbers(rf"{n} at once: real-time factor ([\d.]+)", run.text)[0] > 0 for n in (1, 2, 4)]


def test_planning_for_operators(environment: dict[str, str], tmp_path: Path) -> None:
    run = Run("capacity", tmp_path, **environment)
    assert run.figures == 4
    (per_second,) = numbers(r"One replica here: (\d+) s of audio a second", run.text)
    replicas, wait = numbers(r"(\d+) replicas: a mean wait of ([\d.]+) s", run.text)
    # 300 hours a day, four times as many at the peak: 50 s of audio a second come then.
    assert replicas > 50 / (per_second + 0.5) and wait <= 30
    assert f"max_replicas: {replicas:.0f}" in run.text
    assert numbers(r"([\d,]+) credits, so", run.text) == [547_875]
