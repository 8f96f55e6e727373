"""Numbers of `run_cases.small` in cgs and of its code units, written out: conversions must not come from the code under test."""

C, M_P, ELECTRON_CHARGE, BOLTZMANN = 2.99792458e10, 1.67262192e-24, 4.80320471e-10, 1.380649e-16
KPC = 3.0856775814913673e21
FIELD, DENSITY, PRESSURE, GAS, TAU = 1e-6, 1.3233e-3, 8.2e-14, 3.2e-13, 3.7e12
OMEGA, UNIT = ELECTRON_CHARGE * FIELD / (M_P * C), DENSITY * M_P * C**2

#: Keys that make the tube expand by injection.
INJECTION = {
    "expansion__mode": "injection",
    "expansion__timescale": None,
    "injection__pressure_rate": "1.67e-25 erg/(cm3 s)",
    "waves__start": "seed",
}
