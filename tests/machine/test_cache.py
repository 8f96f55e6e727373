"""Compiled programs kept for later runs: found again, and safe where files are damaged, missing or written twice."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

#: Compiles one program, and prints its value, the reason why nothing is kept, and whether the program was there.
PROGRAM = """
import jax, jax.numpy as jnp
from crmc.machine.cache import keep_programs, watch_cache
problem, kept = keep_programs(), watch_cache()
value = jax.jit(lambda x: jnp.sum(jnp.sin(x) ** 2))(jnp.arange(100.0))
print(f"{float(value):.4f}|{problem}|{kept()}")
"""
#: sum_0^99 sin(i)^2 = 50 - (1/2) sum cos 2i = 50 - sin(100) cos(99)/(2 sin 1).
VALUE = "50.0120"


def run(folder, **more):
    """Value, problem and whether the program was there, in a new process."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_COMP")}
    environment |= {"CRMC_CACHE": str(folder), "JAX_NUM_CPU_DEVICES": "1"} | more
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    value, problem, kept = done.stdout.strip().split("|")
    assert value == VALUE
    return problem, kept == "True"


def entries(folder):
    """Files of programs."""
    return sorted(folder.glob("jax-*/*-cache"))


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A folder in which a process has left its programs, one of them the program."""
    folder = tmp_path_factory.mktemp("cache")
    assert run(folder) == ("", False)
    assert entries(folder)
    return folder


def test_the_second_process_compiles_nothing(filled):
    """All programs of the second process come from the first, and are noted with their checksums."""
    assert run(filled) == ("", True)
    noted = json.loads(next(filled.glob("jax-*/checksums.json")).read_text())
    assert sorted(noted) == [path.name for path in entries(filled)]


def test_damaged_entries_are_replaced(filled):
    """One byte in the middle of every entry changed: right values, compiled anew; the next process finds them again."""
    assert run(filled) == ("", True)
    for path in entries(filled):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
    assert run(filled) == ("", False)
    assert run(filled) == ("", True)


def test_a_process_that_was_killed_while_writing(filled):
    """Half an entry without its second file, an hour old: removed, and the program is kept again."""
    for path in entries(filled):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        path.with_name(path.name.replace("-cache", "-atime")).unlink()
        os.utime(path, (path.stat().st_mtime - 3600.0,) * 2)
    assert run(filled) == ("", False)
    assert run(filled) == ("", True)


def test_two_processes_at_once(tmp_path):
    """Both have the right value, and a third one finds the program."""
    with ThreadPoolExecutor(2) as pool:
        assert [problem for problem, _ in pool.map(run, [tmp_path] * 2)] == ["", ""]
    assert run(tmp_path) == ("", True)


def test_other_versions_have_folders_of_their_own(filled):
    """What another version of JAX has left is not touched, and goes when it is older than 90 days."""
    other = filled / "jax-0.0-0.0-00000000"
    other.mkdir()
    (other / "program-cache").write_bytes(b"from elsewhere")
    assert run(filled) == ("", True)
    assert (other / "program-cache").read_bytes() == b"from elsewhere"
    os.utime(other, (other.stat().st_mtime - 91 * 86400.0,) * 2)
    assert run(filled) == ("", True)
    assert not other.exists()


def test_a_folder_that_cannot_be_made(tmp_path):
    """A file where the folder should be: one line that says so, and the run goes on."""
    (tmp_path / "file").write_text("")
    problem, kept = run(tmp_path / "file")
    assert problem.startswith("programs are not kept for later runs") and "CRMC_CACHE=FOLDER" in problem
    assert not kept


def test_switched_off(tmp_path):
    """CRMC_CACHE=off keeps nothing and says nothing; a folder that JAX was given stays JAX's."""
    assert run("off", HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path)) == ("", False)
    assert not list(tmp_path.iterdir())
    given = tmp_path / "given"
    assert run(tmp_path, JAX_COMPILATION_CACHE_DIR=str(given)) == ("", False)
    assert not list(tmp_path.glob("jax-*"))
