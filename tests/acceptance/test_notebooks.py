"""Every notebook runs from top to bottom at its small size."""

import runpy
from pathlib import Path

import pytest

NOTEBOOKS = sorted(Path(__file__).resolve().parents[2].glob("notebooks/*.py"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path, monkeypatch, capsys):
    """The notebook's own assertions hold, and it prints the table of its run."""
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.delenv("CRMC_NOTEBOOK_SIZE", raising=False)
    runpy.run_path(str(path))
    assert "Heating of waves" in capsys.readouterr().out
