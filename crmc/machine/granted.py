"""Ask what a job was granted, memory and cores, which may be less than its machine has.

Containers and batch systems set limits by control groups (versions 1 and 2); SLURM also names them in the environment.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path

#: Where control groups are mounted, and the groups of this process.
_GROUPS, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
#: Control groups of version 1 write a number of this size for "no limit".
_NO_LIMIT = 1 << 60


def free_memory() -> float | None:
    """Return the memory that this process may still take [bytes]: the machine's or the job's; None if not known."""
    found = [value for value in (_machine_memory(), _slurm_memory(), *_group_memory()) if value is not None]
    return min(found, default=None)


def cores() -> int:
    """Return the number of CPU cores that this process was granted, at least 1."""
    machine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    task = _whole(os.environ.get("SLURM_CPUS_PER_TASK", ""))
    return max(1, min([machine, *([task] if task else []), *_group_cores()]))


def _machine_memory() -> float | None:
    """Return the free memory of this machine [bytes]."""
    with contextlib.suppress(OSError, KeyError, ValueError):
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
        return 1024.0 * float(lines["MemAvailable"].split()[0])
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return None


def _slurm_memory() -> float | None:
    """Return the memory on this node of a job of SLURM [bytes]; 0 in its variables means all of the node."""
    if node := _whole(os.environ.get("SLURM_MEM_PER_NODE", "")):
        return node * 2.0**20
    each = _whole(os.environ.get("SLURM_MEM_PER_CPU", ""))
    count = _whole(os.environ.get("SLURM_CPUS_ON_NODE", "")) or 1
    return each * count * 2.0**20 if each else None


def _group_memory() -> Iterator[float]:
    """Yield the memory left in each control group around this process [bytes]."""
    names = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
    for folder in _folders("memory"):
        for limit, usage in names:
            most, used = _whole(_read(folder / limit)), _whole(_read(folder / usage))
            if most is not None and most < _NO_LIMIT:
                # What files in the cache take is given back when it is needed.
                kept = _statistics(folder).get("inactive_file") or _statistics(folder).get("total_inactive_file") or 0
                yield float(max(0, most - max(0, (used or 0) - kept)))


def _group_cores() -> Iterator[int]:
    """Yield the cores that the quota of each control group around this process amounts to."""
    for folder in _folders("cpu"):
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        if not period:
            quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
        share, span = _whole(quota), _whole(period)
        if share and span:
            yield max(1, math.ceil(share / span))


def _folders(controller: str) -> Iterator[Path]:
    """Yield the folders of the control groups of this process, and of those around them."""
    for line in _read(_OWN).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        root = _GROUPS / controllers if controllers else _GROUPS
        if controllers and controller not in controllers.split(","):
            continue
        own = root / path.lstrip("/")
        for folder in (own, *own.parents):
            if folder.is_dir():
                yield folder
            if folder == root:
                break


def _statistics(folder: Path) -> dict[str, int]:
    """Return the statistics of the memory of a control group."""
    pairs = (line.split() for line in _read(folder / "memory.stat").splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _read(path: Path) -> str:
    """Return the text of a file; empty where it cannot be read."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _whole(text: str) -> int | None:
    """Return the whole number that ``text`` is, or None; "max" and -1 mean no limit."""
    return int(text) if text.isdigit() else None
