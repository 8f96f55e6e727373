"""Run a config or a sweep, with progress, checkpoints, results and an outcome."""
