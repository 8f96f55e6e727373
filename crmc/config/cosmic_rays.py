"""The section [cosmic_rays]: the spectrum f0 of the cosmic rays at t = 0, and its departure from isotropy."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, Strict, model_validator

from crmc.config.columns import MOST_ROWS, in_place_of_file
from crmc.config.errors import wrong
from crmc.config.quantity import Momenta, Momentum, Quantity
from crmc.config.sections import Column, Real, Section

_MOMENTUM_LIMIT = 1e12  # m_p c; far above any cosmic ray of the Galaxy
#: Largest momentum over a cut-off.
_MOST_CUTOFFS = 30.0
#: Keys that only some spectra use, and those without which a spectrum is none, with an example of each.
_USES = {
    "power_law": ("index", "turnover_momentum"),
    "kappa": ("kappa", "turnover_momentum"),
    "table": ("momenta", "f0"),
}
_NEEDS = {
    "kappa": {"kappa": "1.25"},
    "table": {"momenta": '[0.5, 1.0, 100.0] and f0 (or file = "spectrum.csv")', "f0": "[6.2, 1.0, 4e-9]"},
}


class CosmicRays(Section):
    """The cosmic rays at t = 0; momenta in m_p c."""

    pressure: Annotated[float, Quantity("erg cm-3", "8.2e-14 erg/cm3")] = Field(
        description="pressure P_c [erg cm-3] of the momentum range simulated"
    )
    spectrum: Literal["power_law", "kappa", "table"] = Field(
        "power_law",
        description="power_law: f0 ~ (p^2 + turnover_momentum^2)^(-index/2); "
        "kappa: f0 ~ (1 + p^2/(kappa turnover_momentum^2))^(-kappa-1); "
        "table: momenta and f0, ln f0 by monotone cubics in ln p",
    )
    index: Annotated[float | None, Strict()] = Field(
        None, gt=0, le=20, description="index a of a power law f0 ~ p^-a (default 4.7)"
    )
    kappa: Annotated[float | None, Strict()] = Field(
        None,
        gt=0.5,
        le=100,
        description="kappa of a kappa distribution (required there, forbidden elsewhere)",
    )
    turnover_momentum: Annotated[float, Momentum(highest=_MOMENTUM_LIMIT)] = Field(
        0.0, description="turnover momentum, p0 of a kappa distribution [m_p c]"
    )
    cutoff_momentum: Annotated[float | None, Momentum(lowest=1e-6, highest=_MOMENTUM_LIMIT)] = Field(
        None, description="momentum p_c of a factor exp(-p/p_c) of f0, none by default [m_p c]"
    )
    momenta: Annotated[tuple[float, ...] | None, Momenta(lowest=1e-6, highest=_MOMENTUM_LIMIT)] = Field(
        None, max_length=MOST_ROWS, description="spectrum = table: momenta of its rows, rising [m_p c]"
    )
    f0: Column = Field(None, description="spectrum = table: f0 at these momenta, in any unit; p^-2 of an intensity")
    file: Annotated[str | None, Strict()] = Field(
        None, description="spectrum = table: CSV file with headings momentum [unit] and f0"
    )
    momentum_min: Annotated[float, Momentum(lowest=1e-6, highest=_MOMENTUM_LIMIT)] = Field(
        0.5, description="lowest momentum simulated [m_p c]"
    )
    momentum_max: Annotated[float, Momentum(lowest=1e-6, highest=_MOMENTUM_LIMIT)] = Field(
        100.0, description="highest momentum simulated [m_p c]"
    )
    start: Literal["given", "equilibrium"] = Field(
        "given",
        description="f at t = 0; given: anisotropy and drift_velocity; equilibrium: what waves.start = equilibrium "
        "keeps up against gradient and expansion",
    )
    anisotropy: Real = Field(0.0, gt=-0.5, lt=0.5, description="initial pressure anisotropy Delta P/P_c")
    drift_velocity: Real = Field(0.0, ge=-1e6, le=1e6, description="initial bulk drift v_D in units of v_A")

    @model_validator(mode="before")
    @classmethod
    def _table_of_a_file(cls, data: Any) -> Any:
        """Put the columns of a file in its place."""
        keys = {"momentum": "momenta", "f0": "f0"}
        return in_place_of_file(data, "cosmic_rays", keys, "momentum [GeV/c], momentum [m_p c]")

    @model_validator(mode="before")
    @classmethod
    def _default_index(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("spectrum", "power_law") == "power_law" and data.get("index") is None:
            return {**data, "index": 4.7}
        return data

    @model_validator(mode="after")
    def _momenta_are_not_empty(self) -> CosmicRays:
        if self.momentum_min >= self.momentum_max:
            rule = f"must be less than cosmic_rays.momentum_max ({self.momentum_max:g})"
            raise wrong("cosmic_rays.momentum_min", self.momentum_min, rule, "lower it or raise momentum_max")
        return self

    @model_validator(mode="after")
    def _cutoff_leaves_cosmic_rays(self) -> CosmicRays:
        if self.cutoff_momentum is not None and self.momentum_max > _MOST_CUTOFFS * self.cutoff_momentum:
            rule = (
                f"leaves nothing at cosmic_rays.momentum_max ({self.momentum_max:g}), over {_MOST_CUTOFFS:g} times it"
            )
            raise wrong("cosmic_rays.cutoff_momentum", self.cutoff_momentum, rule, "raise it or lower momentum_max")
        return self

    @model_validator(mode="after")
    def _spectrum_has_its_keys(self) -> CosmicRays:
        for name, need in _NEEDS.get(self.spectrum, {}).items():
            if getattr(self, name) is None:
                rule = f"needs cosmic_rays.{name}, which is missing"
                raise wrong("cosmic_rays.spectrum", self.spectrum, rule, f"add {name} = {need}")
        used = _USES[self.spectrum]
        for name in ("index", "kappa", "turnover_momentum", "momenta", "f0"):
            value = getattr(self, name)
            if name not in used and value != type(self).model_fields[name].default:
                shown = "(a list)" if isinstance(value, tuple) else value
                rule = f'is not used with spectrum = "{self.spectrum}"'
                raise wrong(f"cosmic_rays.{name}", shown, rule, "remove it or change the spectrum")
        if self.spectrum == "kappa" and self.turnover_momentum <= 0:
            rule = 'must be greater than 0 with spectrum = "kappa" (it is p0)'
            remedy = "give p0 in m_p c, such as turnover_momentum = 1.0"
            raise wrong("cosmic_rays.turnover_momentum", self.turnover_momentum, rule, remedy)
        return self

    @model_validator(mode="after")
    def _table_is_one(self) -> CosmicRays:
        if self.momenta is None or self.f0 is None:
            return self
        rows = f"({len(self.momenta)} rows)"
        if len(self.momenta) < 2 or any(b <= a for a, b in zip(self.momenta, self.momenta[1:], strict=False)):
            raise wrong("cosmic_rays.momenta", rows, "must rise, in two rows or more", "sort them")
        if len(self.f0) != len(self.momenta):
            rule = f"must have as many rows as cosmic_rays.momenta, {len(self.momenta)}"
            raise wrong("cosmic_rays.f0", f"({len(self.f0)} rows)", rule, "complete it")
        first, last = self.momenta[0], self.momenta[-1]
        if first > self.momentum_min or last < self.momentum_max:
            rule = (
                f"go from {first:g} to {last:g} m_p c and must reach from cosmic_rays.momentum_min "
                f"({self.momentum_min:g}) to momentum_max ({self.momentum_max:g})"
            )
            raise wrong("cosmic_rays.momenta", rows, rule, "add rows, or change these ends")
        return self
