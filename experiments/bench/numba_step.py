"""Run the step as a loop over markers that Numba compiles, on all cores, with thread-private histograms."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from . import waves
from .problem import CELLS, CELLS_PER_OCTAVE, DEPOSIT_CELLS, DEPOSIT_OCTAVES, ROWS, SHAPE, Constants, Record, Tube

_NODES, _STRIDE = DEPOSIT_CELLS + 1, CELLS + 1
#: Chunks per thread, so that a thread that is held up does not hold up the others.
_CHUNKS = 8


def available() -> str:
    """Say why this reference cannot run here ("" if it can)."""
    return "" if importlib.util.find_spec("numba") else "Numba is not installed; pip install 'crmc[bench]'"


class Reference:
    """Advance the halo problem by Numba; float32 markers."""

    def __init__(self, constants: Constants, tube: Tube, seed: int = 0):
        import numba

        self.constants, self.tube, self.record = constants, tube, Record()
        self.threads = numba.get_num_threads()
        self._seed, self._words = seed, np.zeros(0, np.uint64)
        self._kick, self._settle = _compiled()

    def run(self, steps: int, words: np.ndarray | None = None) -> None:
        """Advance by ``steps`` steps; random words ``words``, (steps, N) uint64, replace the generator's."""
        for i in range(steps):
            if words is not None:
                self._words = words[i]
            waves.step(self.constants, self.tube, self.record, self)
        self._words = np.zeros(0, np.uint64)

    def kick(self, tables: tuple[waves.Table, waves.Table], order: tuple[int, int], x: waves.Expansion) -> waves.Kicked:
        """Make the first half of the expansion and both kicks."""
        c, t, f = self.constants, self.tube, np.float32
        b = x.b_new
        y = np.stack([tables[0].y, tables[1].y]).astype(f).ravel()
        velocity = np.array([tables[0].velocity, tables[1].velocity], f)
        reference = np.array([tables[0].reference, tables[1].reference])
        scale = np.sqrt(6.0 * c.nu_coefficient * b * c.dt * reference).astype(f)
        row_offset = (c.row_start + np.log(b)) / c.row_step
        geometry = np.array(
            [c.x_gap * b, c.x_top * b, 1.0 / c.row_step, row_offset, np.expm1(2.0 / 3.0 * np.log(b))], f
        )
        key = np.uint64((self._seed + 0x9E3779B97F4A7C15 * (t.step + 1)) % 2**64)
        histogram, sums = self._kick(
            *self._markers(), self._words, key, self._shape(), self._expansion(x), geometry, y, velocity, scale,
            order[0], self.threads * _CHUNKS,
        )  # fmt: skip
        total = sums.sum(axis=0)
        return waves.Kicked(total[:2], histogram.sum(axis=0).reshape(2, 2, _NODES), total[2:])

    def settle(self, strength: float, mean: float, x: waves.Expansion) -> tuple[np.ndarray, float]:
        """Balance the energy and make the second half of the expansion."""
        chunks = self.threads * _CHUNKS
        sums = self._settle(*self._markers(), self._shape(), self._expansion(x), strength, mean, chunks)
        total = sums.sum(axis=0)
        return total[:2], float(total[2])

    def _markers(self) -> tuple[np.ndarray, ...]:
        t = self.tube
        return t.birth_momentum, t.parallel_momentum, t.rise, t.volume, t.excess

    def _shape(self) -> np.ndarray:
        c = self.constants
        return np.array([c.amplitude, -0.5 * c.index, c.turnover**2], np.float32)

    def _expansion(self, x: waves.Expansion) -> np.ndarray:
        log_ratio = np.log(x.b_new / x.b)
        low, high = x.nodes
        growth, frame = np.expm1(log_ratio), np.expm1(-2.0 / 3.0 * log_ratio)
        return np.array([np.expm1(2.0 / 3.0 * np.log(x.b)), low / x.b, high / x.b, growth, frame], np.float32)


@functools.cache
def _compiled() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the two passes over the markers, which Numba compiles when they are first called."""
    import numba

    f, one, half = np.float32, np.float32(1.0), np.float32(0.5)
    inline = numba.njit(fastmath=True, error_model="numpy", inline="always")
    parallel = numba.njit(parallel=True, fastmath=True, error_model="numpy")
    golden = np.uint64(0x9E3779B97F4A7C15)
    rows, cells, stride, row_size = np.int32(ROWS), np.int32(CELLS), np.int32(_STRIDE), np.int32(CELLS + 1)
    bend, last = f(SHAPE), f(2.0**DEPOSIT_OCTAVES * (1.0 - 2.0**-23))
    shift_bits = 23 - (CELLS_PER_OCTAVE.bit_length() - 1)
    shift, inside_bits, first_cell = np.int32(shift_bits), np.int32((1 << shift_bits) - 1), np.int32(127 << 23)

    @inline
    def mix64(x):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))

    @inline
    def node(y, at, mix):
        low = y[at]
        return low + mix * (y[at + row_size] - low)

    @inline
    def inverse(y, base, mix, target):
        at, shift = base + (cells >> np.int32(1)), cells >> np.int32(2)
        while shift > 0:
            at += shift if node(y, at, mix) <= target else -shift
            shift >>= np.int32(1)
        near = node(y, at, mix)
        up = near <= target
        far = node(y, at + (np.int32(1) if up else np.int32(-1)), mix)
        left, width = near if up else far, abs(far - near)
        at -= np.int32(0) if up else np.int32(1)
        inside = min(max((target - left) / width, f(0.0)), one) if width > f(0.0) else half
        t = (f(at - base) + inside) * f(1.0 / CELLS)
        below, above = t * (one + bend * (one - t)), (one - t) * (one + bend * t)
        return below * below / (below * below + above * above)

    @inline
    def deposit(histogram, base, q, weight, geometry):
        bits = np.float32(min(max(q / geometry[0], one), last)).view(np.int32)
        cell = (bits - first_cell) >> shift
        upper = weight * (f(bits & inside_bits) * f(2.0**-shift_bits))
        histogram[base + cell] += weight - upper
        histogram[base + cell + 1] += upper

    @inline
    def squared(y2, risen, change):
        """Return p^2 at the field at which b^(2/3) - 1 is ``change``."""
        return y2 + y2 * (risen + change + risen * change)

    @inline
    def expanded(p2, par, W, x, sums):
        """Return the change of rise by 1 + rise, and add to the sums of the work."""
        par2 = par * par
        perp2 = max(p2 - par2, f(0.0))
        low, high = perp2 * x[1], perp2 * x[2]
        sums[0] += W * np.float64(half * low / np.sqrt(one + par2 + low))
        sums[1] += W * np.float64(half * high / np.sqrt(one + par2 + high))
        grown = perp2 / p2 * x[3]
        return grown + x[4] + grown * x[4]

    @inline
    def landing(q, P, energy, sign, V, word, geometry, y, direction, scale):
        """Return |p_par'| after the kick."""
        gap, top = geometry[0], min(P, geometry[1])
        if not (gap < q < top):
            return q
        span = top - gap
        r = min(max(np.log(P) * geometry[2] - geometry[3], f(0.0)), f(ROWS - 1))
        row = min(np.int32(r), rows - np.int32(2))
        mix = r - f(row)
        base = (row + rows * (np.int32(2) * direction + (np.int32(1) if sign < f(0.0) else np.int32(0)))) * stride
        interval = scale / np.sqrt(energy)
        o = (f(word >> np.uint32(16)) + half) * f(2.0**-16)
        u = (f(word & np.uint32(0xFFFF)) + half) * f(2.0**-16)
        a, z = np.sqrt(q - gap), np.sqrt(top - q)
        middle = (one + bend) * z + (one - bend) * a
        t = f(CELLS) * (f(2.0) * a / (middle + np.sqrt(middle * middle - f(4.0) * bend * a * (z - a))))
        i = min(np.int32(t), cells - np.int32(1))
        left = node(y, base + i, mix)
        at = left + (t - f(i)) * (node(y, base + i + np.int32(1), mix) - left)
        start = gap + span * inverse(y, base, mix, at - o * interval)
        length = gap + span * inverse(y, base, mix, at + (one - o) * interval) - start
        kappa = V * sign / energy
        g = one + kappa * start
        target = u * (g + half * kappa * length)
        return start + length * (f(2.0) * target / (g + np.sqrt(g * g + f(2.0) * kappa * length * target)))

    @parallel
    def kick(birth, parallel_, rise, volume, excess, words, key, shape, x, geometry, y, velocity, scale, first, chunks):
        count = rise.size
        histogram, sums, given = np.zeros((chunks, 4 * _NODES)), np.zeros((chunks, 8)), words.size > 0
        for chunk in numba.prange(chunks):
            mine, total = np.zeros(4 * _NODES), np.zeros(8)
            for i in range(chunk * count // chunks, (chunk + 1) * count // chunks):
                word = words[i] if given else mix64(key + golden * np.uint64(i + 1))
                y0, par, risen, extra = birth[i], parallel_[i], rise[i], excess[i]
                y2 = y0 * y0
                rest = volume[i] * shape[0] * np.exp(shape[1] * np.log(shape[2] + y2))
                share = y2 / (shape[2] + y2)
                W = np.float64(extra) + np.float64(rest)
                risen += (one + risen) * expanded(squared(y2, risen, x[0]), par, W, x, total)
                p2 = squared(y2, risen, geometry[4])
                before = extra - rest * np.expm1(shape[1] * np.log1p(share * risen))
                for k in range(2):
                    direction = np.int32(first if k == 0 else 1 - first)
                    V = velocity[direction]
                    gamma = one / np.sqrt(one - V * V)
                    lab = np.sqrt(one + p2)
                    p_par = gamma * (par - V * lab)
                    P = np.sqrt(max(p2 - par * par, f(0.0)) + p_par * p_par)
                    energy = gamma * (lab - V * par)
                    q = abs(p_par)
                    sign = f(-1.0) if p_par < f(0.0) else one
                    half_word = np.uint32((word >> (np.uint64(32) * np.uint64(direction))) & np.uint64(0xFFFFFFFF))
                    after = landing(q, P, energy, sign, V, half_word, geometry, y, direction, scale[direction])
                    change = gamma * sign * (after - q)
                    gained = V * change
                    relative = gained * (f(2.0) * lab + gained) / p2
                    par += change
                    risen += (one + risen) * relative
                    p2 = squared(y2, risen, geometry[4])
                    weight = extra - rest * np.expm1(shape[1] * np.log1p(share * risen))
                    mean = half * (before + weight)
                    before = weight
                    base = (2 * direction + (1 if sign < f(0.0) else 0)) * _NODES
                    deposit(mine, base, after, mean, geometry)
                    deposit(mine, base, q, -mean, geometry)
                    lost = W * np.float64(gained)
                    total[2] += np.float64(mean * gained) ** 2
                    total[3] += abs(lost)
                    total[4] += lost
                density = W - np.float64(before)
                kinetic = np.float64(p2 / (np.sqrt(one + p2) + one))
                total[5] += density
                total[6] += density * kinetic
                total[7] += density * kinetic * kinetic
                parallel_[i], rise[i] = par, risen
            histogram[chunk] = mine
            sums[chunk] = total
        return histogram, sums

    @parallel
    def settle(birth, parallel_, rise, volume, excess, shape, x, strength, mean, chunks):
        count = rise.size
        sums = np.zeros((chunks, 3))
        for chunk in numba.prange(chunks):
            total = np.zeros(3)
            for i in range(chunk * count // chunks, (chunk + 1) * count // chunks):
                y0, risen = birth[i], rise[i]
                y2 = y0 * y0
                rest = volume[i] * shape[0] * np.exp(shape[1] * np.log(shape[2] + y2))
                p2 = squared(y2, risen, x[0])
                kinetic = p2 / (np.sqrt(one + p2) + one)
                density = rest * np.exp(shape[1] * np.log1p(y2 / (shape[2] + y2) * risen))
                correction = f(strength * (np.float64(density) * (np.float64(kinetic) - mean)))
                extra = excess[i] + correction
                total[2] += np.float64(correction) * np.float64(kinetic)
                excess[i] = extra
                W = np.float64(extra) + np.float64(rest)
                rise[i] = risen + (one + risen) * expanded(p2, parallel_[i], W, x, total)
            sums[chunk] = total
        return sums

    return kick, settle
