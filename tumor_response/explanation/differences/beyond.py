"""What the image says that the chart does not: association at equal volume and age, and gain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tumor_response.evaluation import EvaluationResult
from tumor_response.evaluation.comparison import increments
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.differences.block_tests import block_tests
from tumor_response.explanation.differences.comparing import Within, differences_of_rows
from tumor_response.explanation.differences.prepared import ComparedRows, compared_rows
from tumor_response.explanation.differences.result import GroupDifferences
from tumor_response.explanation.hierarchy import Hierarchy
from tumor_response.frames import as_keyed
from tumor_response.outcomes import Coupling
from tumor_response.table import FeatureTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["BeyondVolumeAndAge", "beyond_volume_and_age"]


def beyond_volume_and_age(
    result: EvaluationResult,
    table: FeatureTable | pd.DataFrame | None = None,
    *,
    baselines: Sequence[str] | None = None,
    adjust: Sequence[str] | None = None,
    coupling: Coupling | None = None,
    within: Within = "family",
    fdr: float = 0.1,
    n_permutations: int = 999,
    seed: int = 0,
) -> BeyondVolumeAndAge:
    r"""Put side by side what columns and blocks say at equal volume and age, and what models gain.

    The two are different questions. A block can go with the outcome at equal volume and age and
    still add nothing to a prediction, being too weak for so few patients to learn; and a model can
    gain by what it makes of volume itself.

    Parameters
    ----------
    result
        From :func:`tumor_response.evaluate`, with the models ``"volume_only"`` and
        ``"clinical_only"`` or others to compare with beside those of interest.
    table
        The columns to test, of the rows that were evaluated; default: the evaluated table itself.
    baselines
        Names of the models to compare with; default as
        :func:`tumor_response.evaluation.comparison.increments`.
    adjust
        Columns to adjust for, default ``clinical__age`` and ``clinical__volume_cc``, as far as the
        table has them.
    coupling
        Of the end point, for the AUC of volume alone by contour error.
    within, fdr, n_permutations, seed
        As :func:`group_differences`.

    Returns
    -------
    BeyondVolumeAndAge

    Raises
    ------
    ExplanationError
        Code ``task``: no response was evaluated; ``adjust``: nothing to adjust for;
        ``other_table``: a table without the evaluated rows; and as :func:`group_differences`.
    EvaluationError
        Code ``no_baseline``: no model to compare with.

    Notes
    -----
    The groups are those of the cut on all evaluated rows. **A block as a whole**: with :math:`e_y`
    the class and :math:`e_c` a column's ranks, both freed of the covariates, the latter of length
    1 (0 where missing), the statistic is :math:`\sum_c (e_y^T e_c)^2` (Goeman et al. 2004,
    Bioinformatics 20:93), which has power where many columns say a little; beside it the largest
    adjusted effect of the block. Their p values come from permuting :math:`e_y` over the patients
    (Freedman and Lane 1983), so that the columns' correlations are accounted for.

    Examples
    --------
    >>> import numpy as np, pandas as pd, tumor_response as tr
    >>> rng = np.random.default_rng(0)
    >>> index = pd.MultiIndex.from_product([[f"P{i}" for i in range(60)], ["1"]],
    ...                                    names=["patient_id", "lesion_id"])
    >>> table = pd.DataFrame(rng.normal(size=(60, 5)), index).add_prefix("deep__n__")
    >>> table["clinical__volume_cc"] = np.exp(rng.normal(size=60))
    >>> y = (table["deep__n__3"] + rng.normal(size=60) > 0).astype(float)
    >>> models = {"volume_only": tr.make_model("volume_only"), "all": tr.make_model("logistic")}
    >>> result = tr.evaluate(models, table, y, tr.Bootstrap632Plus(n_resamples=20, seed=0))
    >>> beyond = beyond_volume_and_age(result, n_permutations=99)
    >>> beyond.blocks.loc["deep", "strongest"], beyond.increments["model_a"].tolist()
    ('deep__n__3', ['all'])
    """
    rows = _rows(result, table, adjust)
    gained = increments(result, baselines, coupling=coupling)
    differences = differences_of_rows(
        rows, within, fdr=fdr, n_permutations=n_permutations, seed=seed
    )
    blocks = block_tests(rows, differences, n_permutations, seed)
    return BeyondVolumeAndAge(differences, blocks, gained)


@dataclass(frozen=True, eq=False)
class BeyondVolumeAndAge:
    """Association at equal volume and age, and what models gain over those.

    Attributes
    ----------
    differences : GroupDifferences
        Of all columns; the adjusted part is what this is about.
    blocks : DataFrame
        Index ``block``. ``n_columns`` tested, ``found`` (adjusted q of ``fdr`` or less);
        ``ratio``, the block's statistic over its mean under permutation, with ``p_value``,
        ``p_holm`` over the blocks; ``strongest``, the column with the largest adjusted effect,
        ``delta_strongest``, ``chance_strongest`` (what the largest of the block stays below in
        95 % of permutations, whatever its sign), ``p_strongest``, ``n_permutations``,
        ``p_method``.
    increments : DataFrame
        From :func:`tumor_response.evaluation.comparison.increments`.
    """

    differences: GroupDifferences
    blocks: pd.DataFrame
    increments: pd.DataFrame

    def sentences(self) -> list[str]:
        """Return what was found, in words, each p value with how it was made."""
        names = " and ".join(self.differences.adjusted_for)
        told = []
        for block, row in self.blocks.iterrows():
            told.append(
                f"At equal {names}, {block} ({row['n_columns']:.0f} columns) has "
                f"{row['ratio']:.2f} times the sum of squared scores that is there by chance "
                f"(p = {row['p_value']:.3g}, Holm over {len(self.blocks)} block(s) "
                f"{row['p_holm']:.3g}); the largest adjusted effect is "
                f"{row['delta_strongest']:+.2f} ({row['strongest']}), and by chance the largest is "
                f"below {row['chance_strongest']:.2f} in 95 % (p = {row['p_strongest']:.3g}). "
                f"Chance and p: {row['p_method']}, {row['n_permutations']:.0f} times. "
                f"{row['found']:.0f} columns have an adjusted q ≤ {self.differences.fdr:g}."
            )
        for _, row in self.increments.iterrows():
            p = "none" if np.isnan(row["p_value"]) else f"{row['p_value']:.3g}"
            told.append(
                f"{row['model_a']} less {row['model_b']}: {self.measure} "
                f"{row['difference']:+.3f} ({row['ci_low']:+.3f} to {row['ci_high']:+.3f}, "
                f"{row['ci_method']}; p = {p}, {row['p_method']}; Holm {row['p_holm']:.3g})."
            )
        return told

    @property
    def measure(self) -> str:
        """What the increments are differences of, such as ``auc_oob``."""
        after = list(self.increments.columns).index("model_b") + 1
        return str(self.increments.columns[after]).removesuffix("_a")

    def plot(self, ax: Sequence[Axes] | None = None) -> tuple[Axes, Axes]:
        """Draw association by block, and beside it the models' gains; returns both axes.

        Parameters
        ----------
        ax
            Two axes to draw on; a new figure by default.
        """
        from tumor_response.explanation.differences.beyond_figure import draw_beyond

        return draw_beyond(self, ax)


def _rows(
    result: EvaluationResult,
    table: FeatureTable | pd.DataFrame | None,
    adjust: Sequence[str] | None,
) -> ComparedRows:
    evaluated = result.rows
    if result.task != "response":
        raise ExplanationError(
            f"This evaluation is of {result.task}; two groups are compared here. Evaluate a "
            "response, or give group_differences a label.",
            code="task",
        )
    index = evaluated.X.index
    y = pd.Series(evaluated.y.astype(np.float64), index)
    dictionary = evaluated.dictionary
    if table is None:
        rows = compared_rows(evaluated.X, y, None, adjust, evaluated.blocks)
    else:
        table = as_keyed(table, "table")
        data = table.data if isinstance(table, FeatureTable) else table
        absent = index.difference(data.index)
        if len(absent):
            raise ExplanationError(
                f"The table lacks {len(absent)} of the {len(index)} evaluated rows, e.g. "
                f"{absent[:2].tolist()}. Give the table that was evaluated, or one of the same "
                "lesions.",
                code="other_table",
            )
        dictionary = table.dictionary if isinstance(table, FeatureTable) else dictionary
        rows = compared_rows(data.loc[index], y, None, adjust, None)
    if not rows.covariates.shape[1]:
        raise ExplanationError(
            "There is nothing to adjust for: the table has neither clinical__age nor "
            "clinical__volume_cc. Name the columns with adjust=.",
            code="adjust",
        )
    hierarchy = Hierarchy.of(rows.hierarchy.blocks, dictionary)
    return replace(rows, dictionary=dictionary, hierarchy=hierarchy)
