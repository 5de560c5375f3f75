"""Label sets and intervals that hold with a stated coverage: what a predictor keeps of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt

from tumor_response.evaluation.performance.arrays import checked_numbers, checked_probabilities
from tumor_response.exceptions import ModelError
from tumor_response.predictor.calibration import codes_of, patient_weights

__all__ = ["ConformalRule", "fit_conformal"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

COVERAGES: Final = (0.8, 0.9, 0.95)
_LABEL_SETS: Final = np.array(["{}", "{0}", "{1}", "{0, 1}"], dtype=object)
_TIE: Final = 1e-8
"""Scores that differ by less are equal; mapie's own tolerance, so that sets are the same."""


@dataclass(frozen=True)
class ConformalRule:
    """The quantiles of conformity scores at some nominal coverages.

    A label is in the set of a lesion if one minus its probability is at most the quantile; an
    interval is the rate plus and minus the quantile.

    Parameters
    ----------
    kind
        ``"label_set"``, ``"interval"`` or ``"none"``.
    quantiles
        Nominal coverage (as text, ``"0.9"``) -> quantile of the scores; infinite where too few
        patients were there for that coverage (JSON: the text ``"inf"``): then every label is in
        the set, and the interval has no ends.
    n_patients
        Calibration patients.
    method
        How the scores were had, in words.

    Examples
    --------
    >>> rule = ConformalRule("label_set", {"0.9": 0.7}, n_patients=99)
    >>> rule.label_sets(np.array([0.2, 0.5, 0.9, np.nan]), 0.9).tolist()
    ['{0}', '{0, 1}', '{1}', '']
    """

    kind: str = "none"
    quantiles: Mapping[str, float] = field(default_factory=dict)
    n_patients: int = 0
    method: str = ""

    def quantile(self, coverage: float) -> float:
        """Return the quantile of the scores for a nominal coverage.

        Raises
        ------
        ModelError
            ``coverage``: none was kept for it.
        """
        kept = self.quantiles.get(_key(coverage))
        if kept is None:
            raise ModelError(
                f"No conformal quantile was kept for a coverage of {coverage:g}; kept are "
                f"{', '.join(self.quantiles) or 'none'}. The scores that others could be had from "
                "do not travel: choose one of these, or fit with coverages=(...).",
                code="coverage",
            )
        return kept

    def label_sets(self, probability: FloatArray, coverage: float) -> npt.NDArray[np.object_]:
        """Return each lesion's label set as text: ``{}``, ``{0}``, ``{1}`` or ``{0, 1}``.

        Parameters
        ----------
        probability : array of shape (n_lesions,)
            Calibrated, of a response. NaN, as of a refused lesion, gives an empty text.
        coverage
            One of those the rule was fitted for.

        Raises
        ------
        ModelError
            ``coverage``; ``conformal_kind`` for a rule of rates.
        """
        quantile = self._of("label_set", coverage) + _TIE
        with_0 = (probability <= quantile).astype(np.int64)
        with_1 = (1.0 - probability <= quantile).astype(np.int64)
        sets: npt.NDArray[np.object_] = _LABEL_SETS[with_0 + 2 * with_1]
        sets[np.isnan(probability)] = ""
        return sets

    def intervals(self, rate: FloatArray, coverage: float) -> tuple[FloatArray, FloatArray]:
        """Return the lower and the upper end of each lesion's interval, in the rate's unit.

        Raises
        ------
        ModelError
            ``coverage``; ``conformal_kind`` for a rule of classes.
        """
        quantile = self._of("interval", coverage)
        return rate - quantile, rate + quantile

    def _of(self, kind: str, coverage: float) -> float:
        if self.kind != kind:
            raise ModelError(
                f"The conformal rule is of kind {self.kind!r}; this needs {kind!r}.",
                code="conformal_kind",
            )
        return self.quantile(coverage)

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` takes."""
        kept = {
            key: value if np.isfinite(value) else "inf" for key, value in self.quantiles.items()
        }
        return asdict(self) | {"quantiles": kept}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Make it again."""
        quantiles = {str(key): float(value) for key, value in found["quantiles"].items()}
        return cls(**{**found, "quantiles": quantiles})


def fit_conformal(
    kind: Literal["label_set", "interval"],
    outputs: npt.ArrayLike,
    y: npt.ArrayLike,
    patients: npt.ArrayLike,
    coverages: Sequence[float] = COVERAGES,
    *,
    method: str = "scores of patients left out of the fit",
) -> ConformalRule:
    r"""Find the quantiles of the conformity scores of patients that the model was not trained on.

    The scores are mapie's: one minus the probability of the lesion's own class (Sadinle, Lei and
    Wasserman 2019, JASA 114:223), or the absolute error of the rate (Lei et al. 2018, JASA
    113:1094). With one lesion per patient the quantile is mapie's as well, the
    :math:`\lceil (n + 1) c \rceil`-th smallest of n scores. With several, lesions of a patient
    are no independent draws; the coverage is then that of *a lesion of a new patient*, and the
    quantile that of hierarchical conformal prediction (Lee, Barber and Willett 2023,
    arXiv:2306.06342): every patient has the mass 1 / (n + 1), shared by the lesions in equal
    parts, and the new patient's stands at infinity. With one lesion each the two are the same.

    Parameters
    ----------
    kind
        ``"label_set"`` for probabilities of a response, ``"interval"`` for rates.
    outputs : array of shape (n_lesions,)
        Probabilities, or rates.
    y : array of shape (n_lesions,)
        Classes 0 and 1, or measured rates.
    patients : array of shape (n_lesions,)
        Whose lesion it is.
    coverages
        Nominal coverages, each between 0 and 1.
    method
        What the rule says of how the outputs were had.

    Raises
    ------
    EvaluationError
        ``y``, ``not_probability``, ``shape`` or ``not_finite``.
    ModelError
        ``coverage``: one that is not between 0 and 1.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rate = rng.normal(size=99)
    >>> rule = fit_conformal("interval", rate, rate + rng.normal(size=99), np.arange(99), (0.9,))
    >>> low, high = rule.intervals(np.zeros(1), 0.9)
    >>> round(float(high[0]), 1)  # of endless patients 1.6
    1.5
    """
    # mapie is needed where a rule is fitted, not where one is used
    from mapie.conformity_scores import AbsoluteConformityScore, LACConformityScore

    wrong = [c for c in coverages if not 0.0 < c < 1.0]
    if wrong:
        raise ModelError(
            f"Coverages {wrong}: expected values strictly between 0 and 1, such as 0.9.",
            code="coverage",
        )
    if kind == "label_set":
        outcome, predicted = checked_probabilities(y, outputs)
        scores = LACConformityScore().get_conformity_scores(
            outcome, np.column_stack([1.0 - predicted, predicted]), outcome.astype(np.int64)
        )[:, 0]
    else:
        outcome, predicted = checked_numbers(y, outputs)
        scores = AbsoluteConformityScore().get_conformity_scores(outcome, predicted)
    names = codes_of(patients, outcome.size)
    quantiles = {_key(c): _quantile(scores, names, c) for c in coverages}
    return ConformalRule(kind, quantiles, len(np.unique(names)), method)


def _quantile(scores: FloatArray, patients: IntArray, coverage: float) -> float:
    """Return the smallest score with at least the coverage's share of the mass at or below it."""
    from mapie.conformity_scores import LACConformityScore

    n_patients = len(np.unique(patients))
    if coverage * (n_patients + 1) > n_patients * (1 + 1e-12):
        return float("inf")
    if n_patients == len(scores):
        # an order statistic, of whichever scores
        found = LACConformityScore().get_conformity_score_quantiles(
            scores[:, None], np.array([1.0 - coverage]), cv="prefit"
        )
        return float(found[0])
    order = np.argsort(scores, kind="stable")
    mass = np.cumsum(patient_weights(patients)[order]) / (n_patients + 1)
    # sums of thirds are whole numbers but for rounding
    at = int(np.argmax(mass >= coverage - 1e-12))
    return float(scores[order[at]])


def _key(coverage: float) -> str:
    return f"{coverage:.10g}"
