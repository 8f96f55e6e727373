"""The configuration of a run: frozen, checked models of every section of the TOML file.

A quantity with a dimension is text with a unit in the file ("1.0 uG") and a cgs float
here; the unit is stated in each description.  Momenta are plain numbers in m_p c and
wavenumbers plain numbers in Omega0/c, Omega0 the proton gyrofrequency at t = 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, Strict, ValidationError, model_validator

from crmc.config.cosmic_rays import CosmicRays
from crmc.config.errors import ConfigError
from crmc.config.expansion import Expansion
from crmc.config.files import apply_overrides, format_toml, is_study, read_source
from crmc.config.quantity import Quantity
from crmc.config.rules import check_all
from crmc.config.sections import (
    Damping,
    Drift,
    Injection,
    Plasma,
    Run,
    Scattering,
    Section,
    Waves,
)
from crmc.config.validation import from_validation
from crmc.units import CodeUnits


class Config(Section):
    """All sections of a config, checked, with quantities as cgs floats.

    `to_dict` and `to_toml` write them as a config file holds them, with units.
    """

    name: Annotated[str, Strict()] = Field("", max_length=200, description="name of the run (free)")
    plasma: Plasma
    expansion: Expansion = Field(default_factory=Expansion)
    cosmic_rays: CosmicRays
    injection: Injection = Field(default_factory=Injection)
    drift: Drift = Field(default_factory=Drift)
    waves: Waves = Field(default_factory=Waves)
    damping: Damping = Field(default_factory=Damping)
    scattering: Scattering = Field(default_factory=Scattering)
    run: Run

    @model_validator(mode="after")
    def _sections_agree(self) -> Config:
        check_all(
            self.plasma,
            self.expansion,
            self.cosmic_rays,
            self.injection,
            self.drift,
            self.waves,
            self.damping,
            self.scattering,
            self.run,
        )
        return self

    @property
    def code_units(self) -> CodeUnits:
        """Code units, which the plasma at t = 0 fixes; traced numbers stay traced."""
        return self.plasma.code_units

    @property
    def injection_index(self) -> float | None:
        """Index of the injected power law: injection.index, or else cosmic_rays.index; None if neither is set."""
        return self.cosmic_rays.index if self.injection.index is None else self.injection.index

    @property
    def alone(self) -> Config:
        """Config of one run with all the markers, without replicas."""
        return self.model_copy(update={"run": self.run.model_copy(update={"replicas": 1})})

    def to_dict(self) -> dict[str, Any]:
        """Return every key as a config file holds it (text with units); `parse_config` restores this config."""
        result: dict[str, Any] = {"name": self.name}
        for section_name, section in self:
            if isinstance(section, Section):
                table = {key: _plain(section, key) for key, value in section if value is not None}
                result |= {section_name: table} if table else {}
        return result

    def to_toml(self) -> str:
        """Return the fully resolved config as the text of a TOML file that reads back to exactly this config."""
        return format_toml(self.to_dict())

    def with_overrides(self, overrides: Mapping[str, Any]) -> Config:
        """Return a checked copy with ``{"section.key": value}`` replaced; values as in a config file."""
        return parse_config(apply_overrides(self.to_dict(), overrides))


def _plain(section: Section, key: str) -> Any:
    """Return the value of a key as a config file holds it."""
    value = getattr(section, key)
    quantities = [m for m in type(section).model_fields[key].metadata if isinstance(m, Quantity)]
    return quantities[0].format(value) if quantities else value


def parse_config(data: dict[str, Any]) -> Config:
    """Return the config of a nested dictionary as TOML holds it; ConfigError with one line if it is bad."""
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise from_validation(error, Config, data) from None


def load_config(source: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Return the config of a TOML file, or of a shipped experiment by its bare name, with overrides applied.

    overrides: texts "section.key=value".  Raises ConfigError if anything is bad.
    """
    return config_of(read_source(source, overrides), source)


def config_of(data: dict[str, Any], source: str | Path) -> Config:
    """Return the config of `files.read_source`'s ``data``; ConfigError if it is bad, or that of a study of orbits."""
    if is_study(data):
        raise ConfigError(
            f"config {str(source)!r}: has a section [qlt]; use it with 'crmc run' or 'crmc validate' alone"
        )
    return parse_config(data)
