"""Learning curves: what more patients would have brought, and might bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from tumor_response.evaluation.metrics import auc
from tumor_response.evaluation.pairs import check_response, count_pairs
from tumor_response.evaluation.planning.learning_sizes import Split, draw_splits, training_sizes
from tumor_response.evaluation.planning.power_law import PowerLaw, fit_power_laws
from tumor_response.evaluation.planning.required import check_between, check_count
from tumor_response.evaluation.rows import EvaluationRows, Failed, prepare_rows
from tumor_response.evaluation.running import fit_model, score_rows
from tumor_response.exceptions import EvaluationError, OutcomeError
from tumor_response.models import left_untuned
from tumor_response.outcomes import LabelRule
from tumor_response.parallel import spread
from tumor_response.settings import checked_n_jobs
from tumor_response.table import FeatureTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LearningCurve", "PatientsForAUC", "learning_curve"]

FloatArray = npt.NDArray[np.float64]

N_WEIGHTINGS = 1000
"""Reweightings of the patients behind each interval."""

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
        For each model its AUC at each size under each reweighting of the patients.
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
        """Return one row per model and size.

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
        table["ci_method"] = "patients_reweighted"
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

        The interval holds the middle 95 % of the answers of the reweighted curves. Answers beyond
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

    def __repr__(self) -> str:
        return (
            f"LearningCurve: {self.n_patients} patients, {self.n_repeats} repeats\n"
            f"{self.to_frame()[['auc', 'ci_low', 'ci_high']].round(3)}"
        )


def _within(n: float, most: int) -> float:
    return n if n <= most else float("inf")


def learning_curve(
    models: Mapping[str, BaseEstimator] | BaseEstimator,
    table: FeatureTable | pd.DataFrame,
    y: pd.Series,
    *,
    sizes: Sequence[int] | None = None,
    n_repeats: int = 50,
    held_out: float = 0.25,
    label: LabelRule | None = None,
    failed: Failed = "error",
    blocks: Mapping[str, Sequence[str]] | None = None,
    seed: int = 0,
    n_jobs: int = 1,
) -> LearningCurve:
    """Estimate the AUC of models by the number of patients they are trained on.

    In each repeat a quarter of the patients is held out, stratified. The others are put in a
    stratified order; a model is fitted, tuning and filters included, to the first 18 of them, the
    first 24 and so on, and always scored on the same held-out patients. All models meet the same
    patients. There are no bootstrap copies, so that a size is a number of different patients.

    Parameters
    ----------
    models, table, y, label, failed, blocks, n_jobs
        As for :func:`tumor_response.evaluate`; a ``label`` is fitted on the training patients of
        each size.
    sizes
        Training patients, three or more; by default six from a quarter of those not held out (16 at
        least) to all of them.
    n_repeats
        Splits, default 50.
    held_out
        Share of patients held out in each of them, default 0.25.
    seed
        The same seed and patients give the same splits, for any models and sizes.

    Returns
    -------
    LearningCurve

    Raises
    ------
    EvaluationError
        As :func:`tumor_response.evaluate`; ``task`` for models of rates and tertiles;
        ``too_few_patients`` for fewer than some 43 patients
        without ``sizes``, or where no split has both classes on both sides.
    SettingsError
        For sizes or shares that cannot be.

    Notes
    -----
    The intervals are those of the Bayesian bootstrap over patients (Rubin 1981): each held-out
    patient gets a random weight, in all repeats at once, and the curve is computed and fitted
    again, 1,000 times. They hold the models as they were fitted: that other training patients would
    have given other models enters through the repeats alone, which share one cohort. So they are
    somewhat too narrow, most of all near the whole cohort.

    Examples
    --------
    >>> import numpy as np, pandas as pd, tumor_response as tr
    >>> rng = np.random.default_rng(0)
    >>> index = pd.Index([f"P{i}" for i in range(60)], name="patient_id")
    >>> table = pd.DataFrame({"clinical__volume_cc": rng.lognormal(size=60)}, index=index)
    >>> y = (np.log(table["clinical__volume_cc"]) + rng.normal(size=60) > 0).astype(float)
    >>> curve = learning_curve(tr.make_model("volume_only"), table, y, n_repeats=5)
    >>> curve.sizes
    [16, 20, 24, 30, 37, 45]
    """
    check_count("n_repeats", n_repeats, 2)
    check_count("seed", seed, 0)
    check_between("held_out", held_out, 0.05, 0.75)
    n_jobs = checked_n_jobs(n_jobs)
    try:
        rows = prepare_rows(models, table, y, label, failed, blocks)
        check_response(rows.task, "A learning curve")
        n_patients = len(np.unique(rows.patients))
        chosen = training_sizes(n_patients, held_out, sizes)
        splits = draw_splits(rows, chosen, held_out, n_repeats, seed)
    except OutcomeError as error:
        raise EvaluationError(f"label: {error}", code=error.code) from error
    work = partial(_run_splits, rows, chosen)
    what = f"Learning curve of {len(rows.models)} model(s)"
    answers = list(spread(work, list(enumerate(splits)), n_jobs, what, parts_per_worker=16))
    draws = _reweighted(rows, splits, answers, len(chosen), seed)
    return LearningCurve(
        chosen,
        _tidy(rows, chosen, answers),
        draws,
        n_patients,
        n_repeats,
        sum(split.n_redrawn for split in splits),
    )


@dataclass(frozen=True)
class _Answer:
    """Of one split: the held-out classes by size, and by model and size scores and tuning."""

    y_test: list[npt.NDArray[np.int64]]
    scores: dict[str, list[FloatArray]]
    untuned: dict[str, list[bool]]


def _run_splits(
    rows: EvaluationRows, sizes: list[int], tasks: list[tuple[int, Split]]
) -> list[_Answer]:
    shown = {name: rows.shown_to(name) for name in rows.models}
    answers = []
    for number, split in tasks:
        answer = _Answer([], {name: [] for name in shown}, {name: [] for name in shown})
        for size, train in zip(sizes, split.train, strict=True):
            y_train, y_test, _ = rows.labels(train, split.test)
            answer.y_test.append(y_test)
            where = f"{size} patients of repeat {number}"
            for name, model in rows.models.items():
                X = shown[name]
                fitted = fit_model(name, model, X.iloc[train], y_train, where)
                answer.scores[name].append(score_rows(name, fitted, X.iloc[split.test], where))
                answer.untuned[name].append(left_untuned(fitted))
        answers.append(answer)
    return answers


def _tidy(rows: EvaluationRows, sizes: list[int], answers: list[_Answer]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "model": name,
                "n_patients": size,
                "repeat": repeat,
                "auc": auc(answer.y_test[at], answer.scores[name][at]),
                "untuned": answer.untuned[name][at],
            }
            for name in rows.models
            for at, size in enumerate(sizes)
            for repeat, answer in enumerate(answers)
        ]
    )


def _reweighted(
    rows: EvaluationRows, splits: list[Split], answers: list[_Answer], n_sizes: int, seed: int
) -> dict[str, FloatArray]:
    """Return each model's AUC at each size under random weights of the patients."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, 1]))
    _, patient = np.unique(rows.patients, return_inverse=True)
    weights = rng.exponential(size=(N_WEIGHTINGS, patient.max() + 1))[:, patient]
    tests = [split.test for split in splits]
    return {
        name: np.column_stack(
            [
                count_pairs(
                    len(rows.y),
                    (
                        (test, one.y_test[at], one.scores[name][at])
                        for test, one in zip(tests, answers, strict=True)
                    ),
                ).weighted(weights)
                for at in range(n_sizes)
            ]
        )
        for name in rows.models
    }
