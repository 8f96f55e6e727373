# %% [markdown]
# # Drift, expansion, and both
#
# A gradient drives forward waves of both helicities, expansion drives waves that move with the particles. Together they
# excite, at each k, the direction whose drive prevails (section 7 of the paper, which leaves it to future work). On the
# mesh, in the steady state from the start.

# %%
import matplotlib.pyplot as plt

import crmc

expansion, gradient = "expansion.timescale=3.7e12 s", "drift.gradient_length=23 kpc"
cases = {
    "expansion": [expansion, "drift.gradient_length=1e6 kpc"],
    "gradient": ["expansion.timescale=1e18 s", gradient],
    "both, y = 0.5": [expansion, "drift.gradient_length=46 kpc"],
    "both, y = 1": [expansion, gradient],
}
runs = {}
for name, overrides in cases.items():
    config = crmc.load_config("combined", [*overrides, "run.duration=2e9 s", "run.output_interval=2e8 s"])
    runs[name] = crmc.run(config, solver="fokker-planck", quiet=True)

# %% [markdown]
# ## Heating and drift, with theory

# %%
for name, run in runs.items():
    measured, theory = run.summary["averages"], run.summary["theory"]
    heating, exact = (
        measured["heating_rate"]["value"],
        theory.get("heating_exact_gap", theory["heating_exact"])["value"],
    )
    print(f"{name:14s} heating {heating:.3e}  theory {exact:.3e}  v_D {measured['drift_velocity']['value']:.2e} cm/s")

# %% [markdown]
# ## Which branches live
#
# Of four branches (direction, helicity) two survive at each k. With y = L0/L = 0.5 the branch of helicity -1 changes
# its direction from one k to another.

# %%
figure, axes = plt.subplots(1, 4, figsize=(12, 3), sharey=True, layout="constrained")
for (name, run), panel in zip(runs.items(), axes, strict=True):
    for d, style in ((1, "-"), (-1, "--")):
        for h, colour in ((1, "C0"), (-1, "C1")):
            e = run.data.average_wave_power.sel(direction=d, helicity=h)
            panel.loglog(run.data.k, e, style, color=colour, label=f"({d:+d}, {h:+d})")
    panel.set(title=name, xlabel=r"$k c/\Omega_0$", ylim=(1e-11, None))
axes[0].set_ylabel(r"$e(k)$")
axes[0].legend(fontsize=8, title="direction, helicity", title_fontsize=8)
plt.show()
