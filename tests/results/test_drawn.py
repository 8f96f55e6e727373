"""A result as its figures draw it: what counts as absent, and where theory's numbers come from."""

from pathlib import Path

import pytest
from support.result_cases import SEED, saved, synthetic

from crmc.results import figures
from crmc.results.dataset import read
from crmc.results.drawn import drawn_from


def test_theory_of_a_run_under_way_comes_from_its_config(tmp_path: Path) -> None:
    data = synthetic()
    del data.attrs["summary"]
    result = drawn_from(read(saved(data, tmp_path / "running.nc")), "run.nc")
    assert result.predicted("alfven_speed") == pytest.approx(2.4e-4, rel=0.02)
    assert result.seed == SEED


@pytest.mark.parametrize("config", ["no toml [", "[plasma]\nold_key = 1\n", ""])
def test_a_config_of_another_version_is_no_obstacle(tmp_path: Path, config: str) -> None:
    data = synthetic().assign_attrs({"config": config, "summary": "{}"})
    result = drawn_from(read(saved(data, tmp_path / "old.nc")), "run.nc")
    assert result.theory == {} and result.seed is None
    assert figures.heating(result) is not None
