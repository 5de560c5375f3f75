"""What an explanation found, and how to read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import ExplanationError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Explanation"]

FloatArray = npt.NDArray[np.float64]

_FROM_DICTIONARY = ("family", "unit", "description")


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """SHAP values of a model on the table's columns, in log-odds of response.

    Attributes
    ----------
    name : str
        The model.
    mode : {"out_of_bag", "in_sample", "new_rows"}
        Which rows the values are about. Out of bag: each lesion's values are means over the
        resamples in which its patient was left out of the fit.
    values : DataFrame (lesions x columns)
        ``base_values + values.sum(axis=1)`` equals ``outputs`` to 1e-6.
    base_values : Series
        Mean output over the background: the training rows.
    outputs : Series
        The model's log-odds; out of bag their mean.
    block_values : DataFrame (lesions x blocks)
        Shapley values of whole blocks; they sum to the same.
    n_out_of_bag : Series or None
        In how many resamples each lesion was out of bag.
    top_ten_share : Series or None
        Share of resamples in which a column was among the ten with the largest mean ``|SHAP|`` over
        that resample's out-of-bag lesions.
    block_mean_abs : DataFrame or None (resamples x blocks)
        Mean ``|block value|`` over each resample's out-of-bag lesions.
    features : DataFrame
        The table's values of these lesions and columns.
    blocks : dict of str to list of str
        Columns by block.
    dictionary : DataFrame or None
        The feature table's.
    """

    name: str
    mode: Literal["out_of_bag", "in_sample", "new_rows"]
    values: pd.DataFrame
    base_values: pd.Series
    outputs: pd.Series
    block_values: pd.DataFrame
    n_out_of_bag: pd.Series | None
    top_ten_share: pd.Series | None
    block_mean_abs: pd.DataFrame | None
    features: pd.DataFrame
    blocks: Mapping[str, list[str]]
    dictionary: pd.DataFrame | None

    def __post_init__(self) -> None:
        tolerance = 1e-6 * max(1.0, float(self.outputs.abs().max()))
        for what, values in (("columns", self.values), ("blocks", self.block_values)):
            gap = float((self.base_values + values.sum(axis=1) - self.outputs).abs().max())
            if not gap <= tolerance:
                raise ExplanationError(
                    f"Model {self.name!r}: base value and SHAP values of {what} miss the output "
                    f"by up to {gap:.3g}, allowed {tolerance:.3g}; such values explain nothing.",
                    code="not_additive",
                )

    def table(self) -> pd.DataFrame:
        """Return one row per column of the table, the most important first.

        Returns
        -------
        pandas.DataFrame
            Index ``column``. ``block``; ``family``, ``unit``, ``description`` where the feature
            dictionary has them; ``mean_abs`` (mean over lesions of ``|SHAP|``, log-odds); ``mean``
            (signed); ``rank``; ``top_ten_share`` (see :class:`Explanation`; NaN in sample): a
            column that is rarely among the ten is noise that came up, however long its bar.
        """
        block_of = {column: block for block, members in self.blocks.items() for column in members}
        table = pd.DataFrame(
            {
                "block": [block_of[column] for column in self.values.columns],
                "mean_abs": self.values.abs().mean().to_numpy(),
                "mean": self.values.mean().to_numpy(),
            },
            index=pd.Index(self.values.columns, name="column"),
        )
        if self.dictionary is not None:
            for position, key in enumerate(k for k in _FROM_DICTIONARY if k in self.dictionary):
                table.insert(1 + position, key, self.dictionary[key].reindex(table.index))
        table["top_ten_share"] = np.nan if self.top_ten_share is None else self.top_ten_share
        table["rank"] = table["mean_abs"].rank(ascending=False, method="first").astype(np.int64)
        return table.sort_values("rank")

    def by_block(self) -> pd.DataFrame:
        """Return one row per block, the most important first.

        Returns
        -------
        pandas.DataFrame
            Index ``block``. ``n_columns``; ``mean_abs`` (mean over lesions of ``|block value|``,
            log-odds); ``share`` of the sum of these; out of bag also ``mean_abs_resample``, the
            mean over resamples of each one's own mean ``|block value|``, with ``spread_low`` and
            ``spread_high``, its 2.5th and 97.5th percentile over resamples: a spread, no
            confidence interval. ``mean_abs`` is the smaller one: averaging a lesion's values
            over resamples cancels what they disagree about.
        """
        mean_abs = self.block_values.abs().mean()
        table = pd.DataFrame(
            {
                "n_columns": [len(self.blocks[block]) for block in self.block_values.columns],
                "mean_abs": mean_abs.to_numpy(),
                "share": (mean_abs / mean_abs.sum()).to_numpy() if mean_abs.sum() > 0 else 0.0,
            },
            index=pd.Index(self.block_values.columns, name="block"),
        )
        if self.block_mean_abs is not None:
            low, high = np.percentile(self.block_mean_abs.to_numpy(), (2.5, 97.5), axis=0)
            table["mean_abs_resample"] = self.block_mean_abs.mean().to_numpy()
            table["spread_low"], table["spread_high"] = low, high
        return table.sort_values("mean_abs", ascending=False, kind="stable")

    def plot_summary(self, ax: Axes | None = None, n_columns: int = 12) -> Axes:
        """Draw the columns of largest mean ``|SHAP|``, one point per lesion; returns the axes.

        Colour is the rank of the column's value among the lesions. The share of resamples in
        which the column was among the ten most important stands at the right.

        Parameters
        ----------
        ax
            Axes to draw on; a new figure by default.
        n_columns
            How many columns to draw, default 12.
        """
        from tumor_response.explanation.plots import draw_summary

        if n_columns < 1:
            raise ExplanationError(f"n_columns={n_columns!r}: expected 1 or more.")
        return draw_summary(self, ax, n_columns)

    def plot_patient(
        self, key: tuple[str, str] | str, ax: Axes | None = None, n_columns: int = 10
    ) -> Axes:
        """Draw how one lesion's prediction comes about, from base value to output.

        Parameters
        ----------
        key
            The lesion's index entry: (patient_id, lesion_id); for a patient with one lesion the
            patient_id will do.
        ax
            Axes to draw on; a new figure by default.
        n_columns
            How many columns to draw singly, default 10; the others are summed up.

        Raises
        ------
        ExplanationError
            For a lesion that has no values, or a patient_id that stands for several lesions.
        """
        from tumor_response.explanation.plots import draw_patient

        if n_columns < 1:
            raise ExplanationError(f"n_columns={n_columns!r}: expected 1 or more.")
        return draw_patient(self, self._position(key), ax, n_columns)

    def _position(self, key: tuple[str, str] | str) -> int:
        """Return the row of a lesion, or of the one lesion of a patient."""
        entries = self.values.index.tolist()
        if key in entries:
            return entries.index(key)
        of_patient = [
            place
            for place, entry in enumerate(entries)
            if isinstance(entry, tuple) and entry[0] == key
        ]
        if len(of_patient) > 1:
            lesions = ", ".join(repr(entries[place]) for place in of_patient)
            raise ExplanationError(
                f"Patient {key!r} has {len(of_patient)} lesions with SHAP values; give one of "
                f"{lesions}.",
                code="several_lesions",
            )
        if not of_patient:
            raise ExplanationError(
                f"No SHAP values for {key!r}; expected an entry of .values.index, such as "
                f"{entries[0]!r}. Lesions that were never out of bag have none.",
                code="unknown_lesion",
            )
        return of_patient[0]

    def __repr__(self) -> str:
        return (
            f"Explanation of {self.name!r} ({self.mode}): {len(self.values)} lesions, "
            f"{self.values.shape[1]} columns\n{self.by_block().round(4)}"
        )
