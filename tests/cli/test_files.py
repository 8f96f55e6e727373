"""Commands that make a config or read a result: init, plot, export."""

from __future__ import annotations

import csv
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest
import xarray as xr
from support.cli_cases import Reply, assert_bad_input, call

from crmc.config.config import load_config
from crmc.results.dataset import write_atomically


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_init_validate_round_trip(folder: Path) -> None:
    """What validate prints of a new config is that config; names differ, and no file is overwritten."""
    reply = call("init")
    assert reply.code == 0 and "crmc.toml" in reply.out and reply.err == ""
    assert call("init", "other.toml").code == 0 and Path("other.toml").is_file()
    assert_bad_input(call("init"), "crmc.toml", "not overwritten")
    assert (load_config("crmc.toml").name, load_config("other.toml").name) == ("crmc", "other")
    reply = call("validate", "crmc.toml")
    assert reply.code == 0 and reply.err == ""
    Path("resolved.toml").write_text(reply.out, encoding="utf-8")
    assert load_config("resolved.toml") == load_config("crmc.toml")


@pytest.mark.parametrize("name", ["\U0001f389", 'a"b\\c', "Alfv\u00e9n", "tab\there", "a" * 230])
def test_init_writes_any_name_as_toml(folder: Path, name: str) -> None:
    """Oracle: the reader of configs. The name of the file is that of the run, up to the 200 characters of a name."""
    assert call("init", name).code == 0
    assert load_config(f"./{name}.toml").name == name[:200]


def test_plot(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It prints the paths of the figures, in a folder that it makes; a file that cannot be drawn is bad input."""

    def drawn(plot: Callable[[Path, Path], list[Path]]) -> None:
        module = types.ModuleType("crmc.results.figures")
        vars(module)["plot"] = plot
        monkeypatch.setitem(sys.modules, module.__name__, module)

    def broken(source: Path, folder: Path) -> list[Path]:
        raise KeyError("wave_power")

    Path("x.nc").touch()
    drawn(lambda source, folder: [folder / "a.png", folder / "b.png"])
    assert call("plot", "x.nc", "-o", "figures/new") == Reply(0, "figures/new/a.png\nfigures/new/b.png\n", "")
    drawn(broken)
    assert_bad_input(call("plot", "x.nc"), "x.nc", "wave_power")


def test_export(folder: Path) -> None:
    """The numbers of a result file, to the last digit."""
    write_atomically(xr.Dataset({"heating_rate": ("time", [0.1, 1.0 / 3.0])}, {"time": [0.0, 1e9]}), Path("x.nc"))
    assert call("export", "x.nc", "--csv", "-o", "new") == Reply(0, "new/x-time.csv\n", "")
    rows = list(csv.reader(Path("new/x-time.csv").read_text(encoding="utf-8").splitlines()))
    assert [float(row[1]) for row in rows[1:]] == [0.1, 1.0 / 3.0]


def test_report(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It prints the path of the page; a name that is no page's, and a file that cannot be drawn, are bad input."""
    found: list[tuple[Path, Path]] = []

    def written(source: Path, output: Path) -> Path:
        found.append((source, output))
        return output

    def broken(source: Path, output: Path) -> Path:
        raise KeyError("wave_power")

    Path("x.nc").touch()
    monkeypatch.setattr("crmc.results.report.report", written)
    assert call("report", "x.nc") == Reply(0, "x.html\n", "")
    assert call("report", "x.nc", "-o", "a.HTM") == Reply(0, "a.HTM\n", "")
    assert found == [(Path("x.nc"), Path("x.html")), (Path("x.nc"), Path("a.HTM"))]
    assert_bad_input(call("report", "x.nc", "-o", "x.nc"), "--output x.nc", ".html")
    assert_bad_input(call("report", "x.nc", "-o", "no/such/folder/x.html"), "--output")
    monkeypatch.setattr("crmc.results.report.report", broken)
    assert_bad_input(call("report", "x.nc"), "x.nc", "wave_power")


@pytest.mark.parametrize(
    "argv", [["plot", "x.nc"], ["report", "x.nc"], ["export", "x.nc", "--csv"]], ids=["plot", "report", "export"]
)
def test_no_result_to_read(folder: Path, argv: list[str]) -> None:
    """A file that is not there, and a place for a folder, or a page, that a file takes."""
    assert_bad_input(call(*argv), f"{argv[0]} x.nc: there is no such file")
    Path("x.nc").touch()
    place = "must end in .html" if argv[0] == "report" else "cannot be used as a folder"
    assert_bad_input(call(*argv, "-o", "x.nc"), f"--output x.nc: {place}")
