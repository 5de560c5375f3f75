"""Which blocks of features a study has, by name, and the extractors they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tumor_response.study.naming import NONE

if TYPE_CHECKING:
    from tumor_response.cohort import Cohort
    from tumor_response.features.base import FeatureExtractor

__all__ = ["Blocks"]


@dataclass(frozen=True)
class Blocks:
    """Which blocks of features there are.

    Parameters
    ----------
    radiomics
        Preset, parameter file, or none.
    backbone, weights
        Network and its weights; or none.
    clinical
        Numeric variables known before treatment.
    categories
        Categorical ones with their levels.
    """

    radiomics: str
    backbone: str
    weights: str
    clinical: Sequence[str]
    categories: Mapping[str, Sequence[str]]

    def extractors(self) -> list[FeatureExtractor]:
        """Return the extractors; what is wrong with them raises here, before an image is read."""
        from tumor_response.features.clinical import ClinicalFactors
        from tumor_response.features.radiomics import Radiomics

        chosen: list[FeatureExtractor] = []
        if self.radiomics != NONE:
            chosen.append(Radiomics(self.radiomics))
        if self.backbone != NONE:
            from tumor_response.features.deep import DeepFeatures

            chosen.append(DeepFeatures(self.backbone, weights=self.weights))
        numeric = list(dict.fromkeys([*self.clinical, "volume_cc"]))
        categories = {name: list(levels) for name, levels in self.categories.items()}
        chosen.append(ClinicalFactors(numeric, categories=categories))
        return chosen

    @property
    def variables(self) -> list[str]:
        """Names of the clinical variables that are used."""
        return [*self.clinical, *self.categories]

    def unused(self, cohort: Cohort) -> list[str]:
        """Return the clinical variables known before treatment that nobody named."""
        used = {*self.variables, "volume_cc"}
        return [name for name in cohort.variables if name not in used]
