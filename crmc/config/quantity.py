"""Quantities with units in a config: text such as ``"1.0 uG"`` in, cgs floats out.

`Quantity` annotates a float field of a pydantic model.  The model then stores the value
in the stated cgs unit (Gaussian for the magnetic field), and refuses text of another
dimension, numbers without a unit, NaN and infinity.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
import warnings
from collections.abc import Callable
from typing import Any, Literal

from astropy import units as u
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from crmc.units import BOLTZMANN, PROTON_MASS, SPEED_OF_LIGHT

Sign = Literal["positive", "non-negative", "non-zero", "any"]

_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*)", re.DOTALL)
_NOT_FINITE = re.compile(r"\s*[+-]?(nan|inf)", re.IGNORECASE)
#: Characters that occur in unit text; anything else is refused before the unit parser sees it.
_UNIT_TEXT = re.compile(r"[A-Za-z0-9_µμ^*/(). +-]{1,60}")
#: P/k in K cm-3 stands for a pressure, and its rate for a rate.
_PER_VOLUME = [
    (u.K / u.cm**3 / more, u.erg / u.cm**3 / more, lambda x: x * BOLTZMANN, lambda x: x / BOLTZMANN)
    for more in (u.dimensionless_unscaled, u.s)
]
#: Non-zero cgs values outside 10^-80 .. 10^80 are typing errors, and would overflow later.
_SMALLEST, _LARGEST = 1e-80, 1e80


#: Names of units in words that astropy spells otherwise.
_WORDS = {"gauss": "G", "microgauss": "uG", "kelvin": "K"}
_WORD = re.compile(r"[A-Za-z]{3,}")


def _singular(match: re.Match[str]) -> str:
    """Return the unit that a word in the plural, or one of `_WORDS`, means."""
    word = match[0].lower()
    for name in (word, word.removesuffix("s")):
        if name in _WORDS:
            return _WORDS[name]
    return match[0].removesuffix("s")


@functools.lru_cache(maxsize=256)
def _conversion(text: str, cgs_unit: str) -> float | None:
    """Return the factor from the unit ``text`` to ``cgs_unit``, or None where the text is no such unit.

    Temperatures stand for energies k T, and so K cm-3 for pressures; "years" is "year".
    """
    if not _UNIT_TEXT.fullmatch(text):
        return None
    found = _factor(text, cgs_unit)
    return _factor(_WORD.sub(_singular, text), cgs_unit) if found is None else found


def _factor(text: str, cgs_unit: str) -> float | None:
    """Return the factor from a unit as astropy spells it to ``cgs_unit``, or None where it is no such unit."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            unit, target = u.Unit(text), u.Unit(cgs_unit)
            if unit.scale != 1.0:  # "1 2 uG": a second number, most likely a slip
                return None
            if unit == target:
                return 1.0  # exactly, so that what a config writes it also reads
            factor = float(unit.to(target, equivalencies=[*u.temperature_energy(), *_PER_VOLUME]))
    except Exception:  # the unit parser raises many kinds on wild text; all mean "not a unit"
        return None
    return factor if math.isfinite(factor) and factor > 0 else None


@dataclasses.dataclass(frozen=True)
class Quantity:
    """Annotation of a field that reads text with a unit and stores a float in ``unit``.

    unit: the cgs unit of the stored float, as astropy spells it.
    example: a valid text, quoted in messages.
    sign: what values are allowed.
    words: texts accepted and stored as they are (such as "auto").
    """

    unit: str
    example: str
    sign: Sign = "positive"
    words: tuple[str, ...] = ()

    @property
    def remedy(self) -> str:
        """Advice for messages: the form of a valid text, with an example."""
        words = "".join(f' or "{word}"' for word in self.words)
        return f'write a number with a unit of [{self.unit}], such as "{self.example}"{words}'

    def parse(self, value: object) -> float | str:
        """Return the float in ``unit``, or one of ``words``, that a text means; ValueError with rule and remedy."""
        if not isinstance(value, str):
            raise ValueError(f"must be text with a unit; {self.remedy}")
        if value.strip() in self.words:
            return value.strip()
        if _NOT_FINITE.match(value):
            raise ValueError(f"must be a finite quantity; {self.remedy}")
        match = _NUMBER.fullmatch(value)
        if match is None:
            raise ValueError(f"is not a number with a unit; {self.remedy}")
        number, text = float(match[1]), match[2].strip()
        if not text:
            raise ValueError(f"has no unit; {self.remedy}")
        factor = _conversion(text, self.unit)
        if factor is None:
            raise ValueError(f"does not have a unit convertible to [{self.unit}]; {self.remedy}")
        return self._check(number * factor)

    def _check(self, value: float) -> float:
        """Return ``value`` if it has a credible size and the sign required; else ValueError."""
        if value and not _SMALLEST < abs(value) < _LARGEST:
            raise ValueError(f"is not of a credible size (1e-80 to 1e80 {self.unit}); {self.remedy}")
        rules = {
            "positive": (value > 0, "must be greater than 0"),
            "non-negative": (value >= 0, "must not be negative"),
            "non-zero": (value != 0, "must not be zero"),
            "any": (True, ""),
        }
        allowed, rule = rules[self.sign]
        if not allowed:
            raise ValueError(f"{rule}; {self.remedy}")
        return value

    def format(self, value: float | str) -> str:
        """Return the text that `parse` turns into exactly this value again."""
        if isinstance(value, str):
            return value
        short = f"{value:g}"
        return f"{short if float(short) == value else repr(value)} {self.unit}"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema in which `parse` alone decides; the annotated type is for readers and type checkers."""
        return core_schema.no_info_plain_validator_function(self.parse)


def _each(parse: Callable[[object], float | str], value: object, remedy: str) -> tuple[float, ...] | None:
    """Return the floats that ``parse`` reads in a list, None for None; ValueError for what is no list."""
    if value is None:
        return None
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError(f"must be a list; {remedy}")
    return tuple(float(parse(x)) for x in value)


@dataclasses.dataclass(frozen=True)
class Quantities(Quantity):
    """Annotation of a field that reads a list of texts with units and stores floats in ``unit``."""

    @property
    def remedy(self) -> str:
        """Advice for messages: the form of a valid list, with an example."""
        return f"write a list of numbers with a unit of [{self.unit}], such as {self.example}"

    def parse(self, value: object) -> tuple[float, ...] | None:  # type: ignore[override]
        """Return the floats in ``unit`` that a list of texts means; ValueError with rule and remedy."""
        return _each(super().parse, value, self.remedy)

    def format(self, value: tuple[float, ...]) -> list[str]:  # type: ignore[override]
        """Return the list that `parse` turns into exactly these values again."""
        return [super(Quantities, self).format(x) for x in value]


#: Rest energy of the proton [erg].
_REST = PROTON_MASS * SPEED_OF_LIGHT**2


@dataclasses.dataclass(frozen=True)
class Momentum(Quantity):
    """Annotation of a field that reads a momentum of protons and stores it in m_p c.

    A number is one in m_p c; text is a momentum ("10 GeV/c"), a rigidity ("5 GV") or a kinetic energy ("3 GeV").
    lowest, highest: bounds of what is allowed [m_p c].
    """

    unit: str = "m_p c"
    example: str = "10 GeV/c"
    sign: Sign = "non-negative"
    lowest: float = 0.0
    highest: float = math.inf

    @property
    def remedy(self) -> str:
        """Advice for messages: the forms of a valid value."""
        return 'write a number in m_p c, or "10 GeV/c", "5 GV" (rigidity) or "3 GeV" (kinetic energy) of protons'

    def parse(self, value: object) -> float | str:
        """Return the momentum in m_p c that a number or a text means; ValueError with rule and remedy."""
        momentum = self._momentum(value)
        if not math.isfinite(momentum):
            raise ValueError(f"must be finite; {self.remedy}")
        if momentum < self.lowest:
            raise ValueError(f"must be at least {self.lowest:g} m_p c; {self.remedy}")
        if momentum > self.highest:
            raise ValueError(f"must be at most {self.highest:g} m_p c; {self.remedy}")
        return momentum

    def _momentum(self, value: object) -> float:
        """Return the momentum in m_p c that a number or a text means."""
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            try:
                return float(value)
            except OverflowError:  # an integer of hundreds of digits
                return math.inf
        if not isinstance(value, str):
            raise ValueError(f"must be a number or text; {self.remedy}")
        match = _NUMBER.fullmatch(value)
        if match is None:
            raise ValueError(f"is not a momentum; {self.remedy}")
        number, text = float(match[1]), match[2].strip()
        if text in ("", "m_p c"):
            return self._check(number)
        stem, slash, rest = text.replace(" ", "").rpartition("/")
        if slash and rest == "c" and (factor := _conversion(stem, "erg")) is not None:
            return self._check(number * factor / _REST)
        if (factor := _conversion(text, "V")) is not None:
            electronvolt = float((1.0 * u.eV).to_value(u.erg))
            return self._check(number * factor * electronvolt / _REST)
        # Of units of energy those of a temperature are no momentum.
        if not any(word in text for word in ("K", "kelvin")) and (factor := _conversion(text, "erg")) is not None:
            kinetic = self._check(number * factor) / _REST
            return math.sqrt(kinetic * (2.0 + kinetic))
        raise ValueError(f"is not a momentum; {self.remedy}")

    def format(self, value: float | str) -> float | str:  # type: ignore[override]
        """Return the number in m_p c, as a file holds it."""
        return value


@dataclasses.dataclass(frozen=True)
class Momenta(Momentum):
    """Annotation of a field that reads a list of momenta of protons and stores them in m_p c."""

    @property
    def remedy(self) -> str:
        """Advice for messages: the forms of a valid list."""
        return 'write a list of numbers in m_p c, or of texts such as "10 GeV/c", "5 GV" (rigidity) or "3 GeV"'

    def parse(self, value: object) -> tuple[float, ...] | None:  # type: ignore[override]
        """Return the momenta in m_p c that a list means; ValueError with rule and remedy."""
        return _each(super().parse, value, self.remedy)

    def format(self, value: tuple[float, ...]) -> list[float]:  # type: ignore[override]
        """Return the numbers in m_p c, as a file holds them."""
        return list(value)
