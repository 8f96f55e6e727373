"""Numbers of section 6 by astropy."""

import numpy as np
import pytest
from astropy import constants as const
from astropy import units as u
from support.paper_cases import plain_rows


def test_section_6_by_astropy():
    """B of P_m, n_H, v_A, tau_B, H_pa in SI units of astropy; helium makes P_g, n_H and v_A agree with the paper."""
    rows = plain_rows()
    B = np.sqrt(2 * const.mu0 * 3.97e-15 * u.Pa)
    n_H = 9e-29 / 1e-25 / u.cm**3
    speed = lambda mass: (B / np.sqrt(const.mu0 * n_H * mass * const.m_p) / const.c).to_value("")  # noqa: E731
    assert rows["v_alfven"].recomputed == pytest.approx(speed(1.0), rel=1e-8)
    assert rows["v_alfven"].exact == pytest.approx(speed(1.4), rel=1e-8)
    pressure = lambda x: (x * n_H * const.k_B * 1.1e6 * u.K).to_value(u.dyn / u.cm**2)  # noqa: E731
    assert rows["gas_pressure"].recomputed == pytest.approx(pressure(2.0), rel=1e-8)
    assert rows["gas_pressure"].exact == pytest.approx(pressure(2.3), rel=1e-8)
    for key in ("gas_pressure", "balance", "v_alfven"):
        row = rows[key]
        assert abs(row.exact / row.printed - 1) < 0.03 < abs(row.recomputed / row.printed - 1)
    assert rows["tau_B"].recomputed == pytest.approx((5 / 3 * 3.2e-13 + 2 * 3.97e-14) / 1.67e-25, rel=1e-12)
    assert rows["heating"].recomputed == pytest.approx(4 / 15 * 2e-4 * 8.2e-14 / 3.7e12, rel=1e-12)
    assert rows["heating_share"].exact == pytest.approx(0.5 * 2e-4 * 8.2e-14 / 3.7e12 / 9e-29, rel=1e-12)
