"""A table of closures, and its reader in C compiled as a library."""

from __future__ import annotations

import dataclasses
import functools
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
from support.closure_cases import DRIFT
from support.header_cases import STRICT

from crmc.closure.lookup import GIVEN, TABLE_INPUTS
from crmc.closure.table import Table, make_table
from crmc.closure.table_header import NAME, table_header
from crmc.closure.variables import PER_MOMENTUM

P = (1.0, 3.0)

#: What the reader uses of HDF5, for where there is its library (h5py brings one) but not its headers.
_HDF5 = """
#include <stdint.h>
typedef int64_t hid_t;
typedef int herr_t;
typedef long long hssize_t;
typedef herr_t (*H5E_auto2_t)(hid_t, void *);
#define H5P_DEFAULT ((hid_t)0)
#define H5S_ALL ((hid_t)0)
#define H5E_DEFAULT ((hid_t)0)
#define H5F_ACC_RDONLY 0u
#define H5E_BEGIN_TRY { H5E_auto2_t told; void *with; H5Eget_auto2(H5E_DEFAULT, &told, &with); H5Eset_auto2(H5E_DEFAULT, 0, 0);
#define H5E_END_TRY H5Eset_auto2(H5E_DEFAULT, told, with); }
#define H5T_NATIVE_DOUBLE (H5open(), H5T_NATIVE_DOUBLE_g)
extern hid_t H5T_NATIVE_DOUBLE_g;
herr_t H5open(void);
herr_t H5Eget_auto2(hid_t, H5E_auto2_t *, void **);
herr_t H5Eset_auto2(hid_t, H5E_auto2_t, void *);
hid_t H5Fopen(const char *, unsigned, hid_t);
herr_t H5Fclose(hid_t);
int H5Lexists(hid_t, const char *, hid_t);
hid_t H5Dopen2(hid_t, const char *, hid_t);
hid_t H5Dget_space(hid_t);
hssize_t H5Sget_simple_extent_npoints(hid_t);
herr_t H5Sclose(hid_t);
herr_t H5Dread(hid_t, hid_t, hid_t, hid_t, hid_t, void *);
herr_t H5Dclose(hid_t);
"""
#: Reads the table argv[1], says the result, and maps cells on stdin to results on stdout.
_DRIVER = f"""
#define CRMC_TABLE_HDF5
#include "{NAME}"
#include <stdio.h>
int main(int argc, char **argv) {{
    crmc_table table;
    crmc_table_cell cell;
    crmc_table_out out;
    const int failed = crmc_table_read(argc > 1 ? argv[1] : "", &table);
    if (failed) return 10 + failed;
    while (fread(&cell, sizeof cell, 1, stdin) == 1) {{
        crmc_table_closure(&table, &cell, &out);
        fwrite(&out, sizeof out, 1, stdout);
    }}
    crmc_table_free(&table);
    return 0;
}}
"""


def hdf5() -> list[str]:
    """Options of a compiler for HDF5: of the system, else the library of h5py; empty without both."""
    if shutil.which("pkg-config"):
        for name in ("hdf5", "hdf5-serial"):
            done = subprocess.run(
                ["pkg-config", "--cflags", "--libs", name], capture_output=True, text=True, check=False
            )
            if done.returncode == 0:
                return done.stdout.split()
    folder = Path(h5py.__file__).parent
    found = [*folder.parent.glob("h5py.libs/libhdf5-*"), *folder.glob(".dylibs/libhdf5.*")]
    return [str(found[0]), f"-Wl,-rpath,{found[0].parent}"] if found else []


def reader(folder: Path, *options: str) -> Path:
    """The reader as a program: a process of its own, since h5py has its HDF5 in this one."""
    (folder / NAME).write_text(table_header(), encoding="utf-8")
    flags = hdf5()
    if not any(flag.startswith("-l") for flag in flags):
        (folder / "hdf5.h").write_text(_HDF5, encoding="utf-8")
    (folder / "main.c").write_text(_DRIVER, encoding="utf-8")
    command = ["cc", "-std=c99", *STRICT, "-O1", f"-I{folder}", *options, "main.c", "-o", "main", *flags, "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "main"


def call(program: Path, path: Path, cells: np.ndarray) -> np.ndarray:
    """The closures of an array of cells by a table in a file."""
    done = subprocess.run([str(program), str(path)], input=cells.tobytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return np.frombuffer(done.stdout, layouts()[1])


def layouts(room: int = 8) -> tuple[np.dtype, np.dtype]:
    """The structs of cells and results as numpy sees them."""
    cell = np.dtype([(name, "f8") for name in TABLE_INPUTS], align=True)
    members = [(name, "f8", (room,)) if name in PER_MOMENTUM else (name, "f8") for name in GIVEN]
    return cell, np.dtype([*members, ("flags", "i4")], align=True)


@functools.cache
def table(form: str = "local", indices: tuple[float, ...] = (), fineness: float = 0.25) -> Table:
    """A coarse table of the experiment "drift"."""
    return make_table(dataclasses.replace(DRIFT, cut=10.0), P, form, indices, fineness)
