"""`crmc closure`: table, JSON, figure, many cells, and bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from support.cli_cases import assert_bad_input, call

import crmc
from crmc.closure import Flag


def test_json() -> None:
    """The numbers of `crmc.closure` of the same config."""
    reply = call("closure", "drift", "--json", "--set", "drift.gradient_length=2 kpc", "--momentum", "2,5,7")
    assert reply.code == 0 and reply.err == ""
    found = json.loads(reply.out)
    exact = crmc.closure(crmc.load_config("drift", ["drift.gradient_length=2 kpc"]), (2.0, 5.0, 7.0))
    assert found["momentum"] == [2.0, 5.0, 7.0]
    np.testing.assert_allclose(found["kappa"], exact.kappa, rtol=1e-9)
    assert found["flags"] == int(exact.flags)


@pytest.mark.full
def test_table_and_figure(tmp_path) -> None:
    """The table on stdout; notes on stderr: what the gap is taken for, and where the figure is."""
    path = tmp_path / "c.png"
    reply = call("closure", "linear_damping", "--plot", path)
    assert reply.code == 0 and "kappa_energy" in reply.out
    assert "has no steady state" in reply.err and f"wrote {path}" in reply.err
    assert path.read_bytes().startswith(b"\x89PNG")


def test_cells(tmp_path) -> None:
    """One closure per row, with the config that says the rest; a result file is no CSV."""
    cells, output = tmp_path / "cells.csv", tmp_path / "out.nc"
    cells.write_text("magnetic_field\n1e-6\n0\n", encoding="utf-8")
    reply = call("closure", "drift", "--cells", cells, "-o", output)
    assert reply.code == 0 and reply.out == f"2 cells, 2 with flags; {output}\n"
    with xr.open_dataset(output, engine="h5netcdf") as data:
        assert int(data.flags[1]) & Flag.BAD_INPUT and data.attrs["nonlinear_landau"] == "none"
        assert crmc.parse_config(__import__("tomllib").loads(data.attrs["config"])).plasma.ion_density == 0.01


def test_header(tmp_path) -> None:
    """The header of the config's spectrum and of others, and the files for Fortran."""
    path = tmp_path / "crmc_closure.h"
    reply = call("closure", "drift", "--header", path, "--index", "4.3,5", "--fortran", "--momentum", "1,2")
    assert reply.code == 0 and "spectra: spectrum_drift, spectrum_drift_4_3, spectrum_drift_5" in reply.out
    text = path.read_text(encoding="utf-8")
    assert "#define CRMC_MOMENTA 2 " in text and "crmc_spectrum spectrum_drift_4_3 = {" in text
    assert "crmc_spectrum_drift_5 = 2" in path.with_suffix(".f90").read_text(encoding="utf-8")
    assert path.with_suffix(".c").exists()


def test_table(tmp_path) -> None:
    """The file, the header that reads it, and the errors of interpolation."""
    path = tmp_path / "closure.h5"
    reply = call("closure", "drift", "--table", path, "--momentum", "2,5")
    assert reply.code == 0 and f"wrote {path} and {tmp_path / 'crmc_closure_table.h'}" in reply.out
    assert "kappa: interpolated within " in reply.out
    with xr.open_dataset(path, engine="h5netcdf") as data:
        assert list(data.momentum.values) == [2.0, 5.0] and data.attrs["nonlinear_landau"] == "none"
    assert "crmc_table_read" in (tmp_path / "crmc_closure_table.h").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--momentum", "1,x"], ["--momentum x", "must be a number of m_p c"]),
        (["--momentum", "1,-3"], ["--momentum -3"]),
        (["--cut", "nan"], ["--cut nan"]),
        (["-o", "x.nc"], ["-o belongs to --cells"]),
        (["--cells", "x.csv"], ["add -o"]),
        (["--cells", "x.csv", "-o", "x.nc"], ["--cells x.csv", "cannot be read"]),
        (["--cells", "x.csv", "-o", "x.nc", "--json"], ["leave out --json"]),
        (["--plot", "x.gif"], [".png"]),
        (["--header", "x.txt"], ["--header x.txt", "must end in .h"]),
        (["--header", "x.h", "--json"], ["leave out"]),
        (["--header", "x.h", "--index", "4,x"], ["--index x"]),
        (["--fortran"], ["belongs to --header"]),
        (["--index", "4.5"], ["belongs to --header and --table"]),
        (["--table", "x.txt"], ["--table x.txt", "must end in .h5"]),
        (["--table", "x.h5", "--header", "x.h"], ["leave out"]),
        (["--table", "x.h5", "--index", "9,-1"], ["--index -1"]),
        (["--table", "no/x.h5"], ["there is no folder"]),
        (["--plot", "no/x.png"], ["there is no folder"]),
        (["--set", "scattering.model=constant", "--set", "scattering.frequency=1e-9 1/s"], ["scattering"]),
    ],
)
def test_bad_input(options, words, tmp_path, monkeypatch) -> None:
    """One line, exit code 2."""
    monkeypatch.chdir(tmp_path)
    assert_bad_input(call("closure", "drift", *options), *words)
