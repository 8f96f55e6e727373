"""Scripts of the experiments as modules, for the tests."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def load_script(experiment: str, name: str) -> ModuleType:
    """experiments/``experiment``/``name``.py as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "experiments" / experiment / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
