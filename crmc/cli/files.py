"""Run the commands that make a config or read a result: init, plot, report, export."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
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

    with _drawing("plot", source):
        paths = plot_study(source, folder) or plot_run(source, folder)
    for path in paths:
        print(path)
    return DONE


def report(arguments: argparse.Namespace) -> int:
    """Write a result file as a page of HTML, and print its path."""
    source = _source("report", arguments)
    output = Path(arguments.output or f"{source.stem}.html")
    if output.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--output {one_line(output, 200)}: must end in .html; rename it")
    check_writable("--output", output)
    from crmc.results.report import report as write

    with _drawing("report", source):
        print(write(source, output))
    return DONE


def export(arguments: argparse.Namespace) -> int:
    """Write the numbers of a result file as CSV, and print the paths of the tables."""
    source, folder = _file_and_folder("export", arguments, "-time.csv")
    from crmc.results.dataset import read
    from crmc.results.export import write_csv

    for path in write_csv(read(source), folder, source.stem):
        print(path)
    return DONE


@contextlib.contextmanager
def _drawing(command: str, source: Path) -> Iterator[None]:
    """Raise ConfigError for whatever a damaged file does to those who draw it."""
    try:
        yield
    except (ConfigError, OutputError):
        raise
    except Exception as error:  # a damaged file may hold anything
        raise ConfigError(
            f"{command} {source}: cannot be drawn ({type(error).__name__}: {error}); give a result of 'crmc run'"
        ) from error


def _source(command: str, arguments: argparse.Namespace) -> Path:
    """Return the result file to read; ConfigError if there is none."""
    source = Path(arguments.file)
    if problem := path_problem(source):
        raise ConfigError(f"{command} {one_line(source, 200)}: is not a usable path ({problem}); check the name")
    if not source.is_file():
        raise ConfigError(f"{command} {one_line(source, 200)}: there is no such file; give a result of 'crmc run'")
    return source


def _file_and_folder(command: str, arguments: argparse.Namespace, ending: str) -> tuple[Path, Path]:
    """Return the result file to read and the folder to write into, which is made; ConfigError if either is bad.

    ending: of the longest name that will be written.
    """
    source, folder = _source(command, arguments), Path(arguments.output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = f"cannot be used as a folder ({getattr(error, 'strerror', None) or error})"
        raise ConfigError(f"--output {one_line(folder, 200)}: {reason}; choose another") from None
    check_writable("--output", folder / f"{source.stem}{ending}")
    return source, folder
