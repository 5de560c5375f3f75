"""A new study: what its data hold, what is chosen from them, and its settings file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from tumor_response.cohort import Cohort
from tumor_response.exceptions import SettingsError
from tumor_response.imaging.dicom.archive.listing import list_rois
from tumor_response.study.naming import BASELINES, NONE
from tumor_response.study.reading import FILE_NAME, read_settings
from tumor_response.study.template import toml_text

__all__ = [
    "NewStudy",
    "Source",
    "only_tumour",
    "read_cohort",
    "structures_of",
    "variables_of",
    "write_study",
]

MOST_LEVELS = 12
"""A text column with more different values is free text or an identifier, not a category."""


@dataclass(frozen=True)
class Source:
    """Where the lesions come from: a manifest, or a folder of DICOM objects with ``roi``."""

    path: Path
    roi: str | None = None
    clinical_table: Path | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder or zip archive of DICOM objects."""
        return self.path.is_dir() or self.path.suffix.lower() == ".zip"


@dataclass(frozen=True)
class NewStudy:
    """What a study is begun with.

    Parameters
    ----------
    source
        Manifest, or DICOM folder with ``roi``.
    known
        Clinical variables known before treatment: numbers as they are, text as categories with
        the levels that are there.
    features
        Further keys of the section ``[features]``, such as ``{"radiomics": "minimal"}``.
    title
        Of the report.
    """

    source: Source
    known: Sequence[str] = ()
    features: Mapping[str, Any] = field(default_factory=dict)
    title: str | None = None


def structures_of(folder: Path, n_jobs: int = 1) -> pd.DataFrame:
    """Return the structures of a DICOM folder by name, those of most patients first.

    Returns
    -------
    pandas.DataFrame
        Index ``roi``. ``tg263`` (suggested name), ``n_patients``, ``n_structures``,
        ``volume_cc`` (median), ``volume_low_cc``, ``volume_high_cc``.
    """
    listed = list_rois(folder, n_jobs=n_jobs)
    if listed.empty:
        raise SettingsError(
            f"{folder}: no structure set and no segmentation (RTSTRUCT, SEG), so no tumour. Name "
            "a folder that has them, or a manifest with masks."
        )
    by_name = listed.groupby("roi")
    found = pd.DataFrame(
        {
            "tg263": by_name["tg263"].first(),
            "n_patients": by_name["patient_id"].nunique(),
            "n_structures": by_name.size(),
            "volume_cc": by_name["volume_cc"].median(),
            "volume_low_cc": by_name["volume_cc"].min(),
            "volume_high_cc": by_name["volume_cc"].max(),
        }
    )
    return found.sort_values(["n_patients", "volume_cc"], ascending=False, kind="stable")


def only_tumour(structures: pd.DataFrame) -> str | None:
    """Return the pattern of the one structure that can be the tumour; ``None``: not that clear.

    Examples
    --------
    >>> only_tumour(pd.DataFrame(index=["GTV", "Lung_L"]))
    'GTV'
    >>> only_tumour(pd.DataFrame(index=["GTVp", "GTVn"])) is None
    True
    """
    names = [str(name) for name in structures.index if re.match(r"(?i)gtv", str(name))]
    return re.escape(names[0]) if len(names) == 1 else None


def variables_of(cohort: Cohort) -> pd.DataFrame:
    """Return the clinical variables that could be known before treatment.

    Returns
    -------
    pandas.DataFrame
        Index ``name``. ``kind``: ``"number"``, ``"category"`` or ``"text"`` (too many different
        values); ``n_missing`` lesions; ``values``: range or levels, in words; ``levels``.
    """
    rows = {}
    for name in cohort.variables:
        values = [case.variables.get(name) for case in cohort]
        there = [value for value in values if value is not None and value != ""]
        levels = sorted({str(value) for value in there})
        if there and all(isinstance(value, int | float) for value in there):
            numbers = [float(value) for value in there]
            kind, told, levels = "number", f"{min(numbers):g} to {max(numbers):g}", []
        elif len(levels) <= MOST_LEVELS:
            kind, told = "category", ", ".join(levels)
        else:
            kind, told = "text", f"{len(levels)} different values"
        rows[name] = (kind, len(values) - len(there), told, levels)
    columns = ["kind", "n_missing", "values", "levels"]
    found = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    found.index.name = "name"
    return found


def read_cohort(source: Source, n_jobs: int = 1) -> Cohort:
    """Read the cohort of a source."""
    if not source.is_folder:
        if source.roi is not None or source.clinical_table is not None:
            raise SettingsError(
                "--roi and --clinical-table are for folders; a manifest has columns for both."
            )
        return Cohort.from_csv(source.path)
    if source.roi is None:
        raise SettingsError(
            f"{source.path} is a folder: which structure is the tumour? Say --roi, for example "
            "--roi 'GTV.*'; tumor-response check FOLDER shows the structures."
        )
    return Cohort.from_dicom(source.path, source.roi, clinical=source.clinical_table, n_jobs=n_jobs)


def write_study(
    folder: str | Path, new: NewStudy, cohort: Cohort, *, overwrite: bool = False
) -> Path:
    """Write the settings file of a new study.

    Parameters
    ----------
    folder
        Of the study; made if it is not there.
    new
        What it is begun with.
    cohort
        The cohort of ``new.source``.
    overwrite
        Whether a settings file that is there may be replaced.

    Returns
    -------
    Path
        The settings file.

    Raises
    ------
    SettingsError
        If there is one already, for a variable that is not there or was known only afterwards,
        and for text that is no category.
    """
    folder = Path(folder)
    path = folder / FILE_NAME
    if path.exists() and not overwrite:
        raise SettingsError(
            f"{path} is there already, and is not overwritten. Change it by hand and run the "
            "study, name another folder, or say --overwrite."
        )
    if any(one.is_file() for one in (folder.absolute(), *folder.absolute().parents)):
        raise SettingsError(f"{folder} is a file, or lies below one; a study is a folder.")
    numbers, categories = _sorted_variables(cohort, new.known)
    features = {**new.features, "clinical": numbers, "categories": categories}
    values = {
        "study": {"title": new.title or f"Response to radiotherapy: {new.source.path.stem}"},
        "cohort": _cohort_values(new.source, folder),
        "features": features,
    }
    images = [features.get("radiomics"), features.get("backbone")]
    if images == [NONE, NONE]:
        values["models"] = {"headline": BASELINES[-1]}
        values["explanation"] = {"models": []}
    why = {"features.clinical": _unused(cohort, new.known)}
    text = toml_text(values, why)
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{FILE_NAME}.part")
    try:
        part.write_text(text, encoding="utf-8")
        read_settings(part)  # what cannot be run is not begun
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _cohort_values(source: Source, folder: Path) -> dict[str, Any]:
    if not source.is_folder:
        return {"manifest": _placed(source.path, folder)}
    values = {"folder": _placed(source.path, folder), "roi": source.roi}
    if source.clinical_table is not None:
        values["clinical_table"] = _placed(source.clinical_table, folder)
    return values


def _placed(path: Path, folder: Path) -> str:
    """Return a path as the settings file has it: relative for what lies beside the study."""
    relative = os.path.relpath(path.absolute(), folder.absolute())
    far = Path(relative).parts[:2] == ("..", "..")
    return str(path.absolute()) if far else Path(relative).as_posix()


def _sorted_variables(
    cohort: Cohort, known: Sequence[str]
) -> tuple[list[str], dict[str, list[str]]]:
    there = variables_of(cohort)
    numbers: list[str] = []
    categories: dict[str, list[str]] = {}
    for name in dict.fromkeys(known):
        if name == "volume_cc":
            continue  # always there, from the contour
        if name not in there.index:
            late = name in cohort.roles
            why = "is known only after treatment began" if late else "is not in the data"
            names = ", ".join(there.index) or "none"
            raise SettingsError(f"Clinical variable {name!r} {why}; there are: {names}.")
        row = there.loc[name]
        if row["kind"] == "number":
            numbers.append(name)
        elif row["kind"] == "category" and len(row["levels"]) > 1:
            categories[name] = list(row["levels"])
        else:
            raise SettingsError(
                f"Clinical variable {name!r} is no predictor: {row['values'] or 'no value'}. "
                "A category has two levels or more; leave it out, or give it as a number."
            )
    return numbers, categories


def _unused(cohort: Cohort, known: Sequence[str]) -> str:
    unused = [name for name in cohort.variables if name not in known]
    return f"Also there, not used: {', '.join(unused)}." if unused else ""
