"""The C header compiled as a library, and called with many cells at once."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np

from crmc.closure.header import CELL
from crmc.closure.variables import NUMBERS, PER_MOMENTUM

#: Compilers of C and C++ that there are.
COMPILERS = [name for name in ("cc", "g++") if shutil.which(name)]
STRICT = ("-Wall", "-Wextra", "-Werror", "-pedantic")
FORMS = ("none", "paper", "local", "cumulative")

_DRIVER = """
#include "crmc_closure.h"
#ifdef __cplusplus
extern "C"
#endif
void many(long count, const crmc_cell *cells, crmc_out *out);
void many(long count, const crmc_cell *cells, crmc_out *out) {
    long i;
    for (i = 0; i < count; i++) crmc_closure(&cells[i], &%s, &out[i]);
}
"""


def library(folder: Path, header: str, spectrum: str, compiler: str = "cc", *options: str) -> ctypes.CDLL:
    """The header as a shared library with a loop over cells."""
    (folder / "crmc_closure.h").write_text(header, encoding="utf-8")
    source = folder / ("many.cpp" if compiler == "g++" else "many.c")
    source.write_text(_DRIVER % spectrum, encoding="utf-8")
    standard = "-std=c++11" if compiler == "g++" else "-std=c99"
    target = folder / f"{compiler.replace('+', 'p')}{len(list(folder.iterdir()))}.so"
    command = [compiler, standard, *STRICT, "-O2", "-shared", "-fPIC", *options, str(source), "-o", str(target), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(target))


def layouts(momenta: int, real: str = "f8") -> tuple[np.dtype, np.dtype]:
    """The structs of cells and results as numpy sees them."""
    cell = np.dtype([*((name, real) for name in CELL), ("nonlinear_landau", "i4")], align=True)
    members = [(name, real, (momenta,)) if name in PER_MOMENTUM else (name, real) for name in NUMBERS]
    return cell, np.dtype([*members, ("flags", "i4")], align=True)


def call(loaded: ctypes.CDLL, cells: np.ndarray, result: np.dtype) -> np.ndarray:
    """The closures of an array of cells."""
    out = np.zeros(len(cells), result)
    loaded.many(ctypes.c_long(len(cells)), cells.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p))
    return out


def random_cells(count: int, seed: int, form: str, dtype: np.dtype) -> np.ndarray:
    """Cells from the interstellar to the intracluster medium, both signs of both drives, every damping."""
    rng = np.random.default_rng(seed)
    ranges = {
        "magnetic_field": (-7.0, -5.0),
        "ion_density": (-4.0, 0.5),
        "temperature": (3.5, 8.0),
        "cr_pressure": (-14.0, -11.5),
        "pressure_gradient": (-36.0, -33.0),
        "expansion_rate": (-17.0, -11.0),
        "linear_damping": (-14.0, -9.0),
        "ion_neutral_density": (-5.0, 0.0),
        "turbulent_dissipation": (-6.0, 0.0),
        "k_max": (-0.3, 2.5),
    }
    cells = np.zeros(count, dtype)
    for name, (low, high) in ranges.items():
        cells[name] = 10.0 ** rng.uniform(low, high, count)
    for name in ("pressure_gradient", "expansion_rate"):
        cells[name] *= rng.choice([-1.0, 1.0], count)
    for name in ("ion_mass", "landau_factor", "neutral_factor"):
        cells[name] = rng.uniform(0.4, 2.0, count)
    cells["gap"] = rng.uniform(0.0, 1.0, count)
    cells["k_min"] = rng.choice([0.0, 0.01], count)
    cells["nonlinear_landau"] = FORMS.index(form)
    return cells
