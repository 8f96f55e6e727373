"""Close the equations of a fluid of cosmic rays: from local quantities to scattering, diffusion, streaming, heating."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from crmc.closure.balance import FORMS, NonlinearLandau, Waves
from crmc.closure.batches import in_batches
from crmc.closure.cell import Cell, sound
from crmc.closure.flags import Evidence, Flag, find_flags
from crmc.closure.fluid import averages, flip_wavenumber, near_flip
from crmc.closure.mesh import make_mesh, waves_on
from crmc.closure.scales import in_code_units, spectrum_of
from crmc.closure.spectrum import MOMENTA
from crmc.closure.transport import transport
from crmc.units import SPEED_OF_LIGHT

Translation = TypeVar("Translation", bound=Callable[[Any], Any])
#: Momenta as a sequence or an array.
Momenta: TypeAlias = Sequence[float] | jax.Array | np.ndarray
#: Momenta at which a closure is given unless others are asked for [m_p c].
DEFAULT_MOMENTA = (1.0, 3.0, 10.0)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Closure:
    """Closure of cells of shape (...) at M momenta.

    momentum: p, (M,) [m_p c]; kappa: diffusivity along the field, at most v |L|/3, (..., M) [cm^2 s^-1];
    nu: scattering frequency, the mean over mu, (..., M) [s^-1]; nu_forward, nu_backward: nu at mu = +-0.5;
    mean_free_path: v/nu, (..., M) [cm]; v_streaming: drift with the waves; v_expansion: drift by expansion where the
    hemispheres scatter unequally; v_drift: v_D = v_st + kappa/L + v_exp, (..., M) [v_A];
    heating_rate: power into waves, which damping gives to the gas, (...) [erg cm^-3 s^-1];
    force_density: force on the gas along the field, -dP_c/ds, (...) [dyn cm^-3];
    kappa_energy, kappa_harmonic: means over the kinetic energy up to the cut, of kappa and of 1/kappa, (...)
    [cm^2 s^-1]; kappa_number: mean over the number;
    sigma: P_c/(U kappa_energy), so that the flux of energy is -grad P_c/sigma, (...) [s cm^-2];
    streaming_energy: streaming speed of the energy, the flux over U + P_c, (...) [v_A];
    pressure_anisotropy: (P_par - P_perp)/P_c up to the cut, (...); wave_energy: (dB/B)^2 = sum int e dln k, (...);
    flip_wavenumber: k at which waves of one helicity change direction, NaN if none, (...) [Omega0/c];
    flags: bits of `Flag`, (...).
    """

    momentum: jax.Array
    kappa: jax.Array
    nu: jax.Array
    nu_forward: jax.Array
    nu_backward: jax.Array
    mean_free_path: jax.Array
    v_streaming: jax.Array
    v_expansion: jax.Array
    v_drift: jax.Array
    heating_rate: jax.Array
    force_density: jax.Array
    kappa_energy: jax.Array
    kappa_number: jax.Array
    kappa_harmonic: jax.Array
    sigma: jax.Array
    streaming_energy: jax.Array
    pressure_anisotropy: jax.Array
    wave_energy: jax.Array
    flip_wavenumber: jax.Array
    flags: jax.Array


#: Kind of object -> what makes a cell and a form of nonlinear Landau damping of it.
_TRANSLATIONS: dict[type, Callable[[Any], tuple[Cell, NonlinearLandau]]] = {}


def accept(kind: type) -> Callable[[Translation], Translation]:
    """Let `closure` take objects of a kind: decorates the function that makes cell and form of them."""

    def register(translation: Translation) -> Translation:
        _TRANSLATIONS[kind] = translation
        return translation

    return register


def closure(
    cell: Any = None,
    momentum: Momenta = DEFAULT_MOMENTA,
    *,
    nonlinear_landau: NonlinearLandau | None = None,
    **inputs: Any,
) -> Closure:
    """Return the closure of one cell or of many.

    The waves are those in which the drive by gradient and expansion balances damping (`crmc.closure.balance`), leading
    order in v_A/c.  Nonlinear Landau damping decides kappa to a factor of about 100: "paper", "local" and "cumulative"
    differ by as much.
    cell: a `Cell`, local quantities in cgs, numbers or arrays that broadcast to (...), or a config of a run; inputs:
    numbers of `Cell` by name, all without a cell, or in place of its own.
    momentum: p, (M,) [m_p c].  nonlinear_landau: form, "none", "paper", "local" or "cumulative"; that of the config, or
    "local".
    Differentiable by every input and by momentum.  Bad numbers set `Flag.BAD_INPUT` and raise nothing; ValueError for
    an unknown form, TypeError for an unknown input and for a cell of another kind.
    """
    own: NonlinearLandau = "local"
    for kind, translation in _TRANSLATIONS.items():
        if isinstance(cell, kind):
            cell, own = translation(cell)
    if not isinstance(cell, Cell | None):
        raise TypeError(f"cell: must be a crmc.closure.Cell or a config, not {type(cell).__name__}")
    nonlinear_landau = own if nonlinear_landau is None else nonlinear_landau
    if nonlinear_landau not in FORMS:
        raise ValueError(f"nonlinear_landau = {nonlinear_landau!r}: must be one of {', '.join(FORMS)}")
    if cell is None:
        cell = Cell(**inputs)
    elif inputs:
        cell = dataclasses.replace(cell, **inputs)
    with jax.enable_x64(True):
        momenta = jnp.atleast_1d(jnp.asarray(momentum, jnp.float64))
        # A number that all cells share stays one number: its tables are made once.
        numbers = {f.name: jnp.asarray(getattr(cell, f.name), jnp.float64) for f in dataclasses.fields(Cell)}
        shape = jnp.broadcast_shapes(*(x.shape for x in numbers.values()))
        flat = {n: x if x.ndim == 0 else jnp.broadcast_to(x, shape).ravel() for n, x in numbers.items()}
        found = _many(Cell(**flat), momenta, nonlinear_landau)
        rows = {f.name: getattr(found, f.name) for f in dataclasses.fields(Closure) if f.name != "momentum"}
        if shape:
            rows = {name: x.reshape(shape + x.shape[1:]) for name, x in rows.items()}
        return Closure(momentum=momenta, **rows)


@partial(jax.jit, static_argnames="form")
def _many(cell: Cell, momenta: jax.Array, form: NonlinearLandau) -> Closure:
    """Return the closures of cells whose numbers have shape () or (cells,)."""
    numbers = {f.name: getattr(cell, f.name) for f in dataclasses.fields(Cell)}
    shared = {name: x for name, x in numbers.items() if x.ndim == 0}
    rows = {name: x for name, x in numbers.items() if x.ndim == 1}
    if not rows:
        return _one(cell, momenta, form)
    return in_batches(lambda row: _one(Cell(**row, **shared), momenta, form), rows)


def _one(cell: Cell, momenta: jax.Array, form: NonlinearLandau) -> Closure:
    """Return the closure of one cell."""
    cell, good = sound(cell)
    usable = (momenta > 0.0) & (momenta < 1e15)
    p = jnp.where(usable, momenta, 1.0)
    spectrum, scales = spectrum_of(cell), in_code_units(cell)
    mesh = make_mesh(spectrum, scales.x_gap, p)
    found = waves_on(mesh, form, scales.fluxes, scales.damping)
    every = transport(spectrum, scales, mesh, found, cell.gap)
    fluid, at = every.part(slice(MOMENTA)), every.part(slice(MOMENTA, None))
    omega, v_alfven, gamma = scales.gyrofrequency, scales.v_alfven, jnp.sqrt(1.0 + p**2)
    power_density = scales.energy_density * omega
    count = p.shape[0]
    half = Waves(*(x[:, -1 - count : -1] for x in found))
    to_nu = math.pi / gamma * omega
    nu = 0.5 * to_nu * (mesh.mean @ jnp.sum(found.power, axis=0))
    means = averages(spectrum, scales, mesh, found, fluid, cell.k_min)
    near = near_flip(scales.fluxes, mesh, jnp.maximum(jnp.max(p), spectrum.cut))
    flags = find_flags(scales, Evidence(p, at, nu / omega, half, means, spectrum.whole_number, near))
    flags |= jnp.where(good & _is_damped(cell, form) & jnp.all(usable), 0, Flag.BAD_INPUT)
    diffusion = SPEED_OF_LIGHT**2 / omega
    return Closure(
        momentum=p,
        kappa=at.diffusivity * diffusion,
        nu=nu,
        nu_forward=to_nu * half.power[0],
        nu_backward=to_nu * half.power[1],
        mean_free_path=p / gamma * SPEED_OF_LIGHT / nu,
        v_streaming=at.streaming / v_alfven,
        v_expansion=at.expansion / v_alfven,
        v_drift=(at.streaming + at.diffusivity * scales.gradient + at.expansion) / v_alfven,
        heating_rate=means.heating * power_density,
        force_density=means.force * power_density / SPEED_OF_LIGHT,
        kappa_energy=means.diffusivity * diffusion,
        kappa_number=means.number_diffusivity * diffusion,
        kappa_harmonic=means.harmonic * diffusion,
        sigma=1.0 / (spectrum.whole_energy * means.diffusivity * diffusion),
        streaming_energy=means.streaming,
        pressure_anisotropy=means.anisotropy,
        wave_energy=means.waves,
        flip_wavenumber=flip_wavenumber(spectrum, scales.fluxes, mesh),
        flags=flags,
    )


def _is_damped(cell: Cell, form: NonlinearLandau) -> jax.Array:
    """Return whether any mechanism damps the waves, ()."""
    neutral = cell.ion_neutral_density * cell.neutral_factor
    linear = cell.linear_damping + neutral + cell.turbulent_dissipation
    return (jnp.asarray(linear) > 0.0) | ((form != "none") & (jnp.asarray(cell.landau_factor) > 0.0))
