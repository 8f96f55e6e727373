"""The options of every command."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import NamedTuple, NoReturn

from crmc.config.errors import ConfigError

_DEFAULT_AVERAGES = "heating_rate,mean_free_path,pressure_anisotropy"


class _Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one-line errors like all others."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; see '{self.prog} --help'")


class _Command(NamedTuple):
    """Options of a command, beyond CONFIG and --set if it takes these, and what it is for."""

    add: Callable[[argparse.ArgumentParser], None]
    takes_config: bool
    text: str


def parser(commands: Mapping[str, Callable[[argparse.Namespace], int]]) -> argparse.ArgumentParser:
    """The command line; ``commands`` has the function of each command, which becomes ``command`` of its namespace."""
    main = _Parser(prog="crmc", description="Cosmic rays in an expanding flux tube.", allow_abbrev=False)
    main.add_argument("--version", action="version", version=f"crmc {_version()}")
    choices = main.add_subparsers(metavar="COMMAND", required=True, dest="command name")
    for name, command in _COMMANDS.items():
        sub = choices.add_parser(name, help=command.text, description=command.text, allow_abbrev=False)
        sub.set_defaults(command=commands[name])
        if command.takes_config:
            _add_config(sub)
        command.add(sub)
    return main


def _version() -> str:
    try:
        return metadata.version("crmc")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="CONFIG", help="TOML file, or the name of a shipped experiment")
    parser.add_argument(
        "--set",
        dest="overrides",
        metavar="section.key=value",
        action="append",
        default=[],
        help="replace a key (an empty value restores its default); may be repeated",
    )


def _add_solver(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--solver",
        choices=("monte-carlo", "fokker-planck"),
        default="monte-carlo",
        help="markers with drawn kicks (default), or the same equations on a mesh, without noise",
    )


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE.nc", help="result file (default: NAME.nc in this folder)")
    parser.add_argument("--summary", metavar="FILE.json", help="also write a summary")
    _add_solver(parser)
    parser.add_argument("--resume", action="store_true", help="continue an interrupted run from its checkpoint")
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no table")
    parser.add_argument("--devices", type=int, metavar="N", help="spread the markers over N devices (default: all)")
    job = parser.add_argument_group("jobs of several processes")
    job.add_argument("--distributed", action="store_true", help="join the other processes (SLURM, Open MPI, or given)")
    job.add_argument("--coordinator", metavar="HOST:PORT", help="address of the first process")
    job.add_argument("--processes", type=int, metavar="N", help="number of processes")
    job.add_argument("--process-id", type=int, metavar="I", help="number of this process, from 0")


def _add_sweep(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--over",
        metavar="key=start:stop:n[:log]",
        action="append",
        default=[],
        help="sweep a key, also as key=a,b,c; quantities carry units (1e12s:1e13s:8:log); repeated: outer product",
    )
    parser.add_argument("--seeds", type=int, metavar="N", help="each point with the seeds run.seed .. run.seed+N-1")
    parser.add_argument("-o", "--output", metavar="FILE.nc", help="result file (default: NAME-sweep.nc in this folder)")
    _add_solver(parser)
    parser.add_argument("--batch", type=int, metavar="N", help="points per call of the program (default: by device)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no table")


def _add_sensitivity(parser: argparse.ArgumentParser) -> None:
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
    _add_replicas(parser, "independent runs")
    _add_solver(parser)


def _add_fit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--target",
        dest="targets",
        metavar="NAME=value[+-error]",
        action="append",
        default=[],
        help="what an average over the last half is to be, as mean_free_path=1pc (at p = 1 m_p c) or "
        "mean_free_path(p=3)=2pc+-0.1pc; may be repeated",
    )
    parser.add_argument("--free", required=True, metavar="section.key,...", help="keys to fit, on a logarithmic scale")
    parser.add_argument(
        "--bounds",
        metavar="key=lower:upper",
        action="append",
        default=[],
        help="of a key (default: a factor of 100 either way, or what the config allows); may be repeated",
    )
    parser.add_argument("-o", "--output", metavar="FILE.toml", help="write the config with the fitted numbers")
    parser.add_argument("--evaluations", type=int, default=30, metavar="N", help="give up after N (%(default)s)")
    _add_replicas(parser, "runs with different random numbers for each evaluation")
    _add_solver(parser)


def _add_replicas(parser: argparse.ArgumentParser, replicas: str) -> None:
    parser.add_argument("--replicas", type=int, default=8, metavar="N", help=f"{replicas} (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def _add_init(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", default="crmc", metavar="NAME", help="writes NAME.toml (default: crmc)")


def _add_theory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_paper(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--figure", metavar="FILE.png", help="draw the numbers' ratios to the printed ones")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--no-simulation", action="store_true", help="leave the simulated column empty")
    source.add_argument(
        "--result",
        dest="results",
        metavar="FILE.nc",
        action="append",
        default=[],
        help="take it from a result of 'crmc run halo' instead of a short run; may be repeated for several seeds",
    )


def _add_plot(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.nc", help="result of 'crmc run'")
    parser.add_argument("-o", "--output", default=".", metavar="DIR", help="folder of the figures (default: this one)")


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--markers", default="1e4,1e5,1e6", metavar="N,...", help="numbers of markers (%(default)s)")
    every = "numpy,numba,diffrax,c++,c++-plain"
    parser.add_argument("--against", default=every, metavar="NAME,...", help="%(default)s, or none")
    parser.add_argument("--repeat", default="5", metavar="N", help="pairs timed in turn (%(default)s)")
    parser.add_argument("--steps", metavar="N", help="steps per timing (default: half a second of them, at least 8)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_nothing(parser: argparse.ArgumentParser) -> None:
    pass


_COMMANDS = {
    "run": _Command(_add_run, True, "run a simulation"),
    "sweep": _Command(_add_sweep, True, "run many points of one or more keys in one compiled program, into one file"),
    "sensitivity": _Command(_add_sensitivity, True, "derivatives of a run's averages by keys of its config"),
    "fit": _Command(_add_fit, True, "find numbers of a config for which averages of its runs have given values"),
    "init": _Command(_add_init, False, "write a commented starter config"),
    "validate": _Command(_add_nothing, True, "check a config and print it with every key resolved"),
    "theory": _Command(_add_theory, True, "print what theory predicts for a config, without running"),
    "paper": _Command(_add_paper, False, "what crmc does with each equation and number of Zweibel (2020)"),
    "plot": _Command(_add_plot, False, "draw the figures of a result file"),
    "bench": _Command(_add_bench, False, "time the production step against the same step written without JAX"),
}
