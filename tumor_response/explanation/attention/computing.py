"""attention(): where a model looked in each lesion of a cohort."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from tumor_response._version import __version__, library_version
from tumor_response.cohort import BaselineCase, Case, Cohort
from tumor_response.evaluation import EvaluationResult
from tumor_response.exceptions import ExplanationError, TumorResponseError
from tumor_response.explanation.attention.lesion import Lesion
from tumor_response.explanation.attention.maps import FAILURE_COLUMNS, AttentionMaps, CaseAttention
from tumor_response.explanation.attention.methods import Method, method_of
from tumor_response.explanation.attention.pathway import LinearReadout, Pathway
from tumor_response.explanation.attention.settings import MethodSettings
from tumor_response.explanation.attention.view_maps import ViewMaps
from tumor_response.explanation.attention.weights import EmbeddingWeights, embedding_weights
from tumor_response.features.deep import DeepFeatures
from tumor_response.features.deep.networks.device import resolved_device
from tumor_response.features.deep.networks.eager import exact_arithmetic
from tumor_response.features.deep.views import cut_views
from tumor_response.parallel import spread
from tumor_response.settings import checked_n_jobs, sha256_of_json
from tumor_response.table import FeatureTable

__all__ = ["attend", "attention"]

FloatArray = npt.NDArray[np.float64]

_AGREEMENT = 1e-3
"""Relative distance between the table's deep values and the network's beyond which it is another
network, or other views. Backends differ by 1e-5."""


def attention(
    subject: EvaluationResult | BaseEstimator | EmbeddingWeights,
    cohort: Cohort | Sequence[Case],
    *,
    extractor: DeepFeatures,
    table: FeatureTable | pd.DataFrame | None = None,
    name: str | None = None,
    in_sample: bool | None = None,
    background: FeatureTable | pd.DataFrame | None = None,
    method: str = "grad_cam",
    settings: MethodSettings | None = None,
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
        ``table`` and ``in_sample``. Or weights that were computed before.
    cohort
        The lesions.
    extractor
        What the table's deep columns were extracted with.
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
        every lesion failed.
    FeatureError, WeightsError
        Of the extractor's network and device.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> from tumor_response.explanation.attention.computing import attention
    >>> cohort = tr.simulate_cohort(n_patients=6, seed=0, directory=tempfile.mkdtemp())
    >>> deep = tr.DeepFeatures("test_resnet", weights="random:0", input_px=64)
    >>> table = tr.extract(cohort, [deep])
    >>> y = np.array([0, 1, 0, 1, 0, 1])
    >>> model = tr.make_model("logistic", Cs=(1.0,)).fit(table.data, y)
    >>> maps = attention(model, cohort, extractor=deep, table=table, in_sample=True)
    >>> len(maps), maps.method, maps.mode
    (6, 'grad_cam', 'in_sample')
    """
    chosen = method_of(method, settings)
    jobs = checked_n_jobs(n_jobs)
    if not isinstance(extractor, DeepFeatures):
        raise ExplanationError(
            f"extractor={extractor!r}: expected the tr.DeepFeatures that the table was made with.",
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
    work = _Work(extractor, resolved_device(device), chosen, shift_mm)
    tasks = [_task(case, weights) for case in cohort]
    each = list(spread(work, tasks, jobs, f"{method} of {weights.model}", parts_per_worker=8))
    return AttentionMaps(
        cases={one.key: one for one in each if isinstance(one, CaseAttention)},
        method=chosen.name,
        model=weights.model,
        mode=weights.mode,
        views=extractor.views,
        settings_sha256=sha256_of_json([chosen.name, chosen.settings.model_dump(mode="json")]),
        provenance=_provenance(work, weights),
        failures=_failures([one for one in each if isinstance(one, _Failure)], len(tasks)),
    )


def attend(
    case: BaselineCase,
    pathway: Pathway,
    weights: FloatArray,
    method: Method,
    *,
    output: float,
    expected: FloatArray | None = None,
) -> ViewMaps:
    """Map one lesion.

    Parameters
    ----------
    case
        Its image and mask.
    pathway
        The network that sees the views.
    weights
        d log-odds / d deep column, shape (n_columns,).
    method
        As :func:`~tumor_response.explanation.attention.methods.method_of` returns it.
    output
        The model's log-odds of the lesion.
    expected
        The deep columns as the table has them; None: not compared.

    Raises
    ------
    ExplanationError
        Code ``extractor_mismatch``: the network makes other values of these views.
    FeatureError
        As :func:`tumor_response.features.deep.views.cut_views`.
    """
    cut = [
        cut_views(case.image, case.mask, pathway.views, pathway.size_px, draw)
        for draw in pathway.draws
    ]
    readout = LinearReadout(
        np.asarray(weights, dtype=np.float64),
        cut[0].areas_mm2,
        len(cut),
        pathway.poolings,
        pathway.has_spread,
    )
    lesion = Lesion(pathway, np.concatenate([views.pixels for views in cut]), readout)
    with exact_arithmetic(pathway.device):
        if expected is not None:
            _check_same(case, readout.columns(lesion.features).cpu().numpy(), expected)
        maps = method.maps(lesion)
        shares = lesion.view_weights()
    return ViewMaps(
        maps=maps,
        tumour=np.concatenate([views.tumour for views in cut]),
        grids=tuple(grid for views in cut for grid in views.grids),
        view_weights=shares,
        output=output,
    )


@dataclass(frozen=True)
class _Task:
    case: Case
    weights: FloatArray | None
    values: FloatArray | None
    output: float
    reason: str = ""


@dataclass(frozen=True)
class _Failure:
    key: tuple[str, str]
    reason: str
    message: str


_WITHOUT = {
    "not_in_table": "has no row in the table that is explained",
    "deep_values_missing": "has no value in some of the deep columns; table.failures says why",
    "never_out_of_bag": "was in the training rows of every resample; take more resamples",
}

_ENDS_THE_RUN = ("no_feature_map", "no_attention", "weights_changed", "device")
"""What is wrong with one lesion's network is wrong with every one's."""


@dataclass
class _Work:
    """What every worker gets once."""

    extractor: DeepFeatures
    device: str
    method: Method
    shift_mm: tuple[float, float]
    _pathway: Pathway | None = field(default=None, repr=False)

    def __call__(self, tasks: list[_Task]) -> list[CaseAttention | _Failure]:
        """Map some lesions."""
        return [self._one(task) for task in tasks]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_pathway": None}

    @property
    def pathway(self) -> Pathway:
        """The network, loaded at first use."""
        if self._pathway is None:
            self._pathway = Pathway.of(self.extractor, self.device, self.shift_mm)
        return self._pathway

    def _one(self, task: _Task) -> CaseAttention | _Failure:
        case = task.case
        if task.weights is None:
            return _Failure(case.key, task.reason, f"{case.name} {_WITHOUT[task.reason]}.")
        # views that were moved make other values than the table's
        expected = task.values if self.shift_mm == (0.0, 0.0) else None
        baseline = case.baseline
        try:
            found = attend(
                baseline,
                self.pathway,
                task.weights,
                self.method,
                output=task.output,
                expected=expected,
            )
            return CaseAttention.of_views(case.key, found, baseline.mask)
        except Exception as error:  # one bad case never ends a run of a hundred
            if isinstance(error, TumorResponseError):
                if error.code in _ENDS_THE_RUN:
                    raise
                return _Failure(case.key, error.code, str(error))
            told = f"{case.name}: unexpected {type(error).__name__}: {error}"
            return _Failure(case.key, "unexpected_error", told)
        finally:
            baseline.release()


def _task(case: Case, weights: EmbeddingWeights) -> _Task:
    at = weights.weights.index.get_indexer(pd.MultiIndex.from_tuples([case.key]))[0]
    if at < 0:
        return _Task(case, None, None, np.nan, weights.without.get(case.key, "not_in_table"))
    return _Task(
        case,
        weights.weights.iloc[at].to_numpy(dtype=np.float64),
        weights.values.iloc[at].to_numpy(dtype=np.float64),
        float(weights.outputs.iloc[at]),
    )


def _check_same(case: BaselineCase, found: FloatArray, expected: FloatArray) -> None:
    size = float(np.linalg.norm(expected))
    distance = float(np.linalg.norm(found - expected))
    if not distance <= _AGREEMENT * size:
        raise ExplanationError(
            f"{case.name}: the extractor makes other deep values of these views than the table "
            f"has (relative distance {distance / size if size else np.inf:.1e}). Give the "
            "extractor with the settings and the weights, and the images and contours, that the "
            "table was extracted with; a table extracted with exclude= had other contours.",
            code="extractor_mismatch",
        )


def _failures(failures: list[_Failure], n_tasks: int) -> pd.DataFrame:
    if failures and len(failures) == n_tasks:
        first = failures[0]
        raise ExplanationError(
            f"None of the {n_tasks} lesions could be mapped. The first: {first.message} "
            f"({first.reason})",
            code="no_lesion_mapped",
        )
    rows = [(*one.key, one.reason, one.message) for one in failures]
    return pd.DataFrame(rows, columns=list(FAILURE_COLUMNS), dtype="str")


def _provenance(work: _Work, weights: EmbeddingWeights) -> dict[str, Any]:
    return {
        "tumor_response": __version__,
        "python": platform.python_version(),
        "versions": {name: library_version(name) for name in ("torch", "timm", "numpy")},
        "method": work.method.name,
        "settings": work.method.settings.model_dump(mode="json"),
        "extractor": work.extractor.identity(),
        "device": work.device,
        "shift_mm": list(work.shift_mm),
        "model": weights.model,
        "mode": weights.mode,
        "interpolation": "bilinear between the middles of cells (align_corners=False)",
    }
