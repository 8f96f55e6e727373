"""Derivatives of a run's averages with respect to the numbers of its config, with Monte Carlo errors.

Derivatives are taken along the path of every marker: for fixed random numbers a kick is a smooth function of the waves
and of all parameters, so that the mean of the derivatives is the derivative of the mean.  Replicas are independent
runs, with other markers and other kicks; their scatter gives the standard errors.

forward: one pass carries the derivatives by all numbers; its memory does not depend on the number of steps.
reverse: one pass back per average, for any number of numbers; its memory grows as the root of the number of steps.
finite-difference: central differences of runs with the same random numbers.

Paths have kinks at the floor of the waves, at clipped intervals and at 90 degrees, but are continuous there: the
derivative is unbiased.  Two effects remain.  First, markers change cells in the coarse-graining of the weights.  Its
fit is consistent for any cells, so that the derivative is off by no more than the fit itself; but it is noisier, by a
factor of up to 4 with 2048 markers and up to 2 with 8192 (set run.coarse_grain_interval = "never" where there are
few).  Second, a wave that noise alone holds above the seed has a derivative of large variance (raise waves.seed_level
where errors are large).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np

from crmc.config.keys import differentiable, value_of
from crmc.inference.averages import Averages
from crmc.machine.devices import compiler_options
from crmc.machine.parallel import each
from crmc.physics.markers import unit_square
from crmc.physics.noise import run_key
from crmc.statistics import Estimate, ratio_of

Mode = Literal["forward", "reverse", "finite-difference"]
MODES: tuple[Mode, ...] = ("forward", "reverse", "finite-difference")
#: Step of the central differences, relative to the number, by the precision of the markers: small, because a path is
#: smooth within cells of the scattering tables only, but well above round-off.
_DIFFERENCE = {"float32": 1e-2, "float64": 1e-6}


class Replica(NamedTuple):
    """The random input of a run.

    sample: places of the markers, `markers.unit_square`.  key: random key of the kicks.
    """

    sample: jax.Array
    key: jax.Array


def replica(averages: Averages, seed: int) -> Replica:
    """Return the random input of ``crmc run`` with run.seed = ``seed``; the solver on the mesh does not use it."""
    count = 1 if averages.on_mesh else averages.config.run.markers
    return Replica(jnp.asarray(unit_square(count, seed)), run_key(seed))


class Slopes(NamedTuple):
    """Averages and derivatives, one entry per replica.

    values: average -> its value, (replicas, *shape of the average) [units of a result].
    slopes: average -> key -> derivative by the key's number, (replicas, *shape of the average, *shape of the number).
    """

    values: dict[str, np.ndarray]
    slopes: dict[str, dict[str, np.ndarray]]

    @property
    def replicas(self) -> int:
        """Number of replicas."""
        return next((values.shape[0] for values in self.values.values()), 0)


class Differentiation:
    """The compiled program that computes averages of one replica and their derivatives by the numbers of ``keys``.

    numbers: values of all keys that the program takes, also of those that it does not differentiate by.
    scales: size of the number of each of ``keys``, 1 where it is 0; derivatives are computed by relative changes.
    """

    def __init__(self, averages: Averages, keys: Sequence[str], mode: Mode = "forward"):
        """Compile the program."""
        self.averages, self.keys, self.mode = averages, tuple(keys), mode
        # All numbers are arguments: the compiler is slow at computing what depends on constants only.
        known = {name: value_of(averages.config, name) for name in differentiable() if name in keys or "[" not in name}
        self.numbers = {k: jnp.asarray(v, jnp.float64) for k, v in known.items() if v is not None}
        self.scales = {k: np.where(np.asarray(known[k]) == 0.0, 1.0, np.abs(known[k])) for k in keys}
        programs: dict[Mode, Callable[..., Any]] = {
            "forward": self._forward,
            "reverse": self._reverse,
            "finite-difference": self._value,
        }
        arguments = jnp.zeros(self.size), self.numbers, *replica(averages, averages.config.run.seed)
        self.compiled = jax.jit(programs[mode]).lower(*arguments).compile(compiler_options())

    def __call__(
        self, one: Replica, numbers: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, dict[str, np.ndarray]]]:
        """Return the averages of a replica, and their derivatives by the number of each key.

        numbers: values of some of ``keys`` that replace the config's.
        """
        at = self.numbers | {k: jnp.asarray(v, jnp.float64) for k, v in (numbers or {}).items()}
        found = self.compiled(jnp.zeros(self.size), at, *one)
        if self.mode != "finite-difference":
            values, rows = found
        else:
            values, step = found, _DIFFERENCE[self.averages.config.run.precision]
            steps = step * np.eye(self.size)
            ends = [[self.compiled(jnp.asarray(sign * x), at, *one) for sign in (1, -1)] for x in steps]
            slopes = [jax.tree.map(lambda high, low: (high - low) / (2.0 * step), *pair) for pair in ends]
            rows = jax.tree.map(lambda *x: np.stack(x), *slopes)
        return jax.tree.map(np.asarray, values), {name: self._split(np.asarray(row)) for name, row in rows.items()}

    @property
    def size(self) -> int:
        """Number of numbers to differentiate by."""
        return sum(scale.size for scale in self.scales.values())

    def _split(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Return the derivatives by each key's number.

        rows: derivatives by the relative changes of all numbers, (numbers, *shape of the average).
        """
        found, first = {}, 0
        for key, scale in self.scales.items():
            part = rows[first : first + scale.size]
            first += scale.size
            part = np.moveaxis(part.reshape((*scale.shape, *rows.shape[1:])), range(scale.ndim), range(-scale.ndim, 0))
            found[key] = part / scale
        return found

    def _value(
        self, x: jax.Array, numbers: Mapping[str, jax.Array], sample: jax.Array, key: jax.Array
    ) -> dict[str, jax.Array]:
        """Return the averages where the numbers of ``keys`` are changed by ``x`` times their sizes, x: (numbers,)."""
        changed, first = dict(numbers), 0
        for name, scale in self.scales.items():
            part = x[first : first + scale.size].reshape(scale.shape)
            changed[name], first = numbers[name] + part * scale, first + scale.size
        return self.averages(changed, sample, key)

    def _forward(self, x: jax.Array, numbers: Mapping[str, jax.Array], sample: jax.Array, key: jax.Array) -> Any:
        """Return the averages, and their derivatives by ``x``, first axis, by one pass forward."""

        def along(tangent: jax.Array) -> Any:
            return jax.jvp(lambda x: self._value(x, numbers, sample, key), (x,), (tangent,))

        return jax.vmap(along, out_axes=(None, 0))(jnp.eye(self.size))

    def _reverse(self, x: jax.Array, numbers: Mapping[str, jax.Array], sample: jax.Array, key: jax.Array) -> Any:
        """Return the averages, and their derivatives by ``x``, first axis, by one pass back per average."""
        values, back = jax.vjp(lambda x: self._value(x, numbers, sample, key), x)
        flat, restore = jax.flatten_util.ravel_pytree(values)
        rows = jax.lax.map(lambda one: back(restore(one))[0], jnp.eye(flat.size))
        return values, jax.vmap(restore, in_axes=1)(rows)


#: Averages of a replica by name, and their derivatives by name and key.
ReplicaSlopes = tuple[dict[str, np.ndarray], dict[str, dict[str, np.ndarray]]]


def differentiate(
    program: Differentiation,
    replicas: int,
    *,
    numbers: Mapping[str, Any] | None = None,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[], None] = lambda: None,
    ready: dict[int, ReplicaSlopes] | None = None,
) -> Slopes:
    """Run replicas with the seeds run.seed, run.seed + 1, ..., and return their averages and derivatives.

    On a CPU replicas run in parallel.
    numbers: values of some of the program's keys that replace the config's.
    stop: called before a replica is begun; where it returns True, no further one is begun.
    progress: called after every replica.
    ready: replicas that are there already, by number; those that become ready are added to it.
    """
    seed = program.averages.config.run.seed
    ready = {} if ready is None else ready

    def run(number: int) -> ReplicaSlopes:
        return program(replica(program.averages, seed + number), numbers)

    for number, found in each([n for n in range(replicas) if n not in ready], run, stop):
        ready[number] = found
        progress()
    in_order = [ready[number] for number in sorted(ready) if number < replicas]
    return Slopes(*jax.tree.map(lambda *x: np.stack(x), *in_order)) if in_order else Slopes({}, {})


def logarithmic(values: np.ndarray, slopes: np.ndarray, number: np.ndarray) -> Estimate:
    """Return d ln X/d ln a = (a/X) dX/da with a standard error that counts the common noise of X and dX/da.

    values: X of each replica, (replicas, *shape of X).
    slopes: dX/da of each replica, (replicas, *shape of X, *shape of a).
    number: a.
    """
    values = values.reshape(*values.shape, *[1] * (slopes.ndim - values.ndim))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = ratio_of(slopes, values)
        return Estimate(number * ratio.value, np.abs(number) * ratio.stderr)
