"""Run the commands that make a config or read a result: init, plot, export."""

from __future__ import annotations

import argparse
from pathlib import Path

from crmc.cli.common import check_writable
from crmc.config.errors import ConfigError
from crmc.config.files import format_toml, path_problem
from crmc.outputs import OutputError
from crmc.runs.outcome import DONE
from crmc.text import one_line

_STARTER = Path(__file__).resolve().parents[1] / "config" / "starter.toml"
#: Its first key, up to the comment, and the most characters of a name.
_STARTER_NAME, _LONGEST_NAME = 'name = "starter"'.ljust(35), 200


def init(arguments: argparse.Namespace) -> int:
    """Write a starter config named after its file; ConfigError if the file exists."""
    name = arguments.name
    path = Path(name if name.endswith(".toml") else f"{name}.toml")
    check_writable("init", path)
    # A name of its own, or the results of two of them would go to one file.
    named = format_toml({"name": path.stem[:_LONGEST_NAME]}).rstrip("\n").ljust(len(_STARTER_NAME))
    text = _STARTER.read_text(encoding="utf-8").replace(_STARTER_NAME, named, 1)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"init {path}: the file exists and is not overwritten; give another name") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"init {path}: cannot be written ({error}); choose another place") from None
    print(f"wrote {path}; edit it, then: crmc run {path}")
    return DONE


def plot(arguments: argparse.Namespace) -> int:
    """Draw the figures of a result file, and print their paths."""
    source, folder = _file_and_folder("plot", arguments, "-spectrum.png")
    from crmc.orbits.figures import plot_study
    from crmc.results.figures import plot as plot_run

    try:
        paths = plot_study(source, folder) or plot_run(source, folder)
    except (ConfigError, OutputError):
        raise
    except Exception as error:  # a damaged file may hold anything
        raise ConfigError(
            f"plot {source}: cannot be drawn ({type(error).__name__}: {error}); give a result of 'crmc run'"
        ) from error
    for path in paths:
        print(path)
    return DONE


def export(arguments: argparse.Namespace) -> int:
    """Write the numbers of a result file as CSV, and print the paths of the tables."""
    source, folder = _file_and_folder("export", arguments, "-time.csv")
    from crmc.results.dataset import read
    from crmc.results.export import write_csv

    for path in write_csv(read(source), folder, source.stem):
        print(path)
    return DONE


def _file_and_folder(command: str, arguments: argparse.Namespace, ending: str) -> tuple[Path, Path]:
    """Return the result file to read and the folder to write into, which is made; ConfigError if either is bad.

    ending: of the longest name that will be written.
    """
    source, folder = Path(arguments.file), Path(arguments.output)
    if problem := path_problem(source):
        raise ConfigError(f"{command} {one_line(source, 200)}: is not a usable path ({problem}); check the name")
    if not source.is_file():
        raise ConfigError(f"{command} {one_line(source, 200)}: there is no such file; give a result of 'crmc run'")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = f"cannot be used as a folder ({getattr(error, 'strerror', None) or error})"
        raise ConfigError(f"--output {one_line(folder, 200)}: {reason}; choose another") from None
    check_writable("--output", folder / f"{source.stem}{ending}")
    return source, folder
