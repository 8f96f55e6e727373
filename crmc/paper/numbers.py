"""Recompute every number that Zweibel (2020) states.

Only the printed numbers are typed in.  The columns:

printed: the paper's number
recomputed: the paper's formula with the paper's inputs
exact: the formula with the coefficients that close, without those of its approximations that can be undone
simulated: measured in a run of crmc
expected: theory for the parameters of that run, which takes v_A/c from B and n_H, not the paper's rounded 2e-4
"""

from __future__ import annotations

import jax

from crmc.paper import halo_numbers, theory_numbers
from crmc.paper.rows import Number, Rows, example
from crmc.paper.simulation import Simulation


def numbers(simulation: Simulation | None = None) -> tuple[Number, ...]:
    """Return all numbers in the order of the paper; without a simulation the last two columns are empty."""
    with jax.enable_x64(True):
        rows = Rows(example(), simulation)
        theory_numbers.add(rows)
        halo_numbers.add(rows)
        return tuple(rows.rows)
