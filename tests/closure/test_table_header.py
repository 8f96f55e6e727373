"""The reader in C of tables against Python, under sanitizers of addresses and undefined behaviour, and files that are no tables."""

from __future__ import annotations

import shutil
import subprocess

import h5py
import jax
import numpy as np
import pytest
from support.header_cases import COMPILERS, STRICT
from support.table_cases import call, hdf5, layouts, reader, table

from crmc.closure import Flag
from crmc.closure.lookup import GIVEN, TABLE_INPUTS, look_up, random_cells
from crmc.closure.table_header import NAME, table_header
from crmc.results.closure_table import table_dataset
from crmc.results.dataset import write_atomically

pytestmark = pytest.mark.skipif(not COMPILERS or not hdf5(), reason="no C compiler or no HDF5")
INDICES = (4.4, 4.7)
OUTSIDE = 4096


SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """The reader, the file of a table, and the table."""
    folder = tmp_path_factory.mktemp("table")
    with jax.enable_x64(True):
        found = table("none", INDICES, 0.5)
        write_atomically(table_dataset(found, {}), folder / "closure.h5")
    return reader(folder, *SANITIZED), folder / "closure.h5", found


def as_structs(cells) -> np.ndarray:
    """Cells as C takes them."""
    count = len(cells.magnetic_field)
    found = np.zeros(count, layouts()[0])
    for name in TABLE_INPUTS:
        found[name] = getattr(cells, name)
    return found


def test_against_python(loaded) -> None:
    """The file's numbers have 24 bits: every number within 2e-6 in 1,000 random cells, drifts and anisotropy, which are
    differences, within 1e-5 of max(v_A, |v|) and of 1e-3, and equal flags but where one is at its threshold."""
    program, path, found = loaded
    cells = random_cells(found, 1000, 5)
    mine, own = look_up(found, cells), call(program, path, as_structs(cells))
    for name in GIVEN:
        true, seen = mine[name], own[name]
        seen = seen[:, : true.shape[1]] if true.ndim == 2 else seen
        scale = np.abs(true)
        if name.startswith(("v_", "streaming")):
            scale = 5.0 * np.maximum(np.maximum(scale, 1.0), np.abs(mine["v_expansion"]) if name == "v_drift" else 0.0)
        if name == "pressure_anisotropy":
            scale = 5.0 * np.maximum(scale, 1e-3)
        np.testing.assert_array_less(np.abs(seen - true), 2e-6 * scale + 1e-300, name)
    assert np.mean(own["flags"] == mine["flags"]) > 0.998


def test_bad_input(loaded) -> None:
    """NaN, infinities, zero, negative and absurd numbers: zeros and the flag; an index beyond the table: its nearest
    one and a flag; no drive: zeros and its flag; everything finite."""
    program, path, found = loaded
    rng = np.random.default_rng(6)
    cells = as_structs(random_cells(found, 2000, 6))
    bad = np.array([np.nan, np.inf, -np.inf, 0.0, -1.0, 1e-300, 1e300, 1e12])
    for name in TABLE_INPUTS:
        cells[name] = np.where(rng.random(len(cells)) < 0.05, rng.choice(bad, len(cells)), cells[name])
    out = call(program, path, cells)
    for name in GIVEN:
        assert np.isfinite(out[name]).all(), name
    wrong = ~np.isfinite(cells["magnetic_field"]) | (cells["magnetic_field"] <= 0.0) | (cells["cr_pressure"] <= 0.0)
    assert wrong.sum() > 50 and np.all(out["flags"][wrong] == Flag.BAD_INPUT) and np.all(out["kappa"][wrong] == 0.0)

    cells = as_structs(random_cells(found, 3, 7))
    cells["index"] = (4.0, 4.7, 6.0)
    cells["pressure_gradient"] = -1e-34
    beyond = call(program, path, cells)
    assert list((beyond["flags"] & OUTSIDE) != 0) == [True, False, True]
    cells["index"] = (4.4, 4.7, 4.7)
    assert np.array_equal(call(program, path, cells)["kappa"], beyond["kappa"])
    cells["pressure_gradient"] = cells["expansion_rate"] = 0.0
    still = call(program, path, cells)
    assert np.all(still["flags"] == Flag.NOTHING_DRIVEN) and np.all(still["kappa"] == 0.0)


def test_files_that_are_no_tables(loaded, tmp_path) -> None:
    """A missing file, text, HDF5 without a quantity, and more momenta than there is room for: an error each."""
    program, path, _ = loaded
    small = reader(tmp_path, "-DCRMC_TABLE_MOMENTA=1")
    (tmp_path / "text.h5").write_text("no", encoding="utf-8")
    shutil.copy(path, tmp_path / "other.h5")
    with h5py.File(tmp_path / "other.h5", "a") as file:
        del file["heating"]
    codes = []
    for which, name in ((program, "none.h5"), (program, "text.h5"), (program, "other.h5"), (small, path)):
        done = subprocess.run([str(which), str(name)], capture_output=True, check=False, cwd=tmp_path)
        codes.append(done.returncode - 10)
        assert done.stderr == b""
    assert codes == [1, 1, 2, 3]


def test_without_hdf5(tmp_path) -> None:
    """Files that only evaluate compile without HDF5, as C and C++ without a warning."""
    (tmp_path / NAME).write_text(table_header(), encoding="utf-8")
    body = f'#include "{NAME}"\nint flags(const crmc_table *t, const crmc_table_cell *c, crmc_table_out *o);\n'
    body += "int flags(const crmc_table *t, const crmc_table_cell *c, crmc_table_out *o) {\n"
    body += "    crmc_table_cell mine = crmc_table_cell_default(t);\n    mine.index = c->index;\n"
    body += "    return crmc_table_closure(t, &mine, o);\n}\n"
    for compiler, name, standard in (("cc", "a.c", "c99"), ("g++", "a.cpp", "c++11")):
        if shutil.which(compiler):
            (tmp_path / name).write_text(body, encoding="utf-8")
            command = [compiler, f"-std={standard}", *STRICT, "-c", name]
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
