"""What a report on sites found, as tables, in words and as a figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tumor_response.evaluation.sites.association import Association
from tumor_response.evaluation.sites.reading import Held, Readings
from tumor_response.frames import tidy
from tumor_response.notebook import card, grid, note, shown
from tumor_response.style import COLOURS, NEUTRAL, SINGLE_COLUMN_MM, figure_style, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CI_METHOD", "SiteReport"]

CI_METHOD = "patient_bootstrap_of_held_out_predictions"
SIGNIFICANT = 0.05

_JUDGE = "Judge by the pairs within sites, and at a site that was left out."


@dataclass(frozen=True)
class SiteReport:
    """How well sites can be told before and after harmonising, and what that does to the outcome.

    Attributes
    ----------
    step : str
        The harmonising step.
    before, after : Readings
        Without it, and with it fitted in each fold.
    association : Association
        Of site and outcome, over all patients with both.
    site_alone : Held
        AUC of the outcome by the response of the site's other patients.
    n_patients, n_lesions : int
        That were read.
    left_out : dict of str to int
        Lesions by reason: ``"site_missing"``, ``"outcome_missing"``; ``"site_too_small"``: read
        by nobody, and counted in the association.
    n_folds, n_repeats, seed : int
    """

    step: str
    before: Readings
    after: Readings
    association: Association
    site_alone: Held
    n_patients: int
    n_lesions: int
    left_out: dict[str, int]
    n_folds: int
    n_repeats: int
    seed: int

    @property
    def sites(self) -> pd.DataFrame:
        """One row per site: patients, responders, share with its interval, findings."""
        return self.association.sites

    @property
    def is_confounded(self) -> bool:
        """Whether site and outcome go together, at p < 0.05 of the exact test."""
        return self.association.p < SIGNIFICANT

    @property
    def site_is_readable(self) -> bool:
        """Whether the site is read better than chance without harmonising."""
        return self.before.site.ci_low > 0.5

    @property
    def site_is_left(self) -> bool:
        """Whether it still is after harmonising."""
        return self.after.site.ci_low > 0.5

    @property
    def outcome_went_too(self) -> bool:
        """Whether the outcome is read less well after harmonising than before."""
        return self.after.outcome.less(self.before.outcome).ci_high < 0.0

    def table(self) -> pd.DataFrame:
        """Return one row per figure: ``before``, ``after``, ``difference``, each with its limits.

        Index ``figure``: ``site``, ``outcome``, ``outcome_within_sites`` (pairs of one site), and
        ``outcome_by_site_alone``, which harmonising does not change.
        """
        pairs = {
            "site": (self.before.site, self.after.site),
            "outcome": (self.before.outcome, self.after.outcome),
            "outcome_within_sites": (self.before.within, self.after.within),
        }
        rows = {
            name: _limits("before", before)
            | _limits("after", after)
            | _limits("difference", after.less(before))
            for name, (before, after) in pairs.items()
        }
        rows["outcome_by_site_alone"] = _limits("before", self.site_alone)
        frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("figure")
        return frame.assign(ci_method=CI_METHOD)

    def _repr_html_(self) -> str:
        return shown(self, _html)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per figure and state, to compute with.

        ``step``, ``measure`` (the figure), ``state`` (``"before"``, ``"after"``,
        ``"difference"``), ``value``, ``ci_low``, ``ci_high``, ``ci_method``.
        """
        table = self.table().reset_index().rename(columns={"figure": "measure"})
        parts = [
            table[["measure", state, f"{state}_low", f"{state}_high", "ci_method"]]
            .set_axis(["measure", "value", "ci_low", "ci_high", "ci_method"], axis=1)
            .dropna(subset=["value"])
            .assign(state=state, step=self.step)
            for state in ("before", "after", "difference")
        ]
        return tidy(pd.concat(parts), ["step", "state"])

    @property
    def verdict(self) -> str:
        """What it comes to, in words."""
        return " ".join([*self._about_the_site(), *self._about_the_outcome(), *self._what_to_do()])

    def _about_the_site(self) -> list[str]:
        before, after = _shown(self.before.site), _shown(self.after.site)
        if not self.site_is_readable:
            said = f"It is not shown that the features tell the site (AUC {before})."
        else:
            said = f"The features tell the site (AUC {before})."
        if self.site_is_left:
            return [said, f"After {self.step} in the fold they still do (AUC {after})."]
        return [said, f"After {self.step} in the fold the AUC is {after}."]

    def _about_the_outcome(self) -> list[str]:
        shares = ", ".join(
            f"{site} {100 * row['share']:.0f} % of {row['n_patients']:.0f}"
            for site, row in self.sites.iterrows()
        )
        p = "p < .001" if self.association.p < 0.001 else f"p = {self.association.p:.3f}"
        alone = _shown(self.site_alone)
        if self.is_confounded:
            said = [
                f"Site and outcome go together (response {shares}; Fisher's exact test {p}): the "
                f"site alone predicts the outcome with an AUC of {alone}."
            ]
        else:
            said = [
                f"It is not shown that site and outcome go together (response {shares}; Fisher's "
                f"exact test {p}; the site alone: AUC {alone})."
            ]
        one_class = self.sites.index[self.sites["finding"] == "one_class"].tolist()
        if one_class:
            said.append(
                f"All patients are of one class at {', '.join(map(str, one_class))}: what is the "
                "scanner and what the response there, no method can tell."
            )
        return said

    def _what_to_do(self) -> list[str]:
        change = self.after.outcome.less(self.before.outcome)
        moved = (
            f"the AUC of the outcome goes from {_number(self.before.outcome.value)} to "
            f"{_number(self.after.outcome.value)} (difference {_shown(change)}), among patients "
            f"of one site from {_number(self.before.within.value)} to "
            f"{_number(self.after.within.value)}"
        )
        if self.outcome_went_too and self.is_confounded:
            return [
                f"The outcome went with the site: {moved}. Without harmonising a model may "
                "predict the site in place of the response; with it, what truly differs between "
                "the patients of the sites is gone as well. " + _JUDGE
            ]
        if self.outcome_went_too:
            return [f"Harmonising cost some of the outcome: {moved}."]
        said = f"It is not shown that harmonising took the outcome along: {moved}."
        return [said, _JUDGE] if self.is_confounded else [said]

    def __str__(self) -> str:
        left_out = "; ".join(f"{reason}: {n}" for reason, n in self.left_out.items()) or "none"
        return (
            f"Sites of {self.n_lesions} lesions of {self.n_patients} patients, {self.n_repeats} "
            f"times {self.n_folds} folds of patients (lesions left out: {left_out}).\n"
            f"{self.verdict}"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw every figure before and after harmonising, with its interval; returns the axes.

        Parameters
        ----------
        ax
            Axes to draw on; a new figure by default.
        """
        rows = [
            ("the site", self.before.site, self.after.site),
            ("the outcome", self.before.outcome, self.after.outcome),
            ("the outcome,\nwithin sites", self.before.within, self.after.within),
            ("the outcome by\nthe site alone", self.site_alone, None),
        ]
        with figure_style():
            if ax is None:
                ax = new_axes(SINGLE_COLUMN_MM, 58)
            for place, (_, before, after) in enumerate(reversed(rows)):
                for held, colour, up, label in (
                    (before, NEUTRAL, 0.13, "as it is"),
                    (after, COLOURS[0], -0.13, f"{self.step} in the fold"),
                ):
                    if held is None:
                        continue
                    at = [place + up]
                    # one label for the legend, of the topmost row
                    shown = label if place == len(rows) - 1 else None
                    ax.plot([held.ci_low, held.ci_high], at * 2, color=colour, linewidth=1.6)
                    ax.plot([held.value], at, "o", color=colour, markersize=4.5, label=shown)
            ax.axvline(0.5, color=NEUTRAL, linewidth=0.8, linestyle=":")
            ax.set_yticks(range(len(rows)), [name for name, *_ in reversed(rows)])
            ax.set(xlim=(0.2, 1.02), ylim=(-0.6, len(rows) - 0.4), xlabel="Held-out AUC")
            ax.set_title("How well held-out patients are told", loc="left")
            ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2)
        return ax


def _limits(name: str, held: Held) -> dict[str, float]:
    return {name: held.value, f"{name}_low": held.ci_low, f"{name}_high": held.ci_high}


def _shown(held: Held) -> str:
    return f"{_number(held.value)}, {_number(held.ci_low)} to {_number(held.ci_high)}"


def _number(value: float) -> str:
    return "unknown" if np.isnan(value) else f"{value:.2f}".replace("-", "−")


def _html(report: SiteReport) -> str:
    return card(
        "SiteReport",
        f"{report.step}: {report.n_lesions} lesions of {report.n_patients} patients",
        note(report.verdict),
        grid(report.sites, what="sites"),
        grid(report.table()),
    )
