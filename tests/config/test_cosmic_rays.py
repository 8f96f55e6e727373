"""Tables of the spectrum: columns of a file, momenta in any form, and what is refused."""

from pathlib import Path

import pytest

from crmc.config.config import load_config
from crmc.config.cosmic_rays import CosmicRays
from crmc.config.errors import ConfigError

#: Keys of a table, in place of those of the power law of the halo.
TABLE = {"cosmic_rays.index": None, "cosmic_rays.turnover_momentum": 0.0, "cosmic_rays.spectrum": "table"}


def test_table_of_a_file(tmp_path: Path) -> None:
    """Rows of a CSV file become keys of the config, momenta in m_p c; the config reads back as it is written."""
    (tmp_path / "rows.csv").write_text("momentum [GeV/c],f0\n0.4,10\n10,1e-3\n200,1e-9\n", encoding="utf-8")
    config = load_config("halo").with_overrides(TABLE | {"cosmic_rays.file": str(tmp_path / "rows.csv")})
    rays = config.cosmic_rays
    assert rays.momenta == pytest.approx([x / 0.93827209 for x in (0.4, 10.0, 200.0)], rel=1e-7)
    assert (rays.f0, rays.file) == ((10.0, 1e-3, 1e-9), None)
    (tmp_path / "again.toml").write_text(config.to_toml(), encoding="utf-8")
    assert load_config(tmp_path / "again.toml") == config


@pytest.mark.parametrize(
    ("momenta", "f0", "words"),
    [
        ([0.5, 0.4, 100.0], [1.0, 0.5, 1e-9], "must rise"),
        ([0.5, 100.0], [1.0, 0.5, 1e-9], "as many rows as cosmic_rays.momenta, 2"),
        ([0.6, 100.0], [1.0, 1e-9], "momentum_min (0.5)"),
        ([0.5, 99.0], [1.0, 1e-9], "momentum_max (100)"),
        ([0.5, 100.0], [1.0, 0.0], "cosmic_rays.f0"),
        (["0.5 s", "100 GeV/c"], [1.0, 1e-9], "is not a momentum"),
        ([], [1.0], "must be a list"),
    ],
)
def test_what_is_refused(momenta: list, f0: list, words: str) -> None:
    """One line that names the key and ends with a remedy."""
    with pytest.raises(ConfigError, match="; ") as error:
        load_config("halo").with_overrides(TABLE | {"cosmic_rays.momenta": momenta, "cosmic_rays.f0": f0})
    assert words in str(error.value) and "\n" not in str(error.value)


def test_keys_of_another_spectrum() -> None:
    """A table beside a power law, and an index beside a table, are refused by name."""
    rows = {"cosmic_rays.momenta": [0.5, 100.0], "cosmic_rays.f0": [1.0, 1e-9]}
    for keys, named in (
        ({"cosmic_rays.f0": [1.0, 1e-9]}, "cosmic_rays.f0"),
        (TABLE | rows | {"cosmic_rays.index": 4.7}, "cosmic_rays.index"),
    ):
        with pytest.raises(ConfigError, match=named):
            load_config("halo").with_overrides(keys)


def test_default_is_a_power_law() -> None:
    """Index 4.7 and no table."""
    rays = CosmicRays(pressure="1e-13 erg/cm3")  # type: ignore[arg-type]
    assert (rays.spectrum, rays.index, rays.momenta, rays.f0) == ("power_law", 4.7, None, None)
