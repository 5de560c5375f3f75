"""What a model reaches on outcomes that were permuted between patients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import beta

from tumor_response.evaluation.controls.permuting import permuted_rows
from tumor_response.evaluation.controls.settings import ControlsSettings, shortened
from tumor_response.evaluation.evaluating import apparent_scores, draw_resamples
from tumor_response.evaluation.metrics import auc_632, auc_632plus
from tumor_response.evaluation.running import score_resamples
from tumor_response.evaluation.sampling import Resample, Scheme
from tumor_response.evaluation.sampling.base import MAX_TRIES
from tumor_response.evaluation.tasks import MEASURES, headline_value
from tumor_response.exceptions import EvaluationError
from tumor_response.frames import tidy
from tumor_response.parallel import spread
from tumor_response.settings import checked_n_jobs

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult
    from tumor_response.evaluation.rows import EvaluationRows

__all__ = [
    "CHANCE",
    "PermutationNull",
    "null_of_rows",
    "permutation_null",
    "permuted_evaluation",
]

FloatArray = npt.NDArray[np.float64]

CHANCE = {"auc": 0.5, "c_index": 0.5, "r2": 0.0}
"""What a measure is where there is nothing to find; R2 of new patients is then 0 or below."""

_MATERIAL = 0.03
"""A null mean this far above chance is worth a word; finite samples alone do not reach it."""

_TIE = 1e-12


@dataclass(frozen=True, eq=False, repr=False)
class PermutationNull:
    """A model's measure on permuted outcomes, beside the one on its own outcome.

    Attributes
    ----------
    model, measure, headline : str
        As in the evaluation.
    observed : dict of str to float
        By column of ``values``: what the same procedure gives for the outcome as it is.
    values : DataFrame
        One row per permutation: the headline, the apparent measure, and for a bootstrap of
        classes the .632 and the .632+ estimate.
    n_resamples : int
        Resamples in each permutation.
    n_redrawn : int
        Permutations drawn again because the scheme could not split them.
    n_fixed : int
        Patients who never change places: nobody else has as many lesions.
    seed : int
    """

    model: str
    measure: str
    headline: str
    observed: Mapping[str, float]
    values: pd.DataFrame
    n_resamples: int
    n_redrawn: int
    n_fixed: int
    seed: int

    @property
    def n_permutations(self) -> int:
        """How many there were."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """The headline's mean over permutations: what it is where there is nothing to find."""
        return float(self.values[self.headline].mean())

    @property
    def limits(self) -> tuple[float, float]:
        """The middle 95 % of the permutations' headlines."""
        low, high = np.percentile(self.values[self.headline], (2.5, 97.5))
        return float(low), float(high)

    @property
    def n_as_high(self) -> int:
        """Permutations that do as well as the model's own outcome, or better."""
        observed = self.observed[self.headline]
        return int((self.values[self.headline] >= observed - _TIE).sum())

    @property
    def p_value(self) -> float:
        """One-sided: ``(1 + n_as_high) / (1 + n_permutations)``, never 0.

        Phipson and Smyth 2010, Statistical Applications in Genetics and Molecular Biology 9:39.
        """
        return (1 + self.n_as_high) / (1 + self.n_permutations)

    @property
    def p_interval(self) -> tuple[float, float]:
        """What the p value of all possible permutations may be: 95 % (Clopper and Pearson 1934)."""
        n, k = self.n_permutations, self.n_as_high
        low = float(beta.ppf(0.025, k, n - k + 1)) if k else 0.0
        high = float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0
        return low, high

    @property
    def sees_outcomes(self) -> bool:
        """Whether the model is better than chance on outcomes that nothing can foretell.

        Its mean over permutations is more than three standard errors, and more than 0.03, above
        chance. Then something in it sees outcomes of the patients that it is judged on.
        """
        values = self.values[self.headline]
        above = self.mean - CHANCE[self.measure]
        return bool(above > max(_MATERIAL, 3 * float(values.std()) / np.sqrt(len(values))))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per permutation and measure: ``model``, ``permutation``, ``value``."""
        long = self.values.rename_axis("permutation").melt(var_name="measure", ignore_index=False)
        return tidy(long.reset_index().assign(model=self.model), ["model", "permutation"])

    def columns(self) -> dict[str, float]:
        """Return what :meth:`tumor_response.EvaluationResult.summary` says of it."""
        means = {f"{name}_null": float(self.values[name].mean()) for name in self.values}
        return {**means, "p_permutation": self.p_value, "n_permutations": self.n_permutations}

    def __str__(self) -> str:
        low, high = self.limits
        p_low, p_high = self.p_interval
        return (
            f"{self.model}: {self.headline} {self.observed[self.headline]:.3f}; with permuted "
            f"outcomes {self.mean:.3f} (95 % of {self.n_permutations}: {low:.3f} to {high:.3f}); "
            f"p = {self.p_value:.3f} (Monte Carlo interval {p_low:.3f} to {p_high:.3f})"
        )

    __repr__ = __str__


def permutation_null(
    result: EvaluationResult,
    name: str,
    *,
    n_permutations: int = 200,
    n_resamples: int = 20,
    seed: int = 0,
    n_jobs: int = 1,
) -> PermutationNull:
    """Evaluate a model again on outcomes that are permuted between patients.

    The whole pipeline, tuning and filters included, is refitted in every resample of every
    permutation, and the scheme draws its resamples anew by the permuted outcome, so that observed
    and permuted values come of one procedure and the p value holds exactly. Lesions of a patient
    keep their outcomes together. A continuous end point is permuted before its cut is fitted.

    Parameters
    ----------
    result
        From :func:`tumor_response.evaluate`.
    name
        A model of it.
    n_permutations
        At least 19; default 200.
    n_resamples
        In each permutation, default 20, at most the scheme's.
    seed
        Of the permutations.
    n_jobs
        Processes; the numbers are the same whatever it is.

    Returns
    -------
    PermutationNull
        ``result.summary(nulls=[...])`` takes it.

    Raises
    ------
    EvaluationError
        Codes ``unknown_model``, ``nothing_to_permute``, ``too_few_patients``, ``model_failed``.
    SettingsError
        Numbers out of range.

    Examples
    --------
    >>> import tumor_response as tr
    >>> rng = np.random.default_rng(0)
    >>> index = pd.Index([f"P{i}" for i in range(40)], name="patient_id")
    >>> table = pd.DataFrame({"clinical__age": rng.normal(size=40)}, index=index)
    >>> y = (5 * table["clinical__age"] + rng.normal(size=40) > 0).astype(float)
    >>> result = tr.evaluate({"age": tr.make_model("logistic", Cs=(1.0,))}, table, y,
    ...                      tr.Bootstrap632Plus(n_resamples=10))
    >>> null = permutation_null(result, "age", n_permutations=39, n_resamples=4)
    >>> null.p_value < 0.06, abs(null.mean - 0.5) < 0.05
    (True, True)
    """
    result.oob_values(name)  # says which names there are
    settings = ControlsSettings(
        n_permutations=n_permutations, n_resamples_permuted=n_resamples, seed=seed
    )
    rows = result.rows
    alone = replace(rows, models={name: rows.models[name]}, columns={name: rows.columns[name]})
    return null_of_rows(alone, result.scheme, result.headline, settings, checked_n_jobs(n_jobs))


def null_of_rows(
    rows: EvaluationRows, scheme: Scheme, headline: str, settings: ControlsSettings, n_jobs: int
) -> PermutationNull:
    """Return the null of the one model that the rows have; see :func:`permutation_null`."""
    (name,) = rows.models
    few = shortened(scheme, settings.n_resamples_permuted)
    seeds = np.random.SeedSequence(settings.seed).spawn(settings.n_permutations)
    answers = list(
        spread(
            partial(_evaluated, rows, few, headline),
            [None, *seeds],
            n_jobs,
            f"Permuting the outcome {settings.n_permutations} times",
            parts_per_worker=16,
        )
    )
    sizes = np.bincount(np.unique(rows.patients, return_counts=True)[1])
    return PermutationNull(
        model=name,
        measure=MEASURES[rows.task],
        headline=headline,
        observed=answers[0].values,
        values=pd.DataFrame([one.values for one in answers[1:]]),
        n_resamples=answers[0].n_resamples,
        n_redrawn=sum(one.n_redrawn for one in answers),
        n_fixed=int((sizes == 1).sum()),
        seed=settings.seed,
    )


@dataclass(frozen=True)
class _Answer:
    """What one outcome, permuted or as it is, gives."""

    values: dict[str, float]
    n_resamples: int
    n_redrawn: int


def _evaluated(
    rows: EvaluationRows,
    scheme: Scheme,
    headline: str,
    seeds: list[np.random.SeedSequence | None],
) -> list[_Answer]:
    return [_one(rows, scheme, headline, seed) for seed in seeds]


def _one(
    rows: EvaluationRows, scheme: Scheme, headline: str, seed: np.random.SeedSequence | None
) -> _Answer:
    """Evaluate the outcome as a seed permutes it; without a seed as it is."""
    changed, resamples, n_redrawn = rows, draw_resamples(rows, scheme), 0
    if seed is not None:
        changed, resamples, n_redrawn = permuted_evaluation(
            rows, scheme, np.random.default_rng(seed)
        )
    (name,) = rows.models
    # first, as in an evaluation: a model that remembers what it was fitted to remembers it here
    scores = apparent_scores(changed, resamples if scheme.kind == "test_set" else None)[name]
    tested = score_resamples(changed, None, list(enumerate(resamples)))
    value = float(np.nanmean([one.values[name] for one in tested]))
    seen = np.isfinite(scores)
    y = changed.y[seen]
    apparent = headline_value(changed.task, y, scores[seen], float(y.mean()))
    measure = MEASURES[rows.task]
    values = {headline: value, f"{measure}_apparent": apparent}
    if scheme.kind == "bootstrap" and rows.task != "rate":
        values |= {
            f"{measure}_632": auc_632(apparent, value),
            f"{measure}_632plus": auc_632plus(apparent, value),
        }
    return _Answer(values, len(resamples), n_redrawn)


def permuted_evaluation(
    rows: EvaluationRows, scheme: Scheme, rng: np.random.Generator
) -> tuple[EvaluationRows, list[Resample], int]:
    """Return the rows with a permuted outcome that the scheme can split, and its resamples."""
    for n_redrawn in range(MAX_TRIES):
        source = permuted_rows(rows.patients, rng)
        outcome = pd.Series(
            rows.outcome.to_numpy()[source], index=rows.outcome.index, name=rows.outcome.name
        )
        changed = rows.with_outcome(outcome)
        try:
            return changed, draw_resamples(changed, scheme), n_redrawn
        except EvaluationError as error:
            if error.code != "too_few_patients":
                raise
    raise EvaluationError(
        f"In {MAX_TRIES} permutations of the outcome there was none that {type(scheme).__name__} "
        "could split into sides with both classes.",
        code="too_few_patients",
    )
