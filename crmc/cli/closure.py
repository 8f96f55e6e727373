"""Close the equations of a fluid for a config, for many cells, or as files that fluid codes load."""

from __future__ import annotations

import argparse
import dataclasses
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

from crmc.cli.common import check_writable, keep_programs, say
from crmc.config.config import Config
from crmc.config.errors import ConfigError
from crmc.runs.outcome import DONE
from crmc.text import one_line

if TYPE_CHECKING:
    from crmc.closure.cell import Cell

#: Most momenta of a header's cell.
_MOST_MOMENTA = 64
_FIGURES, _HEADERS = (".png", ".pdf", ".svg"), (".h", ".hpp")


def closure(arguments: argparse.Namespace, config: Config) -> int:
    """Print the closure of a config, or write what is asked for, and return the exit code."""
    momenta = _momenta(arguments.momentum)
    cut = _positive("--cut", arguments.cut)
    _check(arguments)
    from crmc.setup.cells import cell_of, form_of

    cell, form = cell_of(config, cut), form_of(config)
    if config.scattering.gap == "empty" and not arguments.json:
        say("note", 'scattering.gap = "empty" has no steady state: the shortest waves are taken to scatter in the gap')
    keep_programs(arguments)
    if arguments.header:
        return _header(arguments, config, cell, momenta)
    if arguments.cells:
        return _many(arguments, config, momenta, cut)
    from crmc.closure import report
    from crmc.closure.spread import spread

    shown = report.as_json if arguments.json else report.text
    print(shown(*spread(cell, momenta, form), form))
    if arguments.plot:
        from crmc.closure.figures import plot

        plot(cell, form, arguments.plot)
        say("note", f"wrote {arguments.plot}")
    return DONE


def _check(arguments: argparse.Namespace) -> None:
    """Raise ConfigError for options that do not go together or files that cannot be written."""
    if arguments.output and not arguments.cells:
        raise ConfigError("-o belongs to --cells; add it")
    if arguments.cells and not arguments.output:
        raise ConfigError("--cells: needs a result file; add -o FILE.nc")
    if arguments.cells and (arguments.json or arguments.plot):
        raise ConfigError("--cells: neither prints JSON nor draws; leave out --json and --plot")
    if (arguments.fortran or arguments.index) and not arguments.header:
        raise ConfigError("--fortran and --index belong to --header; add it")
    if arguments.header and (arguments.cells or arguments.json or arguments.plot):
        raise ConfigError("--header: writes a file alone; leave out --cells, --json and --plot")
    for option, name in (("--output", arguments.output), ("--plot", arguments.plot), ("--header", arguments.header)):
        if name:
            check_writable(option, Path(name))
    if arguments.header and Path(arguments.header).suffix.lower() not in _HEADERS:
        raise ConfigError(f"--header {one_line(arguments.header, 200)}: must end in .h or .hpp; rename it")
    if arguments.plot and Path(arguments.plot).suffix.lower() not in _FIGURES:
        raise ConfigError(f"--plot {one_line(arguments.plot, 200)}: must end in .png, .pdf or .svg; rename it")


def _header(arguments: argparse.Namespace, config: Config, cell: Cell, momenta: list[float]) -> int:
    """Write the C header, and the files for Fortran if they are asked for."""
    from crmc.closure.header import fortran, header

    path = Path(arguments.header)
    name = re.sub(r"\W", "_", f"spectrum_{config.name or 'crmc'}")[:24]
    spectra = {name: cell}
    for word in arguments.index.split(",") if arguments.index else ():
        index = _number(word)
        if not 0.0 < index <= 20.0:
            raise ConfigError(f"--index {one_line(word, 60)}: must be a number above 0 and at most 20; correct it")
        spectra[f"{name}_{re.sub(r'[^0-9]', '_', f'{index:g}')}"] = dataclasses.replace(cell, index=index)
    texts = {path: header(spectra, momenta)}
    if arguments.fortran:
        module, wrapper = fortran(path.name, list(spectra), len(momenta))
        texts |= {path.with_suffix(".f90"): module, path.with_suffix(".c"): wrapper}
    for target, text in texts.items():
        check_writable("--header", target)
        target.write_text(text, encoding="utf-8")
        print(f"wrote {target}")
    print(f"spectra: {', '.join(spectra)}")
    return DONE


def _many(arguments: argparse.Namespace, config: Config, momenta: list[float], cut: float) -> int:
    """Write the closures of the cells of a file."""
    from crmc.closure.solve import closure as solve
    from crmc.results.cells import closures, read_cells
    from crmc.results.dataset import write_atomically
    from crmc.setup.cells import cell_of, form_of

    form, output = form_of(config), Path(arguments.output)
    cells, columns = read_cells(Path(arguments.cells), cell_of(config, cut))
    found = solve(cells, momenta, nonlinear_landau=form)
    attributes = {"title": output.stem, "config": config.to_toml(), "nonlinear_landau": form, "cut": cut}
    write_atomically(closures(found, columns, attributes), output)
    print(f"{found.flags.size} cells, {int((found.flags != 0).sum())} with flags; {output}")
    return DONE


def _momenta(text: str) -> list[float]:
    """Return the momenta of ``--momentum``."""
    words = text.split(",")
    if len(words) > _MOST_MOMENTA:
        raise ConfigError(f"--momentum: names {len(words)} momenta; give at most {_MOST_MOMENTA}")
    return [_positive("--momentum", word) for word in words]


def _number(word: str) -> float:
    """Return a number of the command line, NaN for any other word."""
    try:
        return float(word)
    except ValueError:
        return math.nan


def _positive(option: str, word: str) -> float:
    """Return a positive number of the command line."""
    value = _number(word)
    if not 1e-6 <= value <= 1e15:
        raise ConfigError(f"{option} {one_line(word, 60)}: must be a number of m_p c from 1e-6 to 1e15; correct it")
    return value
