"""The volcano plot: effect against the adjusted p value, families in colours, chance beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import ExplanationError
from tumor_response.style import COLOURS, DOUBLE_COLUMN_MM, NEUTRAL, figure_style, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tumor_response.explanation.differences.result import GroupDifferences, Which

__all__ = ["coloured_families", "draw_volcano"]

FloatArray = npt.NDArray[np.float64]

_WIDE_PT, _HIGH_PT = 120.0, 160.0
"""From 0 to the largest effect, and to the largest height, on a figure of two columns."""

_LEGEND_MM = 4.0
"""Height of one line below the axes."""


def draw_volcano(
    found: GroupDifferences, test: Which, ending: str, ax: Axes | None, n_labels: int
) -> Axes:
    """Draw one point per column; see :meth:`GroupDifferences.plot_volcano`."""
    if n_labels < 0:
        raise ExplanationError(f"n_labels={n_labels!r}: expected 0 or more.", code="n_labels")
    table = found.columns[found.columns[f"q{ending}"].notna()]
    is_found = (table[f"q{ending}"] <= found.fdr).to_numpy()
    height = -np.log10(np.maximum(table[f"q{ending}"].to_numpy(), np.finfo(float).tiny))
    effect = table[f"delta{ending}"].to_numpy()
    colour_of = coloured_families(table["family"], pd.Series(is_found, table.index))
    named = found.found(test).index[:n_labels]
    with figure_style():
        if ax is None:
            ax = new_axes(DOUBLE_COLUMN_MM, 85 + _LEGEND_MM * (len(named) + 1))
        grey = ~table["family"].isin(list(colour_of)).to_numpy()
        n_grey = table["family"][grey].nunique()
        groups = [(f"{n_grey} other families", NEUTRAL, grey)] if grey.any() else []
        groups += [
            (family, colour, (table["family"] == family).to_numpy())
            for family, colour in colour_of.items()
        ]
        for _, colour, mine in groups:
            for of, size, strength in ((~is_found, 5, 0.35), (is_found, 12, 0.9)):
                at = mine & of
                ax.scatter(
                    effect[at], height[at], s=size, c=colour, alpha=strength, linewidths=0, zorder=2
                )
        # what is grey lies below the other points, and last in the legend
        for label, colour, mine in groups[1:] + groups[:1] if grey.any() else groups:
            count = f"{int((mine & is_found).sum())} of {int(mine.sum())}"
            ax.scatter([], [], s=12, c=colour, linewidths=0, label=f"{label} ({count})")
        ax.axhline(-np.log10(found.fdr), color=NEUTRAL, linewidth=0.8, linestyle="--", zorder=1)
        ax.axvline(0, color=NEUTRAL, linewidth=0.6, linestyle=":", zorder=1)
        _name(ax, test, table, named, effect, height)
        _dress(ax, found, test, effect, height)
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), title="found of tested, by family")
    return ax


def coloured_families(family: pd.Series, is_found: pd.Series) -> dict[str, str]:
    """Return the families that get a colour: all, or six where there are more than seven.

    Those with the most columns found come first, the larger of equals.

    Examples
    --------
    >>> family = pd.Series(["deep: net", "radiomics: glcm", "radiomics: glcm"])
    >>> first = coloured_families(family, pd.Series([True, False, False]))
    >>> second = coloured_families(family, pd.Series([False, True, False]))
    >>> list(first), list(second), first == second  # another order, the same colours
    (['deep: net', 'radiomics: glcm'], ['radiomics: glcm', 'deep: net'], True)
    """
    counts = pd.DataFrame({"found": is_found.groupby(family).sum(), "n": family.value_counts()})
    order = counts.sort_values(["found", "n"], ascending=False, kind="stable").index
    most = len(COLOURS) if len(order) <= len(COLOURS) else len(COLOURS) - 1
    chosen = [str(name) for name in order[:most]]
    # by name, so that the same families have the same colours in the figure beside this one
    colour_of = dict(zip(sorted(chosen), COLOURS, strict=False))
    return {name: colour_of[name] for name in chosen}


def _name(
    ax: Axes,
    test: Which,
    table: pd.DataFrame,
    named: pd.Index,
    effect: FloatArray,
    height: FloatArray,
) -> None:
    """Give the named columns numbers, and list their names below."""
    lines: list[str] = []
    taken: list[tuple[float, float]] = []
    at = table.index.get_indexer(named)
    for number, column in enumerate(named, start=1):
        x, y = effect[at[number - 1]], height[at[number - 1]]
        side = 1 if x > 0 else -1
        # in points, roughly: numbers of points that lie close together stand side by side
        here = (_WIDE_PT * x / np.abs(effect).max(), _HIGH_PT * y / height.max())
        step = 4
        while any(abs(here[0] + side * step - u) < 8 and abs(here[1] - v) < 9 for u, v in taken):
            step += 4
        taken.append((here[0] + side * step, here[1]))
        ax.annotate(
            str(number),
            (x, y),
            xytext=(side * step, 2),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
        )
        lines.append(f"{number}  {column}")
    # the label of the axis carries them, so that the layout leaves them room
    below = "\n".join(["", *lines]) if lines else ""
    what = "Cliff's delta" if test == "unadjusted" else "difference in mean rank, as Cliff's delta"
    ax.set_xlabel(f"{what}: above 0 the value is higher in class 1{below}", linespacing=1.5)


def _dress(
    ax: Axes,
    found: GroupDifferences,
    test: Which,
    effect: FloatArray,
    height: FloatArray,
) -> None:
    widest = min(1.05, 1.15 * float(np.abs(effect).max(initial=0.1)))
    top = max(float(height.max(initial=0.0)), 1.3 * -np.log10(found.fdr))
    ax.set(xlim=(-widest, widest), ylim=(-0.03 * top, 1.08 * top))
    where = {"family": "within family", "block": "within block", "all": "over all columns"}
    ax.set_ylabel(f"−log10 q ({where[found.within]})")
    ax.text(-widest, -np.log10(found.fdr), f" q = {found.fdr:g}", va="bottom", color=NEUTRAL)
    if test == "unadjusted":
        upper = ax.secondary_xaxis("top", functions=(_auc_of, _delta_of))
        upper.set_xlabel("probability of superiority (AUC)")
    count = found.count(test, "q")
    what = "as they are" if test == "unadjusted" else f"at equal {' and '.join(found.adjusted_for)}"
    ax.set_title(
        f"{count['n_columns']} columns {what}: {count['found']} found; permuted outcomes give "
        f"{count['expected']:.1f}\n(middle 95 %: {count['low']:.0f} to {count['high']:.0f}), as "
        f"many or more with a share of {count['p_value']:.3g}",
        loc="left",
    )


def _auc_of(delta: Any) -> Any:
    return (1 + delta) / 2


def _delta_of(auc: Any) -> Any:
    return 2 * auc - 1
