"""A hook of MkDocs that adds the pages made from the program itself: keys, variables, commands; and files that lie
elsewhere in the repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

import crmc
from crmc.results import COORDINATES, DISTRIBUTION, ESTIMATED, VARIABLES

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).resolve().parents[2]
#: Files of the repository that are pages, too.
_BORROWED = ("CONTRIBUTING.md", "CHANGELOG.md", "experiments/README.md")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Return the files of the site with those that are made here."""
    from mkdocs.structure.files import File  # here, since the tests of the pages do without MkDocs

    made = {
        "reference/config.md": config_page(),
        "reference/results.md": results_page(),
        "reference/commands.md": commands_page(),
    }
    paths = [ROOT / name for name in _BORROWED] + sorted((ROOT / "experiments").glob("*/*.md"))
    for path in paths:
        made[str(path.relative_to(ROOT))] = _borrowed(path)
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files


def _borrowed(path: Path) -> str:
    """Return the text of a file of the repository with the links that hold within the site."""
    return path.read_text(encoding="utf-8").replace("](docs/", "](")


# -- config -----------------------------------------------------------------------------------

_CONFIG = """\
# Config

A config is a TOML file. `crmc init NAME` writes one with comments, `crmc validate FILE.toml` prints one with every key
resolved, and `--set section.key=value` overrides a key. A key in **bold** has no default and must be given. Quantities
are text with a unit of the dimension given, such as `"1.0 uG"`; other numbers are plain. Momenta are plain numbers in
m_p c, or text such as `"10 GeV/c"`, `"5 GV"` (rigidity of a proton) or `"3 GeV"` (kinetic energy). A key that has no
effect is warned of or refused. `crmc sweep` and `crmc sensitivity` take the keys marked \\*.

This page is generated from the models that check configs."""


def config_page() -> str:
    """Return the page on every key of a config."""
    lines = [_CONFIG]
    starter = tomllib.loads((ROOT / "crmc" / "config" / "starter.toml").read_text(encoding="utf-8"))
    for name, field in crmc.Config.model_fields.items():
        model = field.annotation
        if not hasattr(model, "model_fields"):
            lines += ["", f"`{name}`, at the top of the file: {_cell(field.description)}."]
            continue
        lines.append(
            f"\n## [{name}]\n\n{_first_line(model)}\n\n| key | kind | default | meaning |\n| --- | --- | --- | --- |"
        )
        for key, inner in model.model_fields.items():
            title = f"**{key}**" if inner.is_required() else f"`{key}`"
            star = " *" if inner.annotation in (float, float | None) and key != "scattering_per_step" else ""
            example = starter.get(name, {}).get(key) if inner.is_required() else None
            default = f"such as `{_shown(example)}`" if example is not None else _default(inner)
            lines.append(f"| {title}{star} | {_kind(inner)} | {default} | {_cell(inner.description)} |")
    return "\n".join(lines) + "\n"


def _first_line(model: Any) -> str:
    """Return the first line of a docstring."""
    return str(model.__doc__).strip().splitlines()[0]


def _default(field: Any) -> str:
    """Return the default of a key as a table shows it."""
    if field.is_required():
        return "required"
    return "-" if field.default is None else f"`{_shown(field.default)}`"


def _shown(value: Any) -> str:
    """Return a value as a TOML file holds it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)


def _kind(field: Any) -> str:
    """Return what a key takes: its words, its unit or its kind of number, its bounds, and whether it is a list."""
    parts = {get_origin(part) or part for part in get_args(field.annotation)}
    words = [word for part in _literals(field.annotation) for word in part]
    found = [", ".join(f'`"{word}"`' for word in words)] if words else []
    if int in get_args(field.annotation):
        found.append("whole number")
    for rule in field.metadata:
        if unit := getattr(rule, "unit", None):
            sign = getattr(rule, "sign", "positive")
            kind = "list of quantities" if tuple in parts else "quantity"
            found.append(f"{kind} [{unit}]" + (f", {sign}" if sign != "positive" else ""))
        bounds = {sign: getattr(rule, name, None) for name, sign in _BOUNDS.items()}
        found += [f"{sign} {_shown(bound)}" for sign, bound in bounds.items() if bound is not None]
    if not any("quantit" in part or part.startswith("`") for part in found):
        plain = {int: "whole number", bool: "`true`, `false`"}.get(field.annotation, "number")
        found.insert(0, "list of numbers" if tuple in parts else "text" if str in parts else plain)
    return _cell("; ".join(found))


_BOUNDS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def _literals(annotation: Any) -> Iterator[tuple[str, ...]]:
    """Yield the words that an annotation allows."""
    inner = get_args(annotation)
    if inner and all(isinstance(word, str) for word in inner):
        yield inner
    else:
        for part in inner:
            yield from _literals(part)


# -- variables --------------------------------------------------------------------------------

_RESULTS = """\
# Variables of a result

A result is a netCDF file by the CF conventions, or `run.data` (`xarray.Dataset`) in Python. Every variable has `units`
and `long_name`. Those marked \\* also have a standard error from the scatter of the replicas, the variable of the same
name with `_stderr`. Rates that are means over the interval which ends at their time have none at t = 0.

`average_wave_power` and `average_growth_rate`, each with `_stderr`, are means over the last half of the run. The file
of a sweep has one more dimension per swept key, and `average_*`, `theory_*`, `status` and `status_text` of each point.
[Symbols](../symbols.md) gives the symbol of each variable and its equation.

This page is generated from the declarations that the program writes files by.

## Coordinates
"""


def results_page() -> str:
    """Return the page on every variable and coordinate of a result file."""
    lines = [
        _RESULTS,
        "| name | unit | meaning |",
        "| --- | --- | --- |",
        *(f"| `{name}` | {entry['units']} | {_cell(entry['long_name'])} |" for name, entry in COORDINATES.items()),
        "",
        "## Variables",
        "",
        "| name | dimensions | unit | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for name, (dims, unit, _, text) in VARIABLES.items():
        if not name.endswith("_stderr"):
            star = " *" if name in ESTIMATED else ""
            lines.append(f"| `{name}`{star} | {', '.join(('time', *dims))} | {unit} | {_cell(text)} |")
    lines += ["", "## Distribution", "", _DISTRIBUTION]
    for name, (dims, unit, text) in DISTRIBUTION.items():
        if not name.endswith("_stderr"):
            lines.append(f"| `{name}` * | {', '.join(dims)} | {unit} | {_cell(text)} |")
    lines += ["", "## Attributes", "", _ATTRIBUTES]
    return "\n".join(lines) + "\n"


_DISTRIBUTION = """\
With `run.distribution = true`, over `p` [m_p c] and `mu` = p_par/p, the middles of cells equal in ln p and in mu; not
in sweeps. A cell holds its mean: the sum of `momentum_spectrum` times the widths in p is the number of cosmic rays, but
for those that have left the comoving momenta of t = 0, which are in no cell.

| name | dimensions | unit | meaning |
| --- | --- | --- | --- |"""

_ATTRIBUTES = """\
| name | meaning |
| --- | --- |
| `title` | name of the run |
| `status`, `status_text` | "done", "failed", "interrupted" or "running", and why, with notes on what is uncertain |
| `config` | the config as TOML with every key resolved |
| `summary` | averages, errors and theory's numbers as JSON; absent until the run has ended |
| `solver`, `seed`, `prng`, `time_step_s` | what drew and stepped |
| `source`, `commit`, `command_line`, `host`, `created`, `history`, `versions`, `device` | where the result comes from |
| `references`, `Conventions` | the paper, and the conventions of the file |"""


# -- commands ---------------------------------------------------------------------------------

_COMMANDS = """\
# Commands

Exit codes: 0 done; 2 bad input, with one line that says what is wrong and what to do; 3 the run failed (what it had is
saved); 130 interrupted (saved; `--resume` goes on to the bit).

This page is what `--help` prints.

## crmc
"""


def commands_page() -> str:
    """Return the page on every command and option, as ``--help`` prints them."""
    overview, *texts = _helps()
    names = re.findall(r"^    ([a-z]+)(?: |$)", overview, re.MULTILINE)
    lines = [_COMMANDS, _block(overview)]
    for name, text in zip(names, texts, strict=True):
        lines += ["", f"## crmc {name}", "", _block(text)]
    return "\n".join(lines) + "\n"


#: Prints what every command prints for ``--help``, with a mark between.
_HELPS = """
import contextlib, io, re
from crmc.cli.main import main
out = io.StringIO()
with contextlib.redirect_stdout(out):
    main(["--help"])
    for name in re.findall(r"^    ([a-z]+)(?: |$)", out.getvalue(), re.MULTILINE):
        print(chr(12), end="")
        main([name, "--help"])
print(out.getvalue())
"""


def _helps() -> list[str]:
    """Return the help of crmc, and of each of its commands."""
    # In a process of its own: its width is that of the page.
    environment = os.environ | {"COLUMNS": "100", "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    words = [sys.executable, "-c", _HELPS]
    return subprocess.run(words, capture_output=True, text=True, check=True, env=environment).stdout.split("\f")


def _block(text: str) -> str:
    """Return text as a block of code."""
    return f"```text\n{text.rstrip()}\n```"


def _cell(text: str | None) -> str:
    """Return text as a cell of a table holds it."""
    return (text or "").replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")
