"""Print messages on stderr, and name and check the files that commands write."""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from crmc.config.errors import ConfigError, show
from crmc.outputs import CHECKPOINT, obstacle
from crmc.text import one_line

if TYPE_CHECKING:
    from crmc.config.config import Config
    from crmc.orbits.config import QltConfig

#: When the command line was loaded, soon after the process began.
_STARTED = time.monotonic()


def say(kind: str, message: object) -> None:
    """Print one line, "crmc: kind: message", on stderr; characters that stderr cannot show are escaped.

    Where stderr cannot be written, its terminal gone say, the line is lost and all else goes on.
    """
    text = f"crmc: {kind}: {one_line(message)}\n"
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    with contextlib.suppress(OSError):
        sys.stderr.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stderr.flush()


def keep_programs(arguments: argparse.Namespace) -> None:
    """Keep compiled programs for later runs, unless the command line says otherwise; print what prevents it."""
    from crmc.machine import cache

    if not arguments.no_cache and (problem := cache.keep_programs()):
        say("note", problem)


def start_jax(arguments: argparse.Namespace) -> None:
    """Begin to use JAX: keep compiled programs as `keep_programs` does; ConfigError where its platform is missing."""
    from crmc.machine.platforms import require_platform

    keep_programs(arguments)
    require_platform()


def seconds(option: str, text: str | None) -> float | None:
    """Return the time that the text of an option means [s]; None without one; ConfigError for a bad one."""
    if text is None:
        return None
    from crmc.config.quantity import Quantity

    try:
        return float(Quantity("s", "55 min").parse(text))
    except ValueError as error:
        raise ConfigError(f"{option} {show(text)}: {error}") from None


def seconds_left(text: str | None) -> float | None:
    """Return what is left of the wall time ``text`` of this process [s], None without one; ConfigError."""
    allowed = seconds("--wall-time", text)
    return None if allowed is None else allowed - (time.monotonic() - _STARTED)


def result_files(arguments: argparse.Namespace, config: Config | QltConfig) -> tuple[Path, Path | None]:
    """Return the paths of result and summary of ``crmc run``; ConfigError unless both can be written."""
    output = Path(arguments.output or default_output(config, arguments.config))
    summary = Path(arguments.summary) if arguments.summary else None
    check_writable("--output", output, CHECKPOINT)
    if summary is not None:
        check_writable("--summary", summary)
        if summary.resolve() == output.resolve():
            raise ConfigError(f"--summary {one_line(summary, 200)}: is also the output file; give it another name")
    return output, summary


def settle_overwriting(arguments: argparse.Namespace, output: Path, wanted: Mapping[str, str]) -> None:
    """Print that ``output`` will be overwritten; ConfigError where that loses what the user did not name.

    wanted: attributes that tell the result to come from others.  A name that the user gave, a finished result of the
    same attributes, and --force give leave.
    """
    if not output.exists():
        return
    if arguments.output is None and not arguments.force:
        from crmc.results.dataset import attributes

        found = attributes(output)
        same = bool(found) and all(str(found.get(name, "")) == text for name, text in wanted.items())
        if not same or found.get("status") != "done":
            what = "is no result" if not found else "holds a result of another config"
            if same:
                what = "holds an unfinished run" + (", which --resume continues" if "solver" in wanted else "")
            raise ConfigError(f"--output {output}: {what}; give -o FILE.nc, or --force to overwrite it")
    say("note", f"{output} exists and will be overwritten")


def default_output(config: Config | QltConfig, source: str) -> str:
    """Return the name of a result file: the config's name, or that of its file ``source``, as "NAME.nc"."""
    path = Path(source)
    stem = path.parent.name if path.stem == "config" and path.parent.name else path.stem
    name = re.sub(r"[^\w.-]+", "_", config.name or stem).strip("._") or "crmc"
    return f"{name}.nc"


def check_writable(option: str, path: Path, *endings: str) -> None:
    """Raise ConfigError, before a run rather than after it, unless ``path`` can be written.

    endings: of the names of files that will lie beside it.
    """
    if problem := obstacle(path, endings):
        raise ConfigError(f"{option} {one_line(path, 200)}: {problem}")
