"""Simpler ways to bring sites together: standard scores and quantiles of each site by itself."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import ModelError
from tumor_response.transformers._frames import FloatArray
from tumor_response.transformers.blocks import Blocks
from tumor_response.transformers.harmonise.estimates import moments
from tumor_response.transformers.harmonise.site_step import Parameters, SiteStep, Unseen
from tumor_response.transformers.harmonise.sites import varying

__all__ = ["SiteQuantile", "SiteZScore"]

IntArray = npt.NDArray[np.int64]


class SiteZScore(SiteStep):
    """Give every column mean 0 and standard deviation 1 at each site.

    Nothing is borrowed from other columns or sites, so that a small site is standardised by what
    little it has. It also takes out what truly differs between the patients of the sites.

    Parameters
    ----------
    site, blocks, unseen, min_patients
        As in :class:`~tumor_response.transformers.ComBat`.

    Attributes
    ----------
    site_parameters_ : dict of str to dict
        ``mean`` and ``deviation`` (divisor n - 1; 1 for a column that does not vary there), both
        of shape (n_columns,).

    Raises
    ------
    ModelError
        As :class:`~tumor_response.transformers.ComBat`.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"radiomics__a": [1.0, 3.0, 10.0, 50.0], "meta__site": list("AABB")})
    >>> SiteZScore().fit_transform(X)["radiomics__a"].round(3).tolist()
    [-0.707, 0.707, -0.707, 0.707]
    """

    def __init__(
        self,
        site: str = "meta__site",
        blocks: Blocks = None,
        unseen: Unseen = "refuse",
        min_patients: int = 5,
    ) -> None:
        self.site = site
        self.blocks = blocks
        self.unseen = unseen
        self.min_patients = min_patients

    def _learn(
        self, values: FloatArray, sites: IntArray, names: list[str], design: FloatArray
    ) -> None:
        """Sites have nothing in common here."""

    def _site_parameters(self, name: str, values: FloatArray, design: FloatArray) -> Parameters:  # noqa: ARG002
        found = moments(values)
        enough = found.n >= self._smallest()
        deviation = np.where(varying(values), np.sqrt(found.variance), 1.0)
        return {"mean": np.where(enough, found.mean, np.nan), "deviation": deviation}

    def _apply(self, values: FloatArray, design: FloatArray, site: Parameters) -> FloatArray:  # noqa: ARG002
        scores: FloatArray = (values - site["mean"]) / site["deviation"]
        return scores


class SiteQuantile(SiteStep):
    """Give every column one distribution at all sites: the mean of the sites' quantiles.

    A value is looked up among the quantiles of its site and replaced by the same quantile of the
    mean (quantile normalisation, Bolstad et al. 2003, Bioinformatics 19:185, of samples of
    different sizes and site by site). Beyond a site's lowest and highest value the last step
    goes on unchanged. It takes out any monotone effect of a scanner, and any true difference.

    Parameters
    ----------
    n_quantiles
        Number of quantiles, default 51; a site of 20 patients does not tell more apart.
    site, blocks, unseen, min_patients
        As in :class:`~tumor_response.transformers.ComBat`.

    Attributes
    ----------
    quantiles_ : ndarray of shape (n_quantiles, n_columns)
        The mean over sites, which is what each site is given.
    site_parameters_ : dict of str to dict
        ``quantiles`` of each site, of the same shape.

    Raises
    ------
    ModelError
        As :class:`~tumor_response.transformers.ComBat`; also for fewer than two quantiles.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"radiomics__a": [1.0, 3.0, 10.0, 50.0], "meta__site": list("AABB")})
    >>> SiteQuantile().fit_transform(X)["radiomics__a"].round(3).tolist()
    [5.5, 26.5, 5.5, 26.5]
    """

    def __init__(
        self,
        n_quantiles: int = 51,
        site: str = "meta__site",
        blocks: Blocks = None,
        unseen: Unseen = "refuse",
        min_patients: int = 5,
    ) -> None:
        self.n_quantiles = n_quantiles
        self.site = site
        self.blocks = blocks
        self.unseen = unseen
        self.min_patients = min_patients

    def _check_settings(self) -> None:
        super()._check_settings()
        if self.n_quantiles < 2:
            raise ModelError(f"n_quantiles={self.n_quantiles!r}: expected 2 or more.")

    def _learn(
        self,
        values: FloatArray,
        sites: IntArray,
        names: list[str],
        design: FloatArray,  # noqa: ARG002
    ) -> None:
        by_site = np.stack([self._quantiles(values[sites == code]) for code in range(len(names))])
        known = ~np.isnan(by_site)
        with np.errstate(invalid="ignore"):
            total = np.where(known, by_site, 0.0).sum(axis=0)
            self.quantiles_ = total / known.sum(axis=0)

    def _quantiles(self, values: FloatArray) -> FloatArray:
        """Return the quantiles of each column, NaN where fewer than two values are known."""
        found = np.full((self.n_quantiles, values.shape[1]), np.nan)
        n_known = (~np.isnan(values)).sum(axis=0)
        whole = n_known == len(values)
        gaps = ~whole & (n_known >= self._smallest())
        levels = np.linspace(0, 1, self.n_quantiles)
        found[:, whole] = np.quantile(values[:, whole], levels, axis=0)
        found[:, gaps] = np.nanquantile(values[:, gaps], levels, axis=0)  # ten times slower
        return found

    def _site_parameters(self, name: str, values: FloatArray, design: FloatArray) -> Parameters:  # noqa: ARG002
        return {"quantiles": self._quantiles(values)}

    def _apply(self, values: FloatArray, design: FloatArray, site: Parameters) -> FloatArray:  # noqa: ARG002
        out = np.empty_like(values)
        for column in range(values.shape[1]):
            own, common = site["quantiles"][:, column], self.quantiles_[:, column]
            out[:, column] = _looked_up(values[:, column], own, common)
        return out


def _looked_up(values: FloatArray, own: FloatArray, common: FloatArray) -> FloatArray:
    """Return the quantiles in ``common`` of values whose quantiles are ``own``.

    A value that fills several quantiles gets the middle of theirs, not the first or last.

    Examples
    --------
    >>> own, common = np.array([0.0, 0.0, 0.0, 2.0]), np.array([10.0, 11.0, 12.0, 13.0])
    >>> _looked_up(np.array([0.0, 1.0, 3.0]), own, common).tolist()
    [11.0, 12.5, 14.0]
    """
    from_below = np.interp(values, own, common)
    from_above = np.interp(-values, -own[::-1], common[::-1])
    inside = 0.5 * (from_below + from_above)
    beyond = np.maximum(values - own[-1], 0.0) + np.minimum(values - own[0], 0.0)
    looked_up: FloatArray = inside + beyond
    return np.where(np.isnan(own[0]), np.nan, looked_up)
