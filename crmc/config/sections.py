"""The sections of a config, each key with its unit, its rule and its description."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, model_validator

from crmc.config.columns import MOST_ROWS
from crmc.config.errors import wrong
from crmc.config.quantity import Quantity
from crmc.units import CodeUnits

#: Width Delta mu of the resonance over dB/B, measured on orbits (experiment qlt).
BROADENING = 0.8
#: Steps are counted by a 32-bit integer.
_MOST_STEPS = 2**31 - 1
_MOST_RECORDS = 10**6
_MOST_REPLICAS = 1024
#: Fewest markers of each replica, and numbers of replicas to choose from, for replicas = auto.
FEWEST_EACH, _REPLICAS = 2048, (8, 7, 6, 5, 4)
#: k_max/k_min that the deposit's octaves (spectrum.DEPOSIT_OCTAVES) span; JAX is not loaded here to ask.
WIDEST_SPECTRUM = 2.0**20


def _whole(value: object) -> object:
    """Return a float without a fraction as an integer (1e6 is a whole number), any other value as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _replicas(value: object) -> object:
    """Return a number of replicas, or "auto"; ValueError for anything else."""
    value = _whole(value)
    if value != "auto" and (not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST_REPLICAS):
        raise ValueError(f'must be a whole number from 1 to {_MOST_REPLICAS}, or "auto"; write one of these')
    return value


Real = Annotated[float, Strict()]
Whole = Annotated[int, BeforeValidator(_whole), Strict()]
Flag = Annotated[bool, Strict()]
Column = Annotated[tuple[Annotated[float, Strict(), Field(gt=0, le=1e30)], ...] | None, Field(max_length=MOST_ROWS)]


class Section(BaseModel):
    """A section of the file, which refuses unknown keys and is frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=False)


class Plasma(Section):
    """The thermal plasma at t = 0."""

    magnetic_field: Annotated[float, Quantity("G", "1.0 uG")] = Field(description="magnetic field B [G]")
    ion_density: Annotated[float, Quantity("cm-3", "9e-4 cm-3")] = Field(
        description="number density of the ions (protons) n_i [cm-3]"
    )
    temperature: Annotated[float, Quantity("K", "1.1e6 K")] = Field(
        description="temperature [K]; energies such as eV are read as k T"
    )
    gas_pressure: Annotated[float, Quantity("erg cm-3", "3.2e-13 dyn/cm2")] = Field(
        description="thermal pressure of ions and electrons [erg cm-3 = dyn cm-2]"
    )
    adiabatic_index: Real = Field(5.0 / 3.0, gt=1, le=3, description="adiabatic index gamma_g of the gas")
    background_heating: Annotated[float, Quantity("erg cm-3 s-1", "1e-28 erg/(cm3 s)", "non-negative")] = Field(
        0.0, description="other heating of the gas at t = 0, constant per ion [erg cm-3 s-1]"
    )
    cooling: Annotated[float, Quantity("erg cm-3 s-1", "9e-29 erg/(cm3 s)", "non-negative")] = Field(
        0.0, description="radiative cooling of the gas at t = 0, proportional to n_i^2 [erg cm-3 s-1]"
    )

    @property
    def code_units(self) -> CodeUnits:
        """Code units, which the magnetic field and the ion density fix; traced numbers stay traced."""
        return CodeUnits(self.magnetic_field, self.ion_density)


class Injection(Section):
    """An isotropic source of cosmic rays over the simulated momentum range."""

    pressure_rate: Annotated[float, Quantity("erg cm-3 s-1", "1.67e-25 erg/(cm3 s)", "non-negative")] = Field(
        0.0, description="pressure injected per time [erg cm-3 s-1]"
    )
    index: Annotated[float | None, Strict()] = Field(
        None,
        gt=0,
        le=20,
        description="index of the injected power law, which has no cut-off (default: cosmic_rays.index)",
    )


class Drift(Section):
    """An imposed gradient of the cosmic rays along the field, df/ds = -f/L."""

    gradient_length: Annotated[float | None, Quantity("cm", "1 kpc", "non-zero")] = Field(
        None, description="length L of the gradient df/ds = -f/L [cm]; cosmic rays stream towards +s for L > 0"
    )
    switch_off: Annotated[float | Literal["never"], Quantity("s", "1e10 s", words=("never",))] = Field(
        "never", description="time at which the gradient vanishes [s], or never"
    )

    @model_validator(mode="after")
    def _switch_off_needs_a_gradient(self) -> Drift:
        if self.gradient_length is None and not isinstance(self.switch_off, str):
            rule = "needs drift.gradient_length, which is missing"
            remedy = 'add gradient_length = "1 kpc" to [drift], or remove it'
            raise wrong("drift.switch_off", f"{self.switch_off!r} s", rule, remedy)
        return self


class Waves(Section):
    """The Alfven waves: four branches on one grid in ln k; k in units of Omega0/c at t = 0."""

    k_min: Real = Field(0.01, ge=1e-12, le=1e12, description="lowest wavenumber k c/Omega0 at t = 0")
    k_max: Real = Field(5.0, ge=1e-12, le=1e12, description="highest wavenumber k c/Omega0 at t = 0")
    bins: Whole = Field(16, ge=4, le=256, description="number of bins in ln k per branch")
    seed_level: Real = Field(
        1e-14, ge=1e-60, lt=1e-2, description="level e = 8 pi k W_M/B^2 below which no branch falls"
    )
    start: Literal["seed", "equilibrium"] = Field(
        "seed", description="initial spectrum: the seed level, or the predicted balance of growth and damping"
    )
    start_level: Annotated[float | None, Strict()] = Field(
        None, ge=1e-60, lt=1e-2, description="initial level of all branches for start = seed (default: seed_level)"
    )
    evolve: Flag = Field(True, description="true: waves grow and decay; false: the initial spectrum stays")
    coefficients: Literal["exact", "printed"] = Field(
        "exact",
        description="exact: energy-conserving pi factors; printed: those of the paper (eqs. 13 and 30)",
    )
    adiabatic: Flag = Field(True, description="include (3/2)(dB/dt)/B W, which the paper omits")

    @model_validator(mode="after")
    def _range_is_usable(self) -> Waves:
        if self.k_min >= self.k_max:
            rule = f"must be greater than waves.k_min ({self.k_min:g})"
            raise wrong("waves.k_max", self.k_max, rule, "raise it or lower k_min")
        if self.k_max / self.k_min > WIDEST_SPECTRUM:
            rule = f"must be at most {WIDEST_SPECTRUM:.3g} times waves.k_min ({self.k_min:g})"
            raise wrong("waves.k_max", self.k_max, rule, "lower it or raise k_min")
        return self

    @model_validator(mode="after")
    def _start_level_belongs_to_seed(self) -> Waves:
        level = self.start_level
        if level is not None and self.start != "seed":
            raise wrong("waves.start_level", level, 'is used with start = "seed" only', "remove one of the two")
        if level is not None and level < self.seed_level:
            rule = f"must not be below waves.seed_level ({self.seed_level:g})"
            raise wrong("waves.start_level", level, rule, "raise it or lower seed_level")
        return self


class Damping(Section):
    """Damping of the waves; all are amplitude rates (energy decays at twice the rate) and add."""

    linear: Annotated[float, Quantity("s-1", "4e-11 1/s", "non-negative")] = Field(
        0.0, description="constant damping rate [s-1]"
    )
    ion_neutral_density: Annotated[float, Quantity("cm-3", "0.1 cm-3", "non-negative")] = Field(
        0.0, description="density of neutral hydrogen n_n for ion-neutral friction [cm-3]"
    )
    nonlinear_landau: Literal["none", "paper", "local", "cumulative"] = Field(
        "none",
        description="none; paper: nu v_i/c (eq. 58); local: with the wave power near k; "
        "cumulative: with the wave power below k",
    )
    turbulent_dissipation: Annotated[float, Quantity("cm2 s-3", "1e-4 cm2/s3", "non-negative")] = Field(
        0.0, description="turbulent dissipation rate epsilon per mass [cm2 s-3]: rate (epsilon k/v_A)^(1/2)"
    )

    @property
    def active(self) -> bool:
        """Whether any mechanism damps the waves."""
        rates = (self.linear, self.ion_neutral_density, self.turbulent_dissipation)
        return any(rate > 0 for rate in rates) or self.nonlinear_landau != "none"


class Scattering(Section):
    """What scatters the cosmic rays."""

    model: Literal["spectrum", "constant"] = Field(
        "spectrum",
        description="spectrum: the simulated waves; constant: one fixed frequency for all particles",
    )
    frequency: Annotated[float | None, Quantity("s-1", "1e-9 1/s", "non-negative")] = Field(
        None, description="scattering frequency nu [s-1], D_mumu = nu (1 - mu^2)/2; constant only"
    )
    frame: Literal["co_moving", "forward"] = Field(
        "co_moving",
        description="constant only; co_moving: each hemisphere meets the wave it moves with; "
        "forward: all particles meet waves of velocity +v_A",
    )
    gap: Literal["empty", "edge", "broadened", "resonance"] = Field(
        "empty",
        description="spectrum only; what scatters in the 90-degree gap |p_par| < m Omega0/k_max; empty: no wave; "
        "edge: waves beyond k_max as strong as those at k_max, which pass all the energy that they take on to the gas; "
        "broadened: the last bin, which takes the energy: results depend on waves.bins; "
        "resonance: all waves, by a resonance that they broaden themselves",
    )
    broadening: Real = Field(
        BROADENING, gt=0, le=100, description="resonance only; width Delta mu of the resonance over dB/B of all waves"
    )

    @model_validator(mode="after")
    def _model_has_its_keys(self) -> Scattering:
        constant = self.model == "constant"
        if constant and self.frequency is None:
            rule = "needs scattering.frequency, which is missing"
            raise wrong("scattering.model", self.model, rule, 'add frequency = "1e-9 1/s" to [scattering]')
        other = "spectrum" if constant else "constant"
        rule, remedy = f'is only used with scattering.model = "{other}"', "remove it or change the model"
        if not constant and self.frequency is not None:
            raise wrong("scattering.frequency", f"{self.frequency!r} s-1", rule, remedy)
        if self.gap != "resonance" and self.broadening != BROADENING:
            rule = 'is only used with scattering.gap = "resonance"'
            raise wrong("scattering.broadening", self.broadening, rule, "remove it or change the gap")
        if constant and self.gap != "empty":
            raise wrong("scattering.gap", self.gap, rule, f'{remedy}; frame = "forward" has no gap')
        if not constant and self.frame != "co_moving":
            raise wrong("scattering.frame", self.frame, rule, remedy)
        return self


class Run(Section):
    """The numerical run."""

    duration: Annotated[float, Quantity("s", "1e11 s")] = Field(description="simulated time [s]")
    time_step: Annotated[float | Literal["auto"], Quantity("s", "1e8 s", words=("auto",))] = Field(
        "auto", description="time step [s], or auto: from scattering_per_step"
    )
    scattering_per_step: Real = Field(
        0.4, gt=0, le=2, description="largest scattering frequency times the step, for time_step = auto"
    )
    markers: Whole = Field(32768, ge=64, le=10**10, description="number of markers of all replicas together")
    replicas: Annotated[int | Literal["auto"], BeforeValidator(_replicas)] = Field(
        "auto",
        description="independent repetitions of the run that share the markers out among them and whose scatter gives "
        "every error; auto: 4 to 8, each of 2048 markers or more; with fewer markers 1, and no errors",
    )
    estimator: Literal["delta_f", "full_f"] = Field(
        "delta_f",
        description="delta_f: isotropic part by quadrature, the rest by markers; full_f: all by markers",
    )
    seed: Whole = Field(0, ge=0, lt=2**32, description="seed of the random numbers")
    precision: Literal["float32", "float64"] = Field("float64", description="floating-point precision")
    output_interval: Annotated[float | Literal["auto"], Quantity("s", "1e9 s", words=("auto",))] = Field(
        "auto", description="time between output records [s], or auto: duration/100, or what a sample in each takes"
    )
    coarse_grain_interval: Annotated[float | Literal["never"], Quantity("s", "1e10 s", words=("never",))] = Field(
        "never", description="time between refits of the marker weights [s], or never"
    )
    balance_energy: Flag = Field(True, description="correct each kick so that energy balances to round-off")
    distribution: Flag = Field(False, description="write f(p, mu) and the momentum spectrum at the end of the run")

    @model_validator(mode="after")
    def _times_are_ordered(self) -> Run:
        duration = f"run.duration ({self.duration:g} s)"
        for key in ("output_interval", "time_step"):
            value = getattr(self, key)
            if not isinstance(value, str) and value > self.duration:
                raise wrong(f"run.{key}", f"{value!r} s", f"must not exceed {duration}", "shorten it")
        if self.duration / self.output_seconds > _MOST_RECORDS:
            rule = f"gives more than {_MOST_RECORDS} records in {duration}"
            raise wrong("run.output_interval", f"{self.output_seconds!r} s", rule, "use a longer interval")
        if isinstance(self.time_step, str):
            return self
        step = f"{self.time_step!r} s"
        if self.time_step > self.output_seconds:
            rule = f"must not exceed run.output_interval ({self.output_seconds:g} s)"
            raise wrong("run.time_step", step, rule, "shorten it or write output less often")
        if self.duration / self.time_step > _MOST_STEPS:
            rule = f"gives more than {_MOST_STEPS} steps in {duration}"
            raise wrong("run.time_step", step, rule, 'lengthen it, or use time_step = "auto"')
        coarse = self.coarse_grain_interval
        if not isinstance(coarse, str) and coarse < self.time_step:
            rule = f"must not be shorter than run.time_step ({self.time_step:g} s)"
            raise wrong("run.coarse_grain_interval", f"{coarse!r} s", rule, 'lengthen it, or use "never"')
        return self

    @model_validator(mode="after")
    def _replicas_share_the_markers(self) -> Run:
        count = self.replica_count
        if self.markers % count:
            rule = f"must be a multiple of run.replicas ({count}), which share them out"
            raise wrong("run.markers", self.markers, rule, f"use {self.markers // count * count or count}")
        if self.markers // count < 64 <= self.markers:
            rule = f"leaves each of run.replicas = {count} fewer than 64"
            raise wrong("run.markers", self.markers, rule, f"use {64 * count} or more")
        return self

    @property
    def replica_count(self) -> int:
        """Number of replicas, also for replicas = auto."""
        if not isinstance(self.replicas, str):
            return self.replicas
        fitting = (n for n in _REPLICAS if self.markers % n == 0 and self.markers >= n * FEWEST_EACH)
        return next(fitting, 1)

    @property
    def markers_each(self) -> int:
        """Number of markers of each replica."""
        return self.markers // self.replica_count

    @property
    def output_seconds(self) -> float:
        """Time between output records [s], a number also for output_interval = auto."""
        if not isinstance(self.output_interval, str):
            return self.output_interval
        step = 0.0 if isinstance(self.time_step, str) else self.time_step
        return max(self.duration / 100, step)
