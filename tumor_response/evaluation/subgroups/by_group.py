"""subgroups(): the AUC and the calibration of one model in parts of the cohort."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.evaluation.pairs import Pairs, check_response
from tumor_response.evaluation.planning.required import check_between, check_count
from tumor_response.evaluation.subgroups.estimates import (
    Influence,
    auc_influence,
    auc_limits,
    limits,
    mean_influence,
)
from tumor_response.evaluation.subgroups.groups import hidden_groups, members
from tumor_response.exceptions import EvaluationError
from tumor_response.frames import tidy
from tumor_response.notebook import card, grid, note, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["ALL", "Subgroups", "subgroups"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

ALL = "all"
"""The row of the whole cohort."""


@dataclass(frozen=True, eq=False, repr=False)
class Subgroups:
    """One model in the subgroups of a cohort.

    Attributes
    ----------
    model, by : str
    table : DataFrame
        One row per subgroup and one for ``all``: ``n_patients``, ``n_lesions``, ``n_responders``
        (lesions, by the full-data cut), ``auc`` with ``ci_low``, ``ci_high``, ``ci_method``; for
        models that give probabilities ``observed`` and ``expected`` share of responders, their
        ``difference`` (calibration in the large; above 0: more responded than predicted) with
        ``difference_low``, ``difference_high``. Where ``suppressed`` gives a reason, all of that
        is missing.
    differences : DataFrame
        One row per pair of subgroups that are shown: difference in AUC, ``ci_low``, ``ci_high``,
        and ``adjusted_low``, ``adjusted_high`` which hold all differences at once (Bonferroni).
    level : float
        Confidence of the intervals.
    caution : str
        How to read them.
    """

    model: str
    by: str
    table: pd.DataFrame
    differences: pd.DataFrame
    level: float
    caution: str

    def to_frame(self) -> pd.DataFrame:
        """Return one row per subgroup, to compute with.

        ``model``, ``by``, ``group``, ``measure`` (``"auc"``), ``value`` and the other columns of
        :attr:`table`.
        """
        table = self.table.rename_axis("group").reset_index().rename(columns={"auc": "value"})
        table = table.assign(model=self.model, by=self.by, measure="auc")
        return tidy(table, ["model", "by", "group"])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw a forest plot of the AUCs; returns the axes."""
        from tumor_response.evaluation.subgroups.forest import draw_forest

        return draw_forest(self, ax)

    def _repr_html_(self) -> str:
        return shown(self, _html)

    def __repr__(self) -> str:
        shown = self.table[["n_patients", "n_responders", "auc", "ci_low", "ci_high", "suppressed"]]
        return f"{self.model} by {self.by}\n{shown.round(3)}\n{self.caution}"


def subgroups(
    result: EvaluationResult,
    name: str,
    by: str | pd.Series,
    *,
    min_patients: int = 10,
    min_class: int = 5,
    level: float = 0.95,
) -> Subgroups:
    """Return how well one model tells responders from others within subgroups.

    Parameters
    ----------
    result
        Of :func:`tumor_response.evaluate`, with responders and others.
    name
        A model of it.
    by
        A column of the table, such as ``"meta__site"``, ``"clinical__sex"`` or a stage, whether or
        not the model uses it; ``"volume_tertile"``; or a Series with the table's index, such as
        ``tertiles_of(table["clinical__age"])``. Those without a value are a subgroup.
    min_patients, min_class
        Subgroups with fewer patients, or with fewer who have a lesion of some class, are not
        shown, nor is another one from which they could be worked out.
    level
        Confidence of the intervals, default 0.95.

    Returns
    -------
    Subgroups

    Raises
    ------
    EvaluationError
        Codes ``unknown_model``; ``task`` where there are no responders; ``no_subgroups`` where
        ``by`` makes none; ``index_mismatch`` for a Series of other lesions.
    SettingsError
        For limits that cannot be.

    Notes
    -----
    The AUC of a subgroup is the share of pairs won: in every resample each responder of the
    subgroup that was left out meets each other lesion of it that was left out, and both were scored
    by that resample's model. A resample weighs by its number of pairs, so that one with a single
    class in the subgroup is not lost. For ``all`` this is near the headline (which weighs resamples
    alike), not equal to it. The classes are those of the resample's own cut.

    The standard error is that of one model tested once on the patients of the subgroup: in every
    resample leaving out one patient after the other, with all lesions, gives the variance of that
    model's AUC on its test patients (nearly DeLong's, clustered by patient as Obuchowski's), which
    is scaled to the patients that the subgroup has and averaged. Intervals are made on the logit.
    ``benchmarks/subgroup_coverage.py`` measures how often they hold the AUC of the model refitted
    on the cohort.

    Examples
    --------
    >>> import numpy as np, pandas as pd, tumor_response as tr
    >>> rng = np.random.default_rng(0)
    >>> index = pd.Index([f"P{i}" for i in range(80)], name="patient_id")
    >>> table = pd.DataFrame({"clinical__volume_cc": rng.lognormal(size=80),
    ...                       "meta__site": ["A", "B"] * 40}, index=index)
    >>> y = (np.log(table["clinical__volume_cc"]) + rng.normal(size=80) > 0).astype(float)
    >>> result = tr.evaluate({"volume": tr.make_model("volume_only")}, table, y,
    ...                      tr.Bootstrap632Plus(n_resamples=20))
    >>> by_site = subgroups(result, "volume", "meta__site")
    >>> by_site.table["n_patients"].to_dict()
    {'A': 40, 'B': 40, 'all': 80}
    """
    check_response(result.task, "subgroups()")
    if name not in result.models:
        raise EvaluationError(
            f"No model {name!r} in this evaluation; there are "
            f"{', '.join(map(repr, result.models))}.",
            code="unknown_model",
        )
    check_count("min_patients", min_patients, 2)
    check_count("min_class", min_class, 1)
    check_between("level", level, 0, 1)
    rows = result.rows
    by_name, groups = members(rows.X, by)
    hidden = hidden_groups(groups, rows.patients, rows.y, min_patients, min_class)
    counted = _Counted.of(result, name)
    shown = {group: inside for group, inside in groups.items() if group not in hidden}
    everybody = np.ones(len(rows.y), dtype=bool)
    estimates = {group: counted.auc(inside) for group, inside in (shown | {ALL: everybody}).items()}
    table = pd.DataFrame(
        [
            {"suppressed": hidden[group]}
            if group in hidden
            else counted.row(inside, estimates[group], level)
            for group, inside in (groups | {ALL: everybody}).items()
        ],
        index=pd.Index([*groups, ALL], name=by_name),
    ).astype(dict.fromkeys(("n_patients", "n_lesions", "n_responders"), "Int64"))
    table = table[[column for column in table if column != "suppressed"] + ["suppressed"]]
    differences = _differences({group: estimates[group] for group in shown}, level)
    return Subgroups(
        name, by_name, table, differences, level, _caution(len(shown), len(differences), level)
    )


@dataclass(frozen=True, eq=False)
class _Counted:
    """One model's scores in every resample, and its mean predictions per lesion."""

    scored: list[tuple[IntArray, IntArray, FloatArray]]
    patients: IntArray
    y: IntArray
    observed: FloatArray
    expected: FloatArray
    times: FloatArray
    is_probability: bool

    @classmethod
    def of(cls, result: EvaluationResult, name: str) -> _Counted:
        scored = [
            (resample.test, one.y_test, one.scores[name])
            for resample, one in zip(result.resamples, result.out_of_bag, strict=True)
        ]
        observed, expected, times = (np.zeros(len(result.rows.y)) for _ in range(3))
        for test, y, scores in scored:
            observed[test] += y
            expected[test] += scores
            times[test] += 1
        at_all = np.maximum(times, 1)
        return cls(
            scored,
            result.rows.patients,
            result.rows.y,
            observed / at_all,
            expected / at_all,
            times,
            result.is_probability[name],
        )

    def auc(self, inside: BoolArray) -> Influence:
        pairs = [
            Pairs.of(self.patients[test[within]], y[within], scores[within])
            for test, y, scores in self.scored
            for within in [inside[test]]
        ]
        return auc_influence(pairs, int(self.patients.max()) + 1)

    def row(self, inside: BoolArray, estimate: Influence, level: float) -> dict[str, object]:
        m, k = (len(np.unique(self.patients[inside & (self.y == value)])) for value in (1, 0))
        low, high, method = auc_limits(estimate, m, k, level)
        row: dict[str, object] = {
            "n_patients": len(np.unique(self.patients[inside])),
            "n_lesions": int(inside.sum()),
            "n_responders": int(self.y[inside].sum()),
            "auc": estimate.value,
            "ci_low": low,
            "ci_high": high,
            "ci_method": method,
        }
        if self.is_probability:
            row |= self._calibration(inside, level)
        return row | {"suppressed": ""}

    def _calibration(self, inside: BoolArray, level: float) -> dict[str, object]:
        seen = inside & (self.times > 0)
        n = self.patients.max() + 1
        total, count = (
            np.bincount(self.patients[seen], weights=values[seen], minlength=n).astype(np.float64)
            for values in (self.observed - self.expected, np.ones(len(seen)))
        )
        value, low, high = limits(mean_influence(total, count), level)
        return {
            "observed": float(self.observed[seen].mean()),
            "expected": float(self.expected[seen].mean()),
            "difference": value,
            "difference_low": low,
            "difference_high": high,
        }


def _differences(estimates: dict[str, Influence], level: float) -> pd.DataFrame:
    pairs = list(combinations(estimates, 2))
    adjusted = 1 - (1 - level) / max(1, len(pairs))
    rows = []
    for a, b in pairs:
        value, low, high = limits(estimates[a], level, estimates[b])
        _, adjusted_low, adjusted_high = limits(estimates[a], adjusted, estimates[b])
        rows.append((a, b, value, low, high, adjusted_low, adjusted_high))
    columns = ["subgroup_a", "subgroup_b", "difference", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=[*columns, "adjusted_low", "adjusted_high"])


def _caution(n_shown: int, n_differences: int, level: float) -> str:
    if not n_differences:
        return f"{n_shown} subgroup(s) shown: there is no difference to look at."
    chance = 1 - level**n_differences
    return (
        f"{n_differences} difference(s) between {n_shown} subgroups were looked at. Were there "
        f"none, at least one {100 * level:g} % interval would still leave out zero with a chance "
        f"of up to about {100 * chance:.0f} %; the adjusted intervals allow for that. Subgroups "
        "chosen after seeing the data allow for more."
    )


def _html(groups: Subgroups) -> str:
    columns = ["n_patients", "n_responders", "auc", "ci_low", "ci_high", "suppressed"]
    return card(
        "Subgroups",
        f"{groups.model} by {groups.by}",
        grid(groups.table[columns], what="subgroups", n_rows=20),
        note(groups.caution),
    )
