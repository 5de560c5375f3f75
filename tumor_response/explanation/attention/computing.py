"""attention(): where a model looked in each lesion of a cohort."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from tumor_response._version import __version__, library_version
from tumor_response.cohort import Case, Cohort
from tumor_response.evaluation import EvaluationResult
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.case_attention import CaseAttention
from tumor_response.explanation.attention.cohort_mapping import CohortMapping, Failure, task_of
from tumor_response.explanation.attention.learned import LearnedMapping, checked_mapping
from tumor_response.explanation.attention.maps import FAILURE_COLUMNS, AttentionMaps
from tumor_response.explanation.attention.methods import method_of
from tumor_response.explanation.attention.predictors import Predicting, network_of
from tumor_response.explanation.attention.weights import EmbeddingWeights, Mode, embedding_weights
from tumor_response.features.deep import DeepFeatures, Views, ViewSettings
from tumor_response.features.deep.networks.device import resolved_device
from tumor_response.frames import IntoFrame, as_keyed
from tumor_response.models import final_estimator
from tumor_response.models.linear_scores import LinearClassifier
from tumor_response.parallel import spread
from tumor_response.settings import Settings, checked_n_jobs, sha256_of_json
from tumor_response.table import FeatureTable

__all__ = ["attention"]


def attention(
    subject: EvaluationResult | BaseEstimator | EmbeddingWeights | Predicting,
    cohort: Cohort | Sequence[Case],
    *,
    extractor: DeepFeatures | Views | None = None,
    table: FeatureTable | IntoFrame | None = None,
    name: str | None = None,
    in_sample: bool | None = None,
    background: FeatureTable | pd.DataFrame | None = None,
    method: str = "grad_cam",
    settings: Settings | None = None,
    shift_mm: tuple[float, float] = (0.0, 0.0),
    device: str = "auto",
    n_jobs: int = 1,
) -> AttentionMaps:
    """Map what in each lesion's views moved a model's final log-odds of response.

    The explained scalar is the log-odds of this study's model, as a function of the pixels that
    its network was shown: normalisation, network, pooling over views and draws of augmentation,
    and the weights that the fitted Pipeline gives to each deep column
    (:func:`~tumor_response.explanation.attention.weights.embedding_weights`). It is not the
    network's own top class.

    Parameters
    ----------
    subject
        The result of :func:`tumor_response.evaluate`, with ``name``: out of bag, each lesion's
        weights are means over the models that had not seen its patient. Or a fitted model, with
        ``table`` and ``in_sample``. Or weights that were computed before. Or a fitted
        ``FineTuned`` or ``AttentionPooling``, whose own gradient is taken. Or a
        :class:`tumor_response.ShrinkagePredictor`, which extracts the lesions itself; they count
        as new ones, unless ``in_sample`` says otherwise. Trees need ``background``, the training
        table, which a predictor does not hold.
    cohort
        The lesions.
    extractor
        What the table's deep columns were extracted with; for a network trained on the study the
        ``tr.Views`` of its keys. None: the predictor's own.
    table, in_sample, background
        For a fitted model: see
        :func:`~tumor_response.explanation.attention.weights.embedding_weights`.
    name
        Of the model in a result; of a fitted one, what it is to be called.
    method
        ``"grad_cam"`` (default) or another of
        :func:`~tumor_response.explanation.attention.methods.method_names`.
    settings
        The method's settings; None: its defaults.
    shift_mm
        Moves what the views show to the right and downwards, mm, so that the tumour is not in
        their middle. The weights stay those of the lesion as it was; a map's ``output`` does too.
    device
        ``"auto"``, or a torch device name.
    n_jobs
        Processes; the maps are the same whatever it is.

    Returns
    -------
    AttentionMaps
        With a row in ``failures`` for each lesion that could not be mapped.

    Raises
    ------
    ExplanationError
        Codes of ``embedding_weights``; ``unknown_method``, ``settings``; ``no_feature_map`` and
        ``no_attention``: the network does not have what the method needs; ``no_lesion_mapped``:
        there are no lesions, or every one failed.
    FeatureError, WeightsError
        Of the extractor's network and device.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> from tumor_response.explanation.attention.computing import attention
    >>> cohort = tr.simulate_cohort(n_patients=4, seed=0, directory=tempfile.mkdtemp())
    >>> deep = tr.DeepFeatures("test_resnet", weights="random:0", input_px=64)
    >>> table = tr.extract(cohort, [deep])
    >>> y = np.array([0, 1, 0, 1])
    >>> model = tr.make_model("logistic", Cs=(1.0,)).fit(table.data, y)
    >>> maps = attention(model, cohort, extractor=deep, table=table, in_sample=True)
    >>> len(maps), maps.method, maps.mode
    (4, 'grad_cam', 'in_sample')
    """
    chosen = method_of(method, settings)
    jobs = checked_n_jobs(n_jobs)
    shift = _checked_shift(shift_mm)
    on = resolved_device(device)
    if isinstance(subject, Predicting):
        if table is not None:
            raise ExplanationError(
                "A predictor extracts the lesions itself; leave table=None.", code="other_columns"
            )
        extractor = network_of(subject, extractor)
        known = cohort if isinstance(cohort, Cohort) else Cohort(list(cohort))
        table, in_sample = subject.features(known, n_jobs=jobs), bool(in_sample)
        subject, name = subject.state_.model, name or "predictor"
        if background is None and isinstance(final_estimator(subject), LinearClassifier):
            background = table  # its slopes are the same whatever stands behind
    table = as_keyed(table, "table")
    if isinstance(extractor, Views):
        if background is not None or not isinstance(table, FeatureTable | pd.DataFrame):
            raise ExplanationError(
                "A fitted model of views takes table=, with its keys, and no background=.",
                code="other_columns",
            )
        rows = table.data if isinstance(table, FeatureTable) else table
        learned = checked_mapping(subject, extractor, rows, in_sample, on, chosen, shift)
        return _collected(
            learned,
            list(cohort),
            jobs,
            name or type(learned.final).__name__,
            "in_sample" if in_sample else "new_rows",
            extractor.settings[learned.name],
        )
    if not isinstance(extractor, DeepFeatures):
        raise ExplanationError(
            f"extractor={extractor!r}: expected the tr.DeepFeatures (or, for a network trained on "
            "the study, the tr.Views) that the table was made with.",
            code="extractor_mismatch",
        )
    columns = [spec.column for spec in extractor.feature_specs()]
    weights = (
        subject
        if isinstance(subject, EmbeddingWeights)
        else embedding_weights(
            subject,
            columns,
            name=name,
            table=table,
            in_sample=in_sample,
            background=background,
            n_jobs=jobs,
        )
    )
    if weights.columns != columns:
        raise ExplanationError(
            f"The weights are on {len(weights.columns)} columns, the extractor gives "
            f"{len(columns)} others.",
            code="extractor_mismatch",
        )
    return _collected(
        CohortMapping(extractor, on, chosen, shift),
        [task_of(case, weights) for case in cohort],
        jobs,
        weights.model,
        weights.mode,
        extractor.views,
    )


def _collected(
    work: CohortMapping | LearnedMapping,
    tasks: Sequence[Any],
    n_jobs: int,
    model: str,
    mode: Mode,
    views: ViewSettings,
) -> AttentionMaps:
    told = f"{work.method.name} of {model}"
    mapping: Any = work  # each takes its own kind of tasks
    each = list(spread(mapping, tasks, n_jobs, told, parts_per_worker=8))
    settings = work.method.settings.model_dump(mode="json")
    return AttentionMaps(
        cases={one.key: one for one in each if isinstance(one, CaseAttention)},
        method=work.method.name,
        model=model,
        mode=mode,
        views=views,
        settings_sha256=sha256_of_json([work.method.name, settings]),
        provenance={
            "tumor_response": __version__,
            "python": platform.python_version(),
            "versions": {name: library_version(name) for name in ("torch", "timm", "numpy")},
            "method": work.method.name,
            "settings": settings,
            "extractor": work.extractor.identity(),
            "device": work.device,
            "shift_mm": list(work.shift_mm),
            "model": model,
            "mode": mode,
            "interpolation": "bilinear between the middles of cells (align_corners=False)",
        },
        failures=_failures([one for one in each if isinstance(one, Failure)], len(tasks)),
    )


def _checked_shift(shift_mm: object) -> tuple[float, float]:
    given = np.asarray(shift_mm, dtype=object).ravel()
    numbers = [float(one) for one in given if isinstance(one, int | float | np.number)]
    if len(given) != 2 or len(numbers) != 2 or not np.isfinite(numbers).all():
        raise ExplanationError(
            f"shift_mm={shift_mm!r}: expected two numbers of mm, to the right and downwards.",
            code="settings",
        )
    return numbers[0], numbers[1]


def _failures(failures: list[Failure], n_tasks: int) -> pd.DataFrame:
    if n_tasks == 0:
        raise ExplanationError("There are no lesions in the cohort.", code="no_lesion_mapped")
    if failures and len(failures) == n_tasks:
        first = failures[0]
        raise ExplanationError(
            f"None of the {n_tasks} lesions could be mapped. The first: {first.message} "
            f"({first.reason})",
            code="no_lesion_mapped",
        )
    rows = [(*one.key, one.reason, one.message) for one in failures]
    return pd.DataFrame(rows, columns=list(FAILURE_COLUMNS), dtype="str")
