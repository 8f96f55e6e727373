"""Units and descriptions of the inputs and the numbers of a closure, for tables and files."""

from __future__ import annotations

#: Input -> unit and description.
INPUTS: dict[str, tuple[str, str]] = {
    "magnetic_field": ("G", "magnetic field B"),
    "ion_density": ("cm-3", "number density of the ions n_i"),
    "temperature": ("K", "temperature of the ions"),
    "cr_pressure": ("erg cm-3", "pressure of the cosmic rays P_c"),
    "pressure_gradient": ("dyn cm-3", "dP_c/ds along the field"),
    "expansion_rate": ("s-1", "1/tau_B = -3 dln B/dt + 2 dln rho/dt"),
    "linear_damping": ("s-1", "damping rate at every k"),
    "ion_neutral_density": ("cm-3", "density of neutral hydrogen n_n"),
    "turbulent_dissipation": ("cm2 s-3", "turbulent dissipation rate per mass"),
    "index": ("1", "index a of f0 ~ (p^2 + p_t^2)^(-a/2)"),
    "turnover_momentum": ("m_p c", "turnover momentum p_t"),
    "momentum_min": ("m_p c", "lowest momentum of the cosmic rays"),
    "momentum_max": ("m_p c", "highest momentum of the cosmic rays"),
    "k_max": ("Omega0/c", "wavenumber of the shortest waves"),
    "k_min": ("Omega0/c", "wavenumber from which wave_energy counts"),
    "cut": ("m_p c", "momentum at which averages end"),
    "ion_mass": ("m_p", "mean mass per ion"),
    "landau_factor": ("1", "factor of the coefficient of nonlinear Landau damping"),
    "neutral_factor": ("1", "factor of nu_in"),
    "gap": ("1", "hindrance in the 90-degree gap, in parts of that by the shortest waves"),
}
#: Number -> unit and description; those in `PER_MOMENTUM` are given at each momentum.
NUMBERS: dict[str, tuple[str, str]] = {
    "kappa": ("cm2 s-1", "diffusivity along the field"),
    "nu": ("s-1", "scattering frequency, mean over mu"),
    "nu_forward": ("s-1", "scattering frequency at mu = 0.5"),
    "nu_backward": ("s-1", "scattering frequency at mu = -0.5"),
    "mean_free_path": ("cm", "v/nu"),
    "v_streaming": ("v_A", "drift with the waves"),
    "v_expansion": ("v_A", "drift by expansion through unequal hemispheres"),
    "v_drift": ("v_A", "drift v_D = v_streaming + kappa/L + v_expansion"),
    "heating_rate": ("erg cm-3 s-1", "power into waves, which damping gives to the gas"),
    "force_density": ("dyn cm-3", "force on the gas along the field"),
    "kappa_energy": ("cm2 s-1", "mean of kappa over the kinetic energy up to the cut"),
    "kappa_number": ("cm2 s-1", "mean of kappa over the number up to the cut"),
    "kappa_harmonic": ("cm2 s-1", "harmonic mean of kappa over the kinetic energy up to the cut"),
    "sigma": ("s cm-2", "P_c/(U kappa_energy): the flux of energy is -grad P_c/sigma"),
    "streaming_energy": ("v_A", "streaming speed of the energy"),
    "pressure_anisotropy": ("1", "(P_par - P_perp)/P_c up to the cut"),
    "wave_energy": ("1", "(dB/B)^2"),
    "flip_wavenumber": ("Omega0/c", "wavenumber at which waves of one helicity change direction"),
}
PER_MOMENTUM = (
    "kappa",
    "nu",
    "nu_forward",
    "nu_backward",
    "mean_free_path",
    "v_streaming",
    "v_expansion",
    "v_drift",
)
SCALARS = tuple(name for name in NUMBERS if name not in PER_MOMENTUM)
