"""Run all points of a sweep with one compiled program, which advances batches of equal size.

On a GPU the points of a batch run side by side (``vmap``).  On a CPU they run one after another (``lax.map``), and
batches run in parallel threads: a conditional under ``vmap`` computes both branches, and XLA then repeats the search
of the scattering tables (measured: 2 to 2.5 times the time per marker and step).
"""

from __future__ import annotations

import dataclasses
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.config.axes import Axis, Point, make_points, read_axes
from crmc.config.config import Config
from crmc.config.errors import ConfigError
from crmc.machine.cache import watch_cache
from crmc.machine.compiling import compile_both
from crmc.machine.devices import one_device
from crmc.machine.granted import cores
from crmc.outputs import OutputError, claimed
from crmc.physics.noise import run_key
from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State
from crmc.results import sweep as sweep_result
from crmc.results.observed import Observed, Rows
from crmc.runs.outcome import DONE, FAILED, INTERRUPTED, STATUS, Outcome, Stop, catching_signals
from crmc.runs.progress import Progress
from crmc.runs.stepper import Programs, Stepper
from crmc.runs.sweep_files import SweepFiles, attributes
from crmc.setup.build import build_replicas
from crmc.setup.schedule import Schedule, begin, finest
from crmc.setup.setup import Setup
from crmc.solvers import replicas
from crmc.solvers.monte_carlo.solver import MONTE_CARLO
from crmc.solvers.packed import PackedRow
from crmc.solvers.registry import SOLVERS
from crmc.solvers.simulate import Solver

#: Wall time aimed at per call of the program [s], and between saves of what is finished [s].
_CHUNK_SECONDS, _SAVE_SECONDS = 0.5, 60.0
#: Most markers of all points of a batch on a GPU.
_MARKERS_PER_BATCH = 2**23


def common_schedule(points: Sequence[Point]) -> Schedule:
    """Return the schedule that gives every point at least the steps, rows and samples that it needs.

    Raises ConfigError where two points need different programs.
    """
    demands = [begin(point.config)[1] for point in points]
    first = dataclasses.asdict(demands[0].model)
    for point, other in zip(points, demands, strict=True):
        if differing := [name for name, value in dataclasses.asdict(other.model).items() if value != first[name]]:
            raise ConfigError(
                f"sweep: points ({points[0].label}) and ({point.label}) need different programs (they differ in "
                f"'{differing[0]}'); sweep them separately, for instance zero apart from what is positive"
            )
    return finest(demands)


def _each(function: Callable[..., Any], side_by_side: bool, arguments: tuple[Any, ...]) -> Any:
    """Apply ``function`` to every point of stacked ``arguments``, whose first axis is that of the points."""
    if side_by_side:
        return jax.vmap(function)(*arguments)
    return jax.lax.map(lambda x: function(*x), arguments)


def advance_batch(
    states: State,
    tallies: Any,
    keys: jax.Array,
    parameters: Parameters,
    count: jax.Array,
    *,
    solver: Solver,
    model: Model,
    side_by_side: bool,
    one_key: bool,
) -> tuple[State, Any]:
    """Advance the replicas of every point of a batch by ``count`` steps.

    states, tallies, keys, parameters: those of the points, stacked along the first axis.
    side_by_side: by ``vmap`` instead of ``lax.map``.
    one_key: whether all points draw the same random numbers.
    """
    # One step number and one cadence for all: what depends on them alone stays a branch that is taken or not.
    step, cadence = states.step[0], jax.tree.map(lambda x: x[0], parameters.cadence)

    def one(state: State, tally: Any, key: jax.Array, own: Parameters) -> tuple[State, Any]:
        key, own = keys[0] if one_key else key, dataclasses.replace(own, cadence=cadence)
        return replicas.advance(
            solver, dataclasses.replace(state, step=step), tally, key, own, count, model, side_by_side
        )

    return _each(one, side_by_side, (states, tallies, keys, parameters))


def observe_batch(
    states: State,
    tallies: Any,
    count: jax.Array,
    mean: jax.Array,
    parameters: Parameters,
    *,
    solver: Solver,
    model: Model,
    side_by_side: bool,
) -> PackedRow:
    """Return a row of every point of a batch, stacked along the first axis, from tallies of ``count`` steps.

    mean: as for `replicas.observe`.
    """

    def one(state: State, tally: Any, own: Parameters) -> PackedRow:
        return replicas.observe(solver, state, tally, count, mean, own, model, side_by_side)

    return _each(one, side_by_side, (states, tallies, parameters))


def _stacked(trees: Sequence[Any]) -> Any:
    """Stack the arrays of equal ``trees`` along a new first axis."""
    return jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves)), *trees)


class _Batch(NamedTuple):
    """Points that are advanced together, filled up to the size of a batch with copies of the last point.

    setups: of the points, without copies; all else has one entry per place of the batch.
    """

    setups: list[Setup]
    states: State
    empty: Any
    keys: jax.Array
    parameters: Parameters


class Sweeper:
    """A sweep in progress: its compiled program, and the results of its points so far.

    size: number of points per batch.  workers: number of batches that run in parallel.
    tracks: result of each point, None until it is there.  stop: set to end the sweep early.
    """

    def __init__(self, points: Sequence[Point], axes: Sequence[Axis], solver: str, batch: int | None):
        self.points, self.plan, self.solver = points, sweep_result.plan_of(axes), SOLVERS[solver]
        self.schedule = common_schedule(points)
        self.first, states = self._setup(points[0])
        self.steps = self.first.steps
        beside = _side_by_side()
        self.workers = 1 if beside else cores()
        self.size = batch or (self._roomy(len(states)) if beside else 1)
        self.size = min(self.size, len(points))
        self.tracks: list[sweep_result.Track | None] = [None] * len(points)
        self.stop, self._lock = threading.Event(), threading.Lock()
        self._compile(side_by_side=beside, one_key=not any(axis.key == "run.seed" for axis in axes))

    def _roomy(self, count: int) -> int:
        """Return the size of batches on a GPU: as equal as can be, within the most markers of a batch.

        count: number of replicas of a point.
        """
        most = max(1, _MARKERS_PER_BATCH // (count * self.first.state.markers.rise.size))
        batches = -(-len(self.points) // most)
        return -(-len(self.points) // batches)

    def _setup(self, point: Point) -> tuple[Setup, list[State]]:
        return build_replicas(point.config, self.schedule, solver=self.solver.name, layout=one_device())

    def _prepare(self, points: Sequence[Point]) -> _Batch:
        """Set up a batch of ``points``, which may be fewer than its size."""
        ready = [self._setup(point) for point in points]
        filled = ready + [ready[-1]] * (self.size - len(ready))
        count = len(filled[0][1])
        return _Batch(
            [setup for setup, _ in ready],
            _stacked([_stacked(states) for _, states in filled]),
            _stacked([replicas.empty_tallies(self.solver, setup.parameters, count) for setup, _ in filled]),
            jnp.stack([_keys(setup, count) for setup, _ in filled]),
            _stacked([setup.parameters for setup, _ in filled]),
        )

    def _compile(self, side_by_side: bool, one_key: bool) -> None:
        """Compile the programs of all batches ahead of time, so that they refuse a batch of another shape."""
        _, states, tally, keys, parameters = self._prepare(self.points[:1])
        started, kept = time.perf_counter(), watch_cache()
        count, flag = jnp.zeros((), jnp.int64), jnp.asarray(False)
        static: dict[str, Any] = {"solver": self.solver, "model": self.first.model, "side_by_side": side_by_side}
        advance, observe = partial(advance_batch, **static, one_key=one_key), partial(observe_batch, **static)
        lowered = jax.jit(advance, donate_argnums=0).lower(states, (tally,) * 3, keys, parameters, count)
        seen = jax.jit(observe).lower(states, tally, count, flag, parameters)
        self.programs = Programs(*compile_both(lowered, seen), time.perf_counter() - started, kept())

    def batches(self) -> Iterator[list[int]]:
        """Yield the numbers of the points of each batch, without those that have results."""
        places = [number for number, track in enumerate(self.tracks) if track is None]
        return (list(places[start : start + self.size]) for start in range(0, len(places), self.size))

    def run_batch(self, numbers: Sequence[int], bar: Progress) -> dict[int, sweep_result.Track]:
        """Run the points of one batch and return their results; none if the sweep is stopped before they end."""
        with jax.enable_x64(True):
            if self.stop.is_set():
                return {}
            setups, states, empty, keys, parameters = self._prepare([self.points[i] for i in numbers])
            stepper = Stepper(self.programs, states, keys, parameters, empty, setups[0].schedule)
            stepper.observe_due(everything=True)
            chunk = 1
            while stepper.step < stepper.end:
                if self.stop.is_set():
                    return {}
                count, before = min(chunk, stepper.until_due()), stepper.seconds
                stepper.take(count)
                chunk = max(1, int(min(2 * chunk, _CHUNK_SECONDS * count / max(stepper.seconds - before, 1e-9))))
                with self._lock:
                    bar.update(count * len(setups))
                stepper.observe_due(everything=stepper.step == stepper.end)
            rows = [series.stacked() for series in stepper.series]
            return {
                number: sweep_result.track(self._observed(setup, rows, place))
                for place, (number, setup) in enumerate(zip(numbers, setups, strict=True))
            }

    def _observed(self, setup: Setup, rows: Sequence[Rows], place: int) -> Observed:
        """Return what was measured at one point of a batch.

        rows: of the batch, (rows, points, replicas, ...); place: of the point in the batch.
        """
        a, b, c = (Rows(x.steps, {name: array[:, place] for name, array in x.values.items()}) for x in rows)
        exact = setup.state.markers.rise.ndim == 2  # a mesh draws no numbers
        return Observed(setup, a, b, c, self.solver.coarsest, exact)


def _keys(setup: Setup, count: int) -> jax.Array:
    """Return the random keys of ``count`` replicas, (replicas,)."""
    return jnp.stack([run_key(setup.config.run.seed, replica) for replica in range(count)])


def _side_by_side() -> bool:
    """Return whether the points of a batch run side by side: on everything but a CPU."""
    return jax.default_backend() != "cpu"


def sweep(
    config: Config | Mapping[str, Any],
    over: Sequence[str] = (),
    *,
    seeds: int | None = None,
    output: str | Path | None = None,
    solver: str = MONTE_CARLO.name,
    batch: int | None = None,
    quiet: bool = False,
    resume: bool | Literal["auto"] = False,
    wall_time: float | None = None,
) -> Outcome:
    """Run ``config`` at every point of the outer product of ``over``, and return the outcome with the result.

    config: a config, or the dictionary of one, which may lack the keys that are swept.
    over: texts "key=start:stop:n", "key=start:stop:n:log" or "key=a,b,c", with units where the key has one.
    seeds: number of seeds, from run.seed on; they are one more dimension of the result.
    output: result file (netCDF); none is written by default.
    solver: a name in `registry.SOLVERS`.
    batch: points per call of the program (default: one on a CPU, as many as fit on a GPU).
    quiet: show no progress.
    resume: take the points that are finished from the checkpoint beside ``output``; "auto": if there is one.
    wall_time: stop in order before this wall time is over [s].
    Raises ConfigError for a bad axis or point, and where points need different programs.
    """
    data = config.to_dict() if isinstance(config, Config) else config
    axes = read_axes(over, seeds, data)
    points = make_points(data, axes)
    file = None if output is None else Path(output)
    more: dict[str, Any] = {"resume": resume, "wall_time": wall_time}
    return run_points(points, axes, output=file, solver=solver, batch=batch, quiet=quiet, **more)


def run_points(
    points: Sequence[Point],
    axes: Sequence[Axis],
    *,
    output: Path | None = None,
    solver: str = MONTE_CARLO.name,
    batch: int | None = None,
    quiet: bool = False,
    resume: bool | Literal["auto"] = False,
    wall_time: float | None = None,
) -> Outcome:
    """Run all ``points`` of ``axes``, and return the outcome with the result.

    output, solver, batch, quiet, resume, wall_time: as for `sweep`.
    Raises ConfigError where points need different programs, and for a checkpoint that cannot be resumed.
    """
    with jax.enable_x64(True), catching_signals() as caught, claimed(output):
        started, begun = time.perf_counter(), time.monotonic()
        kept = SweepFiles(output, points[0].config, axes, solver)
        ready = kept.load(resume)
        sweeper = Sweeper(points, axes, solver, batch)
        for number, track in ready.items():
            sweeper.tracks[number] = track
        stop = Stop(caught, None if wall_time is None else begun + wall_time)
        lost = ""
        try:
            _loop(sweeper, stop, kept, quiet)
        except OutputError as error:
            lost = str(error)
        except Exception:
            _store(sweeper, kept, "failed", "stopped by an error")
            raise
        return _finish(sweeper, stop, kept, time.perf_counter() - started, lost)


def _loop(sweeper: Sweeper, stop: Stop, kept: SweepFiles, quiet: bool) -> None:
    """Run batches until all are done, a signal came or the wall time is over."""
    saved, count = time.monotonic(), len(sweeper.points)
    name, done = sweeper.first.config.name or "crmc", sum(track is not None for track in sweeper.tracks)
    bar = Progress(sweeper.steps * count, "step", f"{name}, {count} points", done=sweeper.steps * done, hidden=quiet)
    with ThreadPoolExecutor(sweeper.workers) as pool, bar:
        pending: set[Future[dict[int, sweep_result.Track]]] = set()
        try:
            pending = {pool.submit(sweeper.run_batch, numbers, bar) for numbers in sweeper.batches()}
            while pending:
                ended, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
                for future in ended:
                    for number, track in future.result().items():
                        sweeper.tracks[number] = track
                if stop.signal or stop.over(kept.cost):
                    sweeper.stop.set()
                if ended and pending and time.monotonic() - saved >= _SAVE_SECONDS:
                    _store(sweeper, kept, "running", "")
                    saved = time.monotonic()
        finally:
            sweeper.stop.set()
            for future in pending:
                future.cancel()


def _store(sweeper: Sweeper, kept: SweepFiles, status: str, text: str) -> None:
    """Write what has ended so far, if anything has."""
    if any(track is not None for track in sweeper.tracks):
        found = attributes(sweeper.first, sweeper.plan.axes) | {"status": status, "status_text": text}
        kept.store(sweeper.tracks, sweep_result.dataset(sweeper.plan, sweeper.tracks, found))


def _finish(sweeper: Sweeper, stop: Stop, kept: SweepFiles, seconds: float, lost: str) -> Outcome:
    """Write the output file, and return the outcome of the sweep, which took ``seconds`` of wall time.

    lost: what could not be written on the way.
    """
    code, message = _verdict(sweeper, stop, lost)
    if all(track is None for track in sweeper.tracks):
        return Outcome(code, f"{message}; nothing to save", "")
    more = {
        "status": STATUS[code],
        "status_text": message,
        "wall_seconds": seconds,
        "compile_seconds": sweeper.programs.seconds,
        "compiled_before": int(sweeper.programs.kept),  # netCDF has no truth values
        "batch": sweeper.size,
    }
    data = sweep_result.dataset(sweeper.plan, sweeper.tracks, attributes(sweeper.first, sweeper.plan.axes) | more)
    data = sweep_result.summarise(data, sweeper.plan, sweeper.points, sweeper.tracks)
    try:
        kept.store(sweeper.tracks, data)
    except OutputError as error:
        code, message = FAILED, f"{error}; make room, then --resume continues from the last checkpoint"
    return Outcome(code, message, sweep_result.table(data, sweeper.plan, sweeper.points), data=data)


def _verdict(sweeper: Sweeper, stop: Stop, lost: str) -> tuple[int, str]:
    """Return the exit code, and a message if it is not DONE."""
    words = Counter(sweep_result.NOT_RUN if track is None else track.status for track in sweeper.tracks)
    count = len(sweeper.points)
    if lost:
        return FAILED, f"{lost}; make room, then --resume continues from the last checkpoint"
    if words[sweep_result.NOT_RUN]:
        what = f"interrupted by {signal.Signals(stop.signal).name}" if stop.signal else "stopped, the wall time is over"
        return INTERRUPTED, f"{what}: {words[sweep_result.NOT_RUN]} of {count} points were not run; --resume continues"
    if words[sweep_result.FAILED]:
        first = next(i for i, t in enumerate(sweeper.tracks) if t is not None and t.status == sweep_result.FAILED)
        track = sweeper.tracks[first]
        assert track is not None
        label = sweeper.points[first].label
        return FAILED, f"{words[sweep_result.FAILED]} of {count} points failed; the first at {label}: {track.text}"
    return DONE, ""
