"""crmc sensitivity and crmc fit: exit codes, tables, JSON and files, and one line for bad options."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
from support.cli_cases import Reply, call
from support.inference_cases import Program, made_up
from support.run_cases import small

import crmc.inference.sensitivity
from crmc.cli.main import main
from crmc.config.config import load_config
from crmc.inference.derivatives import Slopes


@pytest.mark.full
def test_fit(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """JSON, the fitted config, and exit code 3 with a clear line for what cannot be reached; exact: Delta P ~ 1/nu."""
    config = small(
        run__markers=256, waves__start="seed", scattering__model="constant", scattering__frequency="1e-8 1/s"
    )
    path, output = tmp_path / "constant.toml", tmp_path / "fitted.toml"
    path.write_text(config.to_toml(), encoding="utf-8")
    line = ["fit", str(path), "--free", "scattering.frequency", "--replicas", "1", "--json", "-o", str(output)]
    line += ["--bounds", "scattering.frequency=5e-9/s:3e-8/s"]
    assert main([*line, "--target", "mean_free_path=2pc"]) == 3
    error = capsys.readouterr().err
    assert "mean_free_path(p=1) comes no closer than" in error.splitlines()[-1]
    assert "up against its lower bound, 5e-09 s-1; widen --bounds" in error.splitlines()[-1]
    assert main([*line, "--quiet", "--target", "mean_free_path=0.5pc"]) == 0
    told = json.loads(capsys.readouterr().out)
    # v/nu at 1 m_p c.
    want = 2.99792458e10 / np.sqrt(2.0) / (0.5 * 3.0856775814913674e18)
    found = told["free"]["scattering.frequency"]
    np.testing.assert_allclose(found["value"], want, rtol=2e-3)
    assert told["met"] and found["unit"] == "s-1" and found["stderr"] is None
    np.testing.assert_allclose(load_config(str(output)).scattering.frequency, found["value"], rtol=1e-12)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--free", "damping.linear,waves.seed_level", "--target", "mean_free_path=1pc"], "more than the 1"),
        (["--free", "damping.linear", "--target", "mean_free_path=1pc", "--evaluations", "1"], "--evaluations 1"),
        (["--free", "damping.linear", "--target", "mean_free_path=1pc", "--replicas", "0"], "--replicas 0"),
        (["--free", "damping.linear", "--target", "mean_free_path=1pc", "-o", "/no/where.toml"], "/no/where.toml"),
    ],
)
def test_bad_fits(more: list[str], words: str, capsys: pytest.CaptureFixture) -> None:
    """Exit code 2 and one line."""
    assert main(["fit", "linear_damping", *more]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.startswith("crmc: error:") and error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--wrt", "damping.linear", "--of", "heating"], "--of heating"),
        (["--wrt", "damping.linear", "--replicas", "0"], "--replicas 0"),
        (["--wrt", "plasma.cooling", "--mode", "finite-difference"], "plasma.cooling = 0"),
    ],
)
def test_bad_sensitivities(arguments: list[str], words: str, capsys: pytest.CaptureFixture) -> None:
    """Exit code 2 and one line."""
    assert main(["sensitivity", "linear_damping", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.startswith("crmc: error:") and error.count("\n") == 1


def told(monkeypatch: pytest.MonkeyPatch, ends: Callable[[int], int], *argv: str, spoil: bool = False) -> Reply:
    """`crmc sensitivity` of made-up replicas, of which ``ends(count)`` end; ``spoil``: with a NaN."""

    def differentiate(
        program: Program, count: int, *, stop: Callable[[], bool], progress: Callable, ready: dict
    ) -> Slopes:
        begun.append(sorted(ready))
        found = made_up(program, count)
        if spoil:
            found.slopes["heating_rate"]["damping.linear"][0] = np.nan
        count = ends(count)
        for number in range(count):
            ready[number] = jax.tree.map(lambda x: x[number], (found.values, found.slopes))  # noqa: B023 - called at once
            progress()
        return jax.tree.map(lambda x: x[:count], found) if count else Slopes({}, {})

    monkeypatch.setattr(crmc.inference.sensitivity, "Differentiation", Program)
    monkeypatch.setattr(crmc.inference.sensitivity, "differentiate", differentiate)
    return call("sensitivity", "linear_damping", "--wrt", "damping.linear", *argv)


#: Numbers of the replicas that were there when `differentiate` was called.
begun: list[list[int]] = []


def interrupted_after(replicas: int) -> Callable[[int], int]:
    def ready(_: int) -> int:
        signal.raise_signal(signal.SIGTERM)
        return replicas

    return ready


def test_sensitivity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options reach the library, and its table or its JSON is what is printed."""
    reply = told(monkeypatch, lambda n: n, "--replicas", "5", "--mode", "reverse", "--set", "run.markers=2048")
    assert (reply.code, reply.err) == (0, "")
    assert reply.out.splitlines()[0].split()[-1] == "damping.linear"
    assert reply.out.splitlines()[-1].startswith("reverse derivatives, monte-carlo; 5 replicas of 2048 markers and ")
    reply = told(monkeypatch, lambda n: n, "--of", "heating_rate, mean_free_path", "--json", "--replicas", "3")
    found = json.loads(reply.out)
    assert list(found["quantities"]) == ["heating_rate", "mean_free_path"]
    assert (found["mode"], found["replicas"], found["solver"]) == ("forward", 3, "monte-carlo")
    reply = told(monkeypatch, lambda n: n, "--json", "--solver", "fokker-planck")
    found = json.loads(reply.out)
    assert (found["replicas"], found["solver"], found["markers"]) == (1, "fokker-planck", None)


def test_interrupted_sensitivity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 130; the replicas that were ready are the result."""
    reply = told(monkeypatch, interrupted_after(3))
    assert reply.code == 130 and "3 replicas of" in reply.out
    assert reply.err == "crmc: error: interrupted; the result is that of 3 of 8 replicas\n"
    reply = told(monkeypatch, interrupted_after(0))
    assert reply == Reply(130, "", "crmc: error: interrupted before a replica was ready\n")


def test_sensitivity_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Replicas that were ready are kept, handed on by the same command, and refused to another question."""
    where = ("--checkpoint", str(tmp_path / "kept.npz"))
    assert "the same command continues" in told(monkeypatch, interrupted_after(3), *where).err
    assert told(monkeypatch, lambda n: n, *where).code == 0 and begun[-1] == [0, 1, 2]
    reply = told(monkeypatch, lambda n: n, *where, "--mode", "reverse")
    assert reply.code == 2 and "belongs to another config or other options" in reply.err


def test_sensitivity_that_is_not_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 3 names the derivative; what there is is printed."""
    reply = told(monkeypatch, lambda n: n, spoil=True)
    assert reply.code == 3 and "heating_rate" in reply.out
    assert reply.err.startswith("crmc: error: d heating_rate/d damping.linear is not finite")
    assert "shorten run.time_step" in reply.err
