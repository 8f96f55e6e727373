"""Run ``crmc sensitivity`` and ``crmc fit``: check their options, call them, and print what they return."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from crmc.cli.common import say, seconds_left
from crmc.config.errors import ConfigError
from crmc.outputs import claimed, write_text
from crmc.runs.progress import Progress
from crmc.text import to_json

if TYPE_CHECKING:
    from crmc.config.config import Config


def _replicas(arguments: argparse.Namespace) -> int:
    """Return the number of replicas to run: 1 for the solver on the mesh; ConfigError for a bad one."""
    if not 1 <= arguments.replicas <= 10_000:
        raise ConfigError(f"--replicas {arguments.replicas}: must be from 1 to 10000; 8 or more give a sound error")
    return arguments.replicas if arguments.solver == "monte-carlo" else 1


def _progress(arguments: argparse.Namespace, replicas: int) -> Progress:
    """Return the progress of a sensitivity, which begins once its options are found to be good."""
    return Progress(replicas, "run", "sensitivity", hidden=arguments.quiet, begun=False)


def sensitivity(arguments: argparse.Namespace, config: Config) -> int:
    """Run ``crmc sensitivity`` and return the exit code."""
    replicas = _replicas(arguments)
    from crmc.inference.sensitivity import sensitivity
    from crmc.runs.outcome import FAILED, INTERRUPTED, Stop, catching_signals
    from crmc.runs.pieces import load_pieces, piece_replica, replica_piece, save_pieces

    of, wrt = ([part.strip() for part in text.split(",")] for text in (arguments.of, arguments.wrt))
    path = None if arguments.checkpoint is None else Path(arguments.checkpoint)
    question = to_json([config.to_toml(), of, wrt, arguments.mode, arguments.solver])
    wall_time = seconds_left(arguments.wall_time)
    with catching_signals() as caught, claimed(path), _progress(arguments, replicas) as bar:
        kept = load_pieces(path, question, "--checkpoint") if path is not None and path.exists() else {}
        ready = {number: piece_replica(one) for number, one in kept.items()}
        halt = Stop(caught, None if wall_time is None else time.monotonic() + wall_time)

        def keep() -> None:
            bar.update(1)
            if path is not None:
                save_pieces(path, question, {number: replica_piece(*one) for number, one in ready.items()})

        found = sensitivity(
            config,
            of,
            wrt,
            mode=arguments.mode,
            replicas=replicas,
            solver=arguments.solver,
            stop=lambda: bool(halt.signal) or halt.over(),
            progress=keep,
            ready=ready,
        )
    if not found.replicas:
        say("error", "interrupted before a replica was ready")
        return INTERRUPTED
    print(to_json(found.as_dict()) if arguments.json else found)
    if caught or found.replicas < replicas:
        advice = "" if path is None else "; the same command continues"
        say("error", f"interrupted; the result is that of {found.replicas} of {replicas} replicas{advice}")
        return INTERRUPTED
    if bad := found.not_finite:
        say("error", f"{bad} is not finite in some replica; shorten run.time_step or check the input")
        return FAILED
    return 0


def fit(arguments: argparse.Namespace, config: Config) -> int:
    """Run ``crmc fit`` and return the exit code."""
    replicas = _replicas(arguments)
    if not 2 <= arguments.evaluations <= 10_000:
        raise ConfigError(f"--evaluations {arguments.evaluations}: must be from 2 to 10000; 30 are often plenty")
    from crmc.cli.fit_options import read_free, read_targets
    from crmc.inference.fit import fit
    from crmc.inference.fitted import INTERRUPTED as STOPPED
    from crmc.inference.fitted import progress
    from crmc.inference.targets import Interrupted, Point
    from crmc.runs.outcome import DONE, FAILED, INTERRUPTED, catching_signals

    def report(point: Point, steps: int) -> None:
        if not arguments.quiet:
            say("note", progress(point, steps))

    targets = read_targets(arguments.targets, config)
    bounds = read_free(arguments.free, arguments.bounds, config)
    entries = sum(int(target.places.sum()) for target in targets)
    if len(bounds) > entries:
        raise ConfigError(f"--free {arguments.free}: is more than the {entries} given by --target; free fewer keys")
    with catching_signals() as caught:
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
    print(to_json(found.as_dict()) if arguments.json else found)
    if arguments.output:
        write_text(arguments.output, found.config.to_toml())
    if found.succeeded:
        return DONE
    say("error", found.message)
    return INTERRUPTED if found.ended == STOPPED else FAILED
