"""The predictor: fitted to images or a table, applied to new ones, sent as one file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

import pandas as pd
from sklearn.base import BaseEstimator, clone

from tumor_response.cohort import Cohort
from tumor_response.evaluation.rows import Failed
from tumor_response.exceptions import FeatureError
from tumor_response.features.base import FeatureExtractor
from tumor_response.features.rebuild import rules_of
from tumor_response.frames import IntoFrame, as_keyed, as_values
from tumor_response.models import make_model
from tumor_response.outcomes import LabelRule
from tumor_response.predictor.domain import AcquisitionFacts, Drift
from tumor_response.predictor.extraction import extractors_for
from tumor_response.predictor.fitted import FittedPredictor
from tumor_response.predictor.fitting import fitted_state
from tumor_response.predictor.local_lesions import drift_of, recalibrated_on
from tumor_response.predictor.new_lesions import Lesions, lesions_of
from tumor_response.predictor.predicting import predictions
from tumor_response.predictor.refusal import RefusalRule
from tumor_response.predictor.saving import load_state
from tumor_response.predictor.settings import PredictorSettings
from tumor_response.predictor.similar import similar_lesions
from tumor_response.predictor.state import PredictorState
from tumor_response.quality import ExclusionRule, QualitySettings
from tumor_response.table import FeatureTable, extract

__all__ = ["ShrinkagePredictor"]

_DEFAULT_QUALITY = QualitySettings()
_DEFAULT_RULE = RefusalRule()


class ShrinkagePredictor(FittedPredictor):
    """A model that goes from images to a prediction with its limits, and can be sent as a file.

    Fitting makes, of the training lesions: the model; the same model on bootstrap samples of
    patients, for the spread; a calibration, a threshold and conformal quantiles from scores of
    patients left out; volume alone, to compare with; and the domain of the training cohort. What
    it keeps is settings, fitted parts and aggregates, no patient's row. For research; not a
    medical device.

    Parameters
    ----------
    extractors
        What makes the features, as for :func:`tumor_response.extract`. None: those that a table
        was made with, where it says so (:meth:`fit_table`).
    model
        A name for :func:`tumor_response.make_model`, or an unfitted estimator that
        :func:`tumor_response.evaluate` would take.
    label
        The rule that makes classes of a continuous end point, such as
        ``tr.ResponderCut("median")``: fitted in every fold of the cross-fitting, and to all
        lesions for the model that is kept. None: ``y`` is 0 and 1, or a rate.
    outcome
        ``"response"`` or ``"rate"``: what a ``model`` given by name is made for.
    volume_column
        The baseline volume, for what volume alone would say.
    n_folds, n_repeats, n_resamples, coverages, threshold, seed
        As in :class:`~tumor_response.predictor.fitting.PredictorSettings`.

    Attributes
    ----------
    state_ : PredictorState
        After fitting or loading: all that a prediction needs.
    sha256_ : str or None
        Of the file that it was saved to or loaded from.

    Raises
    ------
    SettingsError, ModelError
        A value out of range, an unknown model.

    Examples
    --------
    >>> import numpy as np, tumor_response as tr
    >>> from tumor_response.predictor.predictor import ShrinkagePredictor
    >>> rng = np.random.default_rng(0)
    >>> index = pd.MultiIndex.from_product(
    ...     [[f"P{i}" for i in range(60)], ["1"]], names=["patient_id", "lesion_id"])
    >>> X = pd.DataFrame(rng.normal(size=(60, 2)), index, ["deep__a", "deep__b"])
    >>> X["clinical__volume_cc"] = rng.lognormal(3, 1, size=60)
    >>> y = (X["deep__a"] + rng.logistic(size=60) > 0).astype(float)
    >>> predictor = ShrinkagePredictor(n_resamples=5, n_repeats=1)
    >>> found = predictor.fit_table(X[:40], y[:40]).predict_table(X[40:], coverage=0.8)
    >>> len(found), sorted(set(found["label_set"])) <= ["{0, 1}", "{0}", "{1}", "{}"]
    (20, True)
    """

    def __init__(
        self,
        extractors: Sequence[FeatureExtractor] | None = None,
        model: str | BaseEstimator = "logistic",
        *,
        label: LabelRule | None = None,
        outcome: Literal["response", "rate"] = "response",
        volume_column: str = "clinical__volume_cc",
        n_folds: int = 5,
        n_repeats: int = 4,
        n_resamples: int = 50,
        coverages: Sequence[float] = (0.8, 0.9, 0.95),
        threshold: Literal["youden"] | float = "youden",
        seed: int = 0,
    ) -> None:
        super().__init__(extractors)
        self.settings = PredictorSettings(
            n_folds=n_folds,
            n_repeats=n_repeats,
            n_resamples=n_resamples,
            coverages=tuple(coverages),
            threshold=threshold,
            seed=seed,
        )
        self.label, self.outcome, self.volume_column = label, outcome, volume_column
        if isinstance(model, str):
            model = make_model(model, random_state=seed, outcome=outcome)
        self.model = model

    def fit(
        self,
        cohort: Cohort,
        y: pd.Series | IntoFrame,
        *,
        failed: Failed = "error",
        quality: QualitySettings | None = _DEFAULT_QUALITY,
        exclude: ExclusionRule | None = None,
        n_jobs: int = 1,
        cache_dir: str | Path | None = None,
    ) -> Self:
        """Extract a cohort's features, and fit.

        Parameters
        ----------
        cohort
            The training lesions; their follow-ups are not looked at.
        y
            Outcomes, as for :func:`tumor_response.evaluate`; missing ones are left out and
            counted.
        failed
            What becomes of lesions of which a block failed, as there.
        quality, exclude, n_jobs, cache_dir
            As for :func:`tumor_response.extract`. Quality limits and exclusion rule are those of
            new lesions, too.

        Raises
        ------
        FeatureError, EvaluationError
            As these two functions; :class:`FeatureError` with code ``settings``: no extractors.
        """
        y = as_values(y, "y")
        if not self.extractors:
            raise FeatureError(
                "fit: the predictor has no extractors; give them, "
                "tr.ShrinkagePredictor([tr.Radiomics(...), ...]), or fit_table(table, y).",
                code="settings",
            )
        table = extract(
            cohort,
            [*self.extractors, AcquisitionFacts()],
            n_jobs=n_jobs,
            cache_dir=cache_dir,
            quality=quality,
            exclude=exclude,
        )
        return self.fit_table(table, y, failed=failed, n_jobs=n_jobs)

    def fit_table(
        self,
        table: FeatureTable | IntoFrame,
        y: pd.Series | IntoFrame,
        *,
        failed: Failed = "error",
        n_jobs: int = 1,
    ) -> Self:
        """Fit to features that were extracted before.

        Parameters
        ----------
        table
            A feature table, or a DataFrame with index (patient_id, lesion_id). Columns of the
            block ``acquisition`` describe the domain and are no predictors. A DataFrame does not
            say how it was extracted: such a predictor takes tables only.
        y, failed
            As for :meth:`fit`.
        n_jobs
            Processes; what is fitted is the same whatever it is.

        Raises
        ------
        EvaluationError
            As :func:`tumor_response.evaluate`.
        FeatureError
            Code ``extractor_changed``: the table was not made by the extractors given.
        """
        table = as_keyed(table, "table")
        y = as_values(y, "y")
        is_rate = self.outcome == "rate"
        volume_model = make_model(
            "volume_only",
            outcome="rate" if is_rate else "response",
            volume_column=self.volume_column,
        )
        self._state = fitted_state(
            table,
            y,
            clone(self.model),
            volume_model,
            self.settings,
            label=self.label,
            failed=failed,
            extractors=self.extractors,
            n_jobs=n_jobs,
        )
        self.sha256_ = None
        return self

    @property
    def extractors_(self) -> list[FeatureExtractor]:
        """The extractors that new lesions go through, after their check against the training's.

        Raises
        ------
        FeatureError
            Codes ``extractor_unknown`` and ``extractor_changed``.
        """
        return extractors_for(self.state_.provenance, self.extractors)

    def features(
        self, cohort: Cohort, *, n_jobs: int = 1, cache_dir: str | Path | None = None
    ) -> FeatureTable:
        """Extract what the model reads of new lesions, by the rules of the training table.

        Parameters
        ----------
        cohort
            New lesions.
        n_jobs, cache_dir
            As for :func:`tumor_response.extract`.

        Raises
        ------
        FeatureError
            Codes ``extractor_unknown`` and ``extractor_changed``.
        """
        rules = rules_of(self.state_.provenance)
        return extract(
            cohort,
            self.extractors_,
            n_jobs=n_jobs,
            cache_dir=cache_dir,
            quality=rules.quality,
            exclude=rules.exclude,
        )

    def predict(
        self,
        cohort: Cohort,
        *,
        coverage: float = 0.9,
        contours: int = 0,
        observer_sd_mm: float = 2.0,
        refuse: RefusalRule = _DEFAULT_RULE,
        n_jobs: int = 1,
        cache_dir: str | Path | None = None,
    ) -> pd.DataFrame:
        """Go from images to predictions.

        Features are extracted by the settings, quality limits and exclusion rule of the training
        table. Predictions are the same to the last bit whatever ``n_jobs`` is.

        Parameters
        ----------
        cohort
            New lesions.
        coverage
            Nominal coverage of the label sets or intervals; one of ``coverages``.
        contours
            Predict each lesion under as many other contours as another observer might have drawn;
            0: not. It takes as many extractions more.
        observer_sd_mm
            How far such contours lie from the one that was drawn
            (:func:`tumor_response.imaging.perturb.plausible_contours`); 2 mm is a round number,
            not a measurement.
        refuse
            Which lesions are refused.
        n_jobs, cache_dir
            As for :func:`tumor_response.extract`.

        Returns
        -------
        DataFrame
            One row for every lesion of the cohort. ``probability`` of a response, calibrated;
            ``spread_low``, ``spread_high``: its 5 and 95 % quantiles over the fits to bootstrap
            samples; ``label_set``: ``{0}``, ``{1}``, ``{0, 1}`` or ``{}``; ``predicted_class`` at
            the threshold; ``probability_volume_only``. Of a rate: ``rate``, ``spread_low``,
            ``spread_high``, ``interval_low``, ``interval_high``, ``rate_volume_only``. With
            ``contours``: ``contour_low``, ``contour_high``, quantiles over the contours. Then
            ``in_domain_score`` (share of training patients at least as far out), ``in_domain``,
            ``out_of_domain`` (what lies outside, in words), ``n_missing`` (columns that the
            model's imputer filled), ``refused`` and ``refusal`` (reason code). A refused lesion
            has no numbers.

        Raises
        ------
        FeatureError
            Codes ``extractor_unknown`` and ``extractor_changed``.
        ModelError
            Codes ``coverage`` and ``not_fitted``.
        """
        with lesions_of(
            self.state_,
            cohort,
            self.extractors,
            contours=contours,
            observer_sd_mm=observer_sd_mm,
            n_jobs=n_jobs,
            cache_dir=cache_dir,
        ) as new:
            return predictions(self.state_, new, coverage=coverage, rule=refuse)

    def predict_table(
        self,
        table: FeatureTable | IntoFrame,
        *,
        coverage: float = 0.9,
        refuse: RefusalRule = _DEFAULT_RULE,
    ) -> pd.DataFrame:
        """Predict lesions whose features were extracted before.

        Parameters
        ----------
        table
            A feature table, which has to come from the same extractors; or a DataFrame with the
            same columns, which says nothing of itself and is taken as it is.
        coverage, refuse
            As for :meth:`predict`.

        Returns
        -------
        DataFrame
            As :meth:`predict`.

        Raises
        ------
        FeatureError
            Code ``extractor_changed``: a table of other settings, weights or versions.
        TableError
            Code ``columns_missing``.
        ModelError
            Codes ``coverage`` and ``not_fitted``.
        """
        with lesions_of(self.state_, table, self.extractors) as new:
            return predictions(self.state_, new, coverage=coverage, rule=refuse)

    def similar(
        self,
        training: FeatureTable | IntoFrame,
        new: Lesions,
        *,
        n: int = 5,
        y: pd.Series | IntoFrame | None = None,
        n_jobs: int = 1,
        cache_dir: str | Path | None = None,
    ) -> pd.DataFrame:
        """Find the training lesions that look most like new ones to the model.

        No row of a patient is in the predictor: they are looked up in the training table, which
        has to be present.

        Parameters
        ----------
        training
            The very table that the predictor was fitted to.
        new
            Lesions, as images or as a table.
        n
            How many for each.
        y
            Outcomes of the training lesions, to stand beside them.
        n_jobs, cache_dir
            Of the extraction.

        Returns
        -------
        DataFrame
            As :func:`tumor_response.predictor.similar.similar_lesions`.

        Raises
        ------
        TableError
            Code ``not_the_training_table``.
        """
        training = as_keyed(training, "training")
        y = as_values(y, "y")
        data = training.data if isinstance(training, FeatureTable) else training
        asked = (self.state_, new, self.extractors)
        with lesions_of(*asked, n_jobs=n_jobs, cache_dir=cache_dir) as lesions:
            return similar_lesions(self.state_, data, lesions.data, n=n, y=y)

    def recalibrate(
        self,
        cohort: Lesions,
        y: pd.Series | IntoFrame,
        *,
        n_jobs: int = 1,
        cache_dir: str | Path | None = None,
    ) -> Self:
        """Return a predictor with intercept, slope and conformal quantiles of local patients.

        The models stay as they are; so does the threshold, which is a probability. Save the new
        predictor under another name: it says whose child it is.

        Parameters
        ----------
        cohort
            Local lesions with a known outcome, as images or as a table.
        y
            0 and 1; or the end point that the predictor's cut was made on, which is applied as it
            is; or rates. Lesions without an outcome, and those that would be refused, are left out
            and counted in ``state_.parents``.
        n_jobs, cache_dir
            Of the extraction.

        Raises
        ------
        EvaluationError
            Code ``too_few_patients``; ``y``, ``index_mismatch``: outcomes that do not fit.
        """
        y = as_values(y, "y")
        asked = (self.state_, cohort, self.extractors)
        with lesions_of(*asked, n_jobs=n_jobs, cache_dir=cache_dir) as new:
            state = recalibrated_on(self.state_, new, y, parent_sha256=self.sha256_ or "")
        predictor = type(self).from_state(state, self.extractors)
        predictor.label = self.label
        return predictor

    def drift(
        self,
        new: Lesions,
        *,
        n_jobs: int = 1,
        cache_dir: str | Path | None = None,
    ) -> Drift:
        """Say how a batch of lesions as a whole differs from the training cohort.

        Parameters
        ----------
        new
            Lesions of one place or time, as images or as a table.
        n_jobs, cache_dir
            Of the extraction.

        Returns
        -------
        Drift
            ``table()``, ``sentence()``.
        """
        asked = (self.state_, new, self.extractors)
        with lesions_of(*asked, n_jobs=n_jobs, cache_dir=cache_dir) as lesions:
            return drift_of(self.state_, lesions)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        sha256: str | None = None,
        extractors: Sequence[FeatureExtractor] | None = None,
    ) -> Self:
        """Read a predictor that :meth:`save` wrote; nothing in the file is executed.

        Parameters
        ----------
        path
            The file.
        sha256
            What its SHA-256 has to be, as the sender told it; None: not compared.
        extractors
            As for :meth:`from_state`.

        Raises
        ------
        BundleError
            The file is not exactly what it says it is.
        """
        predictor = cls.from_state(load_state(Path(path), sha256=sha256), extractors)
        predictor.sha256_ = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        return predictor

    @classmethod
    def from_state(
        cls, state: PredictorState, extractors: Sequence[FeatureExtractor] | None = None
    ) -> Self:
        """Return the predictor of a fitted state.

        Parameters
        ----------
        state
            Fitted.
        extractors
            Needed for images where they cannot be made again from the state alone: extractors of
            your own, or weights from a file.
        """
        told = state.record.get("fit", {}).get("settings", {})
        predictor = cls(extractors, clone(state.model), outcome=state.task, **told)
        predictor._state = state
        return predictor
