"""The agreement of a cohort's repeats: a table to be read, and what it is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import pandas as pd

from tumor_response.exceptions import RobustnessError
from tumor_response.frames import tidy
from tumor_response.notebook import CAUTION, card, grid, note, shown
from tumor_response.repeatability.agreement import Kind
from tumor_response.settings import sha256_of_json, thawed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FAILURE_COLUMNS", "GOOD", "Quantity", "Robustness", "icc_column"]

GOOD = 0.75
"""From this ICC on reliability is called good (Koo and Li 2016, J. Chiropr. Med. 15:155)."""

FAILURE_COLUMNS = [
    *("patient_id", "lesion_id", "perturbation", "draw", "block", "reason", "message"),
]

_MEASURES = ("icc_11", "icc_21", "icc_31", "ccc", "wcv", "rc")

Quantity = Literal["share_good", "median_icc"]

_FOR_READING = (
    "For reading, not for selecting: columns chosen by this table were chosen with the test "
    "patients' repeats. A model's step that computes the ICC in each fold selects without that."
)


def icc_column(kind: Kind) -> str:
    """Return the column that holds an ICC.

    Raises
    ------
    RobustnessError
        For another kind.

    Examples
    --------
    >>> icc_column("2,1")
    'icc_21'
    """
    if kind not in get_args(Kind):
        raise RobustnessError(f"icc={kind!r}: expected one of {', '.join(get_args(Kind))}.")
    return f"icc_{kind.replace(',', '')}"


@dataclass(frozen=True, eq=False, repr=False)
class Robustness:
    """How far every column repeats, in each perturbation or between real repeats.

    **A cohort-wide table of ICC is for reading, not for selecting.** Whoever keeps the columns that
    are stable in the whole cohort and then evaluates a model on it has used the test patients'
    images in the choice. Selection belongs into a step of the model, which computes the ICC from
    the training patients of each fold. So the tables name a column by its parts, not as a feature
    table has it, and :meth:`icc_for_others` gives the ICC to other patients only.

    Returned by :func:`tumor_response.robustness` and
    :func:`tumor_response.robustness_of_repeats`.

    Attributes
    ----------
    perturbations : tuple of str
        In the tables' order; ``"all"``, the last of several, takes all their repeats together.
    headline : str
        Which ICC summaries and heat map are of: ``"1,1"``, ``"2,1"`` or ``"3,1"``.
    lesions : MultiIndex
        Those that were compared: ``patient_id``, ``lesion_id``.
    failures : DataFrame
        What has no value, and why: ``patient_id``, ``lesion_id``, ``perturbation`` (empty: the
        whole case), ``draw``, ``block``, ``reason``, ``message``.
    """

    agreement: pd.DataFrame
    perturbations: tuple[str, ...]
    headline: Kind
    lesions: pd.MultiIndex
    failures: pd.DataFrame
    recorded: Mapping[str, Any]
    drawn: pd.DataFrame

    @property
    def n_cases(self) -> int:
        """Lesions that had any repeats."""
        return len(self.lesions)

    @property
    def settings(self) -> dict[str, Any]:
        """All that decides the numbers: extractors, rules, seed, cases, as JSON."""
        settings: dict[str, Any] = thawed(self.recorded)
        return settings

    @property
    def sha256(self) -> str:
        """SHA-256 of the settings: equal ones have equal numbers."""
        return sha256_of_json(self.settings)

    def table(self) -> pd.DataFrame:
        """Return one row per column and perturbation, for reading.

        Returns
        -------
        DataFrame
            ``perturbation``, ``block``, ``group``, ``feature``, ``family``, ``unit``; then
            ``icc_11``, ``icc_21``, ``icc_31``, ``ccc``, ``wcv`` (1 = 100 %) and ``rc`` (in the
            column's unit), each with ``_low`` and ``_high``; ``shift_sd``: how far the repeats lie
            from the unaltered case on average, in standard deviations between cases; ``n_cases``
            compared, ``n_left_out`` because a repeat was missing, ``n_repeats`` of each case with
            the unaltered one, ``n_failed`` values missing; ``reason`` why there is no ICC (empty
            where there is one), ``wcv_reason``.
        """
        return self.agreement.copy()

    def to_frame(self) -> pd.DataFrame:
        """Return one row per perturbation, column and measure, for reading.

        Returns
        -------
        DataFrame
            ``perturbation``, ``block``, ``group``, ``feature``, ``measure`` (``icc_11``,
            ``icc_21``, ``icc_31``, ``ccc``, ``wcv``, ``rc``), ``value``, ``ci_low``, ``ci_high``
            and the columns of :meth:`table` that are of no single measure.
        """
        keys = ["perturbation", "block", "group", "feature"]
        of_measures = [f"{name}{end}" for name in _MEASURES for end in ("", "_low", "_high")]
        table = self.agreement
        common = table.drop(columns=of_measures)
        parts = [
            common.assign(
                measure=name,
                value=table[name],
                ci_low=table[f"{name}_low"],
                ci_high=table[f"{name}_high"],
                place=range(len(table)),
            )
            for name in _MEASURES
        ]
        long = pd.concat(parts).sort_values("place", kind="stable").drop(columns="place")
        return tidy(long, keys)

    def by_family(self) -> pd.DataFrame:
        """Return a summary of the headline ICC of each family of columns.

        Families of one filter bank are taken together: "wavelet glcm" is all eight bands.

        Returns
        -------
        DataFrame
            Index ``block``, ``family``, ``perturbation``. ``n_columns``, ``n_defined`` (with an
            ICC), ``median_icc``, ``low_icc`` and ``high_icc`` (quartiles), ``share_good``: of the
            defined ones, how many have a lower limit of 0.75 or more; ``median_wcv``,
            ``median_shift_sd`` (of its size, without the sign).
        """
        return self._summary(["block", "family", "perturbation"])

    def by_perturbation(self) -> pd.DataFrame:
        """Return a summary of the headline ICC of each block.

        Returns
        -------
        DataFrame
            Index ``perturbation``, ``block``; columns as in :meth:`by_family`.
        """
        return self._summary(["perturbation", "block"])

    def draws(self) -> pd.DataFrame:
        """Return what was drawn for each repeat of each lesion; nothing for real repeats.

        Returns
        -------
        DataFrame
            ``patient_id``, ``lesion_id``, ``perturbation``, ``draw``, ``parameters`` (JSON).
        """
        return self.drawn.copy()

    def icc_for_others(self, perturbation: str, evaluated: pd.MultiIndex) -> pd.Series:
        """Return the headline ICC by column, for a selection among *other* patients.

        Columns may be chosen by what a phantom or a test-retest study found, because its patients
        are not those that the model is tested on:
        ``StableColumns(icc=study.icc_for_others("observers", table.data.index))``.

        Parameters
        ----------
        perturbation
            One of :attr:`perturbations`.
        evaluated
            Index of the table that the selection is for.

        Returns
        -------
        Series
            Column -> ICC; NaN where it is not defined.

        Raises
        ------
        RobustnessError
            Code ``same_patients`` if a patient is in both; ``perturbation_unknown``.
        """
        if perturbation not in self.perturbations:
            raise RobustnessError(
                f"No perturbation {perturbation!r}; there are: {', '.join(self.perturbations)}.",
                code="perturbation_unknown",
            )
        own = set(self.lesions.get_level_values("patient_id"))
        shared = own & set(evaluated.get_level_values("patient_id"))
        if shared:
            raise RobustnessError(
                f"{len(shared)} patient(s) of the table are in this robustness analysis, "
                f"{min(shared)!r} for one: a selection by it would have seen them. Give the model "
                "a step that computes the ICC in the fold: StableColumns(store=...).",
                code="same_patients",
            )
        rows = self.agreement[self.agreement["perturbation"] == perturbation]
        names = [
            "__".join(part for part in parts if part)
            for parts in zip(rows["block"], rows["group"], rows["feature"], strict=True)
        ]
        return pd.Series(rows[icc_column(self.headline)].to_numpy(), index=names, name="icc")

    def plot_heatmap(self, ax: Axes | None = None, *, quantity: Quantity = "share_good") -> Axes:
        """Draw families against perturbations.

        Parameters
        ----------
        ax
            Where; a new figure by default.
        quantity
            ``"share_good"``: the share of a family's columns whose ICC is good for sure, that is,
            whose lower confidence limit is 0.75 or more; it asks more of a small cohort.
            ``"median_icc"``: the median of the ICC.

        Raises
        ------
        RobustnessError
            For another quantity.
        """
        from tumor_response.repeatability.plots import draw_heatmap

        good = f"Share of columns whose ICC({self.headline}) is {GOOD} or more by its lower limit"
        what = good if quantity == "share_good" else f"Median ICC({self.headline})"
        return draw_heatmap(self.by_family(), quantity, ax, f"{what}; {self.n_cases} lesions")

    def _summary(self, by: Sequence[str]) -> pd.DataFrame:
        name = icc_column(self.headline)
        groups = list(self.agreement.groupby(list(by), sort=False))
        index = pd.MultiIndex.from_frame(pd.DataFrame([key for key, _ in groups], columns=list(by)))
        return pd.DataFrame([_summarised(of, name) for _, of in groups], index=index)

    def _repr_html_(self) -> str:
        return shown(self, _html)

    def __str__(self) -> str:
        shown = self.by_perturbation()[["n_defined", "median_icc", "low_icc", "share_good"]]
        return "\n".join([repr(self), shown.round(2).to_string(), _FOR_READING])

    def __repr__(self) -> str:
        n = len(self.agreement) // len(self.perturbations)
        return (
            f"<Robustness: {self.n_cases} lesions, {n} columns; "
            f"{', '.join(self.perturbations)}; ICC({self.headline}); "
            f"{len(self.failures)} failures; for reading, not for selecting>"
        )


def _summarised(rows: pd.DataFrame, name: str) -> dict[str, float]:
    values = rows[name]
    defined = values.notna()
    return {
        "n_columns": len(rows),
        "n_defined": int(defined.sum()),
        "median_icc": float(values.median()),
        "low_icc": float(values.quantile(0.25)),
        "high_icc": float(values.quantile(0.75)),
        "share_good": float((rows.loc[defined, f"{name}_low"] >= GOOD).mean()),
        "median_wcv": float(rows["wcv"].median()),
        "median_shift_sd": float(rows["shift_sd"].abs().median()),
    }


def _html(robustness: Robustness) -> str:
    columns = ["n_columns", "n_defined", "median_icc", "low_icc", "high_icc", "share_good"]
    n = len(robustness.agreement) // len(robustness.perturbations)
    return card(
        "Robustness",
        f"ICC({robustness.headline}) of {n} columns, {robustness.n_cases} lesions",
        note(_FOR_READING, CAUTION),
        grid(robustness.by_perturbation()[columns], what="rows", n_rows=20),
        note(f"share_good: columns whose ICC is {GOOD} or more by its lower limit."),
        note(f"{len(robustness.failures)} failures."),
    )
