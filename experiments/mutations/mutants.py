"""All mutants."""

from __future__ import annotations

from gyro_orbits import GYRO_ORBITS
from kicks import KICKS
from mutation import Mutation
from surroundings import SURROUNDINGS

MUTATIONS: tuple[Mutation, ...] = (*KICKS, *SURROUNDINGS, *GYRO_ORBITS)
