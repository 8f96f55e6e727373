"""crmc: cosmic-ray pressure anisotropy, its waves and its heating in an expanding flux tube (Zweibel 2020).

The command line is in ``crmc.cli``; from Python, start with ``crmc.config.config.load_config``, ``crmc.build.build``,
``crmc.simulate.simulate`` and ``crmc.run.run``.
"""
