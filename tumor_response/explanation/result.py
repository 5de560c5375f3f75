"""What an explanation found, and how to read it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.tables import ExplanationTables

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Explanation"]


class Explanation(ExplanationTables):
    """SHAP values of a model's output at three levels: blocks, families within, columns within.

    Attributes
    ----------
    name : str
        The model.
    mode : {"out_of_bag", "in_sample", "new_rows"}
        Which rows the values are about. Out of bag: each lesion's values are means over the
        resamples in which its patient was left out of the fit.
    output : {"log_odds", "probability", "rate"}
        What is shared out: log-odds of response, its probability, or the rate in its own unit.
    value_function : {"interventional", "tree_path_dependent"}
        What an absent column is replaced by: the background's values, or the training rows that
        took the same branches.
    method : {"exact", "sampled"}
        Whether values are computed or estimated from random orders; then ``standard_error``.
    values : DataFrame (lesions x columns)
        Shapley values with single columns as players. ``base_values + values.sum(axis=1)`` equals
        ``outputs`` to 1e-6, as it does for the three below.
    block_values : DataFrame (lesions x blocks)
        Shapley values with whole blocks as players.
    family_values : DataFrame (lesions x families)
        Owen values of families with the blocks as unions: a block's sum to the block's value.
    nested_values : DataFrame (lesions x columns)
        Owen values of columns with families and blocks as unions: a family's sum to the family's
        value. Equal to ``values`` where the model is additive.
    base_values : Series
        Mean output over the background: the training rows.
    outputs : Series
        The model's output; out of bag its mean.
    spread : DataFrame or None (lesions x columns)
        Standard deviation of a lesion's out-of-bag values over the resamples; NaN for one.
    standard_error : DataFrame or None (lesions x columns)
        Of ``values``, where they are sampled: what other random orders would change.
    n_pairs : int or None
        Where values are sampled: pairs of orders per lesion and resample, the budget.
    n_out_of_bag : Series or None
        In how many resamples each lesion was out of bag.
    top_ten_share : Series or None
        Share of resamples in which a column was among the ten with the largest mean ``|SHAP|`` over
        that resample's out-of-bag lesions.
    column_mean_abs, family_mean_abs, block_mean_abs : DataFrame or None (resamples x ...)
        Mean ``|value|`` over each resample's out-of-bag lesions.
    block_interactions : DataFrame or None (lesions x pairs of blocks)
        Shapley interaction index of blocks, for trees.
    features : DataFrame
        The table's values of these lesions and columns.
    blocks, families : dict of str to list of str
        Columns by block, and by ``"<block>: <family>"``.
    dictionary : DataFrame or None
        The feature table's.
    null : ExplanationNull or None
        The same explanation on permuted labels.
    """

    def with_null(self, null: Any) -> Self:
        """Return the same explanation with what permuted labels give, to be drawn behind it."""
        return replace(self, null=null)

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

    def __repr__(self) -> str:
        return (
            f"Explanation of {self.name!r} ({self.mode}): {len(self.values)} lesions, "
            f"{self.values.shape[1]} columns\n{self.by_block().round(4)}"
        )
