"""What an explanation found, and how to read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.tables import ExplanationTables
from tumor_response.notebook import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tumor_response.explanation.stability.band import ExplanationNull
    from tumor_response.explanation.stability.firmness import Stability
    from tumor_response.explanation.stability.ranks import Level

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
    output : {"log_odds", "probability", "rate", "score"}
        What is shared out: log-odds of response, its probability, the rate in its own unit, or the
        decision function of a classifier without probabilities.
    value_function : {"interventional", "tree_path_dependent"}
        What an absent column is replaced by: the background's values, or the training rows that
        took the same branches.
    level : {"column", "family"}
        Who the players of the finest level are; ``"family"``: whole families stand where columns
        are spoken of below.
    method : {"exact", "sampled"}
        Whether values are computed or estimated from random orders; then ``standard_error``.
    values : DataFrame (lesions x columns)
        Shapley values with single columns as players. ``base_values + values.sum(axis=1)`` equals
        ``outputs`` to 1e-6, as it does for the three below. Where they are sampled, those of
        ``nested_values``.
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
    spread, family_spread, block_spread : DataFrame or None (lesions x ...)
        Standard deviation of a lesion's out-of-bag values over the resamples; NaN for one.
    standard_error, family_standard_error, block_standard_error : DataFrame or None (lesions x ...)
        Of the values, where they are sampled: what other random orders would change.
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

    def with_null(self, null: ExplanationNull) -> Self:
        """Return the same explanation with what permuted outcomes give, to be drawn behind it.

        Parameters
        ----------
        null
            From :func:`tumor_response.explanation.stability.explanation_null`, of the same model
            and table.

        Raises
        ------
        ExplanationError
            Code ``other_columns``: a null of another model, output or value function, or of other
            columns.
        """
        theirs = (null.name, null.output, null.value_function)
        mine = (self.name, self.output, self.value_function)
        if theirs != mine or list(null.columns) != list(self.values.columns):
            raise ExplanationError(
                f"The null is of {', '.join(theirs)} with {null.columns.shape[1]} columns, the "
                f"explanation of {', '.join(mine)} with {self.values.shape[1]}: expected the same "
                "model, output, value function and columns.",
                code="other_columns",
            )
        return replace(self, null=null)

    def stability(self, level: Level = "column", k: int | None = None) -> Stability:
        """Return how firm the ranks are over the resamples, and how well their top lists agree.

        Parameters
        ----------
        level
            ``"column"``, ``"family"`` or ``"block"``.
        k
            Length of a top list; by default 10 columns, 3 families, 1 block.

        Returns
        -------
        Stability
            ``ranks``, ``frequencies`` and ``overlap`` (Nogueira's measure with its interval).

        Raises
        ------
        ExplanationError
            Code ``no_resamples``: not out of bag.
        """
        from tumor_response.explanation.stability.firmness import stability_of

        return stability_of(self, level, k)

    def to_shap(self) -> Any:
        """Return the columns' values as a ``shap.Explanation``, which all of shap's plots take."""
        from tumor_response.explanation.figures.for_shap import as_shap

        return as_shap(self)

    def plot_summary(
        self, ax: Axes | None = None, n_columns: int = 12, level: Level = "column"
    ) -> Axes:
        """Draw the largest mean ``|SHAP|``, one point per lesion; returns the axes.

        Colour is the rank of the column's value among the lesions; of a family or block, its
        block. The share of resamples in which the row was among the most important (columns: the
        top ten; families: the top three; blocks: the first) stands at the right.

        Parameters
        ----------
        ax
            Axes to draw on; a new figure by default.
        n_columns
            How many columns, families or blocks to draw, default 12.
        level
            ``"column"``, ``"family"`` or ``"block"``.
        """
        from tumor_response.explanation.figures.summary import draw_summary

        return draw_summary(self, ax, n_columns, level)

    def plot_bars(self, level: Level = "column", ax: Axes | None = None, n_rows: int = 12) -> Axes:
        """Draw how much each column, family or block moves the output; returns the axes.

        What few resamples list among the most important is faint and hatched; what permuted
        outcomes give stands behind the bars (:meth:`with_null`). See
        :func:`tumor_response.explanation.figures.bars.draw_bars`.

        Parameters
        ----------
        level
            ``"column"``, ``"family"`` or ``"block"``.
        ax
            Axes to draw on; a new figure by default.
        n_rows
            How many rows at most, default 12.
        """
        from tumor_response.explanation.figures.bars import draw_bars

        return draw_bars(self, level, ax, n_rows)

    def plot_dependence(
        self, column: str, colour_by: str | None = None, ax: Axes | None = None
    ) -> Axes:
        """Draw a column's SHAP value against its value, one point per lesion; returns the axes.

        Parameters
        ----------
        column
            A column of the table.
        colour_by
            Another column, whose rank colours the points.
        ax
            Axes to draw on; a new figure by default.

        Raises
        ------
        ExplanationError
            Code ``other_columns``: no such column.
        """
        from tumor_response.explanation.figures.dependence import draw_dependence

        return draw_dependence(self, column, colour_by, ax)

    def plot_patient(
        self,
        key: tuple[str, str] | str,
        ax: Axes | None = None,
        n_columns: int = 10,
        level: Level = "column",
        names: bool = False,
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
            How many columns, families or blocks to draw singly, default 10; the others are summed
            up.
        level
            ``"column"``, ``"family"`` or ``"block"``.
        names
            Whether to write patient and lesion above: a figure with names is not anonymous.

        Raises
        ------
        ExplanationError
            For a lesion that has no values, or a patient_id that stands for several lesions.
        """
        from tumor_response.explanation.figures.waterfall import draw_patient

        return draw_patient(self, self._position(key), ax, n_columns, level, names)

    def plot_decision(
        self,
        ax: Axes | None = None,
        n_rows: int = 12,
        level: Level = "column",
        highlight: Sequence[tuple[str, str] | str] = (),
    ) -> Axes:
        """Draw every lesion's way from base value to output; returns the axes.

        Parameters
        ----------
        ax
            Axes to draw on; a new figure by default.
        n_rows
            How many columns, families or blocks to draw singly, default 12.
        level
            ``"column"``, ``"family"`` or ``"block"``.
        highlight
            Lesions to draw in bold, given as in :meth:`plot_patient`. They are named in the
            figure, which is not anonymous then.

        Raises
        ------
        ExplanationError
            As :meth:`plot_patient`.
        """
        from tumor_response.explanation.figures.decision import draw_decision

        places = [self._position(key) for key in highlight]
        return draw_decision(self, ax, n_rows, level, places)

    def _repr_html_(self) -> str:
        from tumor_response.explanation.shown import explanation_html

        return shown(self, explanation_html)

    def __repr__(self) -> str:
        many = {"column": "columns", "family": "families"}[self.level]
        return (
            f"Explanation of {self.name!r} ({self.mode}, {self.output}, {self.method}): "
            f"{len(self.values)} lesions, {self.values.shape[1]} {many}\n"
            f"{self.by_block().round(4).to_string()}"
        )
