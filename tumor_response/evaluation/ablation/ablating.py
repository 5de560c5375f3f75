"""ablate(): every combination of blocks with every model, on the same resamples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from tumor_response.evaluation.ablation.configurations import (
    Configuration,
    Models,
    chosen_blocks,
    configurations,
)
from tumor_response.evaluation.ablation.finished import FinishedConfigurations, Scored
from tumor_response.evaluation.ablation.parts import joined, part_of
from tumor_response.evaluation.ablation.study import AblationStudy
from tumor_response.evaluation.evaluating import draw_resamples, evaluate
from tumor_response.evaluation.ledger import StudyLedger
from tumor_response.evaluation.nested import SELECTED, with_selected
from tumor_response.evaluation.result import EvaluationResult
from tumor_response.evaluation.rows import EvaluationRows, Failed, prepare_rows
from tumor_response.evaluation.sampling import (
    Bootstrap632Plus,
    NestedCV,
    RepeatedKFold,
    Scheme,
)
from tumor_response.evaluation.weights import Weights
from tumor_response.exceptions import EvaluationError, OutcomeError
from tumor_response.frames import IntoFrame, as_keyed, as_values
from tumor_response.models.named import Outcome
from tumor_response.outcomes import LabelRule
from tumor_response.table import FeatureTable

__all__ = ["ablate"]

_DEFAULT_MODELS = ("logistic", "xgboost")


def ablate(
    table: FeatureTable | IntoFrame,
    y: pd.Series | IntoFrame,
    models: Models = _DEFAULT_MODELS,
    scheme: Scheme | None = None,
    *,
    blocks: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    outcome: Outcome = "response",
    label: LabelRule | None = None,
    failed: Failed = "error",
    sample_weight: Weights = None,
    directory: str | Path | None = None,
    ledger: StudyLedger | None = None,
    random_state: int = 0,
    n_jobs: int = 1,
    client: Any = None,
) -> AblationStudy:
    """Evaluate every combination of blocks with every model, on the same patients and resamples.

    A lesion that one configuration cannot use is left out of all (``failed="drop"``), so that
    every difference is between fits to the same patients. Beside the combinations stand
    ``volume_only``, ``clinical_only`` and ``dummy``, as far as the table has their columns; with
    :class:`~tumor_response.NestedCV` also ``selected``, which chooses among all of them but the
    dummy in every training set: what somebody gets who does an ablation and keeps the best.

    Parameters
    ----------
    table, y, scheme, label, failed, sample_weight, n_jobs, client
        As in :func:`tumor_response.evaluate`.
    models
        Names of :func:`tumor_response.make_model`; or a mapping from name to the settings of the
        named model, or to a function that takes a list of blocks and returns an estimator.
    blocks
        Names of the blocks to combine, default all of the table; or, for frames without prefixes,
        a mapping from block to columns.
    outcome
        What the named models are made for: ``"response"``, ``"rate"`` or ``"tertiles"``.
    directory
        Where scores are kept. Stopped at any point, the same call goes on from there and gives the
        same bytes; with another model or block, what was finished is found again as long as
        table, outcome and scheme are the same.
    ledger
        The study ledger that the ablation is entered into when it is finished.
    random_state
        Of the named models.

    Returns
    -------
    AblationStudy

    Raises
    ------
    EvaluationError
        As :func:`tumor_response.evaluate`; code ``too_many_blocks``, ``missing_block``.

    Examples
    --------
    >>> import numpy as np, pandas as pd, tumor_response as tr
    >>> rng = np.random.default_rng(0)
    >>> index = pd.Index([f"P{i}" for i in range(40)], name="patient_id")
    >>> table = pd.DataFrame(rng.normal(size=(40, 3)), index=index,
    ...                      columns=["clinical__age", "deep__n__0", "deep__n__1"])
    >>> y = (table["deep__n__0"] + rng.normal(size=40) > 0).astype(float)
    >>> study = ablate(table, y, {"logistic": {"Cs": (0.1,)}},
    ...                tr.Bootstrap632Plus(n_resamples=20))
    >>> list(study.result.models)
    ['logistic | clinical', 'logistic | deep', 'logistic | clinical+deep', 'clinical_only', 'dummy']
    """
    table = as_keyed(table, "table")
    y = as_values(y, "y")
    scheme = Bootstrap632Plus() if scheme is None else scheme
    data = table.data if isinstance(table, FeatureTable) else table
    if not isinstance(data, pd.DataFrame):
        raise EvaluationError(
            "table: expected a FeatureTable or a pandas DataFrame, received "
            f"{type(table).__name__}."
        )
    mapping = blocks if isinstance(blocks, Mapping) else None
    planned = configurations(models, chosen_blocks(data, blocks), data, outcome, random_state)
    splits = scheme
    if isinstance(scheme, NestedCV):
        planned.append(_chooser(planned, scheme))
        # one chooser for all of them, and not one for each group
        splits = RepeatedKFold(n_folds=scheme.n_folds, n_repeats=scheme.n_repeats, seed=scheme.seed)
    estimators = {one.name: one.estimator for one in planned}
    if len(estimators) < len(planned):
        raise EvaluationError(
            "Two configurations have the same name; give models other names than the baselines "
            "volume_only, clinical_only and dummy.",
            code="configurations",
        )
    try:
        rows = prepare_rows(estimators, table, y, label, failed, mapping, sample_weight)
        resamples = draw_resamples(rows, scheme)
    except OutcomeError as error:
        raise EvaluationError(f"label: {error}", code=error.code) from error
    kept = None
    if directory is not None:
        kept = FinishedConfigurations(Path(directory), rows, splits, len(resamples))
    scored: dict[str, Scored] = {}
    for _, group in groupby(planned, key=lambda one: one.model):
        scored |= _group(list(group), rows, splits, failed, mapping, kept, n_jobs, client)
    result = EvaluationResult(
        scheme=scheme,
        rows=rows,
        resamples=resamples,
        apparent_scores={one.name: scored[one.name].apparent for one in planned},
        out_of_bag=[
            joined([scored[one.name].out_of_bag[number] for one in planned])
            for number in range(len(resamples))
        ],
    )
    if ledger is not None:
        ledger.append(result, kind="ablate")
    return AblationStudy(result, tuple(planned))


def _chooser(planned: list[Configuration], scheme: NestedCV) -> Configuration:
    candidates = {one.name: one.estimator for one in planned if one.name != "dummy"}
    return Configuration(SELECTED, SELECTED, (), with_selected(candidates, scheme)[SELECTED])


def _group(
    group: list[Configuration],
    rows: EvaluationRows,
    scheme: Scheme,
    failed: Failed,
    blocks: Mapping[str, Sequence[str]] | None,
    kept: FinishedConfigurations | None,
    n_jobs: int,
    client: Any,
) -> dict[str, Scored]:
    """Return one model's configurations: those that are kept, and the others in one evaluation."""
    scored: dict[str, Scored] = {}
    if kept is not None:
        for one in group:
            found = kept.read(one.name, rows.models[one.name])
            if found is not None:
                scored[one.name] = found
    missing = [one for one in group if one.name not in scored]
    if not missing:
        return scored
    models = {one.name: rows.models[one.name] for one in missing}
    result = evaluate(
        {one.name: one.estimator for one in missing},
        # who is in was decided for all configurations together
        rows.X,
        rows.outcome,
        scheme,
        label=rows.label,
        failed="impute" if failed == "impute" else "error",
        blocks=blocks,
        sample_weight=None if rows.weight is None else pd.Series(rows.weight, rows.X.index),
        directory=None if kept is None else kept.running(models),
        n_jobs=n_jobs,
        client=client,
    )
    for one in missing:
        scored[one.name] = Scored(
            result.apparent_scores[one.name],
            [part_of(resample, one.name) for resample in result.out_of_bag],
        )
        if kept is not None:
            kept.write(one.name, rows.models[one.name], scored[one.name])
    if kept is not None:
        kept.forget_running(models)
    return scored
