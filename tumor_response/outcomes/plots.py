"""The figures of an end point: waterfall, and its distribution with the cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tumor_response.exceptions import OutcomeError
from tumor_response.outcomes.course_plots import plot_spider, plot_volumes
from tumor_response.outcomes.end_points import sign_of
from tumor_response.outcomes.plot_parts import (
    NAME_MM,
    NO_CLASS,
    OTHER,
    aligned,
    axis_label,
    classes_told,
    colour_of,
    known_outcomes,
    lesion_name,
    width_mm,
    write_key,
)
from tumor_response.outcomes.responder import Cut, ResponderCut
from tumor_response.style import (
    DOUBLE_COLUMN_MM,
    MM_PER_CHARACTER,
    RESPONDER,
    SINGLE_COLUMN_MM,
    figure_style,
    new_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_cut", "plot_spider", "plot_volumes", "plot_waterfall"]


def plot_waterfall(
    outcomes: pd.DataFrame,
    by: str = "volume_change_percent",
    *,
    label: pd.Series | None = None,
    cut: float | None = None,
    uncertain: pd.Series | None = None,
    names: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw one bar per lesion, from the least shrinkage to the most.

    Parameters
    ----------
    outcomes
        From :func:`tumor_response.shrinkage` or :func:`tumor_response.slopes`.
    by
        The end point; one of its columns.
    label
        From :func:`tumor_response.label_responders`: 1, 0 or NaN per lesion; colours the bars.
        Its cut (``attrs["cut"]``) is drawn if ``cut`` is not given.
    cut
        The cut-point, in the unit of ``by``; drawn as a line.
    uncertain
        True for lesions whose label contour error may flip; their bars are hatched.
    names
        Whether to write patient and lesion below each bar: a figure with names is not anonymous.
        With more than 60 lesions it becomes wider than two columns.
    ax
        Where to draw; default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Lesions without an outcome have no bar; their number is written into the figure.

    Raises
    ------
    OutcomeError
        If ``by`` is no end point or no column, no lesion has an outcome, or ``label`` or
        ``uncertain`` is of other lesions.

    Examples
    --------
    >>> import pandas as pd, tumor_response as tr
    >>> index = pd.MultiIndex.from_tuples(
    ...     [("P1", "1"), ("P2", "1"), ("P3", "1")], names=["patient_id", "lesion_id"]
    ... )
    >>> outcomes = pd.DataFrame({"volume_change_percent": [-40.0, 10.0, -15.0]}, index=index)
    >>> ax = tr.plot_waterfall(outcomes, cut=-30.0)
    >>> [float(bar.get_height()) for bar in ax.patches]
    [10.0, -15.0, -40.0]
    """
    known, left_out = known_outcomes(outcomes, by)
    known = known.iloc[np.argsort(sign_of(by) * known.to_numpy(), kind="stable")]
    classes = aligned(label, known, "label")
    doubtful = aligned(uncertain, known, "uncertain").fillna(0.0) == 1.0
    if cut is None and label is not None and isinstance(label.attrs.get("cut"), float):
        cut = label.attrs["cut"]
    with figure_style():
        if ax is None:
            # names that can be read need their room, if it be more than a page has
            needed_mm = NAME_MM * len(known) + 20.0 if names else 0.0
            fits = needed_mm <= SINGLE_COLUMN_MM
            room_mm = width_mm(len(known)) if fits else max(DOUBLE_COLUMN_MM, needed_mm)
            longest = max(len(lesion_name(key)) for key in known.index) if names else 0
            ax = new_axes(room_mm, 70.0 + MM_PER_CHARACTER * longest)
        colours = [colour_of(value, label is not None) for value in classes]
        bars = ax.bar(np.arange(len(known)), known, width=0.85, color=colours, linewidth=0)
        for bar, hatched in zip(bars, doubtful, strict=True):
            if hatched:
                # white lines over the colour of the class: both stay visible
                bar.set(hatch="//////", edgecolor="white", linewidth=0)
        ax.axhline(0.0, color="black", linewidth=0.6)
        if cut is not None:
            _line_of_cut(ax, cut, known)
        ax.set(xlim=(-0.8, len(known) - 0.2), ylabel=axis_label(by))
        ax.tick_params(axis="x", length=0)
        ax.spines["bottom"].set_visible(False)
        if names:
            _write_names(ax, known.index)
        else:
            ax.set_xticks([])
            ax.set_xlabel(f"{len(known)} lesions, from the least to the most shrinkage")
        entries = classes_told(classes) if label is not None else []
        if doubtful.any():
            entries.append((f"hatched: label uncertain ({int(doubtful.sum())})", "black"))
        write_key(ax, entries, left_out)
    return ax


def plot_cut(
    outcomes: pd.DataFrame,
    by: str = "rate_percent_per_day",
    cut: Cut = "median",
    *,
    uncertainty: pd.DataFrame | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the distribution of an end point with the cut between the classes.

    Parameters
    ----------
    outcomes
        From :func:`tumor_response.shrinkage` or :func:`tumor_response.slopes`.
    by
        The end point.
    cut
        A named cut of :class:`tumor_response.ResponderCut` or a number in the unit of ``by``.
    uncertainty
        From :func:`tumor_response.outcome_uncertainty`: ``uncertain`` and, for the bar that shows
        how well a single lesion is known, ``<by>_low`` and ``<by>_high``. The band reaches from
        the first to the last lesion whose label is uncertain.
    ax
        Where to draw; default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Lesions without an outcome are counted in the figure.

    Raises
    ------
    OutcomeError
        If ``by`` is no end point or no column, no lesion has an outcome, or ``uncertainty`` is of
        other lesions or without ``uncertain``.

    Examples
    --------
    >>> import pandas as pd, tumor_response as tr
    >>> outcomes = pd.DataFrame({"rate_percent_per_day": [0.4, 0.9, 1.0, 1.6, 2.0]})
    >>> ax = tr.plot_cut(outcomes)
    >>> sum(int(bar.get_height()) for bar in ax.patches)
    5
    """
    known, left_out = known_outcomes(outcomes, by)
    rule = ResponderCut(cut, by)
    at = rule.fit(known)
    responder = rule.label(known, at) == 1.0
    doubtful = pd.Series(False, index=known.index)
    if uncertainty is not None:
        if "uncertain" not in uncertainty.columns:
            raise OutcomeError(
                "uncertainty has no column 'uncertain'; expected the frame of "
                f"tr.outcome_uncertainty, received {', '.join(map(str, uncertainty.columns))}."
            )
        doubtful = aligned(uncertainty["uncertain"], known, "uncertainty").fillna(0.0) == 1.0
    with figure_style():
        if ax is None:
            ax = new_axes(SINGLE_COLUMN_MM, 70.0)
        parts = [
            (~responder & ~doubtful, OTHER, "non-responder"),
            (doubtful, NO_CLASS, "label uncertain"),
            (responder & ~doubtful, RESPONDER, "responder"),
        ]
        _stacked_histogram(ax, known, at, parts)
        if doubtful.any():
            band = known[doubtful]
            low, high = min(band.min(), at), max(band.max(), at)
            ax.axvspan(low, high, color=NO_CLASS, alpha=0.15, linewidth=0, zorder=0)
        top = ax.get_ylim()[1]
        ax.set_ylim(0, 1.22 * top)
        ax.axvline(at, color="black", linewidth=1.0)
        told = f"cut {at:.3g}" + (f" ({cut.replace('_', ' ')})" if isinstance(cut, str) else "")
        right = at > sum(ax.get_xlim()) / 2  # the text goes to the wider side
        ax.annotate(
            told,
            (at, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(-3 if right else 3, -1),
            textcoords="offset points",
            va="top",
            ha="right" if right else "left",
        )
        if uncertainty is not None:
            _typical_interval(ax, uncertainty.reindex(known.index), by, at)
        ax.set(xlabel=axis_label(by), ylabel="lesions")
        shown = [(f"{text} ({int(who.sum())})", colour) for who, colour, text in parts if who.any()]
        write_key(ax, shown, left_out)
    return ax


def _line_of_cut(ax: Axes, cut: float, bars: pd.Series) -> None:
    ax.axhline(cut, color="black", linewidth=0.8, linestyle="--")
    # written where the bar at that end does not reach the line
    first, last = float(bars.iloc[0]), float(bars.iloc[-1])
    left = abs(first) < abs(cut) or first * cut < 0 or abs(last) >= abs(cut)
    ax.annotate(
        f"cut {cut:.3g}",
        (-0.6 if left else len(bars) - 0.4, cut),
        xytext=(0, 2 if cut >= 0 else -2),
        textcoords="offset points",
        ha="left" if left else "right",
        va="bottom" if cut >= 0 else "top",
    )


def _write_names(ax: Axes, index: pd.Index) -> None:
    ax.set_xticks(np.arange(len(index)), [lesion_name(key) for key in index], rotation=90)


def _stacked_histogram(
    ax: Axes, known: pd.Series, cut: float, parts: list[tuple[pd.Series, str, str]]
) -> None:
    from matplotlib.ticker import MaxNLocator

    # the cut is an edge between two bins, so that no bar stands on both sides of it
    width = float(np.diff(np.histogram_bin_edges(known, bins="auto")[:2])[0])
    first = np.floor((known.min() - cut) / width)
    last = np.ceil((known.max() - cut) / width)
    edges = cut + width * np.arange(first, max(last, first + 1) + 1)
    ax.hist(
        [known[who] for who, _, _ in parts],
        bins=edges.tolist(),
        stacked=True,
        color=[colour for _, colour, _ in parts],
        edgecolor="white",
        linewidth=0.4,
    )
    ax.yaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))


def _typical_interval(ax: Axes, uncertainty: pd.DataFrame, by: str, cut: float) -> None:
    """Draw how well one lesion is known: a bar of the median interval's length."""
    ends = [f"{by}_low", f"{by}_high"]
    if not set(ends) <= set(uncertainty.columns):
        return
    half = float((uncertainty[ends[1]] - uncertainty[ends[0]]).median()) / 2.0
    if not np.isfinite(half):
        return
    bottom, top = ax.get_ylim()
    height = bottom + 0.87 * (top - bottom)
    ax.errorbar(cut, height, xerr=half, color="black", capsize=2, linewidth=0.8, capthick=0.8)
    left, right = ax.get_xlim()
    to_the_right = cut < (left + right) / 2
    ax.annotate(
        f"one lesion's interval\n(median): ±{half:.2g}",
        (cut + half if to_the_right else cut - half, height),
        xytext=(4 if to_the_right else -4, 0),
        textcoords="offset points",
        va="center",
        ha="left" if to_the_right else "right",
    )
