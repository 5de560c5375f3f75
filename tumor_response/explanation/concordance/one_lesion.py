"""The concordance of one lesion; whatever goes wrong with it is a reason of it alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from tumor_response.cohort import Case
from tumor_response.exceptions import TumorResponseError
from tumor_response.explanation.attention.case_attention import CaseAttention
from tumor_response.explanation.concordance.agreement import Agreement, agreement
from tumor_response.explanation.concordance.inside import (
    InsideFound,
    inside_found,
    inside_shifted,
)
from tumor_response.explanation.concordance.matched import Outline
from tumor_response.explanation.concordance.scene import Scene, crop_offset_mm
from tumor_response.explanation.concordance.settings import ConcordanceSettings
from tumor_response.explanation.concordance.targets import Target
from tumor_response.imaging import read_image
from tumor_response.settings import sha256_of_json

__all__ = ["LesionFound", "LesionTask", "all_found"]

NO_INSIDE = np.empty(0)


@dataclass(frozen=True, eq=False)
class LesionTask:
    """All that one lesion's concordance needs.

    Parameters
    ----------
    case
        The lesion.
    attention, shifted
        Its maps.
    matched
        Other patients' tumours; ``None`` where the inside fraction is not asked for.
    targets
        Where it shrank.
    """

    case: Case
    attention: CaseAttention
    shifted: CaseAttention | None
    matched: list[Outline] | None
    targets: tuple[Target, ...]


@dataclass(frozen=True, eq=False)
class LesionFound:
    """What came of a lesion.

    Parameters
    ----------
    key
        The lesion.
    inside
        ``None`` where it was not asked for.
    agreements
        By the target's name.
    """

    key: tuple[str, str]
    inside: InsideFound | None
    agreements: Mapping[str, Agreement]


def all_found(
    settings: ConcordanceSettings, seed: int, tasks: list[LesionTask]
) -> list[LesionFound]:
    """Return what came of these lesions."""
    return [_found(task, settings, seed) for task in tasks]


def _found(task: LesionTask, settings: ConcordanceSettings, seed: int) -> LesionFound:
    key = task.case.key
    try:
        mask = task.case.read_mask()
        scene = Scene.of(task.attention, mask)
    except TumorResponseError as error:
        missing = Agreement.missing(error.code)
        nowhere = None if task.matched is None else InsideFound({}, NO_INSIDE, error.code)
        return LesionFound(key, nowhere, {one.name: missing for one in task.targets})
    found = {}
    for target in task.targets:
        # neither the order of the cohort nor the other targets decide a lesion's surrogates
        number = int(sha256_of_json([*key, target.name])[:12], 16)
        rng = np.random.default_rng([seed, number])
        found[target.name] = _agreement(scene, target, settings, rng)
    inside = None if task.matched is None else _inside(task, scene, mask, settings)
    return LesionFound(key, inside, found)


def _inside(
    task: LesionTask, scene: Scene, mask: sitk.Image, settings: ConcordanceSettings
) -> InsideFound:
    found = inside_found(scene, task.matched or [], settings)
    if task.shifted is None:
        return found
    try:
        shifted = Scene.of(task.shifted, mask)
    except TumorResponseError as error:
        return InsideFound(found.row, found.null, found.reason or error.code)
    row = inside_shifted(shifted, crop_offset_mm(task.attention, task.shifted))
    return InsideFound(found.row | row, found.null, found.reason)


def _agreement(
    scene: Scene, target: Target, settings: ConcordanceSettings, rng: np.random.Generator
) -> Agreement:
    if target.reason:
        return Agreement.missing(target.reason)
    counts = scene.shown & scene.inside
    try:
        shrinkage = scene.values_of(target.read())
        if target.reliability is not None:
            reliability = scene.values_of(read_image(target.reliability))
            counts &= reliability >= settings.min_reliability
    except TumorResponseError as error:
        return Agreement.missing(error.code)
    counts &= np.isfinite(shrinkage)
    return agreement(
        scene.attention[counts],
        shrinkage[counts],
        scene.depth_mm[counts],
        scene.view_points_mm(counts),
        settings,
        rng,
    )
