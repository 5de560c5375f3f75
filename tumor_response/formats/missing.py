"""Why values are missing: letters for programs that have them, a table beside the others."""

from __future__ import annotations

import string
from collections import Counter

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.formats.sheet import Sheet

__all__ = ["FURTHER", "KEYS", "missing_table", "reason_codes_of"]

IntArray = npt.NDArray[np.int64]

KEYS = ("patient_id", "lesion_id")
FURTHER = "z"
"""The letter of all reasons that have none of their own."""


def reason_codes_of(sheet: Sheet) -> dict[str, str]:
    """Return a letter for every reason: Stata's ``.a``, SAS's ``.A``, R's tagged NA.

    The same letters in every column and every part of a sheet. With more than 25 reasons, the
    rarest share ``"z"``.

    Returns
    -------
    dict
        From reason to letter, by the alphabet; only reasons of values that are missing.

    Examples
    --------
    >>> from tumor_response.formats import Variable
    >>> frame = pd.DataFrame({"size": [1.0, np.nan]})
    >>> reasons = pd.DataFrame({"size": ["", "mask_empty"]})
    >>> reason_codes_of(Sheet("s", "", frame, (Variable("size", "Size", "number"),), reasons))
    {'mask_empty': 'a'}
    """
    counts = Counter(_told(sheet)[2])
    by_frequency = sorted(counts, key=lambda reason: (-counts[reason], reason))
    letters = string.ascii_lowercase[:-1]
    own = sorted(by_frequency[: len(letters)])
    codes = dict(zip(own, letters, strict=False))
    return codes | dict.fromkeys(sorted(by_frequency[len(letters) :]), FURTHER)


def missing_table(sheet: Sheet) -> pd.DataFrame:
    """Return one row per missing value whose reason is known.

    Beside every format: CSV, Parquet and Excel have no place for reasons, the others none in
    columns of text, and letters for 26 alone.

    Returns
    -------
    pandas.DataFrame
        The keys that the sheet has (``row``, from 1, if it has none), ``column``, ``reason``,
        ``letter`` (:func:`reason_codes_of`).
    """
    codes = reason_codes_of(sheet)
    rows, columns, words = _told(sheet)
    keys = [key for key in KEYS if key in sheet.frame.columns]
    told: dict[str, object] = {key: sheet.frame[key].to_numpy(object)[rows] for key in keys}
    if not keys:
        told["row"] = rows + 1
    told["column"] = np.array(sheet.frame.columns, object)[columns]
    told["reason"] = words
    told["letter"] = [codes[word] for word in words]
    return pd.DataFrame(told)


def _told(sheet: Sheet) -> tuple[IntArray, IntArray, list[str]]:
    """Return rows and columns of missing values whose reason is known, and the reasons."""
    if sheet.reasons is None:
        nowhere = np.zeros(0, np.int64)
        return nowhere, nowhere, []
    reasons = sheet.reasons.to_numpy(dtype=object)
    known = sheet.reasons.notna().to_numpy() & (reasons != "") & sheet.frame.isna().to_numpy()
    rows, columns = np.nonzero(known)
    return rows, columns, [str(reason) for reason in reasons[rows, columns]]
