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
#: Most indices of a table, each of which takes some ten megabytes.
_MOST_INDICES = 32
_FIGURES, _HEADERS, _TABLES = (".png", ".pdf", ".svg"), (".h", ".hpp"), (".h5", ".hdf5", ".nc")


def closure(arguments: argparse.Namespace, config: Config) -> int:
    """Print the closure of a config, or write what is asked for, and return the exit code."""
    momenta = _momenta(arguments.momentum)
    cut = _positive("--cut", arguments.cut)
    _check(arguments)
    from crmc.setup.cells import cell_of, form_of

    cell, form = cell_of(config, cut), form_of(config)
    if config.scattering.gap == "empty" and not arguments.json:
        say("note", 'scattering.gap = "empty" has no steady state: the shortest waves are taken to scatter in the gap')
    if config.scattering.gap == "resonance" and not arguments.json:
        say("note", 'scattering.gap = "resonance" is not known to the closure: e(k > k_max) = e(k_max) is taken')
    keep_programs(arguments)
    if arguments.header:
        return _header(arguments, config, cell, momenta)
    if arguments.table:
        return _table(arguments, config, cell, momenta)
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
    if arguments.fortran and not arguments.header:
        raise ConfigError("--fortran belongs to --header; add it")
    if arguments.index and not (arguments.header or arguments.table):
        raise ConfigError("--index belongs to --header and --table; add one")
    for option in ("header", "table"):
        others = [x for x in ("header", "table", "cells", "json", "plot") if x != option and getattr(arguments, x)]
        if getattr(arguments, option) and others:
            raise ConfigError(f"--{option}: writes files alone; leave out --{others[0]}")
    for option in ("output", "plot", "header", "table"):
        if name := getattr(arguments, option):
            check_writable(f"--{option}", Path(name))
    for option, endings in (("header", _HEADERS), ("table", _TABLES)):
        name = getattr(arguments, option)
        if name and Path(name).suffix.lower() not in endings:
            words = " or ".join(endings)
            raise ConfigError(f"--{option} {one_line(name, 200)}: must end in {words}; rename it")
    if arguments.plot and Path(arguments.plot).suffix.lower() not in _FIGURES:
        raise ConfigError(f"--plot {one_line(arguments.plot, 200)}: must end in .png, .pdf or .svg; rename it")


def _header(arguments: argparse.Namespace, config: Config, cell: Cell, momenta: list[float]) -> int:
    """Write the C header, and the files for Fortran if they are asked for."""
    from crmc.closure.header import fortran, header

    path = Path(arguments.header)
    name = re.sub(r"\W", "_", f"spectrum_{config.name or 'crmc'}")[:24]
    spectra = {name: cell}
    for index in _indices(arguments.index):
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


def _table(arguments: argparse.Namespace, config: Config, cell: Cell, momenta: list[float]) -> int:
    """Write the table of the config's spectrum, and the C header that reads it."""
    from crmc.closure.table import make_table
    from crmc.closure.table_header import NAME, table_header
    from crmc.results.closure_table import table_dataset
    from crmc.results.dataset import write_atomically
    from crmc.setup.cells import form_of

    path = Path(arguments.table)
    reader = path.with_name(NAME)
    indices = _indices(arguments.index)
    if len(indices) > _MOST_INDICES:
        raise ConfigError(f"--index: names {len(indices)} indices; give at most {_MOST_INDICES} for a table")
    check_writable("--table", reader)
    table = make_table(cell, momenta, form_of(config), [float(cell.index), *indices])
    data = table_dataset(table, {"title": path.stem, "config": config.to_toml()})
    write_atomically(data, path)
    reader.write_text(table_header(), encoding="utf-8")
    print(f"wrote {path} and {reader}")
    for name in ("kappa", "v_drift", "heating_rate"):
        rms, most, near = data.attrs[f"error_{name}"]
        print(f"{name}: interpolated within {rms:.1e} (rms), {most:.1e} (largest); near_flip {near:.1e} (median)")
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


def _indices(text: str | None) -> list[float]:
    """Return the indices of ``--index``."""
    found = []
    for word in text.split(",") if text else ():
        index = _number(word)
        if not 0.0 < index <= 20.0:
            raise ConfigError(f"--index {one_line(word, 60)}: must be a number above 0 and at most 20; correct it")
        found.append(index)
    return found


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
