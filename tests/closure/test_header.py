"""The C header against Python, as C and C++, in double and single precision, with sanitizers, and with bad input."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from support.closure_cases import WIM
from support.header_cases import COMPILERS, FORMS, STRICT, call, layouts, library, random_cells

import crmc
from crmc.closure import Flag
from crmc.closure.header import CELL, fortran, header
from crmc.closure.variables import NUMBERS

P = (1.0, 3.0, 10.0)
FORTRAN = ("-std=f2008", "-Wall", "-Werror")
pytestmark = pytest.mark.skipif(not COMPILERS, reason="no C compiler")


@pytest.fixture(scope="module")
def text() -> str:
    """A header with two spectra."""
    return header({"wim": WIM, "steep": replace(WIM, index=5.0)}, P)


@pytest.mark.parametrize(
    ("form", "count"), [("local", 1000), *(pytest.param(f, 25_000, marks=pytest.mark.full) for f in FORMS)]
)
def test_against_python(form, count, text, tmp_path) -> None:
    """The same algorithm written twice: every number within 1e-6 of its scale in random cells, of which 1,000 each
    time and 1e5 in full, and equal flags."""
    cell, out = layouts(len(P))
    cells = random_cells(count, 1, form, cell)
    found = call(library(tmp_path, text, "wim"), cells, out)
    exact = crmc.closure(WIM, P, nonlinear_landau=form, **{name: cells[name] for name in CELL})
    for name in NUMBERS:
        mine, own = np.asarray(getattr(exact, name)), found[name]
        if name == "flip_wavenumber":
            own = np.where(own == 0.0, np.nan, own)
        scale = np.abs(mine)
        if name in ("v_expansion", "v_drift", "pressure_anisotropy"):
            # Sums of terms of both signs: of the order of v_A, or of v_A/c.
            scale = np.maximum(scale, 1e-4 if name == "pressure_anisotropy" else 1.0)
        np.testing.assert_array_less(
            np.abs(own - mine)[~np.isnan(mine)], (1e-6 * scale + 1e-300)[~np.isnan(mine)], name
        )
        assert np.array_equal(np.isnan(own), np.isnan(mine))
    assert np.mean(found["flags"] == np.asarray(exact.flags)) > 0.9999


@pytest.mark.parametrize("compiler", [pytest.param("cc", marks=pytest.mark.full), *COMPILERS[1:]])
def test_single_precision(compiler, text, tmp_path) -> None:
    """float against double, C and C++: kappa and heating within 1e-3 in 99 % of cells, finite in all."""
    (cell, out), (single, result) = layouts(len(P)), layouts(len(P), "f4")
    cells = random_cells(2000, 2, "local", cell)
    exact = call(library(tmp_path, text, "steep", compiler), cells, out)
    found = call(library(tmp_path, text, "steep", compiler, "-DCRMC_SINGLE"), cells.astype(single), result)
    for name in ("kappa", "heating_rate", "v_streaming"):
        assert np.isfinite(found[name]).all()
        error = np.abs(found[name] - exact[name]) / np.abs(exact[name]).clip(1e-2 if name == "v_streaming" else 0.0)
        assert np.quantile(error, 0.99) < 1e-3, name


@pytest.mark.parametrize("form", ["local", *(pytest.param(f, marks=pytest.mark.full) for f in FORMS if f != "local")])
def test_bad_input(form, text, tmp_path) -> None:
    """NaN, infinities, zero, negative and absurd numbers, a fifth of all: finite results, and flags where Python has
    them; the whole under sanitizers of addresses and undefined behaviour."""
    cell, _ = layouts(len(P))
    rng = np.random.default_rng(4)
    cells = random_cells(1000, 3, form, cell)
    bad = np.array([np.nan, np.inf, -np.inf, 0.0, -1.0, 1e-300, 1e300, 1e12])
    for name in CELL:
        cells[name] = np.where(rng.random(len(cells)) < 0.2 / 3.0, rng.choice(bad, len(cells)), cells[name])
    cells.tofile(tmp_path / "cells")
    (tmp_path / "crmc_closure.h").write_text(text, encoding="utf-8")
    (tmp_path / "main.c").write_text(
        '#include "crmc_closure.h"\n#include <stdio.h>\nint main(void) {\n'
        '    crmc_cell cell;\n    crmc_out out;\n    FILE *in = fopen("cells", "rb"), *to = fopen("out", "wb");\n'
        "    while (fread(&cell, sizeof cell, 1, in) == 1) {\n        crmc_closure(&cell, &wim, &out);\n"
        "        fwrite(&out, sizeof out, 1, to);\n    }\n    return fclose(in) + fclose(to);\n}\n",
        encoding="utf-8",
    )
    options = [*STRICT, "-std=c99", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    for command in (["cc", *options, "main.c", "-o", "main", "-lm"], ["./main"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    found = np.fromfile(tmp_path / "out", layouts(len(P))[1])
    for name in NUMBERS:
        assert np.isfinite(found[name]).all(), name
    exact = crmc.closure(WIM, P, nonlinear_landau=form, **{name: cells[name] for name in CELL})
    told = (np.asarray(exact.flags) & Flag.BAD_INPUT) != 0
    assert np.array_equal((found["flags"] & Flag.BAD_INPUT) != 0, told) and 200 < told.sum() < 1000


@pytest.mark.skipif(not shutil.which("gfortran"), reason="no Fortran compiler")
@pytest.mark.parametrize("spectrum", ["wim", "steep"])
def test_fortran(spectrum, text, tmp_path) -> None:
    """A Fortran program that fills a cell and calls the interface: its numbers and flags are those of Python."""
    (tmp_path / "crmc_closure.h").write_text(text, encoding="utf-8")
    module, wrapper = fortran("crmc_closure.h", ["wim", "steep"], len(P))
    (tmp_path / "crmc_closure.f90").write_text(module, encoding="utf-8")
    (tmp_path / "crmc_closure.c").write_text(wrapper, encoding="utf-8")
    given = "".join(f"  cell%{name} = {getattr(WIM, name)!r}_c_double\n" for name in CELL)
    shown = "".join(f'  print "(10es25.16e3)", out%{name}\n' for name in NUMBERS)
    (tmp_path / "main.f90").write_text(
        "program main\n  use iso_c_binding, only: c_double\n  use crmc_closure_module\n  type(crmc_cell) :: cell\n"
        "  type(crmc_out) :: out\n  integer :: flags\n  cell = crmc_cell_default()\n"
        "  if (crmc_closure(cell, crmc_wim, out) == 0) error stop\n"
        f"{given}  cell%nonlinear_landau = crmc_landau_local\n"
        f"  flags = crmc_closure(cell, crmc_{spectrum}, out)\n{shown}  print *, flags, out%flags\nend program\n",
        encoding="utf-8",
    )
    for command in (
        ["cc", "-c", *STRICT, "crmc_closure.c"],
        ["gfortran", *FORTRAN, "crmc_closure.f90", "main.f90", "crmc_closure.o", "-o", "main", "-lm"],
        ["./main"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    exact = crmc.closure(replace(WIM, index=5.0) if spectrum == "steep" else WIM, P, nonlinear_landau="local")
    *lines, flags = done.stdout.splitlines()
    for name, line in zip(NUMBERS, lines, strict=True):
        mine = np.nan_to_num(np.asarray(getattr(exact, name)))
        assert [float(word) for word in line.split()] == pytest.approx(np.atleast_1d(mine).tolist(), rel=1e-6), name
    assert flags.split() == [str(int(exact.flags))] * 2


def test_fortran_wrapper(text, tmp_path) -> None:
    """The C side of the Fortran interface compiles without a warning, and the module has every member in order."""
    (tmp_path / "crmc_closure.h").write_text(text, encoding="utf-8")
    module, wrapper = fortran("crmc_closure.h", ["wim", "steep"], len(P))
    (tmp_path / "crmc_closure.c").write_text(wrapper, encoding="utf-8")
    done = subprocess.run(
        ["cc", "-std=c99", *STRICT, "-c", "crmc_closure.c"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    places = [module.index(f":: {name}") for name in CELL]
    assert places == sorted(places) and "real(c_double) :: kappa(3)" in module


@pytest.mark.skipif(not shutil.which("nvcc"), reason="no CUDA compiler")
@pytest.mark.full
def test_cuda(text, tmp_path) -> None:
    """A kernel that calls it compiles."""
    (tmp_path / "crmc_closure.h").write_text(text, encoding="utf-8")
    (tmp_path / "kernel.cu").write_text(
        "#define CRMC_DEVICE __host__ __device__\n#define CRMC_TABLE static __device__ const\n"
        '#include "crmc_closure.h"\n__global__ void many(int n, const crmc_cell *c, crmc_out *o) {\n'
        "    int i = blockIdx.x * blockDim.x + threadIdx.x;\n    if (i < n) crmc_closure(&c[i], &wim, &o[i]);\n}\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        ["nvcc", "-c", "kernel.cu", "-o", "kernel.o"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["9x", "a b", "", "x" * 40])
def test_bad_names(name) -> None:
    """ValueError."""
    with pytest.raises(ValueError, match="must be a name in C"):
        header({name: WIM}, P)
