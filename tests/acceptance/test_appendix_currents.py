"""Eqs. A2 and A6-A9 on plane waves: the currents of the waves and the work on them."""

import math

import numpy as np
import pytest

K, W_R, GROW = 2.0, 0.6, 1e-4
E_K = 0.7 - 0.4j
C, SPEED = 30.0, 0.3  # v_A = omega/k


def test_wave_currents_of_the_appendix_have_a_minus_sign():
    """Ampere and Faraday: dJ/dt = (c^2/4 pi) d2E/dz2, and J_p = (c^2/4 pi v_A^2) dE/dt, on a plane wave; eqs. A6, A7.

    With psi = k z - omega t both come out as minus what is printed; their difference is A8 as printed.
    """
    wave = lambda z, t: np.exp(1j * (K * z - W_R * t))  # noqa: E731
    h = 1e-3
    bend = (wave(h, 0) - 2 * wave(0, 0) + wave(-h, 0)) / h**2 * E_K
    rate = (wave(0, h) - wave(0, -h)) / (2 * h) * E_K
    total = C**2 / (4 * math.pi) * bend / (-1j * W_R)
    plasma = C**2 / (4 * math.pi * SPEED**2) * rate
    printed_total = 1j * C**2 * K**2 / W_R * E_K / (4 * math.pi)
    printed_plasma = 1j * W_R * C**2 / SPEED**2 * E_K / (4 * math.pi)
    assert total / printed_total == pytest.approx(-1.0, rel=1e-5)
    assert plasma / printed_plasma == pytest.approx(-1.0, rel=1e-5)
    omega = W_R * 1.01  # off the wave's own frequency, where A8 does not vanish
    a8 = 1j * E_K / (4 * math.pi) * C**2 / SPEED**2 * (omega - K**2 * SPEED**2 / omega)
    difference = -printed_total * W_R / omega + printed_plasma * omega / W_R
    assert difference == pytest.approx(a8, rel=1e-9)


def test_work_on_the_waves_is_twice_the_growth_of_their_energy():
    """Eqs. A2 and A9 on numbers: phase averages of real fields, omega = omega_r + i Gamma."""
    phase = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    omega = W_R + 1j * GROW
    current = 1j * E_K / (4 * math.pi) * C**2 / SPEED**2 * (omega - W_R**2 / omega)
    field, flow = ((x * np.exp(1j * phase)).real for x in (E_K, current))
    magnetic = (C / SPEED) ** 2 * np.mean(field**2) / (8 * math.pi)
    energy = (C / SPEED) ** 2 * abs(E_K) ** 2 / (8 * math.pi)
    assert 2 * magnetic == pytest.approx(energy, rel=1e-12)
    assert np.mean(field * flow) == pytest.approx(-2 * GROW * energy, rel=1e-3)
