"""Run the command line: run, sweep, sensitivity, fit, init, validate, theory, closure, paper, plot,
report, export, bench.

Exit codes: 0 done; 2 bad input, with one line ``crmc: error: ...`` on stderr; 3 the run failed; 130 interrupted.
Heavy modules are imported where they are used, so that bad input is answered at once.
"""

from __future__ import annotations

import argparse
import gc
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from crmc.cli import accuracy, derivatives, files, orbits, streams
from crmc.cli.common import (
    check_writable,
    default_output,
    keep_programs,
    result_files,
    say,
    seconds,
    seconds_left,
    settle_overwriting,
    start_jax,
)
from crmc.cli.options import parser
from crmc.config.errors import ConfigError, as_written
from crmc.outputs import CHECKPOINT, OutputError, OutputInUse
from crmc.runs.outcome import BAD_INPUT, DONE, FAILED, INTERRUPTED
from crmc.text import aligned, json_ready, one_line, to_json

if TYPE_CHECKING:
    from crmc.config.config import Config
    from crmc.physics.layout import Layout


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (default: that of the process) and return the exit code."""
    if argv is None:
        streams.prepare()
        # What imports and tracing make stays: looking through it again and again takes a twentieth of a short command.
        gc.set_threshold(100_000, 50, 100)
    try:
        arguments = parser(_COMMANDS).parse_args(argv)
        code = int(arguments.command(arguments))
        sys.stdout.flush()
        return code
    except (ConfigError, OutputInUse) as error:
        say("error", error)
        return BAD_INPUT
    except OutputError as error:
        say("error", f"{error}; make room or choose another place")
        return FAILED
    except KeyboardInterrupt:
        say("error", "interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        streams.abandon()  # the reader of our output (say, `head`) has left
        return DONE
    except SystemExit as stop:  # argparse after --help and --version
        return stop.code if isinstance(stop.code, int) else DONE
    except OSError as error:
        if (problem := streams.lost(error)) is None:
            return _unexpected(error)
        say("error", f"standard output: cannot be written ({problem.strerror}); all else is done")
        return FAILED
    except MemoryError:
        say("error", "not enough memory; lower run.markers or write output less often")
        return FAILED
    except Exception as error:
        return _unexpected(error)


def _unexpected(error: Exception) -> int:
    """Print an error that nobody foresaw, or raise it where CRMC_TRACEBACK asks for that, and return the exit code."""
    if os.environ.get("CRMC_TRACEBACK"):
        raise error
    say("error", f"internal error, {type(error).__name__}: {error}; CRMC_TRACEBACK=1 shows where")
    return FAILED


def _load(arguments: argparse.Namespace) -> Config:
    """Return the config named on the command line, with its overrides, and print the warnings about it."""
    from crmc.config.config import config_of
    from crmc.config.files import read_source

    data = read_source(arguments.config, arguments.overrides)
    config = config_of(data, arguments.config)
    _warn(config, data, arguments)
    return config


def _warn(config: Config, data: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Print the warnings about a config, with its values as they are written in ``data``."""
    from crmc.config.warnings import warnings

    for warning in warnings(config, getattr(arguments, "solver", "")):
        say("warning", as_written(warning, data))


def _resume(arguments: argparse.Namespace) -> bool | Literal["auto"]:
    """Return the argument ``resume`` of a run or a sweep."""
    return "auto" if arguments.resume == "auto" else bool(arguments.resume)


def _run(arguments: argparse.Namespace) -> int:
    """Run one config, or a study of quasilinear theory."""
    from crmc.config.files import is_study, read_source

    data = read_source(arguments.config, arguments.overrides)
    if is_study(data):
        return orbits.run(arguments, data)
    from crmc.config.config import config_of

    config = config_of(data, arguments.config)
    output, summary = result_files(arguments, config)
    extend, wall_time = seconds("--extend", arguments.extend), seconds_left(arguments.wall_time)
    kept = output.with_name(output.name + CHECKPOINT).exists()
    continues = extend is not None or arguments.resume == "yes" or (arguments.resume == "auto" and kept)
    goal = accuracy.goal(arguments)
    keep_programs(arguments)
    layout = _layout(arguments, config)

    from crmc.machine.devices import is_first
    from crmc.runs.run import run

    if is_first():
        _warn(config, data, arguments)
        if not continues:
            begun = config if goal is None else accuracy.as_written(config, output)
            settle_overwriting(arguments, output, {"config": begun.to_toml(), "solver": arguments.solver})
    options = {"output": output, "summary": summary, "wall_time": wall_time, "quiet": arguments.quiet}
    if goal is None:
        continued = {"resume": _resume(arguments), "extend": extend, "solver": arguments.solver, "layout": layout}
        outcome = run(config, **options, **continued)
    else:
        outcome = accuracy.run(arguments, config, goal, options)
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
    scattering = config.scattering
    kicks = arguments.solver == "monte-carlo" and scattering.model == "spectrum" and scattering.gap == "empty"
    if arguments.kernel == "fused" and not kicks:
        raise ConfigError("--kernel fused: kicks markers by the waves of a spectrum with an empty gap; leave it out")
    if arguments.kernel == "fused" and config.cosmic_rays.spectrum == "table":
        raise ConfigError('--kernel fused: knows no cosmic_rays.spectrum = "table"; leave it out')
    from crmc.machine.devices import choose_layout, join, offer_cores

    offer_cores()
    if arguments.distributed:
        join(*given)
    return choose_layout(config.run.markers, config.run.replica_count, arguments.devices, arguments.kernel)


def _sweep(arguments: argparse.Namespace) -> int:
    """Run all points of a sweep."""
    from crmc.config.axes import make_points, read_axes, swept_values
    from crmc.config.files import read_source

    if arguments.batch is not None and arguments.batch < 1:
        raise ConfigError(f"--batch {arguments.batch}: must be at least 1; give the number of points")
    # The config alone may lack what is swept: only the points are checked.
    data = read_source(arguments.config, arguments.overrides)
    axes = read_axes(arguments.over, arguments.seeds, data)
    points = make_points(data, axes)
    first = points[0].config
    output = Path(arguments.output or f"{Path(default_output(first, arguments.config)).stem}-sweep.nc")
    check_writable("--output", output, CHECKPOINT)
    _warn_of_points([point.config for point in points], arguments.solver, data)
    wall_time = seconds_left(arguments.wall_time)
    resume = _resume(arguments)
    if not (resume and output.with_name(output.name + CHECKPOINT).exists()):
        wanted = {"config": first.to_toml(), "solver": arguments.solver, "sweep": swept_values(axes)}
        settle_overwriting(arguments, output, wanted)

    from crmc.runs.sweep import run_points

    start_jax(arguments)
    outcome = run_points(
        points,
        axes,
        output=output,
        solver=arguments.solver,
        batch=arguments.batch,
        quiet=arguments.quiet,
        resume=resume,
        wall_time=wall_time,
    )
    if outcome.table and not arguments.quiet:
        print(outcome.table)
    if outcome.exit_code != DONE:
        say("error", outcome.message)
    return int(outcome.exit_code)


def _sensitivity(arguments: argparse.Namespace) -> int:
    """Differentiate averages of a run."""
    config = _load(arguments)
    if arguments.checkpoint:
        check_writable("--checkpoint", Path(arguments.checkpoint))
    start_jax(arguments)
    return derivatives.sensitivity(arguments, config)


def _fit(arguments: argparse.Namespace) -> int:
    """Fit numbers of a config to target averages."""
    config = _load(arguments)
    if arguments.output:
        check_writable("--output", Path(arguments.output))
    start_jax(arguments)
    return derivatives.fit(arguments, config)


def _warn_of_points(configs: Sequence[Config], solver: str, data: dict[str, Any]) -> None:
    """Print one warning for each key that the points' warnings name, with the number of such warnings."""
    from crmc.config.warnings import warnings

    found: dict[str, list[str]] = {}
    idle = ["run.distribution: has no effect, a sweep writes no f(p, mu)"]
    for config in configs:
        for warning in warnings(config, solver) + (idle if config.run.distribution else []):
            found.setdefault(re.split(" = |: ", warning)[0], []).append(warning)
    for texts in found.values():
        first = texts[0] if len(set(texts)) > 1 else as_written(texts[0], data)
        say("warning", first if len(texts) == 1 else f"{first} (one of {len(texts)} such warnings)")


def _validate(arguments: argparse.Namespace) -> int:
    """Print a config with every key resolved."""
    from crmc.config.files import is_study, read_source

    data = read_source(arguments.config, arguments.overrides)
    if is_study(data):
        return orbits.validate(data)
    from crmc.config.config import config_of

    config = config_of(data, arguments.config)
    _warn(config, data, arguments)
    print(config.to_toml(), end="")
    return DONE


def _theory(arguments: argparse.Namespace) -> int:
    """Print what theory predicts for a config."""
    config = _load(arguments)
    from crmc.setup.growth import growth_table
    from crmc.setup.predictions import predict

    start_jax(arguments)
    found, growth = predict(config), growth_table(config)
    if arguments.json:
        print(to_json(found | growth))
        return DONE
    rates = growth.pop("growth_rate", None)
    print(_table(found | growth))
    if rates is not None:
        print(f"\n{_growth_table(rates)}")
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


def _growth_table(rates: Mapping[str, Any]) -> str:
    """Return the growth rates of all branches at their k, a line for each k, under a line that says what they are."""
    branches = [f"({d:+d}, {h:+d})" for d in rates["direction"] for h in rates["helicity"]]
    rows = [("k [Omega0/c]", *branches, "damping")]
    columns = [column for direction in rates["value"] for column in direction]
    for k, damping, *values in zip(rates["k"], rates["damping_rate"], *columns, strict=True):
        rows.append((f"{k:.4g}", *(f"{value:.4g}" for value in values), f"{damping:.4g}"))
    head = f"{rates['description']} ({rates['source']}) [{rates['unit']}]; branches are (direction, helicity):"
    return f"{head}\n{aligned(rows, left=0)}"


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

    start_jax(arguments)
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
    "init": files.init,
    "validate": _validate,
    "theory": _theory,
    "closure": _closure,
    "paper": _paper,
    "plot": files.plot,
    "report": files.report,
    "export": files.export,
    "bench": _bench,
}


if __name__ == "__main__":
    sys.exit(main())
