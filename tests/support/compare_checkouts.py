"""Compare the result files of two checkouts bit for bit.

    python tests/support/compare_checkouts.py OLD NEW [--only NAME ...] [--keep FOLDER]

Both checkouts run the same commands with this interpreter, one after the other.  Dimensions, dtypes and bytes of every
variable and coordinate must agree, NaN payloads included.  Attributes of variables that differ are listed, but do not
count; attributes of the file are not compared.  The exit code is 0 if all agree, 1 if something differs or a run fails.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

SOLVERS = ("monte-carlo", "fokker-planck")
EXPERIMENTS = ("halo", "linear_damping", "drift", "free_expansion")
SWEEP = (
    *("sweep", "linear_damping", "--set", "run.markers=4096"),
    *("--over", "expansion.timescale=1.5e13s,2e13s", "--over", "damping.linear=2e-11/s,3e-11/s"),
)
#: Case -> arguments of crmc, but for solver and output.
CASES = {name: ("run", name) for name in EXPERIMENTS} | {"sweep": SWEEP}


def python(checkout: Path, folder: Path, *arguments: str) -> str:
    """Run this interpreter in ``folder`` with the package of ``checkout``; return what it prints."""
    # Elsewhere than in a checkout, since Python looks for packages in the working directory first.
    environment = os.environ | {"PYTHONPATH": str(checkout), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"{checkout}: exit code {done.returncode}: {reason}")
    return done.stdout


def result(checkout: Path, name: str, solver: str, folder: Path) -> Path:
    """Run a case of ``checkout`` and return its result file, NAME-SOLVER.nc in ``folder``; reuse one that is there."""
    kept = folder / f"{name}-{solver}.nc"
    if not kept.exists():
        with tempfile.TemporaryDirectory(prefix="crmc-compare-") as here:
            python(
                checkout, Path(here), "-m", "crmc", *CASES[name], "--solver", solver, "--output", kept.name, "--quiet"
            )
            shutil.copy(Path(here, kept.name), kept)
    return kept


def load(path: Path) -> xr.Dataset:
    """Read a result file as it is stored: no values are masked, scaled or turned into dates."""
    return xr.load_dataset(path, engine="h5netcdf", mask_and_scale=False, decode_times=False)


def content(values: Any) -> Any:
    """Return the bytes of an array, or its elements where they are objects such as strings."""
    array = np.asarray(values)
    return array.tolist() if array.dtype == object else array.tobytes()


def difference(old: xr.DataArray, new: xr.DataArray) -> str:
    """Say how two variables differ ("" if they agree bit for bit)."""
    for name in ("dims", "dtype", "shape"):
        if getattr(old, name) != getattr(new, name):
            return f"{name} {getattr(old, name)} -> {getattr(new, name)}"
    if content(old.values) == content(new.values):
        return ""
    pairs = list(zip(old.values.ravel(), new.values.ravel(), strict=True))
    text = f"{sum(content(a) != content(b) for a, b in pairs)} of {len(pairs)} values"
    if np.issubdtype(old.dtype, np.floating):
        finite = [(float(a), float(b)) for a, b in pairs if np.isfinite(a) and np.isfinite(b)]
        worst = max((abs(a - b) / max(abs(a), abs(b)) for a, b in finite if a != b), default=0.0)
        text += f", by {worst:.1e} at most"
    return text


def attributes(old: xr.DataArray, new: xr.DataArray) -> str:
    """Name the attributes of a variable that differ ("" if none does)."""
    names = sorted(old.attrs.keys() | new.attrs.keys())
    return ", ".join(n for n in names if content(old.attrs.get(n)) != content(new.attrs.get(n)))


def differences(old: xr.Dataset, new: xr.Dataset) -> Iterator[tuple[bool, str]]:
    """Yield every difference of two results, each with whether it counts."""
    for name in sorted(old.variables.keys() | new.variables.keys(), key=str):
        present = [dataset for dataset in (old, new) if name in dataset.variables]
        if len(present) == 1:
            yield True, f"{name}: only in {'OLD' if present[0] is old else 'NEW'}"
            continue
        if (name in old.coords) != (name in new.coords):
            yield True, f"{name}: coordinate only in {'OLD' if name in old.coords else 'NEW'}"
        if text := difference(old[name], new[name]):
            yield True, f"{name}: {text}"
        if text := attributes(old[name], new[name]):
            yield False, f"{name}: attributes {text}"


def compare(old: Path, new: Path, name: str, solver: str, keep: Path, folder: Path) -> bool:
    """Run one case in both checkouts, print how the results differ, and return whether they agree."""
    case = f"{name}-{solver}"
    try:
        before, after = load(result(old, name, solver, keep)), load(result(new, name, solver, folder))
    except RuntimeError as error:
        print(f"{case}: failed: {error}", flush=True)
        return False
    count = 0
    for counts, text in differences(before, after):
        print(f"  {case} {text}{'' if counts else ' (does not count)'}")
        count += counts
    print(f"{case}: {f'{count} differences' if count else f'{len(before.variables)} variables agree'}", flush=True)
    return count == 0


def main() -> int:
    """Compare the cases that the command line names, all by default."""
    parser = argparse.ArgumentParser(description="Compare the result files of two checkouts bit for bit.")
    parser.add_argument("old", type=Path, metavar="OLD", help="folder of a checkout")
    parser.add_argument("new", type=Path, metavar="NEW", help="folder of another checkout")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), metavar="NAME", help=", ".join(CASES))
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="folder that keeps the results of OLD and of it alone"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crmc-compare-") as temporary:
        folders = [(options.keep or Path(temporary, "old")).resolve(), Path(temporary, "new")]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        old, new = options.old.resolve(), options.new.resolve()
        for checkout in (old, new):
            found = Path(python(checkout, folders[1], "-c", "import crmc; print(crmc.__file__)").strip())
            if not found.is_relative_to(checkout):
                parser.error(f"{checkout} is no checkout: crmc comes from {found.parent}")
        agree = [compare(old, new, name, solver, *folders) for name in options.only for solver in SOLVERS]
    return 0 if all(agree) else 1


if __name__ == "__main__":
    raise SystemExit(main())
