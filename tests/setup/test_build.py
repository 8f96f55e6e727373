"""Building a run: types of its arrays whatever JAX's precision, its solver, its schedule and its layout."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.run_cases import STEPS, small

from crmc.config.errors import ConfigError
from crmc.physics.layout import Layout
from crmc.setup.build import build, build_replicas
from crmc.setup.schedule import Schedule

AUTO = {"run__time_step": "auto"}


def arrays(setup):
    """All arrays of a setup."""
    return jax.tree.leaves((setup.parameters, setup.state))


def test_small_arrays_are_float64_in_32_bit_jax():
    """Called in 32-bit JAX: float64 but for markers of the precision asked for; the caller's precision stays."""
    with jax.enable_x64(False):
        narrow, wide = (build(small(run__precision=name)) for name in ("float32", "float64"))
        assert jnp.zeros(()).dtype == jnp.float32
    assert {x.dtype for x in jax.tree.leaves(narrow.state.markers)} == {np.dtype("float32")}
    assert {x.dtype for x in jax.tree.leaves(wide.state.markers)} == {np.dtype("float64")}
    for setup in (narrow, wide):
        rest = jax.tree.leaves((setup.parameters, dataclasses.replace(setup.state, markers=None)))
        assert {x.dtype for x in rest} == {np.dtype("float64"), np.dtype("int64")}
        assert setup.state.b.dtype == setup.state.e.dtype == setup.parameters.dt.dtype == np.float64
        assert setup.state.step.dtype == np.int64


def test_precision_of_jax_changes_no_bit():
    """The same arrays, to the bit, from 32-bit and from 64-bit JAX."""
    wide = build(small())
    with jax.enable_x64(False):
        narrow = build(small())
    for one, other in zip(arrays(wide), arrays(narrow), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_float32_starts_with_the_same_markers() -> None:
    """Both precisions start from one sample, rounded, in arrays of their own type; small arrays stay float64."""
    with jax.enable_x64(True):
        wide, narrow = (build(small(run__precision=name)).state for name in ("float64", "float32"))
    for field in dataclasses.fields(wide.markers):
        one, other = getattr(wide.markers, field.name), getattr(narrow.markers, field.name)
        assert (one.dtype, other.dtype) == (np.float64, np.float32)
        np.testing.assert_array_equal(np.asarray(one).astype(np.float32), other)
    assert narrow.e.dtype == narrow.b.dtype == narrow.amplitude.dtype == np.float64


def test_start_of_the_mesh():
    """n_p x n_mu cells without estimator and coarse-graining; everything else as the markers have it."""
    config = small(run__estimator="full_f", run__coarse_grain_interval="4e8 s")
    with jax.enable_x64(False):
        markers, mesh = build(config), build(config, solver="fokker-planck", cells=(6, 16))
    assert (markers.solver, mesh.solver) == ("monte-carlo", "fokker-planck")
    assert (markers.state.markers.rise.shape, mesh.state.markers.rise.size) == ((512,), 6 * 16)
    assert (markers.model.estimator, markers.model.coarse_grain) == ("full_f", True)
    assert int(markers.parameters.cadence.coarse_grain_every) == 20
    assert (mesh.model.estimator, mesh.model.coarse_grain) == ("delta_f", False)
    assert mesh.state.e.dtype == mesh.state.b.dtype == np.float64
    for one, other in ((markers.state.e, mesh.state.e), (markers.state.amplitude, mesh.state.amplitude)):
        np.testing.assert_array_equal(one, other)
    # A time step that the config gives is that of either solver.
    assert (markers.steps, mesh.steps) == (STEPS, STEPS)
    assert markers.time_step == mesh.time_step == pytest.approx(2e7, rel=1e-12)


def test_automatic_step_of_the_mesh():
    """Half of the steps, nu_max dt = 0.8, rounded up; either solver reaches the end of the run, and writes at about its times."""
    markers, mesh = build(small(**AUTO)), build(small(**AUTO), solver="fokker-planck", cells=(6, 16))
    assert mesh.steps == math.ceil(markers.steps / 2)
    for setup in (markers, mesh):
        assert setup.steps * setup.time_step == pytest.approx(2e9, rel=1e-12)
        assert setup.output_every * setup.time_step == pytest.approx(3e8, abs=0.5 * setup.time_step)


@pytest.mark.parametrize(
    "number",
    [
        {"expansion__timescale": "5e12 s"},
        {"plasma__ion_density": "0.02 cm-3"},
        {"cosmic_rays__pressure": "1e-13 dyn/cm2"},
        {"cosmic_rays__index": 4.4},
        {"damping__linear": "2e-10 1/s"},
        {"run__duration": "4e9 s"},
        {"run__scattering_per_step": 0.2},
        {"run__coarse_grain_interval": "3e8 s"},
        {"run__seed": 5},
    ],
)
def test_no_number_needs_another_program(number):
    """The switches, and shapes and types of state and parameters, are those of other numbers: programs are the same."""
    own = AUTO | {"run__coarse_grain_interval": "4e8 s"}
    one, other = (build(small(**own | more)) for more in ({}, number))
    assert one.model == other.model
    arrays = [jax.tree.map(lambda x: (x.shape, x.dtype), (x.state, x.parameters)) for x in (one, other)]
    assert arrays[0] == arrays[1]


@pytest.mark.parametrize("cells", [(5, 16), (6, 14), (6, 17)])
def test_meshes_that_are_too_small(cells):
    """Fewer than 6 momenta, fewer than 16 cosines and an odd number of them are refused, by their size."""
    with pytest.raises(ValueError, match=f"{cells[0]} x {cells[1]}"):
        build(small(), solver="fokker-planck", cells=cells)


def test_layout_changes_no_array():
    """A layout enters the model and nothing else."""
    layout = Layout(devices=2, block=128)
    plain, cut = build(small()), build(small(), layout=layout)
    assert cut.model == dataclasses.replace(plain.model, layout=layout) and cut.model != plain.model
    for one, other in zip(arrays(plain), arrays(cut), strict=True):
        np.testing.assert_array_equal(one, other)


def test_schedule_of_others():
    """A schedule that is handed over replaces the config's own, and dt follows from its steps."""
    shared = Schedule(250, 25, 10, 21, 5, 3)
    setup = build(small(), shared)
    assert (setup.steps, setup.output_every) == (250, 25)
    assert [int(x) for x in setup.parameters.cadence] == [10, 21, 5]
    assert setup.model.functional_parts == 3
    assert setup.schedule == shared
    assert setup.time_step == pytest.approx(2e9 / 250, rel=1e-12)


def test_a_solver_that_does_not_exist() -> None:
    """One line names the solver that was meant."""
    with pytest.raises(ConfigError, match='^solver "monte-karlo": there is no such solver; did you mean .monte-carlo'):
        build(small(), solver="monte-karlo")


def test_replicas_share_the_markers_and_a_build_has_them_all():
    """512 markers: four replicas of 128, each a quarter of phase space's volume in its own weights; or one of 512."""
    config = small(run__markers=512, run__replicas=4)
    setup, states = build_replicas(config)
    whole = build(config)
    assert [state.markers.rise.size for state in states] == [128] * 4
    assert whole.state.markers.rise.size == 512 and whole.config.run.replica_count == 1
    assert setup.config.run.replica_count == 4
    # Sobol points fill every octave evenly: each ensemble stands for all of the cosmic rays, number by number.
    number = [float(np.sum(state.markers.weight(setup.parameters.background, state.amplitude))) for state in states]
    all_of_them = float(np.sum(whole.state.markers.weight(setup.parameters.background, whole.state.amplitude)))
    assert number == pytest.approx([all_of_them] * 4, rel=0.03)
