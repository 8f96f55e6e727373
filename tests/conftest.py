"""Every test runs on the CPU and in 64-bit JAX, as crmc does; float32 is asked for by dtype."""

import gc
import os
import signal
import tempfile
from pathlib import Path

from support.compiled import OPTIMISED, quick_flags
from support.cores import CORES

os.environ.setdefault("JAX_PLATFORMS", "cpu")
if CORES and (worker := os.environ.get("PYTEST_XDIST_WORKER")):
    # Each process of a session keeps to one core: the threads of all of them would be in each other's way.
    os.sched_setaffinity(0, {CORES[int(worker.removeprefix("gw")) % len(CORES)]})
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # on one core several only wait for each other
# Before the first use of JAX; the processes that tests start inherit it.
os.environ["XLA_FLAGS"] = quick_flags()
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    # What one process of a session compiles serves the others; it is removed with the process that starts them.
    COMPILED = tempfile.TemporaryDirectory(prefix="crmc-tests-")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = COMPILED.name
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell makes its background jobs ignore it; tests send it to runs, which would ignore it, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Eight devices for the tests of layouts; everything else asks for one.
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "8")

import jax
import pytest
from jax._src import pjit
from jax._src.interpreters import pxla

from crmc.machine.devices import compiler_options

# Traced programs are millions of objects: collections as often as by default take 3 % of the time.
gc.set_threshold(20_000, 50, 100)
HERE = Path(__file__).resolve().parent
#: One line for each memory mapping of this process, and how many make it forget its programs.
MAPPINGS, MOST_MAPPINGS = Path("/proc/self/maps"), 25_000
#: Caches of programs as they were before compiling, which a compiled program needs no more; JAX has no public name
#: for them.
BEFORE_COMPILING = [
    cache
    for owner, name in ((pxla, "_cached_lowering_to_hlo"), (pxla, "_cached_compilation"), (pjit, "_pjit_lower"))
    if (cache := getattr(owner, name, None))
]
#: Test files that take longest: begun first, they leave no process waiting for another at the end.
LONGEST = (
    "physics/test_gradient",
    "acceptance/test_notebooks",
    "runs/test_run",
    "runs/test_sweep",
    "acceptance/test_linear_damping",
    "solvers/fokker_planck/test_step",
    "acceptance/test_estimators",
    "orbits/test_transport",
    "acceptance/test_errors",
    "inference/test_derivatives",
    "machine/test_devices",
    "results/test_dataset",
    "test_face",
    "acceptance/test_appendix",
    "inference/test_derivatives_gradient",
    "machine/test_cache",
    "solvers/monte_carlo/test_kernel",
    "physics/test_ensemble",
    "solvers/test_simulate",
    "physics/test_tube",
    "results/figures/test_files",
    "solvers/monte_carlo/test_samples",
    "acceptance/test_combined",
    "solvers/monte_carlo/test_gap",
    "solvers/test_replicas",
    "runs/test_runner",
    "solvers/fokker_planck/test_solver",
    "physics/test_equilibrium",
    "solvers/monte_carlo/test_coarse_graining",
    "inference/test_averages",
    "orbits/test_pusher",
)


def pytest_collection_modifyitems(items):
    """The longest files first, the others as they come."""
    place = {name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.relative_to(HERE).with_suffix("").as_posix(), len(place)))


@pytest.fixture(autouse=True)
def double_precision():
    """64-bit small arrays.  Fixtures of a wider scope are set up before this one: they must ask for it themselves."""
    with jax.enable_x64(True):
        yield


#: Test files whose runs are long.
LONG_RUNS = (
    "acceptance/test_combined",
    "acceptance/test_errors",
    "acceptance/test_estimators",
    "acceptance/test_linear_damping",
    "inference/test_derivatives_gradient",
    "orbits/test_transport",
    "physics/test_gradient",
)


@pytest.fixture(scope="module", autouse=True)
def optimised_where_runs_are_long(request):
    """Programs of runs are optimised where runs are long."""
    name = request.path.relative_to(HERE).with_suffix("").as_posix()

    def compile_both(advance, observe):
        """Steps of a run are many, rows few."""
        return advance.compile(compiler_options() | OPTIMISED), observe.compile(compiler_options())

    with pytest.MonkeyPatch.context() as patch:
        if name in LONG_RUNS:
            for user in ("inference.derivatives", "machine.compiling", "orbits.study"):
                patch.setattr(f"crmc.{user}.compiler_options", lambda: compiler_options() | OPTIMISED)
            patch.setattr("crmc.runs.runner.compile_both", compile_both)
        yield


@pytest.fixture(scope="module", autouse=True)
def few_mappings():
    """Forget compiled programs before the system allows a process no more memory mappings, of which each has several.

    The compiler then ends in a segmentation fault; Linux allows 65530 by default.
    """
    yield
    if MAPPINGS.exists() and MAPPINGS.read_bytes().count(b"\n") > MOST_MAPPINGS:
        jax.clear_caches()
        gc.collect()


@pytest.fixture(scope="module", autouse=True)
def few_contexts():
    """Forget programs as they were before compiling, each in a context of its own that slows the making of the next.

    After 1600 small programs the next takes three times as long to lower.  What is compiled stays.
    """
    yield
    for cache in BEFORE_COMPILING:
        cache.cache_clear()


@pytest.fixture(scope="module", autouse=True)
def one_device(request):
    """Runs take one device by themselves, since each process has one core; the tests of layouts choose theirs."""
    with pytest.MonkeyPatch.context() as patch:
        if request.path.relative_to(HERE).parts[0] != "machine":
            patch.setattr("crmc.machine.devices._FEWEST_MARKERS", 1 << 30)
        yield


@pytest.fixture
def every_core():
    """All cores of the session for the processes that a test starts."""
    if not CORES:
        yield
        return
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, CORES)
    yield
    os.sched_setaffinity(0, own)


@pytest.fixture(autouse=True)
def relative_tolerance(monkeypatch):
    """``approx(x, rel=...)`` is relative: by itself it also allows 1e-12, which is more than most of our numbers."""
    approx = pytest.approx

    def relative(expected, rel=None, abs=None, **more):
        if abs is None:
            rel, abs = rel or 1e-6, 0.0
        return approx(expected, rel, abs, **more)

    monkeypatch.setattr(pytest, "approx", relative)
