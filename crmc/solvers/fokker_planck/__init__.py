"""The same equations on a mesh in momentum and pitch angle, without noise."""
