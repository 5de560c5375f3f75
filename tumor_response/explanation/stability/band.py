"""What permuted labels give, and what stands out from it: bands, p values and counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.stability.overlap import TopKOverlap
from tumor_response.explanation.stability.ranks import LEVELS, Level

__all__ = ["ExplanationNull"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False, repr=False)
class ExplanationNull:
    r"""The explanation of one model on permuted outcomes, beside that on its own outcome.

    The statistic is a column's (family's, block's) mean ``|SHAP|`` over a resample's out-of-bag
    lesions, then the mean over ``n_resamples`` resamples. Its expectation does not depend on how
    many resamples there are, and ``observed`` is taken over as many as each permutation. The other
    mean, of ``|mean over resamples|``, which stands in ``Explanation.table()`` as ``mean_abs``,
    shrinks with every resample that disagrees and is compared with nothing here.

    With B permutations, the outcome as it is and the permuted ones are B + 1 runs that could have
    come in any order if nothing in the table has to do with the outcome. At ``alpha``, a column
    leaves the band if it is larger than all but r - 1 of its permuted values, r being
    ``alpha * (B + 1)`` rounded down; so does each with chance r / (B + 1), exactly, and of d
    columns d r / (B + 1) are expected to. Since columns are correlated, the *number* that leaves
    varies far more than if they were not: each permutation's own number, against the other runs,
    says by how much.

    That is where *nothing* has to do with the outcome. Where something has, a tuned model takes a
    weaker penalty than on permuted outcomes, and all its bars get longer, those of columns without
    any relation as well. So every value is judged a second time as a ``part`` of the sum over all
    columns, which does not grow with the model's strength: exact as the first where there is
    nothing, and on the safe side for a column without relation where others have one.

    Attributes
    ----------
    name : str
        The model.
    columns, families, blocks : DataFrame (permutations x columns, families or blocks)
        The statistic on permuted outcomes.
    observed : dict of str to Series
        By ``"column"``, ``"family"`` and ``"block"``: the same for the outcome as it is, from as
        many resamples.
    overlap : DataFrame
        One row per permutation: ``nogueira``, ``mean_shared``: the agreement of its resamples' top
        lists (:func:`.top_k_overlap`).
    observed_overlap : TopKOverlap
        The same for the outcome as it is, from as many resamples.
    block_of : dict of str to list of str
        By level: the block of each column, family or block.
    n_resamples : int
        In each permutation.
    n_redrawn : int
        Permutations drawn again because the scheme could not split them.
    n_fixed : int
        Patients who never change places: nobody else has as many lesions.
    seed : int
    """

    name: str
    columns: pd.DataFrame
    families: pd.DataFrame
    blocks: pd.DataFrame
    observed: Mapping[Level, pd.Series]
    overlap: pd.DataFrame
    observed_overlap: TopKOverlap
    block_of: Mapping[Level, list[str]]
    n_resamples: int
    n_redrawn: int
    n_fixed: int
    seed: int

    @property
    def n_permutations(self) -> int:
        """How many there were."""
        return len(self.columns)

    def of(self, level: Level) -> pd.DataFrame:
        """Return the permuted values of a level."""
        frames = {"column": self.columns, "family": self.families, "block": self.blocks}
        if level not in frames:
            raise ExplanationError(
                f"level={level!r}: expected one of {', '.join(map(repr, LEVELS))}.", code="level"
            )
        return frames[level]

    def table(self, level: Level = "column", alpha: float = 0.05) -> pd.DataFrame:
        """Return one row per column, family or block, the largest first.

        Parameters
        ----------
        level
            ``"column"``, ``"family"`` or ``"block"``.
        alpha
            Chance of leaving the band where there is nothing.

        Returns
        -------
        DataFrame
            ``observed``; ``median`` of the permutations; ``limit``, the band's upper end; ``p``
            (one-sided, ``(1 + permutations as large) / (1 + permutations)``: Phipson and Smyth
            2010); ``outside`` (``p <= alpha``); ``limit_all``, ``p_all``, ``outside_all``: the same
            against the largest of *all* columns in each permutation, by which the chance that one
            or more of them leave is ``alpha`` at most. The maximum is taken in units of the block's
            mean over all runs (Westfall and Young 1993, single step): of a block of 1,500 columns
            none would ever reach what one of three clinical columns has by chance.
            Then the same seven of the ``part`` of the sum over all: ``part``, ``part_median`` ...

        Raises
        ------
        ExplanationError
            Code ``level``: no such level, or an ``alpha`` that so few permutations cannot reach.
        """
        n_extreme = self._n_extreme(alpha)
        runs = self._runs(level)
        blocks = np.array(self.block_of[level])
        means, parts = _judged(runs, blocks, n_extreme), _judged(_parts(runs), blocks, n_extreme)
        parts = parts.add_prefix("part_").rename(columns={"part_observed": "part"})
        table = pd.concat([means, parts], axis=1)
        table.index = self.of(level).columns.rename(level)
        return table.sort_values("observed", ascending=False, kind="stable")

    def summary(self, alpha: float = 0.05) -> pd.DataFrame:
        """Return how many leave the band, beside how many are expected to.

        Returns
        -------
        DataFrame
            One row per level and statistic (``mean_abs``, and its ``part`` of the sum): ``n``
            (columns, families, blocks), ``n_outside``, ``expected`` (by chance; at most, since
            columns that no model uses in any run never leave), ``permuted_median`` and
            ``permuted_most``: how many left in the median and in the most extreme permutation,
            each against all other runs; ``p_number``, the share of runs, the observed one
            included, in which at least as many left; ``n_outside_all``, those beyond the band of
            the maximum over all.
        """
        frame = pd.DataFrame.from_dict(self._counts(alpha), orient="index")
        return frame.rename_axis(["level", "statistic"])

    @property
    def p_total(self) -> float:
        """One-sided p value of the sum over all columns: whether anything moves the model."""
        totals = self._runs("column").sum(axis=1)
        return float((totals >= totals[0]).mean())

    def _counts(self, alpha: float) -> dict[tuple[Level, str], dict[str, float]]:
        """Return the rows of :meth:`summary`."""
        n_extreme = self._n_extreme(alpha)
        rows: dict[tuple[Level, str], dict[str, float]] = {}
        for level in LEVELS:
            table, runs = self.table(level, alpha), self._runs(level)
            for statistic, values, all_of in (
                ("mean_abs", runs, "outside_all"),
                ("part", _parts(runs), "part_outside_all"),
            ):
                counts = _outside(values, n_extreme).sum(axis=1)
                rows[level, statistic] = {
                    "n": runs.shape[1],
                    "n_outside": int(counts[0]),
                    "expected": runs.shape[1] * n_extreme / len(runs),
                    "permuted_median": float(np.median(counts[1:])),
                    "permuted_most": int(counts[1:].max()),
                    "p_number": float((counts >= counts[0]).mean()),
                    "n_outside_all": int(table[all_of].sum()),
                }
        return rows

    def _runs(self, level: Level) -> FloatArray:
        """Return the outcome as it is, in the first row, and the permuted ones."""
        permuted = self.of(level).to_numpy(dtype=np.float64)
        return np.vstack([self.observed[level].to_numpy(dtype=np.float64), permuted])

    def _n_extreme(self, alpha: float) -> int:
        """Return r: a value among the r largest of all runs is outside."""
        n_runs = self.n_permutations + 1
        number = int(np.floor(alpha * n_runs + 1e-9))
        if not 0 < alpha < 1 or number < 1:
            raise ExplanationError(
                f"alpha={alpha!r} with {self.n_permutations} permutations: the least that can be "
                f"reached is {1 / n_runs:.3g}.",
                code="level",
            )
        return number

    def __str__(self) -> str:
        lines = [
            f"{self.name}: mean |SHAP| against {self.n_permutations} permutations of the outcome, "
            f"{self.n_resamples} resamples in each and for the outcome as it is; "
            f"p of the sum {self.p_total:.3f}"
        ]
        for (level, statistic), row in self._counts(0.05).items():
            by = "" if statistic == "mean_abs" else " by their part of the sum"
            lines.append(
                f"  {level}: {row['n_outside']:.0f} of {row['n']:.0f} leave the 95 % band{by}, "
                f"{row['expected']:.1f} expected by chance (permutations: median "
                f"{row['permuted_median']:g}, most {row['permuted_most']:.0f}; p = "
                f"{row['p_number']:.3f}); {row['n_outside_all']:.0f} beyond that of all"
            )
        shared = self.overlap["nogueira"]
        lines.append(
            f"  top {self.observed_overlap.k}: Nogueira's measure "
            f"{self.observed_overlap.nogueira:.3f}; permuted {shared.median():.3f} "
            f"({shared.min():.3f} to {shared.max():.3f})"
        )
        return "\n".join(lines)

    __repr__ = __str__


def _parts(runs: FloatArray) -> FloatArray:
    """Return each run's values as parts of their sum; a run without any value has zeros."""
    sums = runs.sum(axis=1, keepdims=True)
    parts: FloatArray = np.divide(runs, sums, out=np.zeros_like(runs), where=sums > 0)
    return parts


def _judged(runs: FloatArray, blocks: npt.NDArray[np.str_], n_extreme: int) -> pd.DataFrame:
    """Return where the first run stands among the others, column by column and against all."""
    observed, permuted = runs[0], runs[1:]
    scale = np.ones(runs.shape[1])
    for block in np.unique(blocks):
        mean = runs[:, blocks == block].mean()
        if mean > 0:
            scale[blocks == block] = mean
    largest = (permuted / scale).max(axis=1)
    p = (1 + (permuted >= observed).sum(axis=0)) / len(runs)
    p_all = (1 + (largest[:, None] >= observed / scale).sum(axis=0)) / len(runs)
    reach = n_extreme / len(runs) + 1e-12
    return pd.DataFrame(
        {
            "observed": observed,
            "median": np.median(permuted, axis=0),
            "limit": np.sort(permuted, axis=0)[-n_extreme],
            "p": p,
            "outside": p <= reach,
            "limit_all": np.sort(largest)[-n_extreme] * scale,
            "p_all": p_all,
            "outside_all": p_all <= reach,
        }
    )


def _outside(runs: FloatArray, n_extreme: int) -> BoolArray:
    """Return for each run which columns are among its ``n_extreme`` largest of all runs.

    A tie counts against: what equals others stands out from none of them.
    """
    at_least = len(runs) + 1 - pd.DataFrame(runs).rank(axis=0, method="min").to_numpy()
    outside: BoolArray = at_least <= n_extreme
    return outside
