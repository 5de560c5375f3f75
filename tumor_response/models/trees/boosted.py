"""Boosted trees for few patients: XGBoost, stopped on whole patients that it was not shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from tumor_response.exceptions import ModelError
from tumor_response.models.inner import in_order, inner_folds, values_of
from tumor_response.models.training_rows import (
    ClassWeight,
    Matrix,
    TrainingRows,
    class_rows,
    rate_rows,
)
from tumor_response.models.trees.columns import constraints, rank_scores, strongest
from tumor_response.models.trees.stopping import Part, losses_by_round, matrix
from tumor_response.transformers.dropped import dropped_record

__all__ = ["BoostedTreesClassifier", "BoostedTreesRegressor", "Stopping"]

FloatArray = npt.NDArray[np.float64]
Stopping = Literal["folds", "part", "none"]


class _BoostedTrees(BaseEstimator):
    """What the classifier and the regressor share; see :class:`BoostedTreesClassifier`."""

    def __init__(
        self,
        n_columns_per_block: int | None = 20,
        n_estimators: int = 300,
        max_depth: int = 2,
        learning_rate: float = 0.05,
        subsample: float = 0.8,
        colsample_bytree: float = 0.5,
        reg_lambda: float = 5.0,
        min_child_weight: float = 2.0,
        max_bin: int = 32,
        early_stopping: Stopping = "folds",
        patience: int = 25,
        least_rounds: int = 50,
        n_inner_folds: int = 5,
        refit: bool = True,
        monotone: Mapping[str, int] | None = None,
        random_state: int = 0,
    ) -> None:
        self.n_columns_per_block = n_columns_per_block
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.learning_rate = learning_rate
        self.subsample = subsample
        self.colsample_bytree = colsample_bytree
        self.reg_lambda = reg_lambda
        self.min_child_weight = min_child_weight
        self.max_bin = max_bin
        self.early_stopping = early_stopping
        self.patience = patience
        self.least_rounds = least_rounds
        self.n_inner_folds = n_inner_folds
        self.refit = refit
        self.monotone = monotone
        self.random_state = random_state

    @property
    def dropped_(self) -> pd.DataFrame:
        """Columns that no tree was shown: ``reason``, ``because_of``, ``value`` (the score)."""
        return dropped_record(
            np.asarray(self._columns, dtype=object), ~self.support_, "not_selected", self.scores_
        )

    def margin(self, X: Matrix) -> FloatArray:
        """Return what the trees sum up to: log-odds, rates, or one column per class of three."""
        values = values_of(self, X)[:, self.support_]
        margin = self.booster_.inplace_predict(
            values, predict_type="margin", validate_features=False
        )
        return np.asarray(margin, dtype=np.float64)

    def _grow(self, rows: TrainingRows, objective: dict[str, Any]) -> None:
        self._check()
        names = getattr(self, "feature_names_in_", None)
        self._columns = (
            [str(number) for number in range(rows.values.shape[1])]
            if names is None
            else [str(name) for name in names]
        )
        self._directions = constraints(self.monotone or {}, self._columns)
        self.scores_, self.support_ = self._chosen(rows)
        self.losses_ = np.array([])
        self.tuned_: bool | None = None
        n_rounds = self.n_estimators
        folds = None
        if self.early_stopping != "none":
            folds = inner_folds(self, rows)
            self.tuned_ = folds is not None
            n_rounds = min(self.least_rounds, n_rounds)
        shown = rows
        if folds is not None:
            held_out = range(int(folds.max()) + 1) if self.early_stopping == "folds" else [0]
            parts, supports = zip(
                *(self._part(rows, folds != fold, objective) for fold in held_out), strict=True
            )
            self.losses_ = losses_by_round(parts, self.n_estimators, self.patience)
            n_rounds = max(n_rounds, int(np.argmin(self.losses_)) + 1)
            if not self.refit:
                shown, self.support_ = _of(rows, folds != 0), supports[0]
        self.n_rounds_ = n_rounds
        self.booster_ = self._booster(shown, self.support_, objective, n_rounds)

    def _part(
        self, rows: TrainingRows, train: npt.NDArray[np.bool_], objective: dict[str, Any]
    ) -> tuple[Part, npt.NDArray[np.bool_]]:
        """Return one part; which columns it is shown, its training rows alone decide."""
        inside, outside = _of(rows, train), _of(rows, ~train)
        support = self._chosen(inside)[1]
        return (
            Part(
                inside._replace(values=inside.values[:, support]),
                outside._replace(values=outside.values[:, support]),
                self._parameters(support, objective),
            ),
            support,
        )

    def _chosen(self, rows: TrainingRows) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        scores = rank_scores(rows.values, rows.y, rows.weight)
        if self.n_columns_per_block is None:
            return scores, np.ones(len(scores), dtype=bool)
        names = None if not hasattr(self, "feature_names_in_") else self._columns
        return scores, strongest(scores, names, self.n_columns_per_block)

    def _booster(
        self,
        rows: TrainingRows,
        support: npt.NDArray[np.bool_],
        objective: dict[str, Any],
        n_rounds: int,
    ) -> Any:
        from xgboost import train

        shown = matrix(rows._replace(values=rows.values[:, support]))
        return train(self._parameters(support, objective), shown, n_rounds)

    def _parameters(
        self, support: npt.NDArray[np.bool_], objective: dict[str, Any]
    ) -> dict[str, Any]:
        parameters = {
            **objective,
            "max_depth": self.max_depth,
            "learning_rate": self.learning_rate,
            "subsample": self.subsample,
            "colsample_bytree": self.colsample_bytree,
            "reg_lambda": self.reg_lambda,
            "min_child_weight": self.min_child_weight,
            "max_bin": self.max_bin,
            # one thread and no device of its own: an evaluation runs resamples side by side, and
            # the same bytes must come out wherever they run
            "tree_method": "hist",
            "device": "cpu",
            "nthread": 1,
            "seed": self.random_state,
            # XGBoost draws from one generator for all boosters of a process; seeded anew in each
            # round, a booster's draws do not depend on those that are trained beside it
            "seed_per_iteration": True,
        }
        if self._directions.any():
            parameters["monotone_constraints"] = tuple(self._directions[support].tolist())
        return parameters

    def _check(self) -> None:
        if self.early_stopping not in ("folds", "part", "none"):
            raise ModelError(
                f"early_stopping={self.early_stopping!r}: expected 'folds', 'part' or 'none'."
            )
        if not self.refit and self.early_stopping != "part":
            raise ModelError(
                f"refit=False has no effect with early_stopping={self.early_stopping!r}; it "
                "belongs to early_stopping='part', which trains one model on the other rows."
            )
        for name, least in (
            ("n_estimators", 1),
            ("patience", 1),
            ("least_rounds", 1),
            ("n_inner_folds", 2),
            ("n_columns_per_block", 1),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ModelError(f"{name}={value!r}: expected {least} or more.")


class BoostedTreesClassifier(ClassifierMixin, _BoostedTrees):
    r"""XGBoost for small n: shallow, strongly regularised, stopped on held-out patients.

    A class of our own around :func:`xgboost.train` and not :class:`xgboost.XGBClassifier`, for
    three things that a Pipeline around the latter cannot do. **Early stopping** there watches an
    ``eval_set`` that is given by hand before the resampling; here whole patients of the training
    rows are held out, copies of one together. **The filter** that leaves the trees the strongest
    columns of each block looks at the outcome; standing before XGBoost it would have seen the
    held-out patients, for whom the trees then seem to go on improving for ever; here it is fitted
    anew on the rows that each part trains on. **Bin edges** are quantiles of the training rows of
    the very fit, of each part as well: nothing quantised is shared between resamples. Copies of a
    row are merged into weights first, so that a tree's subsample takes or leaves them together.

    Parameters
    ----------
    n_columns_per_block
        Columns of each block that the trees are shown, by
        :func:`~tumor_response.models.trees.columns.rank_scores`; None: all.
    n_estimators
        Number of rounds; with early stopping the most.
    max_depth, learning_rate, subsample, colsample_bytree, reg_lambda, min_child_weight, max_bin
        As in :class:`xgboost.XGBClassifier`.
    early_stopping
        ``"folds"`` (default): patients are dealt into ``n_inner_folds`` folds, each held out once,
        and the number of rounds is that of the smallest loss over all of them together.
        ``"part"``: one fold alone is held out. ``"none"``: ``n_estimators`` rounds.
    least_rounds
        Fewest rounds that early stopping may choose, default 50: the held-out loss of a hundred
        patients is often smallest at the third round by chance, and with a learning rate of 0.05
        fifty rounds cost nothing where there is nothing to find but some of the calibration
        (measured: ``benchmarks/boosting_rounds.py``).
    patience
        Rounds without a smaller held-out loss after which no more are tried.
    n_inner_folds
        Folds, at most; fewer if fewer patients have a row of the rarest class.
    refit
        True (default): trained anew on all rows with the number of rounds found. False, for
        ``"part"`` alone: the model that was watched, which never sees a fifth of the patients.
    monotone
        From column to 1 (a higher value may only raise the prediction) or -1, by the column's
        name before or behind encoding.
    class_weight
        ``"balanced"`` weighs each class the same.
    random_state
        Seed of folds and trees.

    Attributes
    ----------
    booster_ : xgboost.Booster
        Trained on the columns of ``support_``.
    n_rounds_ : int
    losses_ : ndarray
        Held-out loss after each round; empty without early stopping.
    tuned_ : bool
        False where fewer than two patients had a row of some class, so that nobody could be held
        out; then ``least_rounds`` are made. None without early stopping.
    scores_ : ndarray, support_ : ndarray of bool, of shape (n_columns,)
        The filter's scores, and which columns the trees were shown.
    classes_ : ndarray

    Raises
    ------
    ModelError
        A parameter out of range; a direction of ``monotone`` for a category of several columns,
        or with three classes.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(80, 30)); y = (X[:, 0] + 0.5 * rng.normal(size=80) > 0).astype(int)
    >>> model = BoostedTreesClassifier(n_columns_per_block=5).fit(X, y)
    >>> bool(model.support_[0]), model.tuned_, model.predict_proba(X).shape
    (True, True, (80, 2))
    """

    def __init__(
        self,
        n_columns_per_block: int | None = 20,
        n_estimators: int = 300,
        max_depth: int = 2,
        learning_rate: float = 0.05,
        subsample: float = 0.8,
        colsample_bytree: float = 0.5,
        reg_lambda: float = 5.0,
        min_child_weight: float = 2.0,
        max_bin: int = 32,
        early_stopping: Stopping = "folds",
        patience: int = 25,
        least_rounds: int = 50,
        n_inner_folds: int = 5,
        refit: bool = True,
        monotone: Mapping[str, int] | None = None,
        class_weight: ClassWeight = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(
            n_columns_per_block=n_columns_per_block,
            n_estimators=n_estimators,
            max_depth=max_depth,
            learning_rate=learning_rate,
            subsample=subsample,
            colsample_bytree=colsample_bytree,
            reg_lambda=reg_lambda,
            min_child_weight=min_child_weight,
            max_bin=max_bin,
            early_stopping=early_stopping,
            patience=patience,
            least_rounds=least_rounds,
            n_inner_folds=n_inner_folds,
            refit=refit,
            monotone=monotone,
            random_state=random_state,
        )
        self.class_weight = class_weight

    def fit(self, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Find the number of rounds and fit; the index level ``patient_id`` names the patients.

        ``sample_weight``: 2 is the same as a repeated row, 0 the same as none.
        """
        rows = class_rows(self, X, y, sample_weight, self.class_weight, most_classes=None)
        if len(self.classes_) == 2:
            objective: dict[str, Any] = {
                "objective": "binary:logistic",
                "eval_metric": "logloss",
            }
        else:
            if self.monotone:
                raise ModelError(
                    "monotone: with three classes each has trees of its own, and a direction for "
                    "all of them means nothing. Use two classes or the rate.",
                    code="monotone_classes",
                )
            objective = {
                "objective": "multi:softprob",
                "eval_metric": "mlogloss",
                "num_class": len(self.classes_),
            }
        self._grow(in_order(rows), objective)
        return self

    def predict_proba(self, X: Matrix) -> FloatArray:
        """Return the probability of each class, shape (n_rows, n_classes)."""
        margin = self.margin(X)
        if len(self.classes_) > 2:
            probabilities: FloatArray = softmax(margin, axis=1)
            return probabilities
        positive = expit(margin)
        return np.column_stack([1.0 - positive, positive])

    def predict(self, X: Matrix) -> npt.NDArray[np.generic]:
        """Return the likeliest class of each row."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        predicted: npt.NDArray[np.generic] = self.classes_[likeliest]
        return predicted


class BoostedTreesRegressor(RegressorMixin, _BoostedTrees):
    """Boosted trees for a rate: squared error, otherwise as :class:`BoostedTreesClassifier`.

    The curvature of a squared error is 1 per row where that of a probability of one half is 1/4,
    so ``reg_lambda`` and ``min_child_weight`` hold trees back as strongly with four times the
    number; see :class:`~tumor_response.models.trees.XGBoostRateSettings`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(80, 30)); y = X[:, 0] + 0.5 * rng.normal(size=80)
    >>> bool(BoostedTreesRegressor(n_columns_per_block=5).fit(X, y).score(X, y) > 0.5)
    True
    """

    def fit(self, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Find the number of rounds and fit; see :meth:`BoostedTreesClassifier.fit`."""
        rows = rate_rows(self, X, y, sample_weight)
        self._grow(in_order(rows), {"objective": "reg:squarederror", "eval_metric": "rmse"})
        return self

    def predict(self, X: Matrix) -> FloatArray:
        """Return the expected rate of each row."""
        return self.margin(X)


def _of(rows: TrainingRows, which: npt.NDArray[np.bool_]) -> TrainingRows:
    return TrainingRows(rows.values[which], rows.y[which], rows.weight[which], rows.patients[which])
