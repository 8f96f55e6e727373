"""What JSON can hold."""

from __future__ import annotations

from collections.abc import Mapping


def json_ready(value: object) -> object:
    """Arrays as lists and numpy or JAX numbers as Python's; NaN and infinity as null."""
    if isinstance(value, Mapping):
        return {str(key): json_ready(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [json_ready(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
