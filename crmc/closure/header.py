"""Write a closure as a C header for fluid codes, and an interface to it for Fortran.

Every law is local in k, so that a header needs no table over the state of the plasma: it has A_g and A_e of each
spectrum per unit pressure, and the algebra of a cell.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata, resources

import jax
import jax.numpy as jnp
import numpy as np

from crmc.closure import balance, fluid, mesh
from crmc.closure.cell import LARGEST_LENGTH, LEAST, MOST, NOT_NEGATIVE, POSITIVE, SPECTRAL, Cell
from crmc.closure.flags import MEANING, Flag
from crmc.closure.scales import spectrum_of
from crmc.closure.solve import DEFAULT_MOMENTA, Momenta
from crmc.closure.spectrum import INTERVALS, MOMENTA, Spectrum
from crmc.closure.variables import INPUTS, NUMBERS, PER_MOMENTUM, SCALARS
from crmc.physics.damping import ION_NEUTRAL_COLLISIONS
from crmc.theory.quadrature import gauss_legendre
from crmc.units import BOLTZMANN, ELEMENTARY_CHARGE, PROTON_MASS, SPEED_OF_LIGHT

#: Inputs of a cell in C: those that do not make the tables.
CELL = tuple(name for name in INPUTS if name not in SPECTRAL)
#: Constants of nature and the longest length in the templates of C, by their words there.
CONSTANTS = {
    "LIGHT": repr(SPEED_OF_LIGHT),
    "MASS": repr(PROTON_MASS),
    "CHARGE": repr(ELEMENTARY_CHARGE),
    "BOLTZMANN": repr(BOLTZMANN),
    "COLLISIONS": repr(ION_NEUTRAL_COLLISIONS),
    "LARGEST": repr(LARGEST_LENGTH),
}
#: Names of spectra in C.
_NAME = re.compile(r"[A-Za-z]\w{0,30}")


def header(spectra: Mapping[str, Cell], momentum: Momenta = DEFAULT_MOMENTA) -> str:
    """Return the text of a C header.

    spectra: names of spectra in C -> cells that have them; of these their index, turnover, momenta and cut matter.
    momentum: p of the output [m_p c].
    Raises ValueError for a name that is none in C.
    """
    for name in spectra:
        if not _NAME.fullmatch(name):
            raise ValueError(f"spectrum {name!r}: must be a name in C of at most 31 characters")
    momenta = np.atleast_1d(np.asarray(momentum, float))
    node, weight = gauss_legendre(balance.NODES)
    words = CONSTANTS | {
        "VERSION": version(),
        "FIRST": next(iter(spectra)),
        "MOMENTA": len(momenta),
        "AVERAGE": MOMENTA,
        "INTERVALS": INTERVALS,
        "NODES": balance.NODES,
        "BELOW": mesh.BELOW,
        "ABOVE": mesh.ABOVE,
        "NARROWEST": repr(balance.NARROWEST),
        "SWEEPS": balance.SWEEPS,
        "STEPS": fluid.STEPS,
        "MOST": f"(sizeof(crmc_real) == 4 ? 1e37 : {MOST!r})",
        "LITTLE": f"(sizeof(crmc_real) == 4 ? 1e-37 : {LEAST!r})",
        "GAUSS_NODES": _list(0.5 * (node + 1.0)),
        "GAUSS_WEIGHTS": _list(0.5 * weight),
        "COLLOCATION": _table(balance.collocation()[0]),
        "FLAGS": ",\n".join(f"    CRMC_{flag.name} = {int(flag)} /* {MEANING[flag]} */" for flag in Flag),
        "CELL": "\n".join(member(name, INPUTS[name]) for name in CELL),
        "OUT": "\n".join(
            member(name, NUMBERS[name], "CRMC_MOMENTA" if name in PER_MOMENTUM else "") for name in NUMBERS
        ),
        "DEFAULTS": "\n".join(f"    cell.{name} = CRMC_R({default_of(name)!r});" for name in CELL),
        "CHECKS": "\n".join(f"    good = good && crmc_good_(c->{name}, {rule_of(name)});" for name in CELL),
        "ZERO": "\n".join(zeros()),
        "SPECTRA": "\n".join(_spectrum(name, cell, momenta) for name, cell in spectra.items()),
    }
    template = resources.files("crmc.closure").joinpath("closure.h.in").read_text(encoding="utf-8")
    return re.sub(r"@([A-Z_]+)@", lambda found: str(words[found[1]]), template)


def version() -> str:
    """Return the version of the installed package."""
    try:
        return metadata.version("crmc")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def default_of(name: str) -> float:
    """Return the default of an input, 0 for one that has none."""
    (field,) = [f for f in dataclasses.fields(Cell) if f.name == name]
    return 0.0 if field.default is dataclasses.MISSING else float(field.default)


def rule_of(name: str) -> int:
    """Return the rule of an input: 1, positive; 2, not negative; 0, any sign."""
    return 1 if name in POSITIVE else 2 if name in NOT_NEGATIVE else 0


def member(name: str, told: tuple[str, str], room: str = "", real: str = "crmc_real") -> str:
    """Return the line of a struct's member.

    told: unit and description; room: length of an array; real: type.
    """
    unit, text = told
    declared = f"{real} {name}{f'[{room}]' if room else ''};"
    return f"    {declared:<42}/* [{unit}] {text} */"


def zeros(scalars: Sequence[str] = SCALARS, room: str = "CRMC_MOMENTA", indent: str = 8 * " ") -> Iterable[str]:
    """Return the lines that set every result to zero.

    scalars: names beside those of `PER_MOMENTUM`; room: length of the arrays.
    """
    rows = " = ".join(f"out->{name}[m]" for name in PER_MOMENTUM)
    yield f"{indent}for (m = 0; m < {room}; m++) {rows} = 0;"
    yield f"{indent}{' = '.join(f'out->{name}' for name in scalars)} = 0;"


def _list(values: np.ndarray) -> str:
    """Return numbers as C writes them."""
    return ", ".join(f"CRMC_R({float(x)!r})" for x in np.ravel(values))


def _table(values: np.ndarray) -> str:
    """Return an array of rows, of rows, ... as C writes it."""
    if values.ndim == 1:
        return _list(values)
    return ",\n    ".join(f"{{{_table(row)}}}" for row in values)


def _spectrum(name: str, cell: Cell, momenta: np.ndarray) -> str:
    """Return the definition of a spectrum's tables."""
    with jax.enable_x64(True):
        found, edges, nodes, parts, middles = (jax.tree.map(np.asarray, x) for x in _tables(cell, jnp.asarray(momenta)))
    averaged = found.momenta
    scalars = [found.spectral_index, found.turnover, found.start, found.step]
    members: Sequence[np.ndarray] = [
        *(np.asarray(x)[None] for x in scalars),
        np.asarray(found.below)[None],
        *(np.asarray(x)[None] for x in (found.cut, found.at_cut)),
        *(np.asarray(x)[None] for x in (found.whole_number, found.whole_energy, found.whole_expansion)),
        *(np.asarray(x)[None] for x in (momenta, found.number, found.energy, found.pressure)),
        *(np.asarray(x)[None] for x in (found.gradient, found.expansion)),
        *(x[None] for x in (averaged / np.hypot(1.0, averaged), np.asarray(found.slope(averaged)))),
        *(x[None] for x in (edges, np.log(edges), nodes, parts, middles)),
    ]
    numbers = {n: float(getattr(cell, n)) for n in SPECTRAL}
    told = ", ".join(f"{n} = {x:g}" for n, x in numbers.items())
    return (
        f"/* {told} */\n#ifndef CRMC_TABLE\n#define CRMC_TABLE static const\n#endif\n"
        f"CRMC_TABLE crmc_spectrum {name} = {{\n    " + ",\n    ".join(_table(x) for x in members) + "};\n"
    )


@jax.jit
def _tables(cell: Cell, momenta: jax.Array) -> tuple[Spectrum, jax.Array, jax.Array, jax.Array, jax.Array]:
    """Return the spectrum, ends of intervals and nodes from momentum_min on, and nodes of the momenta of the output.

    Ends, (intervals + 1,); nodes x, dln x, G, E, x^-1/2: in the intervals, (intervals, NODES, 5); between each momentum
    and the end below it, (M, NODES, 5), of no meaning below momentum_min; and at half of each, (M, 5).
    """
    spectrum = spectrum_of(cell)
    edges = mesh.edges_of(spectrum, jnp.exp(spectrum.start))[mesh.BELOW :]
    low = edges[jnp.clip(jnp.searchsorted(edges, momenta, side="right") - 1, 0, edges.shape[0] - 1)]
    intervals = jnp.log(edges[:-1]), jnp.log(edges[1:])
    pieces = [mesh.nodes_of(*intervals), mesh.nodes_of(jnp.log(low), jnp.log(momenta))]
    pieces.append((0.5 * momenta, jnp.zeros_like(momenta)))
    nodes, parts, middles = (
        jnp.stack([x, width, *spectrum.drives(x), 1.0 / jnp.sqrt(x)], axis=-1) for x, width in pieces
    )
    return spectrum, edges, nodes, parts, middles


def fortran(include: str, spectra: Sequence[str], count: int) -> tuple[str, str]:
    """Return the text of a Fortran module and that of the C file with which it links.

    include: name of the header; spectra: names of its spectra; count: number of its momenta.
    """
    cell = "\n".join(f"    real(c_double) :: {name}" for name in CELL)
    out = "\n".join(f"    real(c_double) :: {name}{f'({count})' if name in PER_MOMENTUM else ''}" for name in NUMBERS)
    choices = "\n".join(f"  integer(c_int), parameter :: crmc_{name} = {place}" for place, name in enumerate(spectra))
    module = f"""! Interface of {include} for Fortran 2003, in double precision; compile and link the C file beside it.
module crmc_closure_module
  use iso_c_binding, only: c_double, c_int
  implicit none
  integer(c_int), parameter :: crmc_landau_none = 0, crmc_landau_paper = 1, crmc_landau_local = 2
  integer(c_int), parameter :: crmc_landau_cumulative = 3
{choices}
  type, bind(c) :: crmc_cell
{cell}
    integer(c_int) :: nonlinear_landau
  end type
  type, bind(c) :: crmc_out
{out}
    integer(c_int) :: flags
  end type
  interface
    integer(c_int) function crmc_closure(cell, spectrum, out) bind(c, name="crmc_closure_fortran")
      import :: c_int, crmc_cell, crmc_out
      type(crmc_cell), intent(in) :: cell
      integer(c_int), value :: spectrum
      type(crmc_out), intent(out) :: out
    end function
    type(crmc_cell) function crmc_cell_default() bind(c, name="crmc_cell_default_fortran")
      import :: crmc_cell
    end function
  end interface
end module
"""
    tables = ", ".join(f"&{name}" for name in spectra)
    wrapper = f"""/* What the Fortran module calls. */
#include "{include}"

int crmc_closure_fortran(const crmc_cell *cell, int spectrum, crmc_out *out);
crmc_cell crmc_cell_default_fortran(void);

int crmc_closure_fortran(const crmc_cell *cell, int spectrum, crmc_out *out) {{
    static const crmc_spectrum *const tables[] = {{{tables}}};
    return crmc_closure(cell, tables[spectrum], out);
}}

crmc_cell crmc_cell_default_fortran(void) {{ return crmc_cell_default(); }}
"""
    return module, wrapper
