# %% [markdown]
# # What controls heating, what controls scattering: derivatives and a fit
#
# A run is a differentiable function of the numbers of its config. Expansion fixes the heating, whatever the damping;
# damping sets the scattering.

# %%
import matplotlib.pyplot as plt
import numpy as np

import crmc
from crmc.inference import Target

config = crmc.load_config(
    "linear_damping", ["run.markers=1024", "run.duration=4e9 s", "run.time_step=1e8 s", "waves.bins=8"]
)
keys = ["expansion.timescale", "damping.linear"]
found = crmc.sensitivity(config, ["heating_rate", "scattering_frequency"], keys, replicas=4)
print(found)

# %% [markdown]
# ## Which damping gives a mean free path of 5 pc?
#
# The fit takes the derivatives along, and repeats the same random numbers at every point. Here on the mesh, which has
# no noise; leave out `solver` for markers.

# %%
target = Target("mean_free_path", np.array([5.0, np.nan, np.nan]), np.zeros(3))  # at 1, 3, 10 m_p c
coarser = config.with_overrides({"run.time_step": "4e8 s"})
fitted = crmc.fit(coarser, [target], {"damping.linear": (1e-12, 1e-10)}, solver="fokker-planck")
number, trail = "damping.linear", [point.numbers["damping.linear"] for point in fitted.history]
print(f"{number}: {' -> '.join(f'{x:.4g}' for x in trail)} s^-1, {fitted.ended}")
assert fitted.succeeded and abs(fitted.best.ratio[0] - 1.0) < 1e-3

# %% [markdown]
# ## In a picture
#
# d ln X/d ln a, with standard errors of four independent runs.

# %%
quantities = found.as_dict()["quantities"]
figure, axes = plt.subplots(figsize=(6, 2.8), layout="constrained")
for row, (name, quantity) in enumerate(quantities.items()):
    for shift, (key, entry) in enumerate(quantity["derivatives"].items()):
        slope, error = (np.ravel(entry[part]) for part in ("logarithmic", "logarithmic_stderr"))
        place = row + 0.12 * np.arange(len(slope)) + 0.4 * shift
        label = key if row == 0 else None
        axes.errorbar(slope, place, xerr=error, fmt="o", ms=4, color=f"C{shift}", label=label)
    axes.text(-0.95, row + 0.2, name.replace("_", " "), fontsize=9)
axes.axvline(0.0, color="k", lw=0.6)
axes.set(xlabel="d ln X/d ln a", yticks=[], ylim=(-0.3, 2.0))
axes.legend(fontsize=8)
plt.show()
