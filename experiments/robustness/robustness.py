"""Mistreat crmc in many ways, and write a table of what became of it.

Fine is: the work is done (0), one line names what is wrong (2), or a run ends in order and says why (3, 130).  Not
fine: a traceback, "internal error", a crash, a hang, numbers that are silently not finite, a checkpoint that is lost.

    python experiments/robustness/robustness.py --scale 1 -o experiments/robustness/table.md
"""

from __future__ import annotations

import argparse
import math
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import tomli_w
import xarray as xr
from mistreatment import BASE, EXTREME, damage, environments, fuzzed
from processes import Worker, crmc, good_words

#: Name of a case, and its outcome.
Case = tuple[str, str]
MESH = ["--solver", "fokker-planck"]


def write_config(folder: Path, data: dict[str, object] = BASE) -> Path:
    """Write a config file into ``folder`` and return it."""
    path = folder / "small.toml"
    path.write_text(tomli_w.dumps(data), encoding="utf-8")
    return path


def state_of(output: Path) -> bytes:
    """Return the bytes of the state in the checkpoint beside a result."""
    with np.load(output.with_name(f"{output.name}.checkpoint.npz"), allow_pickle=False) as file:
        return b"".join(file[name].tobytes() for name in sorted(file.files) if name.startswith("state"))


def reference(folder: Path) -> Path:
    """Run the small config undisturbed, and return its result."""
    output = folder / "reference.nc"
    found = crmc("run", write_config(folder), *MESH, "-o", output, "--quiet")
    if found.code != 0:
        raise SystemExit(f"the reference itself fails: {found.err}")
    return output


def configs(count: int, folder: Path, chance: random.Random) -> Iterator[Case]:
    """Yield what `crmc validate` makes of configs with random keys, values, types, and bytes."""
    with Worker() as worker:
        for number in range(count):
            path = folder / "fuzzed.toml"
            path.write_bytes(fuzzed(chance))
            yield f"config {number}", good_words(worker.call("validate", path), (0, 2))


def files(count: int, folder: Path, chance: random.Random) -> Iterator[Case]:
    """Yield what plot, export and --resume make of results and checkpoints with damaged bytes."""
    result = reference(folder)
    checkpoint = result.with_name(f"{result.name}.checkpoint.npz")
    whole = {path: path.read_bytes() for path in (result, checkpoint)}
    with Worker() as worker:
        for number in range(count):
            path = (result, result, checkpoint)[number % 3]
            spoilt, how = damage(whole[path], chance)
            for one, content in whole.items():
                one.write_bytes(spoilt if one == path else content)
            plot, export = ("plot", result, "-o", folder / "drawn"), ("export", result, "--csv", "-o", folder / "drawn")
            resume = ("run", folder / "small.toml", *MESH, "-o", result, "--resume", "--quiet")
            words = resume if path == checkpoint else (plot, export)[number % 2]
            yield f"{path.suffix} {how}, {words[0]}", good_words(worker.call(*words), (0, 2))


#: Runs a config as ``crmc run --resume auto`` does, but saves after every step: a short run then has checkpoints, too.
SAVING = """
import sys
from crmc.config.config import load_config
from crmc.machine.cache import keep_programs
from crmc.runs.run import run
keep_programs()
options = {"resume": "auto", "quiet": True, "solver": "fokker-planck", "save_seconds": 0.0, "chunk_steps": 1}
sys.exit(run(load_config(sys.argv[1]), output=sys.argv[2], **options).exit_code)
"""


def kills(count: int, folder: Path, chance: random.Random) -> Iterator[Case]:
    """Yield whether a run killed at a random moment ends at the state of an undisturbed one once it is resumed."""
    want, config = state_of(reference(folder)), folder / "small.toml"
    run = partial(crmc, command=[sys.executable, "-c", SAVING])
    run(config, folder / "compiled.nc")
    begun = time.monotonic()
    run(config, folder / "timed.nc")
    lasts = time.monotonic() - begun
    for number in range(count):
        output, moment = folder / f"killed{number}.nc", chance.uniform(0.0, lasts)
        killed = run(config, output, kill=(signal.SIGKILL, moment))
        kept = output.with_name(f"{output.name}.checkpoint.npz").exists()
        again = run(config, output)
        left = [path.name for path in folder.glob("*.part")]
        fine = again.code == 0 and state_of(output) == want and not left
        how = "over before" if killed.code == 0 else "resumed" if kept else "begun again"
        words = f"{how}, to the same bits" if fine else f"NOT FINE: {again.code} {again.err[-200:]} {left}"
        yield f"kill -9 after {moment:.1f} s of {lasts:.1f} s", words


def disks(count: int, folder: Path, chance: random.Random) -> Iterator[Case]:
    """Yield whether a run on a disk that fills up keeps its last checkpoint, says so, and can be resumed."""
    output = reference(folder)
    want, size = state_of(output), max(path.stat().st_size for path in folder.glob("reference.nc*"))
    for number in range(count):
        room, output = chance.randrange(0, int(1.2 * size)), folder / f"full{number}.nc"
        command = ("run", folder / "small.toml", *MESH, "-o", output, "--quiet")
        limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        full = crmc(*command, before=limit)
        words = good_words(full, (0, 3))
        parts = list(folder.glob("*.part"))
        again = crmc(*command, "--resume", "auto")
        if again.code or state_of(output) != want or parts:
            words = f"NOT FINE: then {again.code} {again.err[-200:]} {parts}"
        yield f"files of at most {room >> 10} KiB", words


def pairs(count: int, folder: Path, _: random.Random) -> Iterator[Case]:
    """Yield what becomes of two runs that are given one output at the same time: one is done, one is refused."""
    config = write_config(folder)
    for number in range(count):
        command = ("run", config, *MESH, "-o", folder / f"pair{number}.nc", "--quiet")
        first = crmc(*command, wait=False)
        second = crmc(*command)
        found = first.result()
        codes = sorted((found.code, second.code))
        text = found.err + second.err
        fine = codes == [0, 2] and "is being written by another run" in text and "internal" not in text
        yield "two runs, one output", "one done, one refused" if fine else f"NOT FINE: {codes} {text[-300:]}"


def places(count: int, folder: Path, _: random.Random) -> Iterator[Case]:
    """Yield what becomes of runs in odd environments: locales, clocks, no home, read-only folders, closed streams."""
    config = write_config(folder)
    for number, (name, codes, how) in enumerate(environments(folder)[:count]):
        output = folder / f"place{number}.nc"
        yield name, good_words(how(("run", str(config), *MESH, "-o", str(output), "--quiet")), codes)


def extremes(count: int, folder: Path, _: random.Random) -> Iterator[Case]:
    """Yield whether extreme but legal numbers end in finite results or in one line; more than allowed in one line."""
    config = write_config(folder)
    for name, sets in EXTREME[:count]:
        output = folder / "extreme.nc"
        output.unlink(missing_ok=True)
        words = [word for text in sets for word in ("--set", text)]
        found = crmc("run", config, *words, "-o", output, "--quiet")
        outcome = good_words(found, (0, 2, 3))
        if found.code == 0:
            with xr.open_dataset(output, engine="h5netcdf") as data:
                last = {key: data[key].values[-1] for key in ("heating_rate", "pressure_anisotropy", "wave_power")}
            bad = [key for key, value in last.items() if not np.isfinite(value).all()]
            outcome = f"NOT FINE: {bad} not finite" if bad else "done, all numbers finite"
        yield name, outcome


#: Name of a kind of mistreatment -> what it is, number of cases at scale 1, and the function that yields outcomes.
KINDS: dict[str, tuple[str, int, Callable[[int, Path, random.Random], Iterator[Case]]]] = {
    "configs": ("fuzzed configs", 1000, configs),
    "files": ("damaged results and checkpoints", 200, files),
    "kills": ("kill -9 and resume", 20, kills),
    "disks": ("full disk and resume", 10, disks),
    "pairs": ("two processes, one output", 2, pairs),
    "places": ("environments", 100, places),
    "extremes": ("extreme parameters", 100, extremes),
}


def table(found: dict[str, list[Case]], cases: bool) -> str:
    """Return the table of outcomes by kind; cases: and one of all cases that are few, or not fine."""
    lines = ["| mistreatment | outcome | cases |", "| --- | --- | ---: |"]
    for kind, outcomes in found.items():
        counted = Counter(words for _, words in outcomes)
        lines += [f"| {KINDS[kind][0]} | {words} | {number} |" for words, number in counted.most_common()]
    several = [(kind, *case) for kind, outcomes in found.items() for case in outcomes]
    shown = [case for case in several if "NOT FINE" in case[2] or (cases and case[0] not in ("configs", "files"))]
    lines += ["", "| case | outcome |", "| --- | --- |", *(f"| {name} | {words} |" for _, name, words in shown)]
    return "\n".join(line.replace("\n", " ") for line in lines) + "\n"


def main() -> int:
    """Mistreat crmc, print and write the table, and return 1 if anything is not fine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the cases to try (default: 1)")
    parser.add_argument("--only", default=",".join(KINDS), help="kinds, with commas (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, help="write the table to this file, too")
    given = parser.parse_args()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    found: dict[str, list[Case]] = {}
    for kind in given.only.split(","):
        _, most, function = KINDS[kind]
        with tempfile.TemporaryDirectory(prefix="crmc-robustness-") as folder:
            found[kind] = []
            for case in function(math.ceil(given.scale * most), Path(folder), random.Random(f"{kind}{given.seed}")):
                found[kind].append(case)
                if "NOT FINE" in case[1]:
                    sys.stderr.write(f"{kind}: {case[0]}: {case[1]}\n")
    text = table(found, cases=True)
    sys.stdout.write(text)
    if given.output is not None:
        given.output.write_text(text, encoding="utf-8")
    return int("NOT FINE" in text)


if __name__ == "__main__":
    sys.exit(main())
