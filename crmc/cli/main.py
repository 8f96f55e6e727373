"""Run the command line: run, sweep, sensitivity, fit, init, validate, theory, closure, paper,
plot, bench.

Exit codes: 0 done; 2 bad input, with one line ``crmc: error: ...`` on stderr; 3 the run failed; 130 interrupted.
Heavy modules are imported where they are used, so that bad input is answered at once.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crmc.cli import derivatives, orbits
from crmc.cli.common import check_writable, default_output, keep_programs, result_files, say
from crmc.cli.options import parser
from crmc.config.errors import ConfigError
from crmc.config.files import is_study
from crmc.runs.outcome import BAD_INPUT, DONE, FAILED, INTERRUPTED
from crmc.text import aligned, json_ready, one_line, to_json

if TYPE_CHECKING:
    from crmc.config.config import Config
    from crmc.physics.layout import Layout

_STARTER = Path(__file__).resolve().parents[1] / "config" / "starter.toml"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (default: that of the process) and return the exit code."""
    try:
        arguments = parser(_COMMANDS).parse_args(argv)
        code = arguments.command(arguments)
        sys.stdout.flush()
        return code
    except ConfigError as error:
        say("error", error)
        return BAD_INPUT
    except KeyboardInterrupt:
        say("error", "interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (say, `head`) has left; keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except SystemExit as stop:  # argparse after --help and --version
        return stop.code if isinstance(stop.code, int) else DONE
    except MemoryError:
        say("error", "not enough memory; lower run.markers or write output less often")
        return FAILED
    except Exception as error:
        if os.environ.get("CRMC_TRACEBACK"):
            raise
        say("error", f"internal error, {type(error).__name__}: {error}; CRMC_TRACEBACK=1 shows where")
        return FAILED


def _load(arguments: argparse.Namespace) -> Config:
    """Load the config named on the command line, with its overrides."""
    from crmc.config.config import load_config

    return load_config(arguments.config, arguments.overrides)


def _warn(config: Config) -> None:
    """Print the warnings about a config."""
    from crmc.config.warnings import warnings

    for warning in warnings(config):
        say("warning", warning)


def _run(arguments: argparse.Namespace) -> int:
    """Run one config, or a study of quasilinear theory."""
    if is_study(arguments.config):
        return orbits.run(arguments)
    config = _load(arguments)
    output, summary = result_files(arguments, config)
    keep_programs(arguments)
    layout = _layout(arguments, config)

    from crmc.machine.devices import is_first
    from crmc.runs.run import run

    if is_first():
        _warn(config)
        if output.exists() and not arguments.resume:
            say("note", f"{output} exists and will be overwritten")
    outcome = run(
        config,
        output=output,
        summary=summary,
        resume=arguments.resume,
        quiet=arguments.quiet,
        solver=arguments.solver,
        layout=layout,
    )
    if outcome.table and not arguments.quiet and is_first():
        print(outcome.table)
    for warning in outcome.warnings if is_first() else ():
        say("warning", warning)
    if outcome.exit_code != DONE:
        say("error", outcome.message)
    return int(outcome.exit_code)


def _layout(arguments: argparse.Namespace, config: Config) -> Layout:
    """Return the layout over the devices to use, after joining the job of several processes if there is one."""
    given = arguments.coordinator, arguments.processes, arguments.process_id
    if not arguments.distributed and any(x is not None for x in given):
        raise ConfigError("--coordinator, --processes and --process-id belong to --distributed; add it")
    if arguments.solver != "monte-carlo" and (arguments.distributed or arguments.devices is not None):
        raise ConfigError(f"--solver {arguments.solver} runs on one device; leave out --devices and --distributed")
    if arguments.distributed and arguments.devices is not None:
        raise ConfigError("--devices and --distributed: every process uses all its devices; leave one of the two out")
    from crmc.machine.devices import choose_layout, join, offer_cores

    offer_cores()
    if arguments.distributed:
        join(*given)
    return choose_layout(config.run.markers, config.run.replica_count, arguments.devices)


def _sweep(arguments: argparse.Namespace) -> int:
    """Run all points of a sweep."""
    from crmc.config.axes import make_points, read_axes
    from crmc.config.files import apply_overrides, find_source, parse_override, read_toml

    if arguments.batch is not None and arguments.batch < 1:
        raise ConfigError(f"--batch {arguments.batch}: must be at least 1; give the number of points")
    # The config alone may lack what is swept: only the points are checked.
    data = read_toml(find_source(arguments.config))
    data = apply_overrides(data, [parse_override(text) for text in arguments.overrides])
    axes = read_axes(arguments.over, arguments.seeds, data)
    points = make_points(data, axes)
    first = points[0].config
    output = Path(arguments.output or f"{Path(default_output(first, arguments.config)).stem}-sweep.nc")
    check_writable("--output", output)
    _warn_of_points([point.config for point in points])
    if output.exists():
        say("note", f"{output} exists and will be overwritten")

    from crmc.runs.sweep import run_points

    keep_programs(arguments)
    outcome = run_points(
        points, axes, output=output, solver=arguments.solver, batch=arguments.batch, quiet=arguments.quiet
    )
    if outcome.table and not arguments.quiet:
        print(outcome.table)
    if outcome.exit_code != DONE:
        say("error", outcome.message)
    return int(outcome.exit_code)


def _sensitivity(arguments: argparse.Namespace) -> int:
    """Differentiate averages of a run."""
    config = _load(arguments)
    _warn(config)
    keep_programs(arguments)
    return derivatives.sensitivity(arguments, config)


def _fit(arguments: argparse.Namespace) -> int:
    """Fit numbers of a config to target averages."""
    config = _load(arguments)
    if arguments.output:
        check_writable("--output", Path(arguments.output))
    _warn(config)
    keep_programs(arguments)
    return derivatives.fit(arguments, config)


def _warn_of_points(configs: Sequence[Config]) -> None:
    """Print one warning for each key that the points' warnings name, with the number of such warnings."""
    from crmc.config.warnings import warnings

    found: dict[str, list[str]] = {}
    for config in configs:
        for warning in warnings(config):
            found.setdefault(re.split(" = |: ", warning)[0], []).append(warning)
    for texts in found.values():
        say("warning", texts[0] if len(texts) == 1 else f"{texts[0]} (one of {len(texts)} such warnings)")


def _init(arguments: argparse.Namespace) -> int:
    """Write a starter config; ConfigError if the file exists."""
    name = arguments.name
    path = Path(name if name.endswith(".toml") else f"{name}.toml")
    check_writable("init", path)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(_STARTER.read_text(encoding="utf-8"))
    except FileExistsError:
        raise ConfigError(f"init {path}: the file exists and is not overwritten; give another name") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"init {path}: cannot be written ({error}); choose another place") from None
    print(f"wrote {path}; edit it, then: crmc run {path}")
    return DONE


def _validate(arguments: argparse.Namespace) -> int:
    """Print a config with every key resolved."""
    if is_study(arguments.config):
        return orbits.validate(arguments)
    config = _load(arguments)
    _warn(config)
    print(config.to_toml(), end="")
    return DONE


def _theory(arguments: argparse.Namespace) -> int:
    """Print what theory predicts for a config."""
    config = _load(arguments)
    _warn(config)
    from crmc.setup.predictions import predict

    keep_programs(arguments)
    found = predict(config)
    if arguments.json:
        print(to_json(found))
    else:
        print(_table(found))
    return DONE


def _table(predictions: Mapping[str, Mapping[str, object]]) -> str:
    """Return aligned columns: name, value, unit, description (source)."""
    rows = []
    for name, entry in predictions.items():
        value = json_ready(entry["value"])
        number = f"{value:.6g}" if isinstance(value, (int, float)) else "-" if value is None else str(value)
        source = f" ({entry['source']})" if entry.get("source") else ""
        rows.append((name, number, str(entry["unit"]), f"{entry['description']}{source}"))
    return aligned(rows)


def _closure(arguments: argparse.Namespace) -> int:
    """Print or write what a fluid code can load."""
    config = _load(arguments)
    from crmc.cli.closure import closure

    return closure(arguments, config)


def _paper(arguments: argparse.Namespace) -> int:
    """Print what crmc does with every equation and number of the paper."""
    figure = Path(arguments.figure) if arguments.figure is not None else None
    if figure is not None:
        check_writable("--figure", figure)
        if figure.suffix.lower() not in (".png", ".pdf", ".svg"):
            raise ConfigError(f"--figure {one_line(figure, 200)}: must end in .png, .pdf or .svg; rename it")
    from crmc.paper import simulation, table
    from crmc.paper.equations import equations
    from crmc.paper.numbers import numbers

    keep_programs(arguments)
    run = None
    if arguments.results:
        run = simulation.from_results([Path(name) for name in arguments.results])
    elif not arguments.no_simulation:
        run = simulation.quick_run()
    rows = numbers(run)
    print((table.as_json if arguments.json else table.text)(equations(), rows, run))
    if figure is not None:
        from crmc.paper.figures import draw

        draw(rows, figure)
        if not arguments.json:
            print(f"\n{figure}")
    return DONE


def _plot(arguments: argparse.Namespace) -> int:
    """Draw the figures of a result file, and print their paths."""
    source, folder = Path(arguments.file), Path(arguments.output)
    problem = ""
    try:
        if not source.is_file():
            problem = "there is no such file; give a result of 'crmc run'"
        else:
            folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        problem = f"cannot be drawn into {one_line(folder, 200)} ({error}); choose another folder"
    if problem:
        raise ConfigError(f"plot {one_line(source, 200)}: {problem}")
    from crmc.orbits.figures import plot_study
    from crmc.results.figures import plot

    try:
        paths = plot_study(source, folder) or plot(source, folder)
    except ConfigError:
        raise
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"plot {source}: cannot be drawn ({type(error).__name__}: {error}); give a result of 'crmc run'"
        ) from error
    for path in paths:
        print(path)
    return DONE


def _bench(arguments: argparse.Namespace) -> int:
    """Time the production step and its references."""
    from crmc.bench import measure, options
    from crmc.bench import table as report

    sizes = options.sizes(arguments.markers)
    against = options.names(arguments.against)
    repeat = options.whole("--repeat", arguments.repeat)
    steps = None if arguments.steps is None else options.whole("--steps", arguments.steps)
    progress = (lambda text: say("note", text)) if sys.stderr.isatty() else (lambda _: None)
    try:
        found = measure.measure(sizes, against, repeat, steps, progress)
    except measure.WorkerFailed as problem:
        say("error", problem)
        return FAILED
    print(to_json(found) if arguments.json else report.text(found))
    return DONE


#: Name of a command -> the function that runs it and returns the exit code.
_COMMANDS = {
    "run": _run,
    "sweep": _sweep,
    "sensitivity": _sensitivity,
    "fit": _fit,
    "init": _init,
    "validate": _validate,
    "theory": _theory,
    "closure": _closure,
    "paper": _paper,
    "plot": _plot,
    "bench": _bench,
}


if __name__ == "__main__":
    sys.exit(main())
