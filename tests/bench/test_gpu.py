"""The measurement of a GPU: its pieces, their limits and failures by a stand-in for Python, and its small form on a CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray
from support.scripts import ROOT, load_script

SCRIPT = ROOT / "experiments" / "bench" / "gpu.sh"
#: Stands in for the interpreter: notes what it is to do; fails in the halo, sleeps in a sweep of 8 x 8.
STAND_IN = """#!/usr/bin/env bash
echo "$*" >> "$NOTES"
case "$*" in
    *"gpu.py halo"*) echo "no memory" >&2; exit 3 ;;
    *sweep8.nc*) sleep "${SLEEP:-0}" ;;
esac
"""


def measure(tmp_path: Path, *pieces: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run gpu.sh with results in ``tmp_path``/out."""
    settings = os.environ | {"OUT": str(tmp_path / "out"), "PYTHON": sys.executable} | environment
    return subprocess.run(["bash", str(SCRIPT), *pieces], env=settings, capture_output=True, text=True, check=False)


def stand_in(tmp_path: Path) -> dict[str, str]:
    """Settings under which gpu.sh calls the stand-in for Python."""
    path = tmp_path / "python"
    path.write_text(STAND_IN)
    path.chmod(0o755)
    return {"PYTHON": str(path), "NOTES": str(tmp_path / "notes")}


def test_failure_leaves_the_other_pieces_alone(tmp_path: Path) -> None:
    """All pieces are tried in their order, the one that fails is named with its last words, and the exit code is 1."""
    found = measure(tmp_path, **stand_in(tmp_path))
    assert found.returncode == 1
    done = [line for line in (tmp_path / "notes").read_text().splitlines() if "gpu.py cpu" not in line]
    words = ("speed", "halo", "sweep8.nc", "most", "sweep32.nc", "sensitivity", "qlt", "table")
    assert len(done) == len(words) and all(word in line for word, line in zip(words, done, strict=True))
    assert "1e7,32768,1e6,1e8" in done[0]
    failed = (tmp_path / "out" / "failed").read_text().splitlines()
    assert len(failed) == 1 and failed[0].startswith("halo: exit code 3") and failed[0].endswith("no memory")
    assert (tmp_path / "out" / "qlt.seconds").is_file() and not (tmp_path / "out" / "halo.seconds").exists()


def test_time_that_is_spent_ends_a_piece(tmp_path: Path) -> None:
    """With two seconds in all, a piece that would take a minute is ended, and the later ones are named as left out."""
    settings = stand_in(tmp_path) | {"SLEEP": "60", "BUDGET": "2"}
    assert measure(tmp_path, "sweep8", "qlt", **settings).returncode == 1
    failed = (tmp_path / "out" / "failed").read_text().splitlines()
    assert [line.split(":")[0] for line in failed] == ["sweep8", "qlt"]
    assert "exit code 124" in failed[0] and "no time left" in failed[1]


def test_a_piece_on_a_cpu(tmp_path: Path) -> None:
    """The small form of one piece: it ends well, its JSON has the speed, and the table says what was not measured."""
    found = measure(tmp_path, "most", SMALL="1")
    assert found.returncode == 0, found.stderr
    (row,) = json.loads((tmp_path / "out" / "most.json").read_text())
    assert row["fits"] and row["markers"] == 4096
    assert row["marker_steps_per_second"] == pytest.approx(4096 / row["seconds_per_step"])
    assert "fits 4,096?" in found.stdout and "not measured" in found.stdout


@pytest.mark.full
def test_all_pieces_on_a_cpu(tmp_path: Path) -> None:
    """The small form as a whole: nothing fails; the halo again and resumed are equal to the bit."""
    found = measure(tmp_path, SMALL="1")
    assert found.returncode == 0, found.stdout + found.stderr
    assert found.stdout.count("equal to the bit") == 2
    assert "errors from the CPU's" in found.stdout and "not measured" not in found.stdout


def test_any_bit_counts() -> None:
    """One unit in the last place, and the sign of a zero, make results differ; NaN equals itself."""
    gpu = load_script("bench", "gpu")
    one = xarray.Dataset({"a": ("x", [1.0, np.nan]), "b": 0.0, "c": 2.0})
    other = xarray.Dataset({"a": ("x", [1.0, np.nan]), "b": -0.0, "c": np.nextafter(2.0, 3.0)})
    assert gpu.equal(one, one.copy()) == []
    assert gpu.equal(one, other) == ["b", "c"]


def test_table(tmp_path: Path) -> None:
    """Speeds with their shares of the limits, the size that fits after one that does not, and what differs, by name."""
    gpu = load_script("bench", "gpu")
    rows = [{"markers": 10**7, "marker_steps_per_second": 4.7e9, "seconds_per_step": 1e7 / 4.7e9}]
    gpu.write(tmp_path, "speed", rows)
    most = [{"markers": 10**9, "fits": False, "why": "RESOURCE_EXHAUSTED"}]
    gpu.write(tmp_path, "most", [*most, {"markers": 10**8, "fits": True, "marker_steps_per_second": 5e9}])
    run = {"wall_seconds": 3.0, "steps": 3192, "compile_seconds": 20.0}
    gpu.write(tmp_path, "halo", {"first": run, "again": run | {"differ": []}, "resumed": {"at": 9, "differ": ["b"]}})
    lines = dict(gpu.speeds(tmp_path) + gpu.runs(tmp_path))
    assert lines["10,000,000 markers"].endswith("2.13 ms a step (5.0 % of memory, 22.4 % of issue)")
    assert lines["fits 1,000,000,000?"] == "no: RESOURCE_EXHAUSTED"
    assert lines["fits 100,000,000?"] == "5e+09 marker-steps/s"
    assert lines["halo again"] == "equal to the bit" and lines["halo resumed at step 9"] == "DIFFERS: b"
