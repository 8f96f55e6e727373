# %% [markdown]
# # Heating by pressure anisotropy
#
# This notebook runs the linear-damping problem from Python. Waves are damped at a constant rate, so that the steady
# state is known exactly. A small ensemble keeps the run short; set `CRMC_NOTEBOOK_SIZE=full` for the shipped size.

# %%
import os
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use(os.environ.get("MPLBACKEND", "Agg"))
import matplotlib.pyplot as plt
import numpy as np

import crmc

full = os.environ.get("CRMC_NOTEBOOK_SIZE") == "full"
overrides = [] if full else ["run.markers=2048", "run.duration=1e10 s", "run.scattering_per_step=0.8"]
config = crmc.load_config("linear_damping", overrides)

# %% [markdown]
# Theory predicts the exact heating rate with the 90-degree gap, and a lower bound (eq. 48).

# %%
theory = crmc.predict(config)
for name in ("expansion_time", "threshold", "heating_exact_gap", "heating_bound"):
    print(f"{name:20s} {theory[name]['value']:.4g} {theory[name]['unit']}")

# %% [markdown]
# The run returns its result, an `xarray.Dataset` with units, and prints as a table.

# %%
run = crmc.run(config, quiet=True)
print(run)
result = run.data

# %% [markdown]
# After a few scattering times the anisotropy has built up and heating settles at the exact value. The spectrum of the
# co-moving branches barely changes, since damping is slow.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
left.plot(result.time, result.heating_rate / theory["heating_exact_gap"]["value"], lw=0.8)
left.axhline(1.0, color="k", ls=":")
left.set(xlabel="time [s]", ylabel="heating / exact", ylim=(-0.5, 2.0))
for d, h in ((0, 0), (1, 1)):
    right.loglog(result.k, result.wave_power[-1, d, h], "o-", ms=3, label=f"direction {1 - 2 * d:+d}")
right.set(xlabel=r"$k c/\Omega_0$", ylabel=r"$e(k)$")
right.legend()
figure.savefig(Path(tempfile.mkdtemp()) / "linear_damping.png")
assert np.all(result.wave_power[-1, 0, 0] > 1e-9)
