"""Say which platform of JAX is missing, and how to get it."""

from __future__ import annotations

import jax

from crmc.config.errors import ConfigError
from crmc.text import one_line

#: Platform -> how to get it.
_REMEDIES = {
    "cuda": "install its plugin, pip install 'jax[cuda13]' (or 'jax[cuda12]' for older drivers)",
    "gpu": "install a plugin, such as pip install 'jax[cuda13]' for NVIDIA",
    "rocm": "install the plugin for ROCm, as JAX's installation page describes",
    "tpu": "install its plugin, pip install 'jax[tpu]'",
}


def require_platform() -> None:
    """Raise ConfigError, which says what is missing, unless JAX can use the platform that it was told to use.

    JAX looks for its devices at this call, so `devices.offer_cores` and `devices.join` go before it.
    """
    try:
        jax.devices()
    except Exception as error:  # RuntimeError of a backend, AssertionError where no plugin is installed
        asked = str(jax.config.jax_platforms or "")  # type: ignore[attr-defined]
        first = asked.partition(",")[0].strip()
        remedy = _REMEDIES.get(first, "use cpu, cuda, rocm or tpu")
        reason = one_line(error, 200) or "no plugin of that name is installed"
        raise ConfigError(
            f"JAX_PLATFORMS = {asked or 'not set'}: JAX cannot use it here ({reason}); {remedy}, or unset JAX_PLATFORMS"
        ) from error
