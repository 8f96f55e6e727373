"""The solvers by name, in the package and on the command line."""

import argparse
import collections
import inspect

import pytest

import crmc
from crmc.cli.main import main
from crmc.cli.options import parser
from crmc.solvers.registry import SOLVERS
from crmc.solvers.simulate import Solver

#: Arguments of the functions of every solver, in their order.
PROTOCOL = {
    "init": ["parameters"],
    "step": ["state", "key", "parameters", "model"],
    "observe": ["state", "tally", "count", "parameters", "model"],
}


def solver_options():
    """Command -> its option --solver, of all commands that have one."""
    commands = parser(collections.defaultdict(lambda: lambda _: 0))
    choices = next(x for x in commands._actions if isinstance(x, argparse._SubParsersAction)).choices
    found = {
        name: next((x for x in command._actions if "--solver" in x.option_strings), None)
        for name, command in choices.items()
    }
    return {name: option for name, option in found.items() if option is not None}


def test_the_command_line_offers_these_solvers():
    """The choices of --solver are the names of the registry in every command that has the option, `run` among them."""
    options = solver_options()
    assert {"run", "sweep"} <= set(options)
    for option in options.values():
        assert set(option.choices) == set(SOLVERS) and option.default in SOLVERS


@pytest.mark.parametrize("name", SOLVERS)
def test_every_solver_has_the_same_functions(name):
    """A solver is listed under its own name, and its functions take the arguments of the protocol."""
    solver = SOLVERS[name]
    assert isinstance(solver, Solver) and solver.name == name and solver.coarsest > 0.0
    for function, arguments in PROTOCOL.items():
        assert list(inspect.signature(getattr(solver, function)).parameters) == arguments


def test_the_package_shows_the_registry():
    """`crmc.SOLVERS` is the registry itself."""
    assert crmc.SOLVERS is SOLVERS


def test_unknown_solver_is_bad_input(capsys):
    """A name that is none of a solver's ends with exit code 2 and names the option."""
    assert main(["run", "halo", "--solver", "guess"]) == 2
    assert "--solver" in capsys.readouterr().err
