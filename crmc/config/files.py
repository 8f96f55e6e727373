"""Find config files, read and write their TOML, and apply ``section.key=value`` overrides."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tomli_w

from crmc.config.errors import ConfigError, did_you_mean
from crmc.text import one_line

_PACKAGE = Path(__file__).resolve().parents[1]
#: Where the shipped experiments are: inside an installed package, or beside it in a checkout.
EXPERIMENT_FOLDERS = (_PACKAGE / "experiments", _PACKAGE.parent / "experiments")

#: Size beyond which a file is no config [bytes].
_LARGEST = 1 << 20


def experiments() -> dict[str, Path]:
    """Return the config files of the shipped experiments by name."""
    found: dict[str, Path] = {}
    for folder in EXPERIMENT_FOLDERS:
        for path in sorted(folder.glob("*/config.toml")):
            found.setdefault(path.parent.name, path)
    return found


def path_problem(path: Path) -> str:
    """Return why no file can have this path, such as its length or a null character; "" if one can."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        return error.strerror or "cannot be accessed"
    except ValueError as error:
        return str(error)
    return ""


def find_source(source: str | Path) -> Path:
    """Return the config file that a path or the bare name of a shipped experiment means; ConfigError if none."""
    text = str(source)
    path = Path(source)
    problem = path_problem(path)
    if problem:
        raise ConfigError(f"config {one_line(text, 200)!r}: is not a usable path ({problem}); check the name")
    if path.is_file():
        return path
    bare_name = bool(text) and path.name == text and not path.suffix
    shipped = experiments()
    if bare_name and text in shipped:
        return shipped[text]
    if path.is_dir():
        raise ConfigError(f"config {text!r}: is a directory, not a file; name a TOML file inside it")
    if path.is_fifo() or path.is_char_device():  # /dev/stdin, or <(command) of a shell
        return path
    if path.exists():
        raise ConfigError(f"config {text!r}: is not a file that can be read; name a TOML file")
    advice = "check the path, or write a new one with 'crmc init'"
    if bare_name and shipped:
        advice = f"among the shipped experiments, {did_you_mean(text[:60], shipped)}, or give a path"
    raise ConfigError(f"config {text!r}: there is no such file; {advice}")


def read_toml(path: Path) -> dict[str, Any]:
    """Return the nested dictionary of a TOML file or stream, with a BOM or without; ConfigError if it is bad."""
    name = repr(str(path))
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ConfigError(f"config {name}: has more than {_LARGEST} bytes, so it is no config; check the name")
        return tomllib.loads(content.decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"config {name}: cannot be read ({error.strerror}); check the file") from None
    except ConfigError:
        raise
    except UnicodeDecodeError as error:
        raise ConfigError(f"config {name}: is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f'config {name}: is not valid TOML: {error}; correct it (text needs quotes: key = "1.0 uG")'
        ) from None
    except (ValueError, RecursionError) as error:  # absurd integers and absurd nesting
        raise ConfigError(f"config {name}: is not usable TOML: {error}; correct the file") from None


def parse_override(text: str) -> tuple[str, Any]:
    """Split ``section.key=value`` into key and value, a TOML scalar if it reads as one, else text.

    An empty value means "remove the key", that is its default, and is returned as None.
    """
    key, equals, value_text = text.partition("=")
    key, value_text = key.strip(), value_text.strip()
    parts = key.split(".")
    if not equals or not all(parts) or (len(parts) != 2 and key != "name"):
        raise ConfigError(f"--set {text!r}: is not of the form section.key=value; write e.g. --set waves.bins=32")
    if not value_text:
        return key, None
    try:
        table = tomllib.loads(f"value = {value_text}")
    except (ValueError, RecursionError):
        return key, value_text
    scalar = table["value"] if set(table) == {"value"} else value_text
    return key, scalar if isinstance(scalar, (bool, int, float, str)) else value_text


def apply_overrides(data: dict[str, Any], overrides: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return a copy of ``data`` with each ``section.key`` set to its value, or removed where that is None."""
    result = copy.deepcopy(data)
    for key, value in overrides.items() if isinstance(overrides, Mapping) else overrides:
        *section, name = key.split(".")
        table = result.setdefault(section[0], {}) if section else result
        if not isinstance(table, dict):
            raise ConfigError(f"--set {key}: '{section[0]}' is not a section in this config; write [{section[0]}]")
        if value is None:
            table.pop(name, None)
        else:
            table[name] = value
    return result


def read_source(source: str | Path, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """Return the nested dictionary of a config file, or of a shipped experiment, with overrides applied.

    overrides: texts "section.key=value".  Raises ConfigError if anything cannot be read.
    """
    path = find_source(source)
    return apply_overrides(_located(read_toml(path), path.parent), [parse_override(text) for text in overrides])


def _located(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a config's data with the files of its tables, given relative to the config, as paths from here."""
    for section in ("expansion", "cosmic_rays"):
        table = data.get(section)
        if isinstance(table, dict) and isinstance(table.get("file"), str):
            table["file"] = str(folder / table["file"])
    return data


def is_study(data: Mapping[str, Any]) -> bool:
    """Return whether a config is that of the study by orbits, which has a section [qlt] and no plasma."""
    return "qlt" in data and "plasma" not in data


def format_toml(data: dict[str, Any]) -> str:
    """Return the TOML text of a nested dictionary."""
    return tomli_w.dumps(data)
