# %% [markdown]
# # Drift, expansion, and both
#
# A gradient drives forward waves of both helicities, expansion drives waves that move with the particles. Together they
# excite, at each k, the direction whose drive prevails (section 7 of the paper, which leaves it to future work). Here
# on the mesh, in the steady state from the start, as one sweep: all points share one compiled program.

# %%
import matplotlib.pyplot as plt

import crmc

config = crmc.load_config("combined", ["run.duration=5e8 s", "run.output_interval=1e8 s"])
slow, far = 1e18, 1e6  # s, kpc: as good as no drive
sweep = crmc.sweep(
    config,
    [f"expansion.timescale=3.7e12s,{slow:g}s", f"drift.gradient_length={far:g}kpc,46kpc,23kpc"],
    solver="fokker-planck",
    quiet=True,
).data
places = {"expansion": (0, 0), "gradient": (1, 2), "both, y = 0.5": (0, 1), "both, y = 1": (0, 2)}
cases = {name: sweep.isel({"expansion.timescale": i, "drift.gradient_length": j}) for name, (i, j) in places.items()}

# %% [markdown]
# ## Heating and drift, with theory

# %%
for name, case in cases.items():
    heating, exact = float(case.average_heating_rate), float(case.theory_heating_exact)
    print(f"{name:14s} heating {heating:.3e}  theory {exact:.3e}  v_D {float(case.average_drift_velocity):.2e} cm/s")
    assert abs(heating / exact - 1.0) < 0.01

# %% [markdown]
# ## Which branches live
#
# Of four branches (direction, helicity) two survive at each k. With y = L0/L = 0.5 the branch of helicity -1 changes
# its direction from one k to another.

# %%
figure, axes = plt.subplots(1, 4, figsize=(12, 3), sharey=True, layout="constrained")
for (name, case), panel in zip(cases.items(), axes, strict=True):
    for d, style in ((1, "-"), (-1, "--")):
        for h, colour in ((1, "C0"), (-1, "C1")):
            e = case.average_wave_power.sel(direction=d, helicity=h)
            panel.loglog(sweep.k, e, style, color=colour, label=f"({d:+d}, {h:+d})")
    panel.set(title=name, xlabel=r"$k c/\Omega_0$", ylim=(1e-11, 1e-6))
axes[0].set_ylabel(r"$e(k)$")
axes[0].legend(fontsize=8, title="direction, helicity", title_fontsize=8)
plt.show()
