"""What was found of the spread of predictions, and its figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tumor_response.frames import tidy
from tumor_response.notebook import card, facts, note, shown
from tumor_response.style import COLOURS, DOUBLE_COLUMN_MM, NEUTRAL, figure_style, new_axes
from tumor_response.transformers import block_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["OFTEN", "PredictionSpread"]

OFTEN = 0.05
"""A share of repeats that change the class from which on a lesion is pointed out."""


@dataclass(frozen=True, eq=False)
class PredictionSpread:
    """How far the predicted probability of each lesion moves with the contour.

    Parameters
    ----------
    table : DataFrame
        One row per lesion: ``probability`` (contour as drawn), ``sd``, ``low`` and ``high`` (5 and
        95 %) over the repeats, ``shift`` (mean of the repeats less ``probability``),
        ``flip_share`` (of the repeats whose class at the threshold is the other one),
        ``n_repeats``, ``n_failed`` (repeats without values, which are left out), ``n_fits``
        (averaged over), ``sample`` (``"out_of_bag"``; ``"new"``, ``"in_sample"``, ``"unknown"``
        of a single fitted model; ``"never_out_of_bag"``) and ``reason`` (why there is no spread).
    model
        Its name.
    threshold
        From which probability on a lesion is called a responder.
    perturbations
        Whose repeats they are.
    varied, held
        Columns of the model that the repeats replace; and those that stay as they are, whether
        they hang on the contour or not.
    """

    table: pd.DataFrame
    model: str
    threshold: float
    perturbations: list[str]
    varied: list[str]
    held: list[str]

    def _repr_html_(self) -> str:
        return shown(self, _html)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per lesion, to compute with.

        ``model``, the lesion, ``measure`` (``"probability"``), ``value`` and the other columns of
        :attr:`table`; ``low`` and ``high`` are of the repeats, and no confidence interval.
        """
        keys = [str(name) for name in self.table.index.names]
        table = self.table.reset_index().rename(columns={"probability": "value"})
        return tidy(table.assign(model=self.model, measure="probability"), ["model", *keys])

    def __repr__(self) -> str:
        return f"<PredictionSpread of {self.model!r}>\n{self.sentence()}"

    def summary(self) -> pd.Series:
        """Return medians and counts over the lesions that have a spread."""
        known = self.table[self.table["reason"] == ""]
        return pd.Series(
            {
                "n_lesions": len(self.table),
                "n_without": len(self.table) - len(known),
                "n_in_sample": int((known["sample"] == "in_sample").sum()),
                "median_sd": known["sd"].median(),
                "largest_sd": known["sd"].max(),
                "median_range": (known["high"] - known["low"]).median(),
                "mean_flip_share": known["flip_share"].mean(),
                "n_often_flipped": int((known["flip_share"] > OFTEN).sum()),
            },
            name=self.model,
            dtype=object,
        )

    def sentence(self) -> str:
        """Return the finding in words, with what it does not hold for."""
        found = self.summary()
        n = found["n_lesions"] - found["n_without"]
        told = (
            f"Under other contours ({', '.join(self.perturbations)}) the probability of "
            f"{self.model} has a median SD of {found['median_sd']:.3f} within a lesion; at "
            f"{self.threshold:g}, {found['mean_flip_share']:.1%} of the repeats change the class; "
            f"in {found['n_often_flipped']} of {n} lesions more than {OFTEN:.0%} do."
        )
        if found["n_in_sample"]:
            told += f" {found['n_in_sample']} of them are in-sample: the model has seen them."
        if found["n_without"]:
            told += f" {found['n_without']} lesion(s) have no spread."
        if self.held:
            counts = pd.Series([block_of(name) for name in self.held]).value_counts(sort=False)
            held = ", ".join(f"{block}: {count}" for block, count in counts.items())
            told += f" Columns without repeats were held as they are ({held})."
        return told

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each lesion's probability and its 5 to 95 % range, in ascending order.

        Lesions whose class more than 5 % of the repeats change are in another colour; predictions
        of patients that the model has seen are hollow.
        """
        known = self.table[self.table["reason"] == ""].sort_values("probability", kind="stable")
        place = np.arange(len(known))
        flips = (known["flip_share"] > OFTEN).to_numpy()
        hollow = (known["sample"] == "in_sample").to_numpy()
        with figure_style():
            if ax is None:
                ax = new_axes(DOUBLE_COLUMN_MM, 70)
            ax.axhline(self.threshold, color=NEUTRAL, linewidth=0.8, linestyle=":")
            for group, colour, words in (
                (~flips, COLOURS[0], f"class stays in {1 - OFTEN:.0%} of the repeats or more"),
                (flips, COLOURS[1], f"class changes in more than {OFTEN:.0%}"),
            ):
                lesions = known[group]
                ax.vlines(
                    place[group], lesions["low"], lesions["high"], color=colour, linewidth=1.0
                )
                filled = [("none" if seen else colour) for seen in hollow[group]]
                ax.scatter(
                    place[group],
                    lesions["probability"],
                    s=9,
                    facecolors=filled,
                    edgecolors=colour,
                    linewidths=0.7,
                    zorder=3,
                    label=f"{words} ({len(lesions)})",
                )
            ax.set(
                xlim=(-1, max(len(known), 1)),
                ylim=(-0.02, 1.02),
                xlabel="Lesion, in order of its probability",
                ylabel="Predicted probability",
            )
            ax.set_title(self._title(bool(hollow.any())))
            ax.legend(loc="upper left")
        return ax

    def _title(self, any_seen: bool) -> str:
        samples = sorted(set(self.table.loc[self.table["reason"] == "", "sample"]))
        told = {"out_of_bag": "out of bag", "in_sample": "in-sample"}
        words = " and ".join(told.get(one, one) for one in samples)
        return (
            f"{self.model}: dots as drawn, lines 5 to 95 % of repeats "
            f"({', '.join(self.perturbations)}); {words}" + (" (hollow)" if any_seen else "")
        )

    def __str__(self) -> str:
        return self.sentence()


def _html(spread: PredictionSpread) -> str:
    return card(
        "PredictionSpread",
        spread.model,
        note(spread.sentence()),
        facts(dict(spread.summary())),
    )
