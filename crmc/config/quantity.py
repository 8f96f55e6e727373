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
from typing import Any, Literal

from astropy import units as u
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

Sign = Literal["positive", "non-negative", "non-zero"]

_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*)", re.DOTALL)
_NOT_FINITE = re.compile(r"\s*[+-]?(nan|inf)", re.IGNORECASE)
#: Characters that occur in unit text; anything else is refused before the unit parser sees it.
_UNIT_TEXT = re.compile(r"[A-Za-z0-9_µμ^*/(). +-]{1,60}")
#: Non-zero cgs values outside 10^-80 .. 10^80 are typing errors, and would overflow later.
_SMALLEST, _LARGEST = 1e-80, 1e80


@functools.lru_cache(maxsize=256)
def _conversion(text: str, cgs_unit: str) -> float | None:
    """Return the factor from the unit ``text`` to ``cgs_unit``, or None where the text is no such unit."""
    if not _UNIT_TEXT.fullmatch(text):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            unit, target = u.Unit(text), u.Unit(cgs_unit)
            if unit.scale != 1.0:  # "1 2 uG": a second number, most likely a slip
                return None
            if unit == target:
                return 1.0  # exactly, so that what a config writes it also reads
            factor = float(unit.to(target, equivalencies=u.temperature_energy()))
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
