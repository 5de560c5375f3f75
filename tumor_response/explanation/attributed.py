"""What is attributed to players, families and blocks; and the rows as their steps show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.explanation.hierarchy import Hierarchy
from tumor_response.explanation.origins import column_origins, passed_through
from tumor_response.explanation.sampled import Draws, Walk, sampled_values

__all__ = ["Attribution", "Errors", "Seen", "summed"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Errors:
    """Standard errors of sampled values: of players, families and blocks."""

    players: FloatArray
    families: FloatArray
    blocks: FloatArray


@dataclass(frozen=True)
class Attribution:
    """SHAP values of one model on some rows.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_players)
        Shapley values; where they are sampled the nested ones.
    nested_values : ndarray of shape (n_rows, n_players)
        Owen values, families and blocks being unions.
    family_values : ndarray of shape (n_rows, n_families)
        Owen values, blocks being unions.
    block_values : ndarray of shape (n_rows, n_blocks)
        Shapley values.
    base : float
        Mean output over the background. ``base + values.sum(axis=1)`` equals ``outputs``.
    outputs : ndarray of shape (n_rows,)
    errors : Errors or None
        Where values are sampled.
    interactions : ndarray of shape (n_rows, n_pairs) or None
        Of blocks, pairs in the order of ``itertools.combinations``.
    """

    values: FloatArray
    nested_values: FloatArray
    family_values: FloatArray
    block_values: FloatArray
    base: float
    outputs: FloatArray
    errors: Errors | None = None
    interactions: FloatArray | None = None

    @classmethod
    def additive(
        cls, values: FloatArray, base: float, outputs: FloatArray, hierarchy: Hierarchy
    ) -> Self:
        """Return the attribution of a model that is a sum of its players' parts."""
        return cls(values, values, *_unions(values, hierarchy), base, outputs)

    @classmethod
    def nothing(cls, base: float, outputs: FloatArray, hierarchy: Hierarchy) -> Self:
        """Return the attribution of nothing, which parts are then added to."""
        n = len(outputs)
        values, nested = (np.zeros((n, len(hierarchy.players))) for _ in range(2))
        families, blocks = (
            np.zeros((n, len(hierarchy.families))),
            np.zeros((n, len(hierarchy.blocks))),
        )
        return cls(values, nested, families, blocks, base, outputs)

    def plus(self, other: Self, weight: float, there: npt.NDArray[np.bool_]) -> Self:
        """Return the sum with a weighted attribution of some of the rows, of other players."""
        errors = self.errors
        if other.errors is not None:
            mine = errors or Errors(*(np.zeros_like(one) for one in [*self._levels().values()][1:]))
            errors = Errors(
                *(
                    _added(a, abs(weight) * b, there)
                    for a, b in zip(vars(mine).values(), vars(other.errors).values(), strict=True)
                )
            )
        levels = {
            name: _added(mine, weight * getattr(other, name), there)
            for name, mine in self._levels().items()
        }
        return self._with(levels, errors)

    def shared(self, amounts: FloatArray, owner: IntArray, hierarchy: Hierarchy) -> Self:
        """Return the sum with amounts per row that columns of some owners share equally."""
        equal = np.repeat(amounts[:, None] / len(owner), len(owner), axis=1)
        parts = summed(equal, owner, len(hierarchy.players))
        added = (parts, parts, *_unions(parts, hierarchy))
        levels = {
            name: mine + part
            for (name, mine), part in zip(self._levels().items(), added, strict=True)
        }
        return self._with(levels, self.errors)

    def _with(self, levels: dict[str, FloatArray], errors: Errors | None) -> Self:
        return replace(
            self,
            values=levels["values"],
            nested_values=levels["nested_values"],
            family_values=levels["family_values"],
            block_values=levels["block_values"],
            errors=errors,
        )

    def _levels(self) -> dict[str, FloatArray]:
        return {
            "values": self.values,
            "nested_values": self.nested_values,
            "family_values": self.family_values,
            "block_values": self.block_values,
        }

    @classmethod
    def sampled(
        cls,
        walk: Walk,
        outputs: FloatArray,
        of_background: FloatArray,
        active: IntArray,
        hierarchy: Hierarchy,
        draws: Draws,
    ) -> Self:
        """Return an attribution by random orders of the ``active`` players."""
        family, of_family = np.unique(hierarchy.family_of_player[active], return_inverse=True)
        block, of_block = np.unique(hierarchy.block_of_player[active], return_inverse=True)
        found = sampled_values(walk, outputs, of_background, of_family, of_block, draws)
        values = _put(found.values, active, len(hierarchy.players))
        errors = Errors(
            _put(found.errors, active, len(hierarchy.players)),
            _put(found.family_errors, family, len(hierarchy.families)),
            _put(found.block_errors, block, len(hierarchy.blocks)),
        )
        base = float(of_background.mean())
        return cls(values, values, *_unions(values, hierarchy), base, outputs, errors)


class Seen:
    """Background and rows behind steps that keep columns apart, with the player of each column.

    Raises
    ------
    ExplanationError
        Code ``unsupported_step``: a step that does not keep columns apart.
    """

    def __init__(
        self,
        steps: Sequence[Any],
        background: pd.DataFrame,
        rows: pd.DataFrame,
        hierarchy: Hierarchy,
    ) -> None:
        # first what may find columns missing, and says which
        self.background = passed_through(steps, background)
        self.rows = passed_through(steps, rows)
        self.origins = column_origins(steps, [str(column) for column in rows.columns])
        self.owner = np.array([hierarchy.place[of] for of in self.origins], dtype=np.int64)

    def numbers(self) -> tuple[FloatArray, FloatArray]:
        """Return background and rows as arrays."""
        return (
            np.asarray(self.background, dtype=np.float64),
            np.asarray(self.rows, dtype=np.float64),
        )


def summed(parts: FloatArray, owner: IntArray, n_owners: int) -> FloatArray:
    """Add up the columns of ``parts`` that have the same owner.

    Examples
    --------
    >>> summed(np.array([[1.0, 2.0, 4.0]]), np.array([0, 2, 0]), 3).tolist()
    [[5.0, 0.0, 2.0]]
    """
    total: FloatArray = np.zeros((len(parts), n_owners))
    if len(set(owner.tolist())) == len(owner):
        total[:, owner] = parts
    else:
        np.add.at(total.T, owner, parts.T)
    return total


def _unions(values: FloatArray, hierarchy: Hierarchy) -> tuple[FloatArray, FloatArray]:
    return (
        summed(values, hierarchy.family_of_player, len(hierarchy.families)),
        summed(values, hierarchy.block_of_player, len(hierarchy.blocks)),
    )


def _added(total: FloatArray, part: FloatArray, there: npt.NDArray[np.bool_]) -> FloatArray:
    grown = total.copy()
    grown[there] += part
    return grown


def _put(found: FloatArray, places: IntArray, width: int) -> FloatArray:
    wide = np.zeros((len(found), width))
    wide[:, places] = found
    return wide
