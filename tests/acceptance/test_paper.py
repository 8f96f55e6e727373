"""`crmc paper` as a whole: strict JSON, text and figure with results, and bad arguments."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from support.cli_cases import call
from support.paper_cases import LABELS, refuse, write_result

from crmc.paper.numbers import numbers


def test_json_without_simulation_is_strict_and_quick():
    """Every equation, nothing simulated, three misprints, the stated keys; within 20 s of CPU time."""
    started = time.process_time()
    reply = call("paper", "--json", "--no-simulation")
    assert reply.code == 0 and reply.err == "" and time.process_time() - started < 20
    document = json.loads(reply.out, parse_constant=refuse)
    assert [entry["label"] for entry in document["equations"]] == LABELS
    assert document["simulation"] is None and {row["simulated"] for row in document["numbers"]} == {None}
    assert sum(row["misprint"] for row in document["numbers"]) == 3
    keys = {"key", "section", "equation", "name", "unit", "printed", "recomputed", "exact", "simulated", "expected"}
    assert all(keys < set(row) for row in document["numbers"])


def test_text_and_figure_with_results(tmp_path):
    """At most 120 columns of ASCII, every equation and number named; the figure is a PNG with a point per value."""
    path = write_result(tmp_path / "halo.nc", 3)
    figure = tmp_path / "numbers.png"
    reply = call("paper", "--result", path, "--figure", figure)
    out = reply.out
    assert reply.code == 0 and reply.err == "" and out.isascii()
    assert max(len(line) for line in out.splitlines()) <= 120
    assert all(f"({label})" in out for label in LABELS)
    assert all(row.name in out for row in numbers())
    assert "! 57 " in out and "3.000e-30 +- 3.0e-32" in out
    assert out.endswith(f"{figure}\n")
    assert figure.read_bytes().startswith(b"\x89PNG") and figure.stat().st_size > 2e4


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--figure", "nofolder/x.png"], "there is no folder nofolder"),
        (["--figure", "x.txt"], "must end in .png"),
        (["--figure", "."], "is a directory"),
        (["--result", "nosuch.nc"], "there is no such file"),
        (["--result", "bad.nc"], "bad.nc"),
        (["--result", "other.nc"], "not a finished run of halo"),
        (["--result", "empty.nc"], "holds no"),
        (["--result", "good.nc", "--result", "again.nc"], "seed 0 is there twice"),
        (["--result", "good.nc", "--no-simulation"], "not allowed with"),
        (["--resut", "good.nc"], "--resut"),
    ],
)
def test_bad_arguments(argv, words, tmp_path, monkeypatch):
    """Exit code 2 and one line that says what is wrong."""
    monkeypatch.chdir(tmp_path)
    Path("bad.nc").write_text("not netCDF")
    write_result(Path("good.nc"))
    write_result(Path("again.nc"))
    write_result(Path("other.nc"), name="free_expansion")
    write_result(Path("empty.nc"), averages={})
    reply = call("paper", *argv)
    assert (reply.code, reply.out) == (2, "") and words in reply.err
    assert reply.err.startswith("crmc: error: ") and reply.err.count("\n") == 1 and "Traceback" not in reply.err
