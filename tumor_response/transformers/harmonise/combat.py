"""ComBat: what a scanner adds to and multiplies columns by, estimated in the fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import ModelError
from tumor_response.transformers._frames import FloatArray
from tumor_response.transformers.blocks import Blocks
from tumor_response.transformers.harmonise.covariates import (
    check_baseline,
    check_not_outcome,
    coded,
    coding_of,
)
from tumor_response.transformers.harmonise.estimates import (
    Moments,
    Standard,
    moments,
    parametric,
    posterior_means,
    prior,
    shrunk_mean,
    standard,
)
from tumor_response.transformers.harmonise.site_step import Parameters, SiteStep, Unseen
from tumor_response.transformers.harmonise.sites import varying

__all__ = ["ComBat", "MComBat", "PriorKind"]

IntArray = npt.NDArray[np.int64]
PriorKind = Literal["parametric", "non_parametric", "none"]


class _WithCovariates(SiteStep):
    """What both ComBats share: a linear model of baseline covariates, and the site's residuals."""

    covariates: Sequence[str]
    reference: str | None

    def _reference(self) -> str | None:
        return self.reference

    def _columns_needed(self) -> list[str]:
        return [*super()._columns_needed(), *self.covariates]

    def _check_settings(self) -> None:
        super()._check_settings()
        if isinstance(self.covariates, str):
            raise ModelError(
                f"covariates={self.covariates!r}: expected a list; write [{self.covariates!r}]."
            )
        check_baseline(self.covariates, self.site)

    def _fit_design(self, frame: pd.DataFrame, y: object) -> FloatArray:
        name = type(self).__name__
        self._coding = coding_of(name, frame, self.covariates)
        check_not_outcome(frame, self.covariates, y)
        self._design_mean = coded(name, frame, self._coding).mean(axis=0)
        return self._design(frame)

    def _design(self, frame: pd.DataFrame) -> FloatArray:
        raw = coded(type(self).__name__, frame, self._coding)
        centred: FloatArray = raw - self._design_mean
        return centred

    def _learn_standard(
        self, values: FloatArray, sites: IntArray, names: list[str], design: FloatArray
    ) -> None:
        only = names[0] if len(names) == 1 else None
        self._target = self.reference or only
        place = None if self._target is None else names.index(self._target)
        fitted = standard(values, sites, design, place)
        self.alpha_, self.beta_, self.sigma_ = fitted

    def _residuals(self, values: FloatArray, design: FloatArray) -> FloatArray:
        return Standard(self.alpha_, self.beta_, self.sigma_).residuals(values, design)

    def _apply(self, values: FloatArray, design: FloatArray, site: Parameters) -> FloatArray:
        shift, scale = site["shift"], site["scale"]
        if not shift.any() and (scale == 1.0).all():  # the reference, without rounding
            return values
        moved: FloatArray = (self._residuals(values, design) - shift) * scale
        harmonised: FloatArray = moved + self.alpha_ + design @ self.beta_
        return harmonised


class ComBat(_WithCovariates):
    r"""Take out of columns what a scanner adds to them and multiplies them by.

    ComBat (Johnson, Li and Rabinovic 2007, Biostatistics 8:118; for images Fortin et al. 2017,
    NeuroImage 161:149, and 2018, 167:104) reads a column's value of lesion j at site i as

    .. math:: y_{ij} = \alpha + x_{ij}\beta + \gamma_i + \delta_i\,\varepsilon_{ij},

    estimates :math:`\gamma_i` and :math:`\delta_i` of all columns of a block together, shrunk to
    what the columns have in common, and returns

    .. math:: \frac{\sigma}{\delta_i^*}\left(z_{ij} - \gamma_i^*\right) + \alpha + x_{ij}\beta,
              \qquad z_{ij} = \frac{y_{ij} - \alpha - x_{ij}\beta}{\sigma}.

    All of it is estimated on the training rows and kept; rows that are transformed are moved by
    what was estimated for their site, and change nothing. On all rows of a study at once,
    ``fit_transform``, the figures are those of neuroCombat to 1e-8, and every later evaluation
    has seen its test patients.

    Parameters
    ----------
    site
        The column that names the site, or the scanner; default ``"meta__site"``.
    blocks
        Whose columns of numbers are harmonised, as in
        :class:`~tumor_response.transformers.BlockSelector`; None (default): of all blocks but
        ``clinical``, which no scanner touches. Each block has priors of its own.
    covariates
        Columns known before treatment whose linear part is kept, so that a site with older
        patients is not made younger; default: none. The outcome, what has its name or is as good
        as it, and what is known later are refused.
    prior
        ``"parametric"`` (default): normal and inverse gamma; ``"non_parametric"``: the other
        columns themselves, in time that grows with the square of their number; ``"none"``: the
        site's own means and variances, as they are.
    mean_only
        Move means and leave spreads, default False. The published programs then shrink as if the
        site had one patient, and so does this.
    reference
        A site whose values stay as they are and that the others are brought to; None (default):
        the mean and the spread of all.
    unseen
        What is done with rows of a site that was not there at fit: ``"refuse"`` (default), or
        ``"own_rows"``: the rows that are transformed together are its sample, so that a
        prediction depends on who else is predicted. Without that: :meth:`adapted`.
    min_patients
        In the sample of a site that was not there at fit, default 5.
    tolerance
        Relative change at which the iteration ends; default 1e-4, that of the published programs.

    Attributes
    ----------
    columns_ : tuple of str
        The columns that are harmonised.
    n_patients_ : dict of str to int
        Patients of each site.
    alpha_, beta_, sigma_ : ndarray
        What all sites have in common, shapes (n_columns,), (n_covariates, n_columns) and
        (n_columns,).
    site_parameters_ : dict of str to dict
        ``shift``, in the column's unit, and ``scale``, both of shape (n_columns,).
    not_harmonised_ : DataFrame
        Columns that could not be harmonised at some site, and why.

    Raises
    ------
    ModelError
        At fit: ``site_column``: no column of sites, or a row without a site; ``one_site``;
        ``site_too_small``: fewer than two patients at a site (one with ``mean_only``);
        ``reference_site``: not among the sites; ``covariate``: one that is refused, missing, or
        not to be told from the sites; ``too_few_columns``: a prior needs two columns of a block.
        At transform: ``unknown_site``, ``site_too_small``, ``site_column``, ``missing_columns``,
        ``covariate``.

    Notes
    -----
    A column that does not vary at a site is moved by its mean alone; one that is not known there
    (fewer than two values) leaves as NaN for an imputer behind. See ``not_harmonised_``.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(80, 30))).add_prefix("radiomics__")
    >>> X["meta__site"] = ["A"] * 40 + ["B"] * 40
    >>> X.iloc[40:, :30] = 3.0 + 2.0 * X.iloc[40:, :30]
    >>> out = ComBat().fit_transform(X)
    >>> gap = out.groupby("meta__site")["radiomics__3"].agg(["mean", "std"]).diff().iloc[1]
    >>> bool(gap.abs().max() < 0.2), out["meta__site"].equals(X["meta__site"])
    (True, True)
    """

    def __init__(
        self,
        site: str = "meta__site",
        blocks: Blocks = None,
        covariates: Sequence[str] = (),
        prior: PriorKind = "parametric",
        mean_only: bool = False,
        reference: str | None = None,
        unseen: Unseen = "refuse",
        min_patients: int = 5,
        tolerance: float = 1e-4,
    ) -> None:
        self.site = site
        self.blocks = blocks
        self.covariates = covariates
        self.prior = prior
        self.mean_only = mean_only
        self.reference = reference
        self.unseen = unseen
        self.min_patients = min_patients
        self.tolerance = tolerance

    def _smallest(self) -> int:
        return 1 if self.mean_only else 2

    def _check_settings(self) -> None:
        super()._check_settings()
        if self.prior not in ("parametric", "non_parametric", "none"):
            raise ModelError(
                f"prior={self.prior!r}: expected 'parametric', 'non_parametric' or 'none'."
            )
        if not 0 < self.tolerance < 1:
            raise ModelError(f"tolerance={self.tolerance!r}: expected 0 < tolerance < 1.")

    def _learn(
        self, values: FloatArray, sites: IntArray, names: list[str], design: FloatArray
    ) -> None:
        self._learn_standard(values, sites, names, design)

    def _site_parameters(self, name: str, values: FloatArray, design: FloatArray) -> Parameters:
        n_columns = values.shape[1]
        shift, scale = np.zeros(n_columns), np.ones(n_columns)
        if name == self._target:
            return {"shift": shift, "scale": scale}
        left = self._residuals(values, design)
        found = moments(left)
        enough = found.n >= self._smallest()
        varies = enough & varying(values) & (self.sigma_ > 0)
        shift = np.where(enough, found.mean, np.nan)
        for group in self._groups:
            at = group[varies[group]]
            if not len(at):
                continue
            gamma, delta = self._estimate(moments(left[:, at] / self.sigma_[at]))
            shift[at] = gamma * self.sigma_[at]
            scale[at] = 1.0 / np.sqrt(delta)
        return {"shift": shift, "scale": scale}

    def _estimate(self, found: Moments) -> tuple[FloatArray, FloatArray]:
        ones = np.ones_like(found.mean)
        variance = ones if self.mean_only else found.variance
        if self.prior == "none":
            return found.mean, variance
        if len(ones) < 2:
            raise ModelError(
                "ComBat: a block has one column that varies, and a prior is what several have in "
                "common. Harmonise it with others in one block, or with prior='none'.",
                code="too_few_columns",
            )
        if self.prior == "non_parametric":
            return posterior_means(found, (found.mean, variance))
        if self.mean_only:
            common = prior(Moments(found.n, found.mean, ones))
            return shrunk_mean(found, common, 1.0, 1.0), ones
        return parametric(found, self.tolerance)


class MComBat(_WithCovariates):
    r"""Bring every site to the mean and the spread of a reference site, without shrinking.

    M-ComBat (Stein et al. 2015, BMC Bioinformatics 16:63; for radiomics Da-Ano et al. 2020, Sci.
    Rep. 10:10248) standardises each site by its own mean and standard deviation instead of those
    of all, and puts the reference site's in their place. What is standardised by itself leaves
    empirical Bayes nothing to shrink, so that it comes to

    .. math:: \frac{\sigma_r}{\sigma_i}\,(y_{ij} - \alpha_i - x_{ij}\beta) + \alpha_r
              + x_{ij}\beta.

    For a reference with shrinking: ``ComBat(reference=...)``.

    Parameters
    ----------
    reference
        The site that the others are brought to; its values stay as they are.
    site, blocks, covariates, unseen, min_patients
        As in :class:`ComBat`.

    Raises
    ------
    ModelError
        As :class:`ComBat`.

    Examples
    --------
    >>> X = pd.DataFrame({"radiomics__a": [1.0, 3.0, 10.0, 50.0], "meta__site": list("AABB")})
    >>> MComBat("A").fit_transform(X)["radiomics__a"].tolist()
    [1.0, 3.0, 1.0, 3.0]
    """

    def __init__(
        self,
        reference: str,
        site: str = "meta__site",
        blocks: Blocks = None,
        covariates: Sequence[str] = (),
        unseen: Unseen = "refuse",
        min_patients: int = 5,
    ) -> None:
        self.reference = reference
        self.site = site
        self.blocks = blocks
        self.covariates = covariates
        self.unseen = unseen
        self.min_patients = min_patients

    def _learn(
        self, values: FloatArray, sites: IntArray, names: list[str], design: FloatArray
    ) -> None:
        self._learn_standard(values, sites, names, design)
        of_reference = sites == names.index(str(self.reference))
        left = self._residuals(values[of_reference], design[of_reference])
        self._deviation = np.sqrt(moments(left).variance)

    def _site_parameters(self, name: str, values: FloatArray, design: FloatArray) -> Parameters:
        n_columns = values.shape[1]
        if name == self._target:
            return {"shift": np.zeros(n_columns), "scale": np.ones(n_columns)}
        found = moments(self._residuals(values, design))
        enough = found.n >= self._smallest()
        varies = enough & varying(values) & (self.sigma_ > 0)
        scale = np.ones(n_columns)
        scale[varies] = self._deviation[varies] / np.sqrt(found.variance[varies])
        return {"shift": np.where(enough, found.mean, np.nan), "scale": scale}
