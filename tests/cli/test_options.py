"""Options of the command line: the names they list by hand are those of the library, and each has its help."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pytest
from support.cli_cases import call

import crmc
from crmc.bench.worker import REFERENCES
from crmc.cli import main, options
from crmc.config.errors import ConfigError
from crmc.inference.averages import QUANTITIES
from crmc.inference.derivatives import MODES
from crmc.solvers.monte_carlo.solver import MONTE_CARLO

COMMANDS = (
    *("run", "sweep", "sensitivity", "fit", "init", "validate", "theory"),
    "closure",
    "paper",
    "plot",
    "report",
    "export",
    "bench",
)


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Name of a command -> its parser."""
    parser = options.parser(dict.fromkeys(COMMANDS, lambda _: 0))
    (choices,) = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(choices.choices)


def actions(option: str) -> Iterator[argparse.Action]:
    """The option of every command that has it."""
    for parser in parsers().values():
        yield from (action for action in parser._actions if option in action.option_strings)


def test_commands() -> None:
    """Each has its options and its function."""
    assert tuple(parsers()) == tuple(main._COMMANDS) == COMMANDS


def test_solvers() -> None:
    """Listed by hand, since they may not load JAX: oracle `crmc.SOLVERS`."""
    found = list(actions("--solver"))
    assert len(found) == 4
    for action in found:
        assert list(action.choices) == list(crmc.SOLVERS)
        assert action.default == MONTE_CARLO.name


def test_modes_averages_and_references() -> None:
    """Listed by hand, too: oracles in inference and bench."""
    (mode,), (of,), (against,) = actions("--mode"), actions("--of"), actions("--against")
    assert tuple(mode.choices) == MODES and mode.default == MODES[0]
    assert set(of.default.split(",")) <= set(QUANTITIES)
    assert against.default.split(",") == list(REFERENCES)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_a_help_text(command: str) -> None:
    """So has every command, and `crmc COMMAND --help` shows them."""
    reply = call(command, "--help")
    assert reply.code == 0 and reply.err == ""
    shown = " ".join(reply.out.split())
    for action in parsers()[command]._actions:
        assert action.help, (command, action.dest)
        name = action.option_strings[-1] if action.option_strings else action.metavar
        assert name in shown
    assert parsers()[command].description in shown


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["run"], "CONFIG"),
        (["fly"], "choose from"),
        (["run", "x", "--devices", "two"], "--devices"),
        (["run", "x", "--solver", "spectral"], "--solver"),
        (["sensitivity", "x"], "--wrt"),
        (["fit", "x"], "--free"),
        (["paper", "--no-simulation", "--result", "x.nc"], "--no-simulation"),
        (["sweep", "x", "--see", "3"], "--see"),
    ],
)
def test_bad_arguments(argv: list[str], words: str) -> None:
    """ConfigError, not an exit, names the argument and where to find help; no option may be shortened."""
    with pytest.raises(ConfigError, match="--help") as caught:
        options.parser(dict.fromkeys(COMMANDS, lambda _: 0)).parse_args(argv)
    assert words in str(caught.value)


def test_defaults() -> None:
    """Options that may be repeated start empty, with a list of their own."""
    parser = options.parser(dict.fromkeys(COMMANDS, lambda _: 0))
    first = parser.parse_args(["sweep", "x", "--over", "a=1,2", "--over", "b=1,2", "--set", "c=1"])
    assert (first.over, first.overrides) == (["a=1,2", "b=1,2"], ["c=1"])
    again = parser.parse_args(["sweep", "x"])
    assert (again.over, again.overrides, again.seeds, again.batch) == ([], [], None, None)


@pytest.mark.parametrize(
    ("argv", "config", "resume"),
    [
        (["run", "--resume", "halo"], "halo", "yes"),
        (["run", "halo", "--resume"], "halo", "yes"),
        (["run", "--resume", "auto", "halo"], "halo", "auto"),
        (["sweep", "halo", "--resume=auto", "--quiet"], "halo", "auto"),
        (["run", "halo"], "halo", None),
    ],
)
def test_resume_takes_no_other_word(argv: list[str], config: str, resume: str | None) -> None:
    """CONFIG may follow it, as it could before there was "auto"."""
    found = options.parser(dict.fromkeys(COMMANDS, lambda _: 0)).parse_args(argv)
    assert (found.config, found.resume) == (config, resume)
