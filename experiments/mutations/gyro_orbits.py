"""Mutants of the orbits in explicit waves."""

from __future__ import annotations

from mutation import Mutation

WAVE_HELICITY = "orbits/test_transport.py::test_helicity_is_the_sign_of_resonant_particles[branch1]"
WAVE_AMPLITUDE = "orbits/test_slab.py::test_every_mode_keeps_its_amplitude[200]"
WAVE_MOMENTUM = "orbits/test_transport.py::test_momentum_is_exchanged_as_the_branch_moves[branch2]"
WAVE_SCATTERING = "orbits/test_transport.py::test_scattering_of_each_branch[branch1]"
INTEGRATOR = "orbits/test_pusher.py::test_orbits_are_those_of_an_independent_integrator"
GYRATION = "orbits/test_pusher.py::test_gyration_without_waves"
BOOSTED = "orbits/test_quasilinear.py::test_tensor_is_the_boosted_elastic_one[0.3]"
REALISATIONS = "orbits/test_transport.py::test_numbers_do_not_depend_on_the_batch"

GYRO_ORBITS = (
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
)
