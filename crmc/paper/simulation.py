"""Simulate the paper's numbers by a short run of the shipped experiment halo, or read results of longer ones."""

from __future__ import annotations

import dataclasses
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crmc.config.errors import ConfigError
from crmc.text import one_line

#: Overrides that shorten halo to a run of seconds: some 40 times 1/nu, after which f outside the gap is steady.
QUICK = ("run.markers=8192", "run.duration=6e9 s", "run.output_interval=1.2e8 s")
_ADVICE = "give a finished result of 'crmc run halo'"


@dataclasses.dataclass(frozen=True)
class Measured:
    """A value and its standard error, None where it is unknown."""

    value: float
    stderr: float | None = None

    def times(self, factor: float) -> Measured:
        """Return the value times an exact factor."""
        return Measured(self.value * factor, None if self.stderr is None else abs(factor) * self.stderr)

    def inverse(self, numerator: float = 1.0) -> Measured:
        """Return numerator/value, with the error to first order."""
        error = None if self.stderr is None else abs(numerator) * self.stderr / self.value**2
        return Measured(numerator / self.value, error)

    def minus(self, other: Measured) -> Measured:
        """Return the difference from another value of independent error."""
        errors = [x.stderr for x in (self, other) if x.stderr is not None]
        return Measured(self.value - other.value, math.hypot(*errors) if errors else None)


@dataclasses.dataclass(frozen=True)
class Simulation:
    """Results of one or several runs with the same parameters.

    averages: averages over the last half of the run by name
    theory: predictions for the parameters of the run by name
    description: the runs in words
    """

    averages: Mapping[str, Measured]
    theory: Mapping[str, float]
    description: str

    def __getitem__(self, name: str) -> Measured:
        """Return one average."""
        return self.averages[name]


def quick_run() -> Simulation:
    """Run the experiment halo, shortened by `QUICK`, in a temporary folder.

    Raises KeyboardInterrupt if a signal ends it and RuntimeError if it fails.
    """
    from crmc.config.config import load_config
    from crmc.runs.outcome import INTERRUPTED
    from crmc.runs.run import run

    config = load_config("halo", list(QUICK))
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(config, output=Path(folder) / "halo.nc", quiet=True)
    if outcome.exit_code == INTERRUPTED:
        raise KeyboardInterrupt
    if outcome.exit_code != 0:
        raise RuntimeError(f"the run of halo ended early: {outcome.message}")
    markers, duration = config.run.markers, config.run.duration
    return combine([outcome.summary], f"halo shortened to {duration:.2g} s, {markers} markers, one seed")


def from_results(paths: Sequence[Path]) -> Simulation:
    """Read and combine the averages of result files of ``crmc run halo``.

    Raises ConfigError for a file that is none, and for runs with the same seed or different parameters.
    """
    summaries, seeds = [], []
    for path in paths:
        summary, seed = _stored(path)
        if seed in seeds:
            raise ConfigError(f"--result {one_line(path, 200)}: seed {seed} is there twice; give runs of several seeds")
        summaries.append(summary)
        seeds.append(seed)
    return combine(summaries, f"{len(paths)} result(s) of crmc run halo, {summaries[0]['markers']} markers")


def _stored(path: Path) -> tuple[dict[str, Any], int]:
    """Return the summary and the seed of a result file; raises ConfigError if it is none of halo."""
    import xarray as xr

    name = one_line(path, 200)
    try:
        if not path.is_file():
            raise ConfigError(f"--result {name}: there is no such file; {_ADVICE}")
        with xr.open_dataset(path, engine="h5netcdf") as data:
            summary, seed = json.loads(data.attrs["summary"]), int(data.attrs["seed"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"--result {name}: cannot be read ({type(error).__name__}: {error}); {_ADVICE}") from error
    wanted = {"heating_rate", "pressure_anisotropy", "gap_pressure_anisotropy", "identity_ratio", "mean_free_path_p1"}
    if not isinstance(summary, dict) or summary.get("name") != "halo" or summary.get("status") != "done":
        raise ConfigError(f"--result {name}: is not a finished run of halo; {_ADVICE}")
    if missing := wanted - set(summary.get("averages") or {}):
        raise ConfigError(f"--result {name}: holds no {min(missing)}; {_ADVICE}")
    return summary, seed


def combine(summaries: Sequence[Mapping[str, Any]], description: str) -> Simulation:
    """Return the means over independent runs, weighted by 1/stderr^2 where every run has one.

    summaries: summaries of the runs, as in their result files
    description: the runs in words

    Raises ConfigError if their parameters differ.
    """
    theory = [{name: row["value"] for name, row in summary["theory"].items()} for summary in summaries]
    for other in theory[1:]:
        if any(not math.isclose(value, other.get(name, math.nan), rel_tol=1e-9) for name, value in theory[0].items()):
            raise ConfigError("--result: the runs have different parameters; give runs that differ in their seed alone")
    names = set.intersection(*(set(summary["averages"]) for summary in summaries))
    averages = {name: _mean([summary["averages"][name] for summary in summaries]) for name in sorted(names)}
    return Simulation(averages, theory[0], description)


def _mean(entries: Sequence[Mapping[str, Any]]) -> Measured:
    """Return the weighted mean of one average; without weights the plain mean, of unknown error."""
    if len(entries) == 1 or not all(entry.get("stderr") for entry in entries):
        values = [entry["value"] for entry in entries]
        return Measured(sum(values) / len(values), entries[0].get("stderr") if len(entries) == 1 else None)
    weights = [entry["stderr"] ** -2 for entry in entries]
    mean = sum(w * entry["value"] for w, entry in zip(weights, entries, strict=True)) / sum(weights)
    return Measured(mean, sum(weights) ** -0.5)
