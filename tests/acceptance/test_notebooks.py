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
#: What makes a notebook's runs small: a text of its script and what stands in its place.  With `-m full` all is as printed.
SMALL = {
    "first_run": {"run.markers=8192": "run.markers=2048"},
    "energy_identity": {"run.markers=8192": "run.markers=2048", "size = [": 'size = ["run.time_step=1.6e8 s", '},
    "orbits": {"qlt.realisations=8": "qlt.realisations=4"},
    "sensitivity_and_fit": {
        "run.markers=1024": "run.markers=512",
        "replicas=4": 'replicas=4, mode="finite-difference"',
        '"4e8 s"': '"8e8 s"',
    },
    "drift_and_expansion": {"run.duration=5e8 s": 'run.duration=5e8 s", "run.time_step=5e7 s'},
}
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


@pytest.mark.parametrize("size", ["small", pytest.param("printed", marks=pytest.mark.full)])
@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_runs(path: Path, size: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The notebook's own assertions hold, and it draws what its pair shows."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    import matplotlib.pyplot as plt

    shown: list[int] = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf().number))
    script = path.read_text(encoding="utf-8")
    for printed, small in SMALL.get(path.stem, {}).items() if size == "small" else ():
        assert printed in script
        script = script.replace(printed, small)
    (tmp_path / path.name).write_text(script, encoding="utf-8")
    with compiled_once():  # runs of one shape share a program
        runpy.run_path(str(tmp_path / path.name))
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
