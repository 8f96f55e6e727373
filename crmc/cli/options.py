"""Define the options of every command.

Nothing here imports JAX, so that ``--help`` and bad options are answered at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any, NamedTuple, NoReturn

from crmc.config.errors import ConfigError

#: Names of `registry.SOLVERS`, the default first.
_SOLVERS = ("monte-carlo", "fokker-planck")
#: Names of `derivatives.MODES`, the default first.
_MODES = ("forward", "reverse", "finite-difference")
#: Values of `layout.Layout.kernel`, the default first.
_KERNELS = ("plain", "fused")
_DEFAULT_AVERAGES = "heating_rate,mean_free_path,pressure_anisotropy"


class _Parser(argparse.ArgumentParser):
    """An argument parser that raises ConfigError for bad arguments."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as usual, but let ``--resume`` take the word "auto" alone: it may stand before CONFIG."""
        words = list(sys.argv[1:] if args is None else args)
        for place, word in enumerate(words):
            if word == "--":
                break
            if word == "--resume":
                auto = words[place + 1 : place + 2] == ["auto"]
                words[place : place + 1 + auto] = ["--resume=auto" if auto else "--resume=yes"]
        return super().parse_known_args(words, namespace)

    def error(self, message: str) -> NoReturn:
        """Raise ConfigError with ``message`` and where to find help."""
        raise ConfigError(f"{message}; see '{self.prog} --help'")


class _Command(NamedTuple):
    """A command: its options and its help text.

    add: adds its options to a parser.  takes_config: whether it also takes CONFIG and --set.  text: what it does.
    compiles: whether it compiles programs, which a later run can use.
    """

    add: Callable[[argparse.ArgumentParser], None]
    takes_config: bool
    text: str
    compiles: bool = True


def parser(commands: Mapping[str, Callable[[argparse.Namespace], int]]) -> argparse.ArgumentParser:
    """Return the parser of the command line.

    commands: name of a command -> its function, which is `command` of the parsed arguments.
    """
    main = _Parser(
        prog="crmc",
        description="Simulate cosmic rays and Alfven waves in an expanding flux tube (Zweibel 2020).",
        allow_abbrev=False,
    )
    main.add_argument("--version", action="version", version=f"crmc {_version()}")
    choices = main.add_subparsers(metavar="COMMAND", required=True, dest="command name")
    for name, command in _COMMANDS.items():
        sub = choices.add_parser(name, help=command.text, description=command.text, allow_abbrev=False)
        sub.set_defaults(command=commands[name])
        if command.takes_config:
            _add_config(sub)
        command.add(sub)
        if command.compiles:
            sub.add_argument("--no-cache", action="store_true", help="neither keep compiled programs nor use kept ones")
    return main


def _version() -> str:
    """Return the version of the installed package."""
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
        help="set a key of the config to another value, or to its default if the value is empty; may be repeated",
    )


def _add_solver(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--solver",
        choices=_SOLVERS,
        default=_SOLVERS[0],
        help="monte-carlo (default): markers with random kicks; fokker-planck: the same equations on a mesh, without "
        "noise",
    )


def _add_force(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--force", action="store_true", help="overwrite a result of another config that has the default name"
    )


def _add_resume(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--resume",
        nargs="?",
        const="yes",
        choices=("yes", "auto"),
        metavar="auto",
        help=f"continue a {what} from its checkpoint; --resume auto: if there is one, and start otherwise",
    )


def _add_wall_time(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wall-time", metavar="TIME", help='stop in order before this wall time is over, as in "55 min"'
    )


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE.nc", help="result file (default: NAME.nc in this folder)")
    _add_force(parser)
    parser.add_argument("--summary", metavar="FILE.json", help="write the summary to a file, too")
    _add_solver(parser)
    _add_resume(parser, "run")
    parser.add_argument(
        "--extend",
        metavar="TIME",
        help='go on from the checkpoint for a time beyond the end of the run, as in "1e11 s"',
    )
    _add_wall_time(parser)
    parser.add_argument(
        "--accuracy",
        metavar="[NAME=]SHARE",
        help="take as many markers as give an average (default: heating_rate) this relative error, as in 1%% or "
        "mean_free_path_p1=0.5%%, in place of run.markers and run.replicas",
    )
    parser.add_argument("--quiet", action="store_true", help="print no progress bar and no table")
    parser.add_argument("--devices", type=int, metavar="N", help="spread the markers over N devices (default: all)")
    parser.add_argument(
        "--kernel",
        choices=_KERNELS,
        default=_KERNELS[0],
        help="how a GPU kicks the markers: plain (default), functions that XLA compiles, or fused, one kernel",
    )
    job = parser.add_argument_group("jobs of several processes")
    job.add_argument(
        "--distributed", action="store_true", help="join the processes of a job (SLURM, Open MPI, or given below)"
    )
    job.add_argument("--coordinator", metavar="HOST:PORT", help="address of the first process")
    job.add_argument("--processes", type=int, metavar="N", help="number of processes")
    job.add_argument("--process-id", type=int, metavar="I", help="number of this process, from 0")


def _add_sweep(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--over",
        metavar="key=start:stop:n[:log]",
        action="append",
        default=[],
        help="values of a key, as here or as key=a,b,c, with units (1e12s:1e13s:8:log); may be repeated for the outer "
        "product of several keys",
    )
    parser.add_argument("--seeds", type=int, metavar="N", help="run each point with N seeds, from run.seed on")
    parser.add_argument("-o", "--output", metavar="FILE.nc", help="result file (default: NAME-sweep.nc in this folder)")
    _add_force(parser)
    _add_solver(parser)
    _add_resume(parser, "sweep")
    _add_wall_time(parser)
    parser.add_argument("--batch", type=int, metavar="N", help="points per call of the program (default: by device)")
    parser.add_argument("--quiet", action="store_true", help="print no progress bar and no table")


def _add_sensitivity(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--of",
        default=_DEFAULT_AVERAGES,
        metavar="NAME,...",
        help="averages over the last half of the run (default: %(default)s)",
    )
    parser.add_argument("--wrt", required=True, metavar="section.key,...", help="keys to differentiate by")
    parser.add_argument(
        "--mode",
        choices=_MODES,
        default=_MODES[0],
        help="forward (default): its memory does not depend on the number of steps; reverse: for keys with many "
        "numbers, such as damping.linear[k]; finite-difference: from runs with the same random numbers, as a check",
    )
    _add_replicas(parser, "independent runs")
    parser.add_argument(
        "--checkpoint", metavar="FILE.npz", help="keep finished runs in this file, and continue from those it holds"
    )
    _add_wall_time(parser)
    _add_solver(parser)


def _add_fit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--target",
        dest="targets",
        metavar="NAME=value[+-error]",
        action="append",
        default=[],
        help="target value of an average over the last half of the run: mean_free_path=1pc (at p = 1 m_p c) or "
        "mean_free_path(p=3)=2pc+-0.1pc; may be repeated",
    )
    parser.add_argument("--free", required=True, metavar="section.key,...", help="keys to fit, on a logarithmic scale")
    parser.add_argument(
        "--bounds",
        metavar="key=lower:upper",
        action="append",
        default=[],
        help="bounds of a free key (default: its value divided and multiplied by 100, or what the config allows); may "
        "be repeated",
    )
    parser.add_argument("-o", "--output", metavar="FILE.toml", help="write the config with the fitted numbers")
    parser.add_argument(
        "--evaluations", type=int, default=30, metavar="N", help="give up after N evaluations (default: %(default)s)"
    )
    _add_replicas(parser, "runs with different random numbers for each evaluation")
    _add_solver(parser)


def _add_replicas(parser: argparse.ArgumentParser, replicas: str) -> None:
    parser.add_argument("--replicas", type=int, default=8, metavar="N", help=f"{replicas} (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quiet", action="store_true", help="print no progress")


def _add_init(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", default="crmc", metavar="NAME", help="write NAME.toml (default: crmc)")


def _add_theory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_closure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--momentum", default="1,3,10", metavar="P,...", help="momenta in m_p c (default: %(default)s)")
    parser.add_argument(
        "--cut",
        default="100",
        metavar="P",
        help="momentum in m_p c at which averages over the cosmic rays end (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--plot", metavar="FILE.png", help="draw kappa, drift and scattering over momentum")
    files = parser.add_argument_group("files for fluid codes")
    files.add_argument(
        "--header", metavar="FILE.h", help="write a C header with the spectrum and momenta of this config"
    )
    files.add_argument(
        "--table",
        metavar="FILE.h5",
        help="write a table to interpolate in, with its errors of interpolation, and the C header that reads it",
    )
    files.add_argument(
        "--index", metavar="A,...", help="further spectra of the header or the table: the same with these indices a"
    )
    files.add_argument("--fortran", action="store_true", help="write FILE.f90 and FILE.c beside the header, too")
    many = parser.add_argument_group("many cells")
    many.add_argument(
        "--cells",
        metavar="FILE",
        help="CSV file or netCDF with columns such as magnetic_field, in cgs; the config says what it does not",
    )
    many.add_argument("-o", "--output", metavar="FILE.nc", help="result file of --cells")


def _add_paper(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--figure", metavar="FILE.png", help="draw the ratios of all numbers to the printed ones")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--no-simulation", action="store_true", help="leave the simulated column empty")
    source.add_argument(
        "--result",
        dest="results",
        metavar="FILE.nc",
        action="append",
        default=[],
        help="fill the simulated column from a result of 'crmc run halo' instead of a short run; may be repeated for "
        "several seeds",
    )


def _add_plot(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.nc", help="result of 'crmc run' or 'crmc sweep'")
    parser.add_argument(
        "-o", "--output", default=".", metavar="DIR", help="folder of the figures (default: this folder)"
    )


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.nc", help="result of 'crmc run' or 'crmc sweep'")
    parser.add_argument("-o", "--output", metavar="FILE.html", help="page to write (default: FILE.html in this folder)")


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.nc", help="result of 'crmc run' or 'crmc sweep'")
    parser.add_argument("--csv", action="store_true", required=True, help="as CSV, a file for each set of dimensions")
    parser.add_argument(
        "-o", "--output", default=".", metavar="DIR", help="folder of the tables (default: this folder)"
    )


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--markers", default="1e4,1e5,1e6", metavar="N,...", help="numbers of markers (default: %(default)s)"
    )
    every = "numpy,numba,diffrax,c++,c++-plain"
    parser.add_argument(
        "--against", default=every, metavar="NAME,...", help="references, or none (default: %(default)s)"
    )
    parser.add_argument(
        "--repeat", default="5", metavar="N", help="pairs of timings, taken in turn (default: %(default)s)"
    )
    parser.add_argument("--steps", metavar="N", help="steps per timing (default: half a second, at least 8 steps)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_nothing(parser: argparse.ArgumentParser) -> None:
    """Add no option."""


#: Name of a command -> its options and its help text, in the order of ``crmc --help``.
_COMMANDS = {
    "run": _Command(_add_run, True, "run a simulation"),
    "sweep": _Command(
        _add_sweep, True, "run all combinations of values of keys in one compiled program, into one file"
    ),
    "sensitivity": _Command(
        _add_sensitivity, True, "print the derivatives of a run's averages by numbers of its config"
    ),
    "fit": _Command(_add_fit, True, "find numbers of a config for which averages of its run have target values"),
    "init": _Command(_add_init, False, "write a commented starter config", compiles=False),
    "validate": _Command(_add_nothing, True, "check a config and print it with every key resolved", compiles=False),
    "theory": _Command(_add_theory, True, "print what theory predicts for a config, without running"),
    "closure": _Command(
        _add_closure, True, "print what a fluid code can load: diffusivity, streaming and heating of a cell"
    ),
    "paper": _Command(_add_paper, False, "print what crmc does with each equation and number of Zweibel (2020)"),
    "plot": _Command(_add_plot, False, "draw the figures of a result file", compiles=False),
    "report": _Command(
        _add_report, False, "write a result as one page: checks, numbers, figures, config, provenance", compiles=False
    ),
    "export": _Command(_add_export, False, "write the numbers of a result file as text", compiles=False),
    "bench": _Command(
        _add_bench, False, "time the production step and the same step written without JAX", compiles=False
    ),
}
