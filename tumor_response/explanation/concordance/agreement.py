"""Attention against the shrinkage, voxel by voxel within one tumour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from tumor_response.explanation.concordance.profile import DepthProfile, normal_scores
from tumor_response.explanation.concordance.settings import ConcordanceSettings
from tumor_response.explanation.concordance.surrogates import surrogates

__all__ = ["AGREEMENT_COLUMNS", "Agreement", "agreement"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

AGREEMENT_COLUMNS = (
    "n_voxels",
    "rho",
    "rho_adjusted",
    "null_low",
    "null_high",
    "p_value",
    "z",
    "se",
    "overlap",
    "overlap_null",
    "attended",
    "rest",
    "difference",
    "difference_null",
    "difference_low",
    "difference_high",
    "difference_p",
)
"""The numeric columns of :meth:`Concordance.shrinkage`."""

NOTHING_LEFT = 1e-6
"""Share of a field's spread that depth leaves unexplained, below which nothing is left."""


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far attention agrees with the shrinkage in one tumour, or why that has no answer.

    Parameters
    ----------
    row
        One number for each of :data:`AGREEMENT_COLUMNS`; empty with a reason.
    null_difference
        The surrogates' differences, shape (n_surrogates,).
    reason
        A code, empty if nothing is missing.
    """

    row: dict[str, float]
    null_difference: FloatArray
    reason: str = ""

    @classmethod
    def missing(cls, reason: str) -> Agreement:
        """Return what stands for a lesion without an answer."""
        return cls({}, np.empty(0), reason)


def agreement(
    attention: FloatArray,
    shrinkage: FloatArray,
    depth_mm: FloatArray,
    points_mm: FloatArray,
    settings: ConcordanceSettings,
    rng: np.random.Generator,
) -> Agreement:
    """Hold attention against shrinkage on the voxels of one tumour.

    Parameters
    ----------
    attention, shrinkage
        Of the voxels that count, shape (n,); more is more.
    depth_mm
        Their distance from the tumour's border.
    points_mm
        Where they lie, shape (n, 3), the last axis across the views' planes.
    settings
        How many voxels and surrogates.
    rng
        What decides.

    Returns
    -------
    Agreement
        Reasons: ``too_few_voxels``, ``attention_constant``, ``shrinkage_constant`` (also where
        depth explains all of it).

    Notes
    -----
    ``rho`` is Spearman's. ``rho_adjusted`` correlates the normal scores of both after a smooth
    function of depth was taken out of each; its null band, and ``p_value`` (two-sided), come from
    surrogates of the attention (:mod:`~tumor_response.explanation.concordance.surrogates`), as do
    those of ``difference``, the mean shrinkage of the quarter attended most less that of the rest.
    ``z`` is Fisher's transform of ``rho_adjusted`` and ``se`` the standard deviation of the
    surrogates' z: the number of voxels says nothing of it.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> points = np.argwhere(np.ones((12, 12, 5))) * 2.0
    >>> depth = 12 - np.linalg.norm(points - points.mean(axis=0), axis=1)
    >>> wave = np.sin(points[:, 0] / 5)
    >>> few = ConcordanceSettings(n_surrogates=99)
    >>> found = agreement(wave + 0.1 * depth, 2 * wave - depth, depth, points, few, rng)
    >>> bool(found.row["rho_adjusted"] > 0.9)
    True
    """
    if len(attention) < settings.min_voxels:
        return Agreement.missing("too_few_voxels")
    # in random order: ties at the edge of the top quarter are then broken at random
    chosen = rng.permutation(len(attention))[: settings.max_voxels]
    attention, shrinkage, points_mm = attention[chosen], shrinkage[chosen], points_mm[chosen]
    profile = DepthProfile.of(depth_mm[chosen])
    scores, of_shrinkage = normal_scores(attention), normal_scores(shrinkage)
    for code, values in (("attention_constant", scores), ("shrinkage_constant", of_shrinkage)):
        left = np.linalg.norm(profile.residual(values))
        if left <= NOTHING_LEFT * max(1.0, float(np.linalg.norm(values))):
            return Agreement.missing(code)
    drawn = surrogates(points_mm, scores, profile, settings.n_surrogates, rng)
    fields = np.column_stack([scores, _with_ranks_of(drawn, scores)])
    rho = _correlation(profile.residual(of_shrinkage), profile.residual(fields))
    top = np.stack([_top_quarter(field) for field in fields.T])
    shrunk = _top_quarter(of_shrinkage)
    n_top = int(shrunk.sum())
    overlap = (top & shrunk).sum(axis=1) / n_top
    attended = top @ shrinkage / n_top
    rest = (shrinkage.sum() - top @ shrinkage) / (len(shrinkage) - n_top)
    difference = attended - rest
    z = np.arctanh(np.clip(rho, -0.9999, 0.9999))
    ends = (0.5 - settings.level / 2, 0.5 + settings.level / 2)
    null_rho, null_difference = rho[1:], difference[1:]
    middle = float(null_difference.mean())
    low, high = np.quantile(null_rho, ends)
    difference_low, difference_high = np.quantile(null_difference, ends)
    numbers = (
        len(scores),
        spearmanr(attention, shrinkage).statistic,
        rho[0],
        low,
        high,
        _p_value(abs(rho[0]), np.abs(null_rho)),
        z[0],
        z[1:].std(ddof=1),
        overlap[0],
        overlap[1:].mean(),
        attended[0],
        rest[0],
        difference[0],
        middle,
        difference_low,
        difference_high,
        _p_value(abs(difference[0] - middle), np.abs(null_difference - middle)),
    )
    row = {name: float(v) for name, v in zip(AGREEMENT_COLUMNS, numbers, strict=True)}
    return Agreement(row, null_difference)


def _with_ranks_of(fields: FloatArray, scores: FloatArray) -> FloatArray:
    """Return fields with the values of ``scores``, ties and all, in their own order."""
    order = np.argsort(fields, axis=0, kind="stable")
    made = np.empty_like(fields)
    np.put_along_axis(made, order, np.sort(scores)[:, None], axis=0)
    return made


def _correlation(one: FloatArray, others: FloatArray) -> FloatArray:
    """Return the correlation of a field, mean 0, with the columns of others."""
    return np.asarray(one @ others / (np.linalg.norm(one) * np.linalg.norm(others, axis=0)))


def _top_quarter(field: FloatArray) -> BoolArray:
    top = np.zeros(len(field), dtype=bool)
    top[np.argsort(-field, kind="stable")[: len(field) // 4]] = True
    return top


def _p_value(found: float, null: FloatArray) -> float:
    """Return the share of the null, what was found among it, that is as large or larger.

    Phipson and Smyth, Statistical Applications in Genetics and Molecular Biology 2010; 9: 39.
    """
    return float((1 + np.count_nonzero(null >= found - 1e-12)) / (len(null) + 1))
