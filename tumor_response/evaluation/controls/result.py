"""A model beside its negative controls, each with its own expectation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tumor_response.evaluation.comparison.difference import Differences
from tumor_response.evaluation.controls.null import CHANCE, PermutationNull
from tumor_response.evaluation.controls.verdicts import LEVEL, sentences, verdict
from tumor_response.evaluation.result import EvaluationResult
from tumor_response.exceptions import EvaluationError
from tumor_response.frames import tidy
from tumor_response.notebook import (
    CAUTION,
    card,
    figure_text,
    grid,
    interval_text,
    note,
    shown,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["EXPECTED", "NegativeControls"]

EXPECTED = "expected of "
"""Put in front of a control's name: the model on what it keeps."""

KEEPS = {
    "permuted_labels": "nothing of the outcome",
    "random_columns": "number, distribution and missing values of the columns",
    "voxels_shuffled": "volume, shape, histogram and surroundings",
    "noise_images": "volume, shape, and mean and SD on either side of the contour",
    "untrained_network": "all but what the network has learned",
    "context_only": "the surroundings and the contour",
}


@dataclass(frozen=True, eq=False, repr=False)
class NegativeControls:
    """A model's measure beside what it is where something has been taken away.

    Attributes
    ----------
    model : str
        Its name.
    null : PermutationNull
        Permuted labels.
    result : EvaluationResult
        The model, the other controls and the models of what each control keeps, named
        ``"expected of <control>"``, on the same resamples. Its scores, intervals and comparisons
        hold; each has a table of its own, so that nothing but the model may be refitted from it.
    expectations : dict of str to str
        By control, the columns that its expectation is made of, in words.
    skipped : dict of str to str
        Controls that could not be made, and why.
    failures : DataFrame
        Values that a control lacks, with reason: as a table's, and ``control``.
    """

    model: str
    null: PermutationNull
    result: EvaluationResult
    expectations: Mapping[str, str]
    skipped: Mapping[str, str] = field(default_factory=dict)
    failures: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def made(self) -> list[str]:
        """Names of the controls, permuted labels first."""
        others = [n for n in self.result.models if n != self.model and not n.startswith(EXPECTED)]
        return ["permuted_labels", *others]

    @property
    def p_value(self) -> float:
        """Of the permuted labels; see :attr:`PermutationNull.p_value`."""
        return self.null.p_value

    @cached_property
    def _differences(self) -> Differences:
        return Differences(self.result)

    def compare(self, control: str, of: str | None = None) -> pd.Series:
        """Return the paired difference of model minus control.

        Parameters
        ----------
        control
            Any but ``"permuted_labels"``, which have a p value instead.
        of
            What is compared with it; default the model, or ``"voxels_shuffled"`` and so on.

        Raises
        ------
        EvaluationError
            Code ``unknown_model``.

        See Also
        --------
        tumor_response.evaluation.comparison.compare_models : method and columns.
        """
        first = self.model if of is None else of
        for name in (first, control):
            if name not in self.result.models:
                raise EvaluationError(
                    f"No control {name!r} that could be compared; there are "
                    f"{', '.join(map(repr, self.result.models))}.",
                    code="unknown_model",
                )
        return self._differences.of(first, control, None, 0.95)

    def summary(self) -> pd.DataFrame:
        """Return one row for each control.

        Returns
        -------
        pandas.DataFrame
            Index ``control``. ``keeps``: what the control leaves in place. The headline with
            ``ci_low``, ``ci_high``: of the control; of permuted labels the mean over permutations
            and their middle 95 %. ``expectation`` with ``expectation_low``, ``expectation_high``,
            and ``expectation_from``: chance, or what a penalised linear model of the quantities
            named reaches on the same resamples; NaN for surroundings, which have no null value.
            ``excess``, ``excess_low``, ``excess_high``: control minus expectation, paired.
            ``model_value``, ``difference``, ``difference_low``, ``difference_high``: the model's
            headline, and model minus control, paired, with its 95 % interval. ``p_value``: of that
            difference, two-sided; of permuted labels the permutation p value, one-sided.
            ``verdict``: ``"beaten"`` where the interval lies above 0 (permuted labels: p of 0.05
            or less), ``"not beaten"``, or ``"undecided"`` where there is no interval.
        """
        return self._summary.copy()

    @cached_property
    def _summary(self) -> pd.DataFrame:
        rows = [self._of_null(), *(self._of_control(name) for name in self.made[1:])]
        return pd.DataFrame(rows, index=pd.Index(self.made, name="control"))

    def _of_null(self) -> dict[str, object]:
        null, chance = self.null, CHANCE[self.null.measure]
        observed, (low, high) = null.observed[null.headline], null.limits
        return {
            "keeps": KEEPS["permuted_labels"],
            null.headline: null.mean,
            "ci_low": low,
            "ci_high": high,
            **_fixed_expectation(chance, null.mean, low, high),
            "model_value": observed,
            "difference": observed - null.mean,
            "difference_low": observed - high,
            "difference_high": observed - low,
            "p_value": null.p_value,
            "verdict": "beaten" if null.p_value <= LEVEL else "not beaten",
        }

    def _of_control(self, name: str) -> dict[str, object]:
        interval, headline = self.result.interval(name), self.result.headline
        value = float(np.nanmean(self.result.oob_values(name)))
        difference = self.compare(name)
        row: dict[str, object] = {
            "keeps": KEEPS[name],
            headline: value,
            "ci_low": interval.low,
            "ci_high": interval.high,
        }
        if name == "random_columns":
            chance = CHANCE[self.result.measure]
            row |= _fixed_expectation(chance, value, interval.low, interval.high)
        else:
            row |= self._expectation(name)
        return row | {
            "model_value": difference[f"{headline}_a"],
            "difference": difference["difference"],
            "difference_low": difference["ci_low"],
            "difference_high": difference["ci_high"],
            "p_value": difference["p_value"],
            "verdict": verdict(difference["ci_low"], difference["ci_high"]),
        }

    def _expectation(self, name: str) -> dict[str, object]:
        expected = f"{EXPECTED}{name}"
        if expected not in self.result.models:
            numbers = ("expectation", "expectation_low", "expectation_high")
            excess = ("excess", "excess_low", "excess_high")
            return {
                **dict.fromkeys(numbers, np.nan),
                "expectation_from": "",
                **dict.fromkeys(excess, np.nan),
            }
        interval = self.result.interval(expected)
        excess_row = self.compare(expected, of=name)
        return {
            "expectation": float(np.nanmean(self.result.oob_values(expected))),
            "expectation_low": interval.low,
            "expectation_high": interval.high,
            "expectation_from": self.expectations[name],
            "excess": excess_row["difference"],
            "excess_low": excess_row["ci_low"],
            "excess_high": excess_row["ci_high"],
        }

    def to_frame(self) -> pd.DataFrame:
        """Return the model and every control, one row each, to compute with.

        Returns
        -------
        pandas.DataFrame
            ``model``, ``control`` (empty for the model itself), ``measure``, ``value``,
            ``ci_low``, ``ci_high``, ``ci_method``; then the columns of :meth:`summary`.
        """
        result, headline = self.result, self.result.headline
        own = result.interval(self.model)
        table = self.summary().reset_index().rename(columns={headline: "value"})
        table["ci_method"] = [
            "permutation_percentile" if name == "permuted_labels" else result.interval(name).method
            for name in self.made
        ]
        model: dict[str, object] = {
            "control": "",
            "value": float(np.nanmean(result.oob_values(self.model))),
            "ci_low": own.low,
            "ci_high": own.high,
            "ci_method": own.method,
        }
        rows = pd.concat([pd.DataFrame([model]), table.drop(columns="model_value")])
        return tidy(rows.assign(model=self.model, measure=headline), ["model", "control"])

    def verdicts(self) -> tuple[str, ...]:
        """Return the sentences that belong on a report's first page.

        A permutation p value above 0.05; a control that the model does not beat, with what it
        keeps; permuted labels that the model foretells; a control above its expectation. Empty
        where there is nothing to say against the model.
        """
        return self._sentences

    @cached_property
    def _sentences(self) -> tuple[str, ...]:
        return sentences(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw every control beside its expectation and the model; returns the axes.

        Filled circles are the controls with their 95 % intervals (permuted labels: the middle
        95 %), diamonds their expectations, the band is the model's interval.

        Parameters
        ----------
        ax
            Axes to draw on; a new figure by default.
        """
        from tumor_response.evaluation.controls.plot import draw_controls

        return draw_controls(self, ax)

    def _repr_html_(self) -> str:
        return shown(self, _html)

    def __str__(self) -> str:
        shown = [self.result.headline, "ci_low", "ci_high", "expectation", "difference"]
        shown += ["difference_low", "difference_high", "verdict"]
        lines = [f"Negative controls of {self.model}", self.summary()[shown].round(3).to_string()]
        lines += [f"Not made: {name}, {why}." for name, why in self.skipped.items()]
        return "\n".join([*lines, *self.verdicts()])

    __repr__ = __str__


def _fixed_expectation(chance: float, value: float, low: float, high: float) -> dict[str, object]:
    return {
        "expectation": chance,
        "expectation_low": chance,
        "expectation_high": chance,
        "expectation_from": "",
        "excess": value - chance,
        "excess_low": low - chance,
        "excess_high": high - chance,
    }


def _html(controls: NegativeControls) -> str:
    headline, summary = controls.result.headline, controls.summary()
    limits = summary[["ci_low", "ci_high"]].itertuples(index=False, name=None)
    apart = summary[["difference_low", "difference_high"]].itertuples(index=False, name=None)
    read = pd.DataFrame(index=summary.index)
    read["keeps"] = summary["keeps"]
    read[headline] = summary[headline].map(figure_text)
    read["interval"] = [interval_text(low, high) for low, high in limits]
    read["expected"] = summary["expectation"].map(figure_text)
    read["model minus control"] = [
        f"{figure_text(value)} ({interval_text(low, high)})"
        for value, (low, high) in zip(summary["difference"], apart, strict=True)
    ]
    read["verdict"] = summary["verdict"]
    own = controls.result.interval(controls.model)
    value = figure_text(np.nanmean(controls.result.oob_values(controls.model)))
    limits_of_model = interval_text(own.low, own.high)
    return card(
        "NegativeControls",
        f"{controls.model}, {headline} {value} ({limits_of_model}); permuted labels "
        f"p = {controls.p_value:.3f}",
        grid(read, what="controls"),
        *(note(sentence, CAUTION) for sentence in controls.verdicts()),
        *(note(f"Not made: {name}, {why}.") for name, why in controls.skipped.items()),
    )
