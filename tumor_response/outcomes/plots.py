"""The figures of an end point: waterfall, courses over days, distribution with the cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from tumor_response.exceptions import OutcomeError
from tumor_response.outcomes.end_points import SHRANK_SIGN, sign_of
from tumor_response.outcomes.slopes import checked_visits
from tumor_response.style import (
    COLOURS,
    DOUBLE_COLUMN_MM,
    NEUTRAL,
    SINGLE_COLUMN_MM,
    figure_style,
    new_axes,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ["plot_cut", "plot_spider", "plot_volumes", "plot_waterfall"]

UNITS = {
    "volume_change_cc": "volume change (cm³)",
    "volume_change_percent": "volume change (%)",
    "log_volume_ratio": "ln(V₁ / V₀)",
    "shrinkage_percent": "shrinkage (%)",
    "sgr_per_day": "specific growth rate (per day)",
    "sgr_per_fraction": "specific growth rate (per fraction)",
    "sgr_per_gy": "specific growth rate (per Gy)",
    "rate_percent_per_day": "shrinkage rate (% per day)",
    "rate_percent_per_fraction": "shrinkage rate (% per fraction)",
    "rate_percent_per_gy": "shrinkage rate (% per Gy)",
    "rate_cc_per_day": "shrinkage rate (cm³ per day)",
    "rate_cc_per_fraction": "shrinkage rate (cm³ per fraction)",
    "rate_cc_per_gy": "shrinkage rate (cm³ per Gy)",
}

RESPONDER, OTHER, NO_CLASS = COLOURS[0], COLOURS[1], NEUTRAL

FEW = 60
"""Lesions that still get markers, or fit into one column."""

POINTS_PER_CHARACTER = 4.2
"""Of the figures' font at 7 pt, on average."""

NAME_MM = 2.0
"""Height of a name at the end of a line."""

Key = tuple[str, str]
Entry = tuple[str, str]
"""Text and colour of a line of the key."""


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
    >>> import pandas as pd
    >>> from tumor_response.outcomes.plots import plot_waterfall
    >>> index = pd.MultiIndex.from_tuples(
    ...     [("P1", "1"), ("P2", "1"), ("P3", "1")], names=["patient_id", "lesion_id"]
    ... )
    >>> outcomes = pd.DataFrame({"volume_change_percent": [-40.0, 10.0, -15.0]}, index=index)
    >>> ax = plot_waterfall(outcomes, cut=-30.0)
    >>> [float(bar.get_height()) for bar in ax.patches]
    [10.0, -15.0, -40.0]
    """
    known, left_out = _known(outcomes, by)
    known = known.iloc[np.argsort(sign_of(by) * known.to_numpy(), kind="stable")]
    classes = _aligned(label, known, "label")
    doubtful = _aligned(uncertain, known, "uncertain").fillna(0.0) == 1.0
    if cut is None and label is not None and isinstance(label.attrs.get("cut"), float):
        cut = label.attrs["cut"]
    with figure_style():
        if ax is None:
            ax = new_axes(_width_mm(len(known)), 70.0)
        colours = [_colour(value, label is not None) for value in classes]
        bars = ax.bar(np.arange(len(known)), known, width=0.85, color=colours, linewidth=0)
        for bar, hatched in zip(bars, doubtful, strict=True):
            if hatched:
                # white lines over the colour of the class: both stay visible
                bar.set(hatch="//////", edgecolor="white", linewidth=0)
        ax.axhline(0.0, color="black", linewidth=0.6)
        if cut is not None:
            _line_of_cut(ax, cut, known)
        ax.set(xlim=(-0.8, len(known) - 0.2), ylabel=_axis_label(by))
        ax.tick_params(axis="x", length=0)
        ax.spines["bottom"].set_visible(False)
        if names:
            _write_names(ax, known.index)
        else:
            ax.set_xticks([])
            ax.set_xlabel(f"{len(known)} lesions, from the least to the most shrinkage")
        entries = _classes_told(classes) if label is not None else []
        if doubtful.any():
            entries.append((f"hatched: label uncertain ({int(doubtful.sum())})", "black"))
        _key(ax, entries, left_out)
    return ax


def plot_spider(
    visits: pd.DataFrame,
    *,
    label: pd.Series | None = None,
    names: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw each lesion's volume in percent of its baseline over the days.

    Parameters
    ----------
    visits
        From :func:`tumor_response.measure_lesions`; needs ``days`` and ``volume_cc``.
    label
        1, 0 or NaN per lesion; colours the lines.
    names
        Whether to write patient and lesion at the end of each line.
    ax
        Where to draw; default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Visits without a volume are bridged; lesions without a baseline volume or with one visit
        are counted in the figure.

    Raises
    ------
    OutcomeError
        As :func:`tumor_response.slopes` for ``visits``; if no lesion has two volumes.

    Examples
    --------
    >>> import pandas as pd
    >>> from tumor_response.outcomes.plots import plot_spider
    >>> index = pd.MultiIndex.from_product(
    ...     [["P1"], ["1"], [0, 1]], names=["patient_id", "lesion_id", "visit"]
    ... )
    >>> visits = pd.DataFrame({"days": [0.0, 14.0], "volume_cc": [20.0, 15.0]}, index=index)
    >>> plot_spider(visits).lines[0].get_ydata().tolist()
    [100.0, 75.0]
    """
    courses, left_out = _courses(visits, percent=True)
    with figure_style():
        if ax is None:
            ax = _axes_of_courses(len(courses), names)
        entries = _draw_courses(ax, courses, label)
        ax.axhline(100.0, color=NEUTRAL, linewidth=0.8, linestyle=":", zorder=1)
        ax.set(xlabel="days from the baseline scan", ylabel="volume (% of baseline)")
        ax.set_ylim(bottom=0.0)
        if names:
            _write_ends(ax, courses)
        _key(ax, entries, left_out)
    return ax


def plot_volumes(
    visits: pd.DataFrame,
    *,
    scale: Literal["linear", "log"] = "linear",
    label: pd.Series | None = None,
    names: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw each lesion's volume in cm³ over the days.

    Parameters
    ----------
    visits, label, names, ax
        As for :func:`plot_spider`.
    scale
        ``"log"`` makes equal ratios equally high. A tumour that is gone has no place on it: its
        line ends in a triangle at the lower edge.

    Returns
    -------
    matplotlib.axes.Axes
        As :func:`plot_spider`.

    Raises
    ------
    OutcomeError
        As :func:`plot_spider`.

    Examples
    --------
    >>> import pandas as pd
    >>> from tumor_response.outcomes.plots import plot_volumes
    >>> index = pd.MultiIndex.from_product(
    ...     [["P1"], ["1"], [0, 1]], names=["patient_id", "lesion_id", "visit"]
    ... )
    >>> visits = pd.DataFrame({"days": [0.0, 14.0], "volume_cc": [20.0, 15.0]}, index=index)
    >>> plot_volumes(visits, scale="log").get_yscale()
    'log'
    """
    if scale not in ("linear", "log"):
        raise OutcomeError(f"scale={scale!r}: expected 'linear' or 'log'.")
    courses, left_out = _courses(visits, percent=False)
    with figure_style():
        if ax is None:
            ax = _axes_of_courses(len(courses), names)
        edge = _log_scale(ax, courses) if scale == "log" else 0.0
        shown = {key: volumes.clip(lower=edge) for key, volumes in courses.items()}
        entries = _draw_courses(ax, shown, label)
        ax.set(xlabel="days from the baseline scan", ylabel="volume (cm³)")
        if scale == "log":
            _mark_gone(ax, courses, edge)
        else:
            ax.set_ylim(bottom=0.0)
        if names:
            _write_ends(ax, shown)
        _key(ax, entries, left_out)
    return ax


def plot_cut(
    outcomes: pd.DataFrame,
    by: str = "rate_percent_per_day",
    cut: Literal["median"] | float = "median",
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
        ``"median"`` or a number in the unit of ``by``.
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
    >>> import pandas as pd
    >>> from tumor_response.outcomes.plots import plot_cut
    >>> outcomes = pd.DataFrame({"rate_percent_per_day": [0.4, 0.9, 1.0, 1.6, 2.0]})
    >>> ax = plot_cut(outcomes)
    >>> sum(int(bar.get_height()) for bar in ax.patches)
    5
    """
    from tumor_response.outcomes.responder import ResponderCut

    known, left_out = _known(outcomes, by)
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
        doubtful = _aligned(uncertainty["uncertain"], known, "uncertainty").fillna(0.0) == 1.0
    with figure_style():
        if ax is None:
            ax = new_axes(SINGLE_COLUMN_MM * 1.25, 70.0)
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
        told = f"cut {at:.3g}" + (" (median)" if cut == "median" else "")
        right = sign_of(by) > 0
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
        ax.set(xlabel=_axis_label(by), ylabel="lesions")
        shown = [(f"{text} ({int(who.sum())})", colour) for who, colour, text in parts if who.any()]
        _key(ax, shown, left_out)
    return ax


def _known(outcomes: pd.DataFrame, by: str) -> tuple[pd.Series, str]:
    """Return the outcomes that there are, and a sentence on the others."""
    sign_of(by)
    if by not in outcomes.columns:
        raise OutcomeError(
            f"by={by!r} is not a column of the outcomes; there are: "
            f"{', '.join(name for name in SHRANK_SIGN if name in outcomes.columns) or 'none'}."
        )
    values = outcomes[by].astype("float64")
    known = values.dropna()
    if known.empty:
        raise OutcomeError(f"Nothing to draw: no lesion has a value of {by}.")
    n_missing = len(values) - len(known)
    return known, f"{n_missing} of {len(values)} lesions without this outcome" if n_missing else ""


def _aligned(values: pd.Series | None, known: pd.Series, name: str) -> pd.Series:
    """Return values of the lesions shown, as numbers; NaN for what was not given."""
    if values is None:
        return pd.Series(np.nan, index=known.index)
    absent = known.index.difference(values.index)
    if len(absent):
        raise OutcomeError(
            f"{name} lacks {len(absent)} of the {len(known)} lesions shown, the first is "
            f"{absent[0]!r}; its index has to be that of the outcomes."
        )
    return values.reindex(known.index).astype("float64")


def _colour(value: float, labelled: bool) -> str:
    if not labelled:
        return RESPONDER
    return NO_CLASS if np.isnan(value) else (RESPONDER if value == 1 else OTHER)


def _classes_told(classes: pd.Series) -> list[Entry]:
    counted = [
        ("responder", classes == 1, RESPONDER),
        ("non-responder", classes == 0, OTHER),
        ("no label", classes.isna(), NO_CLASS),
    ]
    return [(f"{text} ({int(who.sum())})", colour) for text, who, colour in counted if who.any()]


def _axis_label(by: str) -> str:
    shrank = "positive" if SHRANK_SIGN[by] > 0 else "negative"
    return f"{UNITS[by]}, {shrank} = shrank"


def _width_mm(n_lesions: int) -> float:
    return SINGLE_COLUMN_MM * 1.25 if n_lesions <= FEW else DOUBLE_COLUMN_MM


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
    texts = [_name(key) for key in index]
    size = float(np.clip(420.0 / len(texts), 2.5, 6.5))
    ax.set_xticks(np.arange(len(texts)), texts, rotation=90, fontsize=size)


def _name(key: object) -> str:
    return " / ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _key(ax: Axes, entries: Sequence[Entry], left_out: str) -> None:
    """Write what the colours mean above the axes, in the colours, and who is not shown."""
    from matplotlib.offsetbox import AnchoredOffsetbox, HPacker, TextArea, VPacker

    shown = [*entries, *([(left_out, NO_CLASS)] if left_out else [])]
    if not shown:
        return
    fits = int(ax.get_window_extent().width / ax.figure.dpi * 72 / POINTS_PER_CHARACTER)
    rows: list[list[Entry]] = [[]]
    for entry in shown:
        if rows[-1] and sum(len(text) + 3 for text, _ in (*rows[-1], entry)) > fits:
            rows.append([])
        rows[-1].append(entry)
    lines: list[Artist] = []
    for row in rows:
        texts: list[Artist] = [TextArea(text, textprops={"color": c}) for text, c in row]
        lines.append(HPacker(children=texts, pad=0, sep=8))
    ax.add_artist(
        AnchoredOffsetbox(
            "lower left",
            child=VPacker(children=lines, pad=0, sep=2, align="left"),
            pad=0,
            borderpad=0.2,
            frameon=False,
            bbox_to_anchor=(0.0, 1.0),
            bbox_transform=ax.transAxes,
        )
    )


def _courses(visits: pd.DataFrame, *, percent: bool) -> tuple[dict[Key, pd.Series], str]:
    """Return each lesion's volumes by day, and a sentence on the lesions without two of them."""
    table = checked_visits(visits, ["days", "volume_cc"])
    found: dict[Key, pd.Series] = {}
    n = 0
    for (patient, lesion), own in table.groupby(level=["patient_id", "lesion_id"], sort=False):
        n += 1
        known = own.dropna().sort_values("days")
        volumes = pd.Series(known["volume_cc"].to_numpy(), index=known["days"].to_numpy())
        if percent:
            first = known["volume_cc"][known.index.get_level_values("visit") == 0]
            if first.empty or first.iloc[0] == 0:
                continue
            volumes = 100.0 * volumes / first.iloc[0]
        if len(volumes) > 1:
            found[str(patient), str(lesion)] = volumes
    if not found:
        raise OutcomeError("Nothing to draw: no lesion has volumes at two visits.")
    lacking = "a baseline and a later volume" if percent else "two volumes"
    return found, f"{n - len(found)} of {n} lesions without {lacking}" if n > len(found) else ""


def _draw_courses(ax: Axes, courses: dict[Key, pd.Series], label: pd.Series | None) -> list[Entry]:
    few = len(courses) <= FEW
    keys = pd.MultiIndex.from_tuples(list(courses), names=["patient_id", "lesion_id"])
    classes = _aligned(label, pd.Series(0.0, index=keys), "label")
    for volumes, value in zip(courses.values(), classes, strict=True):
        colour = _colour(value, label is not None)
        ax.plot(
            volumes.index,
            volumes.to_numpy(),
            color=colour,
            alpha=0.85 if few else 0.5,
            linewidth=0.9 if few else 0.6,
            marker="o",
            markersize=2.2 if few else 1.2,
        )
    ax.margins(x=0.03)
    return _classes_told(classes) if label is not None else [(f"{len(courses)} lesions", RESPONDER)]


def _axes_of_courses(n: int, names: bool) -> Axes:
    return new_axes(_width_mm(n), max(75.0, NAME_MM * n + 25.0) if names else 75.0)


def _write_ends(ax: Axes, courses: dict[Key, pd.Series]) -> None:
    """Write names on the right of the axes, none on another, each joined to its line's end."""
    ends = {key: (volumes.index[-1], volumes.iloc[-1]) for key, volumes in courses.items()}
    to_axes = ax.transData + ax.transAxes.inverted()
    heights = {key: float(to_axes.transform(end)[1]) for key, end in ends.items()}
    keys = sorted(heights, key=heights.__getitem__)
    places = _apart(np.array([heights[key] for key in keys]), 1.0 / max(len(keys), 12))
    for key, height in zip(keys, places, strict=True):
        ax.annotate(
            _name(key),
            ends[key],
            xytext=(1.04, height),
            textcoords="axes fraction",
            va="center",
            fontsize=5.0,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "linewidth": 0.3, "color": NO_CLASS, "shrinkA": 0},
        )


def _apart(heights: np.ndarray, gap: float) -> np.ndarray:
    """Return ascending heights moved so that neighbours are a gap apart, within 0 to 1."""
    placed = heights.copy()
    for k in range(1, len(placed)):
        placed[k] = max(placed[k], placed[k - 1] + gap)
    placed[-1] = min(placed[-1], 1.0)
    for k in range(len(placed) - 2, -1, -1):
        placed[k] = min(placed[k], placed[k + 1] - gap)
    return placed


def _log_scale(ax: Axes, courses: dict[Key, pd.Series]) -> float:
    """Set the scale and return where on it volumes of 0 are shown."""
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())
    volumes = np.concatenate([one.to_numpy() for one in courses.values()])
    return float(volumes[volumes > 0].min()) / 2.0


def _mark_gone(ax: Axes, courses: dict[Key, pd.Series], edge: float) -> None:
    gone = sorted(day for volumes in courses.values() for day in volumes.index[volumes == 0])
    if not gone:
        return
    ax.plot(
        gone,
        [edge] * len(gone),
        linestyle="none",
        marker="v",
        markersize=4,
        markerfacecolor="white",
        markeredgecolor="black",
        markeredgewidth=0.7,
        zorder=5,
    )
    ax.annotate(
        f"{len(gone)} without tumour (0 cm³)",
        (gone[0], edge),
        xytext=(-6, 0),
        textcoords="offset points",
        ha="right",
        va="center",
    )


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
        f"one lesion's interval (median): ±{half:.2g}",
        (cut + half if to_the_right else cut - half, height),
        xytext=(4 if to_the_right else -4, 0),
        textcoords="offset points",
        va="center",
        ha="left" if to_the_right else "right",
    )
