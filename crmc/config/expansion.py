"""The section [expansion]: how the tube is deformed, by a law of B alone or by a flow along and across B."""

from __future__ import annotations

import bisect
import math
from typing import Annotated, Any, Literal

from pydantic import Field, Strict, model_validator

from crmc.config.columns import in_place_of_file
from crmc.config.errors import wrong
from crmc.config.quantity import Quantities, Quantity
from crmc.config.sections import Column, Real, Section

#: Names of columns beside the time.
COLUMNS = ("scale", "field", "along", "across")
#: Keys that only some laws use, by expansion.mode, or expansion.history of a flow.
_POWERS = ("power_along", "power_across")
_USES: dict[str, tuple[str, ...]] = {
    "prescribed": ("timescale",),
    "rates": ("rate_along", "rate_across"),
    "exponential": ("timescale", *_POWERS),
    "linear": ("timescale", *_POWERS),
    "sinusoid": ("amplitude", "period", *_POWERS),
    "table": ("times", *COLUMNS, "file", "interpolation", *_POWERS),
}
#: Keys without which a law is none, with an example of each.
_NEEDS = {
    "prescribed": {"timescale": '"3.7e12 s"'},
    "exponential": {"timescale": '"3.7e12 s"'},
    "linear": {"timescale": '"3.7e12 s"'},
    "sinusoid": {"amplitude": "0.1", "period": '"1e12 s"'},
    "table": {"times": '["0 s", "1e12 s"] (or file = "history.csv")'},
}
#: Steps of the markers in a period; most steps that the nodes of a table ask for.
_STEPS_PER_PERIOD, _MOST_TABLE_STEPS = 128, 10_000


class Expansion(Section):
    """How the flux tube expands."""

    mode: Literal["none", "prescribed", "injection", "pressure_balance", "flow"] = Field(
        "none",
        description="none; prescribed: B = B0 exp(-t/timescale); injection: eq. 3 with "
        "injection.pressure_rate; pressure_balance: total perpendicular pressure stays what it was at t = 0; "
        "flow: lengths along and across B by a given history, B ~ across^-2",
    )
    timescale: Annotated[float | None, Quantity("s", "3.7e12 s", "non-zero")] = Field(
        None,
        description="prescribed: tau_B = -B/(dB/dt); flow: that of the scale factor [s]; negative means compression",
    )
    history: Literal["exponential", "linear", "sinusoid", "rates", "table"] = Field(
        "exponential",
        description="flow only, of the scale factor a; exponential: exp(t/timescale); linear: 1 + t/timescale; "
        "sinusoid: exp(amplitude sin(2 pi t/period)); table: times and columns; rates: of the lengths, without a",
    )
    power_along: Real = Field(0.0, ge=-10, le=10, description="flow: length along B = a^power_along")
    power_across: Real = Field(
        0.5, ge=-10, le=10, description="flow: length across B = a^power_across; B = B0 a^(-2 power_across)"
    )
    rate_along: Annotated[float, Quantity("s-1", "1e-13 1/s", "any")] = Field(
        0.0, description="history = rates: length along B = exp(rate_along t) [s-1]"
    )
    rate_across: Annotated[float, Quantity("s-1", "1e-13 1/s", "any")] = Field(
        0.0, description="history = rates: length across B = exp(rate_across t) [s-1]"
    )
    amplitude: Annotated[float | None, Strict()] = Field(
        None, ge=-5, le=5, description="history = sinusoid: amplitude of ln a"
    )
    period: Annotated[float | None, Quantity("s", "1e12 s")] = Field(
        None, description="history = sinusoid: its period [s]"
    )
    stop: Annotated[float | Literal["never"], Quantity("s", "1e12 s", words=("never",))] = Field(
        "never", description="flow: time after which the tube is at rest [s], or never"
    )
    times: Annotated[tuple[float, ...] | None, Quantities("s", '["0 s", "1e12 s"]', "non-negative")] = Field(
        None, description="history = table: times of its rows, from 0 [s]"
    )
    scale: Column = Field(None, description="history = table: scale factor a")
    field: Column = Field(None, description="history = table: B, in any unit")
    along: Column = Field(None, description="history = table: length along B, in any unit")
    across: Column = Field(None, description="history = table: length across B, in any unit, in place of field")
    file: Annotated[str | None, Strict()] = Field(
        None, description="history = table: CSV file with headings time [unit] and scale, field, along or across"
    )
    interpolation: Literal["monotone", "linear"] = Field(
        "monotone",
        description="history = table, of ln lengths between rows; monotone: cubics with continuous rates that never "
        "overshoot; linear: constant rates",
    )

    @model_validator(mode="before")
    @classmethod
    def _table_of_a_file(cls, data: Any) -> Any:
        """Put the columns of a file in its place: a config says all of itself."""
        keys = {"time": "times"} | {name: name for name in COLUMNS}
        return in_place_of_file(data, "expansion", keys, "time [s], time [Myr]")

    @model_validator(mode="after")
    def _keys_belong_to_the_law(self) -> Expansion:
        law = self._law
        for name in _NEEDS.get(law, {}):
            if getattr(self, name) is None:
                key, value = ("mode", self.mode) if self.mode != "flow" else ("history", self.history)
                rule = f"needs expansion.{name}, which is missing"
                raise wrong(f"expansion.{key}", value, rule, f"add {name} = {_NEEDS[law][name]} to [expansion]")
        used = {"mode", *_USES.get(law, ()), *(("history", "stop") if self.mode == "flow" else ())}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if name not in used and value != field.default:
                users = " or ".join(f'"{user}"' for user, names in _USES.items() if name in names) or '"flow"'
                shown = "(a list)" if isinstance(value, tuple) else value
                rule = f'is not used with expansion.mode = "{self.mode}"'
                if self.mode == "flow":
                    rule = f'is only used with expansion.history = {users}, not "{law}"'
                elif name == "timescale":
                    rule = f'is only used with expansion.mode = "prescribed" or "flow", not "{self.mode}"'
                unit = " s" if name in ("timescale", "period") else ""
                shown = f"{value!r}{unit}" if unit else shown
                raise wrong(f"expansion.{name}", shown, rule, "remove it or change the law")
        return self

    @model_validator(mode="after")
    def _table_is_one(self) -> Expansion:
        if self._law != "table":
            return self
        assert self.times is not None
        times, columns = self.times, {name: getattr(self, name) for name in COLUMNS if getattr(self, name) is not None}
        shown = f"({len(times)} rows)"
        if len(times) < 2 or times[0] != 0.0 or any(b <= a for a, b in zip(times, times[1:], strict=False)):
            raise wrong("expansion.times", shown, "must rise from 0 in two rows or more", 'begin with "0 s" and sort')
        if not columns:
            raise wrong("expansion.times", shown, f"needs one of {', '.join(COLUMNS)}", "add a column")
        for name, other in (("scale", "field"), ("scale", "along"), ("scale", "across"), ("field", "across")):
            if name in columns and other in columns:
                raise wrong(f"expansion.{other}", "(a list)", f"is given beside expansion.{name}", "remove one of them")
        for name, column in columns.items():
            if len(column) != len(times):
                rule = f"must have as many rows as expansion.times, {len(times)}"
                raise wrong(f"expansion.{name}", f"({len(column)} rows)", rule, "complete it")
        return self

    @property
    def _law(self) -> str:
        """The law of the lengths: the history of a flow, else the mode."""
        return self.history if self.mode == "flow" else self.mode

    @property
    def given(self) -> bool:
        """Whether the whole history is known beforehand, and the tube does not rest."""
        return self.mode in ("prescribed", "flow")

    @property
    def columns(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """ln l_par and ln l_perp of a table, from 0 at its first row."""
        assert self.times is not None
        rows = len(self.times)

        def logs(column: tuple[float, ...] | None, power: float) -> tuple[float, ...]:
            return (0.0,) * rows if column is None else tuple(power * math.log(x / column[0]) for x in column)

        if self.scale is not None:
            return logs(self.scale, self.power_along), logs(self.scale, self.power_across)
        return logs(self.along, 1.0), logs(self.across, 1.0) if self.field is None else logs(self.field, -0.5)

    def log_lengths(self, seconds: float) -> tuple[float, float]:
        """Return ln l_par and ln l_perp at a time of a given history, from plain numbers, tables linear between rows.

        seconds: time [s].
        """
        t, law = seconds if isinstance(self.stop, str) else min(seconds, self.stop), self._law
        if law == "prescribed":
            assert self.timescale is not None
            return 0.0, 0.5 * t / self.timescale
        if law == "rates":
            return self.rate_along * t, self.rate_across * t
        if law == "table":
            assert self.times is not None
            row = min(bisect.bisect_right(self.times, t), len(self.times) - 1) - 1
            part = min((t - self.times[row]) / (self.times[row + 1] - self.times[row]), 1.0)
            along, across = (x[row] + part * (x[row + 1] - x[row]) for x in self.columns)
            return along, across
        if law == "sinusoid":
            assert self.amplitude is not None and self.period is not None
            log_scale = self.amplitude * math.sin(2.0 * math.pi * t / self.period)
        else:
            assert self.timescale is not None
            log_scale = t / self.timescale if law == "exponential" else math.log1p(t / self.timescale)
        return self.power_along * log_scale, self.power_across * log_scale

    @property
    def drives(self) -> bool:
        """Whether a given history drives anisotropy at t = 0; a table does between its first rows."""
        if not self.given:
            return False
        first = 1e-3 * min(abs(x) for x in (self.timescale, self.period, (self.times or (0.0, None))[1], 1e80) if x)
        along, across = self.log_lengths(first if isinstance(self.stop, str) else min(first, self.stop))
        return abs(along - across) > 1e-12 * max(abs(along), abs(across))

    def turning_times(self, duration: float) -> list[float]:
        """Return times between which a given history is monotonic in a run, first and last of it included [s].

        duration: of the run [s].
        """
        inside: list[float] = []
        if self._law == "table":
            inside = list(self.times or ())
        elif self._law == "sinusoid":
            assert self.period is not None
            inside = [0.25 * self.period, 0.75 * self.period]
        return [0.0, *(t for t in inside if 0.0 < t < duration), duration]

    def longest_step(self, duration: float) -> float:
        """Return the longest time step that follows a given history [s], infinite where its rates do not change.

        duration: of the run [s].
        """
        if self._law == "sinusoid":
            assert self.period is not None
            return self.period / _STEPS_PER_PERIOD
        if self._law == "table":
            assert self.times is not None
            finest = min(b - a for a, b in zip(self.times, self.times[1:], strict=False))
            return max(finest, duration / _MOST_TABLE_STEPS)
        return math.inf
