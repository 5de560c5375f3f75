"""Label sets and intervals that hold with a stated coverage: what a predictor keeps of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

__all__ = ["ConformalRule"]


@dataclass(frozen=True)
class ConformalRule:
    """The quantiles of conformity scores at some nominal coverages.

    Parameters
    ----------
    kind
        ``"label_set"``, ``"interval"`` or ``"none"``.
    quantiles
        Nominal coverage (as text, ``"0.9"``) -> quantile of the scores; infinite where too few
        patients were there for that coverage (JSON: the text ``"inf"``).
    n_patients
        Calibration patients.
    method
        How the scores were had, in words.
    """

    kind: str = "none"
    quantiles: Mapping[str, float] = field(default_factory=dict)
    n_patients: int = 0
    method: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Make it again."""
        return cls(**found)
