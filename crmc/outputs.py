"""Write files whole or not at all, say why one cannot be written, notice damage, and claim an output for one writer."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import socket
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # not on Windows, where outputs are not claimed
    fcntl = None  # type: ignore[assignment]

#: Ending of the name of a checkpoint, which lies beside the result.
CHECKPOINT = ".checkpoint.npz"
#: What a file system without locks answers.
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL)
#: Mark at the end of a sealed file, before the digest of all that precedes it, and the size of that [bytes].
_SEAL, _DIGEST = b"crmc-blake2b:", 16
#: A file is read in parts of this size for its digest [bytes].
_PART = 1 << 20


class OutputError(OSError):
    """A file could not be written: its name as the user gave it, and the reason in words."""

    def __init__(self, path: str | Path, reason: object) -> None:
        super().__init__(f"{path}: cannot be written ({_words(reason)})")


class OutputInUse(OutputError):
    """Another process is writing the file."""

    def __init__(self, path: str | Path, owner: str) -> None:
        OSError.__init__(self, f"{path}: is being written by another run{owner}; wait for it or name another file")


def _words(reason: object) -> str:
    """Return an error of the operating system in words, without its number and path."""
    return (reason.strerror if isinstance(reason, OSError) else None) or str(reason)


def target(path: str | Path) -> Path:
    """Return the file that ``path`` means, links followed; OutputError if it is there and no regular file."""
    try:
        found = Path(path).resolve()
        words = _unusual(found)
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a null character
        raise OutputError(path, error) from error
    if words:
        raise OutputError(path, words.partition(";")[0])
    return found


def _unusual(found: Path) -> str:
    """Return what is there in place of a regular file, with a remedy; empty for a regular file, or for nothing."""
    if found.is_dir():
        return "is a directory; name a file inside it"
    return "is not a regular file; choose another name" if found.exists() and not found.is_file() else ""


def obstacle(path: str | Path, endings: Iterable[str] = ()) -> str:
    """Return what prevents writing ``path`` and a remedy; empty if nothing does.

    endings: of the names of files that will lie beside it.
    Permissions, read-only media and quotas answer truly to a trial alone: a file is made in the folder, and removed.
    """
    try:
        found = Path(path).resolve()
        if words := _unusual(found):
            return words
        if not found.parent.is_dir():
            return f"there is no folder {Path(path).parent}; create it first"
        for ending in endings:
            _try_name(found.with_name(found.name + ending))
        _try_name(found)
    except (OSError, RuntimeError, ValueError) as error:  # too long, a loop of links, a null character
        return f"is not a usable path ({_words(error)}); choose another"
    if found.exists() and not os.access(found, os.W_OK):
        return "may not be written; choose another file or change its permissions"
    try:
        _draft(found).unlink()
    except OSError as error:
        return f"may not be written, for its folder takes no new file ({_words(error)}); choose another folder"
    return ""


def _try_name(path: Path) -> None:
    """Raise OSError or ValueError where no file can have the name ``path``."""
    with contextlib.suppress(FileNotFoundError):
        path.lstat()


def _draft(goal: Path) -> Path:
    """Create and return an empty file beside ``goal``, of a name that no other writer uses."""
    draft = goal.with_name(f"{_stem(goal)}{secrets.token_hex(4)}.part")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    return draft


def _stem(goal: Path) -> str:
    """Return the beginning of the names of the drafts of ``goal``, which is short however long its name."""
    return f".crmc-{zlib.crc32(goal.name.encode('utf-8', 'surrogateescape')):08x}-"


@contextlib.contextmanager
def writing(path: str | Path) -> Iterator[IO[bytes]]:
    """Yield a binary file that becomes ``path`` when the block ends, whole and on the disk.

    A block that fails leaves ``path`` as it was and nothing else.  Links are followed.  OutputError, also for what
    libraries raise while they handle an error of the operating system.
    """
    goal = target(path)
    draft = None
    try:
        draft = _draft(goal)
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if goal.exists():
            shutil.copymode(goal, draft)
        os.replace(draft, goal)
    except BaseException as error:
        if draft is not None:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
        if isinstance(error, Exception) and (cause := _system_error(error)) is not None:
            raise OutputError(path, cause) from error
        raise


def _system_error(error: BaseException | None) -> OSError | None:
    """Return the error of the operating system that is behind ``error``, if there is one."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8, whole or not at all; OutputError."""
    with writing(path) as file:
        file.write(text.encode("utf-8"))


@contextlib.contextmanager
def claimed(path: str | Path | None) -> Iterator[None]:
    """Keep other processes from claiming the output ``path`` while the block runs; OutputInUse if one has.

    None claims nothing.  The mark is a lock on a file beside the output, which ends with the process however it ends.
    Drafts of it and of its checkpoint that a killed writer left are removed.
    """
    if path is None or fcntl is None:
        yield
        return
    goal = target(path)
    lock = goal.with_name(f".{goal.name}.lock")
    try:
        held = _locked(lock, path)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(path, error) from error
    try:
        for written in (goal, goal.with_name(goal.name + CHECKPOINT)):
            for draft in goal.parent.glob(f"{_stem(written)}*.part"):
                draft.unlink(missing_ok=True)
        yield
    finally:
        with contextlib.suppress(OSError):
            lock.unlink(missing_ok=True)
        os.close(held)


def _locked(lock: Path, path: str | Path) -> int:
    """Return a descriptor of the file ``lock``, locked and still there; OutputInUse where another holds it."""
    while True:
        held = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(held, 200).decode("utf-8", "replace").strip()
            if error.errno in _NO_LOCKS:
                return held
            os.close(held)
            raise OutputInUse(path, f" ({owner})" if owner else "") from None
        # Its holder may have removed the file between our opening and our locking it.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(held), os.stat(lock)):
                with contextlib.suppress(OSError):  # a full disk has no room for our name, but the lock holds
                    os.truncate(held, 0)
                    os.write(held, f"process {os.getpid()} on {socket.gethostname()}".encode())
                return held
        os.close(held)


def sealed(content: bytes | memoryview) -> bytes:
    """Return what follows ``content`` in a file so that `is_broken` notices damage.

    HDF5 allows bytes after its own, and drops them when it writes into a file: who changes a result breaks no seal.
    """
    return _SEAL + hashlib.blake2b(content, digest_size=_DIGEST).digest()


def is_broken(path: str | Path) -> bool:
    """Return whether the file ``path`` is sealed and not what it was; False where it has no seal or cannot be read.

    HDF5 crashes or never returns on some damaged files: ask before it reads one.
    """
    digest = hashlib.blake2b(digest_size=_DIGEST)
    try:
        with Path(path).open("rb") as file:
            left = file.seek(0, os.SEEK_END) - len(_SEAL) - _DIGEST
            if left < 0:
                return False
            file.seek(left)
            if file.read(len(_SEAL)) != _SEAL:
                return False
            file.seek(0)
            while left and (part := file.read(min(left, _PART))):
                digest.update(part)
                left -= len(part)
            return file.read() != _SEAL + digest.digest()
    except (OSError, ValueError):
        return False
