"""The halo problem as plain arrays for the references, and the quantities that a step measures."""

from __future__ import annotations

import dataclasses

import numpy as np

#: Rows in ln P and cells between gap and top of the scattering tables; cells of the deposit; as in
#: crmc.physics.spectrum.
ROWS, CELLS = 48, 128
DEPOSIT_OCTAVES, CELLS_PER_OCTAVE = 20, 64
DEPOSIT_CELLS = DEPOSIT_OCTAVES * CELLS_PER_OCTAVE
#: c of the tables' coordinate, see crmc.physics.spectrum.range_fraction.
SHAPE = 4.0 / 7.0
#: Signs along the direction and helicity axes.
SIGNS = np.array([1.0, -1.0])


@dataclasses.dataclass(frozen=True)
class Constants:
    """Numbers [code] and the fixed geometry of the spectrum, all float64.

    See Parameters in crmc.physics.parameters and SpectrumGrid in crmc.physics.spectrum.
    """

    dt: float
    alfven_speed: float
    nu_coefficient: float
    growth_coefficient: float
    expansion_rate: float
    adiabatic_index: float
    heating: float
    cooling: float
    seed: float
    thermal_speed: float
    amplitude: float
    index: float
    turnover: float
    knot: float
    x_gap: float
    x_top: float
    row_start: float
    row_step: float
    top: np.ndarray
    x_mid: np.ndarray
    basis_mid: np.ndarray
    x_deposit: np.ndarray
    basis_deposit: np.ndarray
    centres: np.ndarray

    @property
    def bins(self) -> int:
        return self.centres.size


@dataclasses.dataclass
class Tube:
    """State that a reference advances in place.

    Markers are arrays (N,) of one dtype; waves: amplitudes, (2 directions, 2 helicities, bins).
    """

    step: int
    birth_momentum: np.ndarray
    parallel_momentum: np.ndarray
    rise: np.ndarray
    volume: np.ndarray
    excess: np.ndarray
    waves: np.ndarray
    b: float
    gas_pressure: float
    injected: float = 0.0
    radiated: float = 0.0
    work: float = 0.0

    @property
    def count(self) -> int:
        return self.rise.size

    def copy(self) -> Tube:
        arrays = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return Tube(**{name: x.copy() if isinstance(x, np.ndarray) else x for name, x in arrays.items()})


@dataclasses.dataclass
class Record:
    """Quantities measured in the last step; see crmc.solvers.tally."""

    gain: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((2, 2)))
    gain_variance: float = 0.0
    absolute_exchange: float = 0.0
    imbalance: float = 0.0
    correction: float = 0.0
    damped: float = 0.0
    peak: float = 0.0


def from_setup(setup) -> tuple[Constants, Tube]:
    """Return the arrays of a crmc Setup.

    The setup has a prescribed expansion, one component of F0 and the paper's nonlinear damping.
    """
    parameters, model, state = setup.parameters, setup.model, setup.state
    if (model.expansion, model.scattering, model.nonlinear_landau) != ("prescribed", "spectrum", "paper"):
        raise ValueError("the references know the halo problem only")
    if state.amplitude.size != 1 or model.estimator != "delta_f" or model.inject:
        raise ValueError("the references know one component of F0 and the control variate only")
    grid, markers = parameters.grid, state.markers
    scalars = {
        name: float(getattr(parameters, name))
        for name in ("dt", "alfven_speed", "nu_coefficient", "growth_coefficient", "expansion_rate", "adiabatic_index")
        + ("heating", "cooling", "seed")
    }
    arrays = ("top", "x_mid", "basis_mid", "x_deposit", "basis_deposit", "centres")
    grid = dataclasses.replace(
        grid, basis_mid=np.moveaxis(grid.basis_mid, 0, -1), basis_deposit=np.transpose(grid.basis_deposit)
    )
    constants = Constants(
        **scalars,
        thermal_speed=float(parameters.damping.thermal_speed),
        amplitude=float(state.amplitude[0]),
        index=float(parameters.background.index[0]),
        turnover=float(parameters.background.turnover[0]),
        **{name: float(getattr(grid, name)) for name in ("knot", "x_gap", "x_top", "row_start", "row_step")},
        **{name: np.ascontiguousarray(getattr(grid, name)) for name in arrays},
    )
    names = ("birth_momentum", "parallel_momentum", "rise", "volume", "excess")
    tube = Tube(
        step=int(state.step),
        **{name: np.array(getattr(markers, name)) for name in names},
        waves=np.array(state.waves),
        b=float(state.b),
        gas_pressure=float(state.gas_pressure),
        injected=float(state.books.injected),
        radiated=float(state.books.radiated),
        work=float(state.books.work),
    )
    return constants, tube


def halo(markers: int, *, steps_in: int = 1) -> tuple[Constants, Tube]:
    """Return the shipped halo experiment with ``markers`` markers, float32, at step number ``steps_in``."""
    import jax

    from crmc import build, load_config

    with jax.enable_x64(True):
        setup = build(load_config("halo", [f"run.markers={markers}"]))
        constants, tube = from_setup(setup)
    tube.step = steps_in
    tube.b = float(np.exp(-constants.expansion_rate * constants.dt * steps_in))
    return constants, tube
