"""What all harmonising steps share: whose site, which columns, strangers refused or adapted."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError

from tumor_response.exceptions import ModelError
from tumor_response.transformers._frames import (
    FloatArray,
    as_floats,
    frame_like,
    remember_columns,
)
from tumor_response.transformers.blocks import Blocks, BlockSelector, block_of, blocks_of
from tumor_response.transformers.harmonise.sites import site_names, varying
from tumor_response.transformers.lesions import each_lesion_once

__all__ = ["NOT_SCANNED", "Parameters", "SiteStep", "Unseen"]

IntArray = npt.NDArray[np.int64]
Unseen = Literal["refuse", "own_rows"]
Parameters = dict[str, FloatArray]

NOT_SCANNED = ("clinical",)
"""Blocks that no scanner touches; they are left out unless they are named."""


class SiteStep(TransformerMixin, BaseEstimator):
    """Base of the harmonising steps; not made by itself.

    A step stands before :class:`~tumor_response.transformers.BlockSelector`, where the site still
    travels with the table. It changes the columns of its blocks and hands on all others,
    ``meta__*`` among them, as they came.

    A fit looks at each lesion once, whatever number of copies a bootstrap sample holds of it:
    copies are no evidence about a scanner. Lesions of one patient count as several; the minimum
    is of patients.
    """

    site: str
    blocks: Blocks
    unseen: Unseen
    min_patients: int

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Estimate what each site does to each column on the training rows."""
        self._check_settings()
        frame = remember_columns(self, X)
        self.columns_ = self._columns(frame)
        self._groups = _positions_by_block(self.columns_)
        sites = self._sites(frame)
        values = as_floats(self, frame[list(self.columns_)])
        rows, patients = each_lesion_once(frame.index, values, np.zeros(len(values)))
        values, sites = values[rows], sites[rows]
        names, codes = np.unique(sites, return_inverse=True)
        self.n_patients_ = {
            str(name): len(np.unique(patients[codes == code])) for code, name in enumerate(names)
        }
        self._check_sites()
        outcome = None if y is None else np.asarray(y)[rows]
        design = self._fit_design(frame.iloc[rows], outcome)
        self._learn(values, codes.astype(np.int64), list(self.n_patients_), design)
        self.site_parameters_: dict[str, Parameters] = {}
        self._reasons: dict[str, list[str]] = {}
        for code, name in enumerate(self.n_patients_):
            self._add(name, values[codes == code], design[codes == code])
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return ``X`` with the columns of the blocks harmonised.

        Raises
        ------
        ModelError
            Code ``unknown_site``: a site that was not there at fit, with ``unseen="refuse"``;
            ``site_too_small``: with ``"own_rows"`` and fewer patients than ``min_patients``.
        """
        frame = self._like_fitted(X)
        sites = self._sites(frame)
        strangers = sorted(set(sites.tolist()) - set(self.site_parameters_))
        if strangers and self.unseen == "refuse":
            raise ModelError(
                f"{type(self).__name__}: site {strangers[0]!r} was not there at fit; known are "
                f"{', '.join(map(repr, self.site_parameters_))}. What its scanner does nobody "
                "knows without a sample: give one to adapted(X), or unseen='own_rows' to take "
                "the rows that are transformed for it.",
                code="unknown_site",
            )
        step = self.adapted(frame) if strangers else self
        values = as_floats(self, frame[list(self.columns_)])
        design = self._design(frame)
        harmonised = np.empty_like(values)
        for name in dict.fromkeys(sites.tolist()):
            at = sites == name
            harmonised[at] = step._apply(values[at], design[at], step.site_parameters_[name])
        return _with(frame, list(self.columns_), harmonised)

    def adapted(self, X: pd.DataFrame) -> Self:
        """Return a copy that knows the sites of ``X`` that were not there at fit.

        What was fitted stays; each new site's parameters come from its own rows, which need no
        outcome. Rows of known sites are not looked at.

        Parameters
        ----------
        X
            Rows of the new sites, with the columns of the fit.

        Raises
        ------
        ModelError
            Code ``site_too_small``: fewer patients of a new site than ``min_patients``;
            ``no_rows``: no row of a new site.
        """
        frame = self._like_fitted(X)
        sites = self._sites(frame)
        strangers = sorted(set(sites.tolist()) - set(self.site_parameters_))
        if not strangers:
            raise ModelError(
                f"{type(self).__name__}: all rows are of sites that were there at fit "
                f"({', '.join(map(repr, self.site_parameters_))}).",
                code="no_rows",
            )
        known = copy.copy(self)
        known.site_parameters_ = dict(self.site_parameters_)
        known.n_patients_ = dict(self.n_patients_)
        known._reasons = dict(self._reasons)
        values = as_floats(self, frame[list(self.columns_)])
        design = self._design(frame)
        for name in strangers:
            at = np.nonzero(sites == name)[0]
            rows, patients = each_lesion_once(frame.index[at], values[at], np.zeros(len(at)))
            n_patients = len(np.unique(patients))
            if n_patients < self.min_patients:
                raise ModelError(
                    f"{type(self).__name__}: site {name!r} was not there at fit, and its sample "
                    f"has {n_patients} patient(s); min_patients={self.min_patients}.",
                    code="site_too_small",
                )
            known.n_patients_[name] = n_patients
            known._add(name, values[at[rows]], design[at[rows]])
        return known

    @property
    def not_harmonised_(self) -> pd.DataFrame:
        """Columns that could not be harmonised as the others: ``site``, ``column``, ``reason``.

        ``too_few_values``: they leave as NaN at that site, known or not; ``constant_at_site``:
        only their mean is moved, since there is no spread to compare.
        """
        rows = [
            (site, column, reason)
            for site, reasons in self._reasons.items()
            for column, reason in zip(self.columns_, reasons, strict=True)
            if reason
        ]
        return pd.DataFrame(rows, columns=["site", "column", "reason"], dtype=object)

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:  # noqa: ARG002
        """Return the columns' names, unchanged."""
        return np.asarray(self.feature_names_in_)

    @abstractmethod
    def _learn(
        self, values: FloatArray, sites: IntArray, names: list[str], design: FloatArray
    ) -> None:
        """Set what all sites have in common."""

    @abstractmethod
    def _site_parameters(self, name: str, values: FloatArray, design: FloatArray) -> Parameters:
        """Return what a site does to each column, from its rows."""

    @abstractmethod
    def _apply(self, values: FloatArray, design: FloatArray, site: Parameters) -> FloatArray:
        """Return the values of rows of one site without what the site does."""

    def _fit_design(self, frame: pd.DataFrame, y: object) -> FloatArray:  # noqa: ARG002
        return np.zeros((len(frame), 0))

    def _design(self, frame: pd.DataFrame) -> FloatArray:
        return np.zeros((len(frame), 0))

    def _columns_needed(self) -> list[str]:
        return [self.site, *self.columns_]

    def _smallest(self) -> int:
        """Return how many patients a site of the training rows needs."""
        return 2

    def _reference(self) -> str | None:
        return None

    def _check_settings(self) -> None:
        if self.unseen not in ("refuse", "own_rows"):
            raise ModelError(f"unseen={self.unseen!r}: expected 'refuse' or 'own_rows'.")
        if self.min_patients < self._smallest():
            raise ModelError(
                f"min_patients={self.min_patients!r}: expected {self._smallest()} or more."
            )

    def _check_sites(self) -> None:
        reference = self._reference()
        if reference is not None and reference not in self.n_patients_:
            raise ModelError(
                f"reference={reference!r} is none of the sites, which are "
                f"{', '.join(map(repr, self.n_patients_))}.",
                code="reference_site",
            )
        only = next(iter(self.n_patients_))
        if len(self.n_patients_) == 1 and reference is None and self.unseen == "refuse":
            raise ModelError(
                f"{type(self).__name__}: all training rows are of site {only!r}, and there is "
                "nothing to harmonise. Leave the step out; if other sites are to be brought to "
                f"this one, say so: reference={only!r} or unseen='own_rows'.",
                code="one_site",
            )
        small = [name for name, n in self.n_patients_.items() if n < self._smallest()]
        if small:
            raise ModelError(
                f"{type(self).__name__}: site {small[0]!r} has {self.n_patients_[small[0]]} "
                f"patient(s) among the training rows; {self._smallest()} are needed. Put it "
                "together with a site of the same scanner, or leave it out.",
                code="site_too_small",
            )

    def _columns(self, frame: pd.DataFrame) -> tuple[str, ...]:
        if self.blocks is None:
            there = blocks_of(map(str, frame.columns))
            chosen = {block: c for block, c in there.items() if block not in NOT_SCANNED}
        else:
            chosen = BlockSelector(self.blocks).fit(frame).blocks_
        columns = [column for members in chosen.values() for column in members]
        kinds = dict(zip(frame.columns, frame.dtypes, strict=True))
        is_number = {kind: pd.api.types.is_numeric_dtype(kind) for kind in set(kinds.values())}
        numeric = [column for column in columns if is_number[kinds[column]]]
        if not numeric:
            raise ModelError(
                f"{type(self).__name__}: no columns of numbers to harmonise in "
                f"blocks={self.blocks!r}; None means all but {', '.join(NOT_SCANNED)}.",
                code="no_block",
            )
        return tuple(numeric)

    def _sites(self, frame: pd.DataFrame) -> npt.NDArray[np.str_]:
        return site_names(type(self).__name__, frame, self.site)

    def _like_fitted(self, X: object) -> pd.DataFrame:
        if not hasattr(self, "site_parameters_"):
            raise NotFittedError(f"This {type(self).__name__} is not fitted yet; call fit first.")
        if not isinstance(X, pd.DataFrame):
            raise ModelError(
                f"{type(self).__name__} works on a pandas DataFrame, received "
                f"{type(X).__name__}; the site is found by its column's name.",
                code="not_a_frame",
            )
        absent = [c for c in self._columns_needed() if c != self.site and c not in X.columns]
        if absent:
            raise ModelError(
                f"{type(self).__name__}: {len(absent)} of the columns it harmonises are missing, "
                f"the first {absent[0]!r}. Give a table extracted with the same settings.",
                code="missing_columns",
            )
        return X

    def _add(self, name: str, values: FloatArray, design: FloatArray) -> None:
        found = self._site_parameters(name, values, design)
        self.site_parameters_[name] = found
        known = ~np.isnan(values)
        least = self._smallest()
        reasons = np.where(varying(values), "", "constant_at_site").astype(object)
        reasons[known.sum(axis=0) < least] = "too_few_values"
        self._reasons[name] = [str(reason) for reason in reasons]


def _positions_by_block(columns: Sequence[str]) -> list[IntArray]:
    members: dict[str, list[int]] = {}
    for position, column in enumerate(columns):
        members.setdefault(block_of(column), []).append(position)
    return [np.array(positions, dtype=np.int64) for positions in members.values()]


def _with(frame: pd.DataFrame, columns: list[str], values: FloatArray) -> pd.DataFrame:
    """Return ``frame`` with other values in some columns, in the same order."""
    changed = frame_like(values, frame.index, pd.Index(columns, dtype=frame.columns.dtype))
    if len(columns) == frame.shape[1]:
        return changed[list(frame.columns)]
    untouched = frame.drop(columns=columns)
    return pd.concat([untouched, changed], axis=1)[list(frame.columns)]
