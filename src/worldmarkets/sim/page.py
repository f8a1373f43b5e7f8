"""The report as one HTML file that needs nothing else: no network, no file beside it."""

from __future__ import annotations

from importlib.resources import files

from worldmarkets.sim.report import Report, to_json


def render_page(report: Report) -> str:
    """Returns the page of a report. Charts are drawn by uPlot, which is written into the page."""
    parts = {
        "/*UPLOT_CSS*/": _read("uPlot.min.css"),
        "/*UPLOT_JS*/": f"/*\n{_read('uPlot.LICENSE.md')}*/\n{_read('uPlot.iife.min.js')}",  # goes where it goes
        "/*PAGE_JS*/": _read("replay.js"),
        "/*DATA*/": to_json(report).replace("<", "\\u003c"),  # nothing in the data can end its element
    }
    page = _read("replay.html")
    for mark, text in parts.items():
        before, _, after = page.partition(mark)
        page = before + text + after
    return page


def _read(name: str) -> str:
    return files("worldmarkets.sim").joinpath("assets").joinpath(name).read_text(encoding="utf-8")
