"""The commands that differentiate: what they do with their options, and what they print."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmc.cli.common import say
from crmc.config.errors import ConfigError, did_you_mean
from crmc.text import json_ready, one_line

if TYPE_CHECKING:
    from crmc.config.config import Config


def _replicas(arguments: argparse.Namespace) -> int:
    if not 1 <= arguments.replicas <= 10_000:
        raise ConfigError(f"--replicas {arguments.replicas}: must be from 1 to 10000; 8 or more give a sound error")
    return arguments.replicas if arguments.solver == "monte-carlo" else 1


def sensitivity(arguments: argparse.Namespace, config: Config) -> int:
    """Run ``crmc sensitivity``; returns the exit code."""
    replicas = _replicas(arguments)
    import jax
    from tqdm import tqdm

    from crmc.config.keys import read_names
    from crmc.inference import sensitivity_table
    from crmc.inference.averages import QUANTITIES, averages_of
    from crmc.inference.sensitivity import Differentiation, differentiate
    from crmc.runs.outcome import FAILED, INTERRUPTED, catching_signals

    keys, names = read_names(arguments.wrt, config), _averages(arguments.of, QUANTITIES, config)
    if arguments.mode == "finite-difference":
        _refuse_zeros(keys, config)
    with jax.enable_x64(True), catching_signals() as caught:
        program = Differentiation(averages_of(config, names, arguments.solver), keys, arguments.mode)
        with tqdm(total=replicas, unit="run", disable=arguments.quiet or not sys.stderr.isatty()) as bar:
            found = differentiate(program, replicas, stop=lambda: bool(caught), progress=lambda: bar.update(1))
        if not found.values:
            say("error", "interrupted before a replica was ready")
            return INTERRUPTED
        if arguments.json:
            print(json.dumps(json_ready(sensitivity_table.as_dict(program, found)), indent=2))
        else:
            print(sensitivity_table.text(program, found))
    if caught:
        say("error", f"interrupted; the result is that of {_count(found)} of {replicas} replicas")
        return INTERRUPTED
    if bad := not_finite(found):
        say("error", f"{bad} is not finite in some replica; shorten run.time_step or check the input")
        return FAILED
    return 0


def fit(arguments: argparse.Namespace, config: Config) -> int:
    """Run ``crmc fit``; returns the exit code."""
    replicas = _replicas(arguments)
    if not 2 <= arguments.evaluations <= 10_000:
        raise ConfigError(f"--evaluations {arguments.evaluations}: must be from 2 to 10000; 30 are often plenty")
    import jax

    from crmc.cli.fit_options import read_free, read_targets
    from crmc.inference import fit_table
    from crmc.inference.fit import INTERRUPTED as STOPPED
    from crmc.inference.fit import fit
    from crmc.inference.targets import Interrupted, Point
    from crmc.runs.outcome import DONE, FAILED, INTERRUPTED, catching_signals

    def report(point: Point, steps: int) -> None:
        if not arguments.quiet:
            say("note", fit_table.progress(point, steps))

    targets = read_targets(arguments.targets, config)
    bounds = read_free(arguments.free, arguments.bounds, config)
    entries = sum(int(target.places.sum()) for target in targets)
    if len(bounds) > entries:
        raise ConfigError(f"--free {arguments.free}: is more than the {entries} given by --target; free fewer keys")
    with jax.enable_x64(True), catching_signals() as caught:
        try:
            found = fit(
                config,
                targets,
                bounds,
                replicas=replicas,
                solver=arguments.solver,
                most=arguments.evaluations,
                stop=lambda: bool(caught),
                report=report,
            )
        except Interrupted:
            say("error", "interrupted before the first evaluation was ready")
            return INTERRUPTED
    if arguments.json:
        print(json.dumps(json_ready(fit_table.as_dict(found, targets)), indent=2))
    else:
        print(fit_table.text(found, targets))
    if arguments.output:
        Path(arguments.output).write_text(found.config.to_toml(), encoding="utf-8")
    if found.succeeded:
        return DONE
    say("error", fit_table.message(found, targets))
    return INTERRUPTED if found.ended == STOPPED else FAILED


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

    from crmc.config.keys import value_of

    for key in keys:
        if np.any(np.asarray(value_of(config, key)) == 0.0):
            raise ConfigError(f"--wrt {key} = 0: a difference needs a size to go by; use --mode forward")
