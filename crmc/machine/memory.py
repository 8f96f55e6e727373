"""Check, before a run starts, that its markers fit into memory."""

from __future__ import annotations

import jax
import numpy as np

from crmc.config.errors import ConfigError
from crmc.machine.granted import free_memory
from crmc.physics.layout import Layout

#: Number of arrays with one entry per marker: those of `markers.Markers`, and further ones during a step.
_STATE, _STEP = 5, 5
#: Share of the free memory that a run may fill, and memory that it takes for any number of markers [bytes].
_USABLE, _FIXED = 0.9, 5e8


def bytes_per_marker(precision: str) -> int:
    """Return the device memory per marker during a step [bytes]: 40 in float32, 80 in float64."""
    return (_STATE + _STEP) * np.dtype(precision).itemsize


def bytes_on_host(precision: str) -> int:
    """Return the memory per marker of the host's copy [bytes].

    From this copy the devices are filled and checkpoints are written.
    """
    return _STATE * np.dtype(precision).itemsize


def require_memory(markers: int, precision: str, layout: Layout) -> None:
    """Raise ConfigError, which states how many markers fit, if ``markers`` do not."""
    device = jax.local_devices()[0]
    each = bytes_per_marker(precision)
    if device.platform == "cpu":
        needed, free, where = each + bytes_on_host(precision), free_memory(), "of memory"
        share = jax.process_count()
    else:
        needed, free, where = each, _device_memory(device), f"on each {device.device_kind}"
        share = layout.devices * layout.across
    if free is None:
        return
    most = max(0, int((_USABLE * free - _FIXED) * share / needed))
    if markers > most:
        digits = 10 ** max(len(str(most)) - 2, 0)
        raise ConfigError(
            f"run.markers = {markers}: would take {markers * needed / share / 1e9:.3g} GB, and "
            f"{free / 1e9:.3g} GB are free {where}; at most {most // digits * digits} markers fit"
        )


def _device_memory(device: jax.Device) -> float | None:
    """Return the free memory of a device [bytes], or None where it is not known."""
    statistics = device.memory_stats()
    if not statistics or "bytes_limit" not in statistics:
        return None
    return float(statistics["bytes_limit"] - statistics.get("bytes_in_use", 0))
