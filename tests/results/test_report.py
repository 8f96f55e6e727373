"""The report of a result: one page that needs nothing else, with the numbers of the summary, for runs and sweeps."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import xarray as xr
from matplotlib.figure import Figure
from support.result_cases import saved, synthetic
from support.sweep_cases import KEYS, swept_data

import crmc
from crmc.results.dataset import read
from crmc.results.report import page, report

VOID = ("meta", "img")


class Reader(HTMLParser):
    """Reads a page: the cells of its tables, its attributes, and whether every element is closed."""

    def __init__(self, text: str):
        super().__init__()
        self.rows: list[list[str]] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element and what it refers to."""
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "action")]
        self.open += [] if tag in VOID else [tag]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Add text to the cell that it is in."""
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def with_summary() -> xr.Dataset:
    """The made-up result with averages."""
    data = synthetic()
    summary = json.loads(data.attrs["summary"]) | {
        "status": "done",
        "markers": 32768,
        "replicas": 8,
        "averages": {
            "heating_rate": {"value": 2.1e-30, "stderr": 4.2e-32, "unit": "erg cm-3 s-1"},
            "pressure_anisotropy": {"value": 8e-4, "stderr": 1e-5, "unit": "1"},
            "drift_velocity": {"value": 1.0, "stderr": 9.0, "unit": "cm s-1"},
            "energy_residual": {"value": 1e-9, "stderr": None, "unit": "1"},
        },
    }
    return data.assign_attrs(summary=json.dumps(summary), host="<b>&", title="a <script> & $b_{")


@pytest.fixture(scope="module")
def text() -> str:
    """The page of the made-up result with averages."""
    return page(with_summary(), "x.nc")


@pytest.fixture
def one_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small figure instead of all, which take a second."""
    monkeypatch.setattr("crmc.results.report.drawings", lambda data, source: {"spectra": Figure(figsize=(1, 1))})


def test_page_of_a_run(text: str) -> None:
    """Well-formed; numbers with error, theory and ratio; five figures inside; text of the result is escaped."""
    found = Reader(text)
    assert not found.open and text.startswith("<!doctype html>")
    assert [
        "power into waves",
        "2.100e-30 +- 4.2e-32",
        "erg cm-3 s-1",
        "2.100e-30 (steady state)",
        "1.000 +- 0.020",
    ] in [[cell.strip() for cell in row] for row in found.rows]
    assert not any(row[0] == "drift" for row in found.rows)  # no gradient: noise
    assert ["host", "<b>&"] in found.rows
    assert "<script" not in text and "&lt;script&gt;" in text
    images = [link for link in found.links if link.startswith("data:image/png;base64,")]
    assert len(images) == 5 == len(found.links)
    assert all(base64.b64decode(link.partition(",")[2]).startswith(b"\x89PNG") for link in images)


def test_page_needs_nothing_else(text: str) -> None:
    """No address of a network, no file beside it; light and dark, narrow and wide."""
    outside = re.sub(r"data:image/png;base64,[^']*", "", text)
    assert not re.search(r"https?://|@import|url\(", outside)
    assert "prefers-color-scheme: dark" in text and "max-width: 40rem" in text and "width=device-width" in text


def test_page_of_a_run_without_summary(one_figure: None) -> None:
    """A run under way has figures, its status, and no averages."""
    data = synthetic().assign_attrs(status="running")
    del data.attrs["summary"]
    text = page(data, "x.nc")
    assert not Reader(text).open and ">running<" in text and "Averages" not in text


def test_page_of_a_sweep(one_figure: None) -> None:
    """A row for each point, last key fastest, with its status."""
    found = Reader(page(swept_data("a", "b"), "x.nc"))
    points = [row for row in found.rows if row[-1] == "done"]
    assert [row[:2] for row in points] == [[f"{a:.5g}", f"{b:.5g}"] for a in KEYS["a"] for b in KEYS["b"]]
    assert points[0][2] == "2.0000e-30 +- 1.0e-33"


def test_report_writes_the_file(tmp_path: Path, one_figure: None) -> None:
    """Of a file and of data in memory; what is no result is refused and nothing is written."""
    path = saved(with_summary(), tmp_path / "run.nc")
    assert report(path, tmp_path / "a.html").read_text(encoding="utf-8") == page(read(path), str(path))
    assert crmc.report(with_summary(), tmp_path / "b.html").exists()
    with pytest.raises(crmc.ConfigError, match="no.nc"):
        report(tmp_path / "no.nc", tmp_path / "c.html")
    assert not (tmp_path / "c.html").exists()
