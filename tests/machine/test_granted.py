"""What a job was granted, read from control groups and the environment that a test lays out."""

from __future__ import annotations

from pathlib import Path

import pytest

import crmc.machine.granted
from crmc.machine.granted import cores, free_memory

GIB = 2**30


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 64 GiB and 64 cores without limits; the folder of its control groups."""
    for name in ("SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU", "SLURM_CPUS_ON_NODE", "SLURM_CPUS_PER_TASK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(crmc.machine.granted, "_GROUPS", tmp_path)
    monkeypatch.setattr(crmc.machine.granted, "_OWN", tmp_path / "own")
    monkeypatch.setattr(crmc.machine.granted, "_machine_memory", lambda: 64.0 * GIB)
    monkeypatch.setattr(crmc.machine.granted.os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    return tmp_path


def write(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")


def test_without_limits(groups: Path) -> None:
    """The machine's memory and cores; also where the groups say that there is no limit."""
    assert free_memory() == 64 * GIB and cores() == 64
    write(groups, own="0::/job\n3:memory:/job\n4:cpu,cpuacct:/job")
    write(groups / "job", memory__max="max", cpu__max="max 100000")
    write(groups / "memory" / "job", memory__limit_in_bytes=9223372036854771712, memory__usage_in_bytes=GIB)
    write(groups / "cpu,cpuacct" / "job", cpu__cfs_quota_us=-1, cpu__cfs_period_us=100000)
    assert free_memory() == 64 * GIB and cores() == 64


def test_control_groups_of_version_2(groups: Path) -> None:
    """The tightest of the nested groups counts; the cache of files in use is free, and two and a half cores are three."""
    write(groups, own="0::/slurm/job/step")
    write(groups / "slurm" / "job" / "step", memory__max="max", cpu__max="250000 100000")
    statistics = f"anon 1\ninactive_file {GIB}"
    write(groups / "slurm" / "job", memory__max=8 * GIB, memory__current=3 * GIB, memory__stat=statistics)
    assert free_memory() == 6 * GIB and cores() == 3


def test_control_groups_of_version_1(groups: Path) -> None:
    """Each controller has a tree of its own."""
    write(groups, own="5:memory:/job\n6:cpu,cpuacct:/job")
    write(groups / "memory" / "job", memory__limit_in_bytes=4 * GIB, memory__usage_in_bytes=GIB)
    write(groups / "cpu,cpuacct" / "job", cpu__cfs_quota_us=50000, cpu__cfs_period_us=100000)
    assert free_memory() == 3 * GIB and cores() == 1


@pytest.mark.parametrize(
    ("environment", "memory"),
    [
        ({"SLURM_MEM_PER_NODE": "2048"}, 2 * GIB),
        ({"SLURM_MEM_PER_CPU": "1024", "SLURM_CPUS_ON_NODE": "3"}, 3 * GIB),
        ({"SLURM_MEM_PER_NODE": "0"}, 64 * GIB),
        ({"SLURM_MEM_PER_NODE": "lots"}, 64 * GIB),
    ],
)
def test_jobs_of_slurm(groups: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], memory: int) -> None:
    """Oracle: the manual of sbatch, MB per node or per core, 0 for all."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "4")
    assert free_memory() == memory and cores() == 4
