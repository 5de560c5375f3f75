"""What a comparison of groups found: per column, beside chance, in words and as a figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pandas as pd

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.differences.chance import ALL
from tumor_response.frames import tidy
from tumor_response.notebook import card, grid, note, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["GroupDifferences", "Which"]

Which = Literal["unadjusted", "adjusted"]
Criterion = Literal["p", "q", "q_all"]

_METHODS = {
    "mann_whitney_exact": "Mann-Whitney, exact",
    "mann_whitney_normal": "Mann-Whitney, normal approximation with corrections for ties and "
    "continuity",
    "rank_score_by_patient": "rank sum with patients and not lesions as independent, Student's t",
}


@dataclass(frozen=True, eq=False, repr=False)
class GroupDifferences:
    """Every column between responders and others.

    Attributes
    ----------
    columns : DataFrame
        What :meth:`table` shows, in the order of the feature table.
    chance : DataFrame
        What :meth:`expected_by_chance` shows.
    adjusted_for : list of str
        Empty: nothing was adjusted for.
    n_lesions, n_patients, n_responders : int
        That were compared; responders are lesions of class 1.
    n_adjusted : int
        Lesions whose covariates are complete.
    outcome_explained : float
        Share of the classes' variance that the covariates explain: where it is large, lesions of
        both groups at equal covariates are few, and the adjusted effects extrapolate.
    left_out : dict of str to int
        Lesions without an outcome, by reason.
    categories : list of str
        Columns that are no numbers, and so were not compared.
    cut : str
        Where the groups come from.
    within : str
        Within what q values were taken: ``"family"``, ``"block"``, ``"all"``.
    n_families : int
        How many of these there are.
    alpha, fdr, level : float
    seed : int
    """

    columns: pd.DataFrame
    chance: pd.DataFrame
    adjusted_for: list[str]
    n_lesions: int
    n_patients: int
    n_responders: int
    n_adjusted: int
    outcome_explained: float
    left_out: dict[str, int]
    categories: list[str]
    cut: str
    within: str
    n_families: int
    alpha: float
    fdr: float
    level: float
    seed: int

    def table(self) -> pd.DataFrame:
        """Return one row per column, the smallest p value first.

        Returns
        -------
        pandas.DataFrame
            Index ``column``. ``block``, ``family``; ``unit``, ``ibsi_code``, ``ibsi_name``,
            ``description`` where the feature dictionary has them; ``n_lesions`` with a value,
            ``n_missing``, ``n_responders``; ``median_responders``, ``median_others``.

            ``auc``: how often a responder's value is the larger one, ties half, with
            ``auc_low``, ``auc_high``; ``delta``: Cliff's delta or rank-biserial correlation,
            twice that less 1, with its limits. ``p_value``, ``p_method``; ``q`` adjusted within
            family (or what ``within`` says), ``q_all`` over all columns (Benjamini and Hochberg).

            Adjusted: ``n_adjusted`` lesions, ``explained`` (the share of the variance of the
            column's ranks that the covariates explain), ``delta_adjusted`` with limits,
            ``p_value_adjusted``, ``p_method_adjusted``, ``q_adjusted``, ``q_all_adjusted``.

            ``note``: why there is no p value. ``"constant"``; ``"too_few_values"``: of fewer than
            five patients of a group, ``"too_few_values_adjusted"``: too few to adjust for so much;
            ``"said_by_covariates"``: the covariates determine the column.
        """
        return self.columns.sort_values(["p_value", "auc"], kind="stable")

    def to_frame(self) -> pd.DataFrame:
        """Return one row per column of the table, to compute with.

        ``column``, ``measure`` (``"auc"``), ``value``, ``ci_low``, ``ci_high``, ``ci_method``
        and the other columns of :meth:`table`.
        """
        names = {"auc": "value", "auc_low": "ci_low", "auc_high": "ci_high"}
        table = self.table().reset_index().rename(columns=names)
        return tidy(table.assign(measure="auc"), ["column"])

    def expected_by_chance(self) -> pd.DataFrame:
        """Return how many columns were found, and how many are when outcomes are permuted.

        Returns
        -------
        pandas.DataFrame
            One row per ``test`` (``"unadjusted"``, ``"adjusted"``), ``criterion`` (``"p"``, ``"q"``
            or ``"q_all"`` at its ``limit`` or below) and ``scope`` (``"all"`` and each block).
            ``n_columns`` tested;
            ``found``; over the permutations ``expected`` (mean), ``median``, ``low`` and ``high``
            (2.5th and 97.5th percentile), ``share_any`` (with one or more); ``nominal``, the
            number of columns times alpha; ``p_value``, the share of permutations that find as
            many or more, what was found being one of them; ``n_permutations``.
        """
        return self.chance.copy()

    def found(self, test: Which = "unadjusted") -> pd.DataFrame:
        """Return the rows of :meth:`table` with a q of ``fdr`` or less."""
        ending = self._ending(test)
        table = self.columns.sort_values(f"p_value{ending}", kind="stable")
        return table[table[f"q{ending}"] <= self.fdr]

    def sentences(self) -> list[str]:
        """Return what was found, in words, each p value with how it was made."""
        told = [self._who(), *self._not_compared()]
        told += self._of_test("unadjusted", self._methods())
        if not self.adjusted_for:
            return [*told, "Nothing was adjusted for: a difference may be one of volume or age."]
        names = " and ".join(self.adjusted_for)
        few = self.n_lesions - self.n_adjusted
        of = f"; {few} lesion(s) without them are left out" if few else ""
        told.append(
            f"Adjusted for {names} ({self.n_adjusted} lesions{of}), which enter as natural splines "
            f"of their ranks and explain {100 * self.outcome_explained:.0f} % of the variance of "
            "the classes."
        )
        how = "generalised covariance measure of ranks, Student's t over patients"
        return [*told, *self._of_test("adjusted", how)]

    def plot_volcano(
        self, test: Which = "unadjusted", ax: Axes | None = None, n_labels: int = 5
    ) -> Axes:
        """Draw effect against q, families in colours; returns the axes.

        Parameters
        ----------
        test
            ``"unadjusted"`` or ``"adjusted"``.
        ax
            Axes to draw on; a new figure by default.
        n_labels
            How many of the columns found are named, default 5.
        """
        from tumor_response.explanation.differences.volcano import draw_volcano

        return draw_volcano(self, test, self._ending(test), ax, n_labels)

    def count(self, test: Which, criterion: Criterion, scope: str = ALL) -> pd.Series:
        """Return one row of :meth:`expected_by_chance`."""
        self._ending(test)
        chance = self.chance
        at = (chance["test"] == test) & (chance["scope"] == scope)
        at &= chance["criterion"] == criterion
        if not at.any():
            there = ", ".join(map(repr, chance["scope"].unique()))
            raise ExplanationError(
                f"scope={scope!r}: expected one of {there}.", code="missing_block"
            )
        return chance[at].iloc[0]

    def _ending(self, test: Which) -> str:
        if test not in ("unadjusted", "adjusted"):
            raise ExplanationError(
                f"test={test!r}: expected 'unadjusted' or 'adjusted'.", code="test"
            )
        if test == "adjusted" and not self.adjusted_for:
            raise ExplanationError(
                "Nothing was adjusted for: the table has neither of the columns, or adjust=() was "
                "given.",
                code="adjust",
            )
        return "" if test == "unadjusted" else "_adjusted"

    def _who(self) -> str:
        left = sum(self.left_out.values())
        reasons = ", ".join(f"{reason} ({n})" for reason, n in self.left_out.items())
        out = f" Left out: {left} ({reasons})." if left else ""
        return (
            f"{len(self.columns)} columns of {self.n_lesions} lesions of {self.n_patients} "
            f"patients, {self.n_responders} of them of class 1 ({self.cut}).{out}"
        )

    def _not_compared(self) -> list[str]:
        notes = self.columns["note"].value_counts()
        told = [f"{reason} ({n})" for reason, n in notes.items() if reason]
        told += [f"categories ({len(self.categories)})"] if self.categories else []
        missing = int((self.columns["n_missing"] > 0).sum())
        said = [f"Columns without a p value: {', '.join(told)}."] if told else []
        if missing:
            said.append(
                f"{missing} column(s) have missing values and are compared among the lesions that "
                "have one."
            )
        return said

    def _methods(self) -> str:
        counts = self.columns["p_method"].value_counts()
        return "; ".join(f"{_METHODS[str(method)]} ({n})" for method, n in counts.items() if method)

    def _of_test(self, test: Which, how: str) -> list[str]:
        p = self.count(test, "p")
        whose = "outcomes" if test == "unadjusted" else "what the covariates leave of the outcomes"
        told = [
            f"{test.capitalize()} ({how}): {p['found']} of {p['n_columns']} columns have "
            f"p ≤ {p['limit']:g}. With {whose} permuted over the patients "
            f"({p['n_permutations']} times) there are {p['expected']:.1f} on average, "
            f"{p['low']:.0f} to {p['high']:.0f} in the middle 95 %, and as many or more with a "
            f"share of {p['p_value']:.3g}."
        ]
        kinds = {"family": "families", "block": "blocks"}
        if self.within in kinds and self.n_families > 1:
            told.append(self._of_q(test, "q", f"in each of {self.n_families} {kinds[self.within]}"))
        told.append(self._of_q(test, "q_all", "over all columns"))
        return told

    def _of_q(self, test: Which, criterion: Criterion, where: str) -> str:
        q = self.count(test, criterion)
        return (
            f"{q['found']} have q ≤ {q['limit']:g} by Benjamini and Hochberg {where}; permuted "
            f"outcomes give {q['expected']:.1f} on average, {q['low']:.0f} to {q['high']:.0f} in "
            f"the middle 95 %, one or more with a share of {q['share_any']:.3g}, and as many or "
            f"more with a share of {q['p_value']:.3g}."
        )

    def _repr_html_(self) -> str:
        return shown(self, _html)

    def __repr__(self) -> str:
        shown = self.expected_by_chance()
        return (
            f"GroupDifferences: {self._who()}\n"
            f"{shown[shown['scope'] == ALL].drop(columns='scope').round(3).to_string(index=False)}"
        )


def _html(found: GroupDifferences) -> str:
    shown_columns = ["block", "family", "auc", "auc_low", "auc_high", "p_value", "q_all"]
    counts = found.expected_by_chance()
    return card(
        "GroupDifferences",
        "",
        *(note(sentence) for sentence in found.sentences()),
        grid(counts[counts["scope"] == ALL].drop(columns="scope"), what="rows"),
        grid(found.table()[shown_columns], what="columns, the smallest p first", n_rows=8),
    )
