"""The command line called within a test, and what bad input must do."""

import contextlib
import io
from typing import NamedTuple

from crmc.cli.main import main


class Reply(NamedTuple):
    """Exit code, stdout and stderr of a call of the command line."""

    code: int
    out: str
    err: str


def call(*argv: object) -> Reply:
    """Call the command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in argv])
    return Reply(code, out.getvalue(), err.getvalue())


def assert_bad_input(reply: Reply, *words: str) -> None:
    """Exit code 2 and exactly one line, which names what is wrong."""
    assert reply.code == 2, reply
    assert reply.out == ""
    assert reply.err.startswith("crmc: error: ") and reply.err.endswith("\n")
    line = reply.err[:-1]
    assert line.isprintable() and "Traceback" not in line, line
    assert all(word in line for word in words), line
