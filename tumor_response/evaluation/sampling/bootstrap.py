"""The bootstrap of patients: drawn once, met by every model alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tumor_response.evaluation.sampling.base import (
    MAX_TRIES,
    IntArray,
    Kind,
    Resample,
    Scheme,
    SchemeRows,
    patient_strata,
)
from tumor_response.exceptions import EvaluationError

__all__ = ["Bootstrap632Plus"]


class Bootstrap632Plus(Scheme):
    """The .632+ bootstrap on patients (Efron and Tibshirani 1997, JASA 92:548).

    A resample draws patients with replacement, as many per stratum as there are, each with all
    its lesions; a patient drawn twice enters twice. Patients not drawn are out of bag. A resample
    whose training rows or out-of-bag rows have one class is drawn again and counted.

    Parameters
    ----------
    n_resamples
        Default 1,000. Resample b is the same for every ``n_resamples`` above b.
    seed
        Default 0. The same seed, patients and strata give the same resamples, for any models.

    Raises
    ------
    SettingsError
        ``n_resamples`` below 2, a negative ``seed``, an unknown setting.

    Examples
    --------
    >>> import numpy as np
    >>> scheme = Bootstrap632Plus(n_resamples=2, seed=1)
    >>> patients = np.array([0, 0, 1, 2, 3, 4, 5])
    >>> responder = np.array([0, 1, 1, 1, 0, 0, 0])
    >>> resamples = scheme.draw(patients, responder)
    >>> [set(patients[r.train]) & set(patients[r.test]) for r in resamples]
    [set(), set()]
    """

    kind: ClassVar[Kind] = "bootstrap"

    n_resamples: int = Field(1000, ge=2)
    seed: int = Field(0, ge=0)

    def resamples(self, rows: SchemeRows) -> list[Resample]:
        """Return the resamples of the rows of an evaluation."""
        return self.draw(rows.patients, rows.balance, rows.is_usable)

    def draw(
        self,
        patients: IntArray,
        responder: npt.NDArray[np.int64],
        is_usable: Callable[[IntArray, IntArray], bool] | None = None,
    ) -> list[Resample]:
        """Draw the resamples.

        Parameters
        ----------
        patients : array of shape (n_rows,)
            An integer per row, the same for all rows of a patient.
        responder : array of shape (n_rows,)
            0 or 1 per row by the full-data cut. A patient with a responder lesion is one
            stratum, the others the other; it serves balance alone. More classes, more strata.
        is_usable
            Takes (training rows, out-of-bag rows), says whether both have two classes; the
            labels may depend on the training rows. Default: by ``responder``.

        Returns
        -------
        list of Resample

        Raises
        ------
        EvaluationError
            If a usable resample is not found in 1,000 draws.
        """
        check = is_usable or (
            lambda train, test: _two_classes(responder[train]) and _two_classes(responder[test])
        )
        rows_of, strata = patient_strata(patients, responder)
        seeds = np.random.SeedSequence(self.seed).spawn(self.n_resamples)
        return [
            _draw_one(number, np.random.default_rng(seed), rows_of, strata, check)
            for number, seed in enumerate(seeds)
        ]


def _draw_one(
    number: int,
    rng: np.random.Generator,
    rows_of: list[IntArray],
    strata: list[IntArray],
    check: Callable[[IntArray, IntArray], bool],
) -> Resample:
    for n_redrawn in range(MAX_TRIES):
        drawn = np.concatenate([rng.choice(stratum, size=len(stratum)) for stratum in strata])
        out = np.setdiff1d(np.arange(len(rows_of)), drawn)
        if not out.size:
            continue
        train = np.concatenate([rows_of[patient] for patient in np.sort(drawn)])
        test = np.concatenate([rows_of[patient] for patient in out])
        if check(train, test):
            return Resample(train, test, n_redrawn)
    raise EvaluationError(
        f"Resample {number}: in {MAX_TRIES} draws the training and the out-of-bag patients "
        f"never both had both classes ({len(rows_of)} patients, "
        f"{', '.join(str(len(members)) for members in strata)} by their highest class). There are "
        "too few patients for a bootstrap with this cut.",
        code="too_few_patients",
    )


def _two_classes(y: npt.NDArray[np.int64]) -> bool:
    return len(np.unique(y)) >= 2
