"""From a config to arrays in code units that a solver starts from."""
