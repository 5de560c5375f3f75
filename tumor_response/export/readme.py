"""``README.md`` of a bundle: what lies in it, how to open it, what was reported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tumor_response._version import __version__
from tumor_response.export.package import PackageFacts
from tumor_response.export.parts import Parts
from tumor_response.export.resamples import LEVEL

if TYPE_CHECKING:
    from tumor_response.evaluation import EvaluationResult

__all__ = ["readme"]

_OPENS = {
    "csv": "any program; UTF-8, all digits; why values are missing is in `<name>_missing.csv`",
    "parquet": "Python, R (arrow), Spark; reasons as for CSV",
    "dta": 'Stata: `use "features.dta"`; missing values `.a` to `.z` have labels that say why',
    "sav": "SPSS, or R's `haven::read_sav(..., user_na = TRUE)`; reasons are user-missing values",
    "rds": 'R, no packages: `features <- readRDS("features.rds")`',
    "xpt": "SAS: `libname bundle xport 'features.xpt';`; missing values `.A` to `.Z`",
    "xlsx": "Excel; reasons as for CSV. Not for the long tables",
}
_PSEUDONYMS = (
    "Patients bear keyed pseudonyms, the same in every file and in every bundle made with the same "
    "key, which is not here. Sites are numbered; dates stayed behind. The rows are still data of "
    "single persons: pass them on only as the agreement with the sender allows."
)
_NAMED = (
    "Patients bear the identifiers of the hospital: this folder is for use within it and must not "
    "leave it."
)


def readme(
    facts: PackageFacts,
    parts: Parts,
    formats: Sequence[str],
    result: EvaluationResult | None,
    headline: str | None,
) -> str:
    """Return the text.

    Parameters
    ----------
    facts
        Title, terms, date.
    parts, formats
        What was written, and how.
    result, headline
        The evaluation and the model of its headline, if there is one.
    """
    lines = [
        f"# {facts.title}",
        "",
        facts.description,
        "",
        f"Made by tumor_response {__version__} on {facts.date}. {facts.licence}",
        "",
        "## Who the rows are",
        "",
        _PSEUDONYMS if parts.pseudonymous else _NAMED,
        "",
        "## What is in here",
        "",
        "| table | rows | columns | what it is |",
        "| --- | --- | --- | --- |",
        *(
            f"| `{sheet.name}` | {len(sheet.frame):,} | {len(sheet.variables):,} | {sheet.label} |"
            for sheet in parts.sheets
        ),
        "",
        "What every column is, its formula, unit and range: `codebook.html` (or `.md`, `.csv`).",
        "Where a program cannot have a column's name, `<table>_<format>_names.csv` leads from one "
        "name to the other.",
        "",
        "| format | how to open it |",
        "| --- | --- |",
        *(f"| `.{name}` | {_OPENS[name]} |" for name in formats),
        "",
        "`SHA256SUMS` vouches for every file: `sha256sum --check SHA256SUMS`, or "
        "`tumor-response verify .`; `datapackage.json` is Frictionless, "
        "`ro-crate-metadata.json` RO-Crate.",
        "",
    ]
    if result is not None:
        lines += _of_result(result, headline)
    lines += ["For research. Not a medical device.", ""]
    return "\n".join(lines)


def _of_result(result: EvaluationResult, headline: str | None) -> list[str]:
    summary = result.summary()
    rows = [
        f"| {name}{' (headline)' if name == headline else ''} | {row[result.headline]:.15g} | "
        f"{row['ci_low']:.15g} | {row['ci_high']:.15g} | {row['ci_method']} |"
        for name, row in summary.iterrows()
    ]
    return [
        "## What was reported, and how to find it without us",
        "",
        f"| model | `{result.headline}` | {100 * LEVEL:g} % from | to | interval |",
        "| --- | --- | --- | --- | --- |",
        *rows,
        "",
        "```",
        "Rscript recompute.R        # R alone, no packages",
        "do recompute.do            // Stata 15 or later, in this folder",
        "```",
        "",
        "Neither reads this page. They compute the figures from `scores`, `resamples` and "
        "`outcomes`, by what `headline.csv` says is to be computed; the R script also finds the "
        "cuts between the classes and the end points anew. Write results to another folder: a "
        "file more, and the sums no longer hold.",
        "",
    ]
