"""What evolves and what acts on it, whoever solves it: markers, waves, flux tube, gradient, moments."""
