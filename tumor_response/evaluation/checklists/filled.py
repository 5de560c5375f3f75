"""checklist(): a reporting guideline, filled from what a run knows and open where it does not."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal

import pandas as pd

from tumor_response.evaluation.checklists.clear import CLEAR
from tumor_response.evaluation.checklists.items import Guideline, Item
from tumor_response.evaluation.checklists.metrics_tool import METRICS, METRICS_WEIGHTS
from tumor_response.evaluation.checklists.run_facts import facts_of_run
from tumor_response.evaluation.checklists.study_facts import LedgerLike, PlanLike, facts_of_study
from tumor_response.evaluation.checklists.tripod_ai import TRIPOD_AI
from tumor_response.exceptions import SettingsError
from tumor_response.notebook import card, grid, note, shown
from tumor_response.table import FeatureTable

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["OPEN", "Checklist", "checklist"]

Which = Literal["tripod_ai", "clear", "metrics"]

_GUIDELINES: dict[str, Guideline] = {"tripod_ai": TRIPOD_AI, "clear": CLEAR, "metrics": METRICS}

FROM_RUN, PARTLY, OPEN = "from the run", "partly", "open"

TO_BE_FILLED = "To be filled in by the authors"

_SHOWN = ("item", "section", "asks", "status")
_COLUMNS = (*_SHOWN, "evidence", "to_add", "note")


@dataclass(frozen=True, eq=False, repr=False)
class Checklist:
    """A guideline's items with what the run knows of each.

    Attributes
    ----------
    name, source : str
        Which guideline, and which edition of it.
    items : DataFrame
        One row per item: ``item`` (its number), ``section``, ``asks`` (in our words), ``status``:
        ``"from the run"`` (what is asked for stands in ``evidence``), ``"partly"`` (``evidence``
        has some of it, ``to_add`` what lacks) or ``"open"``; ``note``: where it applies.
        For METRICS also ``weight``. Nothing here says that an item is met: that is for the
        authors.
    """

    name: str
    source: str
    items: pd.DataFrame

    @property
    def counts(self) -> dict[str, int]:
        """How many items have which status."""
        return {
            status: int((self.items["status"] == status).sum())
            for status in (FROM_RUN, PARTLY, OPEN)
        }

    def to_frame(self) -> pd.DataFrame:
        """Return :attr:`items`."""
        return self.items.copy()

    def to_markdown(self) -> str:
        """Return a Markdown document with one table."""
        header = ("Item", "Section", "Asked for", "Status", "What the run knows, and what to add")
        rows = [
            " | ".join(_in_cell(text) for text in (*(row[name] for name in _SHOWN), _told(row)))
            for row in self._rows()
        ]
        lines = [
            f"# {self.name}",
            "",
            self._introduction(),
            "",
            f"| {' | '.join(header)} |",
            f"|{' --- |' * len(header)}",
            *(f"| {row} |" for row in rows),
        ]
        return "\n".join(lines) + "\n"

    def to_html(self) -> str:
        """Return a section of HTML; every text is escaped."""
        rows = "\n".join(
            f'<tr class="{escape(row["status"].replace(" ", "-"))}">'
            + "".join(
                f"<td>{escape(text)}</td>" for text in (*(row[name] for name in _SHOWN), _told(row))
            )
            + "</tr>"
            for row in self._rows()
        )
        return (
            f'<section class="checklist"><h2>{escape(self.name)}</h2>'
            f"<p>{escape(self._introduction())}</p>\n"
            "<table><thead><tr><th>Item</th><th>Section</th><th>Asked for</th><th>Status</th>"
            "<th>What the run knows, and what to add</th></tr></thead>\n"
            f"<tbody>\n{rows}\n</tbody></table></section>\n"
        )

    def _rows(self) -> list[dict[str, str]]:
        return [
            dict(zip(_COLUMNS, map(str, row), strict=True))
            for row in self.items[list(_COLUMNS)].to_numpy()
        ]

    def _introduction(self) -> str:
        counts = ", ".join(f"{count} {status}" for status, count in self.counts.items())
        return (
            f"{self.source}. Items in this library's words; the source's wording decides. Of "
            f"{len(self.items)}: {counts}. What is filled in is evidence, not a claim that an item "
            "is met."
        )

    def _repr_html_(self) -> str:
        return shown(self, _html)

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {status}" for status, count in self.counts.items())
        return f"<Checklist {self.name}: {len(self.items)} items, {counts}>"


def checklist(
    result: EvaluationResult,
    which: Which,
    *,
    plan: PlanLike | None = None,
    table: FeatureTable | None = None,
    ledger: LedgerLike | None = None,
) -> Checklist:
    """Fill a reporting guideline from what a run knows.

    Parameters
    ----------
    result
        Of :func:`tumor_response.evaluate`.
    which
        ``"tripod_ai"``, ``"clear"`` or ``"metrics"``.
    plan
        The frozen analysis plan.
    table
        The feature table, for the settings and versions of the extraction.
    ledger
        The study's ledger, for what else was tried on this outcome.

    Returns
    -------
    Checklist
        ``to_frame()``, ``to_markdown()``, ``to_html()``.

    Raises
    ------
    SettingsError
        For a guideline that there is not.

    Examples
    --------
    >>> import numpy as np, pandas as pd, tumor_response as tr
    >>> rng = np.random.default_rng(0)
    >>> index = pd.Index([f"P{i}" for i in range(40)], name="patient_id")
    >>> table = pd.DataFrame({"clinical__volume_cc": rng.lognormal(size=40)}, index=index)
    >>> y = pd.Series(np.tile([0.0, 1.0], 20), index=index)
    >>> result = tr.evaluate({"volume": tr.make_model("volume_only")}, table, y,
    ...                      tr.Bootstrap632Plus(n_resamples=5))
    >>> filled = checklist(result, "tripod_ai")
    >>> filled.items.set_index("item").loc["17", "status"]
    'open'
    >>> filled.items.set_index("item").loc["21", "evidence"][:52]
    '40 patients with 40 lesions were evaluated, 20 of th'
    """
    if which not in _GUIDELINES:
        raise SettingsError(
            f"which={which!r}: expected one of {', '.join(map(repr, _GUIDELINES))}."
        )
    guideline = _GUIDELINES[which]
    facts = facts_of_run(result) | facts_of_study(table, plan, ledger)
    items = pd.DataFrame([_filled(item, facts) for item in guideline.items], columns=list(_COLUMNS))
    if guideline is METRICS:
        items.insert(3, "weight", METRICS_WEIGHTS)
    return Checklist(guideline.name, guideline.source, items)


def _filled(item: Item, facts: dict[str, str]) -> tuple[str, ...]:
    known = [facts[name] for name in item.facts if name in facts]
    complete = len(known) == len(item.facts) and not item.missing
    status = OPEN if not known else FROM_RUN if complete else PARTLY
    to_add = item.missing if known else item.asks
    if known and not item.missing and not complete:
        to_add = "what the run was not given: the feature table, the plan or the ledger"
    return (
        item.number,
        item.section,
        item.asks,
        status,
        " ".join(known),
        "" if status == FROM_RUN else to_add,
        item.note,
    )


def _told(row: dict[str, str]) -> str:
    parts = [row["evidence"]] if row["evidence"] else []
    if row["to_add"]:
        parts.append(f"{TO_BE_FILLED}: {row['to_add']}.")
    if row["note"]:
        parts.append(f"({row['note']})")
    return " ".join(parts)


def _in_cell(text: str) -> str:
    """Return text that stays in its cell and is no markup of its own."""
    plain = " ".join(text.split())
    for character in ("\\", "|", "*", "_", "`", "<", "[", "]"):
        plain = plain.replace(character, f"\\{character}")
    return plain


def _html(filled: Checklist) -> str:
    return card(
        "Checklist",
        filled.name,
        note(filled._introduction()),
        grid(filled.items[["item", "section", "asks", "status"]], what="items"),
    )
