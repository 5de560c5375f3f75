"""SHAP values of one fitted model on some rows: exact where there is a formula, or sampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit
from sklearn import linear_model
from sklearn.base import BaseEstimator

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attributed import Attribution, Seen, summed
from tumor_response.explanation.black_box import (
    Mixer,
    Outputs,
    Rows,
    class_sign,
    finite_log_odds,
    model_outputs,
)
from tumor_response.explanation.game import Game
from tumor_response.explanation.hierarchy import Hierarchy
from tumor_response.explanation.origins import apart, parted, parts_of, passed_through, undone
from tumor_response.explanation.sampled import Draws, Walk
from tumor_response.explanation.tree_values import tree_attribution
from tumor_response.explanation.trees import TreeEnsemble, is_tree_ensemble, tree_ensemble
from tumor_response.models.fusion import StackedBlocks, StackedBlocksRegression
from tumor_response.models.fusion.stack import block_is_missing
from tumor_response.models.fusion.stacked import log_odds
from tumor_response.models.linear_scores import LinearClassifier, LinearRegressor
from tumor_response.transformers import block_of

__all__ = ["LINEAR", "attribute"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LINEAR = (
    LinearClassifier,
    LinearRegressor,
    linear_model.LogisticRegression,
    linear_model.LinearRegression,
    linear_model.Ridge,
    linear_model.Lasso,
    linear_model.ElasticNet,
)

_SAME = 1e-5
"""Log-odds in single precision differ by less, and by more where they are held at a limit."""


def attribute(
    fitted: BaseEstimator,
    background: pd.DataFrame,
    rows: pd.DataFrame,
    hierarchy: Hierarchy,
    game: Game | None = None,
    draws: Draws | None = None,
) -> Attribution:
    r"""Compute SHAP values through a fitted Pipeline, on the columns of the table.

    The value of a coalition S for a row x is the mean over background rows z of f with the
    columns in S from x and the others from z (Lundberg et al. 2020, Nat. Mach. Intell. 2:56;
    Janzing et al. 2020). Columns that one-hot encoding has split are one player. How values come
    about:

    - **additive** in the output (linear models in log-odds or in the rate, through encoding,
      imputation, scaling, selection, and components, which are undone): the value of a column is
      its term at x less the mean of that term over the background; groups are sums;
    - **trees** in the output that they sum up: from their leaves, at every level
      (:mod:`tumor_response.explanation.trees`);
    - **stacks** of blocks: the weighted values of the blocks' own models;
    - **anything else**: random orders (:func:`~.sampled.sampled_values`).

    Parameters
    ----------
    fitted
        A Pipeline or a bare estimator.
    background
        The rows that absent columns are averaged over, copies included.
    rows
        The rows to explain, of the same columns.
    hierarchy
        The players; each column of ``rows`` that reaches the model has a place in it.
    game
        What is shared out; by default log-odds, interventional.
    draws
        The budget where values are sampled; by default 64 pairs per row.

    Raises
    ------
    ExplanationError
        ``task``: other classes than 0 and 1; ``value_function``: tree paths asked of what is no
        ensemble of trees; ``too_many_columns``: sampling would take more than the budget.
    """
    return _Work(hierarchy, game, draws).of(fitted, background, rows)


class _Work:
    """The players, what is shared out, and the budget: the same for a model and its parts."""

    def __init__(self, hierarchy: Hierarchy, game: Game | None, draws: Draws | None) -> None:
        self.hierarchy = hierarchy
        self.game = game or Game(output="log_odds")
        self.draws = draws or Draws(64, np.random.default_rng(0), self.game.max_evaluations)

    def of(
        self, fitted: BaseEstimator, background: pd.DataFrame, rows: pd.DataFrame
    ) -> Attribution:
        steps, final = parts_of(fitted)
        if self.game.output != "rate":
            class_sign(final)
        plain = self.game.value_function == "interventional"
        if isinstance(final, StackedBlocks | StackedBlocksRegression):
            if plain and self.game.output != "probability":
                exact = self._stack(steps, final, background, rows)
                if exact is not None:
                    return exact
        elif plain and isinstance(final, LINEAR):
            exact = self._linear(steps, final, background, rows)
            if exact is not None:
                return exact
        elif (ensemble := self._ensemble(final)) is not None:
            seen = self._seen(steps, background, rows)
            if seen is not None and ensemble.output == self.game.output:
                return tree_attribution(ensemble, seen, self.hierarchy, self.game.value_function)
            if seen is not None and plain:
                return self._trees_otherwise(ensemble, seen)
        if self.game.value_function == "tree_path_dependent":
            raise ExplanationError(
                "value_function='tree_path_dependent' is there for ensembles of trees in the "
                "output that they sum up (log-odds of boosted trees, probabilities of forests, "
                f"rates), behind steps that keep columns apart; received {type(final).__name__} "
                f"and output={self.game.output!r}. Explain it as 'interventional'.",
                code="value_function",
            )
        outputs = model_outputs([], final, self.game.output or "log_odds")
        return self._sampled(steps, outputs, background, rows)

    def _seen(
        self, steps: Sequence[Any], background: pd.DataFrame, rows: pd.DataFrame
    ) -> Seen | None:
        """Return what reaches the end of some steps, or None where a step mixes columns."""
        if apart(steps) < len(steps):
            return None
        return Seen(steps, background, rows, self.hierarchy)

    def _linear(
        self,
        steps: Sequence[Any],
        final: BaseEstimator,
        background: pd.DataFrame,
        rows: pd.DataFrame,
    ) -> Attribution | None:
        """Attribute an additive model; None where its columns cannot be told apart."""
        front, mixing = parted(steps)
        seen = self._seen(front, background, rows)
        if seen is None:
            return None
        sign = 1.0 if self.game.output == "rate" else class_sign(final)
        given = sign * np.ravel(np.asarray(final.coef_, dtype=np.float64))
        coefficients = undone(mixing, given)
        if coefficients is None:
            return None
        z, x = seen.numbers()
        read = final.predict if self.game.output == "rate" else final.decision_function
        behind, here = (
            sign * np.ravel(np.asarray(read(passed_through(mixing, side)), dtype=np.float64))
            for side in (seen.background, seen.rows)
        )
        if self.game.output != "probability":
            parts = summed((x - z.mean(axis=0)) * coefficients, seen.owner, self._width)
            return Attribution.additive(parts, float(behind.mean()), here, self.hierarchy)
        active, own = np.unique(seen.owner, return_inverse=True)
        n_active = len(active)
        x_terms, z_terms = (summed(side * coefficients, own, n_active) for side in (x, z))

        def walk(drawn: IntArray, order: IntArray) -> FloatArray:
            steps = np.take_along_axis(x_terms - z_terms[drawn], order, axis=1)
            path = np.cumsum(np.column_stack([behind[drawn], steps]), axis=1)
            path[:, -1] = here
            chances: FloatArray = expit(path)
            return chances

        return self._drawn(walk, expit(here), expit(behind), active)

    def _stack(
        self,
        steps: Sequence[Any],
        final: BaseEstimator,
        background: pd.DataFrame,
        rows: pd.DataFrame,
    ) -> Attribution | None:
        """Attribute a weighted sum of the blocks' models; None where a step mixes columns.

        A row without a block has the block's mean there; its difference to the background belongs
        to the block as a whole, and its columns share it equally.
        """
        seen = self._seen(steps, background, rows)
        if seen is None:
            return None
        # what a stack is given are frames: it finds its blocks by the columns' names
        behind, here = pd.DataFrame(seen.background), pd.DataFrame(seen.rows)
        sign = 1.0 if self.game.output == "rate" else class_sign(final)
        shares = sign * final.contributions(behind).mean()
        differences = sign * final.contributions(here) - shares
        names = [str(name) for name in here.columns]
        base = float(sign * final.intercept_ + shares.sum())
        total = Attribution.nothing(base, base + differences.sum(axis=1).to_numpy(), self.hierarchy)
        for block, model in final.models_.items():
            mine = [place for place, name in enumerate(names) if block_of(name) == block]
            there, known = (~block_is_missing(side.iloc[:, mine]) for side in (here, behind))
            left = differences[block].to_numpy().copy()
            if there.any() and known.any():
                inner = _Work(
                    self.hierarchy.renamed({names[at]: seen.origins[at] for at in mine}),
                    self.game,
                    self.draws,
                )
                one = inner._part(model, behind.iloc[known, mine], here.iloc[there, mine])
                weight = float(final.block_weights_[block])
                total = total.plus(one, weight, there)
                # background rows without the block are at its mean, not at the model's
                left[there] -= weight * one.values.sum(axis=1)
            total = total.shared(left, seen.owner[mine], self.hierarchy)
        return total

    def _part(
        self, model: BaseEstimator, background: pd.DataFrame, rows: pd.DataFrame
    ) -> Attribution:
        """Attribute a stack's model of a block, in what the stack hears of it."""
        if self.game.output == "rate":
            return self.of(model, background, rows)
        steps, final = parts_of(model)
        sign = class_sign(final)
        ensemble = self._ensemble(final)
        summed_up = ensemble is not None and ensemble.output == self.game.output
        if isinstance(final, LINEAR) or summed_up:
            one = self.of(model, background, rows)
            behind, here = (sign * log_odds(model, side) for side in (background, rows))
            same = np.allclose(one.outputs, here, rtol=0, atol=_SAME)
            if same and abs(one.base - behind.mean()) <= _SAME:
                return one
        # forests, and trees that are surer than the stack lets them be, are held

        def heard(X: Rows) -> FloatArray:
            return sign * log_odds(final, cast(pd.DataFrame, X))

        return self._sampled(steps, heard, background, rows)

    @property
    def _width(self) -> int:
        return len(self.hierarchy.players)

    def _ensemble(self, final: BaseEstimator) -> TreeEnsemble | None:
        """Read an ensemble of trees; None if it is none, or none that can be read."""
        if not is_tree_ensemble(final):
            return None
        try:
            return tree_ensemble(final)
        except ExplanationError as error:
            # trees of another kind (DART, splits by sets of categories) can be sampled
            if error.code == "unsupported_model":
                return None
            raise

    def _trees_otherwise(self, ensemble: TreeEnsemble, seen: Seen) -> Attribution:
        """Sample trees in an output that is a function of their sum; only columns they ask count.

        Raises
        ------
        ExplanationError
            Code ``infinite_log_odds``: a probability of 0 or 1.
        """
        asked = ensemble.columns
        alone = replace(ensemble, n_columns=len(asked), columns=np.arange(len(asked)))
        z, x = (side[:, asked] for side in seen.numbers())

        def read(X: Rows) -> FloatArray:
            total = alone.outputs(X)
            return expit(total) if self.game.output == "probability" else finite_log_odds(total)

        return self._mixed(x, z, read, seen.owner[asked])

    def _sampled(
        self,
        steps: Sequence[Any],
        outputs: Outputs,
        background: pd.DataFrame,
        rows: pd.DataFrame,
    ) -> Attribution:
        head = apart(steps)
        seen = Seen(steps[:head], background, rows, self.hierarchy)

        def read(X: Any) -> FloatArray:
            return outputs(passed_through(steps[head:], X))

        return self._mixed(seen.rows, seen.background, read, seen.owner)

    def _mixed(self, rows: Rows, background: Rows, read: Outputs, owner: IntArray) -> Attribution:
        here, behind = read(rows), read(background)
        active, own = np.unique(owner, return_inverse=True)
        self.draws.check(len(here), len(active))
        walk = Mixer(rows, background).walk(read, (here, behind), own)
        return self._drawn(walk, here, behind, active)

    def _drawn(
        self, walk: Walk, here: FloatArray, behind: FloatArray, active: IntArray
    ) -> Attribution:
        return Attribution.sampled(walk, here, behind, active, self.hierarchy, self.draws)
