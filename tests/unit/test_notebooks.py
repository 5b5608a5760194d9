"""What the notebooks are before anybody runs them: bare, portable, and right in their arithmetic."""

import ast
import math
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.models.catalogue import DOCUMENTED

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = ["capacity", "measure", "quickstart", "transcript"]


def read(name: str) -> Any:
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def test_these_are_all() -> None:
    assert sorted(path.stem for path in NOTEBOOKS.iterdir() if path.suffix == ".ipynb") == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_is_stored_without_outputs(name: str) -> None:
    notebook = read(name)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) >= 8
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}, "no version of whoever saved it last"


@pytest.mark.parametrize("name", NAMES)
def test_it_names_nothing_of_one_machine(name: str) -> None:
    text = (NOTEBOOKS / f"{name}.ipynb").read_text()
    assert not re.search(r"/(home|root|tmp|Users|opt|usr|var|work|mnt)/|[A-Z]:\\\\|file:|https?://|stt_live_", text)


@pytest.mark.parametrize("name", NAMES)
def test_what_it_points_to_is_there(name: str) -> None:
    text = "\n".join(cell.source for cell in read(name).cells)
    linked = re.findall(r"\]\(([^)]+)\)", text)
    assert len(linked) >= 1
    assert not [target for target in linked if not (NOTEBOOKS / target).exists()]
    data = NOTEBOOKS / "../tests/data"
    files = [data / file for file in re.findall(r'DATA / "([^"]+)"', text)]
    files += [NOTEBOOKS / file for file in re.findall(r'Path\("(\.\.[^"]+)"\)', text)]
    assert files and not [file for file in files if not file.exists()]


@pytest.fixture(scope="module")
def planning() -> dict[str, Any]:
    """The functions and the constants of the capacity notebook that ask no service for anything."""
    tree = ast.parse("\n".join(cell.source for cell in read("capacity").cells if cell.cell_type == "code"))
    wanted: list[ast.stmt] = []
    for node in tree.body:
        constant = isinstance(node, ast.Assign) and all(name.isupper() for name in _names(node.targets))
        function = isinstance(node, ast.FunctionDef) and node.name in {"erlang_c", "memory_gb", "simulated_wait_s"}
        if isinstance(node, ast.Import | ast.ImportFrom) or function or (constant and _is_literal(node)):
            wanted.append(node)
    scope: dict[str, Any] = {}
    exec(compile(ast.Module(wanted, []), "capacity.ipynb", "exec"), scope)
    return scope


def _names(targets: list[ast.expr]) -> list[str]:
    return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]


def _is_literal(node: Any) -> bool:
    try:
        ast.literal_eval(node.value)
    except ValueError:
        return False
    return True


def test_the_models_are_those_of_the_catalogue(planning: dict[str, Any]) -> None:
    said = {name: numbers[0] for name, numbers in planning["MODELS"].items()}
    assert said == {entry.id: entry.parameters_millions for entry in DOCUMENTED}
    turbo = planning["memory_gb"]("large-v3-turbo", 1)
    assert turbo[1] == pytest.approx(1.618) and turbo[2] == pytest.approx(2 * 4 * 1500 * 1280 * 2 / 1e9)


@given(servers=st.integers(1, 30), busy=st.floats(0.01, 0.99))
def test_the_chance_to_wait_is_erlangs(planning: dict[str, Any], servers: int, busy: float) -> None:
    load = servers * busy
    terms = [load**n / math.factorial(n) for n in range(servers)]
    waiting = load**servers / math.factorial(servers) / (1 - busy)
    assert planning["erlang_c"](servers, load) == pytest.approx(waiting / (sum(terms) + waiting), rel=1e-9)


def test_the_simulated_queue_waits_as_long_as_theory_says(planning: dict[str, Any]) -> None:
    """M/M/1 at half load: one waits as long, on average, as one is served."""
    served_s = planning["MINUTES_A_FILE"] * 60 / 10
    planning["RATE"] = 10.0  # what the notebook measures
    half = 24 * 3600 * 10 / 3600 / planning["PEAK"] / 2
    assert planning["simulated_wait_s"](1, half, files=200_000) == pytest.approx(served_s, rel=0.1)
