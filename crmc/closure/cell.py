"""Inputs of a closure: the local quantities of a cell, in cgs."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from crmc.theory.distribution import Real

#: Scale beyond which no cosmic ray is taken to move freely, which keeps kappa finite where nothing scatters [cm].
LARGEST_LENGTH = 1e27


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """Local quantities from which `crmc.closure` takes everything; numbers or arrays that broadcast.

    magnetic_field: B [G]; ion_density: n_i [cm^-3]; temperature: T of the ions [K];
    cr_pressure: P_c between momentum_min and momentum_max [erg cm^-3];
    pressure_gradient: dP_c/ds along the field [dyn cm^-3], signed: L = -P_c/(dP_c/ds);
    expansion_rate: 1/tau_B [s^-1], negative in compression; of any flow: `expansion_rate`;
    linear_damping: damping rate at every k [s^-1]; ion_neutral_density: n_n of neutral hydrogen [cm^-3];
    turbulent_dissipation: epsilon per mass [cm^2 s^-3]; of a turbulent speed: `dissipation_rate`;
    index, turnover_momentum: a and p_t of f0 ~ (p^2 + p_t^2)^(-a/2) [m_p c]; of a kappa distribution: `kappa_spectrum`;
    momentum_min, momentum_max: range of the cosmic rays [m_p c];
    k_max: shortest waves [Omega0/c]; k_min: longest waves that wave_energy counts [Omega0/c];
    cut: momentum at which averages over the cosmic rays end [m_p c];
    ion_mass: mean mass per ion [m_p], which enters v_A and v_i;
    landau_factor: factor of the coefficient of nonlinear Landau damping (other authors: 0.36 to 0.5);
    neutral_factor: factor of nu_in, which is known to a factor 2;
    gap: what particles with |p_par| < m Omega0/k_max meet: 1, waves as strong as the shortest ones; 0, no hindrance.
    """

    magnetic_field: Real
    ion_density: Real
    temperature: Real
    cr_pressure: Real
    pressure_gradient: Real = 0.0
    expansion_rate: Real = 0.0
    linear_damping: Real = 0.0
    ion_neutral_density: Real = 0.0
    turbulent_dissipation: Real = 0.0
    index: Real = 4.7
    turnover_momentum: Real = 0.0
    momentum_min: Real = 0.5
    momentum_max: Real = 100.0
    k_max: Real = 5.0
    k_min: Real = 0.0
    cut: Real = 100.0
    ion_mass: Real = 1.0
    landau_factor: Real = 1.0
    neutral_factor: Real = 1.0
    gap: Real = 1.0


#: Inputs that make the tables of the spectrum.
SPECTRAL = ("index", "turnover_momentum", "momentum_min", "momentum_max", "cut")
#: Inputs that must be positive, and those that must not be negative; the others may have any sign.
POSITIVE = (
    "magnetic_field",
    "ion_density",
    "temperature",
    "cr_pressure",
    "momentum_min",
    "momentum_max",
    "index",
    "k_max",
    "cut",
    "ion_mass",
)
NOT_NEGATIVE = (
    "linear_damping",
    "ion_neutral_density",
    "turbulent_dissipation",
    "turnover_momentum",
    "k_min",
    "landau_factor",
    "neutral_factor",
    "gap",
)
#: Values that take the place of bad ones.
_SOUND = Cell(magnetic_field=1e-6, ion_density=1.0, temperature=1e4, cr_pressure=1e-13)
#: Smallest and largest credible positive number: beyond it code units overflow.
LEAST, MOST = 1e-60, 1e60


def sound(cell: Cell) -> tuple[Cell, jax.Array]:
    """Return the cell with sound numbers where it has bad ones, and whether all were sound, (...).

    Every number must be finite and below 1e60, and those that only make sense so must be positive.  Something must
    damp the waves, which depends on the form of nonlinear Landau damping and is not checked here.
    """
    good = jnp.asarray(True)
    numbers = {}
    for field in dataclasses.fields(Cell):
        name, value = field.name, jnp.asarray(getattr(cell, field.name))
        fine = jnp.abs(value) < MOST
        if name in POSITIVE:
            fine &= value > LEAST
        elif name in NOT_NEGATIVE:
            fine &= value >= 0.0
        if name == "index":
            fine &= value <= 20.0
        if name == "momentum_max":
            fine &= (value > cell.momentum_min * (1.0 + 1e-3)) & (value <= 1e15)
        if name == "momentum_min":
            fine &= value >= 1e-6
        numbers[name] = jnp.where(fine, value, getattr(_SOUND, name))
        good &= fine
    ordered = numbers["momentum_max"] > numbers["momentum_min"] * (1.0 + 1e-3)
    for name in ("momentum_min", "momentum_max"):
        numbers[name] = jnp.where(ordered, numbers[name], getattr(_SOUND, name))
    return Cell(**numbers), good & ordered


def expansion_rate(field_rate: Real, density_rate: Real) -> Real:
    """Return 1/tau_B of any flow, -3 dln B/dt + 2 dln rho/dt along the flow, [1/time].

    The drive by a flow is proportional to bb:grad u - div u/3.  A tube that expands transversely has bb:grad u = 0 and
    div u = 1/tau_B, hence 1/tau_B = div u - 3 bb:grad u; the frozen-in field has dln B/dt = bb:grad u - div u and the
    gas dln rho/dt = -div u.
    field_rate: dln B/dt [1/time]; density_rate: dln rho/dt [1/time].
    """
    return -3.0 * field_rate + 2.0 * density_rate


def dissipation_rate(speed: Real, length: Real) -> Real:
    """Return the turbulent dissipation rate epsilon = v^3/l [cm^2 s^-3].

    speed: turbulent speed v at the scale l [cm s^-1]; length: l [cm].
    """
    return speed**3 / length


def kappa_spectrum(kappa: Real, momentum: Real) -> tuple[Real, Real]:
    """Return index and turnover momentum of a kappa distribution (1 + p^2/(kappa p0^2))^(-kappa-1).

    kappa: kappa; momentum: p0 [m_p c].
    """
    return 2.0 * (kappa + 1.0), kappa**0.5 * momentum
