"""References for `crmc bench`: the same time step written without JAX, on the halo problem."""
