"""``site_report``: whether sites can be told, what harmonising mends, if the outcome goes too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from tumor_response.evaluation.checks import (
    aligned_outcome,
    check_classes,
    check_columns,
    check_index,
    check_no_outcome,
    check_values,
)
from tumor_response.evaluation.sites.association import associated
from tumor_response.evaluation.sites.reading import Rows, by_site_alone, readings
from tumor_response.evaluation.sites.result import SiteReport
from tumor_response.exceptions import EvaluationError, ModelError
from tumor_response.frames import IntoFrame, as_keyed, as_values
from tumor_response.models import patients_of
from tumor_response.outcomes import LabelRule
from tumor_response.table import FeatureTable
from tumor_response.transformers import (
    BlockScaler,
    BlockSelector,
    CategoryEncoder,
    ComBat,
    MedianImputer,
    blocks_of,
)
from tumor_response.transformers.harmonise import NOT_SCANNED, check_baseline, covariates_of

__all__ = ["site_report"]

IntArray = npt.NDArray[np.int64]

MIN_PATIENTS = 10
"""Of a site that is read: folds of a fifth then leave enough to harmonise by."""


def site_report(
    table: FeatureTable | IntoFrame,
    y: pd.Series | IntoFrame,
    *,
    label: LabelRule | None = None,
    step: BaseEstimator | None = None,
    site: str = "meta__site",
    blocks: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    n_folds: int = 5,
    n_repeats: int = 4,
    seed: int = 0,
) -> SiteReport:
    """Measure how well sites can be told before and after harmonising, and what it costs.

    Ridge regressions on the blocks, refitted in folds of patients with medians, scales, penalty
    and the harmonising step, predict the site and the outcome of the held-out patients, as in
    :func:`tumor_response.probe_embedding`. AUCs compare patients of one fold. For more than two
    sites that of the site is the mean of one against the others. Held-out patients are harmonised
    by what the training patients of their site showed.

    That is read beside how site and outcome go together: the share of responders at each site with
    Fisher's exact test, and the AUC of predicting a patient by the site alone. Where they do go
    together, a lower AUC after harmonising has two explanations that the data cannot part: a
    shortcut that is closed, or a true difference that is taken away.

    Parameters
    ----------
    table
        The feature table, or a DataFrame with the index (patient_id, lesion_id), and the sites.
    y
        The outcome, 0 and 1; or an end point, with the rule that makes classes of it.
    label
        That rule, fitted on all rows: the report describes, it does not evaluate.
    step
        The harmonising step; None (default): ``ComBat(site=site)``.
    site
        The column of the sites, one value per patient.
    blocks
        Blocks that are read, or from block to columns; None (default): all but ``clinical``.
    n_folds, n_repeats
        Folds of patients, 2 to 10, default 5, drawn anew ``n_repeats`` times, default 4.
    seed
        Of folds and bootstrap, default 0.

    Returns
    -------
    SiteReport

    Raises
    ------
    EvaluationError
        Code ``site_column``: no such column, or a patient of two sites; ``one_site``: fewer than
        two sites of ten patients; ``one_class``, ``too_few_patients``; those of the step.

    Notes
    -----
    Intervals are percentiles over 1,000 bootstrap samples of patients of the held-out
    predictions, models not refitted. Lesions without a site or an outcome are left out, and
    sites of fewer than ten patients are not read; both are counted in ``left_out``. After
    harmonising the AUC of the site may be below 0.5: the training patients' means were made
    equal, so that what a held-out patient is above the mean the others are below. So may the AUC
    by the site alone, for the same reason, where the site says nothing.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> index = pd.MultiIndex.from_product([[f"P{i}" for i in range(80)], ["1"]],
    ...                                    names=["patient_id", "lesion_id"])
    >>> X = pd.DataFrame(rng.normal(size=(80, 20)), index).add_prefix("radiomics__")
    >>> X["meta__site"] = ["A", "B"] * 40
    >>> X.iloc[1::2, :20] += 1.0
    >>> y = pd.Series(rng.integers(0, 2, 80), index)
    >>> report = site_report(X, y, n_repeats=1)
    >>> report.site_is_readable, report.site_is_left, report.is_confounded
    (True, False, False)
    """
    table = as_keyed(table, "table")
    y = as_values(y, "y")
    data = table.data if isinstance(table, FeatureTable) else table
    dictionary = table.dictionary if isinstance(table, FeatureTable) else None
    if not isinstance(data, pd.DataFrame):
        raise EvaluationError(
            f"table: expected a FeatureTable or a pandas DataFrame, received "
            f"{type(table).__name__}."
        )
    if not 2 <= n_folds <= MIN_PATIENTS or n_repeats < 1:
        raise EvaluationError(
            f"n_folds={n_folds!r}, n_repeats={n_repeats!r}: expected 2 to {MIN_PATIENTS}, and 1 "
            "or more."
        )
    check_index(data.index)
    check_columns(data)
    harmonise = ComBat(site=site) if step is None else clone(step)
    outcome = aligned_outcome(y, data.index, label)
    try:
        selector = BlockSelector(_read_blocks(data, blocks)).fit(data)
        check_baseline(covariates_of(harmonise), site, dictionary)
    except ModelError as error:
        raise EvaluationError(str(error), code=error.code) from error
    columns = [column for members in selector.blocks_.values() for column in members]
    sites, left_out = _sites(data, site, outcome)
    known = sites.notna().to_numpy() & outcome.notna().to_numpy()
    data, sites, outcome = data[known], sites[known], outcome[known]
    classes = _classes(outcome, label)
    patients = patients_of(data)
    check_classes(classes, patients)
    check_values(data, columns)
    check_no_outcome(data, [*columns, *covariates_of(harmonise)], outcome, classes)
    association = associated(*_by_patient(sites, classes, patients))

    large = association.sites.index[association.sites["n_patients"] >= MIN_PATIENTS]
    if len(large) < 2:
        raise EvaluationError(
            f"site_report: {len(large)} site(s) with {MIN_PATIENTS} patients or more among "
            f"{', '.join(map(repr, association.sites.index))}; two are needed to tell them apart.",
            code="one_site",
        )
    read = sites.isin(large).to_numpy()
    if not read.all():
        left_out["site_too_small"] = int((~read).sum())
    codes = np.unique(sites[read].to_numpy(dtype=np.str_), return_inverse=True)[1]
    rows = Rows(
        data[read], codes.astype(np.int64), classes[read], patients[read], n_folds, n_repeats, seed
    )
    scaled = [selector, CategoryEncoder(), MedianImputer(), BlockScaler()]
    with threadpool_limits(1):
        try:
            before = readings(rows, make_pipeline(*map(clone, scaled)))
            after = readings(rows, make_pipeline(harmonise, *map(clone, scaled)))
        except ModelError as error:
            raise EvaluationError(str(error), code=error.code) from error
    return SiteReport(
        step=type(harmonise).__name__,
        before=before,
        after=after,
        association=association,
        site_alone=by_site_alone(rows),
        n_patients=len(np.unique(rows.patients)),
        n_lesions=len(rows.y),
        left_out=left_out,
        n_folds=n_folds,
        n_repeats=n_repeats,
        seed=seed,
    )


def _read_blocks(
    data: pd.DataFrame, blocks: Sequence[str] | Mapping[str, Sequence[str]] | None
) -> Sequence[str] | Mapping[str, Sequence[str]]:
    if blocks is not None:
        return blocks
    there = blocks_of(data.columns)
    return [block for block in there if block not in NOT_SCANNED] or list(there)


def _sites(data: pd.DataFrame, column: str, outcome: pd.Series) -> tuple[pd.Series, dict[str, int]]:
    """Return each row's site as text or missing, and how many rows lack what."""
    if column not in data.columns:
        raise EvaluationError(
            f"site_report: the table has no column {column!r}; site= names another.",
            code="site_column",
        )
    text = data[column].astype(str).str.strip()
    sites = text.where(data[column].notna() & (text != ""))
    several = sites.groupby(level="patient_id").nunique()
    if (several > 1).any():
        raise EvaluationError(
            f"site_report: {int((several > 1).sum())} patient(s) are of several sites in "
            f"{column!r}, the first {several.index[several > 1][0]!r}. A patient is of one site.",
            code="site_column",
        )
    counts = {
        "site_missing": int(sites.isna().sum()),
        "outcome_missing": int((sites.notna() & outcome.isna()).sum()),
    }
    return sites, {reason: n for reason, n in counts.items() if n}


def _classes(outcome: pd.Series, label: LabelRule | None) -> IntArray:
    if label is not None:
        outcome = label.label(outcome, label.fit(outcome)).astype(np.float64)
    classes: npt.NDArray[np.float64] = outcome.to_numpy(dtype=np.float64)
    if strange := sorted(set(classes.tolist()) - {0.0, 1.0}):
        raise EvaluationError(
            f"y holds {strange[:3]} besides 0 and 1. For an end point give the rule that makes "
            "classes of it, label=tr.ResponderCut('median').",
            code="y",
        )
    return classes.astype(np.int64)


def _by_patient(
    sites: pd.Series, classes: IntArray, patients: IntArray
) -> tuple[pd.Series, pd.Series]:
    """Return each patient's site, and whether a lesion of theirs responded."""
    grouped = pd.DataFrame({"site": sites.to_numpy(dtype=object), "responder": classes})
    by_patient = grouped.groupby(patients).agg({"site": "first", "responder": "max"})
    return by_patient["site"], by_patient["responder"] == 1
