"""Derivatives of a run's averages, and numbers of a config that give averages their target values."""
