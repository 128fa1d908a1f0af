"""Plots of results: drawn in a room above, which is found when it is asked for."""

from importlib import import_module
from typing import Any

__all__ = ["overview", "swept"]


def overview(results: Any, title: str) -> Any:
    """Return the figure of `planesched.report.plots.overview_plot`."""
    return import_module("planesched.report.plots").overview_plot(results, title)


def swept(sweep: Any, title: str) -> Any:
    """Return the figure of `planesched.report.sweepplot.sweep_plot`."""
    return import_module("planesched.report.sweepplot").sweep_plot(sweep, title)
