"""How sure an outcome and its label are, given that contours and voxels are not exact.

Every lesion's contours are drawn again on paper, twice in a row (:mod:`contour_error` says how).
The first draw leads from what was measured to what may be true, the second from there to what
another observer would measure. So the question of ``p_flip`` is: had somebody else contoured both
scans of all lesions, would this label be another one?
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import OutcomeError
from tumor_response.frames import IntoFrame, as_keyed
from tumor_response.outcomes.contour_error import ContourError, redraw
from tumor_response.outcomes.end_points import sign_of
from tumor_response.outcomes.measured import (
    MeasuredLesions,
    end_point,
    measured_lesions,
    observer_sds,
)
from tumor_response.outcomes.responder import Cut, ResponderCut
from tumor_response.outcomes.true_values import LogErrors, TrueCohort, log_errors, true_cohort

__all__ = ["outcome_uncertainty"]

Array = npt.NDArray[np.float64]

LEAST_TRUE_SHARE = 0.01
"""Least variance of the truth, relative to the error's. No cohort of a usual size shows less, and
with none at all true values would be ties and every ``p_responder`` 0 or 1."""

_CONTOUR_ERROR = ContourError()


def outcome_uncertainty(
    outcomes: IntoFrame,
    *,
    by: str = "rate_percent_per_day",
    cut: Cut = "median",
    observer_sd_mm: float | str | pd.Series = 1.0,
    contour_error: ContourError = _CONTOUR_ERROR,
    prior: Literal["cohort", "flat"] = "cohort",
    refit_cut: bool = True,
    flip_limit: float = 0.05,
    n_draws: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Carry contour error and voxel size into an end point and its label, by simulation.

    Parameters
    ----------
    outcomes
        From :func:`tumor_response.shrinkage`.
    by, cut
        End point and cut of the label, as in :func:`tumor_response.label_responders`.
    observer_sd_mm
        Standard deviation in mm, along the surface normal, of *one* observer's contour about the
        truth; two observers differ by the square root of 2 times that. A number, the name of a
        column, or a Series by lesion.
    contour_error
        How the error behaves: smoothness, correlation between the time points, voxel size.
    prior
        What is known of the truth apart from the lesion's own measurement. ``"cohort"``: true
        values lie about the cohort's mean as far apart as is left of the measured spread once the
        error is taken off (empirical Bayes). ``"flat"``: nothing, so that measured values are taken
        for true ones; for single lesions with a fixed cut. In a cohort it makes labels look too
        sure (docs/guide/coupling.md has figures).
    refit_cut
        Whether a cut that the rows decide (median, tertile) is taken anew in every draw, as it
        would be if the cohort were contoured again. ``False`` keeps the observed one, for a cut
        that is published or in use.
    flip_limit
        A label is ``uncertain`` when ``p_flip`` is above this. With the default and a cut far from
        any other, that is within 1.64 standard deviations of the difference of two observers.
    n_draws, seed
        Draws of the whole cohort, and their seed; the Monte Carlo error of ``p_flip`` is at most
        ``0.5 / sqrt(n_draws)``, .011 with the default.

    Returns
    -------
    pandas.DataFrame
        Index of ``outcomes``, one row per lesion, NaN or NA where the outcome is missing:

        - ``<by>_sd``: standard deviation of the measured value that contour error and voxels cause,
          half the width of the central 68 % of the draws (a ratio with a small V0 has tails that
          would make the root mean square depend on single draws);
        - ``<by>_low``, ``<by>_high``: central 95 % of the draws about the measured value;
        - ``p_responder``: probability that the true value shrank more than the cut;
        - ``p_flip``: probability that another observer's label is not the measured one;
        - ``label``: 1.0 or 0.0 as measured; ``uncertain``: nullable boolean.

        ``attrs``: ``by``, ``cut`` (the observed one, in the unit of ``by``), ``flip_share`` (mean
        of ``p_flip``: the share of labels expected to flip) and ``wrong_share`` (the share of
        labels expected to differ from the truth's), each with its Monte Carlo error ``..._se``;
        ``true_sd`` (standard deviation of the true ln(V1 / V0) per day, or what ``by`` is per,
        under ``prior="cohort"``, else NaN; 0: the stated error alone puts the values as far apart
        as they are), ``n_uncertain``,
        ``n_lesions``, and the arguments.

    Raises
    ------
    OutcomeError
        For an end point, a cut or a column that is not there, an observer SD that is not (code
        ``observer_sd``), values that do not follow from the volumes (``outcome_inconsistent``),
        no outcome at all (``no_outcome``), or fewer than three for ``prior="cohort"``
        (``too_few_lesions``).

    Notes
    -----
    Measured values already hold one error. Adding another to them as if they were true gives
    ``<by>_low`` and ``_high`` their width, but does not say how many labels flip: measured values
    lie further apart than true ones, and further from the cut. So under ``prior="cohort"`` true
    ``ln V0`` and ``ln(V1 / V0)`` (per day, or what ``by`` is per) are normal and independent of
    each other, with the means and standard deviations of Paule and Mandel (1982), and the truth
    behind a lesion's measurement m is drawn as ``t + K (m - t - e)``: t a draw of the truth, e one
    of the error, K the truth's covariance over the sum of both covariances. A complete response
    has no follow-up contour to be off, and its volume of 0 is taken as certain.

    Examples
    --------
    >>> import pandas as pd, tumor_response as tr
    >>> outcomes = pd.DataFrame({
    ...     "volume_baseline_cc": [30.0] * 5,
    ...     "volume_follow_up_cc": [27.0, 24.0, 18.0, 15.2, 15.0],
    ... })
    >>> outcomes["shrinkage_percent"] = 100 * (1 - outcomes["volume_follow_up_cc"] / 30)
    >>> found = tr.outcome_uncertainty(outcomes, by="shrinkage_percent", cut=49.0,
    ...                                observer_sd_mm=0.2)
    >>> found["uncertain"].tolist()
    [False, False, False, True, True]
    """
    outcomes = as_keyed(outcomes, "outcomes")
    if n_draws < 2 or not 0 < flip_limit < 1:
        raise OutcomeError(
            f"n_draws={n_draws}, flip_limit={flip_limit}: expected at least 2 draws and a "
            "probability between 0 and 1."
        )
    if prior not in ("cohort", "flat"):
        raise OutcomeError(f"prior={prior!r}: expected 'cohort' or 'flat'.")
    lesions = measured_lesions(outcomes, by)
    sds = observer_sds(outcomes, observer_sd_mm, lesions.known)
    rule = ResponderCut(cut, by)
    fitted = rule.fit(pd.Series(lesions.value, name=by))
    rng_error, rng_truth, rng_repeat = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(3)
    )
    errors = log_errors(lesions, sds, contour_error, n_draws, rng_error)
    drawn = end_point(by, *_volumes(lesions, errors.volume, errors.response), lesions.amount)
    if prior == "flat":
        true_sd = math.nan
        shift = (-errors.volume, -errors.response)
    else:
        cohort = true_cohort(lesions, errors)
        true_sd = cohort.response.sd
        shift = _towards_truth(lesions, errors, cohort, rng_truth)
    true_v0, true_v1 = _volumes(lesions, *shift)
    v0, v1 = redraw(true_v0, true_v1, sds, contour_error, rng_repeat)
    label = sign_of(by) * lesions.value > sign_of(by) * fitted
    responds = _above(end_point(by, true_v0, true_v1, lesions.amount), rule, fitted, refit_cut)
    flips = _above(end_point(by, v0, v1, lesions.amount), rule, fitted, refit_cut) != label
    wrong = responds != label
    low, spread_low, spread_high, high = np.percentile(drawn, [2.5, 15.865, 84.135, 97.5], axis=0)
    columns = {
        f"{by}_sd": (spread_high - spread_low) / 2.0,
        f"{by}_low": low,
        f"{by}_high": high,
        "p_responder": responds.mean(axis=0),
        "p_flip": flips.mean(axis=0),
        "label": label.astype(float),
    }
    table = pd.DataFrame(columns, index=outcomes.index[lesions.known]).reindex(outcomes.index)
    uncertain = (table["p_flip"] > flip_limit).astype("boolean")
    table["uncertain"] = uncertain.mask(~lesions.known)
    flip_share, flip_share_se = _share(flips)
    wrong_share, wrong_share_se = _share(wrong)
    table.attrs = {
        "by": by,
        "cut": fitted,
        "flip_share": flip_share,
        "flip_share_se": flip_share_se,
        "wrong_share": wrong_share,
        "wrong_share_se": wrong_share_se,
        "true_sd": true_sd,
        "n_uncertain": int(uncertain.sum()),
        "n_lesions": int(lesions.known.sum()),
        "observer_sd_mm": float(np.median(sds)),
        "contour_error": contour_error.model_dump(mode="json"),
        "prior": prior,
        "refit_cut": refit_cut,
        "flip_limit": flip_limit,
        "n_draws": n_draws,
        "seed": seed,
    }
    return table


def _volumes(
    lesions: MeasuredLesions, volume_shift: Array, response_shift: Array
) -> tuple[Array, Array]:
    """Return both volumes, (n_draws, n), after shifts of the logarithms of what was measured."""
    v0 = lesions.v0_cc * np.exp(volume_shift)
    ratio = lesions.v1_cc / lesions.v0_cc
    return v0, v0 * ratio * np.exp(response_shift * lesions.amount)


def _towards_truth(
    lesions: MeasuredLesions, errors: LogErrors, cohort: TrueCohort, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return draws of the truth less the measured value, of ln V0 and of the log response."""
    shape = errors.volume.shape
    volume_off = np.log(lesions.v0_cc) - cohort.log_volume.mean
    response_off = (
        lesions.log_response(lesions.v0_cc, lesions.v1_cc) - cohort.response.mean
    ) * ~lesions.gone
    error_volume, error_response = errors.volume.var(axis=0), errors.response.var(axis=0)
    both = (errors.volume * errors.response).mean(axis=0) - (
        errors.volume.mean(axis=0) * errors.response.mean(axis=0)
    )
    true_volume = np.maximum(cohort.log_volume.sd**2, LEAST_TRUE_SHARE * error_volume)
    true_response = np.maximum(cohort.response.sd**2, LEAST_TRUE_SHARE * error_response)
    volume = np.sqrt(true_volume) * rng.standard_normal(shape)
    response = np.sqrt(true_response) * rng.standard_normal(shape)
    # K = T (T + E)^-1 for 2 x 2 matrices, T diagonal; with no error there is nothing to take off
    total_volume, total_response = true_volume + error_volume, true_response + error_response
    determinant = total_volume * total_response - both**2
    exact = determinant <= 0
    determinant = np.where(exact, 1.0, determinant)
    off_volume = volume_off - volume - errors.volume
    off_response = response_off - response - errors.response
    gain = (total_response * off_volume - both * off_response) / determinant
    volume = volume + true_volume * gain
    gain = (total_volume * off_response - both * off_volume) / determinant
    response = response + true_response * gain
    return (
        np.where(exact, 0.0, volume - volume_off),
        np.where(exact | lesions.gone, 0.0, response - response_off),
    )


def _above(draws: Array, rule: ResponderCut, fitted: float, refit: bool) -> npt.NDArray[np.bool_]:
    """Return which of (n_draws, n) values are responders, with the cut of each draw's own rows."""
    sign = sign_of(rule.by)
    if not (refit and rule.is_fitted):
        return np.asarray(sign * draws > sign * fitted)
    cuts = np.array([rule.fit(pd.Series(draw, name=rule.by)) for draw in draws])
    return np.asarray(sign * draws > sign * cuts[:, None])


def _share(differs: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return the expected share of labels and its Monte Carlo error, from the draws' own shares."""
    per_draw = differs.mean(axis=1)
    return float(per_draw.mean()), float(per_draw.std(ddof=1) / np.sqrt(len(per_draw)))
