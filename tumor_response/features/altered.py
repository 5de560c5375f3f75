"""An extractor that sees an altered case: what controls and perturbed repeats are made of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import FeatureError
from tumor_response.features.base import FeatureExtractor, FeatureSpec, FeatureValues
from tumor_response.features.memory import Extent, extractor_bytes
from tumor_response.features.voxel_hash import image_sha256
from tumor_response.imaging import Alteration, AlterationRule
from tumor_response.settings import canonical_json

__all__ = ["Altered", "altered_case", "case_rng"]

_BYTES_PER_VOXEL = 32
"""The altered image and mask, and what is taken for a moment to make them."""


class Altered:
    """Extract what another extractor finds on an altered image or contour.

    Columns, blocks and dictionary are the other's; the settings' hash is not. Each case is altered
    by a draw of its own, which hangs on the seed and on the contour's voxels: no identifier enters,
    and equal cases are altered alike, whatever the order and the number of processes.

    Parameters
    ----------
    extractor
        What is run on the altered case.
    rule
        How it is altered.
    seed, repeat
        Of the draws. Extractors of one seed and repeat see the same altered case.

    Raises
    ------
    FeatureError
        Code ``settings``: no extractor, no rule, or no seed.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> from tumor_response.features.altered import Altered
    >>> class Brighter:
    ...     def identity(self):
    ...         return {"rule": "brighter", "by_hu": 10}
    ...     def draw(self, rng):
    ...         return self
    ...     def record(self):
    ...         return self.identity()
    ...     def apply(self, image, mask):
    ...         return image + 10, mask
    >>> cohort = tr.simulate_cohort(n_patients=2, seed=0, directory=tempfile.mkdtemp())
    >>> radiomics = tr.Radiomics("minimal")
    >>> plain = tr.extract(cohort, [radiomics]).data
    >>> brighter = tr.extract(cohort, [Altered(radiomics, Brighter())]).data
    >>> mean = "radiomics__original__firstorder_Mean"
    >>> (brighter[mean] - plain[mean]).round(1).tolist()
    [10.0, 10.0]
    """

    def __init__(
        self, extractor: FeatureExtractor, rule: AlterationRule, *, seed: int = 0, repeat: int = 0
    ) -> None:
        if not isinstance(extractor, FeatureExtractor):
            raise FeatureError(
                f"Altered: expected an extractor, received {extractor!r}.", code="settings"
            )
        if not isinstance(rule, AlterationRule):
            raise FeatureError(
                f"Altered: expected a rule with identity() and draw(rng), received {rule!r}.",
                code="settings",
            )
        if seed < 0 or repeat < 0:
            raise FeatureError(
                f"Altered: seed={seed!r}, repeat={repeat!r}: expected whole numbers from 0 on.",
                code="settings",
            )
        self.extractor, self.rule = extractor, rule
        self.seed, self.repeat = seed, repeat
        self.block = extractor.block
        self.variables = extractor.variables
        self.required_variables = extractor.required_variables
        self.cacheable = extractor.cacheable
        self.contour_as_drawn = bool(getattr(extractor, "contour_as_drawn", False))

    def identity(self) -> dict[str, Any]:
        """Return the other extractor's identity, the rule and the seed."""
        inner = self.extractor.identity()
        return {
            "extractor": "altered",
            "inner": {name: value for name, value in inner.items() if name != "versions"},
            "rule": self.rule.identity(),
            "seed": self.seed,
            "repeat": self.repeat,
            "versions": inner.get("versions", {}),
        }

    def feature_specs(self) -> list[FeatureSpec]:
        """Return the other extractor's dictionary rows."""
        return self.extractor.feature_specs()

    def drawn(self, case: BaselineCase) -> Alteration:
        """Return the alteration of a case."""
        return self.rule.draw(case_rng(self.seed, self.repeat, image_sha256(case.mask)))

    def extract(self, case: BaselineCase) -> FeatureValues:
        """Return the altered case's values.

        Raises
        ------
        CaseError
            If it cannot be altered, ``mask_emptied`` for one; else as the other extractor.
        """
        return self.extractor.extract(altered_case(case, self.drawn(case)))

    def holds(self, texts: Mapping[str, str]) -> bool:
        """Tell whether what the other extractor keeps elsewhere is still there."""
        inner = getattr(self.extractor, "holds", None)
        return True if inner is None else bool(inner(texts))

    def memory_bytes(self, extent: Extent) -> int:
        """Return what a case needs beside its image."""
        return extractor_bytes(self.extractor, extent) + _BYTES_PER_VOXEL * extent.image_voxels

    def __repr__(self) -> str:
        return f"Altered({self.extractor!r}, {self.rule!r}, seed={self.seed}, repeat={self.repeat})"


def altered_case(case: BaselineCase, alteration: Alteration) -> BaselineCase:
    """Return the case with the image and the contour that an alteration makes of its own.

    Raises
    ------
    CaseError
        If the image or the mask cannot be read, or the alteration cannot be applied.
    """
    image, mask = alteration.apply(case.image, case.mask)
    return BaselineCase(
        case.patient_id,
        case.lesion_id,
        image,
        mask,
        variables=case.variables,
        noticed=case.noticed,
    )


def case_rng(seed: int, repeat: int, mask_sha256: str) -> np.random.Generator:
    """Return the random generator of a case: it hangs on seed, repeat and contour alone.

    Parameters
    ----------
    seed, repeat
        Whole numbers from 0 on.
    mask_sha256
        :func:`tumor_response.features.voxel_hash.image_sha256` of the contour as drawn.

    Examples
    --------
    >>> case_rng(0, 1, "ab" * 32).random() == case_rng(0, 1, "ab" * 32).random()
    True
    """
    text = canonical_json([seed, repeat, mask_sha256])
    return np.random.default_rng(int(hashlib.sha256(text.encode()).hexdigest(), 16))
