"""What a planted fault is made into, and what is claimed about it beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

import tumor_response as tr
from tumor_response.evaluation.sampling import Scheme

Class = Literal["recorded", "provable", "suspected", "not_checkable"]
"""The three classes of the trace, and what none of them can know."""


@dataclass(frozen=True, eq=False)
class Study:
    """The arguments of a leakage trace."""

    models: Mapping[str, BaseEstimator]
    table: tr.FeatureTable | pd.DataFrame
    y: pd.Series
    scheme: Scheme
    label: Any = None
    outcomes: pd.DataFrame | None = None
    failed: str = "error"

    def arguments(self) -> dict[str, Any]:
        """Return everything by the names that ``leakage_trace`` gives it."""
        return {
            "models": dict(self.models),
            "table": self.table,
            "y": self.y,
            "scheme": self.scheme,
            "label": self.label,
            "outcomes": self.outcomes,
            "failed": self.failed,
        }


@dataclass(frozen=True)
class Form:
    """One way to commit a fault.

    Attributes
    ----------
    make
        From a random generator to the study.
    belongs
        The class in which the fault is to be found.
    why
        The reason, in a sentence.
    also
        Classes in which finding it is as right. Being found in a class that is stronger than
        ``belongs`` and not named here claims more than can be known.
    weight
        How many of the variants of the fault are made in this way, relative to the other forms.
    """

    make: Callable[[np.random.Generator], Study]
    belongs: Class
    why: str
    also: tuple[Class, ...] = field(default=())
    weight: int = 1
