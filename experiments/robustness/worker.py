"""Run commands of crmc one after another in one process, so that a thousand of them do not load JAX a thousand times.

Reads a JSON list of words per line, and answers with a JSON line: exit code, stdout, stderr.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import runpy
import sys
import traceback


def call(words: list[str]) -> tuple[int, str, str]:
    """Run ``python -m crmc`` with these words, and return exit code, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        sys.argv = ["crmc", *words]
        try:
            runpy.run_module("crmc", run_name="__main__")
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        except BaseException:
            code = 1
            traceback.print_exc(file=err)
    return code, out.getvalue(), err.getvalue()


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in sys.stdin:
        print(json.dumps(call(json.loads(line))), file=answers, flush=True)
