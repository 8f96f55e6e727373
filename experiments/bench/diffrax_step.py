"""Integrate the stochastic equation of the kicks by diffrax (Euler-Maruyama), which is less than a step of crmc.

In the frame of each direction's waves, at fixed p', q = |p_par'| follows the equation of
crmc/solvers/monte_carlo/kernel.py,

    dq = D'(q)/g dt + sqrt(2 D/g) dW,   D = (nu/2)(p'^2 - q^2),   g = 1 + V s q/eps',

with one step of dt per direction, reflected at gap and top.  The tube expands as in crmc.  There are no weights, no
deposit, no growth, damping or balancing, and the kernel does not conserve the measure.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from .problem import SIGNS, Constants, Record, Tube


def available() -> str:
    """Say why this reference cannot run here ("" if it can)."""
    return "" if importlib.util.find_spec("diffrax") else "diffrax is not installed; pip install 'crmc[bench]'"


class Reference:
    """Kick the markers of the halo problem by diffrax on JAX's default device; waves stay as they are."""

    def __init__(self, constants: Constants, tube: Tube, seed: int = 0):
        import jax
        import jax.numpy as jnp

        self.constants, self.tube, self.record = constants, tube, Record()
        self.threads = len(jax.devices()[0].client.local_devices())
        momentum = tube.birth_momentum * np.sqrt(1 + tube.rise) * np.float32(np.cbrt(tube.b))
        with jax.enable_x64(False):
            self._key = jax.random.key(seed)
            self._state = jnp.asarray(momentum), jnp.asarray(tube.parallel_momentum)
        self._advance = jax.jit(_advance(constants, tube.waves.astype(np.float32)), donate_argnums=0)

    def run(self, steps: int) -> None:
        """Advance by ``steps`` steps."""
        import jax
        import jax.numpy as jnp

        with jax.enable_x64(False):
            span = jnp.asarray(self.tube.step), jnp.asarray(steps)
            self._state = jax.block_until_ready(self._advance(self._state, self._key, *span))
        self.tube.step += steps

    @property
    def momenta(self) -> tuple[np.ndarray, np.ndarray]:
        """|p| and p_par of every marker."""
        p, parallel = self._state
        return np.asarray(p), np.asarray(parallel)


def _advance(c: Constants, waves: np.ndarray) -> Any:
    """Return a function of ((p, p_par), key, first step, steps) that gives (p, p_par) after those steps."""
    import jax
    import jax.numpy as jnp

    log_k_min = float(np.log(1.0 / c.x_top))
    ratio = float(np.exp(-0.5 * c.expansion_rate * c.dt))

    def expand(p, parallel):
        perp2 = jnp.maximum((p - jnp.abs(parallel)) * (p + jnp.abs(parallel)), 0.0)
        return jnp.sqrt(parallel**2 + perp2 * ratio), parallel

    def diffusion(q, P, energy, e, b):
        """Return D_q, with e(ln k) from the three splines that overlap at k = b/q."""
        u = (jnp.log(b / q) - log_k_min) / c.knot
        j = jnp.clip(u.astype(jnp.int32), 0, c.bins + 1)
        x = jnp.clip(u - j, 0.0, 1.0)
        power = 0.5 * (1.0 - x) ** 2 * e[j] + (0.5 + x - x**2) * e[j + 1] + 0.5 * x**2 * e[j + 2]
        return 0.5 * c.nu_coefficient * b * power / energy * (P - q) * (P + q)

    def kick(p, parallel, key, direction, b):
        V = SIGNS[direction] * c.alfven_speed * jnp.sqrt(b)
        gamma = 1.0 / jnp.sqrt(1.0 - V**2)
        total = jnp.sqrt(1.0 + p**2)
        along, energy = gamma * (parallel - V * total), gamma * (total - V * parallel)
        perp2 = jnp.maximum((p - jnp.abs(parallel)) * (p + jnp.abs(parallel)), 0.0)
        q, P = jnp.abs(along), jnp.sqrt(perp2 + along**2)
        sign = jnp.where(along < 0.0, -1.0, 1.0).astype(p.dtype)
        gap, top = c.x_gap * b, jnp.minimum(P, c.x_top * b)
        active = (q > gap) & (q < top)
        keys = jax.random.split(key, p.shape[0])
        e = jnp.pad(jnp.asarray(waves[direction]), [(0, 0), (2, 2)])
        moved = jax.vmap(lambda *marker: _solve(diffusion, c.dt, e, V, b, *marker))(q, P, energy, sign, keys)
        moved = gap + jnp.abs(moved - gap)
        moved = jnp.clip(top - jnp.abs(top - moved), gap, top)
        change = jnp.where(active, gamma * sign * (moved - q), 0.0)
        parallel = parallel + change
        return jnp.sqrt((total + V * change) ** 2 - 1.0), parallel

    def step(i, state, key):
        b = jnp.exp(-c.expansion_rate * c.dt * (i + 0.5)).astype(jnp.float32)
        state = expand(*state)
        for direction, part in enumerate(jax.random.split(jax.random.fold_in(key, i))):
            state = kick(*state, part, direction, b)
        return expand(*state)

    def advance(state, key, start, count):
        return jax.lax.fori_loop(start, start + count, lambda i, s: step(i, s, key), state)

    return advance


def _solve(diffusion, dt, e, V, b, q, P, energy, sign, key):
    """Return q of one marker after one Euler-Maruyama step of diffrax."""
    import diffrax
    import jax
    import jax.numpy as jnp

    branch = e[jnp.where(sign < 0.0, 1, 0)]

    def measure(q):
        return 1.0 + V * sign * q / energy

    def drift(t, q, _):
        return jax.grad(diffusion)(q, P, energy, branch, b) / measure(q)

    def noise(t, q, _):
        return jnp.sqrt(2.0 * jnp.maximum(diffusion(q, P, energy, branch, b), 0.0) / measure(q))

    path = diffrax.UnsafeBrownianPath(shape=(), key=key)
    terms = diffrax.MultiTerm(diffrax.ODETerm(drift), diffrax.ControlTerm(noise, path))
    solution = diffrax.diffeqsolve(
        terms,
        diffrax.Euler(),
        t0=0.0,
        t1=dt,
        dt0=dt,
        y0=q,
        max_steps=1,
        adjoint=diffrax.DirectAdjoint(),
        throw=False,
    )
    return solution.ys[0].astype(q.dtype)
