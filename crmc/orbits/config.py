"""Check and load the config of the study of quasilinear theory: a TOML file with a section [qlt], in code units.

Times are in 1/Omega0, momenta in m_p c, speeds in c, wavenumbers in Omega0/c.  Lists may also be written as text, so
that ``--set qlt.amplitudes=[0.01,0.1]`` works.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Strict, ValidationError, model_validator

from crmc.config.errors import wrong
from crmc.config.files import format_toml, read_source
from crmc.config.sections import Real, Section, Whole
from crmc.config.validation import from_validation

#: k_max times a cell of the slab: shorter waves would be drawn with too few cells.
_PHASE_PER_CELL = 1.25
#: Narrow spectra: the cosine in their middle, and their longest lag over that of the others.
NARROW_COSINE, NARROW_LAGS = 0.5, 4.0


def _list(value: object) -> object:
    """Return the list that a text or a single number stands for; anything else unchanged."""
    if isinstance(value, str):
        try:
            value = tomllib.loads(f"value = {value}")["value"]
        except (tomllib.TOMLDecodeError, ValueError, RecursionError):
            raise ValueError("is not a list of numbers; write e.g. [0.01, 0.1]") from None
    return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _ascending(key: str, values: Sequence[float]) -> None:
    """Raise the error of ``qlt.key`` unless its values ascend without repetition."""
    if any(b <= a for a, b in zip(values, values[1:], strict=False)):
        raise wrong(f"qlt.{key}", list(values), "must be ascending, without repetition", "sort it")


Amplitude = Annotated[float, Field(gt=0, le=1)]
Numbers = Annotated[tuple[Amplitude, ...], BeforeValidator(_list), Field(min_length=1, max_length=64)]


class Study(Section):
    """Section [qlt]: waves, momenta and cosines of the study, and the size of each measurement."""

    alfven_speed: Real = Field(0.01, gt=0, lt=0.5, description="v_A/c")
    k_min: Real = Field(0.05, gt=0, le=1e6, description="lowest wavenumber k c/Omega0")
    k_max: Real = Field(20.0, gt=0, le=1e6, description="highest wavenumber k c/Omega0")
    bins: Whole = Field(16, ge=4, le=256, description="bins in ln k, all of the same power but the two at each end")
    amplitudes: Numbers = Field(
        (0.001, 0.003, 0.01, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3), description="dB/B of all waves together, r.m.s."
    )
    momenta: Annotated[tuple[Annotated[float, Field(gt=0, le=1e6)], ...], BeforeValidator(_list)] = Field(
        (1.0, 3.0), min_length=1, max_length=16, description="momenta [m_p c]"
    )
    cosines: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], BeforeValidator(_list)] = Field(
        (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97),
        min_length=1,
        max_length=64,
        description="|mu| at the start; both signs are followed",
    )
    branch_amplitude: Real = Field(0.01, gt=0, le=1, description="dB/B of each branch alone, for the signs and the pi")
    widths: Annotated[tuple[Annotated[float, Field(gt=0, le=3)], ...], BeforeValidator(_list)] = Field(
        (0.03, 0.1, 0.3, 1.0), max_length=16, description="widths in ln k of narrow spectra, where particles may trap"
    )
    narrow_amplitudes: Numbers = Field((0.001, 0.01), description="dB/B of the narrow spectra")
    gyrations: Real = Field(8.0, ge=2, le=1e4, description="longest lag in gyrations (narrow spectra: four times that)")
    diffusion_per_lag: Real = Field(
        0.05, gt=0, le=10, description="nu times the longest lag, above which lags are shortened, down to one gyration"
    )
    realisations: Whole = Field(64, ge=4, le=10**6, description="independent slabs")
    particles: Whole = Field(64, ge=1, le=10**6, description="particles per cosine and slab")
    cells: Whole = Field(65536, ge=1024, le=2**26, description="cells of a slab, a power of two")
    seed: Whole = Field(0, ge=0, lt=2**32, description="seed of the random numbers")
    precision: Literal["float32", "float64"] = Field("float64", description="precision of the orbits")

    @property
    def length(self) -> float:
        """Period of the slab in z [c/Omega0]."""
        return _PHASE_PER_CELL * self.cells / self.k_max

    @property
    def narrow_k(self) -> float:
        """Wavenumber in the middle of the narrow spectra [Omega0/c].

        It resonates with `NARROW_COSINE` at the lowest momentum; infinite if no wavenumber does.
        """
        p = self.momenta[0]
        relative = NARROW_COSINE * p - math.hypot(1.0, p) * self.alfven_speed
        return 1.0 / relative if relative > 0.0 else math.inf

    @model_validator(mode="after")
    def _agrees(self) -> Study:
        """Check the rules between keys."""
        for key in ("amplitudes", "momenta", "cosines", "widths", "narrow_amplitudes"):
            _ascending(key, getattr(self, key))
        if self.k_max < 10.0 * self.k_min:
            raise wrong("qlt.k_max", self.k_max, "must be at least ten times qlt.k_min", "raise it or lower qlt.k_min")
        if self.cells & (self.cells - 1):
            raise wrong("qlt.cells", self.cells, "must be a power of two", "use 32768, 65536, 131072, ...")
        if self.widths and self.narrow_k * math.exp(0.5 * self.widths[-1]) > self.k_max:
            rule = f"waves in resonance with mu = {NARROW_COSINE} there, in spectra of qlt.widths, are beyond qlt.k_max"
            raise wrong("qlt.momenta", self.momenta[0], rule, "raise qlt.momenta or qlt.k_max, or set qlt.widths=[]")
        p = self.momenta[-1]
        path = 2.0 * math.pi * (p + self.alfven_speed * math.hypot(1.0, p)) * self.gyrations
        if self.widths:
            path = max(path, 2.0 * math.pi * NARROW_LAGS * self.gyrations / self.narrow_k)
        if path > self.length:
            rule = f"slabs of {self.length:.4g} c/Omega0 are shorter than the path of {path:.4g} at qlt.momenta = {p:g}"
            raise wrong("qlt.cells", self.cells, rule, "raise it, or lower qlt.gyrations, qlt.momenta or qlt.k_max")
        return self


class QltConfig(Section):
    """Config file of the study: a name and the section [qlt]."""

    name: Annotated[str, Strict()] = Field("", max_length=200, description="name of the study (free)")
    qlt: Study

    def to_toml(self) -> str:
        """Return the fully resolved config as the text of a TOML file."""
        table = {key: list(value) if isinstance(value, tuple) else value for key, value in self.qlt}
        return format_toml({"name": self.name, "qlt": table})


def parse_study(data: dict[str, Any]) -> QltConfig:
    """Return the config that a nested dictionary of TOML values holds; raises ConfigError if it is bad."""
    try:
        return QltConfig.model_validate(data)
    except ValidationError as error:
        raise from_validation(error, QltConfig, data) from None


def load_study(source: str | Path, overrides: Sequence[str] = ()) -> QltConfig:
    """Read the config of a study and apply "section.key=value" overrides.

    source: a TOML file, or the bare name of a shipped study.  Raises ConfigError if it is bad or cannot be read.
    """
    return parse_study(read_source(source, overrides))
