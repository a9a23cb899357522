"""The picture of what privacy costs: quality against ε, one panel a data set, as an SVG file.

The lines are the methods with privacy, their marks the mean over seeds and their bars the seeds apart. What has no ε
crosses the panel: popularity at the bottom, and what is possible without privacy at the top.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tactful.benchmarks.quality import Comparison, Row
from tactful.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLES: dict[str, tuple[str, str, str]] = {  # colour (Okabe & Ito 2008, told apart by everybody), mark, stroke
    "tactful": ("#0072b2", "o", "-"),
    "tactful-no-features": ("#56b4e9", "s", "--"),
    "dpals": ("#d55e00", "^", "-."),
    "popularity": ("#7f7f7f", "", ":"),
    "als": ("#009e73", "", ":"),
    "ease": ("#000000", "", ":"),
    "bpr": ("#cc79a7", "", ":"),
}
_OTHER = ("#e69f00", "D", "-")
_WIDTH, _HEIGHT = 4.6, 3.6  # inches a panel
_SALT = "tactful"  # names inside the file are the same each time


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One data set.

    Attributes
    ----------
    name : str
    comparison : Comparison
    """

    name: str
    comparison: Comparison

    @classmethod
    def read(cls, path: str | Path) -> Panel:
        """What `tactful benchmark quality --json` printed into a file, which names the panel.

        Raises
        ------
        NotFoundError
            If there is no such file.
        UsageError
            If it holds something else.
        """
        place = Path(path)
        try:
            found = json.loads(place.read_text(encoding="utf-8").strip().rpartition("\n")[2])
            rows = tuple(Row.of_json(row) for row in found["rows"])
        except OSError as error:
            raise NotFoundError(
                "results are readable files", given=f"{place}: {error.strerror}", do="Correct the path"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                "a file of results is what `tactful benchmark quality --json` printed",
                given=f"{place.name} is something else",
                do="Run the benchmark with --json and write its output to a file",
            ) from error
        return cls(name=place.stem, comparison=Comparison(rows=rows))


def plot_quality(results: Sequence[str | Path], out: str | Path) -> Path:
    """The picture of these results stands in a file.

    Parameters
    ----------
    results : sequence of str or Path
        Files that `Panel.read` reads, one panel each.
    out : str or Path
        An ``.svg`` file to write; the same results make the same file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UsageError
        If there are no results or `out` is no SVG file.
    """
    target = Path(out)
    if not results or target.suffix != ".svg":
        raise UsageError(
            "results are drawn into an .svg file", given=f"{len(results)} results, {target.name}", do="Name both"
        )
    panels = [Panel.read(path) for path in results]
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": _SALT, "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(_WIDTH * len(panels), _HEIGHT), layout="constrained")
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            _draw(axes, panel)
        target.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(target, metadata={"Date": None, "Title": "Recall@20 against epsilon"})
    return target


def _draw(axes: Axes, panel: Panel) -> None:
    """One panel."""
    lines = {summary.method: summary for summary in panel.comparison.summaries() if summary.epsilon is None}
    private = [row for row in panel.comparison.rows if row.epsilon is not None and row.method != "popularity"]
    epsilons = sorted({row.epsilon for row in private if row.epsilon is not None})
    for method in dict.fromkeys(row.method for row in private):
        _curve(axes, method, [row for row in private if row.method == method])
    for method, summary in lines.items():
        colour, _, stroke = _STYLES.get(method, _OTHER)
        axes.axhline(summary.recall, color=colour, linestyle=stroke, linewidth=1.2, label=_named(method, private=False))
    axes.set_xscale("log")
    axes.set_xticks(epsilons, [f"{epsilon:g}" for epsilon in epsilons])
    axes.minorticks_off()
    axes.set(title=panel.name, xlabel="ε of a whole training run", ylabel="Recall@20, people held out")
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower right", frameon=False, fontsize=8)


def _curve(axes: Axes, method: str, rows: Sequence[Row]) -> None:
    """One method with privacy."""
    at: dict[float, list[float]] = {}
    for row in rows:
        at.setdefault(row.epsilon or 0.0, []).append(row.recall)
    epsilons = sorted(at)
    means = [sum(at[e]) / len(at[e]) for e in epsilons]
    below = [mean - min(at[e]) for e, mean in zip(epsilons, means, strict=True)]
    above = [max(at[e]) - mean for e, mean in zip(epsilons, means, strict=True)]
    colour, mark, stroke = _STYLES.get(method, _OTHER)
    axes.errorbar(
        epsilons,
        means,
        yerr=[below, above],
        color=colour,
        marker=mark,
        linestyle=stroke,
        markersize=5,
        capsize=2,
        label=_named(method, private=True),
    )


def _named(method: str, *, private: bool) -> str:
    """What the legend calls a method."""
    return method if private or method == "popularity" else f"{method}, without privacy"
