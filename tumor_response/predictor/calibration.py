"""From a model's log-odds to calibrated ones: an intercept and a slope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

__all__ = ["Calibration"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """Calibrated log-odds = ``intercept`` + ``slope`` x log-odds (Platt 1999; Cox 1958).

    Parameters
    ----------
    intercept, slope
        0 and 1: nothing is changed.
    n_patients
        On how many patients they were fitted; 0: not fitted.
    method
        ``"none"``, ``"cross_fitted"`` (on scores of patients left out), ``"local"`` (on another
        hospital's).

    Examples
    --------
    >>> Calibration(intercept=1.0, slope=0.5).apply(np.array([2.0]))
    array([2.])
    """

    intercept: float = 0.0
    slope: float = 1.0
    n_patients: int = 0
    method: str = "none"

    def apply(self, log_odds: FloatArray) -> FloatArray:
        """Return the calibrated log-odds."""
        calibrated: FloatArray = self.intercept + self.slope * log_odds
        return calibrated

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Make it again."""
        return cls(**found)
