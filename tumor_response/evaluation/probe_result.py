"""What a probe of a block found, as a table, in words and as a figure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.frames import tidy
from tumor_response.notebook import card, grid, note, shown
from tumor_response.style import (
    COLOURS,
    NEUTRAL,
    SINGLE_COLUMN_MM,
    broken_name,
    figure_style,
    new_axes,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CI_METHOD", "EmbeddingProbe", "Reading"]

FloatArray = npt.NDArray[np.float64]

CI_METHOD = "patient_bootstrap_of_held_out_predictions"

SIGNIFICANT = 0.05

_REASONS = {
    "too_few_patients": "too few patients",
    "one_value": "the same in all lesions",
}


@dataclass(frozen=True)
class Reading:
    """What the block says about one target.

    Attributes
    ----------
    target : str
    kind : str
        ``"number"`` or ``"classes"``.
    measure : str
        ``"R2"`` or ``"AUC"``.
    n_values : int
        Different values, or classes.
    n_lesions, n_patients : int
        Read out.
    n_left_out : int
        Lesions without the target or the block, or of a class that fewer than five patients have.
    value, ci_low, ci_high : float
        NaN where there is a ``reason``.
    p : float
        Share of permutations, the real order among them, that read out as well; NaN without any.
    null_mean, null_high : float
        Mean and 95th percentile of the permutations.
    reason : str
        Why there is no value: ``"too_few_patients"``, ``"one_value"``, or empty.
    """

    target: str
    kind: str
    measure: str
    n_values: int
    n_lesions: int
    n_patients: int
    n_left_out: int
    value: float = np.nan
    ci_low: float = np.nan
    ci_high: float = np.nan
    p: float = np.nan
    null_mean: float = np.nan
    null_high: float = np.nan
    reason: str = ""

    def without(self, reason: str) -> Reading:
        """Return the reading of a target that cannot be read."""
        return replace(self, reason=reason)

    def found(self, value: float, ci_low: float, ci_high: float, null: FloatArray) -> Reading:
        """Return the reading with its value, beside what permutations gave."""
        if not null.size:
            return replace(self, value=value, ci_low=ci_low, ci_high=ci_high)
        # rounding must not decide about a tie with the real order
        as_well = int((null >= value - 1e-12).sum())
        return replace(
            self,
            value=value,
            ci_low=ci_low,
            ci_high=ci_high,
            p=(1 + as_well) / (1 + null.size),
            null_mean=float(null.mean()),
            null_high=float(np.percentile(null, 95)),
        )

    @property
    def is_known(self) -> bool:
        """Whether the block reads the target better than chance, at p <= 0.05."""
        return bool(self.p <= SIGNIFICANT)

    def sentence(self, block: str) -> str:
        """Return the reading in words."""
        if self.reason:
            return f"{self.target} was not probed: {_REASONS[self.reason]}."
        measure = "cross-validated R2" if self.measure == "R2" else "cross-validated AUC"
        if self.measure == "AUC" and self.n_values > 2:
            measure += f", mean of {self.n_values} classes,"
        low, high = _number(self.ci_low), _number(self.ci_high)
        numbers = f"{measure} {_number(self.value)} ({low} to {high}"
        numbers += "" if np.isnan(self.p) else f"; p = {self.p:.2g}"
        numbers += f"; {self.n_lesions} lesions of {self.n_patients} patients)"
        if np.isnan(self.p):
            return f"“{block}” and {self.target}: {numbers}."
        if self.is_known:
            return f"“{block}” knows {self.target}: {numbers}."
        return f"It is not shown that “{block}” knows {self.target}: {numbers}."


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


@dataclass(frozen=True)
class EmbeddingProbe:
    """How well some targets can be read off a block of features.

    Attributes
    ----------
    block : str
    n_columns : int
    readings : tuple of Reading
        One per target, in the order given.
    n_folds, n_repeats, n_permutations, seed : int
        As in :func:`tumor_response.probe_embedding`.
    """

    block: str
    n_columns: int
    readings: tuple[Reading, ...]
    n_folds: int
    n_repeats: int
    n_permutations: int
    seed: int

    def __getitem__(self, target: str) -> Reading:
        for reading in self.readings:
            if reading.target == target:
                return reading
        raise KeyError(target)

    def table(self) -> pd.DataFrame:
        """Return one row per target: the fields of :class:`Reading`, and ``ci_method``."""
        rows = [vars(reading) for reading in self.readings]
        frame = pd.DataFrame(rows).set_index("target")
        return frame.assign(ci_method=CI_METHOD)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per target, to compute with: ``block``, ``target``, ``measure`` ..."""
        return tidy(self.table().reset_index().assign(block=self.block), ["block", "target"])

    def summary(self) -> str:
        """Return one sentence per target."""
        return " ".join(reading.sentence(self.block) for reading in self.readings)

    def _repr_html_(self) -> str:
        return shown(self, _html)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"Probe of block “{self.block}” ({self.n_columns} columns), {self.n_repeats} times "
                f"{self.n_folds} folds of patients:",
                *(f"  {reading.sentence(self.block)}" for reading in self.readings),
            ]
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw value and interval of every target; returns the axes.

        R2 and AUC share an axis: it runs from what knowing nothing gives (R2 of 0, AUC of 0.5)
        to 1. The grey tick is the 95th percentile of the permutations.

        Parameters
        ----------
        ax
            Axes to draw on; a new figure by default.
        """
        shown = [reading for reading in self.readings if not reading.reason]
        with figure_style():
            if ax is None:
                ax = new_axes(SINGLE_COLUMN_MM, 22 + 8 * max(len(shown), 1))
            rows = range(len(shown))[::-1]
            for row, reading in zip(rows, shown, strict=True):
                nothing = 0.0 if reading.measure == "R2" else 0.5

                def place(value: float, nothing: float = nothing) -> float:
                    return (value - nothing) / (1.0 - nothing)

                colour = COLOURS[0] if reading.measure == "R2" else COLOURS[1]
                limits = [place(reading.ci_low), place(reading.ci_high)]
                ax.plot(limits, [row, row], color=colour, linewidth=1.6)
                ax.plot([place(reading.value)], [row], "o", color=colour, markersize=4.5)
                if np.isfinite(reading.null_high):
                    high = place(reading.null_high)
                    ax.plot([high, high], [row - 0.25, row + 0.25], color=NEUTRAL, linewidth=1.0)
            ax.axvline(0.0, color=NEUTRAL, linewidth=0.8, linestyle=":")
            ax.set_yticks(
                list(rows),
                [
                    f"{broken_name(one.target, 24)}\n{one.measure} {_number(one.value)}"
                    for one in shown
                ],
            )
            ax.set(
                xlim=(-0.35, 1.02),
                ylim=(-0.6, len(shown) - 0.4),
                xticks=[0, 0.5, 1],
                xticklabels=["R2 0\nAUC 0.5", "R2 0.5\nAUC 0.75", "1"],
                xlabel="How well it can be read off",
            )
            ax.set_title(
                wrapped(
                    f"What “{self.block}” knows\n"
                    "value and 95 % interval; grey: 95 % of permutations",
                    60.0,
                ),
                loc="left",
            )
        return ax


def _html(probe: EmbeddingProbe) -> str:
    columns = ["measure", "value", "ci_low", "ci_high", "n_patients"]
    table = probe.table()
    shown_columns = [name for name in columns if name in table]
    return card(
        "EmbeddingProbe",
        f"what can be read off {probe.block}, {probe.n_columns} columns",
        *(note(reading.sentence(probe.block)) for reading in probe.readings),
        grid(table[shown_columns], what="targets"),
    )
