"""Tables in CSV files: columns, units, and what is refused with its line."""

from pathlib import Path

import pytest

from crmc.config.columns import read_columns
from crmc.config.expansion import COLUMNS


def read_history(path: Path) -> dict:
    """Columns of the history of a flow."""
    return read_columns(path, "time", "time [s], time [Myr]", COLUMNS)


def read(tmp_path: Path, text: str) -> dict:
    """Columns of a file of this text."""
    path = tmp_path / "history.csv"
    path.write_text(text, encoding="utf-8")
    return read_history(path)


def test_columns_and_units(tmp_path: Path) -> None:
    """Comments are passed over, names are read in any case, and times keep their unit."""
    found = read(tmp_path, "# from a code\nTime [Myr], field [uG],along\n0,1.5,1\n2.5,1.0,1.1\n")
    assert found == {"time": ["0.0 Myr", "2.5 Myr"], "field": [1.5, 1.0], "along": [1.0, 1.1]}
    assert set(found) - {"time"} <= set(COLUMNS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column time"),
        ("time,scale\n0,1\n", "with a unit"),
        ("scale\n1\n", "no column time"),
        ("time [s],pressure\n0,1\n", "'pressure'"),
        ("time [s],scale,scale\n0,1,1\n", "two columns"),
        ("time [s],scale\n0,1\n1\n", "line 3"),
        ("time [s],scale\n0,1\n1,big\n", "'big' in line 3"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """Every message names what is wrong and ends with a remedy."""
    with pytest.raises(ValueError, match="; ") as error:
        read(tmp_path, text)
    assert words in str(error.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file and one that is not text."""
    with pytest.raises(ValueError, match="cannot be read"):
        read_history(tmp_path / "nowhere.csv")
    path = tmp_path / "binary.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not CSV"):
        read_history(path)
