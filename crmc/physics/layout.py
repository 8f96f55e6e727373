"""Division of replicas and markers among devices, and of the markers of a device into blocks."""

from __future__ import annotations

import dataclasses
from typing import Literal

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

_AXIS = "markers"
#: Axis of the mesh of devices along which replicas are divided.
REPLICAS = "replicas"
#: Blocks whose size is a multiple of this leave no vector half empty.
_EVEN = 64


@dataclasses.dataclass(frozen=True)
class Layout:
    """Division of replicas and markers; static.

    devices: number of devices, the first ones that JAX lists, that share the markers of a replica; the number of
        markers must be a multiple of it.
    block: most markers of a device that are processed at a time.
    kernel: how a device kicks its markers: "plain", functions that XLA compiles, or "fused", one kernel for a GPU
        (interpreted, slowly, on a CPU).
    across: number of devices that share the replicas, whose number must be a multiple of it; 1 where ``devices`` > 1.
    """

    devices: int = 1
    block: int = 8192
    across: int = 1
    kernel: Literal["plain", "fused"] = "plain"

    def filled(self, share: int) -> int:
        """Return the number of markers, at least share, that fills blocks evenly and a core's vectors completely.

        share: markers of a device.
        """
        count = -(-share // self.block)
        return count * -(-share // (count * _EVEN)) * _EVEN

    @property
    def mesh(self) -> Mesh:
        """Mesh of the devices, (across, devices), along whose axes replicas and markers are divided."""
        shape = (self.across, self.devices)
        devices = jax.devices()[: self.across * self.devices]
        return jax.make_mesh(shape, (REPLICAS, _AXIS), (AxisType.Auto,) * 2, devices=devices)

    @property
    def along_markers(self) -> NamedSharding:
        """Sharding of arrays with one entry per marker: each device holds its share."""
        return NamedSharding(self.mesh, PartitionSpec(_AXIS))

    @property
    def along_both(self) -> NamedSharding:
        """Sharding of arrays with one entry per replica and marker: each device holds its share."""
        return NamedSharding(self.mesh, PartitionSpec(REPLICAS, _AXIS))

    @property
    def along_replicas(self) -> NamedSharding:
        """Sharding of arrays with one entry per replica, whole on the devices that share a replica."""
        return NamedSharding(self.mesh, PartitionSpec(REPLICAS))

    @property
    def everywhere(self) -> NamedSharding:
        """Sharding of all other arrays: every device holds a copy."""
        return NamedSharding(self.mesh, PartitionSpec())
