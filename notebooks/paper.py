# %% [markdown]
# # The paper section by section
#
# Zweibel (2020), "The Role of Pressure Anisotropy in Cosmic Ray Hydrodynamics", with the closed forms of
# `crmc.theory`, which are numbered as there. `crmc paper` prints the same for every equation and number.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from crmc import theory

jax.config.update("jax_enable_x64", True)
v_A = 2e-4  # v_A/c of section 6, as the paper rounds it

# %% [markdown]
# ## Section 2: a flux tube that expands
#
# Without scattering p_par and p_perp^2/B are constant (eq. 6). The pressures of an ultrarelativistic population are
# then known exactly, and the anisotropy is 0.8 ln(B0/B) at first: a change of B by a part in 1000 exceeds v_A/c.

# %%
b = np.linspace(0.3, 0.999, 200)
free = theory.free_expansion(jnp.asarray(b))
anisotropy = 3.0 * (free.parallel - free.perpendicular) / (free.parallel + 2.0 * free.perpendicular)
figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
axes.loglog(-np.log(b), anisotropy, label="exact")
axes.loglog(-np.log(b), -0.8 * np.log(b), "k:", label=r"$0.8\,\ln(B_0/B)$")
axes.axhline(v_A, color="r", ls="--", label="$v_A/c$")
axes.set(xlabel=r"$\ln(B_0/B)$", ylabel=r"$\Delta P/P_c$")
axes.legend()
plt.show()

# %% [markdown]
# ## Section 3: growth
#
# The threshold anisotropy at which a wave of one co-moving branch neither grows nor decays (eq. 23), and the growth
# rates by drift and by anisotropy. The exact coefficient of a circular wave is pi/4; eqs. 13 to 23 print pi/8.

# %%
for a in (4.2, 4.5, 4.7, 5.0):
    print(f"a = {a}: threshold Delta P/P = {float(theory.threshold_anisotropy(a)):.4f} v_A/c")
for coefficients in ("exact", "printed"):
    rate = theory.growth_anisotropy(4.7, 1e-7, 3.0 * v_A, v_A, coefficients=coefficients)
    print(f"{coefficients:8s} Gamma/Omega0 at Delta P/P = 3 v_A/c: {float(rate):.3e}")

# %% [markdown]
# ## Section 4: scattering and the steady state
#
# Expansion drives a flux in mu that waves must carry, whatever nu is (eq. 42 at each mu), and with it a power into the
# waves. The paper's bound (eq. 48) is 4/15; the exact number is 1/2.

# %%
mu = jnp.linspace(-1.0, 1.0, 201)
figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
for mu_c in (0.0, 0.1, 0.3):
    flux = theory.expansion_flux(mu, -4.7, 1.0, mu_c)
    axes.plot(mu, flux, label=f"gap {mu_c:g}")
axes.set(xlabel=r"$\mu$", ylabel=r"$F_\mu\,\tau_B/f_0$")
axes.legend()
plt.show()

exact, bound = (float(f(1.0, 1.0, 1.0)) for f in (theory.heating_ultrarelativistic, theory.heating_bound))
print(f"H tau_B/(P_c v_A/c): exact {exact:.4f}, bound {bound:.4f}, ratio {exact / bound:.3f}")

# %% [markdown]
# ## Section 5: drift and anisotropy compared
#
# Heating by a gradient of length L is v_A P_c/L (eq. 38). With tau_B = L/v_A the two compare as v_A/c.

# %%
for speed in (1e-4, 1e-3, 1e-2):
    drift = float(theory.heating_drift(-1.0, speed))
    expansion = float(theory.heating_ultrarelativistic(1.0, speed, 1.0 / speed))
    print(f"v_A/c = {speed:g}: H_pa/H_d = {expansion / drift:.2e}")

# %% [markdown]
# ## Section 6: the halo example, and its misprints
#
# Eq. 57 prints 6e-9 s^-1 and 1.6 pc. Its own formula, 2c/(45 v_A tau_B), gives 6.0e-11 s^-1 and 162 pc.

# %%
tau_B = 3.67e12
rate = float(theory.scattering_eq57(v_A, tau_B))
print(f"eq. 57: {rate:.2e} s^-1, mean free path {2.998e10 / rate / 3.086e18:.0f} pc")
P_c = 8.2e-14
print(f"eq. 48: {float(theory.heating_bound(P_c, v_A, tau_B)):.2e} erg cm^-3 s^-1")
print(f"exact:  {float(theory.heating_ultrarelativistic(P_c, v_A, tau_B)):.2e} erg cm^-3 s^-1")
assert abs(rate / 6.05e-11 - 1.0) < 0.01
