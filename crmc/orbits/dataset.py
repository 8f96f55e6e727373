"""Arrange the results of the study of quasilinear theory: a labelled dataset, where theory fails, a summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from crmc.machine.origin import origin
from crmc.orbits.config import NARROW_COSINE, NARROW_LAGS, QltConfig, Study
from crmc.orbits.study import LAGS, WAVES, Place, pooled, resonant, signed

#: Results of every case by place and name.
Found = Mapping[Place, Mapping[str, np.ndarray]]

#: Relative difference above which theory counts as failed.
TOLERANCE = 0.1
_MAIN = ("waves", "amplitude", "momentum")
_RATIO = "measured over expected <d mu^2> at the longest lag"
#: name -> (dimensions after waves, amplitude and momentum, unit, long name); the name is that of `study.measure`.
_MAIN_VARIABLES: dict[str, tuple[tuple[str, ...], str, str]] = {
    "lag_time": (("lag",), "1/Omega0", "lag T of the displacements"),
    "D_mu_mu": (("mu",), "Omega0", "measured D_mumu, slope from the second to the last lag"),
    "D_mu_p": (("mu",), "Omega0 m_p c", "measured D_mup"),
    "D_p_p": (("mu",), "Omega0 m_p2 c2", "measured D_pp"),
    "theory_mu_mu": (("mu",), "Omega0", "quasilinear D_mumu, nu = pi (Omega0/gamma) e(ln k_res)"),
    "theory_mu_p": (("mu",), "Omega0 m_p c", "quasilinear D_mup, exact in v_A/v"),
    "theory_p_p": (("mu",), "Omega0 m_p2 c2", "quasilinear D_pp, exact in v_A/v"),
    "running_D": (("lag", "mu"), "Omega0", "measured D_mumu between a lag and the one before"),
    "spread": (("lag", "mu"), "1", "measured <d mu^2>"),
    "diffused_spread": (("lag", "mu"), "1", "<d mu^2> that quasilinear diffusion gives at this lag"),
    "expected_spread": (("lag", "mu"), "1", "<d mu^2> that quasilinear diffusion and beats give at this lag"),
    "ratio": (("mu",), "1", _RATIO),
    "pooled_ratio": ((), "1", f"{_RATIO}, mean of resonant 0.2 <= |mu| <= 0.9"),
}
_EXACT = ("lag_time", "theory_mu_mu", "theory_mu_p", "theory_p_p", "diffused_spread", "expected_spread")
_COORDINATES = {
    "waves": {"units": "1", "long_name": "branches present, of equal power"},
    "amplitude": {"units": "1", "long_name": "dB/B of all waves together, r.m.s."},
    "momentum": {"units": "m_p c", "long_name": "momentum"},
    "mu": {"units": "1", "long_name": "pitch-angle cosine at the start"},
    "direction": {"units": "1", "long_name": "propagation direction of the waves"},
    "helicity": {"units": "1", "long_name": "sign(p_par) of resonant particles"},
    "width": {"units": "1", "long_name": "width of a narrow spectrum in ln k"},
    "narrow_amplitude": {"units": "1", "long_name": "dB/B of a narrow spectrum"},
}


def _filled(found: Found, kind: str, name: str, shape: tuple[int, ...], inner: tuple[int, ...]) -> np.ndarray:
    """Return one result of all cases of a kind, (*shape, *inner); NaN where a case is missing."""
    values = np.full((*shape, *inner), np.nan)
    for (one, place), results in found.items():
        if one == kind:
            values[place] = np.reshape(results[name], inner)
    return values


def dataset(config: QltConfig, found: Found, attributes: Mapping[str, Any]) -> xr.Dataset:
    """Return all results and their theory as a labelled dataset; NaN where a case is missing.

    found: results of `study.run_study`
    attributes: attributes of the dataset
    """
    study = config.qlt
    values: dict[str, list[Any]] = {
        "waves": list(WAVES),
        "amplitude": list(study.amplitudes),
        "momentum": list(study.momenta),
        "mu": list(signed(study)),
        "direction": [1, -1],
        "helicity": [1, -1],
        "width": list(study.widths),
        "narrow_amplitude": list(study.narrow_amplitudes),
    }
    sizes = {name: len(labels) for name, labels in values.items()} | {"lag": LAGS}
    data: dict[str, Any] = {}
    for name, (dims, unit, text) in _MAIN_VARIABLES.items():
        inner = tuple(sizes[d] for d in dims)
        for full, words in ((name, text), (f"{name}_stderr", f"standard error of {name}")):
            if full == name or name not in _EXACT:
                array = _filled(found, "main", full, tuple(sizes[d] for d in _MAIN), inner)
                data[full] = ((*_MAIN, *dims), array, {"units": unit, "long_name": words})
    data |= _branches(study, found, sizes) | _narrow(study, found, sizes)
    coordinates = {name: (name, labels, _COORDINATES[name]) for name, labels in values.items()}
    whole = xr.Dataset(data, coordinates, attrs=dict(attributes))
    mu = whole.mu.values
    nu = {"units": "Omega0", "long_name": "measured scattering frequency nu = 2 D_mumu/(1 - mu^2)"}
    whole["scattering_frequency"] = (whole.D_mu_mu.dims, 2.0 * whole.D_mu_mu.values / (1.0 - mu**2), nu)
    text = f"dB/B above which the mean over 0.2 <= |mu| <= 0.9 is off by {TOLERANCE:.0%}; NaN: none that was measured"
    limits = thresholds(whole.amplitude.values, whole.pooled_ratio.values, whole.pooled_ratio_stderr.values)
    whole["threshold"] = (("waves", "momentum"), limits, {"units": "1", "long_name": text})
    return whole


def _branches(study: Study, found: Found, sizes: Mapping[str, int]) -> dict[str, Any]:
    """Return the variables of single branches: exchange of mu, p and energy over theory, averaged over mu."""
    dims = ("direction", "helicity", "momentum")
    shape, mu = tuple(sizes[d] for d in dims), np.asarray(signed(study))
    names = {
        "branch_D": "D_mumu over expected slope, nu with the pi",
        "branch_D_mu_p": "D_mup/D_mumu over p v_A/v",
        "branch_D_p_p": "D_pp/D_mumu over (p v_A/v)^2",
        "branch_energy": "d eps over v_A dp_par",
    }
    arrays = {full: np.full(shape, np.nan) for name in names for full in (name, f"{name}_stderr")}
    for (kind, place), one in found.items():
        if kind != "branch":
            continue
        p = study.momenta[place[-1]]
        unit = study.alfven_speed * np.hypot(1.0, p)
        use = pooled(one["theory_mu_mu"], mu)
        for name, key, scale in (
            ("branch_D_mu_p", "mu_p_per_mu_mu", unit),
            ("branch_D_p_p", "p_p_per_mu_mu", unit**2),
            ("branch_energy", "energy_per_push", study.alfven_speed),
        ):
            arrays[name][place] = np.mean(one[key][use]) / scale if use.any() else np.nan
            error = np.sqrt(np.mean(one[f"{key}_stderr"][use] ** 2)) if use.any() else np.nan
            arrays[f"{name}_stderr"][place] = error / scale  # of one cosine: those of one slab are not independent
        arrays["branch_D"][place] = one["pooled_slope_ratio"]
        arrays["branch_D_stderr"][place] = one["pooled_slope_ratio_stderr"]
    where = "each branch alone, mean of resonant 0.2 <= |mu| <= 0.9"
    texts = {name: f"{text}; {where}" for name, text in names.items()}
    texts |= {f"{name}_stderr": f"standard error of {name}" for name in names}
    return {name: (dims, array, {"units": "1", "long_name": texts[name]}) for name, array in arrays.items()}


def _narrow(study: Study, found: Found, sizes: Mapping[str, int]) -> dict[str, Any]:
    """Return the variables of narrow spectra: displacements over theory, and bounce frequency over width."""
    dims = ("width", "narrow_amplitude")
    shape = tuple(sizes[d] for d in dims)
    spread, error, expected = (
        _filled(found, "narrow", name, shape, (LAGS,)) for name in ("spread", "spread_stderr", "diffused_spread")
    )
    # omega_b^2 = Omega^2 (dB/B) tan(theta) of a wave of the total amplitude, against the spread Omega d(ln k).
    slant = np.sqrt(1.0 - NARROW_COSINE**2) / NARROW_COSINE
    bounce = np.sqrt(np.asarray(study.narrow_amplitudes) * slant) / np.asarray(study.widths).reshape(-1, 1)
    lags = NARROW_LAGS * study.gyrations / LAGS * np.arange(1, LAGS + 1)
    what = f"measured <d mu^2> in a narrow spectrum over that of quasilinear diffusion, mu = {NARROW_COSINE}"
    one = {"units": "1"}
    return {
        "narrow_ratio": ((*dims, "lag"), spread / expected, one | {"long_name": what}),
        "narrow_ratio_stderr": ((*dims, "lag"), error / expected, one | {"long_name": "standard error"}),
        "narrow_spread": ((*dims, "lag"), spread, one | {"long_name": "measured <d mu^2> in a narrow spectrum"}),
        "narrow_trapping": (dims, bounce, one | {"long_name": "bounce frequency over width of the resonance"}),
        "narrow_lag": ("lag", lags, one | {"long_name": "lag in gyrations"}),
    }


def thresholds(amplitudes: np.ndarray, ratio: np.ndarray, stderr: np.ndarray) -> np.ndarray:
    """Return the dB/B at which |ratio - 1| crosses the tolerance, (waves, ...); NaN if it does not.

    Interpolates in ln(dB/B) up to the first amplitude that is off by more than the tolerance and by 3 errors.

    amplitudes: dB/B, (amplitudes,)
    ratio, stderr: measured over expected and its standard error, (waves, amplitudes, ...)
    """
    off, errors = np.moveaxis(np.abs(ratio - 1.0), 1, 0), np.moveaxis(stderr, 1, 0)
    failed = off > np.maximum(TOLERANCE, 3.0 * errors)
    first = np.argmax(failed, axis=0)[None]
    before = np.maximum(first - 1, 0)
    high, low = (np.take_along_axis(off, i, 0)[0] for i in (first, before))
    low = np.minimum(low, TOLERANCE)
    share = np.clip((TOLERANCE - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
    start, end = (np.log(np.asarray(amplitudes))[i[0]] for i in (before, first))
    return np.where(failed.any(axis=0), np.exp(start + share * (end - start)), np.nan)


def by_cosine(data: xr.Dataset) -> xr.Dataset:
    """Return ratio, its standard error and threshold against |mu|, of the resonant hemisphere or the mean of both."""
    size = data.sizes["mu"] // 2
    use = resonant(data.theory_mu_mu.values, data.mu.values)
    # A cosine in the gap or beyond belongs to no hemisphere: show that of the waves' helicity.
    count = use[..., size:].any(-1, keepdims=True), use[..., :size].any(-1, keepdims=True)

    def folded(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the values at +|mu| and -|mu|."""
        return values[..., size:], values[..., :size][..., ::-1]

    sides, errors = folded(data.ratio.values), folded(data.ratio_stderr.values)
    number = count[0].astype(float) + count[1]
    number = np.where(number > 0, number, np.nan)
    ratio = sum(np.where(n, side, 0.0) for n, side in zip(count, sides, strict=True)) / number
    error = np.sqrt(sum(np.where(n, x, 0.0) ** 2 for n, x in zip(count, errors, strict=True))) / number
    limit = thresholds(data.amplitude.values, ratio, error)
    dims = (*_MAIN, "cosine")
    return xr.Dataset(
        {"ratio": (dims, ratio), "stderr": (dims, error), "threshold": (("waves", "momentum", "cosine"), limit)},
        {name: data[name] for name in _MAIN} | {"cosine": data.mu.values[size:]},
    )


def provenance(config: QltConfig) -> dict[str, Any]:
    """Return the attributes that say where a result comes from: config, seed, versions, device."""
    return {
        "title": config.name or "crmc run",
        "kind": "qlt",
        **origin(),
        "references": "Zweibel 2020, ApJ 890, 67",
        "config": config.to_toml(),
        "seed": config.qlt.seed,
        "prng": "threefry2x32, key folded with the number of the case, then of the realisation",
    }


def summarise(config: QltConfig, data: xr.Dataset, status: Mapping[str, Any]) -> dict[str, Any]:
    """Return the summary: the status, and the numbers to quote, each with its standard error."""

    def pair(name: str, **place: Any) -> dict[str, float]:
        return {"value": float(data[name].loc[place]), "stderr": float(data[f"{name}_stderr"].loc[place])}

    branches = [
        {"direction": d, "helicity": h, "momentum": float(p)}
        | {
            name: pair(name, direction=d, helicity=h, momentum=p)
            for name in ("branch_D", "branch_D_mu_p", "branch_D_p_p", "branch_energy")
        }
        for d in (1, -1)
        for h in (1, -1)
        for p in data.momentum.values
    ]
    main = [
        {"waves": str(w), "momentum": float(p), "amplitude": float(a)}
        | pair("pooled_ratio", waves=w, momentum=p, amplitude=a)
        for w in data.waves.values
        for p in data.momentum.values
        for a in data.amplitude.values
    ]
    limits = [
        {"waves": str(w), "momentum": float(p), "amplitude": float(data.threshold.loc[{"waves": w, "momentum": p}])}
        for w in data.waves.values
        for p in data.momentum.values
    ]
    return {"name": config.name, **status, "branches": branches, "ratios": main, "thresholds": limits}
