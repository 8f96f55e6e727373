"""Write a result as one page of HTML that needs nothing else: verdicts, numbers, figures, config and provenance."""

from __future__ import annotations

import base64
import io
import itertools
import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from crmc.outputs import write_text
from crmc.results.dataset import read
from crmc.results.figures import drawings
from crmc.results.figures.sweep import swept
from crmc.results.verdicts import Verdict, verdicts
from crmc.text import finite, number, one_line, with_error

_STYLE = Path(__file__).with_name("report.css")
#: Most points of a sweep that its table lists.
_MOST_POINTS = 500
#: Average -> title, and the predictions beside it, of which the first that is there counts, with their name.
_ROWS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "heating_rate": ("power into waves", ("heating_exact_gap", "heating_exact"), "steady state"),
    "spectral_heating_rate": ("the same by growth rates", (), ""),
    "gas_heating_rate": ("power damped into the gas", (), ""),
    "identity_ratio": ("eq. 37, ratio of both", (), ""),
    "pressure_anisotropy": ("pressure anisotropy", ("threshold",), "threshold, eq. 23"),
    "gap_pressure_anisotropy": ("share of it in the gap", (), ""),
    "drift_velocity": ("drift", ("drift_velocity",), "steady state"),
} | {
    f"{name}_p{p}": (f"{title}, p = {p} m_p c", (f"{name}_p{p}",), "steady state")
    for name, title in (("scattering_frequency", "scattering frequency"), ("mean_free_path", "mean free path"))
    for p in (1, 3, 10)
}
_CAPTIONS = {
    "pressures": "Pressures relative to t = 0, and the anisotropy.",
    "spectra": "Wave power and rates of the four branches; bands are one standard error.",
    "heating": "Power from cosmic rays into waves, by kicks and by growth rates, and into the gas.",
    "ledger": "Change of every store of energy, and of their sum.",
    "scattering": "Scattering frequency and mean free path; dashed: theory.",
    "averages": "Averages over the last half of the runs, with theory.",
}
_PROVENANCE = (
    *("command_line", "source", "commit", "versions", "device", "host", "created"),
    *("solver", "seed", "prng", "time_step_s", "references"),
)


def report(result: str | Path | xr.Dataset, output: str | Path) -> Path:
    """Write a run or a sweep as one self-contained HTML page, and return its path.

    result: dataset or path of a result file.  Raises ConfigError where it is no result, and OutputError where the page
    cannot be written.
    """
    data = result if isinstance(result, xr.Dataset) else read(Path(result))
    output = Path(output)
    write_text(output, page(data, str(data.attrs.get("title", "crmc")) if result is data else str(result)))
    return output


def page(data: xr.Dataset, source: str) -> str:
    """Return the HTML of a result.

    source: name of the result, with which messages begin.
    """
    attributes = data.attrs
    status = str(attributes.get("status", "running"))
    title = one_line(attributes.get("title", "crmc"), 120)
    summary = _summary(attributes)
    parts = [
        f"<h1>{escape(title)} <span class='badge {_safe(status)}'>{escape(status)}</span></h1>",
        f"<p>{escape(one_line(attributes.get('status_text', '') or ''))}</p>",
    ]
    if dims := swept(data):
        parts.append(_section("Points", _points(data, dims)))
    else:
        parts.append(_section("Checks", _checks(verdicts(summary, conserves=_conserves(attributes)))))
        parts.append(_section("Averages over the last half", _averages(summary) + _explained(summary)))
    parts.append(_section("Figures", "".join(_pictures(data, source))))
    parts.append(_section("Config", f"<pre>{escape(str(attributes.get('config', '')).strip())}</pre>"))
    rows = [(name, one_line(attributes[name], 400)) for name in _PROVENANCE if name in attributes]
    parts.append(_section("Provenance", _table(("", ""), rows)))
    head = f"<title>{escape(title)} - crmc</title><style>{_STYLE.read_text(encoding='utf-8')}</style>"
    meta = "<meta charset='utf-8'><meta name='viewport' content='width=device-width, initial-scale=1'>"
    return (
        f"<!doctype html><html lang='en'><head>{meta}{head}</head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def _summary(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the summary of a run, or what is known without one."""
    try:
        return dict(json.loads(str(attributes["summary"])))
    except (KeyError, TypeError, ValueError):
        return {"status": attributes.get("status", "running"), "status_text": attributes.get("status_text", "")}


def _conserves(attributes: Mapping[str, Any]) -> bool:
    """Return whether the equations of the run conserve energy."""
    try:
        return bool(tomllib.loads(str(attributes["config"]))["waves"]["coefficients"] == "exact")
    except (KeyError, TypeError, ValueError):
        return True


def _section(title: str, body: str) -> str:
    """Return a section of the page; empty without a body."""
    return f"<section><h2>{escape(title)}</h2>{body}</section>" if body else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of text that scrolls where the page is narrow; empty without rows."""
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    if not lines:
        return ""
    heads = "".join(f"<th>{escape(cell)}</th>" for cell in head) if any(head) else ""
    body = "".join(f"<tr>{line}</tr>" for line in ([heads] if heads else []) + lines)
    return f"<div class='wide'><table>{body}</table></div>"


def _checks(found: Sequence[Verdict]) -> str:
    """Return the list of verdicts."""
    items = []
    for one in found:
        words = f"<b>{escape(one.word)}</b> <span>{escape(one.name)}: {escape(one.reason)}</span>"
        items.append(f"<li class='{_safe(one.word)}'>{words}</li>")
    return f"<ul class='checks'>{''.join(items)}</ul>"


def _safe(word: str) -> str:
    """Return a word as the name of a class in the style."""
    return "".join(letter for letter in word if letter.isalpha())


def _averages(summary: Mapping[str, Any]) -> str:
    """Return the table of averages with errors, and theory beside them."""
    averages, theory = summary.get("averages") or {}, summary.get("theory") or {}
    rows = []
    for name, (title, predictions, words) in _ROWS.items():
        # Without a gradient the drift is noise.
        if (entry := averages.get(name)) is None or (name == "drift_velocity" and "heating_drift" not in theory):
            continue
        value, error = finite(entry.get("value")), finite(entry.get("stderr"))
        exact = next((finite(theory[other]["value"]) for other in predictions if other in theory), None)
        ratio = with_error(value / exact, error / abs(exact) if error else None) if value is not None and exact else ""
        unit = str(entry.get("unit", ""))
        beside = f"{number(exact)} ({words})" if exact is not None else ""
        rows.append((title, with_error(value, error), "" if unit == "1" else unit, beside, ratio))
    return _table(("", "measured", "unit", "theory", "measured/theory"), rows)


def _explained(summary: Mapping[str, Any]) -> str:
    """Return what the numbers are, where there are some, and the size of the run."""
    if not summary.get("averages"):
        return ""
    size = [f"{summary[name]:,} {name}" for name in ("markers", "replicas", "cells", "steps") if name in summary]
    words = "+- is the standard deviation of the number over independent repetitions of the whole run"
    return f"<p class='small'>{escape(', '.join([*size, str(summary.get('precision', ''))]))}. {escape(words)}.</p>"


def _points(data: xr.Dataset, dims: Sequence[str]) -> str:
    """Return the table of the points of a sweep."""
    gradient = "theory_heating_drift" in data
    names = [x for x in _ROWS if f"average_{x}" in data and x in _LISTED and (gradient or x != "drift_velocity")]
    units = [str(data[f"average_{name}"].attrs.get("units", "1")) for name in names]
    heads = [_ROWS[name][0] + (f" [{unit}]" if unit != "1" else "") for name, unit in zip(names, units, strict=True)]
    rows = []
    for place in itertools.islice(np.ndindex(*(data.sizes[dim] for dim in dims)), _MOST_POINTS):
        cells = [f"{float(data[dim][i]):.5g}" for dim, i in zip(dims, place, strict=True)]
        for name in names:
            value, error = (data.get(f"average_{name}{end}") for end in ("", "_stderr"))
            cells.append(with_error(*(None if x is None else float(x.values[place]) for x in (value, error))))
        rows.append([*cells, str(data["status"].values[place])])
    return _table([*dims, *heads, "status"], rows)


_LISTED = ("heating_rate", "identity_ratio", "pressure_anisotropy", "drift_velocity", "mean_free_path_p3")


def _pictures(data: xr.Dataset, source: str) -> Iterable[str]:
    """Yield the figures, embedded."""
    for name, figure in drawings(data, source).items():
        content = io.BytesIO()
        figure.savefig(content, dpi=100, format="png")
        image = base64.b64encode(content.getvalue()).decode("ascii")
        caption = escape(_CAPTIONS.get(name, name))
        yield (
            f"<figure><img alt='{caption}' src='data:image/png;base64,{image}'>"
            f"<figcaption>{caption}</figcaption></figure>"
        )
