"""From the attributions of one model or of many resamples to an explanation."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.explanation.attributed import Attribution
from tumor_response.explanation.fields import Mode
from tumor_response.explanation.game import Game
from tumor_response.explanation.hierarchy import Hierarchy
from tumor_response.explanation.result import Explanation

__all__ = ["TOP", "Sums"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

TOP = 10
"""Columns whose share of resamples among the first so many is counted."""

_LEVELS = ("values", "nested_values", "family_values", "block_values")


class Sums:
    """What is added up over attributions, in their order."""

    def __init__(self, n_rows: int, n_resamples: int, hierarchy: Hierarchy) -> None:
        self.hierarchy = hierarchy
        self.n_rows, self.n_resamples = n_rows, n_resamples
        widths = {
            "values": len(hierarchy.players),
            "nested_values": len(hierarchy.players),
            "family_values": len(hierarchy.families),
            "block_values": len(hierarchy.blocks),
        }
        self.totals = {level: np.zeros((n_rows, width)) for level, width in widths.items()}
        del widths["nested_values"]
        self.squares = {level: np.zeros((n_rows, width)) for level, width in widths.items()}
        self.variances = {level: np.zeros((n_rows, width)) for level, width in widths.items()}
        self.mean_abs = {level: np.zeros((n_resamples, width)) for level, width in widths.items()}
        self.base, self.outputs, self.count = (np.zeros(n_rows) for _ in range(3))
        self.in_top = np.zeros(len(hierarchy.players))
        self.pairs = list(itertools.combinations(hierarchy.blocks, 2))
        self.interactions = np.zeros((n_rows, len(self.pairs)))
        self.sampled = self.interacting = False

    def add(self, number: int, rows: IntArray, one: Attribution) -> None:
        """Add the attribution of some rows by the model of one resample."""
        before = self.count[rows][:, None]
        for level, squares in self.squares.items():
            values = getattr(one, level)
            # Welford's update: a difference of large sums would lose a small spread
            deviation = values - self.totals[level][rows] / np.maximum(before, 1)
            squares[rows] += deviation**2 * before / (before + 1)
            self.mean_abs[level][number] = np.abs(values).mean(axis=0)
        for level, total in self.totals.items():
            total[rows] += getattr(one, level)
        if one.errors is not None:
            self.sampled = True
            self.variances["values"][rows] += one.errors.players**2
            self.variances["family_values"][rows] += one.errors.families**2
            self.variances["block_values"][rows] += one.errors.blocks**2
        if one.interactions is not None:
            self.interacting = True
            self.interactions[rows] += one.interactions
        self.base[rows] += one.base
        self.outputs[rows] += one.outputs
        self.count[rows] += 1
        self.in_top[_top(self.mean_abs["values"][number])] += 1

    def explanation(
        self,
        name: str,
        mode: Mode,
        game: Game,
        n_pairs: int,
        X: pd.DataFrame,
        dictionary: pd.DataFrame | None,
    ) -> Explanation:
        """Return the means over resamples, for the rows of ``X`` that have any."""
        tree = self.hierarchy
        names = {
            "values": tree.players,
            "nested_values": tree.players,
            "family_values": list(tree.families),
            "block_values": list(tree.blocks),
        }
        seen = self.count > 0
        index, times = X.index[seen], self.count[seen]
        by_resample = mode == "out_of_bag"

        def frame(values: FloatArray, level: str) -> pd.DataFrame:
            return pd.DataFrame(values[seen], index, names[level])

        def spread(level: str) -> pd.DataFrame | None:
            others = np.where(self.count > 1, self.count - 1, np.nan)[:, None]
            return frame(np.sqrt(self.squares[level] / others), level) if by_resample else None

        def error(level: str) -> pd.DataFrame | None:
            count = np.maximum(self.count, 1)[:, None]
            return frame(np.sqrt(self.variances[level]) / count, level) if self.sampled else None

        def mean_abs(level: str) -> pd.DataFrame | None:
            if not by_resample:
                return None
            return pd.DataFrame(self.mean_abs[level], columns=names[level]).rename_axis("resample")

        def mean(total: FloatArray, columns: Iterable[Any]) -> pd.DataFrame:
            return pd.DataFrame(total[seen] / times[:, None], index, pd.Index(columns))

        means = {level: mean(total, names[level]) for level, total in self.totals.items()}
        top_ten = pd.Series(self.in_top / self.n_resamples, tree.players, name="top_ten_share")
        n_out = pd.Series(self.count.astype(np.int64), X.index, name="n_out_of_bag")
        return Explanation(
            name=name,
            mode=mode,
            output=game.output or "log_odds",
            value_function=game.value_function,
            level=tree.level,
            method="sampled" if self.sampled else "exact",
            values=means["values"],
            block_values=means["block_values"],
            family_values=means["family_values"],
            nested_values=means["nested_values"],
            base_values=pd.Series(self.base[seen] / times, index, name="base_value"),
            outputs=pd.Series(self.outputs[seen] / times, index, name="output"),
            spread=spread("values"),
            family_spread=spread("family_values"),
            block_spread=spread("block_values"),
            standard_error=error("values"),
            family_standard_error=error("family_values"),
            block_standard_error=error("block_values"),
            n_pairs=n_pairs if self.sampled else None,
            n_out_of_bag=n_out if by_resample else None,
            top_ten_share=top_ten if by_resample else None,
            column_mean_abs=mean_abs("values"),
            family_mean_abs=mean_abs("family_values"),
            block_mean_abs=mean_abs("block_values"),
            block_interactions=mean(self.interactions, self._pair_labels())
            if self.interacting
            else None,
            features=_features(X.loc[seen], tree),
            blocks=tree.blocks,
            families=tree.families,
            dictionary=dictionary,
        )

    def _pair_labels(self) -> list[str]:
        return [f"{one} x {other}" for one, other in self.pairs]


def _features(X: pd.DataFrame, tree: Hierarchy) -> pd.DataFrame:
    """Return the table's values of the players; a whole family has none."""
    if tree.level == "column":
        return X[tree.players]
    return pd.DataFrame(np.nan, X.index, tree.players)


def _top(mean_abs: FloatArray) -> IntArray:
    top = np.argsort(-mean_abs, kind="stable")[:TOP]
    chosen: IntArray = top[mean_abs[top] > 0]
    return chosen
