"""The best of several models, chosen anew on the training rows of every resample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, clone, is_classifier

from tumor_response.exceptions import ModelError
from tumor_response.models.final import left_untuned
from tumor_response.models.training_rows import Matrix
from tumor_response.models.tuning.nested import (
    Refitted,
    checked_weights,
    fit_weighted,
    inner_scores,
    inner_splits,
)
from tumor_response.models.tuning.scoring import Scoring, checked_scoring

__all__ = ["BestOfInner"]


class BestOfInner(Refitted):
    """Choose among models by inner cross-validation on whole patients, and refit the winner.

    To try several models and report the best one's score flatters; to choose inside each
    resample and score what was chosen does not (nested cross-validation: Varma and Simon 2006,
    BMC Bioinformatics 7:91). In an evaluation the choice is part of the model: it is made on the
    training rows of each resample, copies of a patient in one fold.

    Parameters
    ----------
    candidates
        From name to unfitted model, all classifiers or all regressors.
    n_inner_folds
        Folds, at most; fewer if fewer patients have a row of the rarest class.
    scoring
        ``"auc"`` (default for classifiers), ``"deviance"`` or ``"r2"`` (default for regressors):
        the mean over folds decides, of equal means the earlier candidate wins.
    random_state
        Seed of the folds.

    Attributes
    ----------
    chosen_ : str
        Name of the winner.
    inner_scores_ : dict of str to float
        Mean over folds, higher is better; NaN where nothing could be compared.
    best_estimator_ : estimator
        The winner, fitted to all training rows.
    tuned_ : bool or None
        False where too few patients were there to compare, and the first candidate is used; or
        where the winner could not be tuned itself. None with one candidate.

    Raises
    ------
    ModelError
        No candidates, or classifiers beside regressors; a measure that does not suit them.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 2)); y = (X[:, 0] > 0).astype(int)
    >>> best = BestOfInner({"dummy": DummyClassifier(), "logistic": LogisticRegression()})
    >>> best.fit(X, y).chosen_
    'logistic'
    """

    def __init__(
        self,
        candidates: Mapping[str, BaseEstimator],
        n_inner_folds: int = 5,
        scoring: Scoring | None = None,
        random_state: int = 0,
    ) -> None:
        self.candidates = candidates
        self.n_inner_folds = n_inner_folds
        self.scoring = scoring
        self.random_state = random_state

    def fit(self, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Compare, choose and refit; the index level ``patient_id`` names the patients."""
        prototype = self._prototype()
        scoring = checked_scoring(prototype, self.scoring)
        given = np.asarray(y)
        weight = checked_weights(sample_weight, len(given))
        splits = []
        if len(self.candidates) > 1:
            splits = inner_splits(prototype, X, given, self.n_inner_folds, self.random_state)
        self.tuned_ = None if len(self.candidates) == 1 else bool(splits)
        self.inner_scores_ = dict.fromkeys(self.candidates, float("nan"))
        self.chosen_ = next(iter(self.candidates))
        for name, model in self.candidates.items() if splits else ():
            scores = list(inner_scores(model, X, given, weight, splits, scoring))
            self.inner_scores_[name] = float(np.mean(scores))
            if not self.inner_scores_[self.chosen_] >= self.inner_scores_[name]:
                self.chosen_ = name
        self.best_estimator_ = fit_weighted(clone(self.candidates[self.chosen_]), X, given, weight)
        if left_untuned(self.best_estimator_):
            self.tuned_ = False
        return self

    def get_params(self, deep: bool = True) -> dict[str, object]:
        """Return the parameters; with ``deep`` also those of each candidate, by its name."""
        parameters: dict[str, object] = super().get_params(deep=False)
        for name, model in self.candidates.items() if deep else ():
            inner = model.get_params(deep=True)
            parameters[f"candidates__{name}"] = model
            parameters.update({f"candidates__{name}__{key}": inner[key] for key in inner})
        return parameters

    def _prototype(self) -> BaseEstimator:
        if not self.candidates:
            raise ModelError("BestOfInner: there are no candidates to choose among.")
        kinds = {is_classifier(model) for model in self.candidates.values()}
        if len(kinds) > 1:
            raise ModelError(
                "BestOfInner: classifiers and regressors cannot be compared; received both."
            )
        return next(iter(self.candidates.values()))
