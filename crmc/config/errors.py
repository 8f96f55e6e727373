"""One-line messages for bad input: the key, its value, the rule and a remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from crmc.text import one_line

_ADVICE = "'crmc init' writes an example with every key"


class ConfigError(ValueError):
    """Bad input, described by ``str(error)`` in one printable line."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def show(value: object) -> str:
    """Return a value as a user would write it in TOML, shortened."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{one_line(value, 60)}"'
    if isinstance(value, dict):
        return "(a section)"
    try:
        return one_line(repr(value), 60)
    except (ValueError, RecursionError):  # an integer of thousands of digits, a very deep list
        return f"({type(value).__name__})"


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return "did you mean X?" for the choice closest to ``word``, or the list of all choices."""
    choices = sorted(choices)
    close = difflib.get_close_matches(word.lower(), choices, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"use one of: {', '.join(choices)}"


def wrong(key: str, value: object, rule: str, remedy: str) -> ConfigError:
    """Return the error for ``key = value`` with the rule it breaks and the remedy."""
    return ConfigError(f"{key} = {show(value)}: {rule}; {remedy}")


def from_validation(error: ValidationError, model: type[BaseModel]) -> ConfigError:
    """Return pydantic's most telling error as one line, with the number of others."""
    details = error.errors(include_url=False)
    # A mistyped key is also reported as missing: name the typing error first.
    details.sort(key=lambda detail: detail["type"] != "extra_forbidden")
    message = _describe(dict(details[0]), model)
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return ConfigError(one_line(message) + more)


def _describe(detail: dict[str, Any], model: type[BaseModel]) -> str:
    """Return the line for one of pydantic's errors."""
    location = tuple(str(part) for part in detail["loc"])
    key, kind, value = ".".join(location), detail["type"], detail["input"]
    original = detail.get("ctx", {}).get("error")
    if isinstance(original, ConfigError):
        return str(original)
    if original is not None:
        return f"{key} = {show(value)}: {original}"
    if kind == "extra_forbidden":
        return _unknown(location, value, model)
    if kind == "missing":
        return _missing(location, model)
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        return f"{key} = {show(value)}: must be a section; write [{key}] and its keys below it"
    if kind == "literal_error":
        choices = [c.strip(" '\"") for c in detail["ctx"]["expected"].replace(" or ", ", ").split(",")]
        close = did_you_mean(str(value)[:60], choices) if isinstance(value, str) else "write it as text"
        return f"{key} = {show(value)}: must be one of {', '.join(choices)}; {close}"
    return f"{key} = {show(value)}: {_rule(detail)}; {_remedy(location, model)}"


def _rule(detail: dict[str, Any]) -> str:
    """Return the rule that a value breaks, in words."""
    rules = {
        "greater_than": "must be greater than {gt}",
        "greater_than_equal": "must be at least {ge}",
        "less_than": "must be less than {lt}",
        "less_than_equal": "must be at most {le}",
        "finite_number": "must be a finite number",
        "float_type": "must be a plain number",
        "int_type": "must be a whole number",
        "bool_type": "must be true or false",
        "string_type": "must be text in quotes",
        "string_too_long": "must have at most {max_length} characters",
    }
    rule = rules.get(detail["type"])
    return rule.format(**detail.get("ctx", {})) if rule else str(detail["msg"]).replace("Input ", "")


def _field(location: tuple[str, ...], model: type[BaseModel]) -> Any:
    """Return the field at ``location``, or None."""
    field = None
    for name in location:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return None
        field = model.model_fields.get(name)
        if field is None:
            return None
        model = field.annotation  # type: ignore[assignment]
    return field


def _remedy(location: tuple[str, ...], model: type[BaseModel]) -> str:
    """Return what to do about a bad value: the key's description, or where an example is."""
    field = _field(location, model)
    if field is None or not field.description:
        return _ADVICE
    return f"change it ({field.description})"


def _missing(location: tuple[str, ...], model: type[BaseModel]) -> str:
    """Return the line for a section or key that is required and missing."""
    key, field = ".".join(location), _field(location, model)
    if len(location) == 1:
        return f"section [{key}] is missing: it is required; add it ({_ADVICE})"
    examples = [m.example for m in field.metadata if hasattr(m, "example")] if field else []
    example = f', such as {location[-1]} = "{examples[0]}"' if examples else ""
    return f"{key} is missing: it is required ({field.description}); add it to [{location[0]}]{example}"


def _unknown(location: tuple[str, ...], value: object, model: type[BaseModel]) -> str:
    """Return the line for a section or key that does not exist."""
    *parents, name = location
    fields: Iterable[str] = model.model_fields
    if parents:
        parent = _field(tuple(parents), model)
        fields = parent.annotation.model_fields if parent else ()
        where = f"section [{'.'.join(parents)}] has no key '{one_line(name, 60)}'"
    else:
        where = f"there is no section or top-level key '{one_line(name, 60)}'"
    key = one_line(".".join(location), 120)
    return f"{key} = {show(value)}: {where}; {did_you_mean(name[:60], fields)}"
