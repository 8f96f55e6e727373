"""Compare the speed of the production step with that of the same step written without JAX, as ``crmc bench`` does.

Every alternative runs in a process of its own (`worker`); `measure` times them in turn, and `table` writes the result
as text.  The references lie in experiments/bench.
"""
