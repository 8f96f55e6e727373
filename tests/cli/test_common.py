"""Messages on stderr, and the names of files that commands write."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
import xarray as xr
from support.config_cases import valid

from crmc.cli.common import check_writable, default_output, keep_programs, result_files, say, settle_overwriting
from crmc.cli.options import parser
from crmc.config.config import Config, parse_config
from crmc.config.errors import ConfigError
from crmc.results.dataset import write_atomically

COMMANDS = (
    *("run", "sweep", "sensitivity", "fit", "init", "validate"),
    *("theory", "closure", "paper", "plot", "report", "export", "bench"),
)


def named(name: str) -> Config:
    return parse_config(valid() | {"name": name})


def test_say_is_one_line_that_stderr_can_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """On an ASCII terminal: other characters are escaped, line breaks and control characters leave one line."""
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(shown, encoding="ascii"))
    say("note", "Alfv\u00e9n\n\x1b[31mwaves")
    assert shown.getvalue() == b"crmc: note: Alfv\\xe9n \\x1b[31mwaves\n"


def test_programs_are_kept_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What prevents it is one note; with --no-cache nothing is tried."""
    monkeypatch.setattr("crmc.machine.cache.keep_programs", lambda: "the disk is full")
    for option, note in (([], "crmc: note: the disk is full\n"), (["--no-cache"], "")):
        keep_programs(parser(dict.fromkeys(COMMANDS, lambda _: 0)).parse_args(["theory", "halo", *option]))
        assert capsys.readouterr().err == note


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("halo", "x.toml", "halo.nc"),
        ("", "some/place/x.toml", "x.nc"),
        ("", "some/place/config.toml", "place.nc"),
        ("", "config.toml", "config.nc"),
        ("", "linear_damping", "linear_damping.nc"),
        ("a / b:c", "x.toml", "a_b_c.nc"),
        ("../..", "x.toml", "crmc.nc"),
    ],
)
def test_default_output(name: str, source: str, expected: str) -> None:
    """The config's name, or that of its file or of its folder; always a plain name in this folder."""
    assert default_output(named(name), source) == expected


def test_result_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By default one file in this folder; two names for one file are refused, however they are written."""
    monkeypatch.chdir(tmp_path)
    commands = dict.fromkeys(COMMANDS, lambda _: 0)

    def files(*argv: str) -> tuple[Path, Path | None]:
        return result_files(parser(commands).parse_args(["run", "x.toml", *argv]), named("small"))

    assert files() == (Path("small.nc"), None)
    assert files("-o", "a.nc", "--summary", "a.json") == (Path("a.nc"), Path("a.json"))
    with pytest.raises(ConfigError, match="--summary .*also the output file"):
        files("--summary", str(tmp_path / "small.nc"))
    with pytest.raises(ConfigError, match="--output nowhere/a.nc: there is no folder nowhere"):
        files("-o", "nowhere/a.nc")


def test_check_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new and an old file pass and are left alone; a folder, a missing folder and a bad path do not."""
    old = tmp_path / "old.nc"
    old.write_text("content")
    check_writable("--output", old)
    check_writable("--output", tmp_path / "new.nc")
    assert old.read_text() == "content" and [path.name for path in tmp_path.iterdir()] == ["old.nc"]
    for path, words in (
        (tmp_path, "is a directory; name a file inside it"),
        (tmp_path / "no" / "x.nc", "create it first"),
        (Path("x\0.nc"), "is not a usable path"),
        (tmp_path / ("a" * 5000), "is not a usable path"),
    ):
        with pytest.raises(ConfigError, match=words):
            check_writable("--output", path)
    monkeypatch.setattr("crmc.outputs.os.access", lambda path, mode: False)
    with pytest.raises(ConfigError, match="may not be written"):
        check_writable("--output", old)


def test_settle_overwriting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only a default name is at stake: another config, an unfinished run and any other file need --force."""
    monkeypatch.chdir(tmp_path)
    output, note = Path("small.nc"), "crmc: note: small.nc exists and will be overwritten\n"

    def settle(config: str, *options: str) -> str:
        arguments = parser(dict.fromkeys(COMMANDS, lambda _: 0)).parse_args(["run", "x.toml", *options])
        settle_overwriting(arguments, output, {"config": config, "solver": "monte-carlo"})
        return capsys.readouterr().err

    def refusal(config: str) -> str:
        with pytest.raises(ConfigError) as caught:
            settle(config)
        return str(caught.value)

    assert settle("one") == ""
    for status in ("done", "interrupted"):
        data = xr.Dataset({}, {"time": [0.0]}, {"config": "one", "solver": "monte-carlo", "status": status})
        write_atomically(data, output)
        assert "holds a result of another config; give -o FILE.nc, or --force to overwrite it" in refusal("two")
        assert settle("two", "--force") == settle("two", "-o", "small.nc") == note
    assert "holds an unfinished run, which --resume continues; give" in refusal("one")
    write_atomically(data.assign_attrs(status="done"), output)
    assert settle("one") == note
    output.write_text("my notes")
    assert "is no result; give" in refusal("one")
