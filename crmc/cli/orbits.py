"""Run and validate studies of quasilinear theory against orbits: configs with a section [qlt]."""

from __future__ import annotations

import argparse
import time
from typing import Any

from crmc.cli.common import result_files, say, settle_overwriting, start_jax
from crmc.config.errors import ConfigError
from crmc.outputs import claimed, write_text
from crmc.text import to_json


def validate(data: dict[str, Any]) -> int:
    """Print the config ``data`` with every key resolved, and return the exit code."""
    from crmc.orbits.config import parse_study

    print(parse_study(data).to_toml(), end="")
    return 0


def run(arguments: argparse.Namespace, data: dict[str, Any]) -> int:
    """Run the study of the config ``data``, write its result, print its tables, and return the exit code."""
    from crmc.orbits.config import parse_study

    config = parse_study(data)
    _refuse(arguments)
    output, summary = result_files(arguments, config)
    settle_overwriting(arguments, output, {"config": config.to_toml()})

    import jax

    from crmc.orbits import dataset, study, table
    from crmc.results import dataset as result
    from crmc.runs.outcome import DONE, INTERRUPTED, catching_signals
    from crmc.runs.progress import Progress

    start_jax(arguments)
    started, total = time.perf_counter(), sum(1 for _ in study.cases(config.qlt))
    with jax.enable_x64(True), catching_signals() as caught, claimed(output):
        with Progress(total, "case", config.name or "qlt", hidden=arguments.quiet) as bar:
            found = study.run_study(config.qlt, stop=lambda: bool(caught), progress=lambda: bar.update(1))
        status: dict[str, Any] = {
            "status": "interrupted" if caught else "done",
            "cases": len(found),
            "wall_seconds": time.perf_counter() - started,
        }
        results = dataset.dataset(config, found, dataset.provenance(config) | status)
    text = to_json(dataset.summarise(config, results, status))
    results.attrs["summary"] = text
    result.write_atomically(results, output)
    if summary is not None:
        write_text(summary, text + "\n")
    if not arguments.quiet:
        print(table.table(results))
        print(f"\n{len(found)} of {total} cases in {status['wall_seconds']:.0f} s; {output}")
    if caught:
        say("error", f"interrupted; {output} has {len(found)} of {total} cases")
        return INTERRUPTED
    return DONE


def _refuse(arguments: argparse.Namespace) -> None:
    """Raise ConfigError for options of ``crmc run`` that a study does not have."""
    given = {
        "--resume": arguments.resume is not None,
        "--extend": arguments.extend is not None,
        "--wall-time": arguments.wall_time is not None,
        "--accuracy": arguments.accuracy is not None,
        "--devices": arguments.devices is not None,
        "--distributed": arguments.distributed,
        "--solver": arguments.solver != "monte-carlo",
        "--coordinator": arguments.coordinator is not None,
        "--processes": arguments.processes is not None,
        "--process-id": arguments.process_id is not None,
    }
    for option, present in given.items():
        if present:
            raise ConfigError(f"{option}: does not apply to a config with a section [qlt]; leave it out")
