"""Write the results of ``crmc bench`` as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crmc.bench.worker import PRODUCTION

#: Remarks on alternatives that differ in more than their language.
NOTES = {
    "numpy": "one thread",
    "c++-plain": "one loop over markers as one would write it first",
    "diffrax": "does less: kicks and expansion only, no deposit, no growth; does not conserve the measure",
}
_HEADER = ("alternative", "ns/marker-step", "marker-steps/s", "crmc faster by", "bytes/marker", "compile s", "threads")


def text(found: Mapping[str, Any]) -> str:
    """Return a table of speeds for each number of markers, notes and the roofline estimate.

    found: result of `crmc.bench.measure.measure`
    """
    parts = [f"halo, float32 markers, {found['device']}; median of {found['repeat']} pairs timed in turn"]
    for row in found["sizes"]:
        lines = [_HEADER, _line(PRODUCTION, row[PRODUCTION])]
        lines += [_line(name, entry) for name, entry in row["against"].items() if entry["available"]]
        missing = [
            f"{name}: not available: {entry['remedy']}"
            for name, entry in row["against"].items()
            if not entry["available"]
        ]
        parts.append("\n".join([f"{row['markers']:,} markers", _align(lines), *missing]))
    notes = [f"{name}: {NOTES[name]}" for name in found["sizes"][0]["against"] if name in NOTES]
    parts.append("\n".join([*notes, *_roofline(found["roofline"])]))
    return "\n\n".join(parts)


def _line(name: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the cells of one alternative; bytes are those on the device if it reports them."""
    memory = entry["resident_bytes_per_marker"]
    if entry["device_bytes_per_marker"] is not None:
        memory = entry["device_bytes_per_marker"]
    ratio = entry.get("ratio")
    return (
        name,
        f"{entry['ns_per_marker_step']:.4g}",
        f"{entry['marker_steps_per_second']:.3g}",
        "" if ratio is None else f"{ratio:.3g}",
        "" if memory is None else f"{memory:.0f}",
        f"{entry['compile_seconds']:.1f}",
        f"{entry['threads']}",
    )


def _align(lines: Sequence[tuple[str, ...]]) -> str:
    """Return the lines in columns, the first aligned left and the others right."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADER))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def _roofline(found: Mapping[str, Any] | None) -> list[str]:
    """Return the lines of the roofline estimate; none without one."""
    if not found:
        return []
    return [
        f"roofline: {found['bytes_per_marker_step']} bytes at {found['bandwidth_bytes_per_second'] / 1e9:.3g} GB/s "
        f"(triad b + 3 c) take {found['bandwidth_ns_per_marker_step']:.3g} ns;",
        f"  {found['flops_per_marker_step']} operations and {found['transcendentals_per_marker_step']} logarithms and "
        f"exponentials of {found['flops_per_transcendental']} at "
        f"{found['arithmetic_flops_per_second'] / 1e9:.4g} Gflop/s (matrix product) take "
        f"{found['arithmetic_ns_per_marker_step']:.3g} ns;",
        f"  {found['gathers_per_marker_step']} table reads and {found['scatters_per_marker_step']} additions to "
        "histograms per marker-step are not in the estimate",
    ]
