"""Prepare the production step on the halo problem for the benchmark."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from jax.stages import Compiled

    from crmc.physics.markers import Markers


class Production(NamedTuple):
    """The compiled production step on the halo problem.

    advance: runs a number of steps and waits for them
    cost: XLA's count of flops and transcendentals per marker and step; empty where XLA does not count
    threads: number of cores or devices in use
    device: their kind
    """

    advance: Callable[[int], None]
    cost: dict[str, float]
    threads: int
    device: str


def prepare(markers: int, drawn: int | None = None) -> Callable[[], Production]:
    """Set up the halo problem and return a function that compiles its step.

    Samples of the growth functional and coarse-graining are left out: they come once in many steps.  Call
    `crmc.machine.devices.offer_cores` before JAX's backend starts.

    drawn: number of markers drawn; a larger number of markers must be a multiple of it, and the others are copies, made
        on the device, that share the weights (default: all are drawn, on the host)
    """
    import jax
    import jax.numpy as jnp

    from crmc.config.config import load_config
    from crmc.machine.devices import choose_layout, compiler_options, place, spread_out
    from crmc.physics.noise import run_key
    from crmc.physics.parameters import Cadence
    from crmc.setup.build import build
    from crmc.solvers.monte_carlo.solver import MONTE_CARLO

    jax.config.update("jax_enable_x64", True)
    setup = build(load_config("halo", [f"run.markers={min(drawn or markers, markers)}"]))
    layout = choose_layout(markers)
    never = Cadence(*(jnp.asarray(2**30, jnp.int64) for _ in Cadence._fields))
    model = dataclasses.replace(setup.model, coarse_grain=False, layout=layout)
    # The functional is sampled at step 0.
    state = dataclasses.replace(setup.state, step=jnp.ones((), jnp.int64))
    if drawn and drawn < markers:
        state = dataclasses.replace(state, markers=_copied(state.markers, markers // drawn))
    else:
        state = place(state, layout)
    carry = [state, spread_out(MONTE_CARLO.init(setup.parameters), layout)]
    parameters = spread_out(dataclasses.replace(setup.parameters, cadence=never), layout)
    del setup, state
    key = run_key(0)

    def compile_step() -> Production:
        """Compile the step for the layout of the markers."""
        places = tuple(jax.tree.map(lambda x: x.sharding, part) for part in carry)
        step = jax.jit(MONTE_CARLO.advance, static_argnames="model", donate_argnums=0, out_shardings=places)
        compiled = step.lower(*carry, key, parameters, jnp.zeros((), jnp.int64), model=model).compile(
            compiler_options()
        )

        def run(steps: int) -> None:
            """Run a number of steps and wait for them."""
            carry[:] = compiled(*carry, key, parameters, jnp.asarray(steps, jnp.int64))
            jax.block_until_ready(carry)

        device = jax.devices()[0]
        kind = f"{device.platform} {device.device_kind}"
        return Production(run, _cost(compiled, markers), layout.devices, kind)

    return compile_step


def _copied(drawn: Markers, copies: int) -> Markers:
    """Return ``copies`` of every marker, which share its weight, on the first device."""
    import jax
    import jax.numpy as jnp

    def repeated(m: Markers) -> Markers:
        return jax.tree.map(lambda x: jnp.tile(x, copies), m)

    share = dataclasses.replace(drawn, volume=drawn.volume / copies, excess=drawn.excess / copies)
    return jax.jit(repeated)(share)


def _cost(compiled: Compiled, markers: int) -> dict[str, float]:
    """Return XLA's count of flops and transcendentals in the loop's body, per marker; empty if it does not count."""
    try:
        found = compiled.cost_analysis() or {}
    except (NotImplementedError, RuntimeError):
        return {}
    found = found[0] if isinstance(found, list) else found
    return {name: float(found[name]) / markers for name in ("flops", "transcendentals") if found.get(name, 0.0) > 0.0}
