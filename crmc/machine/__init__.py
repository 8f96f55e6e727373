"""Devices, memory and cores that a run uses."""
