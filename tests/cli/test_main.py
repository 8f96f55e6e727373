"""The command line: exit codes, one-line errors, and no traceback whatever the input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cli_cases import Reply, assert_bad_input, call
from support.config_cases import BAD, valid

import crmc.cli.main
from crmc.outputs import OutputError, OutputInUse
from crmc.runs.outcome import BAD_INPUT, Outcome


@pytest.fixture
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A valid config in the current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.toml"
    path.write_text(tomli_w.dumps(valid()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def shared_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A valid config for property tests, which cannot use a fixture per example."""
    path = tmp_path_factory.mktemp("config") / "small.toml"
    path.write_text(tomli_w.dumps(valid()), encoding="utf-8")
    return path


# ---- bad input ---------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["validate", "run", "theory"])
@pytest.mark.parametrize(("overrides", "key", "words"), BAD, ids=[";".join(case[0]) for case in BAD])
def test_bad_config(config_file: Path, command: str, overrides: list[str], key: str, words: str) -> None:
    arguments = [word for text in overrides for word in ("--set", text)]
    assert_bad_input(call(command, config_file, *arguments), key, words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "section [plasma] is missing"),
        (b"plasma = 3", "plasma"),
        (b"[plasma", "not valid TOML"),
        (b"[plasma]\nmagnetic_field = 1.0 uG", "text needs quotes"),
        (b"name = '\xff'", "UTF-8"),
        (b"\x00\x01", "TOML"),
        (b"name = " + b"9" * 5000, "TOML"),
        (b"name = " + b"[" * 5000, "TOML"),
        (b"x = {y = 1}", "no section or top-level key 'x'"),
        (b"[[plasma]]\nmagnetic_field = '1 uG'", "must be a section"),
    ],
)
def test_bad_file(config_file: Path, content: bytes, words: str) -> None:
    config_file.write_bytes(content)
    assert_bad_input(call("validate", config_file), words)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "COMMAND"),
        (["walk"], "choose from"),
        (["run"], "CONFIG"),
        (["run", "nosuch.toml"], "there is no such file"),
        (["run", "nosuch"], "nosuch"),
        (["run", ""], "config"),
        (["run", "."], "is a directory"),
        (["run", "\0"], "not a usable path"),
        (["run", "a" * 5000], "not a usable path"),
        (["run", "/dev/null"], "section [plasma] is missing"),
        (["validate", "/dev/zero"], "no config"),
        (["run", "small.toml", "-o", "/dev/null"], "is not a regular file"),
        (["validate", "small.toml", "--set", "expansion.mode=none"], 'expansion.timescale = "3.67e12 s": is only used'),
        (["run", "small.toml", "--fast"], "--fast"),
        (["run", "small.toml", "--set"], "--set"),
        (["run", "small.toml", "--set", "waves.bins"], "section.key=value"),
        (["run", "small.toml", "--set", "bins=3"], "section.key=value"),
        (["run", "small.toml", "--set", "a.b.c=3"], "section.key=value"),
        (["run", "small.toml", "--set", ".=3"], "section.key=value"),
        (["run", "small.toml", "-o", "nofolder/x.nc"], "there is no folder nofolder"),
        (["run", "small.toml", "-o", "."], "is a directory"),
        (["run", "small.toml", "-o", "x\0.nc"], "not a usable path"),
        (["run", "small.toml", "--summary", "nofolder/x.json"], "--summary"),
        (["run", "small.toml", "-o", "x.nc", "--summary", "x.nc"], "also the output file"),
        (["run", "small.toml", "--out", "x"], "--out"),
        (["init", "nofolder/x"], "there is no folder"),
        (["init", "small"], "exists and is not overwritten"),
        (["plot", "nosuch.nc"], "there is no such file"),
        (["export", "small.toml", "--csv"], "small.toml: cannot be read as a result"),
        (["export", "small.toml"], "--csv"),
        (["plot", "small.toml", "-o", "small.toml"], "small.toml"),
        (["theory", "small.toml", "extra\nline"], "extra line"),
    ],
)
def test_bad_arguments(config_file: Path, argv: list[str], words: str) -> None:
    assert_bad_input(call(*argv), words)


def test_unwritable_folder(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known before the run: a trial file is refused."""

    def refused(_: Path) -> Path:
        raise OSError(30, "Read-only file system")

    Path("x.nc").touch()
    monkeypatch.setattr("crmc.outputs._draft", refused)
    for command, words in (("run", "--output small.nc"), ("plot", "--output x-spectrum.png")):
        argv = [command, config_file if command == "run" else "x.nc"]
        assert_bad_input(call(*argv), words, "Read-only file system", "choose another folder")


def test_override_of_a_section_that_is_no_table(config_file: Path) -> None:
    config_file.write_text("plasma = 3")
    assert_bad_input(call("validate", config_file, "--set", "plasma.temperature=1 K"), "not a section")


def test_long_and_unprintable_values_stay_on_one_line(config_file: Path) -> None:
    for value in ("x" * 10000, "a\nb\x1b[31m\u2028c", "\udce4"):
        assert_bad_input(call("validate", config_file, "--set", f"run.duration={value}"), "run.duration")


@settings(deadline=None, max_examples=200)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_give_one_line(shared_config: Path, content: bytes) -> None:
    path = shared_config.with_name("bytes.toml")
    path.write_bytes(content)
    assert_bad_input(call("validate", path))


@settings(deadline=None, max_examples=200)
@given(
    key=st.sampled_from(["plasma.magnetic_field", "waves.bins", "run.duration", "drift.x", "waves"]) | st.text(),
    value=st.text() | st.floats().map(str) | st.integers().map(lambda n: f"{n} uG"),
)
def test_any_override_gives_a_config_or_one_line(shared_config: Path, key: str, value: str) -> None:
    reply = call("validate", shared_config, f"--set={key}={value}")
    if reply.code != 0:
        assert_bad_input(reply)


@settings(deadline=None, max_examples=100)
@given(argv=st.lists(st.sampled_from(["theory", "plot", "validate", "--set", "-o", "x=1"]) | st.text(), max_size=4))
def test_any_arguments_give_one_line(argv: list[str]) -> None:
    if not {"-h", "--help", "--version"} & set(argv) and "init" not in argv:
        assert_bad_input(call(*argv))


# ---- good input --------------------------------------------------------------------------


def test_warnings_quote_the_user(config_file: Path) -> None:
    """In the units of the config, and without the noise of markers that a mesh does not have."""
    argv = ["validate", config_file, "--set", "drift.gradient_length=1 kpc", "--set", "scattering.gap=broadened"]
    assert call(*argv, "--set", "run.duration=1 Myr", "--set", "run.markers=64").err.count('= "1 Myr": ') == 2


def test_validate_prints_warnings_on_stderr(config_file: Path) -> None:
    reply = call("validate", config_file, "--set", "damping.linear=")
    assert reply.code == 0 and reply.out.startswith('name = "small"')
    assert reply.err.startswith("crmc: warning: damping: ") and reply.err.count("\n") == 1


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["run", "--help"], ["init", "-h"]])
def test_help_and_version(argv: list[str]) -> None:
    reply = call(*argv)
    assert reply.code == 0 and "crmc" in reply.out and reply.err == ""


def test_help_lists_the_commands() -> None:
    text = call("--help").out
    assert all(command in text for command in ("run", "init", "validate", "theory", "paper", "plot"))


def fake_module(monkeypatch: pytest.MonkeyPatch, name: str, **functions: Any) -> None:
    """Replace module crmc.<name> by one with these functions."""
    module = types.ModuleType(f"crmc.{name}")
    vars(module).update(functions)
    monkeypatch.setitem(sys.modules, f"crmc.{name}", module)


class FakeRun:
    """Stands in for crmc.runs.run.run: remembers its arguments, gives the outcome it is told to."""

    def __init__(self, exit_code: int = 0, message: str = "", raises: BaseException | None = None) -> None:
        self.outcome = types.SimpleNamespace(exit_code=exit_code, message=message, table="the table", warnings=())
        self.raises = raises
        self.calls: list[dict[str, Any]] = []

    def __call__(self, config: Any, **arguments: Any) -> Any:
        self.calls.append({"config": config, **arguments})
        if self.raises is not None:
            raise self.raises
        return self.outcome


def test_run_passes_its_arguments_on(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = FakeRun()
    fake_module(monkeypatch, "runs.run", run=run)
    assert call("run", config_file, "--set", "run.seed=7") == Reply(0, "the table\n", "")
    passed = run.calls[0]
    assert passed["output"] == Path("small.nc") and passed["summary"] is None
    assert passed["resume"] is False and passed["quiet"] is False and passed["config"].run.seed == 7
    assert call("run", config_file, "-o", "a.nc", "--summary", "a.json", "--resume", "--quiet").out == ""
    passed = run.calls[1]
    assert (passed["output"], passed["summary"]) == (Path("a.nc"), Path("a.json"))
    assert passed["resume"] is True and passed["quiet"] is True


@pytest.mark.parametrize(
    ("name", "expected"), [("", "small.nc"), ("a run", "a_run.nc"), ("../../x", "x.nc"), ("...", "crmc.nc")]
)
def test_default_output(config_file: Path, monkeypatch: pytest.MonkeyPatch, name: str, expected: str) -> None:
    run = FakeRun()
    fake_module(monkeypatch, "runs.run", run=run)
    config_file.write_text(tomli_w.dumps({**valid(), "name": name}), encoding="utf-8")
    assert call("run", config_file).code == 0
    assert run.calls[0]["output"] == Path(expected)


def test_existing_output(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that was given is overwritten with a note, one by default only with --force, and resumed in silence."""
    fake_module(monkeypatch, "runs.run", run=FakeRun())
    Path("small.nc").touch()
    assert_bad_input(call("run", config_file), "small.nc: is no result", "--force")
    note = "crmc: note: small.nc exists and will be overwritten\n"
    assert call("run", config_file, "--force").err == call("run", config_file, "-o", "small.nc").err == note
    assert call("run", config_file, "--resume").err == ""


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (OutputInUse("a.nc", ""), 2, "a.nc: is being written by another run; wait for it or name another file"),
        (OutputError("a.nc", OSError(28, "No space left on device")), 3, "a.nc: cannot be written (No space left"),
    ],
    ids=["in use", "full"],
)
def test_output_that_cannot_be_written(
    config_file: Path, monkeypatch: pytest.MonkeyPatch, error: OutputError, code: int, words: str
) -> None:
    """One line that names file, reason and remedy; the user's mistake is told from the machine's."""
    fake_module(monkeypatch, "runs.run", run=FakeRun(raises=error))
    reply = call("run", config_file)
    assert reply.code == code and reply.err.startswith(f"crmc: error: {words}") and reply.err.count("\n") == 1


@pytest.mark.parametrize("code", [3, 130])
def test_run_that_ends_early(config_file: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    fake_module(monkeypatch, "runs.run", run=FakeRun(code, "stopped;\npartial result saved"))
    reply = call("run", config_file)
    assert reply == Reply(code, "the table\n", "crmc: error: stopped; partial result saved\n")


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (MemoryError(), 3), (ZeroDivisionError("a\nb"), 3)]
)
def test_run_that_raises(config_file: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int) -> None:
    monkeypatch.delenv("CRMC_TRACEBACK", raising=False)
    fake_module(monkeypatch, "runs.run", run=FakeRun(raises=error))
    reply = call("run", config_file)
    assert reply.code == code and reply.err.startswith("crmc: error: ") and reply.err.count("\n") == 1
    if isinstance(error, Exception) and not isinstance(error, MemoryError):
        monkeypatch.setenv("CRMC_TRACEBACK", "1")
        with pytest.raises(type(error)):
            call("run", config_file)


def test_theory_table_and_json(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {
        "heating_exact": {
            "value": np.float64(2.2e-30),
            "unit": "erg cm-3 s-1",
            "description": "H",
            "source": "x",
        },
        "missing": {"value": float("nan"), "unit": "s", "description": "none", "source": ""},
        "spectrum": {"value": np.arange(2.0), "unit": "1", "description": "e(k)", "source": ""},
    }
    rates = {"direction": [1, -1], "helicity": [1, -1], "k": [0.5, 2.0], "damping_rate": [1e-11, 2e-11]}
    rates |= {"value": [[[1e-9, 2e-9], [3e-9, 4e-9]], [[-1e-9, -2e-9], [-3e-9, -4e-9]]]}
    rates |= {"unit": "s-1", "description": "growth", "source": "eq. 13"}
    fake_module(monkeypatch, "setup.predictions", predict=lambda config: found)
    fake_module(monkeypatch, "setup.growth", growth_table=lambda config: {"growth_rate": dict(rates)})
    *lines, empty, head, names, first, second = call("theory", config_file).out.splitlines()
    assert lines[0].split() == ["heating_exact", "2.2e-30", "erg", "cm-3", "s-1", "H", "(x)"]
    assert len(lines) == 3
    assert not empty and head.startswith("growth (eq. 13) [s-1]")
    assert (
        names.split()[-9:] == ["[Omega0/c]", "(+1,", "+1)", "(+1,", "-1)", "(-1,", "+1)", "(-1,", "-1)", "damping"][-9:]
    )
    assert first.split() == ["0.5", "1e-09", "3e-09", "-1e-09", "-3e-09", "1e-11"]
    assert second.split() == ["2", "2e-09", "4e-09", "-2e-09", "-4e-09", "2e-11"]
    data = json.loads(call("theory", config_file, "--json").out)
    assert data["growth_rate"] == rates
    assert data["heating_exact"]["value"] == 2.2e-30 and data["missing"]["value"] is None
    assert data["spectrum"]["value"] == [0.0, 1.0]


def test_as_a_process(config_file: Path) -> None:
    """The exit code and the single line also reach the shell; heavy modules stay unloaded."""
    script = "import sys; from crmc.cli.main import main; code = main(); print('jax' in sys.modules); sys.exit(code)"
    argv = ["validate", str(config_file), "--set", "waves.bins=1"]
    found_at = {**os.environ, "PYTHONPATH": str(Path(crmc.cli.main.__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", script, *argv], capture_output=True, text=True, check=False, env=found_at
    )
    assert done.returncode == 2 and done.stdout == "False\n", done
    assert done.stderr.startswith("crmc: error: waves.bins = 1: must be at least 4") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("drift",), "kicks markers by the waves of a spectrum with an empty gap"),
        (("constant_scattering",), "kicks markers by the waves of a spectrum with an empty gap"),
        (("halo", "--solver", "fokker-planck"), "kicks markers by the waves of a spectrum with an empty gap"),
        (("halo",), "JAX sees no GPU here but cpu"),
    ],
)
def test_a_kernel_that_would_not_be_used(
    words: tuple[str, ...], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line that says why, before anything runs."""
    monkeypatch.chdir(tmp_path)
    reply = call("run", *words, "--kernel", "fused")
    assert reply.code == BAD_INPUT and f"--kernel fused: {problem}" in reply.err
    assert not list(tmp_path.glob("*.nc"))


def test_a_sweep_says_that_it_writes_no_distribution(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for all points; a run writes it, and says nothing."""
    monkeypatch.setattr("crmc.runs.sweep.run_points", lambda *_, **__: Outcome(0, "", ""))
    reply = call("sweep", config_file, "--seeds", 2, "--set", "run.distribution=true")
    assert reply.code == 0
    assert reply.err.count("run.distribution: has no effect") == 1
