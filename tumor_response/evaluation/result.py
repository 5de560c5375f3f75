"""What an evaluation found, and how to read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.evaluation.metrics import auc, auc_632, auc_632plus
from tumor_response.evaluation.resampling import Bootstrap632Plus, Resample
from tumor_response.evaluation.rows import EvaluationRows
from tumor_response.evaluation.running import ResampleScores
from tumor_response.exceptions import EvaluationError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CI_METHOD", "EvaluationResult"]

FloatArray = npt.NDArray[np.float64]

CI_METHOD = "oob_percentile"
"""2.5th and 97.5th percentile of the out-of-bag AUCs of the resamples."""

_TAILS = (2.5, 97.5)


@dataclass(frozen=True, eq=False, repr=False)
class EvaluationResult:
    """Out-of-bag scores of all models on shared resamples, and the estimates made of them.

    Attributes
    ----------
    scheme : Bootstrap632Plus
        How patients were resampled.
    rows : EvaluationRows
        The rows that were evaluated, with outcome, models and blocks.
    resamples : list of Resample
        Training and out-of-bag row positions.
    apparent : dict of str to float
        AUC of each model fitted and scored on all rows.
    out_of_bag : list of ResampleScores
        Scores, classes, cut, AUCs and models left untuned of each resample.
    """

    scheme: Bootstrap632Plus
    rows: EvaluationRows
    resamples: list[Resample]
    apparent: dict[str, float]
    out_of_bag: list[ResampleScores]

    @property
    def models(self) -> list[str]:
        """Names of the models, in the order given."""
        return list(self.rows.models)

    @property
    def cohort_flow(self) -> pd.DataFrame:
        """Who was evaluated and who left out, why, of which class, with volume and age.

        See :func:`tumor_response.evaluation.flow.cohort_flow`.
        """
        return self.rows.flow.copy()

    def summary(self) -> pd.DataFrame:
        """Return one row per model.

        Returns
        -------
        pandas.DataFrame
            ``n_patients``, ``n_lesions``, ``n_responders`` (lesions, by the full-data cut).

            ``auc_oob``: the headline, mean out-of-bag AUC over resamples. ``ci_low``,
            ``ci_high``, ``ci_method`` belong to it. ``oob_percentile`` is the range of the
            resamples' own AUCs: 2.5th to 97.5th percentile. Each is computed on about 37 % of
            the patients, so it is expected to be wide; **its coverage has not been measured**.

            ``auc_apparent``, ``auc_632``, ``auc_632plus``, ``auc_632plus_per_resample``: see
            :mod:`tumor_response.evaluation.metrics`; the .632 family is biased upward when there
            is nothing to find. ``auc_oob_bagged``: AUC of each lesion's mean out-of-bag score; it
            scores an ensemble of models, not one. ``n_never_out``: lesions that were never out of
            bag and so are not in it.

            ``n_resamples``, ``n_redrawn`` (resamples drawn again because a side had one class),
            ``n_untuned`` (resamples in which the model's penalty could not be tuned, fewer than
            two training patients having a lesion of some class; the strongest was taken),
            ``n_constant`` (resamples in which the model gave all out-of-bag lesions one score, so
            that its AUC of 0.5 there is no measurement),
            ``seed``, ``cut``: where the classes come from.
        """
        names = pd.Index(self.models, name="model")
        return pd.DataFrame([self._estimates(name) for name in names], index=names)

    def _estimates(self, name: str) -> dict[str, object]:
        aucs, apparent = self.oob_aucs(name), self.apparent[name]
        headline = float(aucs.mean())
        low, high = np.percentile(aucs, _TAILS)
        bagged = self.bagged_scores[name].dropna()
        y = pd.Series(self.rows.y, index=self.rows.X.index)[bagged.index]
        return {
            "n_patients": len(np.unique(self.rows.patients)),
            "n_lesions": len(self.rows.y),
            "n_responders": int(self.rows.y.sum()),
            "auc_oob": headline,
            "ci_low": float(low),
            "ci_high": float(high),
            "ci_method": CI_METHOD,
            "auc_apparent": apparent,
            "auc_632": auc_632(apparent, headline),
            "auc_632plus": auc_632plus(apparent, headline),
            "auc_632plus_per_resample": float(
                np.mean([auc_632plus(apparent, float(one)) for one in aucs])
            ),
            "auc_oob_bagged": auc(y, bagged) if y.nunique() == 2 else np.nan,
            "n_never_out": len(self.rows.y) - len(bagged),
            "n_resamples": len(self.resamples),
            "n_redrawn": sum(resample.n_redrawn for resample in self.resamples),
            "n_untuned": sum(name in one.untuned for one in self.out_of_bag),
            "n_constant": sum(bool(np.ptp(one.scores[name]) == 0) for one in self.out_of_bag),
            "seed": self.scheme.seed,
            "cut": self._cut_description(),
        }

    def _cut_description(self) -> str:
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

    def oob_aucs(self, name: str) -> FloatArray:
        """Return the out-of-bag AUC of every resample, shape (n_resamples,)."""
        self._check_name(name)
        return np.array([one.aucs[name] for one in self.out_of_bag])

    @cached_property
    def bagged_scores(self) -> pd.DataFrame:
        """Each lesion's mean score over the resamples it was out of bag in (lesions x models)."""
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
        """Return one row per model and resample: its out-of-bag AUC, sizes and cut."""
        return pd.DataFrame(
            [
                {
                    "model": name,
                    "resample": number,
                    "auc_oob": one.aucs[name],
                    "n_train_patients": len(np.unique(self.rows.patients[resample.train])),
                    "n_out_of_bag_lesions": len(resample.test),
                    "n_out_of_bag_responders": int(one.y_test.sum()),
                    "cut": np.nan if one.cut is None else one.cut,
                }
                for name in self.models
                for number, (resample, one) in enumerate(
                    zip(self.resamples, self.out_of_bag, strict=True)
                )
            ]
        )

    def compare(self, a: str, b: str) -> pd.Series:
        """Return the paired difference in out-of-bag AUC, model ``a`` minus model ``b``.

        In every resample both models were fitted to the same patients and scored on the same
        out-of-bag lesions; the difference is taken there. ``ci_low`` and ``ci_high`` are the
        2.5th and 97.5th percentile of these differences. Like the headline's interval it is the
        spread over resamples of one cohort, its coverage has not been measured, and no p-value
        can be read off it; ``share_above_zero`` is a share of resamples and no probability that
        ``a`` is better.

        Parameters
        ----------
        a, b
            Names of two models of this evaluation.

        Returns
        -------
        pandas.Series
            ``model_a``, ``model_b``, ``auc_oob_a``, ``auc_oob_b``, ``difference`` (mean over
            resamples), ``ci_low``, ``ci_high``, ``ci_method``, ``share_above_zero``,
            ``n_resamples``.

        Raises
        ------
        EvaluationError
            For a name that was not evaluated.
        """
        first, second = self.oob_aucs(a), self.oob_aucs(b)
        difference = first - second
        low, high = np.percentile(difference, _TAILS)
        return pd.Series(
            {
                "model_a": a,
                "model_b": b,
                "auc_oob_a": float(first.mean()),
                "auc_oob_b": float(second.mean()),
                "difference": float(difference.mean()),
                "ci_low": float(low),
                "ci_high": float(high),
                "ci_method": f"{CI_METHOD}, paired",
                "share_above_zero": float((difference > 0).mean()),
                "n_resamples": len(difference),
            },
            name=f"{a} - {b}",
        )

    def plot_roc(self, ax: Axes | None = None, models: Sequence[str] | None = None) -> Axes:
        """Draw out-of-bag ROC curves with their spread over resamples; returns the axes.

        The line is the curve of each lesion's mean out-of-bag score (classes by the full-data
        cut); the band holds the middle 95 % of the resamples' own curves at each false positive
        rate. The number beside the name is ``auc_oob``, the mean of the resamples' areas, which
        is not the area under the line.

        Parameters
        ----------
        ax
            Axes to draw on; a new figure by default.
        models
            Names of the models to draw; all by default.
        """
        from tumor_response.evaluation.plots import draw_roc

        names = self.models if models is None else list(models)
        for name in names:
            self._check_name(name)
        return draw_roc(self, names, ax)

    def _check_name(self, name: str) -> None:
        if name not in self.rows.models:
            raise EvaluationError(
                f"No model {name!r} in this evaluation; there are "
                f"{', '.join(map(repr, self.models))}.",
                code="unknown_model",
            )

    def __repr__(self) -> str:
        shown = self.summary()[["auc_oob", "ci_low", "ci_high", "auc_apparent", "auc_632plus"]]
        return (
            f"EvaluationResult: {len(np.unique(self.rows.patients))} patients, "
            f"{len(self.rows.y)} lesions, {len(self.resamples)} resamples\n{shown.round(3)}"
        )

    def _repr_html_(self) -> str:
        return str(self.summary().round(3).to_html())
