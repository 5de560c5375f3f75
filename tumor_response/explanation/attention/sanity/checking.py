"""``attention_sanity``: does a map change when what it is to explain is destroyed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from tumor_response.cohort import Case, Cohort
from tumor_response.evaluation import EvaluationResult
from tumor_response.evaluation.controls.null import permuted_evaluation
from tumor_response.evaluation.controls.settings import shortened
from tumor_response.evaluation.running import score_resamples
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.methods import Method, method_of
from tumor_response.explanation.attention.sanity.one_lesion import (
    LesionFound,
    LesionTask,
    LesionTrials,
)
from tumor_response.explanation.attention.sanity.result import AttentionSanity
from tumor_response.explanation.attention.sanity.settings import SanitySettings
from tumor_response.explanation.attention.weights import EmbeddingWeights, embedding_weights
from tumor_response.features.deep import DeepFeatures
from tumor_response.features.deep.networks.device import resolved_device
from tumor_response.parallel import spread
from tumor_response.settings import Settings, checked_n_jobs
from tumor_response.table import FeatureTable

__all__ = ["attention_sanity"]

FloatArray = npt.NDArray[np.float64]


def attention_sanity(
    subject: EvaluationResult | BaseEstimator,
    cohort: Cohort | Sequence[Case],
    *,
    extractor: DeepFeatures,
    methods: Sequence[str | tuple[str, Settings]] = ("grad_cam",),
    table: FeatureTable | pd.DataFrame | None = None,
    name: str | None = None,
    in_sample: bool | None = None,
    background: FeatureTable | pd.DataFrame | None = None,
    settings: SanitySettings | None = None,
    device: str = "auto",
    n_jobs: int = 1,
) -> AttentionSanity:
    """Put maps of attention to four tests, each of which they can fail.

    1. *Weights*: the table model's weights are permuted among the deep columns, then the network's
       own from the top down (Adebayo et al. 2018). A map that stays what it was explains neither.
    2. *Labels*: the model is fitted again to labels that were permuted between patients. A map
       that stays what it was tells nothing about response.
    3. *Insertion and deletion* (Petsiuk et al. 2018): the log-odds as the squares of highest
       attention are taken away first, or come first; beside a random order, and beside the order
       by nearness to the middle, since crops are centred.
    4. *Agreement* between the methods.

    Parameters
    ----------
    subject, cohort, extractor, table, name, in_sample, background, device, n_jobs
        As for :func:`tumor_response.attention`. The labels are permuted only for the result of an
        evaluation, which has them.
    methods
        Names, or pairs of a name and its settings.
    settings
        How much is tried and what is flagged; None: the defaults.

    Returns
    -------
    AttentionSanity

    Raises
    ------
    ExplanationError
        As :func:`tumor_response.attention`; code ``no_lesion_mapped``: no lesion could be tried.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> from tumor_response.explanation.attention.sanity import SanitySettings, attention_sanity
    >>> cohort = tr.simulate_cohort(n_patients=4, seed=0, directory=tempfile.mkdtemp())
    >>> deep = tr.DeepFeatures("test_resnet", weights="random:0", input_px=64)
    >>> table = tr.extract(cohort, [deep])
    >>> model = tr.make_model("logistic", Cs=(1.0,)).fit(table.data, np.arange(4) % 2)
    >>> few = SanitySettings(n_lesions=2, n_draws=1, n_steps=2)
    >>> sanity = attention_sanity(model, cohort, extractor=deep, table=table, in_sample=True,
    ...                           methods=["grad_cam", "eigen_cam"], settings=few)
    >>> bool(sanity.flags().loc["eigen_cam", "ignores_model"])  # it never asked the model
    True
    """
    settings = settings or SanitySettings()
    chosen = _methods(methods)
    jobs = checked_n_jobs(n_jobs)
    columns = [spec.column for spec in extractor.feature_specs()]
    weights = embedding_weights(
        subject,
        columns,
        name=name,
        table=table,
        in_sample=in_sample,
        background=background,
        n_jobs=jobs,
    )
    drawn = _drawn(list(cohort), weights, settings)  # before the labels' refits, which are dear
    permuted: list[EmbeddingWeights] = []
    if isinstance(subject, EvaluationResult):
        permuted = _of_permuted_labels(subject, weights.model, columns, settings, jobs)
    tasks = [_task(case, weights, permuted) for case in drawn]
    work = LesionTrials(extractor, resolved_device(device), chosen, settings)
    each = list(spread(work, tasks, jobs, f"Testing attention of {weights.model}"))
    return AttentionSanity.of_lesions(
        _some_left(each), weights.model, [one.name for one in chosen], settings
    )


def _methods(methods: Sequence[str | tuple[str, Settings]]) -> list[Method]:
    pairs = [(one, None) if isinstance(one, str) else one for one in methods]
    names = [name for name, _ in pairs]
    if isinstance(methods, str) or not names or len(set(names)) < len(names):
        raise ExplanationError(
            f"methods={methods!r}: expected a list of names, none twice.", code="settings"
        )
    return [method_of(name, settings) for name, settings in pairs]


def _of_permuted_labels(
    result: EvaluationResult, name: str, columns: list[str], settings: SanitySettings, n_jobs: int
) -> list[EmbeddingWeights]:
    """Return out-of-bag weights of the model fitted to permuted outcomes."""
    rows = replace(
        result.rows,
        models={name: result.rows.models[name]},
        columns={name: result.rows.columns[name]},
    )
    few = shortened(result.scheme, settings.n_resamples_permuted)
    found = []
    for seed in np.random.SeedSequence(settings.seed).spawn(settings.n_label_permutations):
        changed, resamples, _ = permuted_evaluation(rows, few, np.random.default_rng(seed))
        scored = score_resamples(changed, None, list(enumerate(resamples)))
        other = replace(
            result,
            scheme=few,
            rows=changed,
            resamples=resamples,
            out_of_bag=scored,
            apparent_scores={},
        )
        found.append(embedding_weights(other, columns, name=name, n_jobs=n_jobs))
    return found


def _drawn(cases: list[Case], weights: EmbeddingWeights, settings: SanitySettings) -> list[Case]:
    """Return the lesions to try, in the cohort's order."""
    known = set(weights.weights.index)
    there = [case for case in cases if case.key in known]
    if not there:
        raise ExplanationError(
            f"None of the {len(cases)} lesions has a row in the table that is explained.",
            code="no_lesion_mapped",
        )
    rng = np.random.default_rng(settings.seed)
    return [there[at] for at in np.sort(rng.permutation(len(there))[: settings.n_lesions])]


def _task(case: Case, weights: EmbeddingWeights, permuted: list[EmbeddingWeights]) -> LesionTask:
    others = [one.weights for one in permuted if case.key in set(one.weights.index)]
    rows = [frame.loc[[case.key]].to_numpy(dtype=np.float64)[0] for frame in others]
    return LesionTask(
        case,
        weights.weights.loc[[case.key]].to_numpy(dtype=np.float64)[0],
        np.array(rows).reshape(len(rows), len(weights.columns)),
    )


def _some_left(each: list[LesionFound]) -> list[LesionFound]:
    if all(one.reason for one in each):
        first = each[0]
        raise ExplanationError(
            f"None of the {len(each)} lesions could be tried. The first: {first.message} "
            f"({first.reason})",
            code="no_lesion_mapped",
        )
    return each
