"""Owen values of any output, from random orders: additive by construction, with their error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import ExplanationError
from tumor_response.progress import track

__all__ = ["Draws", "Sampled", "sampled_values"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Walk = Callable[[IntArray, IntArray], FloatArray]
"""From background rows (n_rows,) and orders (n_rows, n_players) to the outputs on the way from
the background row to the row itself, (n_rows, n_players + 1)."""


@dataclass(frozen=True)
class Draws:
    """The budget of a sampled attribution.

    Attributes
    ----------
    n_pairs : int
        Pairs of opposite orders per row.
    rng : numpy.random.Generator
    max_evaluations : int
        Outputs of the model that may be computed.
    told : str
        Words for a progress bar; empty: none, as where resamples have one already.
    """

    n_pairs: int
    rng: np.random.Generator
    max_evaluations: int
    told: str = ""

    def check(self, n_rows: int, n_players: int) -> None:
        """Refuse what would take more outputs than were granted."""
        needed = 2 * self.n_pairs * n_rows * max(n_players - 1, 0)
        if needed > self.max_evaluations:
            raise ExplanationError(
                f"This model has no exact values, and sampling them for {n_players} players, "
                f"{n_rows} lesions and {self.n_pairs} pairs of orders takes {needed:,} of its "
                f"outputs per fit; max_evaluations leaves {self.max_evaluations:,}. Whole "
                "families cost little: level='family'. Or give fewer n_pairs (2 or more), a model "
                "of fewer columns, or more max_evaluations.",
                code="too_many_columns",
            )


class Sampled(NamedTuple):
    """Values of the players and, of them and of their unions, the standard errors."""

    values: FloatArray
    errors: FloatArray
    family_errors: FloatArray
    block_errors: FloatArray


def sampled_values(
    walk: Walk,
    outputs: FloatArray,
    of_background: FloatArray,
    family: IntArray,
    block: IntArray,
    draws: Draws,
) -> Sampled:
    r"""Estimate Owen values: blocks enter in random order, in them families, in these players.

    A pair of draws for a row is one background row, one order and its reverse (antithetic:
    Mitchell et al. 2022, JMLR 23:43; for what only pairs of players do together a pair is exact).
    What a player adds on the way, averaged over both, is an unbiased value of the game against
    this background row; it sums over players to :math:`f(x) - f(z)`. Background rows are drawn
    without replacement as long as there are any.

    The mean over pairs sums to :math:`f(x)` less the mean of the *drawn* :math:`f(z)`. The known
    mean over the whole background is put in as a control variate: each player's value is
    regressed on :math:`f(z)`, over all rows and pairs, and moved along its slope. The slopes sum to
    -1, so that afterwards the values sum to :math:`f(x)` less the whole background's mean exactly.
    The standard error is that of the residuals over pairs. Where many of the background's rows are
    drawn it is too large, as it takes them for independent.

    Parameters
    ----------
    walk
        See :data:`Walk`.
    outputs : ndarray of shape (n_rows,)
        Of the rows themselves.
    of_background : ndarray of shape (n_background,)
    family, block : ndarrays of shape (n_players,)
        Numbers from 0.
    draws
        How many pairs, from what.

    Examples
    --------
    >>> z, x = np.zeros((1, 2)), np.array([[1.0, 2.0]])
    >>> def walk(behind, order):
    ...     here, path = z[behind].copy(), [0.0]
    ...     for player in order[0]:
    ...         here[0, player] = x[0, player]
    ...         path.append(here[0].prod())
    ...     return np.array([path])
    >>> draws = Draws(4, np.random.default_rng(0), 1000)
    >>> alone = np.array([0, 1])
    >>> sampled_values(walk, np.array([2.0]), np.array([0.0]), alone, alone, draws).values.tolist()
    [[1.0, 1.0]]
    """
    n_rows, n_players, n_pairs = len(outputs), len(family), draws.n_pairs
    rng = draws.rng
    n_behind = len(of_background)
    laps = -(-n_pairs // n_behind)
    behind = np.concatenate(
        [rng.permuted(np.tile(np.arange(n_behind), (n_rows, 1)), axis=1) for _ in range(laps)],
        axis=1,
    )[:, :n_pairs]
    gains = np.empty((n_pairs, n_rows, n_players))
    pairs = track(range(n_pairs), draws.told) if draws.told else range(n_pairs)
    for pair in pairs:
        order = _orders(family, block, n_rows, rng)
        there = np.diff(walk(behind[:, pair], order), axis=1)
        back = np.diff(walk(behind[:, pair], order[:, ::-1]), axis=1)[:, ::-1]
        np.put_along_axis(gains[pair], order, (there + back) / 2, axis=1)
    drawn = of_background[behind].T[:, :, None]
    off = drawn - drawn.mean(axis=0)
    deviations = gains - gains.mean(axis=0)
    variance = float((off**2).sum())
    flat = variance <= 1e-24 * max(1.0, float((of_background**2).max()))
    slope = (
        np.full(n_players, -1.0 / max(n_players, 1))
        if flat
        else (deviations * off).sum(axis=(0, 1)) / variance
    )
    values = gains.mean(axis=0) - slope * (drawn.mean(axis=0) - of_background.mean())
    residuals = deviations - slope * off
    return Sampled(
        values,
        _error(residuals),
        _error(residuals @ _membership(family)),
        _error(residuals @ _membership(block)),
    )


def _orders(family: IntArray, block: IntArray, n_rows: int, rng: np.random.Generator) -> IntArray:
    """Return one random order of the players per row in which every union stands together."""
    n_families, n_blocks = int(family.max(initial=-1)) + 1, int(block.max(initial=-1)) + 1
    of_block = rng.random((n_rows, n_blocks)).argsort(axis=1)[:, block]
    of_family = rng.random((n_rows, n_families)).argsort(axis=1)[:, family]
    key = of_block * n_families + of_family + rng.random((n_rows, len(family)))
    order: IntArray = key.argsort(axis=1)
    return order


def _membership(group: IntArray) -> FloatArray:
    return np.eye(int(group.max(initial=-1)) + 1)[group]


def _error(residuals: FloatArray) -> FloatArray:
    n_pairs = len(residuals)
    error: FloatArray = np.sqrt((residuals**2).sum(axis=0) / (n_pairs * (n_pairs - 1)))
    return error
