"""References for `crmc bench`: the time step of crmc written without JAX, on the halo problem."""
