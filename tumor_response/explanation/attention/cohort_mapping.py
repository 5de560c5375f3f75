"""From the cases of a cohort to their maps, case by case, in any process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.cohort import BaselineCase, Case
from tumor_response.exceptions import ExplanationError, TumorResponseError
from tumor_response.explanation.attention.case_attention import CaseAttention
from tumor_response.explanation.attention.lesion import Lesion
from tumor_response.explanation.attention.methods import Method
from tumor_response.explanation.attention.pathway import LinearReadout, Pathway, Readout
from tumor_response.explanation.attention.view_maps import ViewMaps
from tumor_response.explanation.attention.weights import EmbeddingWeights
from tumor_response.features.deep import DeepFeatures
from tumor_response.features.deep.networks.eager import exact_arithmetic
from tumor_response.features.deep.views import cut_views
from tumor_response.parallel.threads import held_threads

__all__ = ["CohortMapping", "Failure", "Task", "attend", "guarded", "map_views", "task_of"]

FloatArray = npt.NDArray[np.float64]

_AGREEMENT = 1e-3
"""Relative distance between the table's deep values and the network's beyond which it is another
network, or other views. Backends differ by 1e-5."""


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

    def readout(areas_mm2: FloatArray) -> LinearReadout:
        return LinearReadout(
            np.asarray(weights, dtype=np.float64),
            areas_mm2,
            len(pathway.draws),
            pathway.poolings,
            pathway.has_spread,
        )

    def check(lesion: Lesion) -> None:
        if expected is not None and isinstance(lesion.readout, LinearReadout):
            columns = lesion.readout.columns(lesion.features)
            _check_same(case, columns.cpu().numpy(), expected)

    return map_views(case, pathway, readout, method, output, check)


def map_views(
    case: BaselineCase,
    pathway: Pathway,
    readout: Callable[[FloatArray], Readout],
    method: Method,
    output: float,
    check: Callable[[Lesion], None],
) -> ViewMaps:
    """Cut a case's views, check them, and map them.

    Parameters
    ----------
    case, pathway, method, output
        As for :func:`attend`.
    readout
        From the tumour's areas in the views of one draw to the scalar.
    check
        Raises if this is not the lesion that is to be explained.
    """
    cut = [
        cut_views(case.image, case.mask, pathway.views, pathway.size_px, draw)
        for draw in pathway.draws
    ]
    pixels = np.concatenate([views.pixels for views in cut])
    lesion = Lesion(pathway, pixels, readout(cut[0].areas_mm2))
    with held_threads(1), exact_arithmetic(pathway.device):
        check(lesion)
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
class Task:
    """One lesion, with what the model makes of it.

    Parameters
    ----------
    case
        The lesion.
    weights, values
        d log-odds / d deep column, and the columns' values in the table; None: it has none.
    output
        The model's log-odds.
    reason
        Code of why there are no weights.
    """

    case: Case
    weights: FloatArray | None
    values: FloatArray | None
    output: float
    reason: str = ""


@dataclass(frozen=True)
class Failure:
    """One lesion without a map, and why."""

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
class CohortMapping:
    """What every worker gets once: extractor, device, method, and how far contents are moved."""

    extractor: DeepFeatures
    device: str
    method: Method
    shift_mm: tuple[float, float]
    _pathway: Pathway | None = field(default=None, repr=False)

    def __call__(self, tasks: list[Task]) -> list[CaseAttention | Failure]:
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

    def _one(self, task: Task) -> CaseAttention | Failure:
        case, weights = task.case, task.weights
        if weights is None:
            return Failure(case.key, task.reason, f"{case.name} {_WITHOUT[task.reason]}.")
        # views that were moved make other values than the table's
        expected = task.values if self.shift_mm == (0.0, 0.0) else None

        def mapped(baseline: BaselineCase) -> CaseAttention:
            found = attend(
                baseline,
                self.pathway,
                weights,
                self.method,
                output=task.output,
                expected=expected,
            )
            return CaseAttention.of_views(case.key, found, baseline.mask)

        return guarded(case, mapped)


def guarded(case: Case, work: Callable[[BaselineCase], CaseAttention]) -> CaseAttention | Failure:
    """Return a case's map, or why it has none; what is wrong with every case is raised."""
    baseline = case.baseline
    try:
        return work(baseline)
    except Exception as error:  # one bad case never ends a run of a hundred
        if isinstance(error, TumorResponseError):
            if error.code in _ENDS_THE_RUN:
                raise
            return Failure(case.key, error.code, str(error))
        told = f"{case.name}: unexpected {type(error).__name__}: {error}"
        return Failure(case.key, "unexpected_error", told)
    finally:
        baseline.release()


def task_of(case: Case, weights: EmbeddingWeights) -> Task:
    """Return a lesion's task, whether it has weights or not."""
    at = weights.weights.index.get_indexer(pd.MultiIndex.from_tuples([case.key]))[0]
    if at < 0:
        return Task(case, None, None, np.nan, weights.without.get(case.key, "not_in_table"))
    return Task(
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
