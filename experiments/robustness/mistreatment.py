"""What is done to crmc: random configs, damaged bytes, odd environments, extreme numbers."""

from __future__ import annotations

import copy
import os
import random
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tomli_w
from processes import Ended, clocked, crmc, shell, without

BASE: dict[str, Any] = {
    "name": "small",
    "plasma": {
        "magnetic_field": "1.0 uG",
        "ion_density": "1.3233e-3 cm-3",
        "temperature": "1.1e6 K",
        "gas_pressure": "3.2e-13 dyn/cm2",
    },
    "expansion": {"mode": "prescribed", "timescale": "3.7e12 s"},
    "cosmic_rays": {"pressure": "8.2e-14 dyn/cm2", "turnover_momentum": 1.0},
    "waves": {"bins": 8, "start": "equilibrium"},
    "damping": {"linear": "1e-11 1/s"},
    "run": {"duration": "2e9 s", "time_step": "2e7 s", "markers": 512},
}

_WORDS = ["", "auto", "never", "none", "seed", "kappa", "constant", "equilibrium", "full_f", "true", "NaN", "\u00b5G"]
_UNITS = ["s", "G", "uG", "cm-3", "K", "erg/cm3", "GeV", "GeV/c", "GV", "K cm-3", "years", "1/s", "kpc", "m" * 70, "/"]


def _value(chance: random.Random) -> Any:
    """Return a random value of a random type."""
    number = chance.choice([0, -1, 1, 2**31, 10**30, chance.uniform(-2, 2), 10.0 ** chance.uniform(-90, 90), 0.5])
    kinds: list[Callable[[], Any]] = [
        lambda: number,
        lambda: f"{number} {chance.choice(_UNITS)}",
        lambda: f"{10.0 ** chance.uniform(-30, 30):.3g} {chance.choice(_UNITS)}",
        lambda: chance.choice(_WORDS),
        lambda: chance.random() < 0.5,
        lambda: [number],
        lambda: {"x": number},
        lambda: "".join(chr(chance.randrange(1, 0x3000)) for _ in range(chance.randrange(40))),
    ]
    return chance.choice(kinds)()


def fuzzed(chance: random.Random) -> bytes:
    """Return a config with one to four keys changed, removed or added; one in ten has spoilt bytes, too."""
    data = copy.deepcopy(BASE)
    names = ["plasma", "expansion", "cosmic_rays", "injection", "drift", "waves", "damping", "scattering", "run", "qlt"]
    keys = {
        "cosmic_rays": ["spectrum", "index", "kappa", "momentum_min", "momentum_max", "start", "anisotropy"],
        "injection": ["pressure_rate", "index"],
        "drift": ["gradient_length", "switch_off"],
        "waves": ["k_min", "k_max", "bins", "seed_level", "start", "start_level", "evolve", "coefficients"],
        "damping": ["linear", "ion_neutral_density", "nonlinear_landau", "turbulent_dissipation"],
        "scattering": ["model", "frequency", "frame", "gap"],
        "run": ["duration", "time_step", "markers", "replicas", "seed", "output_interval", "coarse_grain_interval"],
    }
    for _ in range(chance.randrange(1, 5)):
        name = chance.choice(names)
        table = data.setdefault(name, {})
        key = chance.choice([*keys.get(name, []), *(table if isinstance(table, dict) else []), "strange"])
        if chance.random() < 0.05 or not isinstance(table, dict):
            data[name] = _value(chance)
        elif chance.random() < 0.2:
            table.pop(key, None)
        elif isinstance(old := table.get(key), str) and old[0].isdigit() and chance.random() < 0.8:
            number, _, unit = old.partition(" ")
            table[key] = f"{float(number) * 10.0 ** chance.gauss(0.0, 1.0):.4g} {unit}"
        else:
            table[key] = _value(chance)
    content = tomli_w.dumps(data).encode("utf-8", "replace")
    return damage(content, chance)[0] if chance.random() < 0.1 else content


def damage(content: bytes, chance: random.Random) -> tuple[bytes, str]:
    """Return ``content`` with random damage, and its kind."""
    spoilt, place = bytearray(content), chance.randrange(len(content))
    length = min(int(2 ** chance.uniform(0, 14)), len(content) - place)
    how = chance.choice(["bit flipped", "bytes flipped", "range zeroed", "cut off", "begin cut off", "doubled"])
    if how == "bit flipped":
        spoilt[place] ^= 1 << chance.randrange(8)
    elif how == "bytes flipped":
        for _ in range(16):
            spoilt[chance.randrange(len(spoilt))] ^= 0xFF
    elif how == "range zeroed":
        spoilt[place : place + length] = bytes(length)
    elif how == "cut off":
        del spoilt[place:]
    elif how == "begin cut off":
        del spoilt[: chance.randrange(1, 4096)]
    else:
        spoilt[place:place] = spoilt[place : place + length]
    return bytes(spoilt), how


def _read_only(folder: Path, words: tuple[str, ...]) -> Ended:
    """Run crmc into a folder that takes no file, from root neither."""
    locked = Path("/sys")
    if os.getuid() != 0:
        locked = folder / "locked"
        locked.mkdir()
        locked.chmod(stat.S_IRUSR | stat.S_IXUSR)
    odd = {"HOME": str(locked), "CRMC_CACHE": str(locked)}
    return crmc(*words[: words.index("-o")], "-o", locked / "x.nc", "--quiet", env=os.environ | odd)


def environments(folder: Path) -> list[tuple[str, tuple[int, ...], Callable[[tuple[str, ...]], Ended]]]:
    """Return the odd environments: name, exit codes that are fine, and how crmc is run in each."""
    odd = folder / "Alfv\u00e9n $(touch x) 'quoted'"
    odd.mkdir()
    (folder / "pipe").symlink_to("/dev/null")

    def into(target: Path) -> Callable[[tuple[str, ...]], Ended]:
        return lambda words: crmc(*words[: words.index("-o")], "-o", target, "--quiet")

    return [
        ("locale C", (0,), lambda w: shell('"$@"', w, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")),
        ("locale tr_TR", (0,), lambda w: shell('"$@"', w, LC_ALL="tr_TR.UTF-8")),
        ("locale that is none", (0,), lambda w: shell('"$@"', w, LC_ALL="xx_YY.nonsense")),
        ("clock of 1970", (0,), lambda w: clocked(w, "0.0")),
        ("clock that runs backwards", (0,), lambda w: clocked(w, "2e9 - t")),
        ("clock of the year 2200", (0,), lambda w: clocked(w, "7.3e9")),
        ("no HOME", (0,), lambda w: without("HOME", w)),
        ("HOME that is missing", (0,), lambda w: shell('"$@"', w, HOME="/nonexistent", XDG_CACHE_HOME="/nonexistent")),
        ("no PATH", (0,), lambda w: without("PATH", w)),
        ("stdin closed", (0,), lambda w: shell('"$@" <&-', w)),
        ("stdout closed", (0,), lambda w: shell('"$@" >&-', w)),
        ("stderr closed", (0,), lambda w: shell('"$@" 2>&-', w)),
        ("all streams closed", (0,), lambda w: shell('"$@" <&- >&- 2>&-', w)),
        (
            "ASCII streams, another name",
            (0,),
            lambda w: shell('"$@" --set name=Alfv\u00e9n', w, PYTHONIOENCODING="ascii"),
        ),
        ("folder that takes no file", (2,), lambda w: _read_only(folder, w)),
        ("output is a device", (2,), into(Path("/dev/null"))),
        ("output is a link to a device", (2,), into(folder / "pipe")),
        ("name of 250 characters", (2,), into(folder / ("a" * 250))),
        ("folder with spaces, quotes, accents", (0,), into(odd / "x y.nc")),
        ("JAX_PLATFORMS=cuda without it", (2,), lambda w: shell('"$@"', w, JAX_PLATFORMS="cuda")),
    ]


_SHORT = ["run.duration=2e8 s", "run.time_step=2e7 s"]
EXTREME: list[tuple[str, list[str]]] = [
    *((f"tau_B = {10.0**n:.0e} s", [*_SHORT, f"expansion.timescale=1e{n} s"]) for n in range(8, 17)),
    *((f"{n} bins", [*_SHORT, f"waves.bins={n}"]) for n in (3, 4, 256, 257)),
    *((f"{n} markers", [*_SHORT, f"run.markers={n}"]) for n in (1, 64, 10**10)),
    ("1e7 markers", ["run.duration=4e7 s", "run.time_step=2e7 s", "run.markers=1e7", "run.precision=float32"]),
    ("p_max/p_min = 1.001", [*_SHORT, "cosmic_rays.momentum_min=10", "cosmic_rays.momentum_max=10.01"]),
    (
        "p_max/p_min = 1e9",
        [*_SHORT, "cosmic_rays.momentum_min=1e-3", "cosmic_rays.momentum_max=1e6", "waves.k_min=1e-5"],
    ),
    ("index 20", [*_SHORT, "cosmic_rays.index=20"]),
    ("index 0.1", [*_SHORT, "cosmic_rays.index=0.1"]),
    ("field of 1e-12 G", [*_SHORT, "plasma.magnetic_field=1e-12 G"]),
    ("P_c = 1e-60 erg cm-3", [*_SHORT, "cosmic_rays.pressure=1e-60 erg/cm3"]),
    ("P_c = 1e60 erg cm-3", [*_SHORT, "cosmic_rays.pressure=1e60 erg/cm3"]),
    ("damping of 1e20 s-1", [*_SHORT, "damping.linear=1e20 1/s"]),
    ("one step", ["run.duration=2e7 s", "run.time_step=2e7 s"]),
    ("a step of 1e60 s", ["run.duration=1e60 s", "run.time_step=1e60 s", "expansion.timescale=1e59 s"]),
]
