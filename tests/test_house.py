"""The rules of the house: which wing may import which, what each may use, and how long files and functions may be.

Everything is read from the sources by ``ast``.  Each rule is a function of a `Tree`, so that a test can break it in a
small tree of its own.  The lists of exceptions may only shrink.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

import pytest

import crmc

ROOT = Path(__file__).resolve().parents[1]
#: Wings by layer, lowest first; a wing imports lower layers only.
LAYERS = (
    ("units", "text", "statistics", "outputs"),
    ("theory", "config"),
    ("physics",),
    ("solvers", "machine", "closure"),
    ("setup", "orbits"),
    ("results",),
    ("runs", "inference", "bench"),
    ("paper",),
    ("cli",),
    ("__init__", "__main__"),
)
LAYER = {wing: number for number, wings in enumerate(LAYERS) for wing in wings}
#: The core: it knows no TOML, no file and no terminal.
CORE = ("theory", "physics", "solvers")
#: Folders whose files use public names alone.
OUTSIDE = ("experiments", "notebooks", "docs")
LONGEST_FILE, LONGEST_FUNCTION = 400, 60

#: Rule -> what it leaves out, each with its reason.
EXCEPTIONS: dict[str, dict[str, str]] = {
    "R9": {
        "crmc/physics/parameters.py": "holds arrays and switches; every test of the core uses it",
        "crmc/physics/state.py": "holds arrays; its books are tested with the tube (tests/physics/test_tube.py)",
        "crmc/setup/setup.py": "holds what build makes (tests/setup/test_build.py)",
        "crmc/results/colours.py": "eight words",
    },
    "R10": {
        "experiments/bench/numba_step.py": "one closure over constants that Numba compiles as a whole",
    },
}


class Tree:
    """Python sources by path relative to the root, and what they import."""

    def __init__(self, sources: Mapping[str, str]):
        self.sources = dict(sources)
        self.parsed = {path: ast.parse(text) for path, text in self.sources.items()}

    @classmethod
    def of(cls, root: Path) -> Tree:
        """All sources of a checkout."""
        folders = ("crmc", "tests", *OUTSIDE)
        paths = [path for folder in folders for path in sorted((root / folder).rglob("*.py"))]
        return cls({str(path.relative_to(root)): path.read_text(encoding="utf-8") for path in paths})

    @cached_property
    def modules(self) -> dict[str, str]:
        """Dotted names of the package's modules -> paths."""
        found = {}
        for path in self.sources:
            if path.startswith("crmc/"):
                parts = path.removesuffix(".py").split("/")
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        return found

    def imports(self, path: str, at_load: bool = False) -> Iterator[tuple[str, int]]:
        """Modules that a source imports, and lines; ``at_load``: leave out those within functions and for types."""
        for node in self._statements(self.parsed[path], at_load):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                module = node.module or ""
                for alias in node.names:
                    full = f"{module}.{alias.name}"
                    yield (full if full in self.modules else module), node.lineno

    def _statements(self, node: ast.AST, at_load: bool) -> Iterator[ast.AST]:
        for child in ast.iter_child_nodes(node):
            if at_load and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if at_load and isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            yield child
            yield from self._statements(child, at_load)

    def own(self, path: str) -> Iterator[tuple[str, int]]:
        """Modules of the package that a source imports, and lines."""
        return ((name, line) for name, line in self.imports(path) if name.split(".")[0] == "crmc")


def wing(module: str) -> str:
    """Wing of a module of the package."""
    return (module.split(".") + ["__init__"])[1]


def layers(tree: Tree) -> list[str]:
    """R1: a wing imports lower layers alone."""
    found = []
    for module, path in tree.modules.items():
        here = wing(module)
        if here not in LAYER:
            found.append(f"{path}: wing {here} has no layer")
            continue
        for name, line in tree.own(path):
            there = wing(name)
            if there != here and LAYER.get(there, len(LAYERS)) >= LAYER[here]:
                found.append(f"{path}:{line}: {here} imports {name}")
    return found


def cycles(tree: Tree) -> list[str]:
    """R2: no module imports itself, by whatever way round."""
    graph = {
        module: {name for name, _ in tree.own(path) if name in tree.modules} for module, path in tree.modules.items()
    }
    found, done = [], set()

    def visit(module: str, way: list[str]) -> None:
        if module in way:
            found.append(" -> ".join([*way[way.index(module) :], module]))
        elif module not in done:
            for name in sorted(graph[module]):
                visit(name, [*way, module])
            done.add(module)

    for module in sorted(graph):
        visit(module, [])
    return found


def theory_alone(tree: Tree) -> list[str]:
    """R3: theory imports nothing else of the package."""
    return _beyond(tree, "theory", ("theory",))


def core_alone(tree: Tree) -> list[str]:
    """R4: theory, physics and solvers import nothing but each other."""
    return [line for name in CORE for line in _beyond(tree, name, CORE)]


def config_alone(tree: Tree) -> list[str]:
    """R5: config imports units and text alone."""
    return _beyond(tree, "config", ("config", "units", "text"))


def _beyond(tree: Tree, here: str, allowed: tuple[str, ...]) -> list[str]:
    return [
        f"{path}:{line}: imports {name}"
        for module, path in tree.modules.items()
        if wing(module) == here
        for name, line in tree.own(path)
        if wing(name) not in allowed
    ]


def solvers_apart(tree: Tree) -> list[str]:
    """R6: the solvers do not import each other; line may use monte_carlo."""
    found = []
    for module, path in tree.modules.items():
        parts = module.split(".")
        if parts[1:2] != ["solvers"] or len(parts) < 4:
            continue
        for name, line in tree.own(path):
            there = name.split(".")
            other = (
                there[1:2] == ["solvers"] and len(there) > 2 and f"crmc/solvers/{there[2]}/__init__.py" in tree.sources
            )
            if other and there[2] != parts[2] and (parts[2], there[2]) != ("line", "monte_carlo"):
                found.append(f"{path}:{line}: imports {name}")
    return found


def libraries(tree: Tree) -> list[str]:
    """R7: matplotlib in files and folders called figures, xarray in results, orbits and paper, argparse and print in cli."""
    found = []
    for module, path in tree.modules.items():
        here, stem = wing(module), Path(path).stem
        for name, line in tree.imports(path):
            top = name.split(".")[0]
            if (
                (top in ("matplotlib", "mpl_toolkits") and "figures" not in (stem, Path(path).parent.name))
                or (top == "xarray" and here not in ("results", "orbits", "paper"))
                or (top == "argparse" and here != "cli")
            ):
                found.append(f"{path}:{line}: imports {top}")
        for node in ast.walk(tree.parsed[path]):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "print"
                and here != "cli"
            ):
                found.append(f"{path}:{node.lineno}: prints")
    return found


def offered(tree: Tree, name: str) -> set[str] | None:
    """Names that a public module offers: its ``__all__``, else all without an underscore; None where it is no module."""
    path = next((path for path in (f"crmc/{name}/__init__.py", f"crmc/{name}.py") if path in tree.sources), None)
    if path is None:
        return None
    found = set()
    for node in tree.parsed[path].body:
        targets = [x.id for x in getattr(node, "targets", []) if isinstance(x, ast.Name)]
        if "__all__" in targets:
            return set(ast.literal_eval(node.value))
        found |= set(targets) | ({node.name} if hasattr(node, "name") else set())
    return {name for name in found if not name.startswith("_")}


def public_names(tree: Tree) -> list[str]:
    """R8: experiments, notebooks and docs use names of the face, or names that a module of the face offers."""
    public, found = offered(tree, "__init__") or set(), []
    for path in (path for path in tree.sources if path.split("/")[0] in OUTSIDE):
        for node in ast.walk(tree.parsed[path]):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "crmc":
                used = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                used = [alias.name for alias in node.names if alias.name.startswith("crmc.")]
            elif isinstance(node, ast.Attribute) and re.fullmatch(r"crmc(\.\w+)+", ast.unparse(node)):
                used = [ast.unparse(node)]
            else:
                continue
            for name in used:
                parts = name.split(".")[1:]
                names = offered(tree, parts[0]) if len(parts) > 1 else None
                if parts[0] not in public or (names is not None and parts[1] not in names):
                    found.append(f"{path}:{node.lineno}: {name} is not public")
    return found


def mirrored(tree: Tree) -> list[str]:
    """R9: every module has its test file, tests/<wing>/test_<module>.py."""
    found = []
    for path in tree.modules.values():
        if Path(path).name in ("__init__.py", "__main__.py"):
            continue
        folder, name = Path(path).relative_to("crmc").parent, Path(path).name
        test = str(Path("tests", folder, f"test_{name}"))
        if test not in tree.sources:
            found.append(f"{path}: has no {test}")
    return found


def short(tree: Tree) -> list[str]:
    """R10: files of at most 400 lines, functions of at most 60."""
    found = []
    for path, text in tree.sources.items():
        if (count := len(text.splitlines())) > LONGEST_FILE:
            found.append(f"{path}: has {count} lines")
        for node in ast.walk(tree.parsed[path]):
            if (
                isinstance(node, ast.FunctionDef)
                and (length := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
            ):
                found.append(f"{path}:{node.lineno}: {node.name} has {length} lines")
    return found


RULES = {
    "R1": layers,
    "R2": cycles,
    "R3": theory_alone,
    "R4": core_alone,
    "R5": config_alone,
    "R6": solvers_apart,
    "R7": libraries,
    "R8": public_names,
    "R9": mirrored,
    "R10": short,
}


@pytest.fixture(scope="module")
def tree():
    return Tree.of(ROOT)


@pytest.mark.parametrize("rule", RULES)
def test_rule_holds(tree, rule):
    """Nothing breaks the rule but its exceptions, and each exception breaks it."""
    found, exceptions = RULES[rule](tree), EXCEPTIONS.get(rule, {})
    broken = [text for text in found if not text.startswith(tuple(exceptions))]
    assert not broken, "\n".join(broken)
    unused = [name for name in exceptions if not any(text.startswith(name) for text in found)]
    assert not unused, f"no exception any more: {unused}"


def test_exceptions_are_few():
    """Fewer than ten names in all."""
    assert sum(len(names) for names in EXCEPTIONS.values()) < 10


#: A small house that keeps every rule; each case replaces or adds sources so that one rule is broken.
SOUND = {
    "crmc/__init__.py": "__all__ = ['run', 'theory', 'units']",
    "crmc/units.py": "YEAR = 1",
    "crmc/text.py": "",
    "crmc/theory/__init__.py": "__all__ = ['rate']",
    "crmc/theory/growth.py": "",
    "crmc/config/keys.py": "from crmc import units",
    "crmc/physics/waves.py": "from crmc.theory import growth",
    "crmc/solvers/monte_carlo/__init__.py": "",
    "crmc/solvers/monte_carlo/kernel.py": "from crmc.physics.waves import x",
    "crmc/solvers/fokker_planck/__init__.py": "",
    "crmc/results/figures.py": "import matplotlib\nimport xarray",
    "crmc/cli/main.py": "import argparse\nprint(1)",
    "tests/test_units.py": "",
    "tests/test_text.py": "",
    "tests/theory/test_growth.py": "",
    "tests/config/test_keys.py": "",
    "tests/physics/test_waves.py": "",
    "tests/solvers/monte_carlo/test_kernel.py": "",
    "tests/results/test_figures.py": "",
    "tests/cli/test_main.py": "",
    "experiments/halo/halo.py": "import crmc\ncrmc.run(1).data.plot()\nfrom crmc import theory\n"
    "from crmc.units import YEAR\nfrom crmc.theory import rate\ncrmc.theory.rate",
}
BREAKS = [
    ("R1", {"crmc/theory/growth.py": "from crmc.config import keys"}),
    ("R1", {"crmc/physics/waves.py": "if TYPE_CHECKING:\n    from crmc.results import figures"}),
    ("R1", {"crmc/attic.py": "", "tests/test_attic.py": ""}),
    ("R2", {"crmc/text.py": "from crmc import units", "crmc/units.py": "def f():\n    from crmc.text import g"}),
    ("R3", {"crmc/theory/growth.py": "from crmc.units import YEAR"}),
    ("R4", {"crmc/physics/waves.py": "from crmc.config.keys import Key"}),
    ("R5", {"crmc/config/keys.py": "from crmc import statistics", "crmc/statistics.py": ""}),
    ("R6", {"crmc/solvers/monte_carlo/kernel.py": "from crmc.solvers.fokker_planck import mesh"}),
    ("R7", {"crmc/results/table.py": "from matplotlib import axes"}),
    ("R7", {"crmc/figures/deep/run.py": "import matplotlib"}),
    ("R7", {"crmc/runs/run.py": "import xarray"}),
    ("R7", {"crmc/results/figures.py": "import argparse"}),
    ("R7", {"crmc/units.py": "print(1)"}),
    ("R8", {"experiments/halo/halo.py": "from crmc.physics.waves import x"}),
    ("R8", {"experiments/halo/halo.py": "from crmc import physics"}),
    ("R8", {"experiments/halo/halo.py": "from crmc.theory.growth import rate"}),
    ("R8", {"experiments/halo/halo.py": "from crmc.theory import growth"}),
    ("R8", {"notebooks/a.py": "import crmc\ncrmc.physics"}),
    ("R8", {"docs/a.py": "import crmc\ncrmc.theory.other(1)"}),
    ("R9", {"crmc/physics/tube.py": ""}),
    ("R10", {"crmc/units.py": "x = 1\n" * 401}),
    ("R10", {"crmc/units.py": "def f():\n" + "    x = 1\n" * 60}),
]


def test_rules_pass_on_a_sound_house():
    """No rule finds anything where all are kept."""
    sound = Tree(SOUND)
    assert {name: rule(sound) for name, rule in RULES.items()} == {name: [] for name in RULES}


@pytest.mark.parametrize(("rule", "change"), BREAKS)
def test_rule_can_fail(rule, change):
    """Every rule notices what breaks it."""
    assert RULES[rule](Tree(SOUND | change))


@pytest.mark.parametrize("module", ["crmc", "crmc.config", "crmc.cli.main"])
def test_import_stays_light(module):
    """R5: neither the face nor the config nor the command line loads JAX, xarray or matplotlib."""
    code = f"import sys, {module}; print(*sorted({{'jax', 'xarray', 'matplotlib', 'scipy'}} & set(sys.modules)))"
    environment = os.environ | {"PYTHONPATH": str(Path(crmc.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == ""
