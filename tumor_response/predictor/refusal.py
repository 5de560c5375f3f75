"""Which lesions get no prediction, and why: said in a code, never by leaving them out."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from tumor_response.exceptions import TableError
from tumor_response.settings import Settings

__all__ = ["RefusalRule", "missing_shares", "refusals", "with_columns"]

BLOCK_MISSING = "block_missing"
COLUMNS_MISSING = "columns_missing"
OUT_OF_DOMAIN = "out_of_domain"


class RefusalRule(Settings):
    """From where on a lesion is refused rather than predicted.

    A lesion of which a whole block is missing is always refused, with the reason of the failure:
    an image that cannot be read, an empty contour, a finding of the quality checks.

    Parameters
    ----------
    max_missing_share
        Of a block's columns that the model reads, how many may be missing and are left to the
        model's imputer. Columns that some training lesion lacked as well do not count: the model
        has learnt to do without.
    out_of_domain
        Whether lesions outside the training domain are refused. By default they are predicted and
        flagged.

    Raises
    ------
    SettingsError
        A share outside 0 to 1.

    Examples
    --------
    >>> RefusalRule(out_of_domain=True).max_missing_share
    0.1
    """

    max_missing_share: float = Field(0.1, ge=0, le=1)
    out_of_domain: bool = False


def with_columns(data: pd.DataFrame, known: pd.DataFrame, read: Collection[str]) -> pd.DataFrame:
    """Return a table's columns in the order in which the model was fitted to them.

    Parameters
    ----------
    data
        The new lesions.
    known
        The training table's dictionary.
    read
        Columns without which nothing can be predicted.

    Raises
    ------
    TableError
        Code ``columns_missing``, naming them.

    Examples
    --------
    >>> data = pd.DataFrame({"clinical__age": [61.0], "clinical__other": [1.0]})
    >>> known = pd.DataFrame(index=["meta__site", "clinical__age"])
    >>> with_columns(data, known, ["clinical__age"]).columns.tolist()
    ['clinical__age']
    """
    lacking = [column for column in read if column not in data.columns]
    if lacking:
        shown = ", ".join(lacking[:5]) + (" ..." if len(lacking) > 5 else "")
        raise TableError(
            f"The predictor reads {len(read)} columns, and {len(lacking)} of them are not in the "
            f"table: {shown}. Extract the lesions with the predictor's own settings, "
            "predictor.predict(cohort), or give a table of the same columns.",
            code=COLUMNS_MISSING,
        )
    return data[[column for column in known.index if column in data.columns]]


def missing_shares(data: pd.DataFrame, columns: Collection[str]) -> dict[str, float]:
    """Return the columns that some lesion lacks, with the share of lesions that do.

    Examples
    --------
    >>> missing_shares(pd.DataFrame({"a": [1.0, np.nan], "b": [1.0, 2.0]}), ["a", "b"])
    {'a': 0.5}
    """
    shares = data[list(columns)].isna().mean()
    return {str(column): float(share) for column, share in shares.items() if share > 0}


def refusals(
    data: pd.DataFrame,
    read: Mapping[str, Collection[str]],
    failures: pd.DataFrame | None,
    lacked: Collection[str],
    rule: RefusalRule,
) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.int64]]:
    """Return each lesion's code, empty where it can be predicted, and how many columns it lacks.

    Parameters
    ----------
    data
        Lesions in the columns that are read, and others.
    read
        By block, the columns that the model reads.
    failures
        The feature table's; None: nobody knows why something is missing.
    lacked
        Columns that some training lesion lacked.
    rule
        How much may be missing.

    Returns
    -------
    codes : ndarray of str, shape (n_lesions,)
    n_missing : ndarray of int64, shape (n_lesions,)
        Columns without a value, which the model's imputer fills where the lesion is predicted.

    Examples
    --------
    >>> data = pd.DataFrame({"a__x": [1.0, np.nan, 1.0], "a__y": [1.0, np.nan, np.nan]})
    >>> codes, n_missing = refusals(data, {"a": ["a__x", "a__y"]}, None, [], RefusalRule())
    >>> codes.tolist(), n_missing.tolist()
    (['', 'block_missing', 'columns_missing'], [0, 2, 1])
    """
    codes = np.full(len(data), "", dtype=object)
    n_missing = np.zeros(len(data), dtype=np.int64)
    known = set(lacked)
    for block, columns in read.items():
        missing = data[list(columns)].isna().to_numpy()
        n_missing += missing.sum(axis=1)
        counted = np.array([column not in known for column in columns], dtype=bool)
        share = missing[:, counted].sum(axis=1) / len(columns)
        whole = missing.all(axis=1)
        for place in np.nonzero(whole & (codes == ""))[0].tolist():
            codes[place] = _reason(data.index[place], block, failures)
        codes[(codes == "") & (share > rule.max_missing_share)] = COLUMNS_MISSING
    return codes, n_missing


def _reason(key: object, block: str, failures: pd.DataFrame | None) -> str:
    """Return the code under which a block failed for a lesion."""
    if failures is None or not isinstance(key, tuple) or failures.empty:
        return BLOCK_MISSING
    here = (failures["patient_id"] == key[0]) & (failures["lesion_id"] == key[1])
    here &= (failures["block"] == block) & (failures["n_columns_missing"] > 0)
    reasons = failures.loc[here, "reason"]
    return BLOCK_MISSING if reasons.empty else str(reasons.iloc[0])
