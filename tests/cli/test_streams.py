"""Standard streams that are closed, full, or cannot show a name: seen by a process, whose streams a test can choose."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tomli_w
from support.config_cases import valid

import crmc

COMMAND = f"{sys.executable} -m crmc validate small.toml"


def shell(folder: Path, line: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    """What a line of the shell does in a folder with a config whose name is not ASCII."""
    text = tomli_w.dumps(valid() | {"name": "Alfv\u00e9n"})
    (folder / "small.toml").write_text(text, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(Path(crmc.__file__).parents[1])} | more
    return subprocess.run(line, shell=True, cwd=folder, env=environment, capture_output=True, check=False)


@pytest.mark.parametrize(
    "closed", [">&-", "<&- >&- 2>&-", *(pytest.param(x, marks=pytest.mark.full) for x in ("<&-", "2>&-"))]
)
def test_closed_streams(tmp_path: Path, closed: str) -> None:
    """The command does its work, exit code 0, and nobody complains."""
    done = shell(tmp_path, f"{COMMAND} --set damping.linear= {closed}")
    assert done.returncode == 0, done
    assert (b"Alfv" in done.stdout) == (">&-" not in closed.replace("2>&-", ""))
    assert (b"warning" in done.stderr) == ("2>&-" not in closed)


def test_streams_of_another_encoding(tmp_path: Path) -> None:
    """What ASCII cannot show is escaped."""
    done = shell(tmp_path, COMMAND, PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and done.stdout.startswith(b'name = "Alfv\\xe9n"\n') and done.stderr == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_behind_stdout(tmp_path: Path, unbuffered: str) -> None:
    """One line and exit code 3, found when printing or at the end; the interpreter adds nothing at exit."""
    done = shell(tmp_path, f"{COMMAND} > /dev/full", PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 3
    assert (
        done.stderr == b"crmc: error: standard output: cannot be written (No space left on device); all else is done\n"
    )


def test_a_reader_that_has_left(tmp_path: Path) -> None:
    """As with any command that is piped into head: silence, and no failure."""
    done = shell(tmp_path, f"({COMMAND}; echo $? >&2) | true")
    assert done.stderr == b"0\n"
