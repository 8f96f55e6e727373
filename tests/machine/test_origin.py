"""Where a result comes from: the command, the commit of a checkout, and the time in UTC."""

from __future__ import annotations

import datetime
import re
import subprocess
import sys
from pathlib import Path

import pytest

import crmc.machine.origin
from crmc.machine.origin import command_line, commit, origin

ROOT = Path(crmc.machine.origin.__file__).parents[2]


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["/usr/bin/crmc", "run", "a b.toml"], "crmc run 'a b.toml'"),
        ([str(ROOT / "crmc" / "__main__.py"), "run", "halo"], "crmc run halo"),
        (["study.py", "3"], "study.py 3"),
        (["-c"], "-c"),
        ([""], "python"),
        ([], "python"),
    ],
)
def test_command_line(monkeypatch: pytest.MonkeyPatch, argv: list[str], text: str) -> None:
    """It can be pasted into a shell."""
    monkeypatch.setattr(sys, "argv", argv)
    assert command_line() == text


def test_commit_of_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Oracle: git rev-parse. Changed files are told, and no repository is no error."""
    commit.cache_clear()
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    monkeypatch.setattr(crmc.machine.origin, "_ROOT", tmp_path)
    monkeypatch.setattr(crmc.machine.origin.metadata, "distribution", lambda _: {}["none"])
    assert commit() == "unknown"
    commit.cache_clear()
    (tmp_path / "file").write_text("one")
    for words in (["init", "-q"], ["add", "file"], ["commit", "-q", "-m", "One"]):
        subprocess.run([*git, *words], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    assert commit() == head
    commit.cache_clear()
    (tmp_path / "file").write_text("two")
    assert commit() == f"{head}-dirty"
    commit.cache_clear()


def test_origin() -> None:
    """Time in UTC, and the history that CF asks for."""
    found = origin()
    made = datetime.datetime.fromisoformat(found["created"])
    assert abs((datetime.datetime.now(datetime.UTC) - made).total_seconds()) < 60.0
    assert found["history"] == f"{found['created']} {found['command_line']}"
    assert re.fullmatch(r"crmc \S+", found["source"]) and "jax" in found["versions"] and found["host"]
