"""Make the result of a sweep: one dataset over the swept keys, and a table with one line per point."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from crmc.config.axes import Axis, Point
from crmc.results import dataset as result
from crmc.results.averages import averages, spectra
from crmc.results.notes import notes
from crmc.results.observed import Observed
from crmc.results.replicas import reduced
from crmc.results.table import EXPLAINED
from crmc.results.variables import COORDINATES, MEANING, shared_coordinates
from crmc.setup.predictions import predict
from crmc.statistics import Estimate
from crmc.text import aligned, number, with_error

DONE, FAILED, NOT_RUN = "done", "failed", "not run"
_STATUS_TEXT = "what happened at this point"


class Track(NamedTuple):
    """Results of one point of a sweep.

    times: of each row, (rows,) [s].
    k: wavenumbers of the bins' centres, (bins,) [Omega0/c].
    values: variables of a result as `replicas.reduced` returns them, NaN after a failure.
    averages, spectra: of the last half, from `results.averages`; none after a failure.
    status: DONE or FAILED; text: its reason, or advice.
    time_step: dt [s].
    """

    times: np.ndarray
    k: np.ndarray
    values: dict[str, np.ndarray]
    averages: dict[str, dict[str, Any]]
    spectra: dict[str, Estimate]
    status: str
    text: str
    time_step: float


def track(seen: Observed) -> Track:
    """Return the results of one point, whose run has ended, without the rows that follow a failure."""
    setup, steps = seen.setup, np.array(seen.output.steps)
    values = reduced(seen.measured(), exact=seen.exact)
    times, k = steps * setup.time_step, np.asarray(setup.parameters.grid.centres)
    trouble = seen.trouble()
    if trouble is not None:
        for array in values.values():
            array[steps > trouble.place] = np.nan
        return Track(times, k, values, {}, {}, FAILED, trouble.text, setup.time_step)
    records = seen.recorded()
    found, means = averages(records), spectra(records)
    remarks = notes(setup, found, means, seen.remarks())
    return Track(times, k, values, found, means, DONE, "; ".join(remarks), setup.time_step)


class Plan(NamedTuple):
    """Layout of the arrays of a sweep.

    axes: swept keys and their values; same_times, same_k: whether all points share their times and wavenumbers.
    """

    axes: Sequence[Axis]
    same_times: bool
    same_k: bool

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the swept dimensions."""
        return tuple(axis.dimension for axis in self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the swept dimensions."""
        return tuple(len(axis.entries) for axis in self.axes)

    @property
    def time(self) -> str:
        """Name of the dimension of the rows."""
        return "time" if self.same_times else "output"

    @property
    def k(self) -> str:
        """Name of the dimension of the bins."""
        return "k" if self.same_k else "bin"


def plan_of(axes: Sequence[Axis]) -> Plan:
    """Return the layout of a sweep over ``axes``."""
    # Points with durations of their own share no times, those with ends of the spectrum of their own no wavenumbers.
    keys = {axis.key for axis in axes}
    return Plan(axes, "run.duration" not in keys, not keys & {"waves.k_min", "waves.k_max"})


def dataset(plan: Plan, tracks: Sequence[Track | None], attributes: Mapping[str, Any]) -> xr.Dataset:
    """Return the dataset of a sweep, NaN where a point was not run.

    tracks: results of all points in the order of the outer product of the axes; None for a point that was not run,
        but one at least must have been.
    """
    some = next(found for found in tracks if found is not None)
    stacked = {
        name: _stack([None if found is None else found.values[name] for found in tracks], array, plan.shape)
        for name, array in some.values.items()
    }
    variables = result.labelled(stacked, (*plan.dims, plan.time), plan.k)
    means = [{} if found is None else result.averaged(found.spectra) for found in tracks]
    for name, array in next((x for x in means if x), {}).items():
        each = _stack([x.get(name) for x in means], array, plan.shape)
        variables |= result.labelled({name: each}, plan.dims, plan.k)
    data = xr.Dataset(
        variables,
        shared_coordinates() | {axis.dimension: _coordinate(axis) for axis in plan.axes},
        attrs=dict(attributes),
    )
    for name, own, same, dim in (("times", "time", plan.same_times, plan.time), ("k", "k", plan.same_k, plan.k)):
        one, attrs = getattr(some, name), COORDINATES[own]
        if same:
            data = data.assign_coords({own: (dim, one, attrs)})
        else:
            each = _stack([None if found is None else getattr(found, name) for found in tracks], one, plan.shape)
            data = data.assign_coords({own: ((*plan.dims, dim), each, attrs)})
    each = _stack([None if x is None else np.array(x.time_step) for x in tracks], np.zeros(()), plan.shape)
    data["time_step"] = (plan.dims, each, {"units": "s", "long_name": "time step"})
    words = [NOT_RUN if found is None else found.status for found in tracks]
    texts = ["" if found is None else found.text for found in tracks]
    long_name = f"{DONE}, {FAILED} (NaN from then on) or {NOT_RUN} (NaN)"
    data["status"] = (plan.dims, np.array(words, object).reshape(plan.shape), {"long_name": long_name})
    data["status_text"] = (plan.dims, np.array(texts, object).reshape(plan.shape), {"long_name": _STATUS_TEXT})
    return data


def _stack(arrays: Sequence[np.ndarray | None], like: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the arrays of all points in one, (*shape, *like.shape); NaN for None."""
    found = np.full((len(arrays), *like.shape), np.nan)
    for place, array in enumerate(arrays):
        if array is not None:
            found[place] = array
    return found.reshape(*shape, *like.shape)


def _coordinate(axis: Axis) -> tuple[str, np.ndarray, dict[str, str]]:
    """Return the coordinate of a swept key: dimension, values and attributes."""
    return axis.dimension, axis.values, {"units": axis.unit, "long_name": axis.description}


def point_dataset(data: xr.Dataset, place: Mapping[str, int]) -> xr.Dataset:
    """Return the dataset of one point, with dimensions as ``crmc run`` writes them.

    place: index of the point along each swept dimension.
    """
    one = data.isel(dict(place))
    return one.swap_dims({old: new for old, new in (("output", "time"), ("bin", "k")) if old in one.dims})


def summarise(data: xr.Dataset, plan: Plan, points: Sequence[Point], tracks: Sequence[Track | None]) -> xr.Dataset:
    """Return ``data`` with averages of the last half, ``average_*``, and predictions, ``theory_*``, of every point.

    tracks: results of all points, as for `dataset`.
    """
    columns: dict[str, tuple[np.ndarray, dict[str, str]]] = {}

    def put(name: str, place: tuple[int, ...], value: float | None, unit: str, text: str) -> None:
        empty = (np.full(plan.shape, np.nan), {"units": unit or "1", "long_name": text})
        columns.setdefault(name, empty)[0][place] = math.nan if value is None else value

    for point, found in zip(points, tracks, strict=True):
        for name, entry in ({} if found is None else found.averages).items():
            largest = name in ("energy_residual", "number_residual", "energy_imbalance")
            text = f"{name}: {'largest absolute value' if largest else 'mean over the last half'} of the run"
            put(f"average_{name}", point.place, entry["value"], entry["unit"], text)
            error = f"standard error of {name}: {MEANING}"
            put(f"average_{name}_stderr", point.place, entry["stderr"], entry["unit"], error)
        for name, entry in predict(point.config).items():
            text = f"{entry['description']} ({entry['source']})"
            put(f"theory_{name}", point.place, entry["value"], entry["unit"], text)
    return data.assign({name: (plan.dims, array, attrs) for name, (array, attrs) in columns.items()})


#: Head of each column of the table, and the variables that hold its values and their standard errors ("": none).
_COLUMNS = (
    ("heating [erg cm-3 s-1]", "average_heating_rate", "average_heating_rate_stderr"),
    ("exact", "theory_heating_exact", ""),
    ("Delta P/P_c", "average_pressure_anisotropy", "average_pressure_anisotropy_stderr"),
    ("v/nu(1 m_p c) [pc]", "average_mean_free_path_p1", "average_mean_free_path_p1_stderr"),
)


def table(data: xr.Dataset, plan: Plan, points: Sequence[Point]) -> str:
    """Return a table with one line per point: swept values, heating beside theory, anisotropy and mean free path."""
    units = ["" if axis.unit == "1" else f" [{axis.unit}]" for axis in plan.axes]
    heads = [axis.dimension.rpartition(".")[2] + unit for axis, unit in zip(plan.axes, units, strict=True)]
    lines = [[*heads, *(head for head, _, _ in _COLUMNS), ""]]

    def value(name: str, place: tuple[int, ...]) -> float | None:
        return float(data[name].values[place]) if name in data else None

    for point in points:
        cells = [f"{axis.values[i]:.5g}" for axis, i in zip(plan.axes, point.place, strict=True)]
        for _, name, error in _COLUMNS:
            cells.append(with_error(value(name, point.place), value(error, point.place)) if error else "")
            cells[-1] = cells[-1] or number(value(name, point.place))
        word = str(data["status"].values[point.place])
        lines.append([*cells, "" if word == DONE else word])
    return f"{aligned(lines)}\n\n{EXPLAINED}"
