"""Studies of quasilinear theory for several tests: a small one that is run once, and one of made-up numbers."""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr
from support.cli_cases import Reply, call

from crmc.orbits.config import Study
from crmc.orbits.study import LAGS, cases

#: Overrides that make the shipped study one of seconds.
SMALL = [
    "qlt.realisations=4",
    "qlt.particles=4",
    "qlt.amplitudes=[0.01,0.3]",
    "qlt.momenta=1",
    "qlt.cosines=[0.05,0.5]",
    "qlt.widths=[0.3]",
    "qlt.narrow_amplitudes=0.01",
    "qlt.cells=4096",
    "qlt.k_max=5",
    "qlt.gyrations=2",
]
_FOLDER = tempfile.TemporaryDirectory(prefix="crmc-study-")


class SmallStudy(NamedTuple):
    """What `crmc run qlt` gave: the reply, the dataset, the summary, the result file."""

    reply: Reply
    data: xr.Dataset
    summary: dict
    output: Path


def options(overrides: list[str]) -> list[str]:
    """The overrides as options of the command line."""
    return [word for text in overrides for word in ("--set", text)]


@cache
def small_study() -> SmallStudy:
    """Run the study at a size of seconds, once in each process."""
    output, summary = Path(_FOLDER.name) / "qlt.nc", Path(_FOLDER.name) / "qlt.json"
    reply = call("run", "qlt", "-o", output, "--summary", summary, *options(SMALL))
    with xr.open_dataset(output, engine="h5netcdf") as data:
        return SmallStudy(reply, data.load(), json.loads(summary.read_text()), output)


#: Results of a case that depend on nothing, on the cosine, on the lag, and on both.
_PLAIN = ("pooled_ratio", "pooled_slope_ratio")
_BY_COSINE = ("D_mu_mu", "D_mu_p", "D_p_p", "ratio", "mu_p_per_mu_mu", "p_p_per_mu_mu", "energy_per_push")
_BY_LAG = ("running_D", "spread")
_THEORY = ("theory_mu_mu", "theory_mu_p", "theory_p_p")


def made_up(study: Study, seed: int = 0) -> dict:
    """Results of every case as `run_study` returns them, each number drawn between 1 and 2, its error a hundredth.

    All cosines resonate, as theory's nu differs by less than a hundred.
    """
    rng = np.random.default_rng(seed)
    found = {}
    for case in cases(study):
        count = len(case.cosines)
        shapes = dict.fromkeys(_PLAIN, ()) | dict.fromkeys(_BY_COSINE, (count,))
        shapes |= dict.fromkeys(_BY_LAG, (LAGS, count))
        one = {name: np.asarray(rng.uniform(1.0, 2.0, shape)) for name, shape in shapes.items()}
        one |= {f"{name}_stderr": 0.01 * value for name, value in one.items()}
        one |= {name: rng.uniform(1.0, 2.0, count) for name in _THEORY}
        one |= {name: rng.uniform(1.0, 2.0, (LAGS, count)) for name in ("diffused_spread", "expected_spread")}
        found[case.place] = one | {"lag_time": np.arange(1.0, LAGS + 1.0)}
    return found
