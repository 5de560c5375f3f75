"""Riley's criteria: the least number of patients to develop a model of a 0/1 outcome with.

Sources: Riley et al. 2019, Stat Med 38:1276; Riley et al. 2020, BMJ 368:m441; van Smeden et al.
2019, Stat Methods Med Res 28:2455 (mean absolute prediction error); Riley, Van Calster and Collins
2021, Stat Med 40:859 (Cox-Snell R2 from an anticipated C statistic).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm

from tumor_response.evaluation.planning.required import (
    Criterion,
    RequiredPatients,
    check_between,
    check_count,
    whole_up,
)
from tumor_response.exceptions import SettingsError

__all__ = [
    "cox_snell_from_auc",
    "largest_cox_snell",
    "required_patients",
    "supported_parameters",
]

SHRINKAGE = 0.9
"""Expected uniform shrinkage of coefficients that is still called small overfitting."""

OPTIMISM = 0.05
"""Difference between apparent and adjusted (Nagelkerke) R2 that is still called small."""

MARGIN_OF_RISK = 0.05
"""Half width of the interval of the overall risk."""

MEAN_ABSOLUTE_ERROR = 0.05
"""Mean absolute error of predicted probabilities."""

MOST_PARAMETERS_OF_ERROR = 30
"""Parameters up to which van Smeden's formula was fitted to simulations."""

REMARK = (
    "n_parameters counts every candidate: each column that was ever looked at, also those that a "
    "filter, lasso or network then leaves out, and each further term of a category or a spline. "
    "The criteria are derived for maximum likelihood. A penalised model of more columns than "
    "patients can predict with fewer, by shrinking on purpose, but how much to shrink is itself "
    "learned from the same few patients and is unreliable when they are few (Riley et al. 2021, J "
    "Clin Epidemiol 132:88). For such a model this is no threshold to have passed; the learning "
    "curve of the model itself (learning_curve) is the better guide."
)


def largest_cox_snell(prevalence: float) -> float:
    """Return the largest Cox-Snell R2 that a binary outcome allows.

    ``1 - exp(2 lnL0 / n)`` with ``lnL0 / n = phi ln(phi) + (1 - phi) ln(1 - phi)``.

    Examples
    --------
    >>> round(largest_cox_snell(0.5), 3)
    0.75
    """
    check_between("prevalence", prevalence, 0, 1)
    null = prevalence * math.log(prevalence) + (1 - prevalence) * math.log(1 - prevalence)
    return 1 - math.exp(2 * null)


def cox_snell_from_auc(auc: float, prevalence: float) -> float:
    """Return the Cox-Snell R2 of a calibrated model with this AUC (Riley et al. 2021).

    The linear predictor is taken as normal in both classes with one variance, whose distance gives
    the AUC: ``s = sqrt(2) Phi^-1(AUC)``. The paper draws a million patients and fits; here the mean
    log-likelihood of that model is integrated, which gives the same without the draw.

    Parameters
    ----------
    auc
        Anticipated AUC on new patients, above 0.5 and below 1.
    prevalence
        Anticipated share of responders.

    Raises
    ------
    SettingsError
        For numbers out of range.

    Examples
    --------
    >>> round(cox_snell_from_auc(0.89, 0.174), 2)
    0.29
    """
    check_between("auc", auc, 0.5, 1)
    check_between("prevalence", prevalence, 0, 1)
    distance = math.sqrt(2) * float(norm.ppf(auc))
    log_odds = math.log(prevalence / (1 - prevalence))
    # Gauss-Hermite would miss the tails at high AUC; the integrand is smooth, so a fine grid does
    z = np.linspace(-10, 10, 8001)
    density = norm.pdf(z) * (z[1] - z[0])
    of_responders = log_odds + distance * (z + distance) - distance**2 / 2
    of_others = log_odds + distance * z - distance**2 / 2
    fitted = -prevalence * float(density @ np.logaddexp(0, -of_responders)) - (
        1 - prevalence
    ) * float(density @ np.logaddexp(0, of_others))
    null = prevalence * math.log(prevalence) + (1 - prevalence) * math.log(1 - prevalence)
    return 1 - math.exp(2 * (null - fitted))


def required_patients(
    n_parameters: int,
    prevalence: float,
    *,
    anticipated_auc: float | None = None,
    anticipated_r2: float | None = None,
    shrinkage: float = SHRINKAGE,
    optimism: float = OPTIMISM,
    margin_of_risk: float = MARGIN_OF_RISK,
    mean_absolute_error: float = MEAN_ABSOLUTE_ERROR,
) -> RequiredPatients:
    """Return how many patients a model of a 0/1 outcome needs, by Riley's criteria.

    With P parameters, prevalence phi and Cox-Snell R2:

    1. shrinkage S or weaker: ``P / ((S - 1) ln(1 - R2 / S))``;
    2. optimism of Nagelkerke's R2 up to d: the same with ``S = R2 / (R2 + d R2_max)``;
    3. overall risk within m: ``(1.96 / m)^2 phi (1 - phi)``;
    4. mean absolute error of predicted probabilities up to e, for 30 parameters or fewer:
       ``exp((-0.508 + 0.259 ln phi + 0.504 ln P - ln e) / 0.544)``, phi of the rarer class.

    Parameters
    ----------
    n_parameters
        Candidate parameters, before any selection.
    prevalence
        Anticipated share of responders.
    anticipated_auc
        AUC that the model is expected to have on new patients; its R2 follows from
        :func:`cox_snell_from_auc`. Be careful with it: a larger AUC asks for fewer patients.
    anticipated_r2
        Or the Cox-Snell R2 itself, as an earlier model had it after correction for optimism.
    shrinkage, optimism, margin_of_risk, mean_absolute_error
        S, d, m and e.

    Returns
    -------
    RequiredPatients
        ``str()`` of it says it in words.

    Raises
    ------
    SettingsError
        For numbers out of range; both or none of ``anticipated_auc`` and ``anticipated_r2``; an R2
        above the largest one possible.

    Examples
    --------
    >>> required_patients(24, 0.174, anticipated_r2=0.288).to_frame()["n"].tolist()
    [623, 662, 221, 801]
    >>> answer = required_patients(1500, 0.5, anticipated_auc=0.75)
    >>> answer.n > 60_000, answer.decided_by
    (True, '1. shrinkage')
    """
    check_count("n_parameters", n_parameters, 1)
    check_between("shrinkage", shrinkage, 0, 1)
    for name, value in (
        ("optimism", optimism),
        ("margin_of_risk", margin_of_risk),
        ("mean_absolute_error", mean_absolute_error),
    ):
        check_between(name, value, 0, 1)
    r2, anticipated = _anticipated(anticipated_auc, anticipated_r2, prevalence)
    second = _shrinkage_of_optimism(r2, prevalence, optimism)
    overall = (_z(0.95) / margin_of_risk) ** 2 * prevalence * (1 - prevalence)
    criteria = (
        Criterion(
            "1. shrinkage",
            _patients_for_shrinkage(n_parameters, r2, shrinkage),
            f"coefficients expected to need shrinking by {100 * (1 - shrinkage):.3g} % or less",
        ),
        Criterion(
            "2. optimism of R2",
            _patients_for_shrinkage(n_parameters, r2, second),
            f"apparent less adjusted Nagelkerke R2 of {optimism:g} or less",
        ),
        Criterion(
            "3. overall risk",
            whole_up(overall),
            f"95 % interval of the share of responders within {margin_of_risk:g}",
        ),
        _error_criterion(n_parameters, prevalence, mean_absolute_error),
    )
    return RequiredPatients(
        f"A model of {n_parameters:,} candidate parameter(s), {prevalence:.3g} responders, "
        f"{anticipated}",
        criteria,
        prevalence,
        n_parameters,
        REMARK,
    )


def supported_parameters(
    n_patients: int,
    prevalence: float,
    *,
    anticipated_auc: float | None = None,
    anticipated_r2: float | None = None,
    shrinkage: float = SHRINKAGE,
    optimism: float = OPTIMISM,
) -> int:
    """Return how many candidate parameters ``n_patients`` support by criteria 1 and 2.

    These two are the ones that grow with the number of parameters; whether the patients are enough
    for the overall risk (criterion 3) does not depend on it.

    Parameters
    ----------
    n_patients
        The patients there are.
    prevalence, anticipated_auc, anticipated_r2, shrinkage, optimism
        As for :func:`required_patients`.

    Raises
    ------
    SettingsError
        As :func:`required_patients`.

    Examples
    --------
    >>> supported_parameters(96, 0.5, anticipated_auc=0.75)
    2
    """
    check_count("n_patients", n_patients, 2)
    check_between("shrinkage", shrinkage, 0, 1)
    check_between("optimism", optimism, 0, 1)
    r2, _ = _anticipated(anticipated_auc, anticipated_r2, prevalence)
    both = (shrinkage, _shrinkage_of_optimism(r2, prevalence, optimism))
    return math.floor(min(n_patients / _patients_per_parameter(r2, one) for one in both))


def _anticipated(
    anticipated_auc: float | None, anticipated_r2: float | None, prevalence: float
) -> tuple[float, str]:
    """Return the Cox-Snell R2 and how it was given."""
    largest = largest_cox_snell(prevalence)
    if (anticipated_auc is None) == (anticipated_r2 is None):
        raise SettingsError(
            "Give either anticipated_auc or anticipated_r2 (Cox-Snell), received "
            f"{'neither' if anticipated_auc is None else 'both'}."
        )
    if anticipated_r2 is None:
        assert anticipated_auc is not None
        r2 = cox_snell_from_auc(anticipated_auc, prevalence)
        return r2, f"anticipated AUC {anticipated_auc:g} (Cox-Snell R2 {r2:.3f})"
    check_between("anticipated_r2", anticipated_r2, 0, 1)
    if anticipated_r2 >= largest:
        raise SettingsError(
            f"anticipated_r2={anticipated_r2:g}: with a prevalence of {prevalence:g} Cox-Snell's "
            f"R2 stays below {largest:.3f}. A Nagelkerke R2 has to be multiplied by that first."
        )
    return anticipated_r2, f"anticipated Cox-Snell R2 {anticipated_r2:g}"


def _shrinkage_of_optimism(r2: float, prevalence: float, optimism: float) -> float:
    return r2 / (r2 + optimism * largest_cox_snell(prevalence))


def _patients_per_parameter(r2: float, shrinkage: float) -> float:
    if shrinkage <= r2:
        raise SettingsError(
            f"shrinkage={shrinkage:g} is not above the anticipated R2 of {r2:.3f}, where the "
            "criterion has no meaning; ask for less shrinkage, or anticipate less."
        )
    return 1 / ((shrinkage - 1) * math.log1p(-r2 / shrinkage))


def _patients_for_shrinkage(n_parameters: int, r2: float, shrinkage: float) -> int:
    return whole_up(n_parameters * _patients_per_parameter(r2, shrinkage))


def _error_criterion(n_parameters: int, prevalence: float, error: float) -> Criterion:
    name = "4. error of predictions"
    if n_parameters > MOST_PARAMETERS_OF_ERROR:
        return Criterion(
            name, None, f"its formula was fitted for {MOST_PARAMETERS_OF_ERROR} parameters at most"
        )
    rarer = min(prevalence, 1 - prevalence)
    log_n = (
        -0.508 + 0.259 * math.log(rarer) + 0.504 * math.log(n_parameters) - math.log(error)
    ) / 0.544
    return Criterion(
        name,
        whole_up(math.exp(log_n)),
        f"mean absolute error of predicted probabilities of {error:g} or less",
    )


def _z(level: float) -> float:
    return float(norm.ppf((1 + level) / 2))
