"""Division of the marker axis among devices, and on each device into blocks."""

from __future__ import annotations

import dataclasses

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

_AXIS = "markers"
#: Blocks whose size is a multiple of this leave no vector half empty.
_EVEN = 64


@dataclasses.dataclass(frozen=True)
class Layout:
    """Division of the marker axis; static.

    devices: number of devices, the first ones that JAX lists; the number of markers must be a multiple of it.
    block: most markers of a device that are processed at a time.
    """

    devices: int = 1
    block: int = 8192

    def filled(self, share: int) -> int:
        """Return the number of markers, at least share, that fills blocks evenly and a core's vectors completely.

        share: markers of a device.
        """
        count = -(-share // self.block)
        return count * -(-share // (count * _EVEN)) * _EVEN

    @property
    def mesh(self) -> Mesh:
        """Mesh of the devices with one axis, along which markers are divided."""
        return jax.make_mesh((self.devices,), (_AXIS,), (AxisType.Auto,), devices=jax.devices()[: self.devices])

    @property
    def along_markers(self) -> NamedSharding:
        """Sharding of arrays with one entry per marker: each device holds its share."""
        return NamedSharding(self.mesh, PartitionSpec(_AXIS))

    @property
    def everywhere(self) -> NamedSharding:
        """Sharding of all other arrays: every device holds a copy."""
        return NamedSharding(self.mesh, PartitionSpec())
