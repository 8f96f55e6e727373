"""README and documentation: commands are those of the program, numbers those of the experiments, lists complete."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest
from support.cli_cases import call
from support.doc_cases import PAGES, ROOT, blocks, commands

import crmc
from crmc.cli.main import _COMMANDS
from crmc.cli.options import parser
from crmc.config.files import experiments, is_study
from crmc.results.variables import VARIABLES

SHELL = ("sh", "bash", "console")
#: Commands that take no time: they are run each time, all others with `-m full`.
QUICK = ("init", "validate", "theory")
#: What README promises to work on a fresh machine; `.ci/run` and `.ci/package` do the same in fresh environments.
INSTALLED = (
    "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/crmc run halo\n",
    "python3 -m venv .venv && .venv/bin/pip install -q '.[test]' && .venv/bin/pytest -q -n 2\n",
)


def name(path: Path) -> str:
    """The name of a page in a list of tests."""
    return str(path.relative_to(ROOT))


def pages_module() -> types.ModuleType:
    """The hook that makes pages of the documentation."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("pages", ROOT / "docs" / "site_tools" / "pages.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_commands_are_those_of_the_program(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call of crmc is taken by the parser, every config that is shipped by the reader; quick ones run."""
    monkeypatch.chdir(tmp_path)
    for block in blocks(path):
        for words in commands(block.text) if block.language in SHELL else ():
            arguments = parser(_COMMANDS).parse_args(words)
            source = getattr(arguments, "config", None)
            if source in experiments() and not is_study(crmc.config.files.read_source(source)):
                crmc.load_config(source, arguments.overrides)
            if words[0] in QUICK:
                reply = call(*words)
                assert reply.code == 0 and reply.out, (words, reply)


def test_there_are_commands() -> None:
    """Pages are read as meant: they hold most commands of the program, and README its two lines, to the letter."""
    shown = {
        words[0]
        for path in PAGES
        for block in blocks(path)
        if block.language in SHELL
        for words in commands(block.text)
    }
    assert shown >= {"run", "sweep", "sensitivity", "fit", "init", "validate", "theory", "closure", "plot", "report"}
    assert tuple(block.text for block in blocks(PAGES[0]) if block.language == "sh") == INSTALLED


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_python_is_python(path: Path) -> None:
    """Every block compiles, and names of the face in it exist."""
    for block in blocks(path):
        if block.language == "python":
            compile(block.text, name(path), "exec")
            for word in re.findall(r"\bcrmc\.(\w+)", block.text):
                assert word in crmc.__all__, (word, name(path))


def test_readme_is_short() -> None:
    """At most 95 lines, with its picture and the pages that it names."""
    text = PAGES[0].read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 95
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert "docs/images/from_seed.png" in links and all((ROOT / link).exists() for link in links)


NUMBER = re.compile(r"\d+\.\d+(?:\(\d+\))?(?:e[+-]?\d+)?|\d+\(\d+\)(?:e[+-]?\d+)?|\d+e-\d+")


@pytest.mark.parametrize("page", ["README.md", "docs/validation.md", "docs/limits.md"])
def test_numbers_are_measured(page: str) -> None:
    """Every number with a point or an error that these pages give stands in the README of an experiment."""
    text = (ROOT / page).read_text(encoding="utf-8")
    text = text[text.find("## What was measured") :] if page == "README.md" else text
    measured = {
        found
        for path in (ROOT / "experiments").rglob("*.md")
        for found in NUMBER.findall(path.read_text(encoding="utf-8"))
    }
    # The experiments write errors of tables as "+- 0.11" or with the last digits in parentheses.
    plain = {re.sub(r"\(\d+\)", "", found) for found in measured}
    wanted = [found for found in NUMBER.findall(text) if not found.startswith("10.")]
    assert len(wanted) > 3
    missing = [found for found in wanted if found not in measured and re.sub(r"\(\d+\)", "", found) not in plain]
    assert not missing


def test_lists_are_complete() -> None:
    """The generated pages have every key of a config, every variable of a result and every command."""
    pages = pages_module()
    config, results, shown = pages.config_page(), pages.results_page(), pages.commands_page()
    for section, outer in crmc.Config.model_fields.items():
        for key in getattr(outer.annotation, "model_fields", ()):
            assert re.search(rf"^\| [`*]+{key}[`*]+", config.partition(f"## [{section}]")[2], re.MULTILINE), key
    for variable in VARIABLES:
        assert f"| `{variable.removesuffix('_stderr')}`" in results
    assert all(f"## crmc {command}\n" in shown and f"usage: crmc {command}" in shown for command in _COMMANDS)


SHIM = """#!{python}
import subprocess, sys
words = sys.argv[1:]
small = ["run.duration=2e9 s", "run.scattering_per_step=0.8", "run.markers=1024", "run.replicas=4"]
if words[0] in ("run", "sweep", "sensitivity", "fit"):
    words += [word for text in small for word in ("--set", text)]
sys.exit(subprocess.run([sys.executable, "-m", "crmc", *words]).returncode)
"""


@pytest.mark.full
@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_block_runs(path: Path, tmp_path: Path) -> None:
    """Blocks for the shell and for Python, in the order of the page and in one folder, with runs made small.

    Left out are the two of README that install, and job scripts (`bash`, `console`), which are parsed above.
    """
    program = tmp_path / "bin" / "crmc"
    program.parent.mkdir()
    program.write_text(SHIM.format(python=sys.executable))
    program.chmod(0o755)
    paths = {"PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    for block in blocks(path):
        if block.language == "sh" and block.text not in INSTALLED:
            command = ["bash", "-euo", "pipefail", "-c", block.text]
        elif block.language == "python":
            command = [sys.executable, "-c", block.text]
        else:
            continue
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=os.environ | paths)
        assert done.returncode == 0, (block.text, done.stderr[-2000:])
