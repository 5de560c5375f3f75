"""negative_controls(): a model beside what is left of it where something has been taken away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from sklearn.base import BaseEstimator

from tumor_response.cohort import Cohort
from tumor_response.evaluation.checks import check_values
from tumor_response.evaluation.controls.comparing import Compared, evaluated_together
from tumor_response.evaluation.controls.extracting import (
    ControlTables,
    Extraction,
    Plan,
    control_tables,
    random_table,
)
from tumor_response.evaluation.controls.null import null_of_rows
from tumor_response.evaluation.controls.result import EXPECTED, NegativeControls
from tumor_response.evaluation.controls.settings import ControlsSettings, shortened
from tumor_response.evaluation.left_out import block_failures
from tumor_response.evaluation.rows import EvaluationRows, Failed, columns_used, prepare_rows
from tumor_response.evaluation.sampling import Bootstrap632Plus, Scheme
from tumor_response.evaluation.weights import Weights
from tumor_response.exceptions import EvaluationError, OutcomeError
from tumor_response.features.base import FeatureExtractor
from tumor_response.features.checks import checked_specs
from tumor_response.frames import IntoFrame, as_keyed, as_values
from tumor_response.models import make_model
from tumor_response.outcomes import LabelRule
from tumor_response.quality import ExclusionRule, QualitySettings
from tumor_response.settings import checked_n_jobs
from tumor_response.table import FeatureTable
from tumor_response.transformers import block_of, blocks_of, is_predictor
from tumor_response.transformers.stable import stable_steps

__all__ = ["negative_controls", "one_model", "plan_of", "table_controls"]

_DEFAULTS = ControlsSettings()
_DEFAULT_QUALITY = QualitySettings()
_REFERENCE_MODELS = {"response": "logistic", "rate": "linear", "tertiles": "ordinal"}
_QUANTITIES = {
    "voxels_shuffled": "volume, shape and histogram",
    "noise_images": "volume, shape, mean and SD",
    "untrained_network": "volume",
}


def negative_controls(
    cohort: Cohort,
    extractors: Sequence[FeatureExtractor],
    model: BaseEstimator | Mapping[str, BaseEstimator],
    y: pd.Series | IntoFrame,
    scheme: Scheme | None = None,
    *,
    label: LabelRule | None = None,
    failed: Failed = "error",
    sample_weight: Weights = None,
    table: FeatureTable | IntoFrame | None = None,
    settings: ControlsSettings = _DEFAULTS,
    n_jobs: int = 1,
    cache_dir: str | Path | None = None,
    quality: QualitySettings | None = _DEFAULT_QUALITY,
    exclude: ExclusionRule | None = None,
) -> NegativeControls:
    """Set a model beside negative controls, each with its own expectation.

    ================== ================================== =====================================
    control            what is taken away                 expectation
    ================== ================================== =====================================
    permuted_labels    the link to the outcome            chance
    random_columns     what the columns say               chance
    voxels_shuffled    order of the voxels in the tumour  volume, shape and histogram alone
    noise_images       every voxel                        volume, shape, mean and SD alone
    untrained_network  what the network has learned       volume and the other blocks alone
    context_only       the tumour's voxels                none: it says where the signal sits
    ================== ================================== =====================================

    An expectation that is not chance is computed: a penalised linear model
    (``make_model("logistic")``, ``"linear"`` or ``"ordinal"``) of these quantities, measured on
    the unaltered images, and of what else the model uses that the control leaves alone, on the
    same resamples.

    Parameters
    ----------
    cohort, extractors, cache_dir, quality, exclude
        As for :func:`tumor_response.extract`. Each case is read once for all controls; only
        extractors whose block the model uses are run on altered images, and what a manifest says
        is never altered. :class:`~tumor_response.ClinicalFactors` are extracted once.
    model
        One model, as for :func:`tumor_response.evaluate`, alone or by its name.
    y, scheme, label, sample_weight
        As for :func:`tumor_response.evaluate`. A nested cross-validation becomes its outer folds.
    failed
        As there. It also says what becomes of a lesion of which a control cannot be made, such as
        one of a single voxel: ``"error"`` names them, ``"drop"`` leaves them out of the model and
        of all controls, so that all are of the same patients, and counts them; ``"impute"``
        leaves them to the models.
    table
        The features of the same extractors, if they are there already: they are not extracted
        again.
    settings
        Which controls, and how many permutations and resamples.
    n_jobs
        Processes; the numbers are the same whatever it is.

    Returns
    -------
    NegativeControls

    Raises
    ------
    EvaluationError
        As :func:`tumor_response.evaluate`; codes ``control_failed``: a control lacks a block for
        some lesions; ``other_table``: the table is not of this cohort or these extractors;
        ``one_model``; ``nothing_to_permute``; ``unsupported_model``: a model that chooses columns
        by repeats.
    FeatureError
        As :func:`tumor_response.extract`.

    See Also
    --------
    tumor_response.estimate_controls : how long it will take.
    tumor_response.table_controls : permuted labels and random columns, of any table.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> cohort = tr.simulate_cohort(n_patients=8, seed=1, directory=tempfile.mkdtemp())
    >>> y = tr.label_responders(tr.shrinkage(cohort), by="rate_percent_per_day")
    >>> model = tr.make_model("logistic", ["radiomics"], Cs=(0.1,))
    >>> few = ControlsSettings(controls=("voxels_shuffled",), n_permutations=19,
    ...                        n_resamples_permuted=2, n_resamples=5)
    >>> controls = negative_controls(cohort, [tr.Radiomics("minimal")], model, y, settings=few)
    >>> controls.made
    ['permuted_labels', 'random_columns', 'voxels_shuffled']
    """
    table = as_keyed(table, "table")
    y = as_values(y, "y")
    n_jobs = checked_n_jobs(n_jobs)
    name, estimator = one_model(model)
    scheme = _checked_scheme(scheme)
    plan = plan_of(cohort, extractors, name, estimator, settings, table)
    given = _Given(y, label, failed, sample_weight, None)
    if table is None:
        # an outcome or a model that will not do is refused before the first image is read
        given.rows(name, estimator, ControlTables(random_table(plan.specs(cohort), cohort.keys)))
    tables = control_tables(cohort, plan, table, Extraction(n_jobs, cache_dir, quality, exclude))
    return _controlled(name, estimator, tables, plan, given, scheme, settings, n_jobs)


def table_controls(
    model: BaseEstimator | Mapping[str, BaseEstimator],
    table: FeatureTable | pd.DataFrame,
    y: pd.Series,
    scheme: Scheme | None = None,
    *,
    label: LabelRule | None = None,
    failed: Failed = "error",
    blocks: Mapping[str, Sequence[str]] | None = None,
    sample_weight: Weights = None,
    settings: ControlsSettings = _DEFAULTS,
    n_jobs: int = 1,
) -> NegativeControls:
    """Set a model beside permuted labels and random columns: the controls that need no images.

    Parameters
    ----------
    model
        One model, alone or by its name.
    table, y, scheme, label, failed, blocks, sample_weight
        As for :func:`tumor_response.evaluate`.
    settings, n_jobs
        As for :func:`negative_controls`.

    Returns
    -------
    NegativeControls

    Raises
    ------
    EvaluationError
        As :func:`negative_controls`.

    Examples
    --------
    >>> import numpy as np, tumor_response as tr
    >>> rng = np.random.default_rng(0)
    >>> index = pd.Index([f"P{i}" for i in range(40)], name="patient_id")
    >>> table = pd.DataFrame({"clinical__age": rng.normal(size=40)}, index=index)
    >>> y = (5 * table["clinical__age"] + rng.normal(size=40) > 0).astype(float)
    >>> few = ControlsSettings(n_permutations=39, n_resamples_permuted=4, n_resamples=40)
    >>> model = tr.make_model("logistic", Cs=(1.0,))
    >>> controls = table_controls({"age": model}, table, y, settings=few)
    >>> controls.p_value < 0.06, controls.verdicts()
    (True, ())
    """
    n_jobs = checked_n_jobs(n_jobs)
    name, estimator = one_model(model)
    scheme = _checked_scheme(scheme)
    given = _Given(y, label, failed, sample_weight, blocks)
    plan = Plan([], {}, dict.fromkeys(settings.controls, "there are no images"))
    return _controlled(name, estimator, ControlTables(table), plan, given, scheme, settings, n_jobs)


def plan_of(
    cohort: Cohort,
    extractors: Sequence[FeatureExtractor],
    name: str,
    model: BaseEstimator,
    settings: ControlsSettings,
    table: FeatureTable | pd.DataFrame | None = None,
) -> Plan:
    """Return which extractors stand in which control, from what the model uses of their columns.

    Blocks that a table has beside theirs are left alone by all controls.
    """
    specs = checked_specs(cohort, list(extractors))
    columns = [spec.column for block in specs for spec in block]
    if table is not None:
        columns = list(map(str, table.data if isinstance(table, FeatureTable) else table))
    empty = pd.DataFrame(columns=columns, dtype=float)
    used = columns_used(name, model, empty, blocks_of(columns))
    of_columns = {block_of(column) for some in used.values() for column in some}
    return Plan.of(extractors, sorted(of_columns), settings)


@dataclass(frozen=True)
class _Given:
    """The outcome, and how rows are chosen."""

    y: pd.Series
    label: LabelRule | None
    failed: Failed
    sample_weight: Weights
    blocks: Mapping[str, Sequence[str]] | None

    def rows(self, name: str, model: BaseEstimator, tables: ControlTables) -> EvaluationRows:
        return prepare_rows(
            {name: model},
            tables.own,
            self.y,
            self.label,
            self.failed,
            self.blocks,
            self.sample_weight,
        )

    def without(self, lesions: Mapping[object, str]) -> _Given:
        """Return the same with these lesions set aside, for the reasons given."""
        y = self.y.astype("float64").where(~self.y.index.isin(list(lesions)))
        y.attrs = {**self.y.attrs, "reasons": {**self.y.attrs.get("reasons", {}), **lesions}}
        return replace(self, y=y)


def _controlled(
    name: str,
    model: BaseEstimator,
    tables: ControlTables,
    plan: Plan,
    given: _Given,
    scheme: Scheme,
    settings: ControlsSettings,
    n_jobs: int,
) -> NegativeControls:
    try:
        rows = given.rows(name, model, tables)
        used = columns_used(name, rows.models[name], rows.X, rows.blocks)
        if broken := _broken(tables, rows, name, used):
            if given.failed == "error":
                raise _cannot_be_made(broken)
            if given.failed == "drop":
                rows = given.without(broken).rows(name, model, tables)
    except OutcomeError as error:
        raise EvaluationError(f"label: {error}", code=error.code) from error
    flat = [column for columns in used.values() for column in columns]
    compared = [Compared(rows), _random(rows, name, flat, settings.seed)]
    expectations: dict[str, str] = {}
    for control in plan.controls:
        of_control = tables.data[control].loc[rows.X.index]
        check_values(of_control, [c for columns in used.values() for c in columns])
        compared.append(Compared(_renamed(rows, name, control, of_control)))
        if control in _QUANTITIES:
            replaced = plan.altered_blocks(control)
            left = [c for c in flat if is_predictor(c) and block_of(c) not in replaced]
            compared.append(Compared(_of_kept(rows, control, tables, left)))
            blocks = sorted({block_of(column) for column in left})
            expectations[control] = " and ".join([_QUANTITIES[control], *blocks])
    result = evaluated_together(compared, shortened(scheme, settings.n_resamples), n_jobs)
    return NegativeControls(
        model=name,
        null=null_of_rows(rows, scheme, result.headline, settings, n_jobs),
        result=result,
        expectations=expectations,
        skipped={str(control): why for control, why in plan.skipped.items()},
        failures=_all_failures(tables, plan),
    )


def one_model(model: BaseEstimator | Mapping[str, BaseEstimator]) -> tuple[str, BaseEstimator]:
    """Return the name and the estimator; more than one, and a choice by repeats, are refused."""
    named = dict(model) if isinstance(model, Mapping) else {"model": model}
    if len(named) != 1:
        raise EvaluationError(
            f"model: expected one model, alone or as {{name: model}}, received {len(named)}. Each "
            "model has controls of its own; with the same cache_dir images are read once.",
            code="one_model",
        )
    name, estimator = next(iter(named.items()))
    if any(step.icc is None for step in stable_steps(estimator)):
        raise EvaluationError(
            f"model {name!r} chooses columns by repeats of the images as they are, and a control "
            "has other values, of which there are no repeats. Give the model without stable=; "
            "tr.evaluation.permutation_null(result, name) permutes labels of the whole model.",
            code="unsupported_model",
        )
    return name, estimator


def _checked_scheme(scheme: Scheme | None) -> Scheme:
    if scheme is not None and not isinstance(scheme, Scheme):
        raise EvaluationError(
            "scheme: expected tr.Bootstrap632Plus(...) or another scheme, received "
            f"{type(scheme).__name__}."
        )
    return Bootstrap632Plus() if scheme is None else scheme


def _renamed(
    rows: EvaluationRows, name: str, control: str, X: pd.DataFrame | None = None
) -> EvaluationRows:
    """Return the rows with the model under a control's name, and with the control's table."""
    return replace(
        rows,
        X=rows.X if X is None else X,
        models={control: rows.models[name]},
        columns={control: rows.columns[name]},
    )


def _random(rows: EvaluationRows, name: str, columns: list[str], seed: int) -> Compared:
    return Compared(_renamed(rows, name, "random_columns"), tuple(columns), seed)


def _of_kept(
    rows: EvaluationRows, control: str, tables: ControlTables, left: list[str]
) -> EvaluationRows:
    """Return the rows of a model of what a control keeps."""
    kept = tables.kept_columns(control)  # type: ignore[arg-type]  # one of the names
    X = pd.concat([tables.reference.loc[rows.X.index, kept], rows.X[left]], axis=1)
    blocks = {"kept": kept} | {
        block: [column for column in left if block_of(column) == block]
        for block in dict.fromkeys(map(block_of, left))
    }
    model = make_model(_REFERENCE_MODELS[rows.task], blocks, outcome=rows.task)
    expected = f"{EXPECTED}{control}"
    return replace(rows, X=X, models={expected: model}, columns={expected: None})


def _broken(
    tables: ControlTables,
    rows: EvaluationRows,
    name: str,
    used: dict[str, list[str]],
) -> dict[object, str]:
    """Return the evaluated lesions that a control or its expectation has nothing of, and why."""
    broken: dict[object, str] = {}
    for control, data in tables.data.items():
        found = block_failures(data.loc[rows.X.index], {name: used}, tables.failures[control])
        told = {key: f"no {control} ({reason})" for key, reason in found.items()}
        broken = told | broken
    if tables.data:
        kept = {"controls_reference": [str(c) for c in tables.reference]}
        reference = tables.reference.loc[rows.X.index]
        found = block_failures(reference, {name: kept}, tables.reference_failures)
        broken = {key: f"no expectation ({reason})" for key, reason in found.items()} | broken
    return broken


def _cannot_be_made(broken: Mapping[object, str]) -> EvaluationError:
    shown = "; ".join(f"{key}: {reason}" for key, reason in list(broken.items())[:5])
    more = f" and {len(broken) - 5} more" if len(broken) > 5 else ""
    return EvaluationError(
        f"Controls cannot be made of {len(broken)} lesion(s): {shown}{more}. Leave these lesions "
        "out of the model and all controls with failed='drop', let the models impute what is "
        "missing with failed='impute', or name the controls you want in "
        "ControlsSettings(controls=(...)).",
        code="control_failed",
    )


def _all_failures(tables: ControlTables, plan: Plan) -> pd.DataFrame:
    parts = [
        one[one["block"].isin(plan.altered_blocks(control)) & (one["n_columns_missing"] > 0)]
        .assign(control=control)
        .reset_index(drop=True)
        for control, one in tables.failures.items()
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
