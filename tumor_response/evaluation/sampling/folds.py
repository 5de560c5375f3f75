"""Repeated stratified K-fold cross-validation of patients, and its nested form."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from tumor_response.evaluation.sampling.base import (
    MAX_TRIES,
    IntArray,
    Kind,
    Resample,
    Scheme,
    SchemeRows,
    patient_strata,
)
from tumor_response.exceptions import EvaluationError

__all__ = ["NestedCV", "RepeatedKFold"]


class RepeatedKFold(Scheme):
    """Repeated K-fold cross-validation on patients, stratified by outcome.

    In each repeat the patients of each stratum are shuffled and dealt out to the folds one by
    one, each patient with all its lesions; strata are as in
    :class:`~tumor_response.Bootstrap632Plus`. A repeat in which a fold lacks a class, on either
    side, is dealt again and counted. What a model tunes, it tunes inside the training rows.

    Parameters
    ----------
    n_folds
        Default 5.
    n_repeats
        Default 20. Repeat r is the same for every ``n_repeats`` above r.
    seed
        Default 0.

    Raises
    ------
    SettingsError
        ``n_folds`` below 2, ``n_repeats`` below 1, a negative ``seed``, an unknown setting.

    Examples
    --------
    >>> RepeatedKFold(n_folds=10, n_repeats=5).kind
    'folds'
    """

    kind: ClassVar[Kind] = "folds"

    n_folds: int = Field(5, ge=2)
    n_repeats: int = Field(20, ge=1)
    seed: int = Field(0, ge=0)

    def resamples(self, rows: SchemeRows) -> list[Resample]:
        """Return the resamples, repeat by repeat.

        Raises
        ------
        EvaluationError
            Code ``too_few_patients``: a stratum has fewer patients than there are folds, or no
            usable repeat was found.
        """
        rows_of, strata = patient_strata(rows.patients, rows.balance)
        smallest = min(len(members) for members in strata)
        if smallest < self.n_folds:
            raise EvaluationError(
                f"{type(self).__name__}(n_folds={self.n_folds}): the smallest class has "
                f"{smallest} patient(s), so that some folds would have none of it. Use "
                f"n_folds={max(smallest, 2)} at most, or tr.Bootstrap632Plus.",
                code="too_few_patients",
            )
        seeds = np.random.SeedSequence(self.seed).spawn(self.n_repeats)
        return [
            resample
            for repeat, seed in enumerate(seeds)
            for resample in self._repeat(repeat, np.random.default_rng(seed), rows_of, strata, rows)
        ]

    def _repeat(
        self,
        repeat: int,
        rng: np.random.Generator,
        rows_of: list[IntArray],
        strata: list[IntArray],
        rows: SchemeRows,
    ) -> list[Resample]:
        for n_redrawn in range(MAX_TRIES):
            # one round of dealing over all strata: fold sizes differ by one patient at most
            dealt = np.concatenate([rng.permutation(members) for members in strata])
            fold_of = np.empty(len(rows_of), dtype=np.int64)
            fold_of[dealt] = np.arange(len(dealt)) % self.n_folds
            splits = [
                tuple(
                    np.concatenate([rows_of[patient] for patient in np.nonzero(side)[0]])
                    for side in (fold_of != fold, fold_of == fold)
                )
                for fold in range(self.n_folds)
            ]
            if all(rows.is_usable(train, test) for train, test in splits):
                return [
                    Resample(train, test, n_redrawn if fold == 0 else 0, "", repeat, fold)
                    for fold, (train, test) in enumerate(splits)
                ]
        raise EvaluationError(
            f"{type(self).__name__}, repeat {repeat}: in {MAX_TRIES} deals some fold always lacked "
            f"a class on one side ({len(rows_of)} patients in {self.n_folds} folds). Use fewer "
            "folds, or tr.Bootstrap632Plus.",
            code="too_few_patients",
        )


class NestedCV(RepeatedKFold):
    """Nested cross-validation: the best of the models is chosen inside each training set.

    The outer folds are those of :class:`RepeatedKFold`. Beside the models given, the evaluation
    has one more, ``selected``: in each outer training set, the model with the best mean inner
    score, by a cross-validation of that set's patients, refitted on all of it
    (:class:`~tumor_response.models.BestOfInner`). Its outer figures are what somebody gets who
    tries all the models and keeps the best; the best model's own outer figures are too good.

    Parameters
    ----------
    n_inner_folds
        Folds of the inner cross-validation, default 5.
    n_folds, n_repeats, seed
        As in :class:`RepeatedKFold`; ``n_repeats`` is 1 by default.

    Examples
    --------
    >>> NestedCV().n_inner_folds
    5
    """

    n_repeats: int = Field(1, ge=1)
    n_inner_folds: int = Field(5, ge=2)
