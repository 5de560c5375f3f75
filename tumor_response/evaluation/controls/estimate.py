"""How long negative controls will take, told before they are begun."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from tumor_response.cohort import Cohort
from tumor_response.evaluation.controls.extracting import Plan, random_table
from tumor_response.evaluation.controls.negative import one_model, plan_of
from tumor_response.evaluation.controls.settings import ControlsSettings, shortened
from tumor_response.evaluation.evaluating import draw_resamples
from tumor_response.evaluation.rows import EvaluationRows, prepare_rows
from tumor_response.evaluation.running import score_resamples
from tumor_response.evaluation.sampling import Bootstrap632Plus, Scheme
from tumor_response.exceptions import EvaluationError
from tumor_response.features.base import KEY_ROLE, FeatureExtractor
from tumor_response.features.run_estimate import ExtractionEstimate
from tumor_response.features.run_progress import duration_text
from tumor_response.frames import IntoFrame, as_keyed, as_values
from tumor_response.outcomes import LabelRule
from tumor_response.parallel.processes import worker_count
from tumor_response.quality import ExclusionRule, QualitySettings
from tumor_response.settings import checked_n_jobs
from tumor_response.table import FeatureTable, estimate_extraction

__all__ = ["ControlsEstimate", "estimate_controls"]

_DEFAULTS = ControlsSettings()
_DEFAULT_QUALITY = QualitySettings()
_TIMED = 3
"""Fits that are timed; the quickest is taken, the first may have something to compile."""


@dataclass(frozen=True)
class ControlsEstimate:
    """What negative controls will take.

    Parameters
    ----------
    extraction
        Of what is not in the table; ``None`` where there is nothing to extract.
    n_fits
        How often the model is fitted, with all that it tunes: for permuted labels, and for the
        controls with the model beside them.
    seconds_per_fit
        Of one fit with its scores, on one thread.
    workers
        Processes.
    """

    extraction: ExtractionEstimate | None
    n_fits: Mapping[str, int]
    seconds_per_fit: float
    workers: int

    @property
    def fits_s(self) -> float:
        """Seconds of all fits."""
        return sum(self.n_fits.values()) * self.seconds_per_fit / self.workers

    @property
    def total_s(self) -> float:
        """Seconds of all: what is expected."""
        return self.fits_s + (0.0 if self.extraction is None else self.extraction.total_s)

    def __str__(self) -> str:
        counts = " + ".join(f"{n:,} ({what})" for what, n in self.n_fits.items())
        workers = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        lines = [
            f"Negative controls: about {duration_text(self.total_s)} on {workers}.",
            f"Fits: {counts}, {1000 * self.seconds_per_fit:.0f} ms each, "
            f"{duration_text(self.fits_s)}.",
        ]
        if self.extraction is not None:
            lines += ["Extraction:", str(self.extraction)]
        return "\n".join(lines)


def estimate_controls(
    cohort: Cohort,
    extractors: Sequence[FeatureExtractor],
    model: BaseEstimator | Mapping[str, BaseEstimator],
    y: pd.Series | IntoFrame,
    scheme: Scheme | None = None,
    *,
    label: LabelRule | None = None,
    table: FeatureTable | IntoFrame | None = None,
    settings: ControlsSettings = _DEFAULTS,
    n_jobs: int = 1,
    n_sample: int = 3,
    cache_dir: str | Path | None = None,
    quality: QualitySettings | None = _DEFAULT_QUALITY,
    exclude: ExclusionRule | None = None,
) -> ControlsEstimate:
    """Say how long :func:`tumor_response.negative_controls` will take with the same arguments.

    A few cases are extracted, and the model is fitted to one resample: of the table, or where it
    is not there yet of random numbers of its shape.

    Parameters
    ----------
    cohort, extractors, model, y, scheme, label, table, settings, n_jobs, cache_dir, quality, \
exclude
        As for :func:`tumor_response.negative_controls`.
    n_sample
        Cases to extract, at least 3.

    Returns
    -------
    ControlsEstimate
        Printed, some sentences for people.

    Raises
    ------
    EvaluationError, FeatureError, SettingsError
        As :func:`tumor_response.negative_controls` before the first voxel.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> cohort = tr.simulate_cohort(n_patients=4, seed=0, directory=tempfile.mkdtemp())
    >>> y = pd.Series([0.0, 1.0, 0.0, 1.0], index=cohort.keys)
    >>> factors = tr.ClinicalFactors(["age", "volume_cc"])
    >>> estimate = estimate_controls(cohort, [factors], tr.make_model("clinical_only"), y)
    >>> estimate.n_fits["permuted labels"], estimate.total_s > 0
    (4221, True)
    """
    table = as_keyed(table, "table")
    y = as_values(y, "y")
    workers = worker_count(checked_n_jobs(n_jobs))
    name, estimator = one_model(model)
    plan = plan_of(cohort, extractors, name, estimator, settings, table)
    specs = plan.specs(cohort)
    if table is None and (keys := [spec.column for spec in specs if spec.role == KEY_ROLE]):
        raise EvaluationError(
            f"{keys[0]!r} leads to images; extract the table first and give it as table=, since "
            "random numbers say nothing of how long a model of images is fitted.",
            code="table_needed",
        )
    given = random_table(specs, cohort.keys) if table is None else table
    full = Bootstrap632Plus() if scheme is None else scheme
    rows = prepare_rows({name: estimator}, given, y, label, "impute", None)
    wanted = plan.extractors(with_own=table is None)
    extraction = None
    if wanted:
        extraction = estimate_extraction(
            cohort,
            wanted,
            n_jobs=n_jobs,
            n_sample=n_sample,
            cache_dir=cache_dir,
            quality=quality,
            exclude=exclude,
        )
    return ControlsEstimate(
        extraction, _n_fits(rows, full, plan, settings), _seconds_per_fit(rows, full), workers
    )


def _n_fits(
    rows: EvaluationRows, scheme: Scheme, plan: Plan, settings: ControlsSettings
) -> dict[str, int]:
    permuted, compared = (
        len(draw_resamples(rows, shortened(scheme, n)))
        for n in (settings.n_resamples_permuted, settings.n_resamples)
    )
    # each time once more on all rows, for the apparent value; and the outcome as it is
    return {
        "permuted labels": (settings.n_permutations + 1) * (permuted + 1),
        "model and controls": (2 + len(plan.controls)) * (compared + 1),
    }


def _seconds_per_fit(rows: EvaluationRows, scheme: Scheme) -> float:
    resample = draw_resamples(rows, shortened(scheme, 2))[0]
    seconds = []
    with threadpool_limits(1):
        for _ in range(_TIMED):
            started = time.perf_counter()
            score_resamples(rows, None, [(0, resample)])
            seconds.append(time.perf_counter() - started)
    return min(seconds)
