# %% [markdown]
# # First run: heating by pressure anisotropy
#
# Waves are damped at a constant rate, so that the steady state is known exactly. The ensemble is small; the shipped
# experiment has 32768 markers and lasts four times as long.

# %%
import matplotlib.pyplot as plt
import numpy as np

import crmc

config = crmc.load_config(
    "linear_damping", ["run.markers=8192", "run.replicas=4", "run.duration=1e10 s", "run.scattering_per_step=0.8"]
)

# %% [markdown]
# Theory predicts the exact heating rate with the 90-degree gap, and a lower bound (eq. 48).

# %%
theory = crmc.predict(config)
for name in ("expansion_time", "threshold", "heating_exact_gap", "heating_bound"):
    print(f"{name:20s} {theory[name]['value']:.4g} {theory[name]['unit']}")

# %% [markdown]
# The run returns its result and prints as a table. What stands after "+-" is the scatter of its four replicas.

# %%
run = crmc.run(config, quiet=True)
print(run)

# %% [markdown]
# `run.data` is an `xarray.Dataset` with units. After a few scattering times the anisotropy has built up and heating
# settles at the exact value. The spectrum of the co-moving branches changes little, since damping is slow.

# %%
data, exact = run.data, theory["heating_exact_gap"]["value"]
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
left.plot(data.time, data.heating_rate / exact, lw=0.8)
left.fill_between(
    data.time,
    (data.heating_rate - data.heating_rate_stderr) / exact,
    (data.heating_rate + data.heating_rate_stderr) / exact,
    alpha=0.3,
)
left.axhline(1.0, color="k", ls=":")
left.set(xlabel="time [s]", ylabel="heating / exact", ylim=(-0.5, 2.0))
for d, h in ((1, 1), (-1, -1)):
    spectrum = data.average_wave_power.sel(direction=d, helicity=h)
    error = data.average_wave_power_stderr.sel(direction=d, helicity=h)
    right.errorbar(data.k, spectrum, error, fmt="o-", ms=3, lw=0.8, label=f"direction {d:+d}, helicity {h:+d}")
right.set(xscale="log", yscale="log", xlabel=r"$k c/\Omega_0$", ylabel=r"$e(k)$, mean of the last half")
right.legend()
plt.show()

# %% [markdown]
# The check of eq. 37: power by the kicks, and by growth rates times wave energy, which do not know of each other.

# %%
ratio = run.summary["averages"]["identity_ratio"]
print(f"eq. 37: {ratio['value']:.3f} +- {ratio['stderr']:.3f}")
assert abs(ratio["value"] - 1.0) < 6.0 * ratio["stderr"]
assert np.all(data.wave_power[-1, 0, 0] > 1e-9)
