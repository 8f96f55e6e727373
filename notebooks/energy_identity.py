# %% [markdown]
# # Eq. 37: what the particles lose, the waves gain
#
# H = int v F_p p^2 dp dmu = 2 sum int Gamma W dk. The left side is read off the kicks. The right side applies the
# growth functional of eq. 13 to the distribution f, and does not know the kicks. With the coefficients of this program
# the two are equal; with the printed ones (no pi in eq. 30, pi/8 in eq. 13) they are not.

# %%
import matplotlib.pyplot as plt

import crmc

size = ["run.duration=4e9 s", "run.scattering_per_step=0.8"]

# %% [markdown]
# ## On the mesh
#
# The Fokker-Planck solver has no noise. The residual is the error of the mesh and of the sampled slope of f.

# %%
runs = {}
for coefficients in ("exact", "printed"):
    config = crmc.load_config("linear_damping", [*size, f"waves.coefficients={coefficients}"])
    runs[coefficients] = crmc.run(config, solver="fokker-planck", quiet=True)
    ratio = runs[coefficients].summary["averages"]["identity_ratio"]["value"]
    print(f"{coefficients:8s} spectral over kick heating: {ratio:.4f}")

# %% [markdown]
# ## With markers
#
# The same with noise, and its error from four replicas.

# %%
longer = ["run.duration=1e10 s", "run.markers=8192", "run.replicas=4"]
config = crmc.load_config("linear_damping", [*size, *longer])
markers = crmc.run(config, quiet=True)
found = markers.summary["averages"]["identity_ratio"]
print(f"markers  {found['value']:.3f} +- {found['stderr']:.3f}")

# %%
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
for name, label in (("heating_rate", "kicks"), ("spectral_heating_rate", r"$2\sum\Gamma W\,dk$")):
    value, error = markers.data[name], markers.data[f"{name}_stderr"]
    valid = value.notnull()
    axes.errorbar(
        markers.data.time[valid], value[valid], error[valid], fmt=".", ms=4, lw=0.8, label=f"{label}, markers"
    )
mesh = runs["exact"].data
axes.plot(mesh.time, mesh.heating_rate, "k", lw=1, label="mesh")
axes.set(xlabel="time [s]", ylabel=r"power into waves [erg cm$^{-3}$ s$^{-1}$]", ylim=(-1e-30, 5e-30))
axes.legend(fontsize=8)
plt.show()

exact = runs["exact"].summary["averages"]["identity_ratio"]["value"]
printed = runs["printed"].summary["averages"]["identity_ratio"]["value"]
assert abs(exact - 1.0) < 0.02 and abs(printed - 1.0) > 0.3
assert abs(found["value"] - 1.0) < 6.0 * found["stderr"]
