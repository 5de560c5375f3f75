"""The course of each lesion over the days: in percent of the baseline, and in cm³."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from tumor_response.exceptions import OutcomeError
from tumor_response.outcomes.plot_parts import (
    FEW,
    NAME_MM,
    NO_CLASS,
    Entry,
    aligned,
    classes_told,
    colour_of,
    lesion_name,
    width_mm,
    write_key,
)
from tumor_response.outcomes.slopes import checked_visits
from tumor_response.style import DOUBLE_COLUMN_MM, NEUTRAL, RESPONDER, figure_style, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_spider", "plot_volumes"]

Key = tuple[str, str]

_SHORT = 16
"""Characters of a name that fit beside the lines in one column."""


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
    >>> import pandas as pd, tumor_response as tr
    >>> index = pd.MultiIndex.from_product(
    ...     [["P1"], ["1"], [0, 1]], names=["patient_id", "lesion_id", "visit"]
    ... )
    >>> visits = pd.DataFrame({"days": [0.0, 14.0], "volume_cc": [20.0, 15.0]}, index=index)
    >>> tr.plot_spider(visits).lines[0].get_ydata().tolist()
    [100.0, 75.0]
    """
    courses, left_out = _courses(visits, percent=True)
    with figure_style():
        if ax is None:
            ax = _axes_of_courses(courses, names)
        entries = _draw_courses(ax, courses, label)
        ax.axhline(100.0, color=NEUTRAL, linewidth=0.8, linestyle=":", zorder=1)
        ax.set(xlabel="days from the baseline scan", ylabel="volume (% of baseline)")
        ax.set_ylim(bottom=0.0)
        if names:
            _write_ends(ax, courses)
        write_key(ax, entries, left_out)
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
    >>> import pandas as pd, tumor_response as tr
    >>> index = pd.MultiIndex.from_product(
    ...     [["P1"], ["1"], [0, 1]], names=["patient_id", "lesion_id", "visit"]
    ... )
    >>> visits = pd.DataFrame({"days": [0.0, 14.0], "volume_cc": [20.0, 15.0]}, index=index)
    >>> tr.plot_volumes(visits, scale="log").get_yscale()
    'log'
    """
    if scale not in ("linear", "log"):
        raise OutcomeError(f"scale={scale!r}: expected 'linear' or 'log'.")
    courses, left_out = _courses(visits, percent=False)
    with figure_style():
        if ax is None:
            ax = _axes_of_courses(courses, names)
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
        write_key(ax, entries, left_out)
    return ax


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
    classes = aligned(label, pd.Series(0.0, index=keys), "label")
    for volumes, value in zip(courses.values(), classes, strict=True):
        colour = colour_of(value, label is not None)
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
    return classes_told(classes) if label is not None else [(f"{len(courses)} lesions", RESPONDER)]


def _axes_of_courses(courses: dict[Key, pd.Series], names: bool) -> Axes:
    n = len(courses)
    if not names:
        return new_axes(width_mm(n), 75.0)
    fits = all(len(lesion_name(key)) <= _SHORT for key in courses)
    width = width_mm(n) if fits else DOUBLE_COLUMN_MM
    return new_axes(width, max(75.0, NAME_MM * n + 25.0))


def _write_ends(ax: Axes, courses: dict[Key, pd.Series]) -> None:
    """Write names on the right of the axes, none on another, each joined to its line's end."""
    ends = {key: (volumes.index[-1], volumes.iloc[-1]) for key, volumes in courses.items()}
    to_axes = ax.transData + ax.transAxes.inverted()
    heights = {key: float(to_axes.transform(end)[1]) for key, end in ends.items()}
    keys = sorted(heights, key=heights.__getitem__)
    places = _apart(np.array([heights[key] for key in keys]), 1.0 / max(len(keys), 12))
    for key, height in zip(keys, places, strict=True):
        ax.annotate(
            lesion_name(key),
            ends[key],
            xytext=(1.04, height),
            textcoords="axes fraction",
            va="center",
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
