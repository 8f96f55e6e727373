"""Every number that Zweibel (2020) states, beside the same number recomputed.

Columns.  printed: the paper's.  recomputed: its own formula with its own inputs.  exact: the same with the
coefficients that close, and without an approximation of the formula where that can be undone.  simulated: crmc.
expected: theory for the run's parameters, against which the simulated value is to be held; the run takes v_A/c from B
and n_H, not the paper's rounded 2e-4.

Printed numbers are the only ones typed in.
"""

from __future__ import annotations

import jax

from crmc.paper import halo_numbers, theory_numbers
from crmc.paper.rows import Number, Rows, example
from crmc.paper.simulation import Simulation


def numbers(simulation: Simulation | None = None) -> tuple[Number, ...]:
    """All numbers in the order of the paper; without ``simulation`` nothing is simulated."""
    with jax.enable_x64(True):
        rows = Rows(example(), simulation)
        theory_numbers.add(rows)
        halo_numbers.add(rows)
        return tuple(rows.rows)
