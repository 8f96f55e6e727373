"""The mutation check of experiments/mutations: its texts and tests exist, and it tells killed from surviving mutants."""

from __future__ import annotations

import ast

import pytest
from support.scripts import ROOT, load_script

# In the order in which they import each other.
_, _, _, _, mutants, mutate = (
    load_script("mutations", name) for name in ("mutation", "kicks", "surroundings", "gyro_orbits", "mutants", "mutate")
)
CHEAP = ("control-variate-sign", "expansion-sign")


def test_names_differ():
    names = [mutation.name for mutation in mutants.MUTATIONS]
    assert len(set(names)) == len(names) >= 15


@pytest.mark.parametrize("mutation", mutants.MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_mutation_can_be_made(mutation):
    """Its text occurs exactly once, the result is Python and another program."""
    source = (ROOT / "crmc" / mutation.file).read_text(encoding="utf-8")
    changed = mutate.mutated(mutation, source)
    assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source))
    assert mutation.tests


@pytest.mark.parametrize("name", sorted({test for mutation in mutants.MUTATIONS for test in mutation.tests}))
def test_the_named_test_exists(name):
    """File and function; the case in brackets is checked by pytest when the script runs."""
    file, function = name.split("[")[0].split("::")
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert function in functions
    marks = [ast.dump(line) for line in functions[function].decorator_list]
    assert ("[" in name) == any("parametrize" in mark for mark in marks)
    assert not any("full" in mark for mark in marks if "parametrize" not in mark), "the script would not run it"


def test_a_text_that_is_gone_or_ambiguous_stops_the_check():
    mutation = mutants.MUTATIONS[0]
    for source in ("", 2 * mutation.old):
        with pytest.raises(mutate.Broken, match=mutation.name):
            mutate.mutated(mutation, source)


@pytest.mark.parametrize(
    ("status", "output", "want"),
    [
        (0, "1 passed", ""),
        (1, "FAILED tests/test_a.py::test_b[1] - AssertionError: \n", "test_a.py::test_b[1]"),
        (1, "FAILED tests/test_a.py::test_b - assert 1 == 2\n", "test_a.py::test_b"),
        (1, "FAILED tests/test_a.py::test_b - TypeError: no\n", None),
        (2, "ERROR tests/test_a.py", None),
        (4, "no tests ran", None),
        (-1, "still running", None),
    ],
)
def test_only_a_failed_assertion_counts(status, output, want):
    """A mutant that crashes, runs out of time or is tested by nothing is an error of the check, not a success."""
    if want is None:
        with pytest.raises(mutate.Broken):
            mutate.failed_test(mutants.MUTATIONS[0], status, output)
    else:
        assert mutate.failed_test(mutants.MUTATIONS[0], status, output) == want


@pytest.mark.full
@pytest.mark.slow
def test_the_cheapest_mutants_end_to_end(tmp_path, capsys):
    """Two mutants are noticed; one that changes nothing survives and is reported."""
    chosen = [mutation for mutation in mutants.MUTATIONS if mutation.name in CHEAP]
    assert len(chosen) == len(CHEAP)
    harmless = chosen[0]._replace(name="harmless", new=f"{chosen[0].old} ")
    assert mutate.run([*chosen, harmless], tmp_path) == 1
    shown = capsys.readouterr().out
    assert "SURVIVES" in shown.split("harmless")[1] and "2 of 3 mutants noticed" in shown
    for mutation in chosen:
        assert (tmp_path / "crmc" / mutation.file).read_bytes() == (ROOT / "crmc" / mutation.file).read_bytes()


def test_comparisons_of_tiny_numbers_can_fail():
    """Energies in erg and in code units are far below the absolute tolerance that pytest would allow by itself."""
    assert pytest.approx(2e-20, rel=1e-6) != 1e-20
    assert pytest.approx(1.0000001e-20, rel=1e-6) == 1e-20
