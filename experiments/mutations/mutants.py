"""List the mutants: the error that each contains, and the test that should notice."""

from __future__ import annotations

from typing import NamedTuple


class Mutation(NamedTuple):
    """Replace ``old``, once in crmc/``file``, by ``new``; one of ``tests`` (tests/FILE::NAME) must then fail."""

    name: str
    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


ELASTIC = "solvers/monte_carlo/test_kernel.py::test_kicks_are_elastic_and_exchange_v_dp[1.0-0.3]"
FREQUENCY = "solvers/monte_carlo/test_scatter.py::test_scattering_frequency_carries_pi"
UNIFORM = "solvers/monte_carlo/test_kernel.py::test_uniform_phase_space_stays_uniform[3.0-1.0]"
GAP = "solvers/monte_carlo/test_kernel.py::test_the_gap_is_never_crossed[float64]"
DIFFUSION = "solvers/monte_carlo/test_kernel.py::test_diffusion_coefficient[0.0002-3.0-1.0]"
POLE = "solvers/monte_carlo/test_kernel.py::test_diffusion_at_the_pole"
METRIC = "solvers/monte_carlo/test_tables.py::test_metric_is_the_stated_integral[20-0.3-1.0]"
ENERGY = "physics/test_spectrum.py::test_energy_of_a_bin"
DEPOSIT = "solvers/monte_carlo/test_deposits.py::test_deposit_sums_to_the_energy_of_the_kicks"
FUNCTIONAL = "solvers/monte_carlo/test_functional.py::test_growth_functional_matches_the_quadrature[anisotropic]"
# Odd in mu: an anisotropy is the same in both hemispheres.
DRIFTING = "solvers/monte_carlo/test_functional.py::test_growth_functional_matches_the_quadrature[kappa]"
REPORTED = "solvers/monte_carlo/test_solver.py::test_reported_growth_rate_is_that_of_the_whole_f"
ISOTROPIC = "acceptance/test_appendix.py::test_markers_lose_what_the_waves_gain[anisotropic-0.0-0.7]"
MARKERS = "acceptance/test_appendix.py::test_markers_lose_what_the_waves_gain[anisotropic-3.0-0.7]"
TENSOR = "acceptance/test_appendix.py::test_energy_theorem_of_the_diffusion_tensor[drive2-branch0]"
FOLLOW = "physics/test_tube.py::test_waves_gas_and_field_follow_b[prescribed-1.5]"
WAVE_WORK = "physics/test_tube.py::test_work_of_the_waves_alone"
LEDGER = "physics/test_tube.py::test_the_ledger_closes[co_moving]"
COOLING = "physics/test_tube.py::test_heating_and_cooling_of_the_gas"
ORBIT = "physics/test_markers.py::test_expansion_follows_the_orbit"
CONTROL = "physics/test_markers.py::test_control_weight_is_w_minus_v_f0"
DAMPED = "physics/test_waves.py::test_damped_energy_heats_the_gas"
HALVES = "physics/test_waves.py::test_a_step_damps_by_halves_around_the_growth"
UNDAMPED = "physics/test_waves.py::test_kicks_are_made_by_the_waves_before_their_damping"
MIDDLE = "physics/test_waves.py::test_steady_state_of_nonlinear_damping"
WAVE_HELICITY = "orbits/test_transport.py::test_helicity_is_the_sign_of_resonant_particles[branch0]"
WAVE_AMPLITUDE = "orbits/test_slab.py::test_every_mode_keeps_its_amplitude[200]"
WAVE_MOMENTUM = "orbits/test_transport.py::test_momentum_is_exchanged_as_the_branch_moves[branch2]"
WAVE_SCATTERING = "orbits/test_transport.py::test_scattering_of_each_branch[branch1]"
INTEGRATOR = "orbits/test_pusher.py::test_orbits_are_those_of_an_independent_integrator"
GYRATION = "orbits/test_pusher.py::test_gyration_without_waves"
BOOSTED = "orbits/test_quasilinear.py::test_tensor_is_the_boosted_elastic_one[0.3]"
REALISATIONS = "orbits/test_transport.py::test_numbers_do_not_depend_on_the_batch"
STREAMING = "physics/test_gradient.py::test_free_streaming"
CROSSING = "solvers/monte_carlo/test_gap.py::test_uniform_phase_space_and_detailed_balance_across_the_gap"
CROSSING_PATH = "solvers/monte_carlo/test_gap.py::test_paths_do_not_jump_at_90_degrees"
CROSSING_ENERGY = "solvers/monte_carlo/test_gap.py::test_deposit_sums_to_the_energy_of_kicks_across_the_gap"

MUTATIONS = (
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
        "no-pi",
        "nu without its pi (eq. 30 as printed)",
        "setup/arrays.py",
        '"nu_coefficient": 1.0 if printed else math.pi,',
        '"nu_coefficient": 1.0,',
        (FREQUENCY,),
    ),
    Mutation(
        "theory-no-pi",
        "the same in the theory",
        "theory/scattering.py",
        'SCATTERING = {"exact": np.pi,',
        'SCATTERING = {"exact": 1.0,',
        (TENSOR,),
    ),
    Mutation(
        "theory-growth-half",
        "growth with pi/8 (eq. 13 as printed)",
        "theory/growth.py",
        'GROWTH = {"exact": np.pi / 4,',
        'GROWTH = {"exact": np.pi / 8,',
        (TENSOR,),
    ),
    Mutation(
        "theory-tensor-sign",
        "D_mup with the sign turned",
        "theory/scattering.py",
        "return DiffusionTensor(D, direction * lever * D,",
        "return DiffusionTensor(D, -direction * lever * D,",
        (TENSOR,),
    ),
    Mutation(
        "frequency-of-field",
        "Omega0 of the kicks does not follow B",
        "solvers/monte_carlo/scatter.py",
        "    nu_dt = parameters.nu_coefficient * b * parameters.dt\n",
        "    nu_dt = parameters.nu_coefficient * parameters.dt\n",
        (ISOTROPIC,),
    ),
    Mutation(
        "speed-of-field",
        "v_A of the kicks does not follow B",
        "physics/waves.py",
        "    return jnp.asarray(SIGNS) * parameters.alfven_speed * jnp.sqrt(state.b)\n",
        "    return jnp.asarray(SIGNS) * parameters.alfven_speed\n",
        (ISOTROPIC,),
    ),
    Mutation(
        "waves-no-expansion",
        "(3/2)(Bdot/B) W left out",
        "physics/tube.py",
        "return ratio ** (-0.5) if model.adiabatic_waves",
        "return ratio ** (-2.0) if model.adiabatic_waves",
        (FOLLOW,),
    ),
    Mutation(
        "waves-expansion-sign",
        "-(3/2)(Bdot/B) W",
        "physics/tube.py",
        "return ratio ** (-0.5) if model.adiabatic_waves",
        "return ratio ** (-3.5) if model.adiabatic_waves",
        (FOLLOW,),
    ),
    Mutation(
        "waves-no-work",
        "the waves do no work on the wall",
        "physics/tube.py",
        "waves = 0.5 * waves * ratio**1.5 if",
        "waves = 0.0 * waves if",
        (WAVE_WORK,),
    ),
    Mutation(
        "kicks-without-f0",
        "growth by the weights before the kick alone, without the part of F0",
        "solvers/monte_carlo/scatter.py",
        "        mean = [0.5 * (weight[i] + weight[i + 1]) for i in range(2)]\n",
        "        mean = weight[:2]\n",
        (ISOTROPIC,),
    ),
    Mutation(
        "kicks-f0-twice",
        "growth by the weights after the kick alone, with twice the part of F0",
        "solvers/monte_carlo/scatter.py",
        "        mean = [0.5 * (weight[i] + weight[i + 1]) for i in range(2)]\n",
        "        mean = weight[1:]\n",
        (ISOTROPIC,),
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
        "    q_low = (grid.x_low * b).astype(dtype)\n",
        "    q_low = (0.9 * grid.x_low * b).astype(dtype)\n",
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
        "* to_top * (P + grid.x_mid) / measure)",
        "* to_top * (P + grid.x_mid))",
        (METRIC,),
    ),
    Mutation(
        "no-pole-compression",
        "the bare metric near mu' = 1",
        "solvers/monte_carlo/tables.py",
        "    compressed = interval * pole_distance(from_pole / interval)\n",
        "    compressed = from_pole\n",
        (POLE,),
    ),
    Mutation(
        "expansion-sign",
        "the isotropic part of the change of y has the wrong sign",
        "physics/markers.py",
        "jnp.expm1(-2.0 / 3.0 * log_ratio)",
        "jnp.expm1(2.0 / 3.0 * log_ratio)",
        (ORBIT,),
    ),
    Mutation(
        "expansion-reversed",
        "the whole shift of ln y has the wrong sign",
        "physics/markers.py",
        "rise=markers.rise + shift)",
        "rise=markers.rise - shift)",
        (ORBIT,),
    ),
    Mutation(
        "kick-helicity",
        "markers scatter off the waves of the other helicity",
        "solvers/monte_carlo/kernel.py",
        "    first = jnp.where(frame.sign < 0.0, ROWS, 0)\n",
        "    first = jnp.where(frame.sign > 0.0, ROWS, 0)\n",
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
        "control-variate-sign",
        "w = W + V F0 - 2 V F0(y0)",
        "physics/markers.py",
        "return markers.excess - jnp.sum(",
        "return markers.excess + jnp.sum(",
        (CONTROL,),
    ),
    Mutation(
        "damping-half",
        "wave energy decays at Gamma_d, not 2 Gamma_d",
        "physics/waves.py",
        "jnp.exp(-2.0 * rate(middle) * dt)",
        "jnp.exp(-rate(middle) * dt)",
        (DAMPED,),
    ),
    Mutation(
        "damping-after-growth",
        "a whole step's damping after the growth, none before: the next kicks are by fully damped waves",
        "solvers/monte_carlo/scatter.py",
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
        "    tables = scattering_tables(state, parameters, nu_dt)\n",
        "    tables = scattering_tables(damp(state, parameters, model, 0.5 * parameters.dt)[0], parameters, nu_dt)\n",
        (UNDAMPED,),
    ),
    Mutation(
        "damping-rate-of-start",
        "nonlinear damping at the rate of the start of each half",
        "physics/waves.py",
        "jnp.exp(-2.0 * rate(middle) * dt)",
        "jnp.exp(-2.0 * rate(state.e) * dt)",
        (MIDDLE,),
    ),
    Mutation(
        "first-half-not-recorded",
        "the heat of the first half of the damping is not tallied",
        "solvers/monte_carlo/step.py",
        "tally._replace(damped=tally.damped + damped)",
        "tally._replace(damped=damped)",
        (HALVES,),
    ),
    Mutation(
        "magnetic-energy-only",
        "the kinetic half of the wave energy is left out",
        "physics/spectrum.py",
        "    return grid.knot * (alfven_speed * b) ** 2\n",
        "    return 0.5 * grid.knot * (alfven_speed * b) ** 2\n",
        (ENERGY,),
    ),
    Mutation(
        "growth-to-other-direction",
        "the waves of the other direction get the energy",
        "physics/waves.py",
        "dataclasses.replace(state, e=grown), unit",
        "dataclasses.replace(state, e=grown[::-1]), unit",
        (MARKERS,),
    ),
    Mutation(
        "growth-sign",
        "the waves lose what the particles lose",
        "solvers/monte_carlo/deposits.py",
        "    return -(gamma * V * b * b)[:, None, None] * SIGNS[:, None] * deposited(grid, e, histogram)\n",
        "    return (gamma * V * b * b)[:, None, None] * SIGNS[:, None] * deposited(grid, e, histogram)\n",
        (DEPOSIT,),
    ),
    Mutation(
        "cooling-sign",
        "cooling heats the gas",
        "physics/tube.py",
        "(parameters.adiabatic_index - 1.0) * (heat - cool)",
        "(parameters.adiabatic_index - 1.0) * (heat + cool)",
        (COOLING,),
    ),
    Mutation(
        "cooling-not-booked",
        "what the gas radiates is not booked",
        "physics/tube.py",
        "radiated=state.books.radiated + cool / state.b,",
        "radiated=state.books.radiated,",
        (COOLING,),
    ),
    Mutation(
        "work-sign",
        "the work on the wall is booked as received",
        "physics/tube.py",
        "work=state.books.work + work),\n",
        "work=state.books.work - work),\n",
        (WAVE_WORK,),
    ),
    Mutation(
        "ledger-radiation-sign",
        "the ledger counts radiation as a gain",
        "physics/moments.py",
        "+ books.radiated + books.work",
        "- books.radiated + books.work",
        (LEDGER,),
    ),
    Mutation(
        "orbit-helicity",
        "the explicit waves turn the other way",
        "orbits/slab.py",
        "    right, left = ",
        "    left, right = ",
        (WAVE_HELICITY,),
    ),
    Mutation(
        "orbit-field-not-raised",
        "interpolation takes power from short waves",
        "orbits/slab.py",
        "    raised = modes.amplitude / jnp.sinc(jnp.arange(modes.cells // 2) / modes.cells) ** 2\n",
        "    raised = modes.amplitude\n",
        (WAVE_AMPLITUDE,),
    ),
    Mutation(
        "orbit-no-electric-field",
        "particles in explicit waves meet no electric field",
        "orbits/pusher.py",
        "e_x + V * y, e_y - V * x\n",
        "e_x, e_y\n",
        (WAVE_MOMENTUM,),
    ),
    Mutation(
        "orbit-electric-sign",
        "E = V x dB",
        "orbits/pusher.py",
        "e_x + V * y, e_y - V * x\n",
        "e_x - V * y, e_y + V * x\n",
        (WAVE_MOMENTUM,),
    ),
    Mutation(
        "orbit-waves-at-rest",
        "explicit waves do not move",
        "orbits/pusher.py",
        "(speed - slab.velocity[d])",
        "speed",
        (INTEGRATOR,),
    ),
    Mutation(
        "orbit-gyration-reversed",
        "particles gyrate the other way",
        "orbits/pusher.py",
        "    t_z = 0.5 * dt\n",
        "    t_z = -0.5 * dt\n",
        (GYRATION,),
    ),
    Mutation(
        "orbit-first-order",
        "field evaluated at the start of the step",
        "orbits/pusher.py",
        "    ahead = drift(slab, particles, 0.5 * dt)\n",
        "    ahead = particles\n",
        (INTEGRATOR,),
    ),
    Mutation(
        "orbit-theory-printed",
        "the orbits' theory without its pi",
        "orbits/quasilinear.py",
        "jnp.sum(basis * own, axis=-1), coefficients)",
        'jnp.sum(basis * own, axis=-1), "printed")',
        (WAVE_SCATTERING,),
    ),
    Mutation(
        "orbit-theory-sign",
        "the orbits' theory with the sign of D_mup turned",
        "orbits/quasilinear.py",
        "(1.0 - mu * V / speed) / p, V / speed\n",
        "(1.0 - mu * V / speed) / p, -V / speed\n",
        (BOOSTED,),
    ),
    Mutation(
        "orbit-slope-twice",
        "D from displacements without its half",
        "orbits/transport.py",
        "    return 0.5 * (moment[..., last, :]",
        "    return (moment[..., last, :]",
        (WAVE_SCATTERING,),
    ),
    Mutation(
        "orbit-one-realisation",
        "all realisations are the same",
        "orbits/transport.py",
        "        own = jax.random.fold_in(key, number)\n",
        "        own = jax.random.fold_in(key, 0 * number)\n",
        (REALISATIONS,),
    ),
    Mutation(
        "gradient-sign",
        "cosmic rays stream up the gradient",
        "physics/gradient.py",
        "    return full * jnp.expm1(velocity * span.astype(dtype))\n",
        "    return full * jnp.expm1(-velocity * span.astype(dtype))\n",
        (STREAMING,),
    ),
    Mutation(
        "gradient-without-speed",
        "the gradient's drive is mu f/L, as for v = c",
        "physics/gradient.py",
        "jax.lax.rsqrt(1.0 + markers.momentum_squared(b))",
        "jax.lax.rsqrt(markers.momentum_squared(b))",
        (STREAMING,),
    ),
    Mutation(
        "gradient-of-the-deviation",
        "the gradient drives f - F0 alone",
        "physics/gradient.py",
        "gain(m, m.weight(parameters.background, state.amplitude), state.b, span)",
        "gain(m, m.control_weight(parameters.background, state.amplitude), state.b, span)",
        (STREAMING,),
    ),
    Mutation(
        "gradient-not-booked",
        "what the gradient brings in is not booked",
        "physics/gradient.py",
        "books=state.books.with_entered(number, energy))",
        "books=state.books)",
        (STREAMING,),
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
        "gap-energy-lost",
        "the energy of scattering within the gap goes nowhere",
        "solvers/monte_carlo/tables.py",
        "    return found + per_power[..., None] * grid.basis_low\n",
        "    return found\n",
        (CROSSING_ENERGY,),
    ),
)
