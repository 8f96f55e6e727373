"""Compare the errors that runs state with the scatter of runs over seeds.

python experiments/errors/errors.py --seeds 16 --json errors.json      # all shipped experiments with waves
python experiments/errors/errors.py halo --seeds 4 --set run.markers=16384
python experiments/errors/errors.py halo --set run.seed=16 --json errors.json --add       # more seeds of what it holds

A ratio is the standard deviation over seeds of an average, divided by the root mean square of the errors that the runs
state for it.  Of `seeds` independent runs of R replicas it is 1 to 1/sqrt(2 (seeds - 1)), and the stated error of a
single run has itself a relative error of 1/sqrt(2 (R - 1)).
"""

from __future__ import annotations

import argparse
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import crmc
from crmc.results import driven

#: Shipped experiments in which waves scatter.
NAMES = ("halo", "halo_from_seed", "linear_damping", "drift", "drift_reduced", "combined", "full_f_vs_delta_f")


def ratios(data: xr.Dataset) -> dict[str, Any]:
    """Return mean, scatter and ratio of every average with an error, and the median ratio over driven bins.

    data: result of a sweep over seeds.
    """
    found: dict[str, Any] = {"seeds": data.sizes["seed"]}
    for name in data.data_vars:
        error = f"{name}_stderr"
        if not str(name).startswith("average_") or error not in data or data[name].dims != ("seed",):
            continue
        values, stated = data[name].values, float(np.sqrt(np.mean(data[error].values ** 2)))
        if np.isfinite(stated) and stated > 0.0:
            scatter = float(np.std(values, ddof=1))
            short = str(name).removeprefix("average_")
            found[short] = {"mean": float(values.mean()), "scatter": scatter, "ratio": scatter / stated}
    power = data.average_wave_power.mean("seed").values
    at_work = driven(power, _seed_level(data))
    for name in ("wave_power", "growth_rate"):
        values, errors = data[f"average_{name}"].values, data[f"average_{name}_stderr"].values
        each = np.std(values, axis=0, ddof=1) / np.sqrt(np.mean(errors**2, axis=0))
        found[name] = {
            "bins": int(at_work.sum()),
            "ratio": float(np.median(each[at_work])),
            "relative": float(np.median((np.std(values, axis=0, ddof=1) / np.abs(values.mean(axis=0)))[at_work])),
        }
    return found


def _seed_level(data: xr.Dataset) -> float:
    """Return the level below which no branch falls in the runs of a sweep."""
    return float(tomllib.loads(data.attrs["config"])["waves"]["seed_level"])


def pooled(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return what `ratios` finds in two sets of other seeds, taken together.

    Means are weighted by seeds, variances by their degrees of freedom; medians over bins are taken for such variances.
    """
    counts = np.array([one["seeds"], other["seeds"]])
    found: dict[str, Any] = {"seeds": int(counts.sum())}
    for name in one.keys() & other.keys() - {"seeds"}:
        rows = {key: np.array([x[name][key] for x in (one, other)]) for key in one[name]}
        joined = {key: float(np.sqrt(np.average(rows[key] ** 2, weights=counts - 1))) for key in rows if key != "mean"}
        if "mean" in rows:
            stated = np.sqrt(np.average((rows["scatter"] / rows["ratio"]) ** 2, weights=counts))
            joined = {"scatter": joined["scatter"], "ratio": joined["scatter"] / float(stated)}
            joined["mean"] = float(np.average(rows["mean"], weights=counts))
        if "bins" in rows:
            joined["bins"] = int(rows["bins"].max())
        found[name] = joined
    return found


def table(found: dict[str, dict[str, Any]]) -> str:
    """Return the ratios as a Markdown table, one column per experiment."""
    rows = sorted({row for one in found.values() for row in one if row != "seeds"})
    lines = [f"| scatter/stated | {' | '.join(found)} |", "| --- |" + " --- |" * len(found)]
    for row in rows:
        cells = [f"{one[row]['ratio']:.2f}" if row in one else "-" for one in found.values()]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    lines.append(f"| seeds | {' | '.join(str(one['seeds']) for one in found.values())} |")
    return "\n".join(lines)


def main() -> None:
    """Run the sweeps and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("experiments", nargs="*", default=NAMES, help=f"names (default: {', '.join(NAMES)})")
    parser.add_argument("--seeds", type=int, default=16, help="runs of each experiment (16)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a key of the configs")
    parser.add_argument("--json", type=Path, help="file for means, scatters and ratios")
    parser.add_argument("--add", action="store_true", help="pool with what the file holds of other seeds")
    arguments = parser.parse_args()
    found: dict[str, dict[str, Any]] = {}
    if arguments.add:
        found = json.loads(arguments.json.read_text(encoding="utf-8"))
    for name in arguments.experiments:
        outcome = crmc.sweep(crmc.load_config(name, arguments.set), seeds=arguments.seeds, quiet=True)
        if outcome.exit_code != 0 or outcome.data is None:
            raise SystemExit(f"{name}: {outcome.message}")
        new = ratios(outcome.data)
        found[name] = pooled(found[name], new) if arguments.add and name in found else new
        print(table({name: found[name]}), "\n", flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if len(found) > 1:
        print(table(found))


if __name__ == "__main__":
    main()
