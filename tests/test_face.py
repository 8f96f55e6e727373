"""The face: what `import crmc` offers, what it loads, and that its calls do what the command line does."""

from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from support.cli_cases import call
from support.run_cases import compiled_once, small

import crmc
from crmc.text import json_ready

ROOT = Path(__file__).resolve().parents[1]
#: Libraries that take long to load: none is loaded before it is used.
HEAVY = ("jax", "xarray", "matplotlib", "scipy", "pandas")
#: What a reader is shown first.
THREE_LINES = (
    "import crmc",
    'run = crmc.run(crmc.load_config("linear_damping", ["run.markers=2048"]))',
    "run.data.heating_rate.plot()",
)
#: What makes a run quick to compile.
CONSTANT = ("scattering.model=constant", "scattering.frequency=1e-8 1/s")
#: Attributes of a result that tell the time on the clock.
CLOCK = ("wall_seconds", "compile_seconds", "compiled_before", "created", "history")


def python(code: str, folder: Path) -> str:
    """What a process of this checkout prints; it is not told of the tests' devices."""
    environment = os.environ | {"PYTHONPATH": str(Path(crmc.__file__).resolve().parents[1]), "MPLBACKEND": "Agg"}
    environment.pop("JAX_NUM_CPU_DEVICES", None)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- names ------------------------------------------------------------------------------------


def imported_for_types() -> dict[str, str]:
    """Name -> module of the block for type checkers, read from the source."""
    tree = ast.parse(Path(crmc.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    assert all(isinstance(node, ast.ImportFrom) for node in block.body)
    return {alias.asname or alias.name: node.module for node in block.body for alias in node.names}


def test_lists_of_names_agree() -> None:
    """What is loaded at first use, what type checkers see, and `__all__` are the same names; `dir` has them."""
    assert imported_for_types() == crmc._HOMES
    assert sorted(crmc.__all__) == sorted([*crmc._HOMES, *crmc._WINGS])
    assert set(crmc.__all__) <= set(dir(crmc)) and {"__doc__", "__all__"} <= set(dir(crmc))


@pytest.mark.parametrize("name", crmc.__all__)
def test_names_can_be_had(name: str) -> None:
    """Each is that of its home, whatever else is called so."""
    if name in crmc._WINGS:
        assert getattr(crmc, name) is importlib.import_module(f"crmc.{name}")
    else:
        assert getattr(crmc, name) is getattr(importlib.import_module(crmc._HOMES[name]), name)


def test_unknown_name() -> None:
    """AttributeError in the words of Python, so that `hasattr` and `from crmc import x` work."""
    with pytest.raises(AttributeError, match="module 'crmc' has no attribute 'rnu'"):
        crmc.rnu  # noqa: B018
    assert not hasattr(crmc, "kappa")


@pytest.mark.parametrize(
    "code", ["import crmc", "from crmc.cli.main import main; assert main(['--help']) == 0"], ids=["import", "help"]
)
def test_nothing_heavy_is_loaded(code: str, tmp_path: Path) -> None:
    """Oracle: sys.modules of a process of its own."""
    shown = python(f"{code}\nimport sys; print('loaded', *sorted(set({HEAVY!r}) & set(sys.modules)))", tmp_path)
    assert shown.splitlines()[-1] == "loaded"


# -- three lines ------------------------------------------------------------------------------


@pytest.mark.slow
def test_three_lines(tmp_path: Path) -> None:
    """The README's, which are also those of `help(crmc)`: a result with units that prints as its table, and no file.

    Here the run is short and nu is constant, which compiles quickly; as printed it is among the blocks that
    `pytest -m full` runs.
    """
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if THREE_LINES[1] in block]
    assert len(blocks) == 1
    assert tuple(line for line in blocks[0].splitlines() if line) == THREE_LINES
    assert all(line in (crmc.__doc__ or "") for line in THREE_LINES)
    check = "import os; print(run.data.heating_rate.attrs['units'], run.status, repr(run) is run.table, os.listdir(), sep='|')"
    assert "run.markers=2048" in blocks[0]
    quick = ["run.markers=2048", "run.duration=4e9 s", "waves.start=seed", *CONSTANT]
    block = blocks[0].replace('["run.markers=2048"]', str(quick))
    shown = python(f"{block}\n{check}", tmp_path)
    assert shown.splitlines()[-1] == "erg cm-3 s-1|done|True|[]"


# -- calls ------------------------------------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def compiled() -> Iterator[None]:
    """Calls of one shape share a program."""
    with compiled_once():
        yield


@pytest.fixture(autouse=True)
def single_precision(double_precision: None) -> Iterator[None]:
    """JAX as a reader finds it: 64-bit arrays are the callee's business."""
    with jax.enable_x64(False):
        yield


@pytest.fixture(scope="module")
def config() -> crmc.Config:
    """100 steps of scattering at a given rate, which is quick to compile."""
    return small(waves__start="seed", scattering__model="constant", scattering__frequency="1e-8 1/s")


@pytest.fixture(scope="module")
def written(compiled: None, config: crmc.Config, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, crmc.Outcome]:
    """A run with an output file."""
    output = tmp_path_factory.mktemp("written") / "small.nc"
    return output, crmc.run(config, output=output, quiet=True)


def without_clock(data: xr.Dataset) -> xr.Dataset:
    """The data without attributes that depend on the clock."""
    return data.assign_attrs({name: 0 for name in (*CLOCK, "summary") if name in data.attrs})


def test_run_writes_no_file_unless_told(
    config: crmc.Config, written: tuple[Path, crmc.Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder stays empty, and the result in memory is that of the run with a file."""
    monkeypatch.chdir(tmp_path)
    found = crmc.run(config, quiet=True)
    assert not list(tmp_path.iterdir())
    assert (found.status, found.exit_code, found.message) == ("done", 0, "")
    assert without_clock(found.data).identical(without_clock(written[1].data))
    assert sorted(path.name for path in written[0].parent.iterdir()) == ["small.nc", "small.nc.checkpoint.npz"]


def test_open_result_is_the_run(written: tuple[Path, crmc.Outcome]) -> None:
    """Equal data, summary and status, and the same table."""
    output, run = written
    found = crmc.open_result(output)
    assert found.data.identical(run.data)
    assert found.summary == json_ready(run.summary)
    assert found.status == run.status == "done" and found.exit_code == run.exit_code == 0
    assert repr(found) == repr(run) == run.table and "Run" in run.table


def test_open_result_of_no_file(tmp_path: Path) -> None:
    """ConfigError of one line."""
    with pytest.raises(crmc.ConfigError) as caught:
        crmc.open_result(tmp_path / "no.nc")
    assert "no.nc" in str(caught.value) and str(caught.value).isprintable()


def test_plot_of_a_result_in_memory(written: tuple[Path, crmc.Outcome], tmp_path: Path) -> None:
    """The figures of the file, named by the title of the data."""
    output, run = written
    paths = crmc.plot(run.data, tmp_path / "memory")
    assert paths and all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    of_file = crmc.plot(output, tmp_path / "file")
    assert [path.name.removeprefix(str(run.data.attrs["title"])) for path in paths] == [
        path.name.removeprefix("small") for path in of_file
    ]


@pytest.mark.full
def test_sweep_is_that_of_the_command_line(config: crmc.Config, tmp_path: Path) -> None:
    """Oracle: the file of `crmc sweep` with the same options."""
    over, path, output = "expansion.timescale=3.7e12 s,7.4e12 s", tmp_path / "small.toml", tmp_path / "sweep.nc"
    found = crmc.sweep(config, [over], seeds=2, quiet=True)
    assert found.status == "done" and found.data.sizes["seed"] == 2 and not list(tmp_path.iterdir())
    path.write_text(config.to_toml(), encoding="utf-8")
    reply = call("sweep", path, "--over", over, "--seeds", 2, "-o", output)
    assert reply.code == 0 and repr(found) == reply.out.rstrip("\n")
    assert without_clock(crmc.open_result(output).data).identical(without_clock(found.data))


def test_resume_needs_an_output(config: crmc.Config) -> None:
    """ConfigError of one line, and no run."""
    with pytest.raises(crmc.ConfigError, match="--resume: needs the output") as caught:
        crmc.run(config, resume=True, quiet=True)
    assert str(caught.value).isprintable()


def test_sensitivity_prints_as_its_table(config: crmc.Config) -> None:
    """On the mesh, without noise; exact: the mean free path is v/nu."""
    found = crmc.sensitivity(
        config,
        ["mean_free_path", "pressure_anisotropy"],
        ["scattering.frequency"],
        mode="finite-difference",  # the quickest to compile
        solver="fokker-planck",
    )
    head, *rows = repr(found).splitlines()
    assert head.split()[-2:] == ["dln/dln", "scattering.frequency"]
    assert [row.split()[0] for row in rows[:4]] == [
        *(f"mean_free_path(p={p})" for p in (1, 3, 10)),
        "pressure_anisotropy",
    ]
    assert found.replicas == 1
    derivative = found.as_dict()["quantities"]["mean_free_path"]["derivatives"]["scattering.frequency"]
    np.testing.assert_allclose(derivative["logarithmic"], -1.0, rtol=1e-8)


def test_minimise() -> None:
    """In 64 bits whatever the reader's setting: a minimum to 1e-6, which float32 does not resolve."""
    found, descent = crmc.minimise(
        lambda x: (jnp.log(x["a"]) - 1.0) ** 2, {"a": 2.0}, {"a": (0.1, 10.0)}, tolerance=1e-7
    )
    assert descent.converged
    np.testing.assert_allclose(found["a"], np.e, rtol=1e-6)
