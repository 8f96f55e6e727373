"""Two solvers of the same equations: markers with drawn kicks, and a mesh in momentum and pitch angle."""
