"""Draw all figures of a result, as objects or into files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import xarray as xr
from matplotlib.figure import Figure

from crmc.config.errors import ConfigError
from crmc.outputs import writing
from crmc.results.dataset import ADVICE, read
from crmc.results.drawn import Drawn, drawn_from
from crmc.results.figures import sweep
from crmc.results.figures.distribution import distribution
from crmc.results.figures.run import heating, ledger, pressures, scattering
from crmc.results.figures.spectra import spectra

#: Name -> function that draws the figure of a run.
FIGURES: dict[str, Callable[[Drawn], Figure | None]] = {
    draw.__name__: draw for draw in (pressures, spectra, heating, ledger, scattering, distribution)
}


def plot(result: str | Path | xr.Dataset, folder: str | Path = ".") -> list[Path]:
    """Draw every figure of a run or a sweep into ``folder`` and return the PNG files.

    result: dataset or path of a result file.  Raises ConfigError where it is no result, or holds nothing to draw.
    """
    folder = Path(folder)
    if isinstance(result, xr.Dataset):
        source, data = Path(str(result.attrs.get("title", "crmc")).replace("/", "_")), result
    else:
        source = Path(result)
        data = read(source)
    figures = drawings(data, str(source))
    folder.mkdir(parents=True, exist_ok=True)
    # The file's own name first: results of several runs may go to one folder.
    paths = {name: folder / f"{source.stem}-{name}.png" for name in figures}
    for name, figure in figures.items():
        with writing(paths[name]) as file:
            figure.savefig(file, dpi=150, format="png")
    return list(paths.values())


def drawings(data: xr.Dataset, source: str) -> dict[str, Figure]:
    """Return every figure of a run or a sweep by name.

    source: name of the result, with which messages begin.  Raises ConfigError where there is nothing to draw.
    """
    try:
        if keys := sweep.swept(data):
            figures = sweep.drawings(data, keys)
        else:
            shown = drawn_from(data, source)
            figures = {name: figure for name, draw in FIGURES.items() if (figure := draw(shown)) is not None}
    except ConfigError:
        raise
    except (LookupError, TypeError, ValueError) as error:
        raise ConfigError(f"{source}: does not have the form of a result ({error}); {ADVICE}") from error
    if not figures:
        raise ConfigError(f"{source}: holds nothing to draw; {ADVICE}")
    return figures
