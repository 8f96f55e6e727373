"""Run one config or a sweep: progress, checkpoints, results, and how it ended."""
