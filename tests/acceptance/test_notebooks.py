"""Notebooks: each runs from top to bottom, and the .ipynb that readers see is the .py with its outputs."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from support.doc_cases import ROOT
from support.run_cases import compiled_once

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
#: Those that take seconds; the others, of half a minute each, run with `-m full`.
QUICK = ("paper", "closure")
#: Largest size of a notebook with its outputs [bytes].
LARGEST = 200_000


def name(path: Path) -> str:
    """The name of a notebook in a list of tests."""
    return path.stem


def cells_of(text: str) -> list[tuple[str, str]]:
    """Kind and source of the cells of a script in the percent format."""
    found = []
    for kind, source in re.findall(r"^# %%( \[markdown\])?\n(.*?)(?=^# %%|\Z)", text, re.MULTILINE | re.DOTALL):
        source = re.sub(r"^# ?", "", source, flags=re.MULTILINE) if kind else source
        found.append(("markdown" if kind else "code", source.strip()))
    return found


def notebook(path: Path) -> dict[str, Any]:
    """The notebook of a script."""
    return dict(json.loads(path.with_suffix(".ipynb").read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_pairs(path: Path) -> None:
    """Cell by cell the .ipynb is the .py; it was run from top to bottom without errors, and is small.

    `jupytext --to notebook --execute notebooks/NAME.py` makes it.
    """
    found = notebook(path)["cells"]
    cells = [(cell["cell_type"], "".join(cell["source"]).strip()) for cell in found]
    assert cells == cells_of(path.read_text(encoding="utf-8"))
    code = [cell for cell in found if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert not any(output["output_type"] == "error" or output.get("name") == "stderr" for output in outputs)
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert path.with_suffix(".ipynb").stat().st_size < LARGEST


def test_all_are_paired_and_listed() -> None:
    """Seven of each, and each on the page of the documentation."""
    stems = [path.stem for path in NOTEBOOKS]
    assert len(stems) == 7 == len(list((ROOT / "notebooks").glob("*.ipynb")))
    page = (ROOT / "docs" / "guide" / "notebooks.md").read_text(encoding="utf-8")
    assert all(f"`{stem}`" in page for stem in stems)


@pytest.mark.parametrize(
    "path", [path if path.stem in QUICK else pytest.param(path, marks=pytest.mark.full) for path in NOTEBOOKS], ids=name
)
def test_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The notebook's own assertions hold, and it draws what its pair shows."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    import matplotlib.pyplot as plt

    shown: list[int] = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf().number))
    with compiled_once():  # runs of one shape share a program
        runpy.run_path(str(path))
    plt.close("all")
    outputs = [output for cell in notebook(path)["cells"] for output in cell.get("outputs", [])]
    assert len(shown) == sum("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.full
def test_runs_in_a_kernel() -> None:
    """Oracle: nbclient, as Jupyter runs it. Needs the extra `notebooks`."""
    nbclient = pytest.importorskip("nbclient")
    import nbformat

    found = nbformat.read(ROOT / "notebooks" / "paper.ipynb", as_version=4)
    nbclient.NotebookClient(found, timeout=300, kernel_name="python3").execute()
