"""What an evaluation found, and how to read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.evaluation.comparison import (
    BestOfK,
    best_of_k,
    compare_models,
    increments,
)
from tumor_response.evaluation.intervals import Interval, interval_of
from tumor_response.evaluation.metrics import auc_632, auc_632plus
from tumor_response.evaluation.performance import (
    draw_calibration,
    draw_decision_curve,
    draw_precision_recall,
    performance_table,
)
from tumor_response.evaluation.plots import draw_roc
from tumor_response.evaluation.rows import EvaluationRows
from tumor_response.evaluation.running import ResampleScores
from tumor_response.evaluation.sampling import Resample, Scheme
from tumor_response.evaluation.subgroups import Subgroups, subgroups
from tumor_response.evaluation.tasks import MEASURES, Task, headline_value
from tumor_response.exceptions import EvaluationError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tumor_response.evaluation.controls import PermutationNull
    from tumor_response.evaluation.leakage import LeakageTrace
    from tumor_response.outcomes import Coupling
    from tumor_response.table import FeatureTable

__all__ = ["EvaluationResult"]

FloatArray = npt.NDArray[np.float64]

_HEADLINE = {"bootstrap": "oob", "folds": "cv", "test_set": "test"}


@dataclass(frozen=True, eq=False, repr=False)
class EvaluationResult:
    """Scores of all models on patients they had not seen, and the estimates made of them.

    Attributes
    ----------
    scheme : Scheme
        How patients were split.
    rows : EvaluationRows
        The rows that were evaluated, with outcome, models and blocks.
    resamples : list of Resample
        Training and test row positions.
    apparent_scores : dict of str to ndarray of shape (n_rows,)
        Scores of each model fitted and scored on all rows; with one fixed test set, fitted on
        its training rows, and NaN for the others.
    out_of_bag : list of ResampleScores
        Scores, outcomes, cut, headline measure and models left untuned of each resample.
    """

    scheme: Scheme
    rows: EvaluationRows
    resamples: list[Resample]
    apparent_scores: dict[str, FloatArray]
    out_of_bag: list[ResampleScores]

    @property
    def models(self) -> list[str]:
        """Names of the models, in the order given."""
        return list(self.rows.models)

    @property
    def task(self) -> Task:
        """What was predicted: ``"response"``, ``"rate"`` or ``"tertiles"``."""
        return self.rows.task

    @property
    def measure(self) -> str:
        """The headline measure: ``"auc"``, for rates ``"r2"``, for tertiles ``"c_index"``."""
        return MEASURES[self.task]

    @property
    def headline(self) -> str:
        """Its column in :meth:`summary`: ``auc_oob``, ``auc_cv``, ``auc_test``, ``r2_oob`` ..."""
        return f"{self.measure}_{_HEADLINE[self.scheme.kind]}"

    @property
    def cohort_flow(self) -> pd.DataFrame:
        """Who was evaluated and who left out, why, of which class, with volume and age.

        See :func:`tumor_response.evaluation.flow.cohort_flow`.
        """
        return self.rows.flow.copy()

    @cached_property
    def apparent(self) -> dict[str, float]:
        """The headline measure of each model on the rows it was fitted to."""
        found = {}
        for name, scores in self.apparent_scores.items():
            seen = np.isfinite(scores)
            y = self.rows.y[seen]
            found[name] = headline_value(self.task, y, scores[seen], float(y.mean()))
        return found

    @cached_property
    def is_probability(self) -> dict[str, bool]:
        """Whether a model's scores are probabilities of response."""
        return {
            name: self.task == "response" and hasattr(model, "predict_proba")
            for name, model in self.rows.models.items()
        }

    def summary(self, nulls: Sequence[PermutationNull] = ()) -> pd.DataFrame:
        """Return one row per model.

        Parameters
        ----------
        nulls
            From :func:`tumor_response.permutation_null`, of some of the models. Each of them gets
            the means of its estimates over permuted outcomes, ``auc_oob_null``, ``auc_632_null``
            and so on: what its estimates are where there is nothing to find; ``p_permutation`` and
            ``n_permutations``. NaN for the others.

        Returns
        -------
        pandas.DataFrame
            ``n_patients``, ``n_lesions``, and for responses ``n_responders`` (lesions, by the
            full-data cut).

            ``auc_oob`` (bootstrap): the headline, mean out-of-bag AUC over resamples; ``auc_cv``
            (folds): mean over the left-out folds or sites; ``auc_test``: on the one test set.
            For rates ``r2_...``, for tertiles ``c_index_...``. ``ci_low``, ``ci_high``,
            ``ci_method`` belong to it: see :mod:`tumor_response.evaluation.intervals`.

            ``auc_apparent``, and of a bootstrap ``auc_632``, ``auc_632plus``,
            ``auc_632plus_per_resample``: see :mod:`tumor_response.evaluation.metrics`; the .632
            family is biased upward when there is nothing to find. ``..._bagged``: the measure of
            each lesion's mean score while it was left out; it scores an ensemble of models, not
            one. ``n_never_out``: lesions that were never left out and so are not in it.

            ``n_resamples``, ``n_redrawn`` (resamples drawn again because a side had one class),
            ``n_undefined`` (resamples whose test rows have one class, so that they have scores
            and no measure), ``n_untuned`` (resamples in which the model's penalty could not be
            tuned, fewer than two training patients having a lesion of some class; the strongest
            was taken), ``n_constant`` (resamples in which the model gave all test lesions one
            score, so that its AUC of 0.5 there is no measurement), ``seed``, ``cut``: where the
            classes come from.
        """
        names = pd.Index(self.models, name="model")
        found = pd.DataFrame([self._estimates(name) for name in names], index=names)
        for null in nulls:
            self._check_name(null.model)
            for column, value in null.columns().items():
                found.loc[null.model, column] = value
        return found

    def _estimates(self, name: str) -> dict[str, object]:
        values, measure = self.oob_values(name), self.measure
        defined = values[np.isfinite(values)]
        headline = float(defined.mean())
        interval = self.interval(name)
        row: dict[str, object] = {
            "n_patients": len(np.unique(self.rows.patients)),
            "n_lesions": len(self.rows.y),
        }
        if self.task == "response":
            row["n_responders"] = int(self.rows.y.sum())
        row |= {
            self.headline: headline,
            "ci_low": interval.low,
            "ci_high": interval.high,
            "ci_method": interval.method,
        }
        row[f"{measure}_apparent"] = self.apparent[name]
        if self.scheme.kind == "bootstrap":
            row |= self._of_the_632_family(name, headline)
        if self.scheme.kind != "test_set":
            bagged = self.bagged_scores[name].to_numpy()
            seen = np.isfinite(bagged)
            y = self.rows.y[seen]
            row[f"{self.headline}_bagged"] = headline_value(
                self.task, y, bagged[seen], float(self.rows.y.mean())
            )
            row["n_never_out"] = int((~seen).sum())
        return row | {
            "n_resamples": len(self.resamples),
            "n_redrawn": sum(resample.n_redrawn for resample in self.resamples),
            "n_undefined": len(values) - len(defined),
            "n_untuned": sum(name in one.untuned for one in self.out_of_bag),
            "n_constant": sum(bool(np.ptp(one.scores[name]) == 0) for one in self.out_of_bag),
            "seed": getattr(self.scheme, "seed", None),
            "cut": self._cut_description(),
        }

    def _of_the_632_family(self, name: str, headline: float) -> dict[str, object]:
        if self.task == "rate":
            return {}
        measure, apparent = self.measure, self.apparent[name]
        return {
            f"{measure}_632": auc_632(apparent, headline),
            f"{measure}_632plus": auc_632plus(apparent, headline),
            f"{measure}_632plus_per_resample": float(
                np.mean([auc_632plus(apparent, float(one)) for one in self.oob_values(name)])
            ),
        }

    def _cut_description(self) -> str:
        if self.task != "response":
            return "none"
        if self.rows.label is None or self.rows.cut is None:
            return "cut fixed beforehand"
        ties = int((self.rows.end_point == self.rows.cut).sum())
        end_point = self.rows.end_point.name
        equal = f"{ties} lesion(s) equal to it are class 0"
        if not self.rows.cut_is_fitted:
            return f"cut fixed beforehand at {self.rows.cut:g} of {end_point}; {equal}"
        cuts = [one.cut for one in self.out_of_bag if one.cut is not None]
        return (
            f"{self.rows.label.cut} of {end_point}, fitted in each resample "
            f"({min(cuts):.4g} to {max(cuts):.4g}); {self.rows.cut:.4g} on all rows, {equal}"
        )

    def oob_values(self, name: str) -> FloatArray:
        """Return the headline measure on the test rows of every resample, (n_resamples,).

        NaN where the test rows have one class.
        """
        self._check_name(name)
        return np.array([one.values[name] for one in self.out_of_bag])

    def oob_aucs(self, name: str) -> FloatArray:
        """Return the out-of-bag AUC of every resample, shape (n_resamples,)."""
        if self.measure != "auc":
            raise EvaluationError(
                f"The headline measure of this evaluation is {self.measure}: oob_values(name).",
                code="task",
            )
        return self.oob_values(name)

    @cached_property
    def bagged_scores(self) -> pd.DataFrame:
        """Each lesion's mean score over the resamples it was left out of (lesions x models)."""
        total = np.zeros((len(self.rows.y), len(self.models)))
        count = np.zeros(len(self.rows.y))
        for resample, one in zip(self.resamples, self.out_of_bag, strict=True):
            count[resample.test] += 1
            total[resample.test] += np.column_stack([one.scores[name] for name in self.models])
        mean = np.divide(
            total, count[:, None], out=np.full_like(total, np.nan), where=count[:, None] > 0
        )
        return pd.DataFrame(mean, index=self.rows.X.index, columns=self.models)

    @property
    def scores(self) -> pd.DataFrame:
        """Every out-of-bag score: columns model, resample, the index levels, y, score (tidy)."""
        at = np.concatenate([resample.test for resample in self.resamples])
        keys = self.rows.X.index[at].to_frame(index=False)
        keys.insert(0, "resample", np.repeat(range(len(self.resamples)), self._sizes_out_of_bag()))
        keys["y"] = np.concatenate([one.y_test for one in self.out_of_bag])
        parts = []
        for name in self.models:
            part = keys.assign(score=np.concatenate([o.scores[name] for o in self.out_of_bag]))
            part.insert(0, "model", name)
            parts.append(part)
        return pd.concat(parts, ignore_index=True)

    def _sizes_out_of_bag(self) -> list[int]:
        return [len(resample.test) for resample in self.resamples]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per model and resample: its measure on the test rows, sizes, cut, name."""
        return pd.DataFrame(
            [
                {
                    "model": name,
                    "resample": number,
                    self.headline: one.values[name],
                    "n_train_patients": len(np.unique(self.rows.patients[resample.train])),
                    "n_out_of_bag_lesions": len(resample.test),
                    **self._responders(one),
                    "name": resample.name,
                    "repeat": resample.repeat,
                    "fold": resample.fold,
                    "cut": np.nan if one.cut is None else one.cut,
                }
                for name in self.models
                for number, (resample, one) in enumerate(
                    zip(self.resamples, self.out_of_bag, strict=True)
                )
            ]
        )

    def _responders(self, one: ResampleScores) -> dict[str, int]:
        if self.task != "response":
            return {}
        return {"n_out_of_bag_responders": int(one.y_test.sum())}

    def interval(self, name: str, method: str | None = None, level: float = 0.95) -> Interval:
        """Return an interval for a model's headline measure.

        See :func:`tumor_response.evaluation.intervals.interval_of`.
        """
        self._check_name(name)
        asked = (name, method, level)
        if asked not in self._intervals:
            self._intervals[asked] = interval_of(self, name, method, level)
        return self._intervals[asked]

    @cached_property
    def _intervals(self) -> dict[tuple[str, str | None, float], Interval]:
        """Intervals that were asked for: a report asks for each some twenty times."""
        return {}

    def compare(self, a: str, b: str) -> pd.Series:
        """Return the paired difference of the headline measure, model ``a`` minus model ``b``.

        See :func:`tumor_response.evaluation.comparison.compare_models`.
        """
        self._check_name(a)
        self._check_name(b)
        return compare_models(self, a, b)

    def increments(self, coupling: Coupling | None = None) -> pd.DataFrame:
        """Return what each model adds to ``volume_only`` and to ``clinical_only``.

        See :func:`tumor_response.evaluation.comparison.increments`.
        """
        return increments(self, coupling=coupling)

    def best_of_k(self) -> BestOfK:
        """Return the best model's value, corrected for its having been chosen as the best.

        See :func:`tumor_response.evaluation.comparison.best_of_k`.
        """
        return best_of_k(self)

    def performance(self, models: Sequence[str] | None = None) -> pd.DataFrame:
        """Return every other figure of merit: Brier score, calibration, net benefit, and so on.

        See :func:`tumor_response.evaluation.performance.performance_table`.
        """
        return performance_table(self, self._chosen(models))

    def subgroups(self, name: str, by: str | pd.Series) -> Subgroups:
        """Return a model's value in parts of the cohort.

        See :func:`tumor_response.evaluation.subgroups.subgroups`.
        """
        self._check_name(name)
        return subgroups(self, name, by)

    def leakage(
        self,
        table: FeatureTable | pd.DataFrame | None = None,
        outcomes: pd.DataFrame | None = None,
        *,
        n_resamples: int = 3,
        n_jobs: int = 1,
    ) -> LeakageTrace:
        """Trace what the models may have learned of the patients they are judged on.

        See :func:`tumor_response.evaluation.leakage.trace_of_result`.
        """
        from tumor_response.evaluation.leakage import trace_of_result

        return trace_of_result(
            self, table, outcomes=outcomes, n_resamples=n_resamples, n_jobs=n_jobs
        )

    def plot_roc(self, ax: Axes | None = None, models: Sequence[str] | None = None) -> Axes:
        """Draw ROC curves of unseen patients with their spread over resamples; returns the axes.

        The line is the curve of each lesion's mean score while it was left out (classes by the
        full-data cut); the band holds the middle 95 % of the resamples' own curves at each false
        positive rate. The number beside the name is the headline with its interval, for a
        bootstrap the mean of the resamples' areas, which is not the area under the line.

        Parameters
        ----------
        ax
            Axes to draw on; a new figure by default.
        models
            Names of the models to draw; all by default.
        """
        return draw_roc(self, self._chosen(models), ax)

    def plot_calibration(self, ax: Axes | None = None, models: Sequence[str] | None = None) -> Axes:
        """Draw how often patients respond who are predicted to; returns the axes.

        See :func:`tumor_response.evaluation.performance.draw_calibration`.
        """
        return draw_calibration(self, self._chosen(models), ax)

    def plot_decision_curve(
        self, ax: Axes | None = None, models: Sequence[str] | None = None
    ) -> Axes:
        """Draw net benefit over threshold probability; returns the axes.

        See :func:`tumor_response.evaluation.performance.draw_decision_curve`.
        """
        return draw_decision_curve(self, self._chosen(models), ax)

    def plot_precision_recall(
        self, ax: Axes | None = None, models: Sequence[str] | None = None
    ) -> Axes:
        """Draw precision over recall; returns the axes.

        See :func:`tumor_response.evaluation.performance.draw_precision_recall`.
        """
        return draw_precision_recall(self, self._chosen(models), ax)

    def _chosen(self, models: Sequence[str] | None) -> list[str]:
        names = self.models if models is None else list(models)
        for name in names:
            self._check_name(name)
        return names

    def _check_name(self, name: str) -> None:
        if name not in self.rows.models:
            raise EvaluationError(
                f"No model {name!r} in this evaluation; there are "
                f"{', '.join(map(repr, self.models))}.",
                code="unknown_model",
            )

    def __repr__(self) -> str:
        table = self.summary()
        wanted = [self.headline, "ci_low", "ci_high", f"{self.measure}_apparent"]
        shown = table[[*wanted, *(c for c in table if str(c).endswith("_632plus"))]]
        return (
            f"EvaluationResult: {len(np.unique(self.rows.patients))} patients, "
            f"{len(self.rows.y)} lesions, {len(self.resamples)} resamples\n{shown.round(3)}"
        )

    def _repr_html_(self) -> str:
        return str(self.summary().round(3).to_html())
