"""Markers that receive stochastic kicks from the waves."""
