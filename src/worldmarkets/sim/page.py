"""A report as one HTML file that needs nothing else: no network, no file beside it."""

from __future__ import annotations

from importlib.resources import files

import msgspec

from worldmarkets.sim.report import Report


def render_page(report: Report) -> str:
    """Returns the page of a replay."""
    return fill_page("replay", report)


def fill_page(name: str, report: msgspec.Struct) -> str:
    """Returns the page of a report, `name`.html and `name`.js of the assets with the report's data written into it.

    Charts are drawn by uPlot, which is written into the page too.
    """
    parts = {
        "/*UPLOT_CSS*/": _read("uPlot.min.css"),
        "/*PAGE_CSS*/": _read("page.css"),
        "/*UPLOT_JS*/": f"/*\n{_read('uPlot.LICENSE.md')}*/\n{_read('uPlot.iife.min.js')}",  # goes where it goes
        "/*SHARED_JS*/": _read("page.js"),
        "/*PAGE_JS*/": _read(f"{name}.js"),
        "/*DATA*/": msgspec.json.encode(report).decode().replace("<", "\\u003c"),  # nothing in it can end its element
    }
    page = _read(f"{name}.html")
    for mark, text in parts.items():
        before, _, after = page.partition(mark)
        page = before + text + after
    return page


def _read(name: str) -> str:
    return files("worldmarkets.sim").joinpath("assets").joinpath(name).read_text(encoding="utf-8")
