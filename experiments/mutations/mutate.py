"""Break the program in one place at a time, and see that a named test notices.

    python experiments/mutations/mutate.py [--only NAME ...] [--list]

Works on a copy of the package and its tests.  Exits with 1 if a mutant survives, with 2 if the check itself is broken:
a text to replace that is not there exactly once, a test that fails without any mutation or that does not exist, or a
mutant that stops a test by something other than a failed assertion.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
#: Seconds allowed to the tests of one mutant, and to those of all together on the unmutated copy.
LIMIT, BASELINE_LIMIT = 240, 900


class Mutation(NamedTuple):
    """``old``, which occurs once in crmc/``file``, becomes ``new``; one of ``tests`` (tests/FILE::NAME) must fail."""

    name: str
    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


ELASTIC = "test_scattering.py::test_kicks_are_elastic_and_exchange_v_dp[1.0-0.3]"
FREQUENCY = "test_scattering.py::test_scattering_frequency_carries_pi"
UNIFORM = "test_scattering.py::test_uniform_phase_space_stays_uniform[3.0-1.0]"
GAP = "test_scattering.py::test_the_gap_is_never_crossed[float64]"
DIFFUSION = "test_scattering.py::test_diffusion_coefficient[0.0002-3.0-1.0]"
POLE = "test_scattering.py::test_diffusion_at_the_pole"
METRIC = "test_spectrum.py::test_metric_is_the_stated_integral[20-0.3-1.0]"
ENERGY = "test_spectrum.py::test_energy_of_a_bin"
DEPOSIT = "test_growth.py::test_deposit_sums_to_the_energy_of_the_kicks"
FUNCTIONAL = "test_growth.py::test_growth_functional_matches_the_quadrature[anisotropic]"
# Odd in mu: an anisotropy is the same in both hemispheres.
DRIFTING = "test_growth.py::test_growth_functional_matches_the_quadrature[kappa]"
REPORTED = "test_growth.py::test_reported_growth_rate_is_that_of_the_whole_f"
ISOTROPIC = "test_appendix.py::test_markers_lose_what_the_waves_gain[anisotropic-0.0-0.7]"
MARKERS = "test_appendix.py::test_markers_lose_what_the_waves_gain[anisotropic-3.0-0.7]"
TENSOR = "test_appendix.py::test_energy_theorem_of_the_diffusion_tensor[drive2-branch0]"
FOLLOW = "test_tube.py::test_waves_gas_and_field_follow_b[prescribed-1.5]"
WAVE_WORK = "test_tube.py::test_work_of_the_waves_alone"
LEDGER = "test_tube.py::test_the_ledger_closes[co_moving]"
COOLING = "test_tube.py::test_heating_and_cooling_of_the_gas"
ORBIT = "test_markers.py::test_expansion_follows_the_orbit"
CONTROL = "test_markers.py::test_control_weight_is_w_minus_v_f0"
DAMPED = "test_damping.py::test_damped_energy_heats_the_gas"
WAVE_HELICITY = "test_transport.py::test_helicity_is_the_sign_of_resonant_particles[branch0]"
WAVE_AMPLITUDE = "test_orbits.py::test_every_mode_keeps_its_amplitude[200]"
WAVE_MOMENTUM = "test_transport.py::test_momentum_is_exchanged_as_the_branch_moves[branch2]"
WAVE_SCATTERING = "test_transport.py::test_scattering_of_each_branch[branch1]"
INTEGRATOR = "test_orbits.py::test_orbits_are_those_of_an_independent_integrator"
GYRATION = "test_orbits.py::test_gyration_without_waves"
BOOSTED = "test_transport.py::test_tensor_is_the_boosted_elastic_one[0.3]"
REALISATIONS = "test_transport.py::test_numbers_do_not_depend_on_the_batch"

MUTATIONS = (
    Mutation(
        "kick-energy-lost",
        "a kick leaves the particle's energy alone",
        "scattering.py",
        "    gained = f.V * change\n",
        "    gained = 0.0 * f.V * change\n",
        (ELASTIC,),
    ),
    Mutation(
        "kick-energy-sign",
        "d eps = -V d p_par",
        "scattering.py",
        "    gained = f.V * change\n",
        "    gained = -f.V * change\n",
        (ELASTIC,),
    ),
    Mutation(
        "kick-momentum-lost",
        "a kick leaves p_par alone",
        "scattering.py",
        "parallel_momentum=markers.parallel_momentum + change,",
        "parallel_momentum=markers.parallel_momentum,",
        (ELASTIC,),
    ),
    Mutation(
        "kick-momentum-sign",
        "d p_par with the sign turned",
        "scattering.py",
        "parallel_momentum=markers.parallel_momentum + change,",
        "parallel_momentum=markers.parallel_momentum - change,",
        (ELASTIC,),
    ),
    Mutation(
        "booked-energy-sign",
        "the energy booked for a kick has the wrong sign",
        "scattering.py",
        "return f.V * f.gamma * f.sign * (kick.q - f.q)",
        "return -f.V * f.gamma * f.sign * (kick.q - f.q)",
        (ELASTIC,),
    ),
    Mutation(
        "no-pi",
        "nu without its pi (eq. 30 as printed)",
        "assemble.py",
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
        "kicks.py",
        "    nu_dt = parameters.nu_coefficient * b * parameters.dt\n",
        "    nu_dt = parameters.nu_coefficient * parameters.dt\n",
        (ISOTROPIC,),
    ),
    Mutation(
        "speed-of-field",
        "v_A of the kicks does not follow B",
        "kicks.py",
        "    return jnp.asarray(SIGNS) * parameters.alfven_speed * jnp.sqrt(state.b)\n",
        "    return jnp.asarray(SIGNS) * parameters.alfven_speed\n",
        (ISOTROPIC,),
    ),
    Mutation(
        "waves-no-expansion",
        "(3/2)(Bdot/B) W left out",
        "tube.py",
        "return ratio ** (-0.5) if model.adiabatic_waves",
        "return ratio ** (-2.0) if model.adiabatic_waves",
        (FOLLOW,),
    ),
    Mutation(
        "waves-expansion-sign",
        "-(3/2)(Bdot/B) W",
        "tube.py",
        "return ratio ** (-0.5) if model.adiabatic_waves",
        "return ratio ** (-3.5) if model.adiabatic_waves",
        (FOLLOW,),
    ),
    Mutation(
        "waves-no-work",
        "the waves do no work on the wall",
        "tube.py",
        "waves = 0.5 * waves * ratio**1.5 if",
        "waves = 0.0 * waves if",
        (WAVE_WORK,),
    ),
    Mutation(
        "kicks-without-f0",
        "growth by the weights before the kick alone, without the part of F0",
        "kicks.py",
        "        mean = [0.5 * (weight[i] + weight[i + 1]) for i in range(2)]\n",
        "        mean = weight[:2]\n",
        (ISOTROPIC,),
    ),
    Mutation(
        "kicks-f0-twice",
        "growth by the weights after the kick alone, with twice the part of F0",
        "kicks.py",
        "        mean = [0.5 * (weight[i] + weight[i + 1]) for i in range(2)]\n",
        "        mean = weight[1:]\n",
        (ISOTROPIC,),
    ),
    Mutation(
        "functional-f0-lost",
        "the functional without the part of F0",
        "growth.py",
        "markers.control_weight(background, amplitude) + markers.volume * background.change(amplitude, y, rise)",
        "markers.control_weight(background, amplitude)",
        (FUNCTIONAL, REPORTED),
    ),
    Mutation(
        "functional-f0-sign",
        "the functional with the wrong sign of the part of F0",
        "growth.py",
        "markers.control_weight(background, amplitude) + markers.volume * background.change(amplitude, y, rise)",
        "markers.control_weight(background, amplitude) - markers.volume * background.change(amplitude, y, rise)",
        (FUNCTIONAL, REPORTED),
    ),
    Mutation(
        "gap-narrowed",
        "the range of Y starts below the gap's edge",
        "scattering.py",
        "    q_gap = (grid.x_gap * b).astype(dtype)\n",
        "    q_gap = (0.9 * grid.x_gap * b).astype(dtype)\n",
        (GAP,),
    ),
    Mutation(
        "gap-left",
        "markers leave the gap",
        "scattering.py",
        "active = (frame.q > q_gap) & (frame.q < q_top)",
        "active = frame.q < q_top",
        (GAP,),
    ),
    Mutation(
        "gap-jumped",
        "intervals that end at the gap reach across it to the other side",
        "scattering.py",
        "    return reinject(frame, start, end, u, frame.sign)\n",
        "    start = jnp.where(start > q_gap, start, -start)\n    return reinject(frame, start, end, u, frame.sign)\n",
        (GAP,),
    ),
    Mutation(
        "no-boost",
        "kicks are elastic in the laboratory",
        "scattering.py",
        "    V = V.astype(parallel.dtype)\n",
        "    V = 0.0 * V.astype(parallel.dtype)\n",
        (ELASTIC,),
    ),
    Mutation(
        "no-boost-of-p-par",
        "p_par' = p_par",
        "scattering.py",
        "    p_par = gamma * (parallel - V * energy)\n",
        "    p_par = parallel\n",
        (ELASTIC,),
    ),
    Mutation(
        "landing-without-g",
        "landing points uniform in q, not in g dq",
        "scattering.py",
        "    kappa = frame.V * s / frame.energy\n",
        "    kappa = 0.0 * frame.V * s / frame.energy\n",
        (UNIFORM,),
    ),
    Mutation(
        "landing-g-sign",
        "landing points uniform in (2 - g) dq",
        "scattering.py",
        "    kappa = frame.V * s / frame.energy\n",
        "    kappa = -frame.V * s / frame.energy\n",
        (UNIFORM,),
    ),
    Mutation(
        "table-without-g",
        "the metric of the kicks without g",
        "spectrum.py",
        "* to_top * (P + grid.x_mid) / measure)",
        "* to_top * (P + grid.x_mid))",
        (METRIC,),
    ),
    Mutation(
        "no-pole-compression",
        "the bare metric near mu' = 1",
        "spectrum.py",
        "    compressed = interval * pole_distance(from_pole / interval)\n",
        "    compressed = from_pole\n",
        (POLE,),
    ),
    Mutation(
        "expansion-sign",
        "the isotropic part of the change of y has the wrong sign",
        "markers.py",
        "jnp.expm1(-2.0 / 3.0 * log_ratio)",
        "jnp.expm1(2.0 / 3.0 * log_ratio)",
        (ORBIT,),
    ),
    Mutation(
        "expansion-reversed",
        "the whole shift of ln y has the wrong sign",
        "markers.py",
        "rise=markers.rise + shift)",
        "rise=markers.rise - shift)",
        (ORBIT,),
    ),
    Mutation(
        "kick-helicity",
        "markers scatter off the waves of the other helicity",
        "scattering.py",
        "    first = jnp.where(frame.sign < 0.0, ROWS, 0)\n",
        "    first = jnp.where(frame.sign > 0.0, ROWS, 0)\n",
        (DIFFUSION,),
    ),
    Mutation(
        "deposit-helicity",
        "energy of the kicks goes to the other helicity",
        "growth.py",
        "jnp.where(kick.frame.sign < 0.0, DEPOSIT_CELLS + 1, 0)",
        "jnp.where(kick.frame.sign > 0.0, DEPOSIT_CELLS + 1, 0)",
        (DEPOSIT,),
    ),
    Mutation(
        "functional-helicity",
        "the functional reads the other helicity",
        "growth.py",
        "    helicity = (frame.sign < 0.0).astype(jnp.int32)\n",
        "    helicity = (frame.sign > 0.0).astype(jnp.int32)\n",
        (DRIFTING,),
    ),
    Mutation(
        "control-variate-sign",
        "w = W + V F0 - 2 V F0(y0)",
        "markers.py",
        "return markers.excess - jnp.sum(",
        "return markers.excess + jnp.sum(",
        (CONTROL,),
    ),
    Mutation(
        "damping-half",
        "wave energy decays at Gamma_d, not 2 Gamma_d",
        "step.py",
        "jnp.exp(-2.0 * rate * parameters.dt)",
        "jnp.exp(-rate * parameters.dt)",
        (DAMPED,),
    ),
    Mutation(
        "magnetic-energy-only",
        "the kinetic half of the wave energy is left out",
        "spectrum.py",
        "    return grid.knot * (alfven_speed * b) ** 2\n",
        "    return 0.5 * grid.knot * (alfven_speed * b) ** 2\n",
        (ENERGY,),
    ),
    Mutation(
        "growth-to-other-direction",
        "the waves of the other direction get the energy",
        "kicks.py",
        "dataclasses.replace(state, waves=waves), record",
        "dataclasses.replace(state, waves=waves[::-1]), record",
        (MARKERS,),
    ),
    Mutation(
        "growth-sign",
        "the waves lose what the particles lose",
        "growth.py",
        "    return -(gamma * V * b * b)[:, None, None] * SIGNS[:, None] * deposited(grid, e, histogram)\n",
        "    return (gamma * V * b * b)[:, None, None] * SIGNS[:, None] * deposited(grid, e, histogram)\n",
        (DEPOSIT,),
    ),
    Mutation(
        "cooling-sign",
        "cooling heats the gas",
        "tube.py",
        "(parameters.adiabatic_index - 1.0) * (heat - cool)",
        "(parameters.adiabatic_index - 1.0) * (heat + cool)",
        (COOLING,),
    ),
    Mutation(
        "cooling-not-booked",
        "what the gas radiates is not booked",
        "tube.py",
        "radiated=state.books.radiated + cool / state.b,",
        "radiated=state.books.radiated,",
        (COOLING,),
    ),
    Mutation(
        "work-sign",
        "the work on the wall is booked as received",
        "tube.py",
        "work=state.books.work + work),\n",
        "work=state.books.work - work),\n",
        (WAVE_WORK,),
    ),
    Mutation(
        "ledger-radiation-sign",
        "the ledger counts radiation as a gain",
        "reductions.py",
        "+ books.radiated + books.work",
        "- books.radiated + books.work",
        (LEDGER,),
    ),
    Mutation(
        "orbit-helicity",
        "the explicit waves turn the other way",
        "slab.py",
        "    right, left = ",
        "    left, right = ",
        (WAVE_HELICITY,),
    ),
    Mutation(
        "orbit-field-not-raised",
        "interpolation takes power from short waves",
        "slab.py",
        "    raised = modes.amplitude / jnp.sinc(jnp.arange(modes.cells // 2) / modes.cells) ** 2\n",
        "    raised = modes.amplitude\n",
        (WAVE_AMPLITUDE,),
    ),
    Mutation(
        "orbit-no-electric-field",
        "particles in explicit waves meet no electric field",
        "orbits.py",
        "e_x + V * y, e_y - V * x\n",
        "e_x, e_y\n",
        (WAVE_MOMENTUM,),
    ),
    Mutation(
        "orbit-electric-sign",
        "E = V x dB",
        "orbits.py",
        "e_x + V * y, e_y - V * x\n",
        "e_x - V * y, e_y + V * x\n",
        (WAVE_MOMENTUM,),
    ),
    Mutation(
        "orbit-waves-at-rest",
        "explicit waves do not move",
        "orbits.py",
        "(speed - slab.velocity[d])",
        "speed",
        (INTEGRATOR,),
    ),
    Mutation(
        "orbit-gyration-reversed",
        "particles gyrate the other way",
        "orbits.py",
        "    t_z = 0.5 * dt\n",
        "    t_z = -0.5 * dt\n",
        (GYRATION,),
    ),
    Mutation(
        "orbit-first-order",
        "field evaluated at the start of the step",
        "orbits.py",
        "    ahead = drift(slab, particles, 0.5 * dt)\n",
        "    ahead = particles\n",
        (INTEGRATOR,),
    ),
    Mutation(
        "orbit-theory-printed",
        "the orbits' theory without its pi",
        "quasilinear.py",
        "jnp.sum(basis * own, axis=-1), coefficients)",
        'jnp.sum(basis * own, axis=-1), "printed")',
        (WAVE_SCATTERING,),
    ),
    Mutation(
        "orbit-theory-sign",
        "the orbits' theory with the sign of D_mup turned",
        "quasilinear.py",
        "(1.0 - mu * V / speed) / p, V / speed\n",
        "(1.0 - mu * V / speed) / p, -V / speed\n",
        (BOOSTED,),
    ),
    Mutation(
        "orbit-slope-twice",
        "D from displacements without its half",
        "transport.py",
        "    return 0.5 * (moment[..., last, :]",
        "    return (moment[..., last, :]",
        (WAVE_SCATTERING,),
    ),
    Mutation(
        "orbit-one-realisation",
        "all realisations are the same",
        "transport.py",
        "        own = jax.random.fold_in(key, number)\n",
        "        own = jax.random.fold_in(key, 0 * number)\n",
        (REALISATIONS,),
    ),
)


class Broken(Exception):
    """The check itself does not work."""


def mutated(mutation: Mutation, source: str) -> str:
    """Text of the file after the mutation.  Raises Broken unless the text to replace occurs exactly once."""
    found = source.count(mutation.old)
    if found != 1:
        raise Broken(f"{mutation.name}: crmc/{mutation.file} has the text to replace {found} times:\n{mutation.old}")
    return source.replace(mutation.old, mutation.new)


def copy_into(folder: Path) -> None:
    """The package, its tests and what these read, without what was compiled."""
    for name in ("crmc", "tests", "experiments"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.nc"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder / name)


def environment(folder: Path) -> dict[str, str]:
    """Environment in which ``import crmc`` finds the copy, and what one process compiles serves the next."""
    return os.environ | {
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "COLUMNS": "1000",  # pytest cuts the reason of a failure off at the width of the terminal
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.3",
    }


def check_import(folder: Path) -> None:
    """Raise Broken if the tests would run against another package than the copy."""
    command = [sys.executable, "-c", "import crmc; print(crmc.__file__)"]
    shown = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=True)
    if Path(shown.stdout.strip()).resolve().parents[1] != folder.resolve():
        raise Broken(f"the tests would import {shown.stdout.strip()}, not the copy in {folder}")


def run_tests(folder: Path, tests: Iterable[str], limit: float) -> tuple[int, str]:
    """Exit status of pytest (-1: out of time) and what it wrote."""
    names = [f"tests/{test}" for test in tests]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--tb=line", "-rf", *names]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=limit
        )
    except subprocess.TimeoutExpired:
        return -1, f"still running after {limit:.0f} s"
    return done.returncode, done.stdout + done.stderr


def failed_test(mutation: Mutation, status: int, output: str) -> str:
    """Name of the test that failed by an assertion, empty if all passed.  Raises Broken for any other outcome."""
    if status == 0:
        return ""
    found = re.search(r"^FAILED tests/(\S+)(?: - (.*))?$", output, re.MULTILINE)
    if status != 1 or not found or not re.match(r"assert|AssertionError", found[2] or "AssertionError"):
        raise Broken(f"{mutation.name}: not a failed assertion but status {status}:\n{output[-3000:]}")
    return found[1]


def check(mutation: Mutation, folder: Path) -> tuple[str, float]:
    """The test that notices the mutation ("" if none does), and seconds; the copy is as before afterwards."""
    path, start = folder / "crmc" / mutation.file, time.monotonic()
    source = path.read_text(encoding="utf-8")
    path.write_text(mutated(mutation, source), encoding="utf-8")
    try:
        return failed_test(mutation, *run_tests(folder, mutation.tests, LIMIT)), time.monotonic() - start
    finally:
        path.write_text(source, encoding="utf-8")


def row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def run(mutations: Iterable[Mutation], folder: Path) -> int:
    """Check all mutations in an empty folder and print a table; number of survivors.  Raises Broken."""
    mutations = tuple(mutations)
    copy_into(folder)
    for mutation in mutations:
        mutated(mutation, (folder / "crmc" / mutation.file).read_text(encoding="utf-8"))
    check_import(folder)
    start = time.monotonic()
    tests = sorted({test for mutation in mutations for test in mutation.tests})
    status, output = run_tests(folder, tests, BASELINE_LIMIT)
    if status != 0:
        raise Broken(f"the tests fail without any mutation:\n{output[-3000:]}")
    print(row("mutant", "what is wrong", "in crmc/", "noticed by", "s"))
    print(row(*["---"] * 5))
    print(row("(none)", "nothing", "", f"{len(tests)} tests pass", f"{time.monotonic() - start:.0f}"), flush=True)
    survivors, broken = 0, []
    for mutation in mutations:
        try:
            killer, seconds = check(mutation, folder)
        except Broken as error:
            broken.append(str(error))
            continue
        survivors += not killer
        shown = f"`{killer}`" if killer else "SURVIVES " + ", ".join(mutation.tests)
        print(row(mutation.name, mutation.what, mutation.file, shown, f"{seconds:.0f}"), flush=True)
    if broken:
        raise Broken("\n".join(broken))
    print(f"\n{len(mutations) - survivors} of {len(mutations)} mutants noticed in {time.monotonic() - start:.0f} s")
    return survivors


def main() -> int:
    parser = argparse.ArgumentParser(description="Break crmc in one place at a time; a named test must notice.")
    names = [mutation.name for mutation in MUTATIONS]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help="only this one; repeatable")
    parser.add_argument("--list", action="store_true", help="names and descriptions, without running anything")
    arguments = parser.parse_args()
    chosen = [m for m in MUTATIONS if not arguments.only or m.name in arguments.only]
    if arguments.list:
        for mutation in chosen:
            print(f"{mutation.name:28}{mutation.what}")
        return 0
    try:
        with tempfile.TemporaryDirectory(prefix="crmc-mutations-") as folder:
            return 1 if run(chosen, Path(folder)) else 0
    except Broken as error:
        print(f"mutate.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
