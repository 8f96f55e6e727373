"""Measure scattering on full gyro-orbits in explicit waves, to test the quasilinear theory behind the kicks."""
