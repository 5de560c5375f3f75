"""The training domain: aggregates of acquisition, volume, HU and features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.parallel.threads import held_threads
from tumor_response.predictor.domain.drift import Drift, drift_between
from tumor_response.predictor.domain.facts import SETTINGS
from tumor_response.predictor.domain.left_out import largest, left_out
from tumor_response.predictor.domain.parts import DomainParts, columns_of
from tumor_response.predictor.domain.ranges import NumberRange, weighted_quantiles
from tumor_response.predictor.domain.usual import Usual
from tumor_response.predictor.domain.words import outside_words

__all__ = ["TrainingDomain"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MOST_OUTSIDE = 0.05
"""Share of patients like the training patients that is called outside."""

FAR_OUT = 3.0
FAR_OUT_SETTING = 2.0
"""Half-widths of its range (5th to 95th percentile) beyond which a fact is outside by itself.

Where a training patient has one feature that is very odd, no slice thickness looks odd beside it;
and what somebody sets at the scanner takes few values, so that less is needed there."""

FEWEST_PATIENTS = 5
"""With fewer nothing is said."""

_LEVELS = np.array(
    [*np.arange(0.0, 0.85, 0.1), 0.85, 0.9, 0.925, 0.95, 0.96, 0.97, 0.98, 0.99, 1.0]
)
"""At which the distances of patients left out are kept."""


@dataclass(frozen=True, eq=False)
class TrainingDomain:
    """Where the training patients lie: ranges, centre and spread, no patient's row.

    How far out a lesion is, is measured for every acquisition fact, every clinical variable, every
    family of features and the features together. Each distance is put on a common scale by what
    patients left out of its own fit had (in mean excesses beyond their 80th percentile); the
    largest counts, and the share of left-out patients at least as far out is the score: a conformal
    p-value (Vovk, Gammerman and Shafer 2005; Bates et al. 2023), near uniform for patients like
    the training patients. Several lesions of a patient weigh 1 together.

    Parameters
    ----------
    usual
        Distance -> its percentiles in patients left out, and mean and standard
        deviation of its logarithm.
    parts
        Ranges and space; None: nothing was measured.
    quantiles
        Of the largest distance of patients left out, at fixed levels.
    n_patients, n_lesions
        Of the training cohort.
    """

    usual: Mapping[str, Usual] = field(default_factory=dict)
    parts: DomainParts | None = None
    quantiles: tuple[float, ...] = ()
    n_patients: int = 0
    n_lesions: int = 0

    @classmethod
    def of(
        cls,
        X: pd.DataFrame,
        dictionary: pd.DataFrame,
        facts: pd.DataFrame | None,
        patients: npt.ArrayLike,
    ) -> Self:
        """Return the domain of training lesions.

        Parameters
        ----------
        X
            The columns that the model reads, one row per lesion.
        dictionary
            One row per column of ``X``: ``block``, ``family``, ``unit``.
        facts
            :class:`AcquisitionFacts` of the same lesions; None: not known.
        patients
            Who each row is, length n_lesions.

        Examples
        --------
        >>> ages = pd.DataFrame({"clinical__age": np.linspace(45.0, 75.0, 40)})
        >>> dictionary = pd.DataFrame(
        ...     {"block": "clinical", "family": "age", "unit": "years"}, index=ages.columns)
        >>> domain = TrainingDomain.of(ages, dictionary, None, np.arange(40))
        >>> domain.assess(pd.DataFrame({"clinical__age": [60.0, 99.0]}), None)["out_of_domain"][1]
        'age 99; trained on 45 to 75'
        """
        codes = np.unique(np.asarray(patients).astype(str), return_inverse=True)[1]
        n = int(codes.max()) + 1 if len(codes) else 0
        if n < FEWEST_PATIENTS:
            return cls(n_patients=n, n_lesions=len(X))
        weights = 1.0 / np.bincount(codes)[codes]
        columns = columns_of(X, dictionary, facts)
        frame = _side_by_side(X, facts)
        with held_threads(1):  # sums come in one order whatever the machine
            parts = DomainParts.of(frame, weights, columns, n)
            usual, most = left_out(frame, codes, weights, columns, parts)
        known = np.isfinite(most)
        if not known.any():  # no column varies or is known: nothing to hold anyone against
            return cls(n_patients=n, n_lesions=len(X))
        quantiles = weighted_quantiles(most[known], weights[known], _LEVELS)
        return cls(usual, parts, tuple(quantiles.tolist()), n, len(X))

    def assess(self, X: pd.DataFrame, facts: pd.DataFrame | None) -> pd.DataFrame:
        """Say of new lesions whether they lie where the training patients do.

        Parameters
        ----------
        X
            The training columns; others are passed over.
        facts
            How their images were made; None: judged by features alone.

        Returns
        -------
        DataFrame
            ``in_domain_score``: share of training patients, as patients left out, at least as far
            out, counting the new one itself; NaN with fewer than 5 training patients.
            ``in_domain``: False where the score is at most .05 (or at most the least score there
            can be, 1 / (n + 1)), and where a fact, a clinical variable or a level is far outside by
            itself, whatever the score. ``out_of_domain``: what lies outside, in words; ``""``.
        """
        frame = _side_by_side(X, facts)
        if self.parts is None or not self.usual:
            return pd.DataFrame(
                {
                    "in_domain_score": np.nan,
                    "in_domain": False,
                    "out_of_domain": f"not judged: {self.n_patients} training patients",
                },
                index=X.index,
            )
        with held_threads(1):
            far = self.parts.distances(frame)
        scores = self._score(largest(far, self.usual))
        alone = self._far_out(far)
        inside = scores > max(MOST_OUTSIDE, 1.0 / (self.n_patients + 1)) + 1e-12
        inside &= ~np.any([*alone.values(), np.zeros(len(frame), dtype=bool)], axis=0)
        limit = float(np.interp(1 - MOST_OUTSIDE, _LEVELS, self.quantiles))
        words = [
            ""
            if good
            else outside_words(
                self.parts,
                self.usual,
                limit,
                far,
                frame,
                row,
                {name for name, strange in alone.items() if strange[row]},
            )
            for row, good in enumerate(inside.tolist())
        ]
        return pd.DataFrame(
            {
                "in_domain_score": scores,
                "in_domain": inside,
                "out_of_domain": np.array(words, dtype=object),
            },
            index=X.index,
        )

    def drift(self, X: pd.DataFrame, facts: pd.DataFrame | None) -> Drift:
        """Compare new lesions as a whole with the training cohort.

        Parameters
        ----------
        X, facts
            As for :meth:`assess`; patients by the index level ``patient_id``.

        Raises
        ------
        EvaluationError
            Code ``too_few_patients``: fewer than 3 new patients, or fewer than 5 training ones.
        """
        frame = _side_by_side(X, facts)
        outside = ~self.assess(X, facts)["in_domain"].to_numpy(dtype=bool)
        return drift_between(self.parts, self.usual, self.n_patients, frame, outside)

    def _score(self, most: FloatArray) -> FloatArray:
        """Return the share of left-out patients at least as far out, the new one counted in."""
        below = np.interp(most, self.quantiles, _LEVELS, left=0.0, right=1.0)
        scores: FloatArray = (1 + self.n_patients * (1 - below)) / (self.n_patients + 1)
        return np.where(np.isfinite(most), scores, np.nan)

    def _far_out(self, far: Mapping[str, FloatArray]) -> dict[str, npt.NDArray[np.bool_]]:
        """Return, for everything with a range, the lesions that are far outside it."""
        found = {}
        for name in [] if self.parts is None else self.parts.ranges:
            if name in far:
                limit = FAR_OUT_SETTING if name in SETTINGS else FAR_OUT
                found[name] = np.nan_to_num(far[name]) > limit
        return found

    def told(self) -> dict[str, str]:
        """Return what may be told of the training lesions, fact by fact, in words.

        Returns
        -------
        dict of str to str
            Such as ``"slice thickness (mm)"`` -> ``"1 to 3"``: the 2.5th to the 97.5th percentile,
            rounded outward; levels, the commonest first; families of features with their number.
        """
        if self.parts is None:
            return {}
        found = {}
        for of in self.parts.ranges.values():
            unit = f" ({of.unit})" if isinstance(of, NumberRange) and of.unit else ""
            found[f"{of.words}{unit}"] = of.shown_range
        if self.parts.space is not None:
            for name, members in self.parts.space.families.items():
                found[f"features: {name}"] = f"{len(members)}, by centre and spread"
        return found

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` takes."""
        return {
            "usual": {name: one.to_json() for name, one in self.usual.items()},
            "parts": None if self.parts is None else self.parts.to_json(),
            "quantiles": list(self.quantiles),
            "n_patients": self.n_patients,
            "n_lesions": self.n_lesions,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Make it again."""
        parts = found["parts"]
        return cls(
            {str(name): Usual(**one) for name, one in found["usual"].items()},
            None if parts is None else DomainParts.from_json(parts),
            tuple(float(value) for value in found["quantiles"]),
            int(found["n_patients"]),
            int(found["n_lesions"]),
        )


def _side_by_side(X: pd.DataFrame, facts: pd.DataFrame | None) -> pd.DataFrame:
    if facts is None:
        return X
    return pd.concat([X.drop(columns=facts.columns, errors="ignore"), facts.loc[X.index]], axis=1)
