"""Solve the equations of cosmic rays and waves in two ways: by markers with random kicks, and on a mesh.

In order of dependency:
  tally           energies exchanged in a number of steps
  diagnostics     a row of results from a state and a tally
  simulate        `Solver`, the functions that every solver has, and the drivers that use nothing else
  monte_carlo/    markers that receive random kicks from the waves
  fokker_planck/  a mesh in momentum and pitch angle, without noise
  registry        the solvers by name

Conventions of every docstring:
  Arguments and fields are listed as ``name: meaning, (shape) [unit]``.  Without a shape: a scalar; without a unit: no
  dimension.  [code] is a unit of ``crmc.units``, in which momenta are in m_p c, velocities in c, times in 1/Omega0.
  N is the number of markers.  (2, 2, bins) are the directions +, - of the waves, their helicities +, -, and the bins
  of ``crmc.physics.spectrum``; (2, 2) are the branches, (2,) the directions unless stated.
  Not listed are state, parameters and model (`State`, `Parameters` and `Model` of ``crmc.physics``), grid (the
  `SpectrumGrid` of the parameters), background and amplitude (F0 and its c_k), b (B/B0), at and to (a `Stretch`, the
  deformation of the tube) and V (signed phase velocity of one direction's waves, d v_A [c]).
  A prime is for the frame of the wave: p' momentum, q = |p_par'|, s the sign of p_par', g = gamma/gamma' = 1 + V s
  q/eps'.
"""
