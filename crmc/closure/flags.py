"""Flags of a closure: bits that say when not to believe it."""

from __future__ import annotations

import enum
from typing import NamedTuple

import jax
import jax.numpy as jnp

from crmc.closure.balance import Waves
from crmc.closure.fluid import Averages
from crmc.closure.scales import Scales
from crmc.closure.transport import Transport


class Flag(enum.IntFlag):
    """Reasons to doubt a closure; `Flag(value)` of the number in a result names them."""

    NOTHING_DRIVEN = 1
    FREE_STREAMING = 2
    STRONG_WAVES = 4
    GAP_MATTERS = 8
    NOT_STEADY = 16
    NEAR_FLIP = 32
    CYCLOTRON = 64
    MODIFIED_WAVES = 128
    ION_NEUTRAL_COUPLED = 256
    CUT_MATTERS = 512
    OBLATE = 1024
    BAD_INPUT = 2048


#: What each flag means.
MEANING = {
    Flag.NOTHING_DRIVEN: "nothing drives waves",
    Flag.FREE_STREAMING: "kappa exceeds v L/3, at which it is capped",
    Flag.STRONG_WAVES: "dB/B exceeds 0.03: quasilinear theory is doubtful",
    Flag.GAP_MATTERS: "the 90-degree gap carries more than 30 % of kappa",
    Flag.NOT_STEADY: "1/Gamma_d or 1/nu exceeds tau or L/v_A: no quasi-steady balance",
    Flag.NEAR_FLIP: "waves change direction here: gradient and expansion nearly cancel in one hemisphere",
    Flag.CYCLOTRON: "k_max v_A exceeds 0.3 Omega0: not Alfven waves",
    Flag.MODIFIED_WAVES: "cosmic rays modify the waves: (n_c/n_i)(v_D/v_A) exceeds v_A/c",
    Flag.ION_NEUTRAL_COUPLED: "k v_A is below nu_in: neutrals move along, and ion-neutral damping is overestimated",
    Flag.CUT_MATTERS: "the energy-weighted kappa depends on the cut: dln kappa/dln cut exceeds 0.5",
    Flag.OBLATE: "compression: P_perp exceeds P_par, which drives other waves, too",
    Flag.BAD_INPUT: "an input is not finite or not positive, or nothing damps the waves; the numbers mean nothing",
}


def names(flags: int) -> list[str]:
    """Return the names of the flags that are set, in lower case."""
    return [flag.name.lower() for flag in Flag if flags & flag and flag.name is not None]


class Evidence(NamedTuple):
    """Numbers of one cell from which its flags follow, in code units.

    momentum: p, (M,) [m_p c]; at: transport there; scattering: mean nu, (M,) [code];
    halfway: waves that scatter them at mu = +-0.5;
    averages: over the cosmic rays; number: n_c per P_c, (); near: whether waves nearly change direction, ().
    """

    momentum: jax.Array
    at: Transport
    scattering: jax.Array
    halfway: Waves
    averages: Averages
    number: jax.Array
    near: jax.Array


def find_flags(scales: Scales, found: Evidence) -> jax.Array:
    """Return the flags of one cell, () int32, all but `Flag.BAD_INPUT`."""
    gradient, rate, v_alfven = jnp.abs(scales.gradient), jnp.abs(scales.rate), scales.v_alfven
    drives = jnp.maximum(gradient * v_alfven, rate)
    slow = (found.scattering < drives) | jnp.any(found.halfway.rate < drives, axis=0)
    coupled = (scales.neutral > 0.0) & (v_alfven < scales.neutral * jnp.max(found.momentum))
    current = scales.pressure * found.number * jnp.abs(found.averages.drift)
    raised = {
        Flag.NOTHING_DRIVEN: drives <= 0.0,
        Flag.FREE_STREAMING: jnp.any(found.at.free),
        Flag.STRONG_WAVES: found.averages.waves > 0.03**2,
        Flag.GAP_MATTERS: jnp.any(found.at.gap > 0.3 * found.at.diffusivity),
        Flag.NOT_STEADY: jnp.any(slow),
        Flag.NEAR_FLIP: found.near,
        Flag.CYCLOTRON: v_alfven > 0.3 * scales.x_gap,
        Flag.MODIFIED_WAVES: current > v_alfven**2,
        Flag.ION_NEUTRAL_COUPLED: coupled,
        Flag.CUT_MATTERS: found.averages.sensitivity > 0.5,
        Flag.OBLATE: scales.rate < 0.0,
    }
    return sum((jnp.where(up, int(flag), 0) for flag, up in raised.items()), jnp.zeros((), jnp.int32))
