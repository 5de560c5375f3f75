"""The repeats of one case: altered, extracted, and what failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import TumorResponseError
from tumor_response.features.altered import altered_case, case_rng
from tumor_response.features.base import FeatureExtractor
from tumor_response.features.case_facts import keeps_contour
from tumor_response.features.repeats.plan import RepeatPlan
from tumor_response.features.voxel_hash import image_sha256
from tumor_response.imaging import Alteration

__all__ = ["CaseRepeats"]

FloatArray = npt.NDArray[np.float64]


class CaseRepeats:
    """All repeats of one case, in the rows and columns of a plan.

    Whatever leaves the image as it is comes first, one after the other on the same image object,
    so that an extractor can use again what it made of the image. A rule that changes the image is
    met at its first draw; its draws wait until then without their voxels.

    Parameters
    ----------
    plan
        What to extract.
    case
        With the contour as drawn. Its voxels are read once.

    Attributes
    ----------
    values : ndarray of float64, shape (n_rows, n_columns)
        NaN where a repeat has no value.
    draws : list of dict or None
        The drawn parameters of each row; None where nothing is drawn.
    failed : list of dict
        ``row``, ``block``, ``code`` and ``message`` of each row of NaN within a block.

    Raises
    ------
    CaseError
        If the image or the mask cannot be read.
    """

    def __init__(self, plan: RepeatPlan, case: BaselineCase) -> None:
        _ = case.image, case.mask  # a case that cannot be read has no repeats at all
        self._plan, self._case = plan, case
        self._rows = {row: place for place, row in enumerate(plan.rows)}
        self._columns = plan.places
        self.values: FloatArray = np.full((len(self._rows), len(plan.columns)), np.nan)
        self.draws: list[dict[str, Any] | None] = [None] * len(self._rows)
        self.failed: list[dict[str, Any]] = []
        every = {one.block: one for one in plan.extractors}
        self._fill(0, case, every)
        waiting: list[tuple[int, Alteration]] = []
        drawn_by = image_sha256(case.mask)
        for name, rule in plan.rules.items():
            touched = False
            for draw in range(plan.n_repeats):
                row = self._rows[name, draw]
                alteration = rule.draw(case_rng(plan.seed_of(name), draw, drawn_by))
                self.draws[row] = alteration.record()
                shown = None if touched else self._altered(row, alteration)
                touched = touched or (shown is not None and shown.image is not case.image)
                if touched:
                    waiting.append((row, alteration))
                elif shown is not None:
                    self._fill(row, shown, every)
        for name, values in plan.changes.items():
            variants = plan.variants[name]
            for at, value in enumerate(values):
                row = self._rows[name, at]
                self.draws[row] = {name: value}
                self._fill(row, case, {block: of[at] for block, of in variants.items() if of})
        for row, alteration in waiting:
            shown = self._altered(row, alteration)
            if shown is not None:
                self._fill(row, shown, every)
        self.failed.sort(key=lambda one: int(one["row"]))

    def record(self, layout_key: str) -> dict[str, Any]:
        """Return what lies beside the array, as JSON."""
        return {"layout": layout_key, "draws": self.draws, "failed": self.failed}

    def _altered(self, row: int, alteration: Alteration) -> BaselineCase | None:
        """Return the altered case; where there is none, every block says why."""
        try:
            return altered_case(self._case, alteration)
        except Exception as error:  # one repeat never ends a case, as one case never ends a run
            for one in self._plan.extractors:
                self._fails(row, one.block, error)
            return None

    def _fill(
        self, row: int, case: BaselineCase, extractors: Mapping[str, FeatureExtractor]
    ) -> None:
        for block, extractor in extractors.items():
            try:
                found = extractor.extract(self._region(case, extractor)).values
            except Exception as error:
                self._fails(row, block, error)
                continue
            for column, place in self._columns[block]:
                self.values[row, place] = found.get(column, np.nan)

    def _region(self, case: BaselineCase, extractor: FeatureExtractor) -> BaselineCase:
        exclude = self._plan.exclude
        if exclude is not None and not keeps_contour(extractor):
            mask, share = exclude.apply(case.image, case.mask)
            case = case.with_mask(mask) if share else case
        return case.showing(extractor.variables)

    def _fails(self, row: int, block: str, error: Exception) -> None:
        code = error.code if isinstance(error, TumorResponseError) else "unexpected_error"
        text = str(error) if code != "unexpected_error" else f"{type(error).__name__}: {error}"
        # equal voxels have one record, whoever they belong to: it must name nobody
        name = self._case.name
        for told in (name, f"C{name[1:]}"):
            text = text.replace(f"{told}: ", "").replace(told, "the case")
        self.failed.append({"row": row, "block": block, "code": code, "message": text})
