"""Judge the checks of a run: eq. 37, conservation, the length of the steps, and what is uncertain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from crmc.results.health import ENERGY_RESIDUAL
from crmc.text import finite, number, with_error

PASSED, DOUBTFUL, FAILED, UNKNOWN = "passed", "doubtful", "failed", "not measured"
#: Standard errors beyond which eq. 37 is called doubtful, and violated; the most of it that is called uncertain.
_DOUBTFUL, _VIOLATED, _UNCERTAIN = 3.0, 6.0, 0.1
#: Errors come from few replicas, so that they are themselves uncertain: below this part of 1 eq. 37 is not judged.
_NEGLIGIBLE = 0.02
#: nu_max dt up to which steps are trusted, and what they do to the pressure anisotropy and, down a gradient, to v_D,
#: relative to these and per nu_max dt, as measured in the experiments verification and drift.
_COARSE, _RAISED, _LOWERED = 1.0, 0.009, 0.06
#: Part of v_D beyond which the steps are too long for it.
_TOO_LOW = 0.02


_IDENTITY = "eq. 37, power by growth rates over that by kicks"
_ENERGY = "energy of particles, waves, gas and field"
_PRINTED = 'the printed coefficients do not conserve energy; use waves.coefficients = "exact"'


class Verdict(NamedTuple):
    """What became of one check: its name, PASSED, DOUBTFUL, FAILED or UNKNOWN, and the numbers behind that."""

    name: str
    word: str
    reason: str


def verdicts(summary: Mapping[str, Any], *, conserves: bool = True) -> list[Verdict]:
    """Return a verdict on each check of a run.

    summary: that of a result, from `summary.summarise`.
    conserves: whether the equations conserve energy, as with waves.coefficients = "exact".
    """
    averages = summary.get("averages") or {}
    return [
        _status(summary),
        _identity(averages) if conserves else Verdict(_IDENTITY, UNKNOWN, _PRINTED),
        _residual(_ENERGY, averages, "energy_residual", "the cosmic rays' at t = 0")
        if conserves
        else Verdict(_ENERGY, UNKNOWN, _PRINTED),
        _residual("number of cosmic rays", averages, "number_residual", "that at t = 0"),
        _steps(summary),
        _noise(summary),
    ]


def _status(summary: Mapping[str, Any]) -> Verdict:
    """Return the verdict on how the run ended."""
    status = str(summary.get("status", "running"))
    word = {"done": PASSED, "failed": FAILED}.get(status, DOUBTFUL)
    reason = "ran to its end" if status == "done" else f"{status}: {summary.get('status_text') or 'no reason given'}"
    return Verdict("end of the run", word, reason)


def _identity(averages: Mapping[str, Any]) -> Verdict:
    """Return the verdict on eq. 37, the ratio of the powers by growth rates and by kicks."""
    name = _IDENTITY
    entry = averages.get("identity_ratio") or {}
    value, error = finite(entry.get("value")), finite(entry.get("stderr"))
    if value is None:
        return Verdict(name, UNKNOWN, "no waves are followed, or f was not sampled")
    off, text = abs(value - 1.0), with_error(value, error)
    if not error:
        word = PASSED if off < _NEGLIGIBLE else DOUBTFUL
        return Verdict(name, word, f"{text}, without an error; {_NEGLIGIBLE:.0%} is allowed")
    ratio = off / error
    word = PASSED if ratio < _DOUBTFUL or off < _NEGLIGIBLE else DOUBTFUL if ratio < _VIOLATED else FAILED
    return Verdict(name, word, f"{text}, {ratio:.1f} standard errors from 1")


def _residual(name: str, averages: Mapping[str, Any], key: str, of: str) -> Verdict:
    """Return the verdict on a conserved quantity, from its largest relative change."""
    value = finite((averages.get(key) or {}).get("value"))
    if value is None:
        return Verdict(name, UNKNOWN, "not in the summary")
    word = PASSED if abs(value) < 0.1 * ENERGY_RESIDUAL else DOUBTFUL if abs(value) < ENERGY_RESIDUAL else FAILED
    return Verdict(name, word, f"changed by at most {number(abs(value), 2)} of {of}")


def _steps(summary: Mapping[str, Any]) -> Verdict:
    """Return the verdict on the length of the steps."""
    name, peak = "length of the steps", finite(summary.get("max_scattering_per_step"))
    if peak is None:
        return Verdict(name, UNKNOWN, "not in the summary")
    if summary.get("solver") == "fokker-planck":
        return Verdict(name, PASSED, f"largest nu_max dt {number(peak, 2)}; diffusion on the mesh is implicit")
    down = (summary.get("theory") or {}).get("diffusivity") is not None
    effects = f"Delta P/P_c is some {number(100.0 * _RAISED * peak, 2)} % too high"
    effects += f", v_D some {number(100.0 * _LOWERED * peak, 2)} % too low" if down else ""
    word = DOUBTFUL if peak > _COARSE or (down and _LOWERED * peak > _TOO_LOW) else PASSED
    advice = "; lower run.scattering_per_step" if word == DOUBTFUL else ""
    return Verdict(name, word, f"largest nu_max dt {number(peak, 2)}: {effects}{advice}")


def _noise(summary: Mapping[str, Any]) -> Verdict:
    """Return the verdict on the errors of the averages."""
    name, found = "errors of the averages", list(_uncertain(summary))
    if summary.get("solver") == "fokker-planck":
        return Verdict(name, PASSED, "none: the mesh has no noise")
    if summary.get("replicas") == 1:
        return Verdict(name, UNKNOWN, "one replica has no errors; set run.replicas = 8")
    if found:
        return Verdict(name, DOUBTFUL, f"above {_UNCERTAIN:.0%}: {', '.join(found)}")
    return Verdict(name, PASSED, f"below {_UNCERTAIN:.0%} for heating, anisotropy and mean free paths")


def _uncertain(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the averages with large errors."""
    for name, entry in (summary.get("averages") or {}).items():
        if name in ("heating_rate", "pressure_anisotropy") or name.startswith("mean_free_path"):
            value, error = finite(entry.get("value")), finite(entry.get("stderr"))
            if value and error and error > _UNCERTAIN * abs(value):
                yield name
