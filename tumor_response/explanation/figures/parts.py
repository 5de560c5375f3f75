"""What the figures of an explanation have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.stability.ranks import (
    LEVELS,
    LISTED,
    Level,
    importance_by_resample,
    top_shares,
)
from tumor_response.style import COLOURS, NEUTRAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

    from tumor_response.explanation.result import Explanation

__all__ = [
    "OUTPUTS",
    "PLURALS",
    "WHERE",
    "at_least_one",
    "faintness",
    "listed_words",
    "low_high",
    "ranked",
    "ranks",
    "shares_of",
    "swarm",
    "values_of",
    "write_shares",
]

FloatArray = npt.NDArray[np.float64]

WHERE = {
    "out_of_bag": "out of bag: by models that had not seen the patient",
    "in_sample": "IN SAMPLE: on patients the model was fitted to",
    "new_rows": "on patients the model was not fitted to",
}

OUTPUTS = {
    "log_odds": "log-odds of response",
    "probability": "probability of response",
    "rate": "predicted rate, in its own unit",
    "score": "decision function",
}

PLURALS: dict[Level, str] = {"column": "columns", "family": "families", "block": "blocks"}


def at_least_one(what: str, number: int) -> None:
    """Raise an ExplanationError for a number below 1."""
    if number < 1:
        raise ExplanationError(f"{what}={number!r}: expected 1 or more.")


def values_of(explanation: Explanation, level: Level) -> pd.DataFrame:
    """Return the lesions' values at a level."""
    if level not in LEVELS:
        raise ExplanationError(
            f"level={level!r}: expected one of {', '.join(map(repr, LEVELS))}.", code="level"
        )
    frames = {
        "column": explanation.values,
        "family": explanation.family_values,
        "block": explanation.block_values,
    }
    return frames[level]


def shares_of(explanation: Explanation, level: Level) -> pd.Series | None:
    """Return in what share of resamples each was listed; None without resamples."""
    if explanation.column_mean_abs is None or len(explanation.column_mean_abs) < 2:
        return None
    return top_shares(importance_by_resample(explanation, level), LISTED[level])


def ranked(explanation: Explanation, level: Level) -> pd.DataFrame:
    """Return ``length`` of each bar and ``share`` of the resamples that list it, longest first.

    Out of bag a bar is the mean over resamples of each one's own mean ``|SHAP|``, the statistic by
    which resamples rank and permutations are compared; in sample the mean over lesions.
    """
    shares = shares_of(explanation, level)
    if shares is None:
        lengths = values_of(explanation, level).abs().mean()
        shares = pd.Series(np.nan, index=lengths.index)
    else:
        lengths = importance_by_resample(explanation, level).mean()
    table = pd.DataFrame({"length": lengths, "share": shares})
    return table.sort_values("length", ascending=False, kind="stable")


def faintness(share: float) -> float:
    """Return the opacity of what a share of the resamples lists; NaN is drawn in full.

    Never 0: what is drawn has to be seen.

    Examples
    --------
    >>> faintness(1.0), faintness(0.2) < 0.35, faintness(float("nan"))
    (1.0, True, 1.0)
    """
    return 1.0 if np.isnan(share) else 0.12 + 0.88 * share


def listed_words(level: Level) -> str:
    """Return what being listed means at a level.

    Examples
    --------
    >>> listed_words("column"), listed_words("block")
    ('in the top 10', 'first')
    """
    return "first" if LISTED[level] == 1 else f"in the top {LISTED[level]}"


def write_shares(ax: Axes, level: Level, shares: list[float], heights: list[float]) -> None:
    """Write right of each row how often it is listed, with a gauge that fills up.

    What that means stands below, where no title is in the way.
    """
    across = ax.get_yaxis_transform()
    for share, height in zip(shares, heights, strict=True):
        ax.barh(
            height,
            0.04,
            0.34,
            1.012,
            transform=across,
            clip_on=False,
            fc="none",
            ec=NEUTRAL,
            linewidth=0.4,
        )
        ax.barh(
            height,
            0.04 * share,
            0.34,
            1.012,
            transform=across,
            clip_on=False,
            fc=NEUTRAL,
            linewidth=0,
        )
        ax.text(1.062, height, f"{share:.0%}", transform=across, va="center")
    heading = listed_words(level).replace("in the ", "in ").replace(" 10", "\nten")
    ax.text(1.012, min(heights) - 0.6, heading, transform=across, va="top")


def low_high(middle: str = "#dddddd") -> Colormap:
    """Return the colours of a value from low to high; grey where there is none."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(
        "low_high", [COLOURS[0], middle, COLOURS[1]]
    ).with_extremes(bad=NEUTRAL)


def ranks(column: pd.Series) -> FloatArray:
    """Return values' ranks from 0 to 1; categories by the order of their levels."""
    numbers = column.cat.codes.where(column.notna()) if column.dtype == "category" else column
    order = numbers.astype(np.float64).rank().to_numpy()
    highest = max(int(np.count_nonzero(~np.isnan(order))) - 1, 1)
    scaled: FloatArray = (order - 1) / highest
    return scaled


def swarm(values: FloatArray, n_bins: int = 60, width: float = 0.38) -> FloatArray:
    """Return offsets that keep points of similar value apart, the same every time."""
    span = float(np.ptp(values))
    if span == 0:
        return np.linspace(-width, width, len(values)) if len(values) > 1 else np.zeros(1)
    bins = np.floor((values - values.min()) / span * (n_bins - 1)).astype(int)
    fullest = np.bincount(bins).max()
    offsets = np.zeros(len(values))
    for one in np.unique(bins):
        members = np.nonzero(bins == one)[0]
        # alternately above and below the line, starting on it
        place = (np.arange(len(members)) + 1) // 2 * np.where(np.arange(len(members)) % 2, 1, -1)
        offsets[members] = place * min(2 * width / max(fullest - 1, 1), 0.12)
    return offsets
