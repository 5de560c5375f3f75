"""For the paper: reporting checklists, the methods paragraph, and what to cite."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, get_args

from tumor_response._version import __version__
from tumor_response.evaluation.checklists import Checklist, checklist
from tumor_response.evaluation.checklists.filled import Which
from tumor_response.reporting.headline import Headline
from tumor_response.reporting.methods import methods_text, results_text
from tumor_response.reporting.parts import Copy, Fold, Paragraph, Part, Section, Table
from tumor_response.reporting.references import bibtex, references_used

if TYPE_CHECKING:
    from tumor_response.evaluation import EvaluationResult
    from tumor_response.reporting.given import Given

__all__ = ["paper_sections"]

MOST_CHARACTERS = 240
"""Of what the run knows of an item; ``checklist(...).to_markdown()`` has all of it."""


def paper_sections(result: EvaluationResult, front: Headline, given: Given) -> list[Section]:
    """Return checklists, methods paragraph and references."""
    return [
        _checklists(result, given),
        Section(
            "methods",
            "Methods paragraph for a paper",
            [
                Paragraph(
                    "Made from the settings of this run; what was not done is not in it. How "
                    "patients were treated, scanned and contoured is for the authors to add. One "
                    "click selects a text."
                ),
                Copy("Methods.", methods_text(result, front, given)),
                Copy("Results, in the words of page one.", results_text(front)),
            ],
        ),
        _how_to_cite(result, front, given),
    ]


def _checklists(result: EvaluationResult, given: Given) -> Section:
    parts: list[Part] = [
        Paragraph(
            "Filled from what the run knows. That is evidence and no claim that an item is met; "
            "what is open is for the authors. Items are in this library's words; long entries are "
            "cut here, and checklist(...).to_markdown() has them in full."
        )
    ]
    for which in get_args(Which):
        filled = checklist(result, which, plan=given.plan, table=given.table, ledger=given.ledger)
        counts = ", ".join(f"{count} {status}" for status, count in filled.counts.items())
        parts.append(Fold(f"{filled.name}: {len(filled.items)} items, {counts}", [_table(filled)]))
    return Section("checklists", "Reporting checklists", parts)


def _table(filled: Checklist) -> Table:
    rows = []
    for row in filled.items.to_dict("records"):
        # the same facts answer many items, and stand in full in the sections above
        evidence = textwrap.shorten(str(row["evidence"]), MOST_CHARACTERS, placeholder=" …")
        told = [evidence] if evidence else []
        told += [f"To be filled in: {row['to_add']}."] if row["to_add"] else []
        told += [f"({row['note']})"] if row["note"] else []
        rows.append((*(str(row[k]) for k in ("item", "section", "asks", "status")), " ".join(told)))
    return Table(
        f"{filled.source}.", ("item", "section", "asked for", "status", "what the run knows"), rows
    )


def _how_to_cite(result: EvaluationResult, front: Headline, given: Given) -> Section:
    keys = references_used(result, given, front.best is not None)
    return Section(
        "cite",
        "How to cite",
        [
            Paragraph(
                f"The tumor_response developers. tumor_response {__version__} [computer software], "
                "2026. And what this report is made with:"
            ),
            Copy("BibTeX of the software and of the methods used here.", bibtex(keys)),
        ],
    )
