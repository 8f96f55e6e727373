# %% [markdown]
# # A closure for fluid codes
#
# `crmc.closure` solves for the steady state of the waves in a cell of a fluid code, from local quantities: diffusivity,
# streaming and heating, with flags that say when not to believe them.

# %%
import matplotlib.pyplot as plt
import numpy as np

import crmc

cell = {
    "magnetic_field": 3e-6,
    "ion_density": 0.1,
    "temperature": 8e3,
    "cr_pressure": 6.4e-13,
    "pressure_gradient": -1.04e-34,
    "index": 4.6,
    "turnover_momentum": 1.0,
    "momentum_min": 1e-2,
    "momentum_max": 1e4,
    "k_max": 20.0,
}
found = crmc.closure(**cell, turbulent_dissipation=1e-3)
for p, kappa in zip((1, 3, 10), np.ravel(found.kappa), strict=True):
    print(f"kappa({p} m_p c) = {kappa:.2e} cm^2/s")
print(f"heating {float(found.heating_rate):.2e} erg cm^-3 s^-1; flags: {crmc.closure.names(int(found.flags))}")

# %% [markdown]
# ## How damping is written decides
#
# The same cell with the three forms of nonlinear Landau damping alone: a factor of about 100 in kappa.

# %%
for form in ("paper", "local", "cumulative"):
    kappa = np.ravel(crmc.closure(**cell, nonlinear_landau=form).kappa)[1]
    print(f"{form:10s} kappa(3 m_p c) = {kappa:.1e} cm^2/s")

# %% [markdown]
# ## Many cells at once
#
# Inputs are arrays that broadcast. Here the length of the gradient varies, for two strengths of turbulence.

# %%
length = np.geomspace(0.1, 30.0, 60) * 3.086e21
figure, axes = plt.subplots(figsize=(5.5, 3.3), layout="constrained")
for epsilon in (1e-4, 1e-2):
    inputs = {**cell, "pressure_gradient": -cell["cr_pressure"] / length, "turbulent_dissipation": epsilon}
    kappa = np.asarray(crmc.closure(**inputs).kappa)
    kappa = kappa if kappa.shape[0] == len(length) else kappa.T
    axes.loglog(length / 3.086e21, kappa[:, 1], label=rf"$\epsilon = {epsilon:g}$ cm$^2$ s$^{{-3}}$")
axes.set(xlabel="length of the gradient [kpc]", ylabel=r"$\kappa(3\,m_p c)$ [cm$^2$ s$^{-1}$]")
axes.legend()
plt.show()
