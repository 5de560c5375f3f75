"""Random intercepts and slopes: one line per lesion, drawn towards the line of all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import OutcomeError

__all__ = ["MIN_PATIENTS", "LesionLines", "fit_lines"]

Array = npt.NDArray[np.float64]

MIN_PATIENTS = 5
"""A variance between patients from fewer is hardly more than a guess."""

GRADIENT_LEFT = 0.01
"""Change of -2 log likelihood per unit of a relative standard deviation, at what is a maximum."""

ZERO_SHARE = 1e-6
"""Of the variance of the values; a variance of slopes below it was estimated as zero."""


@dataclass(frozen=True)
class LesionLines:
    """What the model says of the slopes.

    Parameters
    ----------
    slope, slope_se
        Of each lesion (BLUP) and its standard error of prediction, in the order of their numbers;
        that of the variances is not in it.
    population, population_se
        Slope of the population (fixed effect) and its standard error.
    slope_sd_patient, slope_sd_lesion
        Standard deviation of the slopes between patients, and between lesions of one patient; the
        latter is NaN where every patient has one lesion.
    residual_sd
        Of single values about their lesion's line.
    """

    slope: Array
    slope_se: Array
    population: float
    population_se: float
    slope_sd_patient: float
    slope_sd_lesion: float
    residual_sd: float

    @property
    def no_spread(self) -> bool:
        """Whether the slopes' variance was estimated as zero: every lesion has the same slope."""
        lesion = 0.0 if np.isnan(self.slope_sd_lesion) else self.slope_sd_lesion
        return self.slope_sd_patient == 0 and lesion == 0


@dataclass(frozen=True)
class _Patient:
    """Values of one patient: numbers of the lesions, fixed and random design, values."""

    lesions: npt.NDArray[np.int64]
    fixed: Array
    random: Array
    y: Array


def fit_lines(
    patient: npt.NDArray[np.int64], lesion: npt.NDArray[np.int64], x: Array, y: Array
) -> LesionLines:
    """Fit ``y = a + b x`` with random ``a`` and ``b`` by REML.

    Parameters
    ----------
    patient, lesion
        Numbers from 0 of each value's patient and lesion; shape (n,). Lesions are numbered over
        all patients.
    x, y
        Days and values, shape (n,).

    Returns
    -------
    LesionLines
        In the units of ``y`` per unit of ``x``.

    Raises
    ------
    OutcomeError
        ``mixed_too_few``: fewer than five patients, or no lesion with three values, so that the
        scatter about a line cannot be told from the scatter of the lines. ``mixed_not_converged``.

    Notes
    -----
    With one lesion per patient: intercept and slope of the patient, correlated. With several:
    beside them intercept and slope of each lesion within its patient, independent of each other
    at the mean day (Laird and Ware, Biometrics 1982; 38: 963). Lines and their errors follow from
    the variances by Henderson's equations (Biometrics 1975; 31: 423), so that the error of the
    fixed effects is in the error of each slope.

    ``MixedLM`` of statsmodels fits the same model, and gives the same where its search succeeds.
    Where a variance is near zero, which is common here, it stopped short of the maximum and
    reported convergence in 2 of 12 simulated nested cohorts; hence the search of our own.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> lesion = np.repeat(np.arange(40), 5)
    >>> x = np.tile(np.arange(5.0), 40)
    >>> y = rng.normal(-1, 0.2, 40)[lesion] * x + rng.normal(0, 0.1, 200)
    >>> lines = fit_lines(lesion, lesion, x, y)
    >>> abs(lines.population + 1) < 3 * lines.population_se
    True
    """
    _check_enough(patient, lesion)
    # REML climbs badly where days and log volumes differ by orders of magnitude; about the mean
    # day intercepts and slopes are also nearly uncorrelated
    x_scale, y_scale = float(x.std()), float(y.std())
    if x_scale == 0 or y_scale == 0:
        raise OutcomeError(
            "The mixed model was not fitted: all days, or all values, are equal.",
            code="mixed_too_few",
        )
    nested = len(np.unique(lesion)) > len(np.unique(patient))
    patients = _patients(patient, lesion, (x - x.mean()) / x_scale, (y - y.mean()) / y_scale)
    spread, residual = _variances(patients, nested)
    lines = _solved(patients, spread, residual, nested, int(lesion.max()) + 1)
    unit = y_scale / x_scale
    return LesionLines(
        slope=lines.slope * unit,
        slope_se=lines.slope_se * unit,
        population=lines.population * unit,
        population_se=lines.population_se * unit,
        slope_sd_patient=lines.slope_sd_patient * unit,
        slope_sd_lesion=lines.slope_sd_lesion * unit,
        residual_sd=lines.residual_sd * y_scale,
    )


def _check_enough(patient: npt.NDArray[np.int64], lesion: npt.NDArray[np.int64]) -> None:
    n_patients = len(np.unique(patient))
    longest = int(np.bincount(lesion).max()) if len(lesion) else 0
    if n_patients < MIN_PATIENTS or longest < 3:
        raise OutcomeError(
            f"A mixed model needs at least {MIN_PATIENTS} patients and a lesion with three usable "
            f"visits; received {n_patients} patient(s) and at most {longest} visit(s) of a lesion. "
            "Use method='ols', which takes each lesion by itself.",
            code="mixed_too_few",
        )


def _patients(
    patient: npt.NDArray[np.int64], lesion: npt.NDArray[np.int64], x: Array, y: Array
) -> list[_Patient]:
    fixed = np.column_stack([np.ones_like(x), x])
    found = []
    for number in np.unique(patient):
        rows = np.flatnonzero(patient == number)
        lesions = np.unique(lesion[rows])
        of_lesion = [fixed[rows] * (lesion[rows] == one)[:, None] for one in lesions]
        # columns: patient's intercept and slope, then those of its lesions
        random = np.hstack([fixed[rows], *of_lesion])
        found.append(_Patient(lesions, fixed[rows], random, y[rows]))
    return found


@dataclass(frozen=True)
class _Stacked:
    """Cross products of all patients; random designs padded with zeros to one width."""

    random_random: Array  # (patients, q, q)
    random_fixed: Array  # (patients, q, 2 + 1): with the values as a last column
    fixed_fixed: Array  # (3, 3), summed over the patients
    n: int


def _stacked(patients: list[_Patient]) -> _Stacked:
    width = max(p.random.shape[1] for p in patients)
    random_random = np.zeros((len(patients), width, width))
    random_fixed = np.zeros((len(patients), width, 3))
    fixed_fixed = np.zeros((3, 3))
    for k, p in enumerate(patients):
        q = p.random.shape[1]
        both = np.column_stack([p.fixed, p.y])
        random_random[k, :q, :q] = p.random.T @ p.random
        random_fixed[k, :q] = p.random.T @ both
        fixed_fixed += both.T @ both
    return _Stacked(random_random, random_fixed, fixed_fixed, sum(len(p.y) for p in patients))


def _variances(patients: list[_Patient], nested: bool) -> tuple[Array, float]:
    """Return the covariance of (patient's intercept, slope, lesion's intercept, slope), by REML.

    The likelihood is that of lme4, in the Cholesky factor of the covariance relative to the
    residual variance (Bates et al., Journal of Statistical Software 2015; 67(1), eq. 42). Its
    maximum is sought from several starts, because a standard deviation that once was zero has no
    gradient to leave it by.
    """
    from scipy.optimize import minimize

    data = _stacked(patients)
    bounds = [(0.0, None), (None, None), (0.0, None), *([(0.0, None)] * 2 if nested else [])]

    bounded = np.array([low == 0 for low, _ in bounds])

    def climb(start: Array) -> tuple[float, Array, float]:
        found = minimize(
            lambda theta: _deviance(theta, data)[0],
            start,
            method="L-BFGS-B",
            jac="3-point",
            bounds=bounds,
            options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-7},
        )
        at_bound = (found.x == 0) & bounded
        left = np.where(at_bound, np.minimum(found.jac, 0.0), found.jac)
        return float(found.fun), np.asarray(found.x), float(np.abs(left).max())

    of_lesions = ((1.0, 1.0), (1.0, 0.2)) if nested else ((),)
    starts = [[1.0, 0.0, slope, *more] for slope in (1.0, 0.2) for more in of_lesions]
    try:
        best = min((climb(np.array(start)) for start in starts), key=lambda found: found[0])
        lifted = np.where(bounded, np.maximum(best[1], 0.1), best[1])
        _, theta, left = min(best, climb(lifted), key=lambda found: found[0])
        residual = _deviance(theta, data)[1]
    except np.linalg.LinAlgError:  # ever larger factors: the lines leave no scatter
        theta, left, residual = np.full(len(bounds), np.nan), np.inf, 0.0
    if not (np.isfinite(theta).all() and residual > 0 and left < GRADIENT_LEFT):
        raise OutcomeError(
            "The mixed model did not converge: no maximum of the likelihood was found. Look for "
            "single values that are far out or for lesions whose visits lie on a line exactly, or "
            "use method='ols', which takes each lesion by itself.",
            code="mixed_not_converged",
        )
    factor = _factor(theta, 4)
    spread = factor @ factor.T * residual
    kept = np.diag(spread) >= ZERO_SHARE
    return np.where(np.outer(kept, kept), spread, 0.0), residual


def _factor(theta: Array, width: int) -> Array:
    """Return the relative Cholesky factor of a patient's random effects."""
    factor = np.zeros((width, width))
    factor[0, 0], factor[1, 0], factor[1, 1] = theta[:3]
    if len(theta) > 3:
        of_lesions = np.arange(2, width)
        factor[of_lesions, of_lesions] = np.tile(theta[3:], (width - 2) // 2)
    return factor


def _deviance(theta: Array, data: _Stacked) -> tuple[float, float]:
    """Return -2 log restricted likelihood, fixed effects and residual profiled out, and that."""
    width = data.random_random.shape[1]
    factor = _factor(theta, width)
    inner = np.eye(width) + factor.T @ data.random_random @ factor
    root = np.linalg.cholesky(inner)
    right = np.linalg.solve(root, factor.T @ data.random_fixed)
    crossed = data.fixed_fixed - np.einsum("kqa,kqb->ab", right, right)
    information, score = crossed[:2, :2], crossed[:2, 2]
    squares = crossed[2, 2] - score @ np.linalg.solve(information, score)
    degrees = data.n - 2
    residual = max(float(squares), np.finfo(float).tiny) / degrees
    log_determinant = 2.0 * np.log(np.diagonal(root, axis1=1, axis2=2)).sum()
    return (
        float(
            log_determinant
            + np.linalg.slogdet(information)[1]
            + degrees * (1.0 + np.log(2.0 * np.pi * residual))
        ),
        residual,
    )


def _solved(
    patients: list[_Patient], spread: Array, residual: float, nested: bool, n_lesions: int
) -> LesionLines:
    """Return fixed effects, BLUPs and their errors, given the variances."""
    weights, information, score = [], np.zeros((2, 2)), np.zeros(2)
    for p in patients:
        own = _of_patient(spread, len(p.lesions))
        variance = p.random @ own @ p.random.T + residual * np.eye(len(p.y))
        weighted = np.linalg.solve(variance, np.column_stack([p.fixed, p.random @ own]))
        information += p.fixed.T @ weighted[:, :2]
        score += weighted[:, :2].T @ p.y
        weights.append((own, weighted))
    covariance = np.linalg.inv(information)
    fixed = covariance @ score
    slope, slope_se = np.full(n_lesions, np.nan), np.full(n_lesions, np.nan)
    for p, (own, weighted) in zip(patients, weights, strict=True):
        of_fixed, of_random = weighted[:, :2], weighted[:, 2:]  # V^-1 X, V^-1 Z G
        blup = of_random.T @ (p.y - p.fixed @ fixed)
        crossed = of_random.T @ p.fixed
        error = own - (p.random @ own).T @ of_random + crossed @ covariance @ crossed.T
        shared = -covariance @ of_fixed.T @ p.random @ own
        for position, lesion in enumerate(p.lesions):
            mine = np.zeros(len(own))
            mine[[1, 3 + 2 * position]] = 1.0
            slope[lesion] = fixed[1] + mine @ blup
            variance_of = covariance[1, 1] + mine @ error @ mine + 2 * shared[1] @ mine
            slope_se[lesion] = np.sqrt(max(float(variance_of), 0.0))
    return LesionLines(
        slope=slope,
        slope_se=slope_se,
        population=float(fixed[1]),
        population_se=float(np.sqrt(covariance[1, 1])),
        slope_sd_patient=float(np.sqrt(spread[1, 1])),
        slope_sd_lesion=float(np.sqrt(spread[3, 3])) if nested else float("nan"),
        residual_sd=float(np.sqrt(residual)),
    )


def _of_patient(spread: Array, n_lesions: int) -> Array:
    """Return the covariance of a patient's random effects, in the order of ``_Patient.random``."""
    own = np.zeros((2 + 2 * n_lesions, 2 + 2 * n_lesions))
    own[:2, :2] = spread[:2, :2]
    for k in range(n_lesions):
        at = 2 + 2 * k
        own[at : at + 2, at : at + 2] = spread[2:, 2:]
    return own
