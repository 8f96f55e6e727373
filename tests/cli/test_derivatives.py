"""crmc sensitivity and crmc fit: exit codes, tables, JSON and files, and one line for bad options."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.inference_cases import QUICK, quiet_waves
from support.run_cases import small

from crmc.cli.main import main
from crmc.config.config import load_config
from crmc.inference.averages import averages_of
from crmc.inference.derivatives import Differentiation, differentiate
from crmc.setup.build import build


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


def test_sensitivity(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """JSON has what the library gives in another mode, for every average and key, with errors, units and axes."""
    config = quiet_waves()
    averages = averages_of(config, ("heating_rate",))
    found = differentiate(Differentiation(averages, ("damping.linear",), options=QUICK), 2)
    path = tmp_path / "small.toml"
    path.write_text(config.to_toml(), encoding="utf-8")
    line = ["sensitivity", str(path), "--of", "heating_rate,wave_power", "--wrt", "damping.linear"]
    assert main([*line, "--mode", "finite-difference", "--replicas", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["replicas"], told["steps"], told["numbers"]["damping.linear"]["unit"]) == (2, 100, "s-1")
    heating = told["quantities"]["heating_rate"]
    np.testing.assert_allclose(heating["value"], found.values["heating_rate"].mean(), rtol=1e-9)
    slopes = found.slopes["heating_rate"]["damping.linear"]
    own = heating["derivatives"]["damping.linear"]
    np.testing.assert_allclose(own["derivative"], slopes.mean(), rtol=1e-3)
    np.testing.assert_allclose(own["logarithmic"], own["derivative"] * 1e-11 / heating["value"], rtol=1e-9)
    assert np.shape(told["quantities"]["wave_power"]["derivatives"]["damping.linear"]["logarithmic"]) == (2, 2, 8)
    np.testing.assert_allclose(told["axes"]["k"], np.asarray(build(config).parameters.grid.centres), rtol=1e-12)
