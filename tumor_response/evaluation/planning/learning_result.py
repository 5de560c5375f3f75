"""What a learning curve says: points, a fitted curve, and how many patients an AUC would take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.evaluation.planning.power_law import PowerLaw, fit_power_laws
from tumor_response.evaluation.planning.required import check_between
from tumor_response.exceptions import EvaluationError
from tumor_response.frames import tidy
from tumor_response.notebook import card, grid, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LearningCurve", "PatientsForAUC"]

FloatArray = npt.NDArray[np.float64]

REACH = 10
"""An answer beyond this many times the largest training set is not given."""

_TAILS = (2.5, 97.5)


@dataclass(frozen=True)
class PatientsForAUC:
    """How many training patients a model would need for some AUC.

    Attributes
    ----------
    model : str
    auc : float
        Asked for.
    n, low, high : float
        Training patients, and the 95 % interval; inf: not within reach.
    smallest, largest : int
        The range of training patients that was measured.
    limit, limit_low, limit_high : float
        Where the fitted curve levels off.
    """

    model: str
    auc: float
    n: float
    low: float
    high: float
    smallest: int
    largest: int
    limit: float
    limit_low: float
    limit_high: float

    @property
    def within_reach(self) -> bool:
        """Whether the curve reaches the AUC with ten times the patients there are, or fewer."""
        return bool(np.isfinite(self.n))

    def __str__(self) -> str:
        asked = f"{self.model}: an AUC of {self.auc:.2f}"
        levels = (
            f"the fitted curve levels off at {self.limit:.2f} ({self.limit_low:.2f} to "
            f"{self.limit_high:.2f})"
        )
        if not self.within_reach:
            least = (
                f"; the interval allows for {self.low:,.0f} or more" if self.low < np.inf else ""
            )
            return (
                f"{asked} is not within reach of {REACH * self.largest:,} training patients, "
                f"{REACH} times the most there were: {levels}{least}."
            )
        if self.n <= self.smallest:
            return f"{asked} is reached with the smallest training set, {self.smallest} patients."
        low = f"{self.low:,.0f}" if self.low > self.smallest else f"{self.smallest} or fewer"
        high = f"{self.high:,.0f}" if np.isfinite(self.high) else "not within reach"
        far = f" Beyond {self.largest} this is extrapolated." if self.n > self.largest else ""
        return (
            f"{asked} takes about {self.n:,.0f} training patients ({low} to {high}); {levels}.{far}"
        )


@dataclass(frozen=True, eq=False, repr=False)
class LearningCurve:
    """AUC on held-out patients by the number of training patients.

    Attributes
    ----------
    sizes : list of int
        Training patients, increasing.
    aucs : DataFrame
        One row per model, size and repeat: ``auc`` on the held-out lesions, ``untuned``.
    draws : dict of str to ndarray of shape (1000, n_sizes)
        For each model its AUC at each size in each draw behind the intervals.
    n_patients : int
        In the cohort.
    n_repeats, n_redrawn : int
        Splits, and how many were drawn again because a side had one class.
    """

    sizes: list[int]
    aucs: pd.DataFrame
    draws: dict[str, FloatArray]
    n_patients: int
    n_repeats: int
    n_redrawn: int

    @property
    def models(self) -> list[str]:
        """Names of the models, in the order given."""
        return list(self.draws)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per model and size, to compute with.

        ``model``, ``n_patients``, ``measure`` (``"auc"``), ``value`` and the columns of
        :meth:`table`.
        """
        table = self.table().reset_index().rename(columns={"auc": "value"})
        return tidy(table.assign(measure="auc"), ["model", "n_patients"])

    def table(self) -> pd.DataFrame:
        """Return one row per model and size, to read.

        Returns
        -------
        pandas.DataFrame
            Index (model, n_patients). ``auc``: mean over repeats of the AUC on the held-out
            lesions. ``ci_low``, ``ci_high``: 95 % interval (``ci_method``), see
            :func:`learning_curve`. ``fitted``: the inverse power law at that size. ``n_untuned``:
            repeats in which a penalty could not be tuned.
        """
        grouped = self.aucs.groupby(["model", "n_patients"], sort=False)
        table = grouped["auc"].mean().to_frame()
        limits = [np.percentile(self.draws[name], _TAILS, axis=0).T for name in self.models]
        table[["ci_low", "ci_high"]] = np.concatenate(limits)
        table["ci_method"] = "weighted_draws"
        table["fitted"] = np.concatenate([self.fits[name].at(self.sizes) for name in self.models])
        table["n_untuned"] = grouped["untuned"].sum()
        return table

    @cached_property
    def fits(self) -> dict[str, PowerLaw]:
        """The inverse power law of each model."""
        means = self.aucs.groupby(["model", "n_patients"], sort=False)["auc"].mean()
        return {
            name: fit_power_laws(self.sizes, means.loc[name].to_numpy())[0] for name in self.models
        }

    @cached_property
    def _fits_of_draws(self) -> dict[str, list[PowerLaw]]:
        return {name: fit_power_laws(self.sizes, self.draws[name]) for name in self.models}

    def expected(self, name: str, n_patients: npt.ArrayLike) -> pd.DataFrame:
        """Return what the fitted curve says at other numbers of training patients.

        Returns
        -------
        pandas.DataFrame
            Index ``n_patients``; ``auc``, ``ci_low``, ``ci_high``. What lies beyond the largest
            size is extrapolated by three numbers and should be read as such.
        """
        self._check(name)
        n = np.atleast_1d(np.asarray(n_patients, dtype=np.float64))
        curves = np.array([one.at(n) for one in self._fits_of_draws[name]])
        low, high = np.percentile(curves, _TAILS, axis=0)
        return pd.DataFrame(
            {"auc": self.fits[name].at(n), "ci_low": low, "ci_high": high},
            index=pd.Index(n, name="n_patients"),
        )

    def patients_for(self, name: str, auc: float) -> PatientsForAUC:
        """Return how many training patients the model would need for this AUC.

        The interval holds the middle 95 % of the answers of the draws' curves. Answers beyond
        ten times the largest training set count as not within reach.

        Raises
        ------
        EvaluationError
            For a name that is not there.
        SettingsError
            For an AUC that is none.
        """
        self._check(name)
        check_between("auc", auc, 0, 1)
        fit, draws = self.fits[name], self._fits_of_draws[name]
        most = REACH * self.sizes[-1]
        answers = np.sort([_within(one.patients_for(auc), most) for one in draws])
        # order statistics: between a number and inf nothing can be interpolated
        low, high = (float(answers[round(tail / 100 * (len(answers) - 1))]) for tail in _TAILS)
        limits = np.percentile([one.limit for one in draws], _TAILS)
        n = _within(fit.patients_for(auc), most)
        return PatientsForAUC(
            name,
            auc,
            n,
            low,
            high,
            self.sizes[0],
            self.sizes[-1],
            fit.limit,
            float(limits[0]),
            float(limits[1]),
        )

    def plot(
        self,
        ax: Axes | None = None,
        models: Sequence[str] | None = None,
        auc: float | None = None,
    ) -> Axes:
        """Draw the curves; returns the axes.

        Points are measured, with their 95 % intervals; lines are the fitted power laws, dashed
        and with a band where they are extrapolated, to twice the cohort.

        Parameters
        ----------
        ax
            Axes to draw on; a new figure by default.
        models
            Names of the models to draw; all by default.
        auc
            An AUC to draw a line at.
        """
        from tumor_response.evaluation.planning.learning_figure import draw_learning_curve

        names = self.models if models is None else list(models)
        for name in names:
            self._check(name)
        return draw_learning_curve(self, names, ax, auc)

    def _check(self, name: str) -> None:
        if name not in self.draws:
            raise EvaluationError(
                f"No model {name!r} in this learning curve; there are "
                f"{', '.join(map(repr, self.models))}.",
                code="unknown_model",
            )

    def _repr_html_(self) -> str:
        return shown(self, _html)

    def __repr__(self) -> str:
        return (
            f"LearningCurve: {self.n_patients} patients, {self.n_repeats} repeats\n"
            f"{self.table()[['auc', 'ci_low', 'ci_high']].round(3)}"
        )


def _within(n: float, most: int) -> float:
    return n if n <= most else float("inf")


def _html(curve: LearningCurve) -> str:
    return card(
        "LearningCurve",
        f"{curve.n_patients} patients, {curve.n_repeats} repeats",
        grid(curve.table(), what="rows", n_rows=20),
    )
