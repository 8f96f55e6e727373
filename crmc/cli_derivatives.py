"""The commands that differentiate: their options, and what they print."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from crmc.config_errors import ConfigError, did_you_mean, one_line
from crmc.json_ready import json_ready

if TYPE_CHECKING:
    from crmc.config import Config

_DEFAULT_AVERAGES = "heating_rate,mean_free_path,pressure_anisotropy"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``crmc sensitivity`` but for the config and the solver."""
    parser.add_argument(
        "--of", default=_DEFAULT_AVERAGES, metavar="NAME,...", help="averages over the last half (%(default)s)"
    )
    parser.add_argument("--wrt", required=True, metavar="section.key,...", help="keys to differentiate by")
    parser.add_argument(
        "--mode",
        choices=("forward", "reverse", "finite-difference"),
        default="forward",
        help="forward (default): memory independent of the steps; reverse: for many numbers, as damping.linear[k] is; "
        "finite-difference: runs with the same random numbers, as a check",
    )
    parser.add_argument("--replicas", type=int, default=8, metavar="N", help="independent runs (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def sensitivity(arguments: argparse.Namespace, config: Config, say: Callable[[str, object], None]) -> int:
    """Run ``crmc sensitivity``; returns the exit code."""
    if not 1 <= arguments.replicas <= 10_000:
        raise ConfigError(f"--replicas {arguments.replicas}: must be from 1 to 10000; 8 or more give a sound error")
    import jax
    from tqdm import tqdm

    from crmc import sensitivity_report
    from crmc.averages import QUANTITIES, averages_of
    from crmc.numbers import read_names
    from crmc.run import FAILED, INTERRUPTED, catching_signals
    from crmc.sensitivity import Differentiation, differentiate

    keys, names = read_names(arguments.wrt, config), _averages(arguments.of, QUANTITIES, config)
    if arguments.mode == "finite-difference":
        _refuse_zeros(keys, config)
    replicas = arguments.replicas if arguments.solver == "monte-carlo" else 1
    with jax.enable_x64(True), catching_signals() as caught:
        program = Differentiation(averages_of(config, names, arguments.solver), keys, arguments.mode)
        with tqdm(total=replicas, unit="run", disable=arguments.quiet or not sys.stderr.isatty()) as bar:
            found = differentiate(program, replicas, stop=lambda: bool(caught), progress=lambda: bar.update(1))
        if not found.values:
            say("error", "interrupted before a replica was ready")
            return INTERRUPTED
        if arguments.json:
            print(json.dumps(json_ready(sensitivity_report.as_dict(program, found)), indent=2))
        else:
            print(sensitivity_report.text(program, found))
    if caught:
        say("error", f"interrupted; the result is that of {_count(found)} of {replicas} replicas")
        return INTERRUPTED
    if bad := not_finite(found):
        say("error", f"{bad} is not finite in some replica; shorten run.time_step or check the input")
        return FAILED
    return 0


def not_finite(found: Any) -> str:
    """Name of an average, or of a derivative, that is not a finite number everywhere; empty if there is none."""
    import numpy as np

    for name, values in found.values.items():
        if not np.isfinite(values).all():
            return name
        for key, slopes in found.slopes[name].items():
            if not np.isfinite(slopes).all():
                return f"d {name}/d {key}"
    return ""


def _count(found: Any) -> int:
    return next(iter(found.values.values())).shape[0]


def _averages(text: str, known: tuple[str, ...], config: Config) -> list[str]:
    names = [part.strip() for part in text.split(",")]
    for name in names:
        if name not in known:
            guess = did_you_mean(name[:60], known)
            guess = f", {guess}" if guess.startswith("did") else ""
            raise ConfigError(f"--of {one_line(name, 80)}: no such average{guess}; use one of {', '.join(known)}")
        if name in ("wave_power", "damping_rate") and config.scattering.model != "spectrum":
            raise ConfigError(f'--of {name}: there are no waves with scattering.model = "constant"; leave it out')
    return names


def _refuse_zeros(keys: list[str], config: Config) -> None:
    import numpy as np

    from crmc.numbers import value_of

    for key in keys:
        if np.any(np.asarray(value_of(config, key)) == 0.0):
            raise ConfigError(f"--wrt {key} = 0: a difference needs a size to go by; use --mode forward")
