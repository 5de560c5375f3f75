"""A predictor for another hospital: intercept and slope anew, and conformal quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from tumor_response.evaluation.performance.arrays import checked_numbers
from tumor_response.exceptions import EvaluationError
from tumor_response.predictor.calibration import (
    Calibration,
    codes_of,
    cross_calibrated,
    fit_calibration,
    fit_rate_calibration,
)
from tumor_response.predictor.conformal import fit_conformal
from tumor_response.predictor.state import PredictorState

__all__ = ["LEAST_PATIENTS", "recalibrated"]

FloatArray = npt.NDArray[np.float64]

LEAST_PATIENTS: Final = 10
"""Fewer local patients are refused: with them recalibration does harm as often as good."""


def recalibrated(
    state: PredictorState,
    outputs: npt.ArrayLike,
    y: npt.ArrayLike,
    patients: npt.ArrayLike,
    *,
    volume_outputs: npt.ArrayLike | None = None,
    coverages: Sequence[float] | None = None,
    parent_sha256: str = "",
) -> PredictorState:
    """Return a predictor recalibrated on another hospital's patients; the models stay as they are.

    Intercept and slope come on top of the predictor's own. The conformal quantiles are those of
    the local patients, each recalibrated on the others; where there are too few for a coverage
    (9 for 0.9, 19 for 0.95) the quantile is infinite, because the training patients' own does not
    hold elsewhere. No local patient's row is kept.

    Parameters
    ----------
    state
        The parent.
    outputs : array of shape (n_lesions,)
        Of the parent's model for the local lesions, before its calibration: log-odds, or rates.
    y : array of shape (n_lesions,)
        Classes 0 and 1, or measured rates.
    patients : array of shape (n_lesions,)
        Whose lesion it is.
    volume_outputs : array of shape (n_lesions,), optional
        The same of the volume model, which is then recalibrated as well, so that the comparison
        with volume alone stays fair.
    coverages
        Nominal coverages; those of the parent if not given.
    parent_sha256
        Of the file that the parent was loaded from; kept with the parentage.

    Raises
    ------
    EvaluationError
        ``too_few_patients``: fewer than 10 local patients. ``y``, ``shape`` or ``not_finite``.
    """
    response = state.task == "response"
    fit = partial(fit_calibration if response else fit_rate_calibration, method="local")
    measured, values = checked_numbers(y, outputs)
    names = codes_of(patients, measured.size)
    n_patients = len(np.unique(names))
    if n_patients < LEAST_PATIENTS:
        raise EvaluationError(
            f"Recalibration on {n_patients} patient(s): expected at least {LEAST_PATIENTS}. With "
            "fewer it makes predictions worse as often as better; collect more outcomes, or use "
            "the predictor as it is, minding what it says of its domain.",
            code="too_few_patients",
        )
    before = state.calibration.apply(values)
    line = fit(before, measured, names)
    left_out = cross_calibrated(before, measured, names, fit)
    rule = fit_conformal(
        "label_set" if response else "interval",
        expit(left_out) if response else left_out,
        measured,
        names,
        [float(key) for key in state.conformal.quantiles] if coverages is None else coverages,
        method="local patients, each recalibrated on the others",
    )
    volume = state.volume_calibration
    if volume_outputs is not None:
        of_volume = volume.apply(np.asarray(volume_outputs, dtype=np.float64))
        volume = _after(volume, fit(of_volume, measured, names))
    note = {
        "what": "recalibrated",
        "sha256": parent_sha256,
        "n_patients": n_patients,
        "n_lesions": measured.size,
        "intercept": line.intercept,
        "slope": line.slope,
    }
    return replace(
        state,
        calibration=_after(state.calibration, line),
        volume_calibration=volume,
        conformal=rule,
        parents=(*state.parents, note),
    )


def _after(first: Calibration, then: Calibration) -> Calibration:
    """Return the line of both, one after the other."""
    intercept = then.intercept + then.slope * first.intercept
    return replace(then, intercept=intercept, slope=then.slope * first.slope)
