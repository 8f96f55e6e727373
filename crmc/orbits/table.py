"""Write the tables of the study of quasilinear theory as text."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from crmc.orbits.dataset import by_cosine


def _number(value: float, stderr: float) -> str:
    """Return a number with its error in units of the last digit, such as 1.003(12)."""
    if not math.isfinite(value) or not math.isfinite(stderr) or stderr <= 0.0:
        return f"{value:.3g}" if math.isfinite(value) else "-"
    digits = min(6, max(0, 1 - math.floor(math.log10(stderr))))
    return f"{value:.{digits}f}({stderr * 10**digits:.0f})"


def _aligned(rows: list[list[str]]) -> str:
    """Return the rows as lines of right-aligned columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def table(data: xr.Dataset) -> str:
    """Return the tables of single branches, of the ratio by waves, momentum, dB/B and |mu|, and of narrow spectra."""
    parts = [_branches(data), _breakdown(data)]
    if data.sizes["width"]:
        parts.append(_narrow(data))
    return "\n\n".join(parts)


def _branches(data: xr.Dataset) -> str:
    """Return the table of single branches."""
    rows = [["d", "h", "p", "D_mumu/theory", "/printed", "D_mup", "D_pp", "d eps"]]
    for d in (1, -1):
        for h in (1, -1):
            for p in data.momentum.values:
                one = data.sel(direction=d, helicity=h, momentum=p)
                ratio, error = float(one.branch_D), float(one.branch_D_stderr)
                row = [f"{d:+d}", f"{h:+d}", f"{p:g}", _number(ratio, error), _number(np.pi * ratio, np.pi * error)]
                for name in ("branch_D_mu_p", "branch_D_p_p", "branch_energy"):
                    row.append(_number(float(one[name]), float(one[f"{name}_stderr"])))
                rows.append(row)
    head = "Each branch alone, mean over 0.2 <= |mu| <= 0.9: D_mumu over theory and over eq. 30 as printed;\n"
    head += "D_mup/D_mumu over p v_A/v, D_pp/D_mumu over its square, d eps over v_A dp_par\n"
    return head + _aligned(rows)


def _breakdown(data: xr.Dataset) -> str:
    """Return the table of the ratio by waves, momentum, dB/B and |mu|, with the dB/B where theory fails."""
    folded = by_cosine(data)
    cosines = [f"{c:g}" for c in folded.cosine.values]
    rows = [["waves", "p", "dB/B", *cosines, "0.2-0.9"]]
    for w in data.waves.values:
        for p in data.momentum.values:
            for a in data.amplitude.values:
                one = folded.sel(waves=w, momentum=p, amplitude=a)
                cells = [_number(float(x), float(s)) for x, s in zip(one.ratio, one.stderr, strict=True)]
                whole = data.sel(waves=w, momentum=p, amplitude=a)
                mean = _number(float(whole.pooled_ratio), float(whole.pooled_ratio_stderr))
                rows.append([str(w), f"{p:g}", f"{a:g}", *cells, mean])
            limits = folded.threshold.sel(waves=w, momentum=p).values
            mean_limit = float(data.threshold.sel(waves=w, momentum=p))
            rows.append(["", "", "10 % at", *[_limit(x) for x in (*limits, mean_limit)]])
    head = "<d mu^2> measured over expected at the longest lag, against |mu| at the start; below each block the dB/B\n"
    return head + "above which it is off by 10 %\n" + _aligned(rows)


def _limit(value: float) -> str:
    """Return a threshold in two digits; "-" if there is none."""
    return f"{value:.2g}" if math.isfinite(value) else "-"


def _narrow(data: xr.Dataset) -> str:
    """Return the table of narrow spectra."""
    last = f"{float(data.narrow_lag[-1]):g}"
    middle = data.sizes["lag"] // 4 - 1
    rows = [["width", "dB/B", "omega_b/width", f"{float(data.narrow_lag[middle]):g} gyrations", f"{last} gyrations"]]
    for w in data.width.values:
        for a in data.narrow_amplitude.values:
            one = data.sel(width=w, narrow_amplitude=a)
            cells = [_number(float(one.narrow_ratio[i]), float(one.narrow_ratio_stderr[i])) for i in (middle, -1)]
            rows.append([f"{w:g}", f"{a:g}", f"{float(one.narrow_trapping):.2g}", *cells])
    return "Narrow spectra, width in ln k about mu = 0.5: <d mu^2> over that of quasilinear diffusion\n" + _aligned(
        rows
    )
