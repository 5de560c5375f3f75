"""The AUC that baseline volume reaches from contour error alone.

The baseline volume is a predictor and a part of the end point. A baseline contour that is too wide
makes a lesion look larger, and as if it had shrunk more. So volume predicts response where there is
nothing to predict, and the volume-only AUC has to be read beside the one that this module computes.
"""

from __future__ import annotations

from dataclasses import dataclass

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
from tumor_response.outcomes.true_values import TrueSpread, log_errors, true_cohort

__all__ = ["Coupling", "coupling"]

Array = npt.NDArray[np.float64]

_CONTOUR_ERROR = ContourError()
_N_ERROR_DRAWS = 1000
_BLOCK = 1_000_000  # lesions times cohorts in memory at once


@dataclass(frozen=True)
class Coupling:
    """What :func:`coupling` found.

    Parameters
    ----------
    auc
        Mean AUC of the drawn baseline volume for the label; above .5: larger lesions respond more.
    auc_se
        Its Monte Carlo error.
    auc_low, auc_high
        Central 95 % of single cohorts of this size: where volume-only may lie by contour error and
        chance alone.
    by, cut, observer_sd_mm
        As asked; the median where the observer SD differs by lesion.
    n_lesions, n_simulations
        Lesions with the end point; simulated cohorts.
    n_one_class
        Simulated cohorts left out because a fixed cut gave all lesions one label.
    true_sd
        Standard deviation of the simulated true ln(V1 / V0) per day, or what ``by`` is per: the
        measured one less the error's; 0 if the stated error alone explains it.
    warning
        What a reader has to know, empty if nothing.
    """

    auc: float
    auc_se: float
    auc_low: float
    auc_high: float
    by: str
    cut: Cut
    observer_sd_mm: float
    n_lesions: int
    n_simulations: int
    n_one_class: int
    true_sd: float
    warning: str


def coupling(
    outcomes: IntoFrame,
    *,
    by: str = "rate_percent_per_day",
    cut: Cut = "median",
    observer_sd_mm: float | str | pd.Series = 1.0,
    contour_error: ContourError = _CONTOUR_ERROR,
    n_simulations: int = 2000,
    seed: int = 0,
) -> Coupling:
    """Simulate the volume-only AUC to expect if the response had nothing to do with the volume.

    The cohort's own volumes and responses are kept. In each simulated cohort the responses, V1 / V0
    and the days they took, are dealt out anew among the volumes, of which they know nothing then;
    both contours of every lesion are drawn with an error, the end point is computed from the
    drawn volumes and cut, and the drawn baseline volume is scored against that label.

    Parameters
    ----------
    outcomes
        From :func:`tumor_response.shrinkage`; rows without the end point are left out.
    by, cut
        End point and cut of the label, as in :func:`tumor_response.label_responders`. In cc the
        volume is a factor of the end point, and the AUC is high without any error.
    observer_sd_mm, contour_error
        As in :func:`tumor_response.outcome_uncertainty`.
    n_simulations, seed
        Simulated cohorts and their seed.

    Returns
    -------
    Coupling

    Raises
    ------
    OutcomeError
        As :func:`tumor_response.outcome_uncertainty`, and code ``one_class`` if a fixed cut gives
        every simulated cohort one label.

    Notes
    -----
    Measured values hold one error already, and dealing them out as if they were true would dilute
    the second. So they are drawn together first: the logarithms of responses and of baseline
    volumes keep their order and shape, with the standard deviation that is left of the measured one
    once the error is taken off (Paule and Mandel 1982). A complete response is dealt out as such.
    Lesions of one patient are dealt out one by one.

    Examples
    --------
    >>> import pandas as pd, tumor_response as tr
    >>> from tumor_response.simulate import simulate_latents
    >>> latents = simulate_latents(100, seed=1)
    >>> v0 = latents["target_volume_baseline_cc"]
    >>> v1 = latents["target_volume_follow_up_cc"]
    >>> outcomes = pd.DataFrame({"volume_baseline_cc": v0, "volume_follow_up_cc": v1,
    ...                          "shrinkage_percent": 100 * (v0 - v1) / v0})
    >>> found = tr.coupling(outcomes, by="shrinkage_percent", n_simulations=200)
    >>> 0.5 < found.auc < 0.62
    True
    """
    outcomes = as_keyed(outcomes, "outcomes")
    if n_simulations < 2:
        raise OutcomeError(f"n_simulations={n_simulations}: expected at least 2.")
    rule = ResponderCut(cut, by)
    lesions = measured_lesions(outcomes, by)
    sds = observer_sds(outcomes, observer_sd_mm, lesions.known)
    rng_error, rng_dealt, rng_drawn = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(3)
    )
    truth = _without_error(lesions, sds, contour_error, rng_error)
    at_once = max(1, _BLOCK // len(sds))
    parts = []
    for start in range(0, n_simulations, at_once):
        n_cohorts = min(at_once, n_simulations - start)
        v0, v1, amount = _dealt(lesions, truth, n_cohorts, rng_dealt)
        drawn_v0, drawn_v1 = redraw(v0, v1, sds, contour_error, rng_drawn)
        values = end_point(by, drawn_v0, drawn_v1, amount)
        parts.append(_aucs(drawn_v0, values, rule, by))
    aucs = np.concatenate(parts)
    usable = aucs[~np.isnan(aucs)]
    if len(usable) < 2:
        raise OutcomeError(
            f"cut={cut!r} gives all lesions one label in {n_simulations - len(usable)} of "
            f"{n_simulations} simulated cohorts; expected a cut with lesions on both sides.",
            code="one_class",
        )
    low, high = np.percentile(usable, [2.5, 97.5])
    return Coupling(
        auc=float(usable.mean()),
        auc_se=float(usable.std(ddof=1) / np.sqrt(len(usable))),
        auc_low=float(low),
        auc_high=float(high),
        by=by,
        cut=cut,
        observer_sd_mm=float(np.median(sds)),
        n_lesions=len(sds),
        n_simulations=n_simulations,
        n_one_class=n_simulations - len(usable),
        true_sd=truth.sd,
        warning=_warning(by, truth.sd),
    )


@dataclass(frozen=True, eq=False)
class _Truth:
    """Baseline volumes and log responses without their error, shape (n,)."""

    v0_cc: Array
    response: Array
    sd: float


def _without_error(
    lesions: MeasuredLesions, sds: Array, contour_error: ContourError, rng: np.random.Generator
) -> _Truth:
    errors = log_errors(lesions, sds, contour_error, _N_ERROR_DRAWS, rng)
    cohort = true_cohort(lesions, errors)
    response = lesions.log_response(lesions.v0_cc, lesions.v1_cc)
    return _Truth(
        v0_cc=np.exp(_together(np.log(lesions.v0_cc), errors.volume, cohort.log_volume)),
        response=_together(response, errors.response, cohort.response),
        sd=cohort.response.sd,
    )


def _together(measured: Array, errors: Array, truth: TrueSpread) -> Array:
    """Return the values drawn towards the mean until they lie as far apart as true ones do."""
    expected_sd = np.sqrt(truth.sd**2 + errors.var(axis=0))
    share = truth.sd / np.where(expected_sd > 0, expected_sd, 1.0)
    return truth.mean + share * (measured - truth.mean)


def _dealt(
    lesions: MeasuredLesions, truth: _Truth, n_simulations: int, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Return true volumes and amounts, (n_simulations, n), with the responses dealt out anew."""
    n = len(truth.v0_cc)
    hands = rng.permuted(np.tile(np.arange(n), (n_simulations, 1)), axis=1)
    amount = lesions.amount[hands]
    left = np.where(lesions.gone[hands], 0.0, np.exp(truth.response[hands] * amount))
    v0 = np.broadcast_to(truth.v0_cc, left.shape)
    return v0, v0 * left, amount


def _aucs(score: Array, values: Array, rule: ResponderCut, by: str) -> Array:
    """Return the AUC of each row's score for the label of its values; NaN with one class."""
    from scipy.stats import rankdata

    sign = sign_of(by)
    cuts = np.array([rule.fit(pd.Series(row, name=by)) for row in values])
    label = sign * values > sign * cuts[:, None]
    n_yes = label.sum(axis=1)
    n_pairs = n_yes * (label.shape[1] - n_yes)
    rank_sum = np.where(label, rankdata(score, axis=1), 0.0).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(n_pairs > 0, (rank_sum - n_yes * (n_yes + 1) / 2) / n_pairs, np.nan)


def _warning(by: str, true_sd: float) -> str:
    said = []
    if "_cc" in by:
        said.append(
            f"{by} is in cc: the baseline volume is a factor of it, and large lesions lose more cc "
            "at the same percentage. Volume predicts it by arithmetic."
        )
    if true_sd == 0.0:
        said.append(
            "The stated contour error alone puts the values as far apart as they are: either it is "
            "stated too large for these contours, or the labels are made of error."
        )
    return " ".join(said)
