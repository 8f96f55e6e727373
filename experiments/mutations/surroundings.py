"""Mutants of what the kicks act on and between: markers, waves, tube, gradient, theory."""

from __future__ import annotations

from mutation import Mutation

FREQUENCY = "solvers/monte_carlo/test_scatter.py::test_scattering_frequency_carries_pi"
ENERGY = "physics/test_spectrum.py::test_energy_of_a_bin"
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
MIDDLE = "physics/test_waves.py::test_steady_state_of_nonlinear_damping"
STREAMING = "physics/test_gradient.py::test_free_streaming"

SURROUNDINGS = (
    Mutation(
        "no-pi",
        "nu without its pi (eq. 30 as printed)",
        "setup/numbers.py",
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
        "speed-of-field",
        "v_A of the kicks does not follow B",
        "physics/waves.py",
        "    return jnp.asarray(SIGNS) * parameters.alfven_speed * jnp.sqrt(state.resonance)\n",
        "    return jnp.asarray(SIGNS) * parameters.alfven_speed\n",
        (ISOTROPIC,),
    ),
    Mutation(
        "waves-no-expansion",
        "(3/2)(Bdot/B) W left out",
        "physics/tube.py",
        "factor = ratio ** (-0.5) if model.adiabatic_waves",
        "factor = ratio ** (-2.0) if model.adiabatic_waves",
        (FOLLOW,),
    ),
    Mutation(
        "waves-expansion-sign",
        "-(3/2)(Bdot/B) W",
        "physics/tube.py",
        "factor = ratio ** (-0.5) if model.adiabatic_waves",
        "factor = ratio ** (-3.5) if model.adiabatic_waves",
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
        "expansion-sign",
        "the isotropic part of the change of y has the wrong sign",
        "physics/markers.py",
        "jnp.expm1(-2.0 / 3.0 * log_density)",
        "jnp.expm1(2.0 / 3.0 * log_density)",
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
        "damping-rate-of-start",
        "nonlinear damping at the rate of the start of each half",
        "physics/waves.py",
        "jnp.exp(-2.0 * rate(middle) * dt)",
        "jnp.exp(-2.0 * rate(state.e) * dt)",
        (MIDDLE,),
    ),
    Mutation(
        "magnetic-energy-only",
        "the kinetic half of the wave energy is left out",
        "physics/spectrum.py",
        "    return grid.width * (alfven_speed * b) ** 2\n",
        "    return 0.5 * grid.width * (alfven_speed * b) ** 2\n",
        (ENERGY,),
    ),
    Mutation(
        "growth-to-other-direction",
        "the waves of the other direction get the energy",
        "physics/waves.py",
        "dataclasses.replace(state, e=grown), jnp.sum",
        "dataclasses.replace(state, e=grown[::-1]), jnp.sum",
        (MARKERS,),
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
        "radiated=state.books.radiated + cool / state.density,",
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
        "jax.lax.rsqrt(1.0 + markers.momentum_squared(density))",
        "jax.lax.rsqrt(markers.momentum_squared(density))",
        (STREAMING,),
    ),
    Mutation(
        "gradient-of-the-deviation",
        "the gradient drives f - F0 alone",
        "physics/gradient.py",
        "gain(m, m.weight(parameters.background, state.amplitude), state.density, span)",
        "gain(m, m.control_weight(parameters.background, state.amplitude), state.density, span)",
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
)
