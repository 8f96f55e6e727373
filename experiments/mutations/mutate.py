"""Break the program in one place at a time, and check that a named test notices.

    python experiments/mutations/mutate.py [--only NAME ...] [--list]

Works on a copy of the package and its tests.  Exits with 1 if a mutant survives, with 2 if the check itself is broken:
a text to replace that is not there exactly once, a test that fails without any mutation or that does not exist, or a
mutant that stops a test by something other than a failed assertion.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from mutants import MUTATIONS
from mutation import Mutation

ROOT = Path(__file__).resolve().parents[2]
#: Seconds allowed to the tests of one mutant, and to those of all together on the unmutated copy.
LIMIT, BASELINE_LIMIT = 240, 900


class Broken(Exception):
    """The check itself does not work: its texts or tests are out of date."""


def mutated(mutation: Mutation, source: str) -> str:
    """Return the text of the file after the mutation; raise Broken unless the text to replace occurs exactly once."""
    found = source.count(mutation.old)
    if found != 1:
        raise Broken(f"{mutation.name}: crmc/{mutation.file} has the text to replace {found} times:\n{mutation.old}")
    return source.replace(mutation.old, mutation.new)


def copy_into(folder: Path) -> None:
    """Copy the package, its tests and the files that these read, without compiled files."""
    for name in ("crmc", "tests", "experiments"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.nc"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder / name)


def environment(folder: Path) -> dict[str, str]:
    """Return an environment in which ``import crmc`` finds the copy, and processes share compiled programs."""
    return os.environ | {
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "COLUMNS": "1000",  # pytest cuts the reason of a failure off at the width of the terminal
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.3",
    }


def check_import(folder: Path) -> None:
    """Raise Broken if the tests would run against another package than the copy."""
    command = [sys.executable, "-c", "import crmc; print(crmc.__file__)"]
    shown = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=True)
    if Path(shown.stdout.strip()).resolve().parents[1] != folder.resolve():
        raise Broken(f"the tests would import {shown.stdout.strip()}, not the copy in {folder}")


def run_tests(folder: Path, tests: Iterable[str], limit: float) -> tuple[int, str]:
    """Run tests; return the exit status of pytest (-1: out of time) and its output."""
    names = [f"tests/{test}" for test in tests]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--tb=line", "-rf", *names]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=limit
        )
    except subprocess.TimeoutExpired:
        return -1, f"still running after {limit:.0f} s"
    return done.returncode, done.stdout + done.stderr


def failed_test(mutation: Mutation, status: int, output: str) -> str:
    """Return the name of the test that failed by an assertion, empty if all passed; else raise Broken."""
    if status == 0:
        return ""
    found = re.search(r"^FAILED tests/(\S+)(?: - (.*))?$", output, re.MULTILINE)
    if status != 1 or not found or not re.match(r"assert|AssertionError", found[2] or "AssertionError"):
        raise Broken(f"{mutation.name}: not a failed assertion but status {status}:\n{output[-3000:]}")
    return found[1]


def check(mutation: Mutation, folder: Path) -> tuple[str, float]:
    """Return the test that notices the mutation ("" if none does), and seconds; the copy is restored afterwards."""
    path, start = folder / "crmc" / mutation.file, time.monotonic()
    source = path.read_text(encoding="utf-8")
    path.write_text(mutated(mutation, source), encoding="utf-8")
    try:
        return failed_test(mutation, *run_tests(folder, mutation.tests, LIMIT)), time.monotonic() - start
    finally:
        path.write_text(source, encoding="utf-8")


def row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def run(mutations: Iterable[Mutation], folder: Path) -> int:
    """Check all mutations in an empty folder and print a table; return the number of survivors or raise Broken."""
    mutations = tuple(mutations)
    copy_into(folder)
    for mutation in mutations:
        mutated(mutation, (folder / "crmc" / mutation.file).read_text(encoding="utf-8"))
    check_import(folder)
    start = time.monotonic()
    tests = sorted({test for mutation in mutations for test in mutation.tests})
    status, output = run_tests(folder, tests, BASELINE_LIMIT)
    if status != 0:
        raise Broken(f"the tests fail without any mutation:\n{output[-3000:]}")
    print(row("mutant", "what is wrong", "in crmc/", "noticed by", "s"))
    print(row(*["---"] * 5))
    print(row("(none)", "nothing", "", f"{len(tests)} tests pass", f"{time.monotonic() - start:.0f}"), flush=True)
    survivors, broken = 0, []
    for mutation in mutations:
        try:
            killer, seconds = check(mutation, folder)
        except Broken as error:
            broken.append(str(error))
            continue
        survivors += not killer
        shown = f"`{killer}`" if killer else "SURVIVES " + ", ".join(mutation.tests)
        print(row(mutation.name, mutation.what, mutation.file, shown, f"{seconds:.0f}"), flush=True)
    if broken:
        raise Broken("\n".join(broken))
    print(f"\n{len(mutations) - survivors} of {len(mutations)} mutants noticed in {time.monotonic() - start:.0f} s")
    return survivors


def main() -> int:
    parser = argparse.ArgumentParser(description="Break crmc in one place at a time; a named test must notice.")
    names = [mutation.name for mutation in MUTATIONS]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help="only this one; repeatable")
    parser.add_argument("--list", action="store_true", help="names and descriptions, without running anything")
    arguments = parser.parse_args()
    chosen = [m for m in MUTATIONS if not arguments.only or m.name in arguments.only]
    if arguments.list:
        for mutation in chosen:
            print(f"{mutation.name:28}{mutation.what}")
        return 0
    try:
        with tempfile.TemporaryDirectory(prefix="crmc-mutations-") as folder:
            return 1 if run(chosen, Path(folder)) else 0
    except Broken as error:
        print(f"mutate.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
