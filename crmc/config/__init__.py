"""The configuration of a run: the TOML file, its keys with their units and rules, and errors in words."""
