"""Figures of a run and of a sweep.

frame    what figures have in common: panels over time, error bands, levels of theory
run      pressures, heating, ledger, scattering;  spectra: waves and their rates
sweep    averages over the swept keys
files    all figures of a result, as objects or as files
"""

from crmc.results.figures.files import drawings, plot

__all__ = ["drawings", "plot"]
