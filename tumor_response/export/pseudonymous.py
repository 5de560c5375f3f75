"""Everything that says who somebody is, taken out of all tables at once.

By a list of what may leave, not of what may not: keys become pseudonyms, lesions keep a name that
says which kind of lesion it is and nothing else, sites become numbers, dates and whatever else
travelled with the table stay behind, and so do messages and provenance, which quote paths.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tumor_response.exceptions import SettingsError
from tumor_response.export.free_text import OTHER, known_code
from tumor_response.features.base import KEY_ROLE
from tumor_response.privacy import Pseudonyms, is_harmless_lesion_name
from tumor_response.table import FeatureTable

__all__ = ["Keys", "chosen_pseudonyms", "cleaned_table", "new_keys"]

_META_NUMBERS = ("meta__day", "meta__slice_thickness_mm", "meta__excluded_share")
_SITE = "meta__site"
_LIBRARIES = ("tumor_response", "python", "numpy", "pandas", "SimpleITK")
_VERSION = re.compile(r"\d+(?:\.\d+){0,3}(?:[.+-]?[a-z0-9]{1,12}){0,3}")
_COUNTS = ("n_patients", "n_lesions", "n_left_out")
_FEWEST_ROWS = 3
"""Of so many, a column that repeats the patients' numbers does not do so by chance."""


@dataclass(frozen=True)
class Keys:
    """From the study's keys to those that leave.

    Parameters
    ----------
    new
        (patient_id, lesion_id) -> the pair that stands for it.
    pseudonymous
        Whether they are others than the study's.
    """

    new: Mapping[tuple[str, str], tuple[str, str]]
    pseudonymous: bool

    @property
    def identifiers(self) -> set[str]:
        """Names of patients that must not leave.

        Those of lesions are words of the trade more often than not, and would be found everywhere.
        """
        return {patient for patient, _ in self.new} if self.pseudonymous else set()

    def index(self, given: pd.Index) -> pd.MultiIndex:
        """Return the index that stands for a given one, in its order."""
        pairs = [self.new[str(patient), str(lesion)] for patient, lesion in given]
        return pd.MultiIndex.from_tuples(pairs, names=given.names)

    def renamed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a frame under the new keys and in their order, which says nothing of the old."""
        return frame.set_axis(self.index(frame.index)).sort_index()

    def patients(self) -> dict[str, str]:
        """Return patient -> the name that stands for it."""
        return {before[0]: after[0] for before, after in self.new.items()}


def chosen_pseudonyms(given: bool | Pseudonyms, directory: Path) -> Pseudonyms | None:
    """Return the pseudonyms to use, None for none.

    Raises
    ------
    SettingsError
        Code ``key_file``: the key lies in the folder that is to be sent away.
    """
    if given is False:
        return None
    found = Pseudonyms() if given is True else given
    if found.key_file.resolve().is_relative_to(directory.resolve()):
        raise SettingsError(
            f"The key file {found.key_file} lies in the folder of the bundle; whoever gets both "
            "can tell the patients. Name another, tr.Pseudonyms(key_file).",
            code="key_file",
        )
    return found


def new_keys(given: pd.MultiIndex, pseudonyms: Pseudonyms | None) -> Keys:
    """Return the keys that leave.

    Parameters
    ----------
    given
        (patient_id, lesion_id) of every lesion of the study.
    pseudonyms
        None: the study's own keys leave.
    """
    pairs = sorted((str(patient), str(lesion)) for patient, lesion in given)
    if pseudonyms is None:
        return Keys({pair: pair for pair in pairs}, pseudonymous=False)
    of_patient = pseudonyms.of_all({patient for patient, _ in pairs})
    new: dict[tuple[str, str], tuple[str, str]] = {}
    counts: dict[str, int] = {}
    for patient, lesion in pairs:
        name = lesion
        if not is_harmless_lesion_name(lesion):
            counts[patient] = counts.get(patient, 0) + 1
            name = f"L{counts[patient]}"
        new[patient, lesion] = (of_patient[patient], name)
    return Keys(new, pseudonymous=True)


def cleaned_table(
    table: FeatureTable, keys: Keys, keep: Sequence[str] = ()
) -> tuple[FeatureTable, list[str]]:
    """Return the table as it may leave, and the columns that stay behind.

    Parameters
    ----------
    table
        Of the study.
    keys
        From :func:`new_keys`, of all its lesions.
    keep
        Columns that somebody has looked at and lets out as they are.

    Returns
    -------
    tuple of FeatureTable and list of str
        Without keys of images kept elsewhere; under pseudonyms also without dates and other text
        that travelled along, without columns that repeat the patients' numbers, with sites as
        ``site 1``, ``site 2`` ... in the order of the pseudonyms. Failures have no messages, the
        provenance is versions and counts.
    """
    role = table.dictionary["role"]
    left = list(role.index[role == KEY_ROLE])
    if keys.pseudonymous:
        allowed = {*_META_NUMBERS, _SITE, *keep}
        left += [name for name in role.index[role == "meta"] if name not in allowed]
        left += [
            name
            for name in role.index[~role.isin(["meta", KEY_ROLE])]
            if name not in keep and _repeats_patients(table.data[name])
        ]
    data = keys.renamed(table.data.drop(columns=left))
    if keys.pseudonymous and _SITE in data and _SITE not in keep:
        data[_SITE] = _numbered(data[_SITE])
    cleaned = FeatureTable(
        data,
        table.dictionary.drop(index=left),
        _cleaned_failures(table, keys),
        _cleaned_provenance(table.provenance),
    )
    return cleaned, left


def _numbered(sites: pd.Series) -> pd.Series:
    """Return sites as numbers, in the order in which the rows have them."""
    words = [None if pd.isna(site) else str(site) for site in sites]
    names = {word: f"site {k}" for k, word in enumerate(dict.fromkeys(w for w in words if w), 1)}
    cells = [None if word is None else names[word] for word in words]
    return pd.Series(pd.Categorical(cells, categories=list(names.values())), index=sites.index)


def _repeats_patients(column: pd.Series) -> bool:
    """Say whether a column of numbers is the patients' own, as a record number is."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return False
    number = pd.to_numeric(pd.Series(column.index.get_level_values(0)), errors="coerce")
    own = number.to_numpy(dtype=np.float64)
    value = column.to_numpy(dtype=np.float64)
    both = np.isfinite(own) & np.isfinite(value)
    same = value[both] == own[both]
    return bool(len(np.unique(value[both])) >= _FEWEST_ROWS and same.all())


def _cleaned_failures(table: FeatureTable, keys: Keys) -> pd.DataFrame:
    """Return the failures by code alone: messages quote paths, headers and cells of manifests."""
    failures = table.failures
    blocks = {*table.dictionary["block"], "case"}
    pairs = zip(failures["patient_id"], failures["lesion_id"], strict=True)
    new = [keys.new[str(patient), str(lesion)] for patient, lesion in pairs]
    cleaned = failures.assign(
        patient_id=[patient for patient, _ in new],
        lesion_id=[lesion for _, lesion in new],
        block=[block if block in blocks else OTHER for block in failures["block"]],
        reason=[known_code(str(reason)) for reason in failures["reason"]],
        message="",
    )
    order = ["patient_id", "lesion_id", "block", "reason"]
    return cleaned.sort_values(order, ignore_index=True).astype(failures.dtypes.to_dict())


def _cleaned_provenance(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return versions and counts; settings are in the dictionary by their hash."""
    given = {**dict(provenance.get("versions", {})), **provenance}
    versions = {
        name: given[name]
        for name in _LIBRARIES
        if isinstance(given.get(name), str) and _VERSION.fullmatch(given[name])
    }
    counts = {name: given[name] for name in _COUNTS if isinstance(given.get(name), int)}
    return {"versions": versions, **counts}
