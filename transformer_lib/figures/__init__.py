"""The figures of the book: one house style; maps, curves, bars and dots under it.

To be read in this order: style.py (looks, a new figure, its picture), curves.py, intervals.py,
bars.py, samples.py (histograms and points), runs.py (the course of a training), maps.py (one map),
grids.py (many), attention.py and signed.py (what their colours mean), shapes.py and networks.py
(drawings), page.py (attention as HTML, without matplotlib).

A title is the figure's message, switches are given by name, and nothing is said by colour alone. A
function `plot_...`, `..._map` or `..._grid` makes a whole figure; `show` displays it.

Names are loaded when they are first asked for: training needs no matplotlib, and does not wait for
it.
"""

from importlib import import_module

HOMES = {
    "attention_grid": "attention",
    "attention_map": "attention",
    "attention_page": "page",
    "draw_curves": "curves",
    "house_style": "style",
    "Network": "networks",
    "new_figure": "style",
    "plot_bars": "bars",
    "plot_curve_grid": "curves",
    "plot_curves": "curves",
    "plot_histogram": "samples",
    "plot_intervals": "intervals",
    "plot_networks": "networks",
    "plot_run": "runs",
    "plot_scatter": "samples",
    "plot_schedule": "curves",
    "plot_shapes": "shapes",
    "show": "style",
    "signed_grid": "signed",
    "signed_map": "signed",
    "to_png": "style",
    "to_svg": "style",
}
__all__ = sorted(HOMES)


def __getattr__(name: str):
    """Return a public name from the module that holds it, which is loaded now."""
    if name not in HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
