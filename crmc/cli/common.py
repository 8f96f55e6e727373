"""Print messages on stderr, and name and check the files that commands write."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from crmc.config.errors import ConfigError
from crmc.config.files import path_problem
from crmc.text import one_line

if TYPE_CHECKING:
    from crmc.config.config import Config
    from crmc.orbits.config import QltConfig


def say(kind: str, message: object) -> None:
    """Print one line, "crmc: kind: message", on stderr; characters that stderr cannot show are escaped."""
    text = f"crmc: {kind}: {one_line(message)}\n"
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    sys.stderr.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stderr.flush()


def keep_programs(arguments: argparse.Namespace) -> None:
    """Keep compiled programs for later runs, unless the command line says otherwise; print what prevents it."""
    from crmc.machine import cache

    if not arguments.no_cache and (problem := cache.keep_programs()):
        say("note", problem)


def result_files(arguments: argparse.Namespace, config: Config | QltConfig) -> tuple[Path, Path | None]:
    """Return the paths of result and summary of ``crmc run``; ConfigError unless both can be written."""
    output = Path(arguments.output or default_output(config, arguments.config))
    summary = Path(arguments.summary) if arguments.summary else None
    check_writable("--output", output)
    if summary is not None:
        check_writable("--summary", summary)
        if summary.absolute() == output.absolute():
            raise ConfigError(f"--summary {one_line(summary, 200)}: is also the output file; give it another name")
    return output, summary


def default_output(config: Config | QltConfig, source: str) -> str:
    """Return the name of a result file: the config's name, or that of its file ``source``, as "NAME.nc"."""
    path = Path(source)
    stem = path.parent.name if path.stem == "config" and path.parent.name else path.stem
    name = re.sub(r"[^\w.-]+", "_", config.name or stem).strip("._") or "crmc"
    return f"{name}.nc"


def check_writable(option: str, path: Path) -> None:
    """Raise ConfigError, before a run rather than after it, unless ``path`` can be written."""
    unusable = path_problem(path)
    if unusable:
        problem = f"is not a usable path ({unusable}); choose another"
    elif path.is_dir():
        problem = "is a directory; name a file inside it"
    elif not path.parent.is_dir():
        problem = f"there is no folder {one_line(path.parent, 200)}; create it first"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        problem = "may not be written; choose another folder or change its permissions"
    else:
        return
    raise ConfigError(f"{option} {one_line(path, 200)}: {problem}")
