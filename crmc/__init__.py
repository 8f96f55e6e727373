"""crmc: cosmic-ray pressure anisotropy, its waves and its heating in an expanding flux tube (Zweibel 2020)."""
