"""All that is tried on one lesion's maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from tumor_response.cohort import Case
from tumor_response.exceptions import TumorResponseError
from tumor_response.explanation.attention.lesion import Lesion
from tumor_response.explanation.attention.methods import Method
from tumor_response.explanation.attention.pathway import LinearReadout, Pathway
from tumor_response.explanation.attention.sanity.cascade import cascade
from tumor_response.explanation.attention.sanity.curves import centre_order, insertion_deletion
from tumor_response.explanation.attention.sanity.likeness import (
    cell_means,
    likeness_to_before,
    rank_correlation,
    top_quarter_shared,
)
from tumor_response.explanation.attention.sanity.settings import SanitySettings
from tumor_response.features.deep import DeepFeatures
from tumor_response.features.deep.networks.eager import exact_arithmetic
from tumor_response.features.deep.views import cut_views
from tumor_response.parallel.threads import held_threads

__all__ = ["MODEL_STEP", "LesionFound", "LesionTask", "LesionTrials"]

FloatArray = npt.NDArray[np.float64]
Key = tuple[str, str]

MODEL_STEP = "the table model"
"""Name of the first step of the cascade, above the network's own last part."""


@dataclass(frozen=True, eq=False)
class LesionTask:
    """One lesion to try.

    Parameters
    ----------
    case
        The lesion.
    weights
        d log-odds / d deep column, shape (n_columns,).
    permuted
        The same of models fitted to permuted labels, shape (n_permutations, n_columns).
    """

    case: Case
    weights: FloatArray
    permuted: FloatArray


@dataclass(frozen=True, eq=False)
class LesionFound:
    """What was found; a lesion that failed has a reason.

    Parameters
    ----------
    key
        The lesion.
    maps
        By method: its map on squares, shape (n_views, cells, cells).
    cascade, labels, curves, agreement
        Rows of the frames of
        :class:`~tumor_response.explanation.attention.sanity.AttentionSanity`.
    reason, message
        Why there is nothing.
    """

    key: Key
    maps: dict[str, FloatArray] = field(default_factory=dict)
    cascade: list[dict[str, Any]] = field(default_factory=list)
    labels: list[dict[str, Any]] = field(default_factory=list)
    curves: list[dict[str, Any]] = field(default_factory=list)
    agreement: list[dict[str, Any]] = field(default_factory=list)
    reason: str = ""
    message: str = ""


@dataclass
class LesionTrials:
    """What every worker gets once; called with lesions.

    Parameters
    ----------
    extractor, device
        The network.
    methods
        Each is tried by itself.
    settings
        How much.
    """

    extractor: DeepFeatures
    device: str
    methods: Sequence[Method]
    settings: SanitySettings
    _pathway: Pathway | None = field(default=None, repr=False)

    def __call__(self, tasks: list[LesionTask]) -> list[LesionFound]:
        """Try some lesions."""
        return [self._one(task) for task in tasks]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_pathway": None}

    def _one(self, task: LesionTask) -> LesionFound:
        if self._pathway is None:
            self._pathway = Pathway.of(self.extractor, self.device, (0.0, 0.0))
        baseline = task.case.baseline
        try:
            lesion = _lesion(baseline.image, baseline.mask, self._pathway, task.weights)
            with held_threads(1), exact_arithmetic(self.device):
                return self._tried(task, lesion)
        except TumorResponseError as error:
            return LesionFound(task.case.key, reason=error.code, message=str(error))
        finally:
            baseline.release()

    def _tried(self, task: LesionTask, lesion: Lesion) -> LesionFound:
        found = LesionFound(task.case.key)
        for method in self.methods:
            found.maps[method.name] = self._cells(method, lesion)
        for draw in range(self.settings.n_draws):
            found.cascade.extend(self._cascaded(lesion, found.maps, draw))
        for number, weights in enumerate(task.permuted):
            other = _reweighted(lesion, weights)
            for method in self.methods:
                alike = likeness_to_before(found.maps[method.name], self._cells(method, other))
                found.labels.append(
                    {"method": method.name, "permutation": number, "rank_correlation": alike}
                )
        found.curves.extend(self._curves(lesion, found.maps))
        names = list(found.maps)
        for at, one in enumerate(names):
            for other_name in names[at + 1 :]:
                a, b = found.maps[one], found.maps[other_name]
                found.agreement.append(
                    {
                        "method": one,
                        "other": other_name,
                        "rank_correlation": rank_correlation(a, b),
                        "top_quarter_shared": top_quarter_shared(a, b),
                    }
                )
        return found

    def _cells(self, method: Method, lesion: Lesion) -> FloatArray:
        return cell_means(method.maps(lesion), self.settings.cells)

    def _cascaded(
        self, lesion: Lesion, maps: dict[str, FloatArray], draw: int
    ) -> list[dict[str, Any]]:
        """Compare the maps with those of ever more random models."""
        rng = np.random.default_rng([self.settings.seed, draw])
        model = _reweighted(lesion, rng.permutation(_readout(lesion).weights).astype(np.float64))
        steps = [(MODEL_STEP, model)]
        rows = []
        # one network changes from step to step, so that maps are made before the next
        for number, (name, step) in enumerate(self._steps(model, steps, int(rng.integers(2**31)))):
            for method in self.methods:
                cells = self._cells(method, step)
                rows.append(
                    {
                        "method": method.name,
                        "step": number,
                        "randomised": name,
                        "draw": draw,
                        "rank_correlation": likeness_to_before(maps[method.name], cells),
                        "empty": not cells.any(),
                    }
                )
        return rows

    def _steps(self, model: Lesion, steps: list[tuple[str, Lesion]], seed: int) -> Any:
        yield from steps
        for name, module in cascade(model.pathway.module, seed):
            pathway = replace(model.pathway, module=module)
            yield name, Lesion(pathway, model.pixels, model.readout)

    def _curves(self, lesion: Lesion, maps: dict[str, FloatArray]) -> list[dict[str, Any]]:
        """Insert and delete by each method's order, by nearness to the middle, and at random."""
        settings = self.settings
        n_views = len(lesion.pixels)
        rng = np.random.default_rng([settings.seed, 1])
        orders = [("centre", 0, centre_order(n_views, settings.cells))]
        shape = orders[0][2].shape
        orders += [("random", draw, rng.random(shape)) for draw in range(settings.n_draws)]
        orders += [(method.name, 0, maps[method.name]) for method in self.methods]
        rows = []
        for name, draw, order in orders:
            curves = insertion_deletion(lesion, order, settings.n_steps)
            deletion, insertion = curves.areas()
            rows.append(
                {
                    "order": name,
                    "draw": draw,
                    "deletion": deletion,
                    "insertion": insertion,
                    "deletion_curve": curves.deletion,
                    "insertion_curve": curves.insertion,
                }
            )
        return rows


def _lesion(image: Any, mask: Any, pathway: Pathway, weights: FloatArray) -> Lesion:
    cut = [cut_views(image, mask, pathway.views, pathway.size_px, draw) for draw in pathway.draws]
    readout = LinearReadout(
        weights, cut[0].areas_mm2, len(cut), pathway.poolings, pathway.has_spread
    )
    return Lesion(pathway, np.concatenate([views.pixels for views in cut]), readout)


def _reweighted(lesion: Lesion, weights: FloatArray) -> Lesion:
    return Lesion(lesion.pathway, lesion.pixels, replace(_readout(lesion), weights=weights))


def _readout(lesion: Lesion) -> LinearReadout:
    return cast(LinearReadout, lesion.readout)  # as _lesion made it
