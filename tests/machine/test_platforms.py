"""Platforms that JAX cannot use are named, with what to install."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import jax
import pytest

import crmc
from crmc.config.errors import ConfigError
from crmc.machine.platforms import require_platform


def test_the_platform_of_the_tests_is_there() -> None:
    """Nothing is said where JAX finds devices."""
    require_platform()


@pytest.mark.parametrize("error", [AssertionError(), RuntimeError("Unable to initialize backend 'tpu':\nnone")])
def test_a_missing_platform(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Whatever JAX raises becomes one line."""

    def devices() -> list[jax.Device]:
        raise error

    monkeypatch.setattr(jax, "devices", devices)
    with pytest.raises(ConfigError, match="JAX cannot use it here .*; .*, or unset JAX_PLATFORMS"):
        require_platform()


def test_cuda_without_a_plugin(tmp_path: Path) -> None:
    """A process that is told to use a GPU it has no plugin for: exit code 2, one line, and what to install."""
    environment = os.environ | {"JAX_PLATFORMS": "cuda", "PYTHONPATH": str(Path(crmc.__file__).parents[1])}
    if metadata.entry_points(group="jax_plugins"):
        pytest.skip("a plugin is installed")
    command = [sys.executable, "-m", "crmc", "theory", "halo"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("crmc: error: JAX_PLATFORMS = cuda: JAX cannot use it here (")
    assert "pip install 'jax[cuda13]'" in done.stderr and "Traceback" not in done.stderr
