"""``crmc bench``: marker-steps per second of the production step, against the same step written without JAX.

Every alternative runs in a process of its own (`worker`); `measure` times them in turn, `report` says what came out.
The references lie in experiments/bench.
"""
