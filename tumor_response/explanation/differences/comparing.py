"""``group_differences``: every column between responders and others, before and after adjusting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from tumor_response.evaluation.comparison import adjusted_p_values
from tumor_response.evaluation.intervals.limits import check_level
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.differences.chance import ALL, ChanceCounts, exchanged
from tumor_response.explanation.differences.prepared import ComparedRows, compared_rows
from tumor_response.explanation.differences.result import GroupDifferences
from tumor_response.explanation.differences.testing import AdjustedTests, GroupTests
from tumor_response.outcomes import LabelRule
from tumor_response.table import FeatureTable

__all__ = ["Within", "differences_of_rows", "group_differences"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Within = Literal["family", "block", "all"]

MIN_PERMUTATIONS = 19
"""With fewer no count can have a p of 0.05."""

_WORDS = ("unit", "ibsi_code", "ibsi_name", "description")


def group_differences(
    table: FeatureTable | pd.DataFrame,
    y: pd.Series,
    *,
    label: LabelRule | None = None,
    adjust: Sequence[str] | None = None,
    blocks: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    within: Within = "family",
    alpha: float = 0.05,
    fdr: float = 0.1,
    level: float = 0.95,
    n_permutations: int = 999,
    seed: int = 0,
) -> GroupDifferences:
    """Compare every column between those that responded and the others.

    Each column gets a Mann-Whitney test, the probability that a responder's value is the larger
    one with an interval, the same at equal volume and age, and p values adjusted for the number of
    columns; and all columns together get the number that permuted outcomes would have found.

    Parameters
    ----------
    table
        A feature table, or a DataFrame with index (patient_id, lesion_id), or patient_id alone.
    y
        Indexed like the table: 0 and 1, or with ``label`` the continuous end point. NaN are left
        out and counted by reason.
    label
        A cut-point, as in :func:`tumor_response.evaluate`; here all lesions decide it, since
        nothing is predicted.
    adjust
        Columns of the table to adjust for. Default: ``clinical__age`` and ``clinical__volume_cc``,
        as far as the table has them; ``()``: none. They are not compared themselves.
    blocks
        Which blocks to compare, default all that the table has; for bare frames from block to
        columns.
    within
        What belongs together in the adjustment for the number of columns: ``"family"`` (default;
        the dictionary's, such as one image filter's texture class), ``"block"`` or ``"all"``. The
        table has ``q_all`` beside it.
    alpha, fdr
        Counted as found: p of ``alpha`` or less, q of ``fdr`` or less.
    level
        Of the intervals.
    n_permutations
        Of the outcomes over the patients, default 999, 19 or more.
    seed
        Of the permutations.

    Returns
    -------
    GroupDifferences

    Raises
    ------
    ExplanationError
        Codes ``one_class``; ``too_few_patients``: fewer than five in a group, or too few to adjust
        for so much; ``missing_block``, ``no_block``; ``empty_block``: every value of a block is
        missing; ``y``: neither 0 and 1 nor a label; ``adjust``: no such column, or the covariates
        tell the groups apart by themselves; ``n_permutations``, ``share``, ``within``.
    EvaluationError
        As :func:`tumor_response.evaluate`: another index in ``y`` (``index_mismatch``), duplicate
        entries, text, infinite values, an outcome among the columns; ``nothing_to_permute``.

    Notes
    -----
    **Tests.** With one lesion per patient: Mann and Whitney (1947, Ann. Math. Stat. 18:50), exact
    where the smaller group has eight lesions or fewer and the column no ties, otherwise normal
    with the corrections for ties and continuity. With several lesions of any patient: the same
    rank sum, patients being independent and not lesions, read as Student's t. ``p_method`` says
    which.

    **Adjusted.** The ranks of a column are regressed on class and covariates, which enter as
    natural splines of their ranks; the effect is the difference in mean rank at equal covariates,
    as a share of the largest that is possible. Without covariates that is Cliff's delta exactly.
    Its p value is the generalised covariance measure's; see
    :class:`tumor_response.explanation.differences.partial.PartialRanks`.

    **Chance.** Outcomes are permuted over patients, so that columns keep their correlations: the
    mean of the number found is near the number of columns times alpha, and its spread is many
    times that of independent columns. For the adjusted tests what the covariates leave of the
    outcome is permuted (Freedman and Lane 1983, J. Bus. Econ. Stat. 1:292).

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> index = pd.MultiIndex.from_product([[f"P{i}" for i in range(60)], ["1"]],
    ...                                    names=["patient_id", "lesion_id"])
    >>> table = pd.DataFrame(rng.normal(size=(60, 20)), index).add_prefix("deep__n__")
    >>> table["clinical__volume_cc"] = np.exp(rng.normal(size=60))
    >>> y = (table["deep__n__3"] + rng.normal(size=60) > 0).astype(float)
    >>> found = group_differences(table, y, n_permutations=99)
    >>> found.table().index[0], found.adjusted_for
    ('deep__n__3', ['clinical__volume_cc'])
    """
    rows = compared_rows(table, y, label, adjust, blocks)
    return differences_of_rows(rows, within, alpha, fdr, level, n_permutations, seed)


def differences_of_rows(
    rows: ComparedRows,
    within: Within = "family",
    alpha: float = 0.05,
    fdr: float = 0.1,
    level: float = 0.95,
    n_permutations: int = 999,
    seed: int = 0,
) -> GroupDifferences:
    """Compare the columns of prepared rows; parameters as :func:`group_differences` has them."""
    _check(within, {"alpha": alpha, "fdr": fdr}, level, n_permutations)
    hierarchy = rows.hierarchy
    family_of_column = {
        "family": hierarchy.family_of_player,
        "block": hierarchy.block_of_player,
        "all": np.zeros(len(hierarchy.players), dtype=np.int64),
    }[within]
    scopes = {ALL: np.arange(len(hierarchy.players))} | {
        block: np.flatnonzero(hierarchy.block_of_player == number)
        for number, block in enumerate(hierarchy.blocks)
    }
    streams = np.random.SeedSequence(seed).generate_state(2)
    with threadpool_limits(1):
        tests = GroupTests(rows)
        one = tests.table(level)
        permuted = exchanged(rows.label, rows.patients, n_permutations, int(streams[0]))
        counts = ChanceCounts(
            tests.p_values, rows.label, permuted, alpha, fdr, family_of_column, scopes
        )
        chance = [counts.table().assign(test="unadjusted")]
        other, n_adjusted, outcome_explained = None, 0, float("nan")
        if rows.covariates.shape[1]:
            adjusted = AdjustedTests(rows)
            n_adjusted, outcome_explained = len(adjusted.known), adjusted.outcome_explained
            other = adjusted.table(level)
            own = adjusted.residual_label
            permuted = exchanged(
                own, rows.patients[adjusted.known], n_permutations, int(streams[1])
            )
            counts = ChanceCounts(
                adjusted.p_values, own, permuted, alpha, fdr, family_of_column, scopes
            )
            chance.append(counts.table().assign(test="adjusted"))
    frame = pd.concat(chance, ignore_index=True)
    frame.insert(0, "test", frame.pop("test"))
    return GroupDifferences(
        columns=_columns(rows, one, other, family_of_column),
        chance=frame,
        adjusted_for=list(rows.covariates.columns),
        n_lesions=len(rows.label),
        n_patients=len(np.unique(rows.patients)),
        n_responders=int(rows.label.sum()),
        n_adjusted=n_adjusted,
        outcome_explained=outcome_explained,
        left_out=rows.left_out,
        categories=rows.categories,
        cut=rows.cut,
        within=within,
        n_families=len(np.unique(family_of_column)),
        alpha=alpha,
        fdr=fdr,
        level=level,
        seed=seed,
    )


def _columns(
    rows: ComparedRows, one: pd.DataFrame, other: pd.DataFrame | None, family_of_column: IntArray
) -> pd.DataFrame:
    hierarchy, values = rows.hierarchy, rows.values
    blocks, families = list(hierarchy.blocks), list(hierarchy.families)
    index = pd.Index(hierarchy.players, name="column")
    frame = pd.DataFrame(
        {
            "block": [blocks[number] for number in hierarchy.block_of_player],
            "family": [families[number] for number in hierarchy.family_of_player],
        },
        index=index,
    )
    if rows.dictionary is not None:
        for word in _WORDS:
            if word in rows.dictionary:
                frame[word] = rows.dictionary[word].reindex(index)
    known = values.notna().to_numpy()
    positive = rows.label == 1
    frame["n_lesions"] = known.sum(axis=0)
    frame["n_missing"] = (~known).sum(axis=0)
    frame["n_responders"] = known[positive].sum(axis=0)
    frame["median_responders"] = values[positive].median().to_numpy()
    frame["median_others"] = values[~positive].median().to_numpy()
    for name in ("auc", "auc_low", "auc_high"):
        frame[name] = one[name].to_numpy()
    for name in ("delta", "delta_low", "delta_high"):
        frame[name] = 2 * frame[name.replace("delta", "auc")] - 1
    _with_q(frame, one["p_value"].to_numpy(), "", family_of_column)
    frame.insert(list(frame.columns).index("p_value") + 1, "p_method", one["p_method"].to_numpy())
    if other is not None:
        frame["n_adjusted"] = other["n_lesions"].fillna(0).astype(np.int64).to_numpy()
        frame["explained"] = other["explained"].to_numpy()
        for name in ("delta", "delta_low", "delta_high"):
            frame[f"{name}_adjusted"] = other[name].to_numpy()
        _with_q(frame, other["p_value"].to_numpy(), "_adjusted", family_of_column)
        method = np.where(other["p_value"].isna(), "", "generalised_covariance_measure")
        place = list(frame.columns).index("p_value_adjusted") + 1
        frame.insert(place, "p_method_adjusted", method)
    frame["note"] = _notes(values, one, other)
    return frame


def _with_q(frame: pd.DataFrame, p: FloatArray, ending: str, family_of_column: IntArray) -> None:
    q = np.full(len(p), np.nan)
    for family in np.unique(family_of_column):
        at = family_of_column == family
        q[at] = adjusted_p_values(p[at], "benjamini_hochberg")
    frame[f"p_value{ending}"] = p
    frame[f"q{ending}"] = q
    frame[f"q_all{ending}"] = adjusted_p_values(p, "benjamini_hochberg")


def _notes(values: pd.DataFrame, one: pd.DataFrame, other: pd.DataFrame | None) -> FloatArray:
    """Say why a column has no p value, or no adjusted one."""
    constant = (values.max() == values.min()).to_numpy()
    untested = one["p_value"].isna().to_numpy()
    note = np.where(untested, np.where(constant, "constant", "too_few_values"), "")
    if other is None:
        return note
    left = (other["p_value"].isna() & ~one["p_value"].isna()).to_numpy()
    reason = np.where(other["n_lesions"].isna(), "too_few_values_adjusted", "said_by_covariates")
    return np.where(left, reason, note)


def _check(within: str, shares: Mapping[str, float], level: float, n_permutations: int) -> None:
    if within not in get_args(Within):
        raise ExplanationError(
            f"within={within!r}: expected 'family', 'block' or 'all'.", code="within"
        )
    for name, value in shares.items():
        if not 0 < value < 1:
            raise ExplanationError(
                f"{name}={value!r}: expected a share between 0 and 1, such as 0.05.", code="share"
            )
    check_level(level)
    if isinstance(n_permutations, bool) or n_permutations < MIN_PERMUTATIONS:
        raise ExplanationError(
            f"n_permutations={n_permutations!r}: expected {MIN_PERMUTATIONS} or more; with fewer "
            "no count can be told from chance.",
            code="n_permutations",
        )
