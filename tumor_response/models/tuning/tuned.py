"""A model whose settings are searched for anew on the training rows of every resample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, clone

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

__all__ = ["Choice", "Range", "TunedModel"]


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included; whole ones if both are.

    Parameters
    ----------
    low, high
        Ends of the range.
    log
        True: spread evenly over orders of magnitude, for penalties and learning rates.

    Examples
    --------
    >>> Range(0.01, 10.0, log=True).log
    True
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and not self.low > 0):
            raise ModelError(
                f"Range({self.low!r}, {self.high!r}, log={self.log}): expected low < high"
                f"{', and low > 0' if self.log else ''}."
            )

    def holds(self, value: object) -> bool:
        """Tell whether ``value`` lies within."""
        return isinstance(value, (int, float)) and self.low <= value <= self.high

    def draw(self, trial: Any, name: str) -> object:
        """Let the search suggest a value."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Choice:
    """A few values without an order: numbers, texts, True and False, None.

    Examples
    --------
    >>> Choice((None, "balanced")).values
    (None, 'balanced')
    """

    values: tuple[str | float | bool | None, ...]

    def __post_init__(self) -> None:
        if len(self.values) < 2:
            raise ModelError(f"Choice({self.values!r}): expected two values or more.")

    def holds(self, value: object) -> bool:
        """Tell whether ``value`` is one of them."""
        return any(value is one or value == one for one in self.values)

    def draw(self, trial: Any, name: str) -> object:
        """Let the search suggest a value."""
        return trial.suggest_categorical(name, list(self.values))


class TunedModel(Refitted):
    """Search a model's settings with Optuna, on inner folds of whole patients, and refit.

    A search outside of the evaluation has seen the test patients. Here it is part of the model:
    in every resample it begins anew, on the training rows alone, copies of a patient in one fold.
    Trials are made one after the other by a seeded tree-structured Parzen estimator (Bergstra et
    al. 2011, NeurIPS; Akiba et al. 2019, KDD), so that the same rows give the same settings. The
    first trial is the model as it was given, if that lies in the space: what the search returns
    is never worse on the inner folds than what it began with.

    With a hundred patients the inner scores of thirty trials differ by chance more than by merit.
    Search few settings, over ranges in which every value is defensible.

    Parameters
    ----------
    estimator
        A Pipeline or any estimator; its parameters are the names of ``search_space``.
    search_space
        From parameter, as ``"classify__max_depth"``, to :class:`Range` or :class:`Choice`.
    n_trials
        Settings that are tried, default 30.
    scoring
        ``"auc"`` (default for classifiers), ``"deviance"`` or ``"r2"`` (default for regressors):
        the mean over folds.
    n_inner_folds
        Folds, at most; fewer if fewer patients have a row of the rarest class.
    random_state
        Seed of folds and search.

    Attributes
    ----------
    best_params_ : dict
    best_score_ : float
        Mean over inner folds; higher is better. It is the best of many and flatters: report the
        outer evaluation.
    best_estimator_ : estimator
        Fitted to all training rows.
    tuned_ : bool
        False where too few patients were there to compare; then ``estimator`` is fitted as it is.

    Raises
    ------
    ModelError
        Code ``optuna_missing``; a name in ``search_space`` that the estimator does not have; a
        measure that does not suit it.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 2)); y = (X[:, 0] + rng.normal(size=60) > 0).astype(int)
    >>> tuned = TunedModel(LogisticRegression(), {"C": Range(0.01, 10.0, log=True)}, n_trials=3)
    >>> len(tuned.fit(X, y).trials_), list(tuned.best_params_)
    (3, ['C'])
    """

    def __init__(
        self,
        estimator: BaseEstimator,
        search_space: Mapping[str, Range | Choice],
        n_trials: int = 30,
        scoring: Scoring | None = None,
        n_inner_folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.search_space = search_space
        self.n_trials = n_trials
        self.scoring = scoring
        self.n_inner_folds = n_inner_folds
        self.random_state = random_state

    def fit(self, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Search and refit; the index level ``patient_id`` names the patients."""
        scoring = checked_scoring(self.estimator, self.scoring)
        given_parameters = self._checked_space()
        optuna = _optuna()
        given = np.asarray(y)
        weight = checked_weights(sample_weight, len(given))
        splits = inner_splits(self.estimator, X, given, self.n_inner_folds, self.random_state)
        self.tuned_ = bool(splits)
        self.best_params_, self.best_score_ = given_parameters, float("nan")
        tried: list[dict[str, Any]] = []

        def score(trial: Any) -> float:
            parameters = {name: one.draw(trial, name) for name, one in self.search_space.items()}
            model = clone(self.estimator).set_params(**parameters)
            found = float(np.mean(list(inner_scores(model, X, given, weight, splits, scoring))))
            tried.append({**parameters, "score": found})
            # a fold without both classes has no score; such a trial is the worst
            return found if np.isfinite(found) else -1e300

        if splits:
            with _quiet(optuna):
                study = optuna.create_study(
                    direction="maximize", sampler=optuna.samplers.TPESampler(seed=self.random_state)
                )
                if all(one.holds(given_parameters[n]) for n, one in self.search_space.items()):
                    study.enqueue_trial(given_parameters)
                study.optimize(score, n_trials=self.n_trials, n_jobs=1)
            # of equal scores the first
            best = int(np.argmax([np.nan_to_num(one["score"], nan=-np.inf) for one in tried]))
            self.best_params_ = {name: tried[best][name] for name in self.search_space}
            self.best_score_ = tried[best]["score"]
        self._tried = tried
        model = clone(self.estimator).set_params(**self.best_params_)
        self.best_estimator_ = fit_weighted(model, X, given, weight)
        self.tuned_ = self.tuned_ and not left_untuned(self.best_estimator_)
        return self

    @property
    def trials_(self) -> pd.DataFrame:
        """What was tried, in order: a column per parameter, and ``score``."""
        return pd.DataFrame(self._tried, columns=[*self.search_space, "score"])

    def _prototype(self) -> BaseEstimator:
        return self.estimator

    def _checked_space(self) -> dict[str, object]:
        """Return the estimator's own values of what is searched, or say what is wrong."""
        if self.n_trials < 1:
            raise ModelError(f"n_trials={self.n_trials!r}: expected 1 or more.")
        if not self.search_space:
            raise ModelError("TunedModel: the search space is empty; nothing would be tuned.")
        known = self.estimator.get_params(deep=True)
        if unknown := [name for name in self.search_space if name not in known]:
            searched = ", ".join(map(repr, unknown[:5]))
            raise ModelError(
                f"TunedModel: {type(self.estimator).__name__} has no parameter {searched}. Those "
                "of a Pipeline's last step begin with its name: 'classify__...' or 'regress__...'.",
                code="unknown_parameter",
            )
        wrong = [
            name for name, one in self.search_space.items() if not isinstance(one, Range | Choice)
        ]
        if wrong:
            raise ModelError(
                f"TunedModel: {wrong[0]!r} is searched over {self.search_space[wrong[0]]!r}; "
                "expected Range(low, high) or Choice(values)."
            )
        return {name: known[name] for name in self.search_space}


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise ModelError(
            "TunedModel needs Optuna: pip install 'tumor-response[tuning]'. For a small grid, "
            "scikit-learn's GridSearchCV(..., cv=PatientKFold()) needs nothing.",
            code="optuna_missing",
        ) from None
    return optuna


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Keep Optuna from writing a line per trial, and leave its settings as they were."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
