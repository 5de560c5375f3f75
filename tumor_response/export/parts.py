"""All that leaves with a bundle, made ready at once: keys first, then every table under them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from tumor_response.exceptions import TableError
from tumor_response.export.free_text import check_texts
from tumor_response.export.outcomes import cleaned_outcomes, lesions_of, outcome_sheet
from tumor_response.export.pseudonymous import cleaned_table, new_keys
from tumor_response.export.resamples import apparent_sheet, resample_sheet, score_sheet
from tumor_response.formats import Sheet
from tumor_response.privacy import Pseudonyms
from tumor_response.table import FeatureTable
from tumor_response.table.as_sheet import table_as_sheet

if TYPE_CHECKING:
    from tumor_response.evaluation import EvaluationResult

__all__ = ["Parts", "Study", "prepared"]

_KEYS = ["patient_id", "lesion_id"]


@dataclass(frozen=True, eq=False)
class Study:
    """What is to be handed over, as the study has it.

    Parameters
    ----------
    table
        The features.
    outcomes
        Index (patient_id, lesion_id), or None.
    result
        An evaluation of rows of the table, or None.

    Raises
    ------
    TableError
        Code ``index``: outcomes or result of other lesions than the table's.
    """

    table: FeatureTable
    outcomes: pd.DataFrame | None
    result: EvaluationResult | None

    def __post_init__(self) -> None:
        if not isinstance(self.table, FeatureTable):
            raise TableError(
                f"table: expected a FeatureTable, received {type(self.table).__name__}; a bundle "
                "says what each column is."
            )
        if self.outcomes is not None and list(self.outcomes.index.names) != _KEYS:
            raise TableError(
                f"outcomes: the index is {list(self.outcomes.index.names)}, expected {_KEYS}, as "
                "tr.shrinkage gives it.",
                code="index",
            )
        given = {} if self.outcomes is None else {"outcomes": _as_text(self.outcomes.index)}
        if self.result is not None:
            given["result"] = lesions_of(self.result)
        known = set(self.lesions)
        for what, index in given.items():
            strangers = len(set(index) - known)
            if strangers or not index.is_unique:
                raise TableError(
                    f"{what}: {strangers} of {len(index)} lesion(s) are not in the table, or one "
                    "is there twice. Give the outcomes and the result of this table.",
                    code="index",
                )

    @property
    def lesions(self) -> pd.MultiIndex:
        """All lesions, as text."""
        return _as_text(self.table.data.index)

    @property
    def sites(self) -> set[str]:
        """Names of the sites, if there are any."""
        if "meta__site" not in self.table.data:
            return set()
        return {str(site) for site in self.table.data["meta__site"].dropna().unique()}


@dataclass(frozen=True, eq=False)
class Parts:
    """Everything of the study as it may leave.

    Parameters
    ----------
    table
        Under the new keys.
    sheets
        Features, outcomes, resamples, scores, apparent, as far as there are any.
    outcomes
        The frame of the outcomes' sheet by lesion, for the codebook; or None.
    pseudonymous
        Whether the keys are others than the study's.
    left_behind
        Columns that are kept back.
    """

    table: FeatureTable
    sheets: list[Sheet]
    outcomes: pd.DataFrame | None
    pseudonymous: bool
    left_behind: tuple[str, ...]


def prepared(study: Study, pseudonyms: Pseudonyms | None, keep: Sequence[str]) -> Parts:
    """Return what may leave of a study.

    Parameters
    ----------
    study
        What is to be handed over.
    pseudonyms
        None: under the study's own keys.
    keep
        Columns that leave as they are.

    Raises
    ------
    TableError
        Codes ``unknown_column``: ``keep`` names a column that is nowhere; ``identifier_in_text``:
        see :func:`tumor_response.export.free_text.check_texts`.
    """
    _check_kept(study, keep)
    keys = new_keys(study.lesions, pseudonyms)
    table, left = cleaned_table(study.table, keys, keep)
    ends = None
    if study.outcomes is not None:
        renamed = study.outcomes.set_axis(_as_text(study.outcomes.index))
        ends, others = cleaned_outcomes(renamed, keys, keep)
        left += others
    sheets = [table_as_sheet(table)]
    about = outcome_sheet(ends, study.result, keys, _as_text(table.data.index))
    if about is not None:
        sheets.append(about)
    if study.result is not None:
        of_result = (resample_sheet, score_sheet, apparent_sheet)
        sheets += [sheet(study.result, keys) for sheet in of_result]
    sites = set() if not keys.pseudonymous or "meta__site" in keep else study.sites
    check_texts(_texts(sheets, table.dictionary), keys.identifiers | sites)
    outcomes = None if about is None else about.frame.set_index(_KEYS)
    return Parts(table, sheets, outcomes, keys.pseudonymous, tuple(left))


def _check_kept(study: Study, keep: Sequence[str]) -> None:
    known = {*study.table.data.columns, *([] if study.outcomes is None else study.outcomes.columns)}
    for name in keep:
        if name not in known:
            raise TableError(
                f"keep={name!r}: neither the table nor the outcomes have such a column.",
                code="unknown_column",
            )


def _texts(sheets: Sequence[Sheet], dictionary: pd.DataFrame) -> dict[str, Iterable[str]]:
    """Return all words that would leave and have no list of what is allowed."""
    variables = [variable for sheet in sheets for variable in sheet.variables]
    cells = [str(cell) for name in dictionary for cell in dictionary[name].unique()]
    return {
        "names of columns": [variable.name for variable in variables],
        "descriptions of columns and models": [variable.label for variable in variables],
        "levels of categories": [level for variable in variables for level in variable.levels],
        "entries of the dictionary": cells,
    }


def _as_text(index: pd.Index) -> pd.MultiIndex:
    return pd.MultiIndex.from_tuples([tuple(map(str, key)) for key in index], names=_KEYS)
