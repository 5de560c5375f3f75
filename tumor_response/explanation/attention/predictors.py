"""A predictor as attention takes it: what it says of itself and extracts of new lesions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from sklearn.base import BaseEstimator

from tumor_response.cohort import Cohort
from tumor_response.exceptions import ExplanationError
from tumor_response.features.base import FeatureExtractor
from tumor_response.features.deep import DeepFeatures, Views
from tumor_response.table import FeatureTable

__all__ = ["Predicting", "network_of"]


class _HasModel(Protocol):
    @property
    def model(self) -> BaseEstimator: ...


@runtime_checkable
class Predicting(Protocol):
    """What :class:`tumor_response.ShrinkagePredictor` is to attention, which stands below it."""

    @property
    def state_(self) -> _HasModel:
        """What was fitted; ``model`` is the Pipeline."""
        ...

    @property
    def extractors_(self) -> Sequence[FeatureExtractor]:
        """The extractors that it runs on images."""
        ...

    def features(self, cohort: Cohort, *, n_jobs: int = 1) -> FeatureTable:
        """Return what its model is given of each lesion."""
        ...


def network_of(predictor: Predicting, extractor: Any) -> DeepFeatures | Views:
    """Return the extractor whose network is to be mapped.

    Raises
    ------
    ExplanationError
        Code ``extractor_mismatch``: the predictor has none, or several and ``extractor`` is None.
    """
    if extractor is not None:
        found: DeepFeatures | Views = extractor
        return found
    networks = [e for e in predictor.extractors_ if isinstance(e, DeepFeatures | Views)]
    if len(networks) != 1:
        blocks = ", ".join(repr(one.block) for one in networks) or "none"
        raise ExplanationError(
            f"The predictor has {len(networks)} extractors with a network ({blocks}); name the "
            "one to be mapped with extractor=.",
            code="extractor_mismatch",
        )
    return networks[0]
