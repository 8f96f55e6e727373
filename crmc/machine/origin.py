"""Say where a result comes from: version and commit, command, host, time, versions and device."""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
import platform
import shlex
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import jax
import numpy as np

_ROOT = Path(__file__).resolve().parents[2]


def origin() -> dict[str, str]:
    """Return the attributes that tell which program made a result, where and when.

    source, commit: the version of crmc, and the commit where it is known, with "-dirty" after it where files differ.
    command_line, host, created: of this process; created in UTC.  history: these in one line.
    versions, device: of Python, JAX and numpy, and what JAX runs on.
    """
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    command, host = command_line(), socket.gethostname() or "unknown"
    return {
        "source": f"crmc {version()}",
        "commit": commit(),
        "command_line": command,
        "host": host,
        "created": now,
        "history": f"{now} {command}",
        "versions": f"python {platform.python_version()}, jax {jax.__version__}, numpy {np.__version__}",
        "device": str(jax.devices()[0].device_kind),
    }


def version() -> str:
    """Return the version of the installed package."""
    try:
        return metadata.version("crmc")
    except metadata.PackageNotFoundError:
        return "unknown"


def command_line() -> str:
    """Return the command line of this process, ``crmc`` for whatever way it was called by."""
    program, *words = sys.argv or [""]
    path = Path(program)
    own = path.name == "crmc" or path == _ROOT / "crmc" / "__main__.py"
    return shlex.join(["crmc" if own else path.name or "python", *words])


@functools.cache
def commit() -> str:
    """Return the commit of the checkout that runs, or of what was installed from a repository; "unknown" otherwise."""
    if (_ROOT / ".git").exists():
        command = ["git", "-C", str(_ROOT), "describe", "--always", "--abbrev=40", "--dirty", "--match", ""]
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10.0).stdout.strip()
    with contextlib.suppress(metadata.PackageNotFoundError, ValueError, KeyError, TypeError):
        text = metadata.distribution("crmc").read_text("direct_url.json")
        return str(json.loads(text or "")["vcs_info"]["commit_id"])
    return "unknown"
