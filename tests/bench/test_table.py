"""The text of `crmc bench`: numbers of every alternative, what is missing, notes and the roofline estimate."""

from typing import Any

from crmc.bench import table
from crmc.bench.roofline import estimate


def entry(nanoseconds: float, **more: Any) -> dict[str, Any]:
    """Results of an alternative that takes so long for a marker-step."""
    speed = {"ns_per_marker_step": nanoseconds, "marker_steps_per_second": 1e9 / nanoseconds}
    memory = {"resident_bytes_per_marker": 40.4, "device_bytes_per_marker": None}
    return speed | memory | {"available": True, "compile_seconds": 1.25, "threads": 2} | more


def measured() -> dict[str, Any]:
    """A benchmark of one size with one reference that runs and one that does not."""
    against = {
        "numpy": entry(80.0, ratio=4.0, threads=1, device_bytes_per_marker=10.0),
        "numba": {"available": False, "remedy": "pip install numba"},
    }
    row = {"markers": 1_000_000, "crmc": entry(20.0), "against": against}
    rates = {"bandwidth": 56e9, "arithmetic": 505e9}
    return {"device": "cpu x", "repeat": 3, "sizes": [row], "roofline": estimate(rates)}


def test_rows_hold_the_numbers() -> None:
    """Time, speed, ratio, bytes (those of the device if there are any), compile time and threads; columns line up."""
    head, block, end = table.text(measured()).split("\n\n")
    assert "cpu x" in head and "median of 3 pairs" in head
    title, names, crmc, numpy, missing = block.splitlines()
    assert title == "1,000,000 markers"
    assert crmc.split() == ["crmc", "20", "5e+07", "40", "1.2", "2"]
    assert numpy.split() == ["numpy", "80", "1.25e+07", "4", "10", "1.2", "1"]
    assert len(names) == len(crmc) == len(numpy)
    assert missing == "numba: not available: pip install numba"
    # 56 bytes at 56 GB/s, and 730 + 14*20 operations at 505 Gflop/s.
    assert "numpy: one thread" in end and "take 1 ns" in end and "take 2 ns" in end


def test_no_roofline_without_rates() -> None:
    """Notes alone where the machine was not measured."""
    assert "roofline" not in table.text(measured() | {"roofline": None})
