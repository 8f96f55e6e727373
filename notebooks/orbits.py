# %% [markdown]
# # Quasilinear theory by orbits
#
# Every kick rests on D_mumu = nu (1 - mu^2)/2 with nu = pi (Omega0/gamma) e(ln k). Here protons gyrate through explicit
# waves of random phase, and the spread of mu is compared with theory. This is `crmc run qlt`, made smaller.

# %%
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

output = Path(tempfile.mkdtemp()) / "qlt.nc"
size = ["qlt.realisations=8", "qlt.particles=32", "qlt.momenta=[1.0]", "qlt.amplitudes=[0.01, 0.1]"]
options = [word for text in size for word in ("--set", text)]
command = [sys.executable, "-m", "crmc", "run", "qlt", *options, "-o", str(output)]
done = subprocess.run(command, capture_output=True, text=True)
print(done.stdout.split("\n\n")[0])
assert done.returncode == 0

# %% [markdown]
# The first column is near 1: the factor in nu is pi (the second column is D_mumu over eq. 30 as printed, without it).
# D_mup and D_pp have the sign and size of an elastic kick in the frame of the wave, and d eps = V dp_par.
#
# ## Where theory fails first
#
# The spread of mu at the longest lag over that of theory, against |mu| at the start. At dB/B = 0.1 it fails at small
# |mu|, where particles cross 90 degrees.

# %%
data = xr.open_dataset(output, engine="h5netcdf")
figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
both = {}
for amplitude in data.amplitude.values:
    one = data.sel(waves="four branches", amplitude=amplitude, momentum=1.0)
    error, positive = one.ratio_stderr, one.mu > 0
    axes.errorbar(
        one.mu[positive], one.ratio[positive], error[positive], fmt="o-", ms=3, lw=0.8, label=f"dB/B = {amplitude:g}"
    )
    both[float(amplitude)] = float(one.pooled_ratio)
axes.axhline(1.0, color="k", ls=":")
axes.set(xlabel=r"$|\mu|$ at the start", ylabel=r"$\langle\delta\mu^2\rangle$ over theory", ylim=(0, 3))
axes.legend()
plt.show()

assert abs(both[0.01] - 1.0) < 0.15
assert np.allclose(np.abs(data.branch_energy), 1.0, atol=2e-3)
