"""ComBat for several things at once: one after the other, in the order that leaves least."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError

from tumor_response.exceptions import ModelError
from tumor_response.transformers._frames import as_floats, remember_columns
from tumor_response.transformers.blocks import Blocks
from tumor_response.transformers.harmonise.anderson import differing
from tumor_response.transformers.harmonise.combat import ComBat, PriorKind
from tumor_response.transformers.harmonise.site_step import Unseen
from tumor_response.transformers.harmonise.sites import site_names
from tumor_response.transformers.lesions import each_lesion_once

__all__ = ["NestedComBat"]


class NestedComBat(TransformerMixin, BaseEstimator):
    """Harmonise for several variables, such as site, kernel and slice thickness, in turn.

    Nested ComBat (Horng et al. 2022, Sci. Rep. 12:4493): each variable that is left is tried, and
    the one goes next after which the fewest columns differ between the groups of any variable
    (Anderson-Darling test of k samples, p < 0.05). All of it, the order too, is fitted on the
    training rows.

    Parameters
    ----------
    sites
        The columns that name the groups, two or more; each is text or categories, and a thickness
        has to be grouped before.
    order
        ``"fewest_left"`` (default), or ``"given"``: as in ``sites``.
    blocks, covariates, prior, mean_only, unseen, min_patients, tolerance
        As in :class:`~tumor_response.transformers.ComBat`.

    Attributes
    ----------
    steps_ : list of ComBat
        In the order in which they are applied.
    order_ : list of str
        Their variables.
    n_differing_ : list of int
        Columns that differ between the groups of some variable: before, and after each step.

    Raises
    ------
    ModelError
        As :class:`~tumor_response.transformers.ComBat`; also for fewer than two variables, one
        that is named twice, or an unknown order.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(80, 20))).add_prefix("radiomics__")
    >>> X["meta__site"], X["meta__kernel"] = ["A", "B"] * 40, ["soft"] * 40 + ["sharp"] * 40
    >>> X.iloc[1::2, :20] += 1.0
    >>> X.iloc[40:, :20] += 2.0
    >>> step = NestedComBat(["meta__site", "meta__kernel"]).fit(X)
    >>> sorted(step.order_), step.n_differing_[0], step.n_differing_[-1]
    (['meta__kernel', 'meta__site'], 20, 0)
    """

    def __init__(
        self,
        sites: Sequence[str] = ("meta__site", "meta__kernel"),
        order: Literal["fewest_left", "given"] = "fewest_left",
        blocks: Blocks = None,
        covariates: Sequence[str] = (),
        prior: PriorKind = "parametric",
        mean_only: bool = False,
        unseen: Unseen = "refuse",
        min_patients: int = 5,
        tolerance: float = 1e-4,
    ) -> None:
        self.sites = sites
        self.order = order
        self.blocks = blocks
        self.covariates = covariates
        self.prior = prior
        self.mean_only = mean_only
        self.unseen = unseen
        self.min_patients = min_patients
        self.tolerance = tolerance

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Choose the order and fit one ComBat after the other on the training rows."""
        self._check_settings()
        frame = remember_columns(self, X)
        remaining = list(self.sites)
        self.steps_: list[ComBat] = []
        self.n_differing_: list[int] = []
        while remaining:
            tried = remaining[:1] if self.order == "given" else remaining
            fits = {site: self._combat(site).fit(frame, y) for site in tried}
            results = {site: fit.transform(frame) for site, fit in fits.items()}
            columns = list(fits[tried[0]].columns_)
            if not self.steps_:
                self.n_differing_.append(self._n_differing(frame, columns))
            left = {site: self._n_differing(result, columns) for site, result in results.items()}
            best = min(tried, key=left.__getitem__)  # of equal ones the first
            self.steps_.append(fits[best])
            self.n_differing_.append(left[best])
            frame = results[best]
            remaining.remove(best)
        self.order_ = [step.site for step in self.steps_]
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return ``X`` harmonised for each variable in turn."""
        self._check_fitted()
        for step in self.steps_:
            X = step.transform(X)
        return X

    def adapted(self, X: pd.DataFrame) -> Self:
        """Return a copy that knows the groups of ``X`` that were not there at fit.

        See :meth:`tumor_response.transformers.ComBat.adapted`; here rows of known groups are
        allowed, since a new site may have a known kernel.
        """
        self._check_fitted()
        known = copy.copy(self)
        known.steps_ = []
        for step in self.steps_:
            there = set(site_names("NestedComBat", X, step.site).tolist())
            if there - set(step.site_parameters_):
                step = step.adapted(X)
            known.steps_.append(step)
            X = step.transform(X)
        return known

    @property
    def not_harmonised_(self) -> pd.DataFrame:
        """What each step could not harmonise, with the column ``variable`` before the others."""
        self._check_fitted()
        parts = [step.not_harmonised_.assign(variable=step.site) for step in self.steps_]
        record: pd.DataFrame = pd.concat(parts, ignore_index=True)
        return record[["variable", "site", "column", "reason"]]

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:  # noqa: ARG002
        """Return the columns' names, unchanged."""
        return np.asarray(self.feature_names_in_)

    def _combat(self, site: str) -> ComBat:
        return ComBat(
            site=site,
            blocks=self.blocks,
            covariates=self.covariates,
            prior=self.prior,
            mean_only=self.mean_only,
            unseen=self.unseen,
            min_patients=self.min_patients,
            tolerance=self.tolerance,
        )

    def _n_differing(self, frame: pd.DataFrame, columns: list[str]) -> int:
        values = as_floats(self, frame[columns])
        rows, _ = each_lesion_once(frame.index, values, np.zeros(len(values)))
        different = np.zeros(len(columns), dtype=bool)
        for site in self.sites:
            names = site_names("NestedComBat", frame, site)[rows]
            different |= differing(values[rows], np.unique(names, return_inverse=True)[1])
        return int(different.sum())

    def _check_fitted(self) -> None:
        if not hasattr(self, "order_"):
            raise NotFittedError("This NestedComBat is not fitted yet; call fit first.")

    def _check_settings(self) -> None:
        if isinstance(self.sites, str) or len(set(self.sites)) != len(self.sites):
            raise ModelError(f"sites={self.sites!r}: expected a list of different columns.")
        if len(self.sites) < 2:
            raise ModelError(
                f"sites={list(self.sites)!r}: nested ComBat is for two variables or more; for one "
                "there is ComBat."
            )
        if self.order not in ("fewest_left", "given"):
            raise ModelError(f"order={self.order!r}: expected 'fewest_left' or 'given'.")
