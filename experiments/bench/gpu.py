"""Measure one piece of `gpu.sh` in a process of its own, write it as JSON, and print all pieces as a table.

    python gpu.py speed FOLDER 1e7,1e6 [DRAWN]    marker-steps per second by number of markers
    python gpu.py most FOLDER 1e9,5e8 [DRAWN]     the first number of markers that fits
    python gpu.py halo FOLDER [section.key=value ...]    a run, again, and interrupted and resumed: equal to the bit?
    python gpu.py cpu FOLDER [section.key=value ...]     the same run, to be compared
    python gpu.py table FOLDER                    the table

What is found is written at once, so that a piece that runs out of time leaves what it has.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import crmc

#: Wall time of a timing [s], and number of timings.
SECONDS, REPEAT = 0.4, 3
#: Limits of an H100 by memory in one pass of 32 bytes and by instruction issue [marker-steps/s], estimates.
LIMITS = {"memory": 94e9, "issue": 21e9}


def write(folder: Path, name: str, found: Any) -> None:
    """Write what has been found of a piece so far."""
    draft = folder / f"{name}.json.new"
    draft.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    draft.replace(folder / f"{name}.json")


def read(folder: Path, name: str) -> Any:
    """Return what was found of a piece, None if nothing was."""
    path = folder / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def numbers(text: str) -> list[int]:
    """Return whole numbers from a list separated by commas."""
    return [int(float(part)) for part in text.split(",")]


# ---- speed ---------------------------------------------------------------------------------


class Worker:
    """A process that has compiled the production step; it answers lines of JSON (`crmc.bench.worker`)."""

    def __init__(self, markers: int, drawn: str):
        command = [sys.executable, "-m", "crmc.bench.worker", "crmc", str(markers), str(int(float(drawn)))]
        self.markers = markers
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def answer(self) -> dict[str, Any]:
        """Read the next answer; raises RuntimeError where there is none."""
        line = self.process.stdout.readline() if self.process.stdout else ""
        found = json.loads(line) if line else {"failed": f"ended with code {self.process.wait()}"}
        if "failed" in found:
            raise RuntimeError(found["failed"].splitlines()[0][:200])
        return found

    def ask(self, **question: int) -> dict[str, Any]:
        """Return the answer to a question."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def seconds_per_step(self, steps: int) -> float:
        """Return the wall time of a step in a timing of so many [s]."""
        return float(self.ask(run=steps)["seconds"]) / steps

    def measured(self, about: dict[str, Any]) -> dict[str, Any]:
        """Return the speed, the median of `REPEAT` timings, and the device's bytes per marker; end the process.

        about: its first answer
        """
        steps = max(2, round(SECONDS / max(self.seconds_per_step(2), 1e-9)))
        step = statistics.median(self.seconds_per_step(steps) for _ in range(REPEAT))
        memory = self.ask(memory=1)["device"]
        self.process.kill()
        return {
            "markers": self.markers,
            "device": about["device"],
            "compile_seconds": about["compile_seconds"],
            "seconds_per_step": step,
            "marker_steps_per_second": self.markers / step,
            "bytes_per_marker": memory / self.markers if memory else None,
        }


def speed(folder: Path, sizes: str, drawn: str = "1e6") -> None:
    """Time the production step; all sizes compile at the same time and are then timed in the order given."""
    workers = [Worker(size, drawn) for size in numbers(sizes)]
    about, rows = [worker.answer() for worker in workers], []
    for worker, one in zip(workers, about, strict=True):
        rows.append(worker.measured(one))
        write(folder, "speed", rows)


def most(folder: Path, sizes: str, drawn: str = "1e6") -> None:
    """Find the first of several numbers of markers, the largest first, of which a step fits into memory."""
    tried: list[dict[str, Any]] = []
    for size in numbers(sizes):
        worker = Worker(size, drawn)
        try:
            tried.append(worker.measured(worker.answer()) | {"fits": True})
        except (RuntimeError, BrokenPipeError) as problem:
            tried.append({"markers": size, "fits": False, "why": str(problem)})
        write(folder, "most", tried)
        if tried[-1]["fits"]:
            return


# ---- runs ----------------------------------------------------------------------------------


def equal(one: Any, other: Any) -> list[str]:
    """Return the names of the variables in which two results differ in any bit."""
    return [name for name in one.data_vars if one[name].values.tobytes() != other[name].values.tobytes()]


def facts(outcome: Any) -> dict[str, Any]:
    """Return time, speed and heating of a run."""
    keys = ("status", "steps", "wall_seconds", "compile_seconds", "marker_steps_per_second")
    return {key: outcome.summary[key] for key in keys}


def halo(folder: Path, *overrides: str) -> None:
    """Run the halo, run it again, and interrupt it and resume it; compare the results bit by bit."""
    config = crmc.load_config("halo", list(overrides))
    started = time.perf_counter()
    whole = crmc.run(config, output=folder / "halo.nc", quiet=True)
    found: dict[str, Any] = {"first": facts(whole) | {"seconds": time.perf_counter() - started}}
    write(folder, "halo", found)
    again = crmc.run(config, quiet=True)
    found["again"] = facts(again) | {"differ": equal(whole.data, again.data)}
    write(folder, "halo", found)
    at = interrupted(config, folder / "resumed.nc")
    rest = crmc.run(config, output=folder / "resumed.nc", quiet=True, resume=True)
    found["resumed"] = {"at": at, "differ": equal(whole.data, rest.data)}
    write(folder, "halo", found)


def interrupted(config: Any, output: Path) -> int:
    """Run ``config``, interrupt it as soon as it has saved, and return the number of steps it has taken."""
    ended, checkpoint = threading.Event(), output.with_name(f"{output.name}.checkpoint.npz")

    def interrupt() -> None:
        while not ended.wait(0.001):
            if checkpoint.exists():
                os.kill(os.getpid(), signal.SIGINT)
                return

    checkpoint.unlink(missing_ok=True)
    watcher = threading.Thread(target=interrupt)
    watcher.start()
    part = crmc.run(config, output=output, quiet=True, chunk_steps=16, save_seconds=0.0)
    ended.set()
    watcher.join()
    if part.status != "interrupted":
        raise RuntimeError(f"the run was to be interrupted, but is {part.status}")
    return int(part.summary["steps"])


def cpu(folder: Path, *overrides: str) -> None:
    """Run the halo where this process runs, to be compared with the device's."""
    config = crmc.load_config("halo", list(overrides))
    write(folder, "cpu", facts(crmc.run(config, output=folder / "halo-cpu.nc", quiet=True)))


def compared(folder: Path) -> list[tuple[str, str]]:
    """Return lines that compare the device's run with the CPU's, which has the same random words, in its errors."""
    import numpy as np
    import xarray

    paths = folder / "halo.nc", folder / "halo-cpu.nc"
    if not all(path.is_file() for path in paths):
        return []
    one, other = (xarray.open_dataset(path, engine="h5netcdf") for path in paths)
    averages = [json.loads(x.attrs["summary"])["averages"] for x in (one, other)]
    lines = []
    for name in ("heating_rate", "pressure_anisotropy", "mean_free_path_p1"):
        here, there = (x[name] for x in averages)
        if here["stderr"]:
            distance = abs(here["value"] - there["value"]) / here["stderr"]
            lines.append((name, f"{here['value']:.5g}; {distance:.2g} errors from the CPU's"))
    for name in ("average_growth_rate", "average_wave_power"):
        a, b, error = (np.asarray(x) for x in (one[name], other[name], one[f"{name}_stderr"]))
        if np.any(error > 0.0):
            distance = np.nanmax(np.abs(a - b)[error > 0.0] / error[error > 0.0])
            lines.append((name, f"all bins within {distance:.2g} errors of the CPU's"))
    return lines


# ---- table ---------------------------------------------------------------------------------


def seconds_of(folder: Path, name: str) -> str:
    """Return the wall time of a piece as text."""
    path = folder / f"{name}.seconds"
    return f"{path.read_text().strip()} s in all" if path.is_file() else "not measured"


def speeds(folder: Path) -> list[tuple[str, str]]:
    """Return the lines of pieces ``speed`` and ``most``."""
    found, lines = read(folder, "speed"), []
    for row in sorted(found or [], key=lambda x: x["markers"]):
        rate = row["marker_steps_per_second"]
        shares = ", ".join(f"{100 * rate / limit:.1f} % of {name}" for name, limit in LIMITS.items())
        text = f"{rate:.3g} marker-steps/s, {1e3 * row['seconds_per_step']:.3g} ms a step ({shares})"
        lines.append((f"{row['markers']:,} markers", text))
    for row in read(folder, "most") or []:
        fits = f"{row['marker_steps_per_second']:.3g} marker-steps/s" if row["fits"] else f"no: {row['why']}"
        lines.append((f"fits {row['markers']:,}?", fits))
    return lines


def runs(folder: Path) -> list[tuple[str, str]]:
    """Return the lines of pieces ``halo`` and ``cpu``."""
    found, lines = read(folder, "halo") or {}, []

    def bits(part: str) -> str:
        return "equal to the bit" if not found[part]["differ"] else "DIFFERS: " + ", ".join(found[part]["differ"][:4])

    if "first" in found:
        one = found["first"]
        text = f"{one['wall_seconds']:.3g} s for {one['steps']} steps, compiled in {one['compile_seconds']:.3g} s"
        lines.append(("halo", text))
    if "again" in found:
        lines.append(("halo again", bits("again")))
    if "resumed" in found:
        lines.append((f"halo resumed at step {found['resumed']['at']}", bits("resumed")))
    if slow := read(folder, "cpu"):
        lines.append(("halo on the CPU", f"{slow['wall_seconds']:.3g} s"))
    return lines + compared(folder)


def table(folder: Path) -> None:
    """Print all that was found."""
    card = folder / "gpu.csv"
    lines = [("card", card.read_text().splitlines()[-1])] if card.is_file() and card.read_text() else []
    lines += speeds(folder) + runs(folder)
    lines += [(name, seconds_of(folder, name)) for name in ("sweep8", "sweep32", "sensitivity", "qlt")]
    failed = folder / "failed"
    if failed.is_file():
        lines += [("FAILED", line) for line in failed.read_text().splitlines()]
    width = max(len(name) for name, _ in lines)
    print("\n".join(f"{name.ljust(width)}  {text}" for name, text in lines))


PIECES: dict[str, Callable[..., None]] = {"speed": speed, "most": most, "halo": halo, "cpu": cpu, "table": table}


def main(argv: Sequence[str]) -> None:
    """Measure the piece that the command line names."""
    name, folder, *rest = argv
    PIECES[name](Path(folder), *rest)


if __name__ == "__main__":
    main(sys.argv[1:])
