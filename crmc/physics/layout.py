"""How the marker axis is cut into devices and blocks."""

from __future__ import annotations

import dataclasses

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

_AXIS = "markers"


#: Blocks whose size is a multiple of this leave no vector half empty.
_EVEN = 64


@dataclasses.dataclass(frozen=True)
class Layout:
    """The cut of the marker axis; static.

    devices: number of devices, the first ones that JAX lists; the number of markers must be a multiple of it.
    block: most markers of a device that are worked on at a time.
    """

    devices: int = 1
    block: int = 8192

    def filled(self, share: int) -> int:
        """Number of markers, at least ``share``, that fills a device's blocks evenly and its vectors wholly."""
        count = -(-share // self.block)
        return count * -(-share // (count * _EVEN)) * _EVEN

    @property
    def mesh(self) -> Mesh:
        """The devices as a mesh of one axis."""
        return jax.make_mesh((self.devices,), (_AXIS,), (AxisType.Auto,), devices=jax.devices()[: self.devices])

    @property
    def along_markers(self) -> NamedSharding:
        """Where arrays with one entry per marker live."""
        return NamedSharding(self.mesh, PartitionSpec(_AXIS))

    @property
    def everywhere(self) -> NamedSharding:
        """Where everything else lives."""
        return NamedSharding(self.mesh, PartitionSpec())
