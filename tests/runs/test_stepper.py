"""The stepper: which rows fall due at which step, with programs that only count."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

from crmc.runs.stepper import Programs, Series, Stepper
from crmc.setup.schedule import Schedule

#: 140 steps: records every 2, blocks every 8, rows every 15.
SCHEDULE = Schedule(140, 15, 0, 15, 8, 1)


def stepper():
    """A stepper whose state is the number of its step, and whose tallies are sums of these numbers."""

    def advance(states, tallies, keys, parameters, count):
        new = range(int(states.step) + 1, int(states.step) + int(count) + 1)
        return SimpleNamespace(step=states.step + count), tuple(tally + sum(new) for tally in tallies)

    def observe(states, tally, count, mean, parameters):
        row = {"sum": np.array([tally]), "count": np.array([count]), "mean": np.array([mean])}
        return SimpleNamespace(unpacked=lambda: row)

    with jax.enable_x64(True):
        start = SimpleNamespace(step=jax.numpy.asarray(0))
        return Stepper(Programs(advance, observe, 0.0, False), start, None, None, 0, SCHEDULE)


def finish(run, chunk):
    """Advance to the end in chunks of at most ``chunk`` steps."""
    run.observe_due(everything=True)
    while run.step < run.end:
        run.take(min(chunk, run.until_due()))
        run.observe_due(everything=run.step == run.end)
    return run


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_rows_fall_due_on_their_steps(chunk):
    """At the start, at every multiple, and at the end; each holds the sum and the number of its own steps."""
    run = finish(stepper(), chunk)
    for series, every, mean in ((run.output, 15, False), (run.records, 2, True), (run.blocks, 8, True)):
        steps = sorted({*range(0, 141, every), 140})
        assert series.steps == steps
        values = series.stacked().values
        begin = [0, *steps[:-1]]
        assert values["count"][:, 0].tolist() == [b - a for a, b in zip(begin, steps, strict=True)]
        want = [sum(range(a + 1, b + 1)) for a, b in zip(begin, steps, strict=True)]
        assert values["sum"][:, 0].tolist() == want
        assert (values["mean"] == mean).all()
    assert run.taken == run.step == 140


def test_steps_until_the_next_row():
    """From step 13 it is one step to the record of step 14, and from 14 one to the row of 15."""
    run = stepper()
    assert run.until_due() == 2
    for due in (2, 4, 6, 8, 10, 12):
        run.take(run.until_due())
        assert run.step == due and run.observe_due()
    run.take(1)
    assert not run.observe_due()
    assert run.until_due() == 1
    run.take(1)
    assert run.observe_due() and run.until_due() == 1


def test_newest_rows():
    """The first row and the last ones, without repeating the first."""
    series = Series(5, mean=False)
    for step in range(0, 20, 5):
        series.append(step, {"x": np.array([float(step)])})
    for last, steps in ((0, [0, 5, 10, 15]), (1, [0, 15]), (2, [0, 10, 15]), (9, [0, 5, 10, 15])):
        rows = series.stacked(last)
        assert rows.steps == steps and rows.values["x"][:, 0].tolist() == steps
    fresh = Series(5, mean=False)
    fresh.append(0, {"x": np.zeros(1)})
    assert fresh.stacked(1).steps == [0]
