"""The clinical factors that a study of tumour response should have, found by name and encoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from tumor_response.exceptions import ModelError
from tumor_response.transformers._frames import (
    FloatArray,
    frame_like,
    remember_columns,
    same_columns,
)
from tumor_response.transformers.clinical_codes import FACTORS, Factor, bare_name, decoded

__all__ = ["ClinicalSet"]

_NAMES = {factor.name: factor for factor in FACTORS}


class ClinicalSet(TransformerMixin, BaseEstimator):
    """Find volume, age, T, N, site, HPV, chemotherapy and planned dose, and encode them.

    ========================= =================================================================
    factor                    what it becomes
    ========================= =================================================================
    ``volume``                ``log_volume``, the natural logarithm; missing: training median
    ``age``, ``dose_gy``      the number; missing: training median
    ``t_stage``, ``n_stage``  the number of the stage (T4a is 4, Tis is 0); Tx, Nx and missing:
                              training median
    ``site``                  one column a level that occurs in the training rows, two for two;
                              missing, and levels that no training row has: the training shares,
                              so that such a lesion counts as average
    ``hpv`` (or p16)          1 positive, 0 negative, unknown: the training share of positives;
                              and ``hpv_unknown``, 1 where it is not known
    ``chemotherapy``          1 yes, 0 no, unknown: the training share
    ========================= =================================================================

    Medians, shares and levels are those of the training rows. A factor is found by the bare name
    of its column, in any case and with usual spellings (``cT``, ``p16_status``, ``planned_dose``;
    :data:`tumor_response.transformers.clinical_codes.FACTORS`). Which column is which factor is
    decided by names, what a code means by a fixed list: two columns for one factor, and a code
    that is not on the list, are errors. A stage as a number says that each step counts the same;
    with a hundred patients there is little else to be done with four stages.

    ``site`` means the site of the tumour. That of the hospital is no clinical factor; it travels
    with a table as ``meta__site``.

    Parameters
    ----------
    columns
        From a factor to its column, for a table with other names or with two candidates, or to
        None for a factor that is to be left out. Factors that are not in it are found by name.

    Attributes
    ----------
    found_ : dict of str to str
        From each factor found to its column, in the order of the set.
    absent_ : list of str
        Factors that the table does not have, or that were left out.
    unused_ : list of str
        Columns that are none of the factors.
    levels_ : list of str
        Sites of the training rows.
    feature_origins_ : dict of str to str
        From each output column to the column it comes from.

    Raises
    ------
    ModelError
        Code ``clinical_factor``: two columns for one factor, a factor or column in ``columns``
        that there is not, or no factor at all; ``unknown_code``, ``dose_unit``, ``not_positive``:
        a value that the factor cannot have, in the training rows or later.

    Examples
    --------
    >>> X = pd.DataFrame({"clinical__volume_cc": [1.0, np.e], "clinical__cT": ["T2", "T4a"],
    ...                   "clinical__p16": ["pos", "unknown"]})
    >>> step = ClinicalSet().fit(X)
    >>> step.transform(X).rename(columns=lambda c: c.removeprefix("clinical__")).iloc[1].to_dict()
    {'log_volume': 1.0, 't_stage': 4.0, 'hpv': 1.0, 'hpv_unknown': 1.0}
    >>> step.absent_
    ['age', 'n_stage', 'site', 'chemotherapy', 'dose_gy']
    """

    def __init__(self, columns: Mapping[str, str | None] | None = None) -> None:
        self.columns = columns

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Find the factors, and take medians, shares and levels from the training rows."""
        frame = remember_columns(self, X)
        self.found_ = self._found([str(column) for column in frame.columns])
        self.absent_ = [name for name in _NAMES if name not in self.found_]
        taken = set(self.found_.values())
        self.unused_ = [str(column) for column in frame.columns if column not in taken]
        self.levels_: list[str] = []
        self._fill: dict[str, float] = {}
        self.feature_origins_: dict[str, str] = {}
        for name, column in self.found_.items():
            values = decoded(_NAMES[name], frame[column])
            if name == "site":
                levels = sorted(set(values.dropna()))
                self.levels_ = levels
                shown = levels[1:] if len(levels) == 2 else levels
                for level in shown:
                    self._fill[f"site={level}"] = float((values.dropna() == level).mean())
            else:
                known = values.dropna()
                middle = known.mean() if _NAMES[name].kind == "binary" else known.median()
                # nobody's is known: any number that has a logarithm will do, the column is constant
                self._fill[name] = float(middle) if len(known) else 1.0
            names = [key for key in self._fill if key.split("=")[0] == name]
            if name == "hpv":
                names.append("hpv_unknown")
            self.feature_origins_.update({_told(column, key): column for key in names})
        self._names = pd.Index(list(self.feature_origins_), dtype=object)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the encoded factors, complete, as float64."""
        frame = same_columns(self, X)
        parts: list[FloatArray] = []
        for name, column in self.found_.items():
            values = decoded(_NAMES[name], frame[column])
            parts += self._encoded(_NAMES[name], values)
        encoded = np.column_stack(parts) if parts else np.zeros((len(frame), 0))
        return frame_like(encoded, frame.index, self._names)

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:  # noqa: ARG002
        """Return the names of the encoded columns."""
        return np.asarray(self._names, dtype=object)

    def _encoded(self, factor: Factor, values: pd.Series) -> list[FloatArray]:
        missing = values.isna().to_numpy()
        if factor.name == "site":
            known = ~missing & values.isin(self.levels_).to_numpy()
            return [
                np.where(known, values.to_numpy() == key.removeprefix("site="), share)
                for key, share in self._fill.items()
                if key.startswith("site=")
            ]
        filled = np.where(missing, self._fill[factor.name], values.to_numpy())
        if factor.kind == "log":
            return [np.log(filled)]
        return [filled, missing.astype(np.float64)] if factor.name == "hpv" else [filled]

    def _found(self, columns: list[str]) -> dict[str, str]:
        said = dict(self.columns or {})
        if unknown := [name for name in said if name not in _NAMES]:
            raise ModelError(
                f"ClinicalSet: {unknown[0]!r} is no factor of the set; it has {', '.join(_NAMES)}.",
                code="clinical_factor",
            )
        if absent := [column for column in said.values() if column not in (None, *columns)]:
            raise ModelError(
                f"ClinicalSet: there is no column {absent[0]!r}; there are "
                f"{', '.join(map(repr, columns[:10]))}.",
                code="clinical_factor",
            )
        found: dict[str, str] = {}
        taken = {column for column in said.values() if column is not None}
        for factor in FACTORS:
            if factor.name in said:
                candidates = [column] if (column := said[factor.name]) is not None else []
            else:
                candidates = [
                    column
                    for column in columns
                    if column not in taken and bare_name(column) in factor.spellings
                ]
            if len(candidates) > 1:
                raise ModelError(
                    f"ClinicalSet: {' and '.join(map(repr, candidates))} are both {factor.name}. "
                    f"Say which: columns={{{factor.name!r}: {candidates[0]!r}}}.",
                    code="clinical_factor",
                )
            if candidates:
                found[factor.name] = candidates[0]
        if not found:
            raise ModelError(
                f"ClinicalSet: none of {', '.join(map(repr, columns[:10]))} is one of its factors "
                f"({', '.join(_NAMES)}). Name them: columns={{'age': ...}}.",
                code="clinical_factor",
            )
        return found


def _told(column: str, key: str) -> str:
    """Return the name of an encoded column: that of the factor, in the block of its column."""
    block, separator, _ = column.partition("__")
    name = "log_volume" if key == "volume" else key
    return f"{block}{separator}{name}" if separator else name
