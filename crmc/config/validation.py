"""Say in one line what pydantic found wrong with a config."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from crmc.config.errors import ConfigError, as_written, did_you_mean, show
from crmc.text import one_line

_ADVICE = "'crmc init' writes an example with every key"


def from_validation(error: ValidationError, model: type[BaseModel], data: Mapping[str, Any]) -> ConfigError:
    """Return pydantic's most telling error as one line, with the number of others.

    data: what was validated, whose values are quoted as they are there.
    """
    details = error.errors(include_url=False)
    # A mistyped key is also reported as missing: name the typing error first.
    details.sort(key=lambda detail: detail["type"] != "extra_forbidden")
    message = as_written(_describe(dict(details[0]), model), data)
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
