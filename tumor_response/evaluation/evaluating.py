"""evaluate(): every model on the same resamples of patients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from tumor_response.evaluation.kept_fits import has_fits
from tumor_response.evaluation.ledger import StudyLedger
from tumor_response.evaluation.nested import with_selected
from tumor_response.evaluation.result import EvaluationResult
from tumor_response.evaluation.rows import EvaluationRows, Failed, prepare_rows
from tumor_response.evaluation.running import (
    Means,
    ResampleScores,
    fit_model,
    run_resamples,
    score_rows,
)
from tumor_response.evaluation.sampling import (
    Bootstrap632Plus,
    NestedCV,
    Resample,
    Scheme,
    SchemeRows,
)
from tumor_response.evaluation.storing import StoredScores, evaluation_sha256
from tumor_response.evaluation.tasks import balance_of, is_learnable
from tumor_response.evaluation.weights import Weights
from tumor_response.exceptions import EvaluationError, OutcomeError
from tumor_response.outcomes import LabelRule
from tumor_response.progress import track
from tumor_response.settings import checked_n_jobs
from tumor_response.table import FeatureTable

__all__ = ["apparent_scores", "draw_resamples", "evaluate"]


def evaluate(
    models: Mapping[str, BaseEstimator] | BaseEstimator,
    table: FeatureTable | pd.DataFrame,
    y: pd.Series,
    scheme: Scheme | None = None,
    *,
    label: LabelRule | None = None,
    failed: Failed = "error",
    blocks: Mapping[str, Sequence[str]] | None = None,
    sample_weight: Weights = None,
    directory: str | Path | None = None,
    keep_fits: bool = False,
    n_jobs: int = 1,
    client: Any = None,
    ledger: StudyLedger | None = None,
) -> EvaluationResult:
    """Estimate how well models would do on new patients.

    Every model is refitted, tuning and filters included, in every resample of patients; all
    models meet the same resamples.

    Parameters
    ----------
    models
        Models by name, or one alone: ``tr.make_model(...)`` or any scikit-learn classifier with
        ``predict_proba`` or ``decision_function``; or, for rates, regressors. They are cloned,
        never changed. A model that contains a
        :class:`~tumor_response.transformers.BlockSelector` is shown the whole table; one that
        reads images, as :class:`tumor_response.FineTuned`, its key column alone; any other the
        predictor columns (never ``meta__*``).
    table
        A feature table, or a DataFrame with index (patient_id, lesion_id), or patient_id alone.
    y
        Indexed like the table (order does not matter). 0 and 1, or with ``label`` the continuous
        end point; for regressors the end point itself, which they predict; 0, 1 and 2 for
        classifiers of thirds (:func:`tumor_response.label_tertiles`). NaN are left out and
        counted, by the reasons in ``y.attrs["reasons"]`` that :func:`tumor_response.shrinkage`
        puts there.
    scheme
        Default: ``Bootstrap632Plus(n_resamples=1000, seed=0)``. Others:
        :mod:`tumor_response.evaluation.sampling`.
    label
        A cut-point (:class:`~tumor_response.outcomes.responder.ResponderCut`, or
        :class:`~tumor_response.outcomes.adjusted.BaselineAdjustedCut`) to fit on the training rows
        of each resample (copies included) and to apply to both sides; what all rows fit serves
        strata and apparent AUC alone. Without it ``y`` is taken as it is and reported as "cut
        fixed beforehand", as is a cut that no row decides.
    failed
        What to do where all that a model uses of a block is missing for a lesion: ``"error"``
        (default), ``"drop"`` the lesion for all models, or ``"impute"``: leave it to the models.
    blocks
        For frames whose column names have no ``<block>__`` prefix: from block to columns.
    sample_weight
        What each row weighs in the fits, never in the measures: a Series indexed like the table,
        or ``"per_patient"``, one over the number of the patient's lesions.
    directory
        Where scores are written while they come. The same call finds them again and goes on where
        it was stopped; without it nothing is written.
    keep_fits
        Keep every fitted model there as well, without pickle
        (:class:`~tumor_response.evaluation.kept_fits.KeptFits` reads them).
    n_jobs
        Processes; results are the same to the last byte whatever it is.
    client
        A ``dask.distributed.Client``: the resamples run on its cluster.
    ledger
        The study's :class:`~tumor_response.evaluation.ledger.StudyLedger`, into which the
        evaluation is entered when it is finished.

    Returns
    -------
    EvaluationResult

    Raises
    ------
    EvaluationError
        Before the first fit: another index in ``y``, duplicate entries, a class missing or with
        fewer than two patients, ``y`` neither 0/1 nor with a ``label``, text columns, infinite
        values, lesions without a block, an outcome among the predictors, weights that a model
        does not take, a ``directory`` of another evaluation, patients that the scheme cannot
        split. Later: a model that fails, with its name and resample.
    SettingsError
        ``n_jobs`` is no whole number, or 0; ``client`` beside ``n_jobs``.

    Notes
    -----
    ``auc_oob``, the headline, is the mean over resamples of the AUC on the out-of-bag lesions,
    never clamped; the .632 family is in :mod:`tumor_response.evaluation.metrics`.

    Examples
    --------
    >>> import numpy as np, pandas as pd, tumor_response as tr
    >>> rng = np.random.default_rng(0)
    >>> index = pd.MultiIndex.from_product([[f"P{i}" for i in range(40)], ["1"]],
    ...                                    names=["patient_id", "lesion_id"])
    >>> table = pd.DataFrame(rng.normal(size=(40, 3)), index=index,
    ...                      columns=["clinical__age", "deep__n__0", "deep__n__1"])
    >>> y = (table["deep__n__0"] + rng.normal(size=40) > 0).astype(float)
    >>> result = tr.evaluate({"ridge": tr.make_model("logistic")}, table, y,
    ...                      tr.Bootstrap632Plus(n_resamples=20, seed=0))
    >>> bool(result.summary().loc["ridge", "auc_oob"] > 0.6)
    True
    """
    scheme = Bootstrap632Plus() if scheme is None else scheme
    if not isinstance(scheme, Scheme):
        raise EvaluationError(
            "scheme: expected tr.Bootstrap632Plus(...) or another scheme, received "
            f"{type(scheme).__name__}."
        )
    if keep_fits and directory is None:
        raise EvaluationError("keep_fits=True needs a directory= to keep them in.")
    n_jobs = checked_n_jobs(n_jobs)
    if isinstance(scheme, NestedCV):
        models = with_selected(models, scheme)
    try:
        rows = prepare_rows(models, table, y, label, failed, blocks, sample_weight)
        resamples = draw_resamples(rows, scheme)
    except OutcomeError as error:
        raise EvaluationError(f"label: {error}", code=error.code) from error
    stored = None
    if directory is not None:
        stored = StoredScores(directory, evaluation_sha256(rows, scheme), list(rows.models))
    fits = Path(directory) / "fits" if keep_fits and directory is not None else None
    result = EvaluationResult(
        scheme=scheme,
        rows=rows,
        resamples=resamples,
        apparent_scores=apparent_scores(rows, resamples if scheme.kind == "test_set" else None),
        out_of_bag=list(_scores(rows, resamples, Means(n_jobs, client, fits), stored)),
    )
    if ledger is not None:
        ledger.append(result)
    return result


def draw_resamples(rows: EvaluationRows, scheme: Scheme) -> list[Resample]:
    """Return a scheme's resamples of these rows, by what their outcome lets be learned."""
    return scheme.resamples(
        SchemeRows(
            rows.X,
            rows.patients,
            balance_of(rows.task, rows.y),
            lambda train, test: is_learnable(rows.task, *rows.labels(train, test)[:2]),
        )
    )


def apparent_scores(
    rows: EvaluationRows, split: list[Resample] | None
) -> dict[str, npt.NDArray[np.float64]]:
    """Return each model's scores of the rows it is fitted to: all, or one split's training rows."""
    train = np.arange(len(rows.X)) if split is None else split[0].train
    where = "the full cohort" if split is None else "the training rows"
    y = rows.y if split is None else rows.labels(train, train)[0]
    weight = None if rows.weight is None else rows.weight[train]
    found = {}
    with threadpool_limits(1):
        for name, model in track(rows.models.items(), "Fitting on all rows", len(rows.models)):
            X = rows.shown_to(name).iloc[train]
            fitted = fit_model(name, model, X, y, where, weight)
            scores = np.full(len(rows.X), np.nan)
            scores[train] = score_rows(name, fitted, X, where, rows.task)
            found[name] = scores
    return found


def _scores(
    rows: EvaluationRows, resamples: list[Resample], means: Means, stored: StoredScores | None
) -> Iterator[ResampleScores]:
    """Yield the scores of all resamples in order: those that are stored, and the others."""
    there = {} if stored is None else stored.read()
    kept = means.fits_directory
    missing = [
        (number, resample)
        for number, resample in enumerate(resamples)
        if number not in there or (kept is not None and not has_fits(kept, rows.models, number))
    ]
    numbers = [number for number, _ in missing]
    new = zip(numbers, run_resamples(rows, missing, means), strict=True)
    for number, one in new if stored is None else stored.written(new):
        there[number] = one
    return (there[number] for number in range(len(resamples)))
