"""The picture of what privacy costs: quality against ε, one panel a data set, as an SVG file.

The curves are the methods with privacy, their marks the mean over seeds and their bars the seeds apart. What has no ε
crosses the panel: popularity at the bottom, and what is possible without privacy at the top. A panel begins just below
popularity, and what is no better than that without privacy is left out. So are the curve without features where there
are none, which is the curve with them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from tactful.benchmarks.quality import Comparison, Row
from tactful.errors import MissingExtraError, NotFoundError, UsageError

if TYPE_CHECKING:
    from matplotlib.artist import Artist
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
_LOOK: dict[Any, Any] = {
    "svg.hashsalt": "tactful",  # names inside the file are the same each time
    "svg.fonttype": "none",  # text stays text
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


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
    MissingExtraError
        If matplotlib is not installed.
    """
    target = Path(out)
    if not results or target.suffix != ".svg":
        raise UsageError(
            "results are drawn into an .svg file", given=f"{len(results)} results, {target.name}", do="Name both"
        )
    panels = [Panel.read(path) for path in results]
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            "`tactful benchmark plot`", extra="benchmark", missing=missing.name or "matplotlib"
        ) from missing
    with mpl.rc_context(_LOOK):
        figure = Figure(figsize=(_WIDTH * len(panels), _HEIGHT), layout="constrained")
        drawn: dict[str, Artist] = {}
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            _draw(axes, panel)
            drawn |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
        labels = sorted(drawn, key=lambda label: (*_STYLES, label).index(label.partition(",")[0]))
        figure.legend([drawn[label] for label in labels], labels, loc="outside lower center", ncols=3, frameon=False)
        target.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(target, metadata={"Date": None, "Title": "Recall@20 against epsilon"})
    return target


def _draw(axes: Axes, panel: Panel) -> None:
    """One panel."""
    free = {row.method: row for row in panel.comparison.summaries() if row.epsilon is None}
    curves = _curves(panel.comparison)
    for method, at in curves.items():
        _curve(axes, method, at)
    least = free["popularity"].recall if "popularity" in free else 0.0
    for method, row in free.items():
        if method == "popularity" or row.recall > least:
            colour, _, stroke = _STYLES.get(method, _OTHER)
            axes.axhline(row.recall, color=colour, linestyle=stroke, linewidth=1.2, label=_named(method))
    epsilons = sorted({epsilon for at in curves.values() for epsilon in at})
    axes.set_xscale("log")
    axes.set_xticks(epsilons, [f"{epsilon:g}" for epsilon in epsilons])
    axes.minorticks_off()
    axes.margins(y=0.08)
    axes.set(title=panel.name, xlabel="ε of a whole training run", ylabel="Recall@20, people held out")


def _curves(comparison: Comparison) -> dict[str, dict[float, list[float]]]:
    """Recall by method with privacy and ε, one value a seed; popularity is no curve of its own."""
    found: dict[str, dict[float, list[float]]] = {}
    for row in comparison.rows:
        if row.epsilon is not None and row.method != "popularity":
            found.setdefault(row.method, {}).setdefault(row.epsilon, []).append(row.recall)
    if found.get("tactful-no-features") == found.get("tactful"):
        found.pop("tactful-no-features", None)
    return found


def _curve(axes: Axes, method: str, at: Mapping[float, Sequence[float]]) -> None:
    """One method with privacy."""
    epsilons = sorted(at)
    means = [fmean(at[epsilon]) for epsilon in epsilons]
    below = [mean - min(at[epsilon]) for epsilon, mean in zip(epsilons, means, strict=True)]
    above = [max(at[epsilon]) - mean for epsilon, mean in zip(epsilons, means, strict=True)]
    colour, mark, stroke = _STYLES.get(method, _OTHER)
    look = {"color": colour, "marker": mark, "linestyle": stroke, "markersize": 5, "capsize": 2}
    axes.errorbar(epsilons, means, yerr=[below, above], label=method, **look)  # type: ignore[arg-type]


def _named(method: str) -> str:
    """What the legend calls a method without privacy."""
    return method if method == "popularity" else f"{method}, without privacy"
