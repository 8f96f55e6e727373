"""From a validated config to a run that is ready to start: its steps, its switches, and the arrays it begins with."""

from __future__ import annotations

from crmc.config.config import Config
from crmc.setup.arrays import complete
from crmc.setup.schedule import Schedule, _needs, scheduled
from crmc.setup.setup import Setup


def build(config: Config, schedule: Schedule | None = None) -> Setup:
    """Parameters, model and initial state of ``config``; call inside ``jax.enable_x64(True)``.

    schedule: one that several configs share, instead of the config's own.
    """
    begun, needs = _needs(config)
    schedule = schedule or needs.schedule(needs.steps)
    model = scheduled(needs.model, schedule)
    parameters, state = complete(begun, config, model, schedule.steps)
    return Setup(config, begun.units, parameters, model, state, begun.departure, schedule.steps, schedule.output_every)
