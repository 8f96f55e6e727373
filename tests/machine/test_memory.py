"""The check of memory before a run: its message, and its numbers against XLA's account."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.run_cases import small

from crmc.cli.main import main
from crmc.machine import memory
from crmc.machine.devices import compiler_options
from crmc.physics.layout import Layout
from crmc.setup.build import build
from crmc.solvers.monte_carlo.solver import MONTE_CARLO


def test_too_many_markers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A run that does not fit says how many markers would, before it starts; that many pass."""
    monkeypatch.setattr(memory, "free_memory", lambda: 8e9)
    assert main(["run", "halo", "--set", "run.markers=1000000000", "-o", str(tmp_path / "x.nc")]) == 2
    error = capsys.readouterr().err
    assert "run.markers = 1000000000" in error and "8 GB are free" in error
    most = int(error.split("at most ")[1].split()[0])
    memory.require_memory(most, "float32", Layout())
    # 40 bytes of the step and 20 of the host's copy.
    assert 0.8 * 8e9 / 60 < most < 8e9 / 60


@pytest.mark.parametrize("precision", ["float32", pytest.param("float64", marks=pytest.mark.full)])
def test_memory_of_a_step(precision: str) -> None:
    """What XLA sets aside for a step beside the markers, by its own account, is what `memory` reckons with."""
    temporary = {}
    # More markers than a sample of the growth functional takes, so that its share is constant.
    for count in (1 << 19, 1 << 21):
        setup = build(small(run__markers=count, run__precision=precision))
        arguments = setup.state, MONTE_CARLO.init(setup.parameters), jax.random.key(0), setup.parameters, jnp.asarray(1)
        compiled = jax.jit(MONTE_CARLO.advance, static_argnames="model", donate_argnums=0).lower(
            *arguments, model=setup.model
        )
        temporary[count] = compiled.compile(compiler_options()).memory_analysis().temp_size_in_bytes
    one, two = sorted(temporary)
    slope = (temporary[two] - temporary[one]) / (two - one)
    state = 5 * np.dtype(precision).itemsize
    assert slope + state <= memory.bytes_per_marker(precision) * 1.01
