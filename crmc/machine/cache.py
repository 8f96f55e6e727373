"""Keep compiled programs for later runs, in a folder of the user, and count what is compiled.

JAX's own persistent cache does the keeping.  Programs only switch it on: it is global configuration of JAX.
"""

from __future__ import annotations

import collections
import functools
import json
import os
import platform
import shutil
import tempfile
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import jax

#: Environment variable that names the folder, or switches the cache off.
VARIABLE = "CRMC_CACHE"
_OFF = ("off", "0", "no")
#: Largest size of the cache, beyond which the programs used longest ago go, and least free space [bytes].
_MOST, _LEAST_FREE = 1 << 28, 1 << 26
#: Age after which what other versions or machines left, and what a process did not finish, is removed [s].
_FORGOTTEN, _UNFINISHED = 90 * 86400.0, 60.0
#: File of the checksums of the entries, and the ends of the two files of an entry.
_CHECKSUMS, _ENTRY, _USED = "checksums.json", "-cache", "-atime"


def keep_programs() -> str:
    """Make JAX keep what it compiles and use what it has kept; return what prevents that, empty if nothing does.

    The folder is `VARIABLE`'s or the user's cache folder, in it one for the versions of JAX and the kind of processor.
    Whoever has given JAX a folder keeps it.
    """
    chosen = os.environ.get(VARIABLE, "")
    if chosen.lower() in _OFF or jax.config.jax_compilation_cache_dir:  # type: ignore[attr-defined]
        return ""
    try:
        folder = _folder(Path(chosen) if chosen else _default())
        _mend(folder)
    except (OSError, ImportError) as error:
        return f"programs are not kept for later runs ({error}); {VARIABLE}=FOLDER names another folder, =off none"
    # An entry that cannot be read is compiled anew, and one that cannot be written costs time alone.
    warnings.filterwarnings("ignore", message="Error (reading|writing) persistent compilation cache")
    settings = {
        "jax_compilation_cache_dir": str(folder),
        "jax_compilation_cache_max_size": _MOST,
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    for name, value in settings.items():
        jax.config.update(name, value)
    return ""


def _default() -> Path:
    """Return the user's folder for caches of crmc."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("crmc"))


def _folder(root: Path) -> Path:
    """Create and return the folder of these versions and this processor; remove those not used for long.

    Raises OSError where there is no room, or where it cannot be written.
    """
    import jaxlib

    kind = zlib.crc32(_processor().encode())
    folder = root / f"jax-{jax.__version__}-{jaxlib.__version__}-{kind:08x}"
    folder.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(folder).free) < _LEAST_FREE:
        raise OSError(f"{free >> 20} MiB are free in {folder}")
    with tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(b"room")
    os.utime(folder)
    for other in root.glob("jax-*"):
        if other.is_dir() and time.time() - other.stat().st_mtime > _FORGOTTEN:
            shutil.rmtree(other, ignore_errors=True)
    return folder


def _processor() -> str:
    """Return what tells processors apart for which programs differ: architecture, model and instructions."""
    lines: set[str] = set()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        wanted = ("model name", "flags", "Features")
        lines = {line for line in cpuinfo.read_text(errors="replace").splitlines() if line.startswith(wanted)}
    return "\n".join([platform.machine(), platform.processor(), *sorted(lines)])


def _mend(folder: Path) -> None:
    """Remove entries of the cache that are damaged or were not finished, and note the checksums of new ones.

    JAX never replaces an entry, and stops writing where an entry lacks its second file.  Where another process holds
    the lock, it is the one to mend.
    """
    import filelock

    try:
        with filelock.FileLock(folder / ".lockfile", timeout=1.0):
            _mend_alone(folder)
    except filelock.Timeout:
        return


def _mend_alone(folder: Path) -> None:
    """Do what `_mend` says; the lock is held."""
    path = folder / _CHECKSUMS
    try:
        known = dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        known = {}
    sums: dict[str, int] = {}
    for entry in folder.glob(f"*{_ENTRY}"):
        used = entry.with_name(entry.name.removesuffix(_ENTRY) + _USED)
        sound = used.is_file() and used.stat().st_size == 8
        checksum = zlib.crc32(entry.read_bytes())
        if sound and known.get(entry.name, checksum) == checksum:
            sums[entry.name] = checksum
        elif sound or time.time() - entry.stat().st_mtime > _UNFINISHED:
            entry.unlink()
            used.unlink(missing_ok=True)
    if sums != known:
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(sums))
        draft.replace(path)


@functools.cache
def _counts() -> collections.Counter[str]:
    """Return the numbers of JAX's events so far, which go on counting."""
    counts: collections.Counter[str] = collections.Counter()

    def count(event: str, **_: str | int) -> None:
        counts[event] += 1

    jax.monitoring.register_event_listener(count)
    return counts


def watch_cache() -> Callable[[], bool]:
    """Return a function that says whether all programs compiled since this call came from the cache."""
    hits, misses = (f"/jax/compilation_cache/cache_{kind}" for kind in ("hits", "misses"))
    before = _counts().copy()

    def all_kept() -> bool:
        return _counts()[misses] == before[misses] and _counts()[hits] > before[hits]

    return all_kept
