"""Keep finished pieces of work, points of a sweep or replicas of a sensitivity, so that it can go on later."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from crmc.config.errors import ConfigError
from crmc.outputs import writing

#: Arrays of a piece of work by name.
Piece = Mapping[str, np.ndarray]


def save_pieces(path: Path, identity: str, pieces: Mapping[int, Piece]) -> None:
    """Write the pieces, by number, to ``path`` in one move; OutputError if that cannot be.

    identity: what tells the whole work from other works.
    """
    arrays = {f"{number}/{name}": array for number, piece in pieces.items() for name, array in piece.items()}
    with writing(path) as file:
        np.savez(file, identity=np.array(identity), **arrays)  # type: ignore[arg-type]


def load_pieces(path: Path, identity: str, option: str = "--resume") -> dict[int, dict[str, np.ndarray]]:
    """Read the pieces of the work ``identity`` by number; ConfigError where there are none, or another work's."""
    if not path.is_file():
        raise ConfigError(f"{option} {path}: there is no such checkpoint; run without --resume")
    found: dict[int, dict[str, np.ndarray]] = {}
    try:
        with np.load(path, allow_pickle=False) as file:
            same = str(file["identity"]) == identity
            for entry in file.files if same else ():
                number, slash, name = entry.partition("/")
                if slash:
                    found.setdefault(int(number), {})[name] = file[entry]
    except Exception as error:  # a damaged archive raises almost anything
        raise ConfigError(
            f"{option} {path}: is not a readable checkpoint ({type(error).__name__}); remove it to begin again"
        ) from error
    if not same:
        raise ConfigError(f"{option} {path}: belongs to another config or other options; remove it or name another")
    return found


def replica_piece(values: Mapping[str, np.ndarray], slopes: Mapping[str, Mapping[str, np.ndarray]]) -> Piece:
    """Return averages and derivatives of a replica as arrays."""
    return {f"value|{name}": array for name, array in values.items()} | {
        f"slope|{name}|{key}": array for name, keys in slopes.items() for key, array in keys.items()
    }


def piece_replica(piece: Piece) -> tuple[dict[str, np.ndarray], dict[str, dict[str, np.ndarray]]]:
    """Return averages and derivatives of a replica from the arrays of `replica_piece`."""
    values: dict[str, np.ndarray] = {}
    slopes: dict[str, dict[str, np.ndarray]] = {}
    for entry, array in piece.items():
        kind, _, rest = entry.partition("|")
        name, _, key = rest.partition("|")
        if kind == "value":
            values[name] = array
        else:
            slopes.setdefault(name, {})[key] = array
    return values, slopes
