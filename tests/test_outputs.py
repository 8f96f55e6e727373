"""Files written whole or not at all: links, devices, full disks, long names, and one writer at a time."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import crmc.outputs
from crmc.outputs import OutputError, OutputInUse, claimed, is_broken, obstacle, sealed, target, write_text, writing


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_link_is_followed(tmp_path: Path) -> None:
    """The file behind it is replaced, mode and all; the link stays a link."""
    (tmp_path / "deep").mkdir()
    behind, link = tmp_path / "deep" / "file.nc", tmp_path / "link.nc"
    behind.write_text("old")
    behind.chmod(0o640)
    link.symlink_to(behind)
    assert target(link) == behind and obstacle(link) == ""
    write_text(link, "new")
    assert link.is_symlink() and behind.read_text() == "new"
    assert stat.S_IMODE(behind.stat().st_mode) == 0o640
    assert names(tmp_path / "deep") == ["file.nc"]


def test_a_new_file_has_the_mode_of_any_other(tmp_path: Path) -> None:
    """Oracle: a file that Python opens for writing."""
    (tmp_path / "plain").touch()
    write_text(tmp_path / "ours", "x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("kind", ["fifo", "folder", "loop"])
def test_what_is_no_regular_file_is_left_alone(tmp_path: Path, kind: str) -> None:
    """A pipe stands for a device, which only root can make: refused by the check and by the write, and still there."""
    path = tmp_path / "out.nc"
    make = {"fifo": lambda: os.mkfifo(path), "folder": path.mkdir, "loop": lambda: path.symlink_to(path)}
    make[kind]()
    before = path.lstat()
    assert obstacle(path)
    with pytest.raises(OutputError, match="cannot be written"), writing(path):
        pass
    assert path.lstat() == before and names(tmp_path) == ["out.nc"]


def test_a_device_is_refused() -> None:
    """Even root does not replace /dev/null."""
    assert obstacle("/dev/null") == "is not a regular file; choose another name"


def test_a_block_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    """Whatever is raised passes unless the operating system is behind it; no draft stays."""
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), writing(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
    with pytest.raises(OutputError, match="No space left on device"), writing(path) as file:
        try:
            raise OSError(28, "No space left on device")
        except OSError as error:
            raise RuntimeError("can't unlink from an open file") from error  # as libraries do
    assert path.read_text() == "old" and names(tmp_path) == ["file"]


def test_a_full_disk(tmp_path: Path) -> None:
    """A limit on the size of files stands for it: the old file stays, and the error names file and reason."""
    path, (_, hard) = tmp_path / "file", resource.getrlimit(resource.RLIMIT_FSIZE)
    path.write_text("old")
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OutputError, match=r"file: cannot be written \(File too large\)"):
            write_text(path, "x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert path.read_text() == "old" and names(tmp_path) == ["file"]


def test_names_that_are_too_long_only_for_what_lies_beside(tmp_path: Path) -> None:
    """255 bytes are the limit of every common file system: 245 and a checkpoint's ending exceed it."""
    path = tmp_path / ("a" * 245)
    assert obstacle(path) == ""
    assert "File name too long" in obstacle(path, [crmc.outputs.CHECKPOINT])
    write_text(path, "drafts have short names")


def test_folders_that_take_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writable file in a read-only folder cannot be replaced; root's trial fails only where the medium says so."""

    def refuse(*_: object) -> int:
        raise OSError(30, "Read-only file system")

    path = tmp_path / "file"
    path.touch()
    monkeypatch.setattr(crmc.outputs.os, "open", refuse)
    assert "takes no new file (Read-only file system); choose another folder" in obstacle(path)
    assert obstacle(tmp_path / "no" / "file").startswith("there is no folder")


def test_a_working_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative name has no meaning there."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert "is not a usable path (No such file or directory)" in obstacle("x.nc")
    monkeypatch.chdir(tmp_path)


CLAIM = """
import sys
from crmc.outputs import OutputInUse, claimed
try:
    with claimed(sys.argv[1]):
        print("mine", flush=True)
        sys.stdin.read()
except OutputInUse as error:
    print(error)
"""


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    """The second is refused with the first one's number, in another process or in the same; killed, a writer leaves nothing."""
    path = tmp_path / "run.nc"
    command = [sys.executable, "-c", CLAIM, str(path)]
    env = os.environ | {"PYTHONPATH": str(Path(crmc.outputs.__file__).parents[1])}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as first:
        assert first.stdout is not None and first.stdout.readline() == "mine\n"
        refusal = rf"being written by another run \(process {first.pid} on .*name another"
        with pytest.raises(OutputInUse, match=refusal), claimed(path):
            pass
        for name in (path, tmp_path / "run.nc.checkpoint.npz"):
            (tmp_path / f"{crmc.outputs._stem(name)}00000000.part").touch()
        first.kill()
    with claimed(path):
        assert names(tmp_path) == [".run.nc.lock"], "what a killed writer left is removed"
        with pytest.raises(OutputInUse, match=f"process {os.getpid()} on"), claimed(path):
            pass
    assert names(tmp_path) == []
    with claimed(None):
        pass


def test_a_lock_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds without the name of its owner, for which there is no room."""

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(crmc.outputs.os, "write", full)
    with claimed(tmp_path / "x.nc"):
        assert names(tmp_path) == [".x.nc.lock"]
        with pytest.raises(OutputInUse, match="being written by another run; wait"), claimed(tmp_path / "x.nc"):
            pass


def test_a_seal_notices_any_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bit flipped in any byte of content or digest, read in parts; what has no seal, or has lost it, is not judged."""
    monkeypatch.setattr(crmc.outputs, "_PART", 4)
    path, content = tmp_path / "x.nc", b"any content"
    whole = content + sealed(content)
    path.write_bytes(whole)
    assert not is_broken(path) and not is_broken(tmp_path / "none")
    mark = range(len(content), len(content) + len(crmc.outputs._SEAL))
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        assert is_broken(path) == (place not in mark)
    for kept in (b"", content, whole[1:][:20]):
        path.write_bytes(kept)
        assert not is_broken(path)
