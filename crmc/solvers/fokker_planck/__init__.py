"""Solve the equations on a mesh in momentum and pitch angle, without noise.

Shapes are those of a mesh of n_p nodes in momentum and n_mu cells in mu: (n_p, n_mu) for the cells, (n_p, n_mu - 1) for
the inner faces in mu.
"""
