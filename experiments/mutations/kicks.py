"""Mutants of the Monte Carlo solver: kicks, tables, deposits, the growth functional."""

from __future__ import annotations

from mutation import Mutation

ELASTIC = "solvers/monte_carlo/test_kernel.py::test_kicks_are_elastic_and_exchange_v_dp[1.0-0.3]"
UNIFORM = "solvers/monte_carlo/test_kernel.py::test_uniform_phase_space_stays_uniform[3.0-1.0]"
GAP = "solvers/monte_carlo/test_kernel.py::test_the_gap_is_never_crossed[float64]"
DIFFUSION = "solvers/monte_carlo/test_kernel.py::test_diffusion_coefficient[0.0002-3.0-1.0]"
POLE = "solvers/monte_carlo/test_kernel.py::test_diffusion_at_the_pole"
METRIC = "solvers/monte_carlo/test_tables.py::test_metric_is_the_stated_integral[20-0.3-1.0]"
DEPOSIT = "solvers/monte_carlo/test_deposits.py::test_deposit_sums_to_the_energy_of_the_kicks"
FUNCTIONAL = "solvers/monte_carlo/test_functional.py::test_growth_functional_matches_the_quadrature[anisotropic]"
# Odd in mu: an anisotropy is the same in both hemispheres.
DRIFTING = "solvers/monte_carlo/test_functional.py::test_growth_functional_matches_the_quadrature[kappa]"
REPORTED = "solvers/monte_carlo/test_solver.py::test_reported_growth_rate_is_that_of_the_whole_f"
ISOTROPIC = "acceptance/test_appendix.py::test_markers_lose_what_the_waves_gain[anisotropic-0.0-0.7]"
IMAGES = "solvers/monte_carlo/test_images.py::test_images_quieten_weak_waves"
HALVES = "physics/test_waves.py::test_a_step_damps_by_halves_around_the_growth"
UNDAMPED = "physics/test_waves.py::test_kicks_are_made_by_the_waves_before_their_damping"
CROSSING = "solvers/monte_carlo/test_gap.py::test_uniform_phase_space_and_detailed_balance_across_the_gap"
CROSSING_PATH = "solvers/monte_carlo/test_gap.py::test_paths_do_not_jump_at_90_degrees"
CROSSING_ENERGY = "solvers/monte_carlo/test_gap.py::test_deposit_sums_to_the_energy_of_kicks_across_the_gap[broadened]"
EDGE_ENERGY = "solvers/monte_carlo/test_gap.py::test_deposit_sums_to_the_energy_of_kicks_across_the_gap[edge]"
EDGE_FUNCTIONAL = "solvers/monte_carlo/test_gap.py::test_growth_functional_down_to_90_degrees[edge]"
BROADENED = "solvers/monte_carlo/test_broadened.py::test_diffusion_is_that_of_the_resonance"
BROADENED_GROWTH = "solvers/monte_carlo/test_broadened.py::test_kicks_and_functional_feed_the_waves_as_they_scatter"
EDGE_BOOKS = "physics/test_tube.py::test_the_ledger_closes[flow]"

KICKS = (
    Mutation(
        "kick-energy-lost",
        "a kick leaves the particle's energy alone",
        "solvers/monte_carlo/kernel.py",
        "    gained = f.V * change\n",
        "    gained = 0.0 * f.V * change\n",
        (ELASTIC,),
    ),
    Mutation(
        "kick-energy-sign",
        "d eps = -V d p_par",
        "solvers/monte_carlo/kernel.py",
        "    gained = f.V * change\n",
        "    gained = -f.V * change\n",
        (ELASTIC,),
    ),
    Mutation(
        "kick-momentum-lost",
        "a kick leaves p_par alone",
        "solvers/monte_carlo/kernel.py",
        "parallel_momentum=markers.parallel_momentum + change,",
        "parallel_momentum=markers.parallel_momentum,",
        (ELASTIC,),
    ),
    Mutation(
        "kick-momentum-sign",
        "d p_par with the sign turned",
        "solvers/monte_carlo/kernel.py",
        "parallel_momentum=markers.parallel_momentum + change,",
        "parallel_momentum=markers.parallel_momentum - change,",
        (ELASTIC,),
    ),
    Mutation(
        "booked-energy-sign",
        "the energy booked for a kick has the wrong sign",
        "solvers/monte_carlo/kernel.py",
        "return f.V * f.gamma * f.sign * (kick.q - f.q)",
        "return -f.V * f.gamma * f.sign * (kick.q - f.q)",
        (ELASTIC,),
    ),
    Mutation(
        "frequency-of-field",
        "Omega0 of the kicks does not follow B",
        "solvers/monte_carlo/exchange.py",
        "    nu_dt = parameters.nu_coefficient * to.b * parameters.dt\n",
        "    nu_dt = parameters.nu_coefficient * parameters.dt\n",
        (ISOTROPIC,),
    ),
    Mutation(
        "kicks-without-f0",
        "growth by the weights before the kick alone, without the part of F0",
        "solvers/monte_carlo/scatter.py",
        "deposited(kick, 0.5 * (weight + after))",
        "deposited(kick, weight)",
        (ISOTROPIC,),
    ),
    Mutation(
        "kicks-f0-twice",
        "growth by the weights after the kick alone, with twice the part of F0",
        "solvers/monte_carlo/scatter.py",
        "deposited(kick, 0.5 * (weight + after))",
        "deposited(kick, after)",
        (ISOTROPIC,),
    ),
    Mutation(
        "images-half-mirrored",
        "images with the place within the interval of the kick itself",
        "solvers/monte_carlo/scatter.py",
        "jnp.where(image == 1, ~bits, bits)",
        "jnp.where(image == 1, bits ^ 0xFFFF0000, bits)",
        (IMAGES,),
    ),
    Mutation(
        "images-unused",
        "growth by the kicks alone, however weak the waves",
        "solvers/monte_carlo/exchange.py",
        "0.5 * ((1.0 + kept) * own + (1.0 - kept) * mirrored)",
        "own",
        (IMAGES,),
    ),
    Mutation(
        "functional-f0-lost",
        "the functional without the part of F0",
        "solvers/monte_carlo/functional.py",
        "markers.control_weight(background, amplitude) + markers.volume * background.change(amplitude, y, rise)",
        "markers.control_weight(background, amplitude)",
        (FUNCTIONAL, REPORTED),
    ),
    Mutation(
        "functional-f0-sign",
        "the functional with the wrong sign of the part of F0",
        "solvers/monte_carlo/functional.py",
        "markers.control_weight(background, amplitude) + markers.volume * background.change(amplitude, y, rise)",
        "markers.control_weight(background, amplitude) - markers.volume * background.change(amplitude, y, rise)",
        (FUNCTIONAL, REPORTED),
    ),
    Mutation(
        "gap-narrowed",
        "the range of Y starts below the gap's edge",
        "solvers/monte_carlo/kernel.py",
        "    q_low = (grid.x_low * unit).astype(dtype)\n",
        "    q_low = (0.9 * grid.x_low * unit).astype(dtype)\n",
        (GAP,),
    ),
    Mutation(
        "gap-left",
        "markers leave the gap",
        "solvers/monte_carlo/kernel.py",
        "active = (frame.q > q_low) & (frame.q < q_top)",
        "active = frame.q < q_top",
        (GAP,),
    ),
    Mutation(
        "gap-jumped",
        "intervals that end at the gap reach across it to the other side",
        "solvers/monte_carlo/kernel.py",
        "    return reinject(frame, start, end, u, frame.sign)\n",
        "    start = jnp.where(start > q_low, start, -start)\n    return reinject(frame, start, end, u, frame.sign)\n",
        (GAP,),
    ),
    Mutation(
        "no-boost",
        "kicks are elastic in the laboratory",
        "solvers/monte_carlo/kernel.py",
        "    V = V.astype(parallel.dtype)\n",
        "    V = 0.0 * V.astype(parallel.dtype)\n",
        (ELASTIC,),
    ),
    Mutation(
        "no-boost-of-p-par",
        "p_par' = p_par",
        "solvers/monte_carlo/kernel.py",
        "    p_par = gamma * (parallel - V * energy)\n",
        "    p_par = parallel\n",
        (ELASTIC,),
    ),
    Mutation(
        "landing-without-g",
        "landing points uniform in q, not in g dq",
        "solvers/monte_carlo/kernel.py",
        "    kappa = frame.V * s / frame.energy\n",
        "    kappa = 0.0 * frame.V * s / frame.energy\n",
        (UNIFORM,),
    ),
    Mutation(
        "landing-g-sign",
        "landing points uniform in (2 - g) dq",
        "solvers/monte_carlo/kernel.py",
        "    kappa = frame.V * s / frame.energy\n",
        "    kappa = -frame.V * s / frame.energy\n",
        (UNIFORM,),
    ),
    Mutation(
        "table-without-g",
        "the metric of the kicks without g",
        "solvers/monte_carlo/tables.py",
        "jnp.sqrt(g * fixed.astype(dtype)",
        "jnp.sqrt(fixed.astype(dtype)",
        (METRIC,),
    ),
    Mutation(
        "no-pole-compression",
        "the bare metric near mu' = 1",
        "solvers/monte_carlo/tables.py",
        "    y = jnp.where(reaches, shift, 0.0) - metric.from_pole\n",
        "    y = -metric.from_pole\n",
        (POLE,),
    ),
    Mutation(
        "kick-helicity",
        "markers scatter off the waves of the other helicity",
        "solvers/monte_carlo/kernel.py",
        "+ jnp.where(frame.sign < 0.0, ROWS, 0)\n",
        "+ jnp.where(frame.sign > 0.0, ROWS, 0)\n",
        (DIFFUSION,),
    ),
    Mutation(
        "deposit-helicity",
        "energy of the kicks goes to the other helicity",
        "solvers/monte_carlo/deposits.py",
        "jnp.where(kick.frame.sign * q < 0.0, DEPOSIT_CELLS + 1, 0)",
        "jnp.where(kick.frame.sign * q > 0.0, DEPOSIT_CELLS + 1, 0)",
        (DEPOSIT,),
    ),
    Mutation(
        "functional-helicity",
        "the functional reads the other helicity",
        "solvers/monte_carlo/functional.py",
        "    helicity = (frame.sign * frame.q < 0.0).astype(jnp.int32)\n",
        "    helicity = (frame.sign * frame.q > 0.0).astype(jnp.int32)\n",
        (DRIFTING,),
    ),
    Mutation(
        "damping-after-growth",
        "a whole step's damping after the growth, none before: the next kicks are by fully damped waves",
        "solvers/monte_carlo/exchange.py",
        "    state, damped = damp(state, parameters, model, 0.5 * parameters.dt)\n"
        "    state, gain = grow(state, offered, parameters, model)\n",
        "    state, gain = grow(state, offered, parameters, model)\n"
        "    state, damped = damp(state, parameters, model, 0.5 * parameters.dt)\n",
        (HALVES,),
    ),
    Mutation(
        "kicks-by-damped-waves",
        "kicks by the waves after the first half of their damping",
        "solvers/monte_carlo/scatter.py",
        "        metric = metric_of(dataclasses.replace(ready.state, markers=before.markers), parameters)\n    markers",
        "        from crmc.physics.waves import damp\n"
        "        damped = damp(ready.state, parameters, model, 0.5 * parameters.dt)[0]\n"
        "        metric = metric_of(dataclasses.replace(damped, markers=before.markers), parameters)\n    markers",
        (UNDAMPED,),
    ),
    Mutation(
        "first-half-not-recorded",
        "the heat of the first half of the damping is not tallied",
        "solvers/monte_carlo/exchange.py",
        "tally._replace(damped=tally.damped + damped)",
        "tally._replace(damped=damped)",
        (HALVES,),
    ),
    Mutation(
        "growth-sign",
        "the waves lose what the particles lose",
        "solvers/monte_carlo/deposits.py",
        "    return -(gamma * V * b * b)[:, None] * SIGNS\n",
        "    return (gamma * V * b * b)[:, None] * SIGNS\n",
        (DEPOSIT,),
    ),
    Mutation(
        "gap-own-helicity",
        "beyond the gap a kick goes on in the table of its own helicity",
        "solvers/monte_carlo/kernel.py",
        "    other, origin = rows.opposite(sign), rows.node(0)\n",
        "    other, origin = rows, rows.node(0)\n",
        (CROSSING,),
    ),
    Mutation(
        "gap-path-jumps",
        "a kick's numbers count from q = 0 outwards in both hemispheres",
        "solvers/monte_carlo/kernel.py",
        "        bits = jnp.where(frame.sign < 0.0, ~bits, bits)\n",
        "        pass\n",
        (CROSSING_PATH,),
    ),
    Mutation(
        "gap-energy-to-own-helicity",
        "waves of the helicity that a particle leaves get all its energy",
        "solvers/monte_carlo/deposits.py",
        "jnp.where(kick.frame.sign * q < 0.0, DEPOSIT_CELLS + 1, 0)",
        "jnp.where(kick.frame.sign < 0.0, DEPOSIT_CELLS + 1, 0)",
        (CROSSING_ENERGY,),
    ),
    Mutation(
        "edge-energy-lost",
        "the energy of waves beyond k_max goes nowhere",
        "solvers/monte_carlo/exchange.py",
        "    state, passed = pass_on(state, beyond, parameters, model)\n",
        "    passed = jnp.zeros(())\n",
        (EDGE_BOOKS,),
    ),
    Mutation(
        "edge-energy-to-own-helicity",
        "waves beyond k_max of one helicity get the energy of the other",
        "solvers/monte_carlo/tables.py",
        "    return grid.edge * grid.x_gap * jnp.sum(histogram, axis=-1)\n",
        "    return grid.edge * grid.x_gap * jnp.sum(histogram, axis=-1)[..., ::-1]\n",
        (EDGE_ENERGY,),
    ),
    Mutation(
        "edge-energy-grows-a-bin",
        "the growth functional gives the last bin the power of waves beyond k_max",
        "solvers/monte_carlo/functional.py",
        "    basis = jnp.concatenate([(1.0 - beyond) * grid.resonant(x), beyond], axis=-1)\n",
        "    basis = jnp.concatenate([grid.resonant(x), 0.0 * beyond], axis=-1)\n",
        (EDGE_FUNCTIONAL,),
    ),
    Mutation(
        "gap-energy-lost",
        "the energy of scattering within the gap goes nowhere",
        "solvers/monte_carlo/tables.py",
        "    return found + per_power[..., None] * grid.basis_low\n",
        "    return found\n",
        (CROSSING_ENERGY,),
    ),
    Mutation(
        "resonance-of-one-helicity",
        "a broadened resonance reaches across 90 degrees, but meets the same helicity there",
        "physics/bands.py",
        "jnp.concatenate([e, jnp.flip(e, axis=-2)], axis=-1)",
        "jnp.concatenate([e, e], axis=-1)",
        (BROADENED,),
    ),
    Mutation(
        "resonance-feeds-one-helicity",
        "what a broadened resonance takes across 90 degrees feeds the other helicity",
        "physics/bands.py",
        "        return own + jnp.flip(other, axis=-2) + dark[..., None, None]\n",
        "        return own + other + dark[..., None, None]\n",
        (BROADENED_GROWTH,),
    ),
)
