"""The statistician's folder: pseudonyms, sheets, codebook, scripts, metadata and sums, in order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from tumor_response.evaluation.leakage import CLASSES
from tumor_response.export.codebook import codebook_table, write_codebook
from tumor_response.export.free_text import check_texts
from tumor_response.export.outcomes import cleaned_flow
from tumor_response.export.package import PackageFacts, write_package
from tumor_response.export.parts import Study, prepared
from tumor_response.export.placing import check_place, whole
from tumor_response.export.pseudonymous import chosen_pseudonyms
from tumor_response.export.readme import readme
from tumor_response.export.recompute import write_scripts
from tumor_response.export.resamples import headline_frame, headline_model
from tumor_response.export.verifying import verify
from tumor_response.formats import Sheet
from tumor_response.formats.csv import write_frame
from tumor_response.formats.writing import check_formats, write_sheet
from tumor_response.frames import IntoFrame, as_keyed
from tumor_response.privacy import Pseudonyms
from tumor_response.table import FeatureTable

if TYPE_CHECKING:
    from tumor_response.evaluation import EvaluationResult
    from tumor_response.evaluation.leakage import LeakageTrace
    from tumor_response.repeatability.result import Robustness

__all__ = ["FORMATS_OF_A_BUNDLE", "ExportedBundle", "export_bundle"]

FORMATS_OF_A_BUNDLE = ("csv", "parquet", "dta", "sav", "rds", "xlsx")
_LONG = ("resamples", "scores", "apparent")
"""Sheets that no spreadsheet is for: some hundred thousand rows. The scripts read them as CSV."""


@dataclass(frozen=True)
class ExportedBundle:
    """What was handed over.

    Parameters
    ----------
    directory
        The folder.
    files
        All files in it, by name.
    left_behind
        Columns of table and outcomes that were kept back (see ``keep=``).
    sha256
        Of ``SHA256SUMS``: told to the other side by another way, it vouches for every file.
    """

    directory: Path
    files: tuple[Path, ...]
    left_behind: tuple[str, ...]
    sha256: str


def export_bundle(
    directory: str | Path,
    table: FeatureTable,
    outcomes: IntoFrame | None = None,
    result: EvaluationResult | None = None,
    *,
    formats: str | Sequence[str] = FORMATS_OF_A_BUNDLE,
    pseudonyms: bool | Pseudonyms = True,
    headline: str | None = None,
    keep: Sequence[str] = (),
    robustness: Robustness | None = None,
    trace: LeakageTrace | None = None,
    facts: PackageFacts | None = None,
) -> ExportedBundle:
    """Write a folder that a statistician can trust without us.

    ``features`` and ``outcomes`` in every format; ``resamples``, ``scores`` and ``apparent`` (who
    was in which resample, every score out of bag, the scores of models on their own rows) in all
    but Excel; ``headline.csv`` (what is to be recomputed), ``cohort_flow.csv``; a codebook;
    ``recompute.R`` and ``recompute.do``, which find the headline and its interval from these files
    alone; ``datapackage.json``, ``ro-crate-metadata.json``, ``SHA256SUMS`` and ``README.md``.

    Parameters
    ----------
    directory
        New, empty, or an unchanged bundle, which is replaced when the new one is whole.
    table
        The features.
    outcomes
        From :func:`tumor_response.shrinkage`, of lesions of the table.
    result
        From :func:`tumor_response.evaluate`, of rows of the table. Without it there are no
        resamples, scores and scripts.
    formats
        Of ``"csv"``, ``"parquet"``, ``"dta"`` (Stata), ``"sav"`` (SPSS), ``"rds"`` (R), ``"xpt"``
        (SAS), ``"xlsx"``. The scripts' sheets are written as CSV in any case.
    pseudonyms
        True: keyed ones under the default key file; :class:`~tumor_response.Pseudonyms`: under
        that one; False: everything leaves under the study's own identifiers, for use within the
        hospital. With pseudonyms sites are numbered, and dates, other text that travels with the
        table and unknown columns of the outcomes stay behind.
    headline
        The model of the headline; default: the first that is not a baseline, as in a report.
    keep
        Columns that you have looked at and let out as they are: ``meta__*`` of the table, such as
        ``"meta__site"``, or further columns of the outcomes.
    robustness
        From :func:`tumor_response.robustness`: ICC in the codebook.
    trace
        From ``result.leakage(...)``: its checks and what came of them, as ``leakage.csv``.
    facts
        Title, date, people and terms; default: today, and no licence.

    Returns
    -------
    ExportedBundle

    Raises
    ------
    TableError
        Codes ``index`` (outcomes or result of other lesions), ``unknown_column`` (``keep``),
        ``identifier_in_text`` (a name, path or UID in the words that would leave),
        ``format_unknown``, what a format cannot hold, ``table_unwritable``.
    BundleError
        Code ``bundle_files``: the folder holds something else than an unchanged bundle.
    SettingsError
        Code ``key_file``: the key would lie in the folder.
    EvaluationError
        Code ``unknown_model``.

    Notes
    -----
    Messages of failures, provenance and settings never leave: they quote paths, headers and cells
    of manifests. Reasons leave by codes that the library knows, all others as ``other``.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> folder = tempfile.mkdtemp()
    >>> cohort = tr.simulate_cohort(n_patients=4, seed=0, directory=f"{folder}/sim")
    >>> table = tr.extract(cohort, [tr.ClinicalFactors(["age", "volume_cc"])])
    >>> key = tr.Pseudonyms(f"{folder}/key")
    >>> bundle = export_bundle(f"{folder}/out", table, tr.shrinkage(cohort), formats="csv",
    ...                        pseudonyms=key)
    >>> [path.name for path in bundle.files][:3]
    ['README.md', 'SHA256SUMS', 'codebook.csv']
    >>> bundle.left_behind
    ('meta__date',)
    """
    outcomes = as_keyed(outcomes, "outcomes")
    directory = Path(directory)
    study = Study(table, outcomes, result)
    wanted = check_formats(formats)
    secret = chosen_pseudonyms(pseudonyms, directory)
    check_place(directory)
    chosen = None if result is None else headline_model(result, headline)
    parts = prepared(study, secret, keep)
    about = facts or PackageFacts(date=dt.datetime.now(tz=dt.UTC).date().isoformat())
    with whole(directory) as place:
        files = _write_sheets(place, parts.sheets, wanted)
        files += _write_frames(place, _frames(result, chosen, trace))
        book = codebook_table(parts.table, outcomes=parts.outcomes, robustness=robustness)
        files += write_codebook(place, _with_labels(book, parts.sheets), parts.sheets)
        if result is not None:
            files += write_scripts(place)
        text = readme(about, parts, wanted, result, chosen)
        (place / "README.md").write_bytes(text.encode("utf-8"))
        files.append(place / "README.md")
        write_package(place, parts.sheets, sorted(set(files)), _with_versions(about, parts.table))
    found = tuple(sorted(directory.iterdir()))
    return ExportedBundle(directory, found, parts.left_behind, verify(directory).sha256)


def _frames(
    result: EvaluationResult | None, chosen: str | None, trace: LeakageTrace | None
) -> dict[str, pd.DataFrame]:
    """Return the small tables that are CSV alone."""
    found = {}
    if result is not None and chosen is not None:
        found["headline"] = headline_frame(result, chosen)
        found["cohort_flow"] = cleaned_flow(result)
    if trace is not None:
        found["leakage"] = _leakage(trace)
    return found


def _leakage(trace: LeakageTrace) -> pd.DataFrame:
    """Return each check and what came of it: where and what exactly was found names rows."""
    parts = [getattr(trace, name)[["check", "status"]].assign(kind=name) for name in CLASSES]
    found: pd.DataFrame = pd.concat(parts, ignore_index=True)[["kind", "check", "status"]]
    check_texts({"checks of the leakage trace": found["check"]}, ())
    return found


def _write_sheets(place: Path, sheets: Sequence[Sheet], formats: Sequence[str]) -> list[Path]:
    files: list[Path] = []
    for sheet in sheets:
        of_scripts = sheet.name in (*_LONG, "outcomes")
        wanted = ["csv", *formats] if of_scripts else list(formats)
        for name in dict.fromkeys(wanted):
            if sheet.name in _LONG and name == "xlsx":
                continue
            written = write_sheet(sheet, place / sheet.name, name)
            files += written.paths
            names = written.names
            if (names["column"] != names["name"]).any() or (names["part"] > 1).any():
                files += _write_frames(place, {f"{sheet.name}_{name}_names": names})
    return files


def _write_frames(place: Path, frames: Mapping[str, pd.DataFrame]) -> list[Path]:
    for name, frame in frames.items():
        write_frame(frame, place / f"{name}.csv")
    return [place / f"{name}.csv" for name in frames]


def _with_labels(book: pd.DataFrame, sheets: Sequence[Sheet]) -> pd.DataFrame:
    """Return the codebook with our words for the columns that an evaluation adds."""
    labels = {
        variable.name: variable.label
        for sheet in sheets
        if sheet.name == "outcomes"
        for variable in sheet.variables
    }
    unsaid = (book["sheet"] == "outcomes") & (book["description"] == "")
    book.loc[unsaid, "description"] = book.loc[unsaid, "name"].map(labels).fillna("")
    return book


def _with_versions(facts: PackageFacts, table: FeatureTable) -> PackageFacts:
    versions = table.provenance["versions"]
    told = {f"version of {name}": str(version) for name, version in versions.items()}
    return facts.model_copy(update={"provenance": {**told, **facts.provenance}})
