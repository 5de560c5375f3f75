"""The statistician's folder: pseudonyms, sheets, codebook, scripts, metadata and sums, in order."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from tumor_response.evaluation.leakage import CLASSES
from tumor_response.exceptions import BundleError, TableError
from tumor_response.export.codebook import codebook_table, write_codebook
from tumor_response.export.free_text import check_texts
from tumor_response.export.outcomes import (
    cleaned_flow,
    cleaned_outcomes,
    lesions_of,
    outcome_sheet,
)
from tumor_response.export.package import SUMS, PackageFacts, write_package
from tumor_response.export.pseudonymous import Keys, chosen_pseudonyms, cleaned_table, new_keys
from tumor_response.export.readme import readme
from tumor_response.export.recompute import SCRIPTS, write_scripts
from tumor_response.export.resamples import (
    apparent_sheet,
    headline_frame,
    headline_model,
    resample_sheet,
    score_sheet,
)
from tumor_response.export.verifying import verify
from tumor_response.formats import Sheet
from tumor_response.formats.csv import write_frame
from tumor_response.formats.writing import check_formats, write_sheet
from tumor_response.privacy import Pseudonyms
from tumor_response.table import FeatureTable
from tumor_response.table.as_sheet import table_as_sheet

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
    outcomes: pd.DataFrame | None = None,
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
        The model of the headline; default: the first one evaluated.
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
    directory = Path(directory)
    if not isinstance(table, FeatureTable):
        raise TableError(
            f"table: expected a FeatureTable, received {type(table).__name__}; a bundle says what "
            "each column is."
        )
    wanted = check_formats(formats)
    secret = chosen_pseudonyms(pseudonyms, directory)
    _check_lesions(table, outcomes, result)
    _check_place(directory)
    chosen = None if result is None else headline_model(result, headline)
    keys = new_keys(_as_text(table.data.index), secret)
    parts = _Parts.of(table, outcomes, result, keys, keep)
    check_texts(_texts(parts, trace), keys.identifiers | _sites(table, keys, keep))
    about = facts or PackageFacts(date=dt.datetime.now(tz=dt.UTC).date().isoformat())
    with _whole(directory) as place:
        files = _write_sheets(place, parts.sheets, wanted)
        files += _write_frames(place, _frames(result, chosen, trace))
        book = codebook_table(parts.table, outcomes=parts.for_codebook, robustness=robustness)
        files += write_codebook(place, _with_labels(book, parts.sheets), parts.sheets)
        if result is not None:
            write_scripts(place)
            files += [place / name for name in SCRIPTS]
        text = readme(about, parts.sheets, wanted, keys, result, chosen)
        (place / "README.md").write_bytes(text.encode("utf-8"))
        files.append(place / "README.md")
        write_package(place, parts.sheets, sorted(set(files)), _with_versions(about, parts.table))
    found = tuple(sorted(directory.iterdir()))
    return ExportedBundle(directory, found, parts.left_behind, verify(directory).sha256)


@dataclass(frozen=True)
class _Parts:
    """Everything of the study as it may leave."""

    table: FeatureTable
    sheets: list[Sheet]
    for_codebook: pd.DataFrame | None
    left_behind: tuple[str, ...]

    @classmethod
    def of(
        cls,
        table: FeatureTable,
        outcomes: pd.DataFrame | None,
        result: EvaluationResult | None,
        keys: Keys,
        keep: Sequence[str],
    ) -> _Parts:
        cleaned, left = cleaned_table(table, keys, keep)
        ends = None
        if outcomes is not None:
            renamed = outcomes.set_axis(_as_text(outcomes.index))
            ends, others = cleaned_outcomes(renamed, keys, keep)
            left += others
        rows = pd.MultiIndex.from_tuples(list(cleaned.data.index), names=cleaned.data.index.names)
        sheets = [table_as_sheet(cleaned)]
        about = outcome_sheet(ends, result, keys, rows)
        if about is not None:
            sheets.append(about)
        if result is not None:
            sheets += [
                resample_sheet(result, keys),
                score_sheet(result, keys),
                apparent_sheet(result, keys),
            ]
        book = None if about is None else about.frame.set_index(["patient_id", "lesion_id"])
        return cls(cleaned, sheets, book, tuple(left))


def _as_text(index: pd.Index) -> pd.MultiIndex:
    return pd.MultiIndex.from_tuples(
        [(str(patient), str(lesion)) for patient, lesion in index],
        names=["patient_id", "lesion_id"],
    )


def _check_lesions(
    table: FeatureTable, outcomes: pd.DataFrame | None, result: EvaluationResult | None
) -> None:
    """Refuse outcomes and results of lesions that the table has not."""
    known = set(_as_text(table.data.index))
    given: dict[str, pd.Index] = {}
    if outcomes is not None:
        if list(outcomes.index.names) != ["patient_id", "lesion_id"]:
            raise TableError(
                f"outcomes: the index is {list(outcomes.index.names)}, expected patient_id and "
                "lesion_id, as tr.shrinkage gives it.",
                code="index",
            )
        given["outcomes"] = _as_text(outcomes.index)
    if result is not None:
        given["result"] = lesions_of(result)
    for what, index in given.items():
        strangers = len(set(index) - known)
        if strangers or not index.is_unique:
            raise TableError(
                f"{what}: {strangers} of {len(index)} lesion(s) are not in the table, or one is "
                "there twice. Give the outcomes and the result of this table.",
                code="index",
            )


def _sites(table: FeatureTable, keys: Keys, keep: Sequence[str]) -> set[str]:
    """Return the names of sites that must not leave."""
    if not keys.pseudonymous or "meta__site" in keep or "meta__site" not in table.data:
        return set()
    return {str(site) for site in table.data["meta__site"].dropna().unique()}


def _texts(parts: _Parts, trace: LeakageTrace | None) -> dict[str, Iterator[str]]:
    """Return all words that would leave and have no list of what is allowed."""
    variables = [variable for sheet in parts.sheets for variable in sheet.variables]
    dictionary = parts.table.dictionary
    found: dict[str, Iterator[str]] = {
        "names of columns": (variable.name for variable in variables),
        "descriptions of columns and models": (variable.label for variable in variables),
        "levels of categories": (level for variable in variables for level in variable.levels),
        "entries of the dictionary": (
            str(cell) for name in dictionary for cell in dictionary[name].unique()
        ),
    }
    if trace is not None:
        found["checks of the leakage trace"] = (
            str(check) for name in CLASSES for check in getattr(trace, name)["check"]
        )
    return found


def _frames(
    result: EvaluationResult | None, chosen: str | None, trace: LeakageTrace | None
) -> dict[str, pd.DataFrame]:
    """Return the small tables that are CSV alone."""
    found = {}
    if result is not None and chosen is not None:
        found["headline"] = headline_frame(result, chosen)
        found["cohort_flow"] = cleaned_flow(result)
    if trace is not None:
        # where and what exactly was found names rows; that it was found does not
        found["leakage"] = pd.concat(
            [
                getattr(trace, name)[["check", "status"]].assign(**{"class": name})
                for name in CLASSES
            ]
        )[["class", "check", "status"]]
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


def _check_place(directory: Path) -> None:
    """Refuse a folder that holds anything but an unchanged bundle."""
    if not directory.exists():
        return
    if directory.is_dir() and not any(directory.iterdir()):
        return
    if directory.is_dir() and (directory / SUMS).is_file() and verify(directory).ok:
        return
    raise BundleError(
        f"{directory} is neither a new or empty folder nor an unchanged bundle (see tumor-response "
        "verify). Name another, or empty it: nothing of yours is deleted.",
        code="bundle_files",
    )


@contextmanager
def _whole(directory: Path) -> Iterator[Path]:
    """Give a folder beside the one named, which takes its place when it is whole."""
    directory = directory.resolve()
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    except OSError as error:
        raise TableError(
            f"{directory} cannot be written ({error.strerror}). Choose another folder.",
            code="table_unwritable",
        ) from None
    try:
        place.chmod(0o755)  # as a new folder is; temporary ones are the owner's alone
        yield place
        if directory.exists():
            shutil.rmtree(directory)
        place.replace(directory)
    finally:
        shutil.rmtree(place, ignore_errors=True)
