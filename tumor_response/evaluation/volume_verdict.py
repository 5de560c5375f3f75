"""What may be said about a block and the tumour's volume, by fixed rules from the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.evaluation.probe_result import EmbeddingProbe, Reading
from tumor_response.evaluation.probe_targets import LOG_VOLUME
from tumor_response.frames import tidy
from tumor_response.notebook import card, grid, note, shown
from tumor_response.style import (
    NON_RESPONDER,
    RESPONDER,
    SINGLE_COLUMN_MM,
    broken_name,
    figure_style,
    new_axes,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["STRONG", "Estimate", "VolumeCheck"]

STRONG = 0.7
"""Rank correlation from which a score is said to go with volume: half of the variance of the ranks
and more."""

LARGEST_GAIN = 0.1
"""Gain in AUC over volume that has to be excluded before a block is said to hold only volume."""

MIN_PATIENTS_PER_CLASS = 10
MIN_RESAMPLES = 50
CHANCE = 0.5


@dataclass(frozen=True)
class Estimate:
    """A mean over resamples, and their 2.5th and 97.5th percentile."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, values: npt.NDArray[np.float64]) -> Self:
        """Return the estimate of some resamples' values.

        Examples
        --------
        >>> Estimate.of(np.array([0.5, 0.7]))
        Estimate(value=0.6, low=0.505, high=0.695)
        """
        there = values[np.isfinite(values)]
        if not there.size:
            return cls(np.nan, np.nan, np.nan)
        low, high = np.percentile(there, (2.5, 97.5))
        return cls(float(there.mean()), float(low), float(high))

    def __str__(self) -> str:
        value, low, high = (f"{one:.2f}" for one in (self.value, self.low, self.high))
        text = f"{value} ({low} to {high})".replace("-0.00", "0.00")
        return text.replace("-", "−")


def _interval(reading: Reading) -> str:
    if reading.reason:
        return "unknown size (too few patients)"
    return str(Estimate(reading.value, reading.ci_low, reading.ci_high))


@dataclass(frozen=True, eq=False)
class VolumeCheck:
    """A block's prediction beside the tumour's volume.

    Attributes
    ----------
    block, volume_column : str
    probe : EmbeddingProbe
        What the block knows: log volume, slice thickness, site.
    rank_correlation : Estimate
        Of the block's out-of-bag score with volume.
    auc_volume, auc_block, auc_both : Estimate
        Out-of-bag AUC of log volume, of the block alone, of both.
    auc_adjusted : Estimate
        AUC of the block's score among lesions of equal volume.
    gain : Estimate
        ``auc_both`` less ``auc_volume``, paired.
    n_resamples, n_smaller_class : int
        Resamples used; patients with a lesion of the rarer class.
    lesions : DataFrame
        ``log_volume``, mean out-of-bag ``score`` of the block, ``responder``.
    """

    block: str
    volume_column: str
    probe: EmbeddingProbe
    rank_correlation: Estimate
    auc_volume: Estimate
    auc_block: Estimate
    auc_both: Estimate
    auc_adjusted: Estimate
    gain: Estimate
    n_resamples: int
    n_smaller_class: int
    lesions: pd.DataFrame

    @property
    def verdict(self) -> str:
        """One of the following.

        ``"too small"``: fewer than ten patients in a class, or fewer than 50 resamples.
        ``"beyond volume"``: the interval of the adjusted AUC lies above 0.5, or that of the gain
        above 0. ``"predicts nothing"``: the block's own interval reaches 0.5. ``"only volume"``:
        it does not, and the block knows volume (p <= 0.05), its score goes with volume (rank
        correlation of 0.7 or more, either way), and a gain of 0.1 lies above its interval.
        ``"undecided"``: none of these.
        """
        if self.n_smaller_class < MIN_PATIENTS_PER_CLASS or self.n_resamples < MIN_RESAMPLES:
            return "too small"
        if self.auc_adjusted.low > CHANCE or self.gain.low > 0:
            return "beyond volume"
        if not self.auc_block.low > CHANCE:
            return "predicts nothing"
        knows = self.probe[LOG_VOLUME].is_known
        follows = abs(self.rank_correlation.value) >= STRONG
        if knows and follows and self.gain.high < LARGEST_GAIN:
            return "only volume"
        return "undecided"

    def summary(self) -> str:
        """Return the verdict in words, with the numbers it is made of."""
        block = f"“{self.block}”"
        reading = self.probe[LOG_VOLUME]
        with_volume = f"rank correlation {self.rank_correlation}"
        read_off = f"log volume can be read off it with an R2 of {_interval(reading)}"
        equal = f"among tumours of equal volume its AUC is {self.auc_adjusted}"
        added = f"added to volume it changes the AUC by {self.gain}"
        alone = f"alone it has an out-of-bag AUC of {self.auc_block}"
        match self.verdict:
            case "too small":
                return (
                    f"Whether {block} predicts by anything but volume cannot be told from "
                    f"{self.n_smaller_class} patients in the smaller class and "
                    f"{self.n_resamples} resamples."
                )
            case "beyond volume":
                return (
                    f"{block} predicts something that volume does not: {equal}, and {added}. "
                    f"Its score goes with volume to this degree: {with_volume}; {read_off}."
                )
            case "predicts nothing":
                return (
                    f"It is not shown that {block} predicts the response at all: {alone}, which "
                    "reaches 0.5. There is no prediction that volume would have to explain; "
                    f"{read_off}."
                )
            case "only volume":
                return (
                    f"What {block} predicts is the tumour's volume, as far as this study can "
                    f"tell: {alone}, but its score follows volume, {with_volume}; {equal}, and "
                    f"{added}. And {read_off}. An adjusted AUC of up to "
                    f"{self.auc_adjusted.high:.2f} is not excluded; that the block adds "
                    "anything to volume may not be concluded."
                )
            case _:
                return (
                    f"It is not decided whether {block} predicts by more than volume: {alone}; its "
                    f"score goes with volume to some degree, {with_volume}; {equal}, and {added}; "
                    f"{read_off}. Neither interval excludes that it adds nothing."
                )

    def table(self) -> pd.DataFrame:
        """Return one row per quantity: ``value``, ``low``, ``high`` over resamples."""
        named = {
            "auc_volume": self.auc_volume,
            "auc_block": self.auc_block,
            "auc_both": self.auc_both,
            "gain": self.gain,
            "auc_adjusted": self.auc_adjusted,
            "rank_correlation": self.rank_correlation,
        }
        return pd.DataFrame(
            [(one.value, one.low, one.high) for one in named.values()],
            index=pd.Index(named, name="quantity"),
            columns=["value", "low", "high"],
        )

    def _repr_html_(self) -> str:
        return shown(self, _html)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per quantity, to compute with: ``block``, ``measure``, ``value`` ..."""
        table = self.table().rename_axis("measure").reset_index()
        table = table.rename(columns={"low": "ci_low", "high": "ci_high"})
        return tidy(table.assign(block=self.block, ci_method="resample_percentile"), ["block"])

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return f"<VolumeCheck of {self.block!r}: {self.verdict}>\n{self.summary()}"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each lesion's out-of-bag score of the block against its volume; returns the axes.

        Parameters
        ----------
        ax
            Axes to draw on; a new figure by default.
        """
        from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

        shown = self.lesions.dropna()
        with figure_style():
            if ax is None:
                ax = new_axes(SINGLE_COLUMN_MM, 65)
            for value, name, marker, colour in (
                (0, "non-responder", "o", NON_RESPONDER),
                (1, "responder", "^", RESPONDER),
            ):
                of_class = shown[shown["responder"] == value]
                ax.scatter(
                    np.exp(of_class["log_volume"]),
                    of_class["score"],
                    s=11,
                    marker=marker,
                    color=colour,
                    linewidths=0,
                    alpha=0.8,
                    label=name,
                )
            ax.set_xscale("log")
            # matplotlib writes powers of ten as formulas, which the style does not parse
            ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            ax.xaxis.set_minor_formatter(NullFormatter())
            ax.set(
                xlabel=f"{self.volume_column} (log scale)",
                ylabel=broken_name(f"Out-of-bag score of {self.block} alone", 34),
            )
            told = wrapped(f"Rank correlation {self.rank_correlation}", SINGLE_COLUMN_MM - 18)
            ax.set_title(told, loc="left")
            ax.legend(loc="best")
        return ax


def _html(check: VolumeCheck) -> str:
    title = f"{check.block}: {check.verdict}"
    return card("VolumeCheck", title, note(check.summary()), grid(check.table()))
