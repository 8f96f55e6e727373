"""Config files: overrides, and shipped experiments by name."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from support.config_cases import STARTER

from crmc.config import files
from crmc.config.config import Config, ConfigError, load_config
from crmc.config.files import apply_overrides, find_source, format_toml, parse_override, path_problem, read_toml
from crmc.orbits.config import QltConfig, load_study


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("waves.bins=32", ("waves.bins", 32)),
        (" waves.k_min = 1e-2 ", ("waves.k_min", 0.01)),
        ("waves.evolve=false", ("waves.evolve", False)),
        ("run.duration=1e11 s", ("run.duration", "1e11 s")),
        ('run.duration="1e11 s"', ("run.duration", "1e11 s")),
        ("name=a=b", ("name", "a=b")),
        ("name=1\nx=2", ("name", "1\nx=2")),
        ("name=[1]", ("name", "[1]")),
        ("name=2020-01-01", ("name", "2020-01-01")),
        ("run.seed=", ("run.seed", None)),
    ],
)
def test_overrides_are_toml_scalars_or_text(text: str, expected: tuple[str, Any]) -> None:
    """TOML where the text is a scalar of it, else the text; nothing is None."""
    assert parse_override(text) == expected


def test_experiments_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare name is an experiment in one of the folders; a misspelt one gets a suggestion."""
    shipped = tmp_path / "shipped"
    (shipped / "halo").mkdir(parents=True)
    (shipped / "halo" / "config.toml").write_bytes(STARTER.read_bytes())
    monkeypatch.setattr(files, "EXPERIMENT_FOLDERS", (tmp_path / "nowhere", shipped))
    monkeypatch.chdir(tmp_path)
    assert load_config("halo").name == "starter"
    (tmp_path / "halo").mkdir()  # a folder of that name does not hide the experiment
    assert load_config("halo").name == "starter"
    with pytest.raises(ConfigError, match="did you mean 'halo'"):
        load_config("hallo")


def test_shipped_experiments_load() -> None:
    """Every config.toml under experiments is valid."""
    for name in files.experiments():
        if files.is_study(files.read_source(name)):
            assert isinstance(load_study(name), QltConfig)
        else:
            assert isinstance(load_config(name), Config)


def test_overrides_leave_the_original_alone() -> None:
    """Keys are set, added and removed in a copy."""
    data = {"name": "x", "run": {"seed": 1, "markers": 64}}
    changed = apply_overrides(data, {"run.seed": None, "run.markers": 128, "waves.bins": 8, "name": "y"})
    assert changed == {"name": "y", "run": {"markers": 128}, "waves": {"bins": 8}}
    assert data == {"name": "x", "run": {"seed": 1, "markers": 64}}
    assert apply_overrides(data, [("run.seed", None), ("run.seed", 2)])["run"]["seed"] == 2
    with pytest.raises(ConfigError, match="'name' is not a section"):
        apply_overrides(data, {"name.seed": 1})


@pytest.mark.parametrize("text", ["waves.bins", "bins=3", "a.b.c=3", ".=3", "=3", "waves.=3"])
def test_bad_overrides(text: str) -> None:
    """Only section.key=value and name=value have the form."""
    with pytest.raises(ConfigError, match="section.key=value"):
        parse_override(text)


def test_toml_reads_back(tmp_path: Path) -> None:
    """What is written reads back as it was, quotes and special characters included."""
    data = {"name": 'a "b" \\ \u00e9', "run": {"seed": 3, "duration": "1e11 s", "balance_energy": True, "x": 0.1}}
    path = tmp_path / "file.toml"
    path.write_text(format_toml(data), encoding="utf-8")
    assert read_toml(path) == data


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"a = '\xff'", "is not UTF-8 text \\(byte 5\\)"), (b"a =", "is not valid TOML"), (b"a = " + b"9" * 5000, "TOML")],
    ids=["encoding", "syntax", "huge"],
)
def test_unreadable(tmp_path: Path, content: bytes, words: str) -> None:
    """One line with the reason."""
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        read_toml(path)


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    """Editors of Windows begin a file with one."""
    path = tmp_path / "bom.toml"
    path.write_bytes(b"\xef\xbb\xbfa = 1")
    assert read_toml(path) == {"a": 1}


def test_streams_are_read(tmp_path: Path) -> None:
    """A pipe stands for /dev/stdin; what never ends is no config."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    thread = threading.Thread(target=lambda: path.write_bytes(b"a = 1"))
    thread.start()
    assert read_toml(find_source(path)) == {"a": 1}
    thread.join()
    with pytest.raises(ConfigError, match="has more than 1048576 bytes"):
        read_toml(find_source("/dev/zero"))


def test_a_study_has_no_plasma() -> None:
    """A slip in --set makes no study of a run."""
    assert files.is_study({"qlt": {}}) and not files.is_study({"qlt": {}, "plasma": {}})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "is a directory"),
        (".", "is a directory"),
        ("nosuch.toml", "crmc init"),
        ("x" * 5000, "is not a usable path"),
        ("\0", "is not a usable path"),
    ],
    ids=["empty", "folder", "missing", "long", "null"],
)
def test_no_source(name: str, words: str) -> None:
    """Whatever is no config file says why."""
    with pytest.raises(ConfigError, match=words):
        find_source(name)


def test_usable_paths(tmp_path: Path) -> None:
    """A path may exist or not; one that no file can have gives a reason."""
    assert path_problem(tmp_path) == path_problem(tmp_path / "new" / "file.nc") == ""
    assert path_problem(tmp_path / ("x" * 5000)) and path_problem(Path("a\0b"))
