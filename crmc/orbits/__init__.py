"""Full gyro-orbits in explicit waves: what the kicks of quasilinear theory assume, measured."""
