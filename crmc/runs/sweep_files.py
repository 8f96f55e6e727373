"""Keep the files of a sweep: its result, and beside it the checkpoint of the points that are finished."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crmc.config.axes import Axis, swept_values
from crmc.config.config import Config
from crmc.config.errors import ConfigError
from crmc.results.dataset import Dataset, provenance, write_atomically
from crmc.results.sweep import Track
from crmc.runs.checkpoint import checkpoint_path
from crmc.runs.pieces import Piece, load_pieces, save_pieces
from crmc.setup.setup import Setup
from crmc.statistics import Estimate


class SweepFiles:
    """Files of a sweep; none without an output.

    identity: what tells the sweep from others: the config of its first point, the values of its keys, its solver.
    cost: wall time of the longest save so far [s].
    """

    def __init__(self, output: Path | None, first: Config, axes: Sequence[Axis], solver: str):
        self.output, self.cost = output, 0.0
        self.identity = f"{first.to_toml()}\n{swept_values(axes)}\n{solver}"

    def load(self, resume: bool | str) -> dict[int, Track]:
        """Return the results of finished points by number; with "auto" none where there is no checkpoint.

        Raises ConfigError for a checkpoint that is missing, damaged, or another sweep's.
        """
        if not resume:
            return {}
        if self.output is None:
            raise ConfigError("--resume: needs the output of the sweep that it continues; give it")
        path = checkpoint_path(self.output)
        if resume == "auto" and not path.exists():
            return {}
        return {number: _track(piece) for number, piece in load_pieces(path, self.identity).items()}

    def store(self, tracks: Sequence[Track | None], data: Dataset) -> None:
        """Write the points that are finished, and ``data``, the result of all; OutputError where that cannot be."""
        if self.output is None:
            return
        begun = time.monotonic()
        pieces = {number: _piece(track) for number, track in enumerate(tracks) if track is not None}
        save_pieces(checkpoint_path(self.output), self.identity, pieces)
        write_atomically(data, self.output)
        self.cost = max(self.cost, time.monotonic() - begun)


def attributes(first: Setup, axes: Sequence[Axis]) -> dict[str, Any]:
    """Return the provenance that all points share, and the values that were swept; first: the first point."""
    found = provenance(first)
    for name in ("time_step_s", "seed"):
        found.pop(name)
    return found | {
        "title": f"{first.config.name or 'crmc'} sweep",
        "config_note": "config is that of the first point; sweep holds the values of the keys that differ",
        "sweep": swept_values(axes),
        "steps": first.steps,
    }


def _piece(track: Track) -> dict[str, np.ndarray]:
    """Return the results of a point of a sweep as arrays."""
    words = {"averages": track.averages, "status": track.status, "text": track.text, "time_step": track.time_step}
    return {
        "times": track.times,
        "k": track.k,
        "words": np.array(json.dumps(words)),
        **{f"value.{name}": array for name, array in track.values.items()},
        **{f"spectrum.{name}": np.stack(one) for name, one in track.spectra.items()},
    }


def _track(piece: Piece) -> Track:
    """Return the results of a point of a sweep from the arrays of `_piece`."""

    def named(kind: str) -> dict[str, Any]:
        return {name.removeprefix(kind): array for name, array in piece.items() if name.startswith(kind)}

    words = json.loads(str(piece["words"]))
    spectra = {name: Estimate(pair[0], pair[1]) for name, pair in named("spectrum.").items()}
    values, last = named("value."), (words["status"], words["text"], words["time_step"])
    return Track(piece["times"], piece["k"], values, words["averages"], spectra, *last)
