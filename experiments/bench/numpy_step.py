"""Run the step in vectorised NumPy, by blocks of markers that stay in the cache, on one thread."""

from __future__ import annotations

import numpy as np

from . import waves
from .problem import CELLS, CELLS_PER_OCTAVE, DEPOSIT_CELLS, DEPOSIT_OCTAVES, ROWS, SHAPE, Constants, Record, Tube

_NODES = DEPOSIT_CELLS + 1
#: Markers per block.
BLOCK = 8192


def available() -> str:
    """Say why this reference cannot run here ("" if it can)."""
    return ""


class Reference:
    """Advance the halo problem by NumPy."""

    threads = 1

    def __init__(self, constants: Constants, tube: Tube, seed: int = 0):
        self.constants, self.tube, self.record = constants, tube, Record()
        self._bits = np.random.SFC64(seed)
        self._words: np.ndarray | None = None

    def run(self, steps: int, words: np.ndarray | None = None) -> None:
        """Advance by ``steps`` steps; random words ``words``, (steps, N) uint64, replace the generator's."""
        for i in range(steps):
            self._words = None if words is None else words[i]
            waves.step(self.constants, self.tube, self.record, self)

    def kick(self, tables: tuple[waves.Table, waves.Table], order: tuple[int, int], x: waves.Expansion) -> waves.Kicked:
        """Make the first half of the expansion and both kicks."""
        c, tube = self.constants, self.tube
        found = [_MarkerTable(c, table, x.b_new, tube.rise.dtype) for table in tables]
        carried, histogram, sums = np.zeros(2), np.zeros((2, 2 * _NODES)), np.zeros(6)
        for block in _blocks(tube.count):
            size = block.stop - block.start
            word = self._bits.random_raw(size) if self._words is None else self._words[block]
            m = _Block(c, tube, block)
            m.expand(x, carried)
            m.kick(found, order, word, histogram, sums)
        return waves.Kicked(carried, histogram.reshape(2, 2, _NODES), sums)

    def settle(self, strength: float, mean: float, x: waves.Expansion) -> tuple[np.ndarray, float]:
        """Balance the energy and make the second half of the expansion."""
        carried, supplied = np.zeros(2), 0.0
        for block in _blocks(self.tube.count):
            m = _Block(self.constants, self.tube, block)
            supplied += m.balance(x.b, strength, mean)
            m.expand(x, carried)
        return carried, supplied


def _blocks(count: int) -> list[slice]:
    return [slice(i, min(i + BLOCK, count)) for i in range(0, count, BLOCK)]


class _Block:
    """One block of markers: views of their arrays, and quantities derived from them."""

    def __init__(self, c: Constants, tube: Tube, block: slice):
        self.c, self.dtype = c, tube.rise.dtype.type
        self.y0, self.par = tube.birth_momentum[block], tube.parallel_momentum[block]
        self.rise, self.volume, self.excess = tube.rise[block], tube.volume[block], tube.excess[block]
        self.rest = self.volume * (self.dtype(c.amplitude) * self._shape())
        self.weight = self.excess.astype(np.float64) + self.rest

    def _shape(self) -> np.ndarray:
        f = self.dtype
        return np.exp(f(-0.5 * self.c.index) * np.log(f(self.c.turnover) ** 2 + self.y0**2))

    def momentum_squared(self, b: float) -> np.ndarray:
        change, square = self.dtype(np.expm1(2.0 / 3.0 * np.log(b))), self.y0**2
        return square + square * (self.rise + change + self.rise * change)

    def control(self) -> np.ndarray:
        """Return the control weight w = W - V F0(y)."""
        f, y2 = self.dtype, self.y0**2
        share = y2 / (f(self.c.turnover) ** 2 + y2)
        return self.excess - self.rest * np.expm1(f(-0.5 * self.c.index) * np.log1p(share * self.rise))

    def expand(self, x: waves.Expansion, carried: np.ndarray) -> None:
        """Expand at constant p_par and magnetic moment; add W p_perp^2/(2 gamma) at the nodes to ``carried``."""
        f, log_ratio = self.dtype, np.log(x.b_new / x.b)
        p2, par2 = self.momentum_squared(x.b), self.par**2
        perp2 = np.maximum(p2 - par2, 0)
        for i, node in enumerate(x.nodes):
            there = perp2 * f(node / x.b)
            carried[i] += np.dot(self.weight, f(0.5) * there / np.sqrt(f(1.0) + par2 + there))
        grown, frame = perp2 / p2 * f(np.expm1(log_ratio)), f(np.expm1(-2.0 / 3.0 * log_ratio))
        self.rise += (1 + self.rise) * (grown + frame + grown * frame)

    def balance(self, b: float, strength: float, mean: float) -> float:
        """Correct the excess and return the energy that this gave, per b."""
        p2 = self.momentum_squared(b)
        energy = p2 / (np.sqrt(1 + p2) + 1)
        envelope = self.weight - self.control()
        correction = (strength * (envelope * (energy - mean))).astype(self.dtype)
        self.excess += correction
        self.weight = self.excess.astype(np.float64) + self.rest
        return float(np.sum(correction * energy, dtype=np.float64))

    def kick(
        self,
        tables: list[_MarkerTable],
        order: tuple[int, int],
        word: np.ndarray,
        histogram: np.ndarray,
        sums: np.ndarray,
    ) -> None:
        """Kick by the waves of both directions; add the deposits and the sums of `waves.Kicked`."""
        f = self.dtype
        halves = (word & np.uint64(0xFFFFFFFF)).astype(np.uint32), (word >> np.uint64(32)).astype(np.uint32)
        before = self.control()
        p2 = self.momentum_squared(tables[0].b)
        for direction in order:
            table = tables[direction]
            frame = _Frame(p2, self.par, f(table.table.velocity))
            q = table.kick(frame, halves[direction])
            moved = frame.gamma * frame.sign * (q - frame.q)
            gained = frame.V * moved
            self.par += moved
            self.rise += (1 + self.rise) * (gained * (2 * np.sqrt(1 + p2) + gained) / p2)
            after = self.control()
            mean = f(0.5) * (before + after)
            histogram[direction] += table.deposit(frame, q, mean)
            exchanged = self.weight * gained
            share = (mean * gained).astype(np.float64)
            sums[:3] += np.dot(share, share), np.sum(np.abs(exchanged)), np.sum(exchanged)
            before, p2 = after, self.momentum_squared(table.b)
        envelope = self.weight - before
        energy = p2 / (np.sqrt(1 + p2) + 1)
        product = envelope * energy
        sums[3:] += np.sum(envelope), np.sum(product), np.dot(product, energy)


class _Frame:
    """Marker variables in the frame of waves of phase velocity V."""

    def __init__(self, p2: np.ndarray, par: np.ndarray, V: np.floating):
        self.V, self.gamma = V, 1 / np.sqrt(1 - V**2)
        total = np.sqrt(1 + p2)
        p_par = self.gamma * (par - V * total)
        self.momentum = np.sqrt(np.maximum(p2 - par**2, 0) + p_par**2)
        self.energy = self.gamma * (total - V * par)
        self.q = np.abs(p_par)
        self.sign = np.where(p_par < 0, p2.dtype.type(-1), p2.dtype.type(1))


class _MarkerTable:
    """A scattering table in the markers' dtype, with the kicks and deposits made from it."""

    def __init__(self, c: Constants, table: waves.Table, b: float, dtype: np.dtype):
        self.c, self.table, self.b, self.dtype = c, table, b, dtype.type
        low = table.y.astype(dtype)
        self.low, self.rise = low[:, :-1].ravel(), np.diff(low, axis=1).ravel()
        self.scale = self.dtype(np.sqrt(6.0 * c.nu_coefficient * b * c.dt * table.reference))

    def kick(self, frame: _Frame, bits: np.ndarray) -> np.ndarray:
        """Return q after the kick."""
        c, f = self.c, self.dtype
        o = ((bits >> 16).astype(f) + f(0.5)) * f(2.0**-16)
        u = ((bits & 0xFFFF).astype(f) + f(0.5)) * f(2.0**-16)
        gap = f(c.x_gap * self.b)
        top = np.minimum(frame.momentum, f(c.x_top * self.b))
        active = (frame.q > gap) & (frame.q < top)
        above, below = (np.where(active, x, f(1.0)) for x in (frame.q - gap, top - frame.q))
        interval = self.scale / np.sqrt(frame.energy)
        r = np.log(frame.momentum) * f(1.0 / c.row_step) - f((c.row_start + np.log(self.b)) / c.row_step)
        r = np.clip(r, 0, f(ROWS - 1))
        row = np.minimum(r.astype(np.int32), ROWS - 2)
        mix = r - row.astype(f)
        base = ((frame.sign < 0) * np.int32(ROWS - 1) + row) * np.int32(CELLS + 1)

        def node(i: np.ndarray) -> np.ndarray:
            at = base + i
            return self.low.take(at) + mix * self.rise.take(at)

        t = f(CELLS) * _coordinate(above, below)
        i = np.minimum(t.astype(np.int32), CELLS - 1)
        left = node(i)
        y = left + (t - i.astype(f)) * (node(i + np.int32(1)) - left)
        ends = y - o * interval, y + (1 - o) * interval
        start, end = (gap + (above + below) * _place(node, base, x) for x in ends)
        start, end = np.where(active, start, frame.q), np.where(active, end, frame.q)
        return _reinject(frame, start, end, u)

    def deposit(self, frame: _Frame, q_after: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return the histogram of ``weight`` at q' minus that at q, (2 helicities x nodes,)."""
        c, f = self.c, self.dtype
        base = (frame.sign < 0) * np.int32(_NODES)
        histogram = np.zeros(2 * _NODES)
        for q, w in ((q_after, weight), (frame.q, -weight)):
            cell, upper = _deposit_position(q / f(c.x_gap * self.b))
            cell += base
            histogram += np.bincount(cell, w * (1 - upper), 2 * _NODES)
            histogram[1:] += np.bincount(cell, w * upper, 2 * _NODES)[:-1]
        return histogram


def _deposit_position(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the deposit cell of x [gap], and the weight of its upper node: the leading and the other bits of x."""
    single = x.dtype == np.float32
    kind, mantissa, one = (np.uint32, 23, 127) if single else (np.uint64, 52, 1023)
    shift = kind(mantissa - (CELLS_PER_OCTAVE.bit_length() - 1))
    x = np.clip(x, 1, x.dtype.type(2.0**DEPOSIT_OCTAVES * (1.0 - np.finfo(x.dtype).eps)))
    bits = x.view(kind) - (kind(one) << kind(mantissa))
    inside = bits & ((kind(1) << shift) - kind(1))
    return (bits >> shift).astype(np.int32), inside.astype(x.dtype) * x.dtype.type(2.0 ** -int(shift))


def _coordinate(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return the table coordinate at distances ``above`` from the gap and ``below`` from the top."""
    f = above.dtype.type
    a, b = np.sqrt(above), np.sqrt(below)
    half = f(1.0 + SHAPE) * b + f(1.0 - SHAPE) * a
    return 2 * a / (half + np.sqrt(half**2 - f(4.0 * SHAPE) * a * (b - a)))


def _place(node, base: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Find the fraction of the range at which Y is ``y`` by bisection on the nodes, then linearly.

    One read more than in the other programs, but without np.where, which takes longer than a read.
    """
    f = y.dtype.type
    i = np.zeros_like(base)
    for shift in (CELLS >> k for k in range(1, CELLS.bit_length())):
        i += (node(i + np.int32(shift)) <= y) * np.int32(shift)
    left = node(i)
    width = node(i + np.int32(1)) - left
    wide = width > 0
    within = np.where(wide, np.clip((y - left) / np.where(wide, width, f(1.0)), 0, 1), f(0.5))
    t = (i.astype(f) + within) * f(1.0 / CELLS)
    one, two = t * (1 + f(SHAPE) * (1 - t)), (1 - t) * (1 + f(SHAPE) * t)
    return one**2 / (one**2 + two**2)


def _reinject(frame: _Frame, start: np.ndarray, end: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Return a landing point uniform in g dq on [start, end]."""
    kappa = frame.V * frame.sign / frame.energy
    length = end - start
    g = 1 + kappa * start
    target = u * (g + u.dtype.type(0.5) * kappa * length)
    return start + length * (2 * target / (g + np.sqrt(g**2 + 2 * kappa * length * target)))
