"""Finished pieces of work: read as they were written, and refused where they belong to another work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crmc.config.errors import ConfigError
from crmc.runs.pieces import load_pieces, piece_replica, replica_piece, save_pieces

PIECES = {3: {"a": np.array([1.0, np.nan]), "b/c": np.array("text")}, 11: {"a": np.zeros((2, 0, 3))}}


def test_pieces_are_read_as_written(tmp_path: Path) -> None:
    """Numbers, names, shapes, NaN; the file is replaced whole."""
    path = tmp_path / "x.npz"
    save_pieces(path, "mine", {})
    assert load_pieces(path, "mine") == {}
    save_pieces(path, "mine", PIECES)
    found = load_pieces(path, "mine")
    assert {number: set(piece) for number, piece in found.items()} == {3: {"a", "b/c"}, 11: {"a"}}
    np.testing.assert_equal(found, PIECES)


@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x04N.", "half"], ids=["empty", "text", "pickle", "half"])
def test_damaged_pieces(tmp_path: Path, content: bytes | str) -> None:
    """One line, and the file is left as it is."""
    path = tmp_path / "x.npz"
    save_pieces(path, "mine", PIECES)
    spoilt = content if isinstance(content, bytes) else path.read_bytes()[: path.stat().st_size // 2]
    path.write_bytes(spoilt)
    with pytest.raises(ConfigError, match="x.npz: is not a readable checkpoint"):
        load_pieces(path, "mine")
    assert path.read_bytes() == spoilt


def test_pieces_of_another_work(tmp_path: Path) -> None:
    """Neither those of others nor none are taken."""
    path = tmp_path / "x.npz"
    with pytest.raises(ConfigError, match="--checkpoint .*: there is no such checkpoint"):
        load_pieces(path, "mine", "--checkpoint")
    save_pieces(path, "mine", PIECES)
    with pytest.raises(ConfigError, match="belongs to another config or other options"):
        load_pieces(path, "yours")


def test_a_replica() -> None:
    """Averages and derivatives by several keys, one of them a table, come back by their names."""
    slopes = {"heating_rate": {"damping.linear": np.array(2.0), "damping.linear[k]": np.ones((2, 2, 3))}}
    one = (
        {"heating_rate": np.array(1.0), "mean_free_path": np.arange(3.0)},
        slopes | {"mean_free_path": {"a.b": np.eye(3)}},
    )
    np.testing.assert_equal(piece_replica(replica_piece(*one)), one)
