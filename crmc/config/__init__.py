"""The configuration of a run: the TOML file, its keys with their units and rules, and errors in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmc.config.config import Config, load_config, parse_config
    from crmc.config.errors import ConfigError

__all__ = ["Config", "ConfigError", "load_config", "parse_config"]


def __getattr__(name: str) -> object:
    """Load the sections and their units on first use: `crmc --help` and a wrong option need none of them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from crmc.config import config

    return getattr(config, name)
