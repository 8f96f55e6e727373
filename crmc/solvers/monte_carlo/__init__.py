"""Solve the equations by markers that receive random kicks from the waves."""
