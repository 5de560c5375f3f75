"""The sections of a study's settings file, and what each key means."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from tumor_response.exceptions import OutcomeError
from tumor_response.outcomes import ResponderCut
from tumor_response.outcomes.end_points import SHRANK_SIGN
from tumor_response.outcomes.responder import CLINICAL_CUTS, QUANTILES
from tumor_response.settings import Settings

__all__ = [
    "AblationSection",
    "CohortSection",
    "ControlsSection",
    "EvaluationSection",
    "ExplanationSection",
    "ExportSection",
    "FeaturesSection",
    "ModelsSection",
    "OutcomeSection",
    "PredictorSection",
    "ReportSection",
    "Section",
    "StudySection",
]


class Section(Settings):
    """A section of the settings file; unknown keys and wrong values are told key by key."""

    @classmethod
    def faults(cls, values: Mapping[str, Any]) -> list[ErrorDetails]:
        """Return what is wrong with these values, each with the place of its key."""
        try:
            # around Settings.__init__, which makes one sentence of all faults
            BaseModel.__init__(cls.__new__(cls), **values)
        except ValidationError as error:
            return error.errors(include_url=False)
        return []


class StudySection(Section):
    """What the study is called."""

    title: str = Field(
        "Response to radiotherapy",
        description="Title of the report.",
    )


class CohortSection(Section):
    """Where the lesions come from: a manifest, or a folder of DICOM objects with roi."""

    manifest: str | None = Field(
        None,
        description="CSV file with one row per lesion. Paths in this file start at its folder. "
        "Name this or folder.",
    )
    folder: str | None = Field(
        None,
        description="Folder or zip archive of DICOM objects. Name this or manifest.",
    )
    roi: str | None = Field(
        None,
        description="For a folder: the tumour's structure, a regular expression that matches its "
        "whole name, such as 'GTV.*'.",
    )
    modality: Literal["CT", "PT", "MR"] = Field(
        "CT", description="For a folder: modality of the images."
    )
    several: Literal["lesions", "union", "error"] = Field(
        "lesions",
        description="What it means if roi matches several structures of one scan: one lesion "
        "each, the parts of one lesion, or a fault.",
    )
    follow_up: Literal["first", "last"] = Field(
        "first", description="For a folder: which contoured scan after the baseline."
    )
    structure_set: Literal["only", "latest"] = Field(
        "only",
        description="For a folder, if two structure sets of one scan match: the only approved "
        "one, or the latest.",
    )
    clinical_table: str | None = Field(
        None,
        description="For a folder: CSV file with patient_id, clinical variables, rt_start_date, "
        "site ...",
    )
    fill_gaps: bool = Field(
        False, description="Whether slices between contours that have none are interpolated."
    )
    roles: dict[str, Literal["baseline", "planned", "delivered", "post_baseline"]] = Field(
        default_factory=dict,
        description="When a clinical variable is known; only baseline and planned ones may be "
        'predictors. For example { crp_week_3 = "post_baseline" }.',
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.manifest is None) == (self.folder is None):
            raise ValueError("name one of the two: manifest (a CSV file) or folder (DICOM)")
        if self.folder is not None and self.roi is None:
            raise ValueError(
                "folder needs roi: which structure is the tumour? For example roi = 'GTV.*'; "
                "tumor-response check FOLDER shows the structures"
            )
        if self.manifest is not None and (self.roi or self.clinical_table):
            raise ValueError("roi and clinical_table are for a folder; a manifest has columns")
        return self


class FeaturesSection(Section):
    """What is extracted from the baseline images, and which clinical variables are used."""

    radiomics: str = Field(
        "head_neck_ct",
        description="Preset (head_neck_ct, minimal), a PyRadiomics parameter file, or none.",
    )
    backbone: str = Field(
        "tf_efficientnet_lite0",
        description="Network of the deep block by its timm name, or none.",
    )
    weights: str = Field(
        "packaged",
        description="Weights of that network: packaged, a file, a folder, hub, or random:SEED.",
    )
    clinical: tuple[str, ...] = Field(
        (),
        description="Numeric clinical variables known before treatment, by name. A column that "
        "was known only afterwards would leak. volume_cc is always there.",
    )
    categories: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Categorical clinical variables with all their levels, for example "
        '{ sex = ["female", "male"] }.',
    )
    cache_dir: str = Field(
        ".cache",
        description="Where finished cases are kept: a folder, or a URL such as s3://bucket/x. It "
        "decides no number.",
    )

    @field_validator("categories")
    @classmethod
    def _two_levels(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name, levels in value.items():
            if len(set(levels)) < max(2, len(levels)):
                raise ValueError(f"{name} needs two levels or more, none of them twice")
        return value


class OutcomeSection(Section):
    """The end point, and what makes classes of it."""

    by: str = Field(
        "rate_percent_per_day",
        description=f"End point: {', '.join(SHRANK_SIGN)}.",
    )
    per: Literal["interval_days", "treatment_days"] = Field(
        "interval_days",
        description="Days that rates are per: from the planning scan, or from the first fraction "
        "(rt_start_date).",
    )
    cut: float | str = Field(
        "median",
        description="Responders shrank more than this: median, upper_tertile or lower_tertile "
        "(of the training rows), volumetric_partial_response, volumetric_progression, or a "
        "number in the unit of the end point.",
    )
    observer_error_mm: float = Field(
        1.0,
        ge=0.0,
        description="SD of the contour error, mm, for the AUC that it alone would give to volume.",
    )

    @field_validator("by")
    @classmethod
    def _end_point(cls, value: str) -> str:
        if value not in SHRANK_SIGN:
            raise ValueError(f"expected one of {', '.join(SHRANK_SIGN)}")
        return value

    @field_validator("cut")
    @classmethod
    def _known_cut(cls, value: float | str) -> float | str:
        cut: float | str = value
        with contextlib.suppress(ValueError):
            cut = float(value)
        try:
            ResponderCut(cut)
        except OutcomeError:
            words = ", ".join([*QUANTILES, *CLINICAL_CUTS])
            raise ValueError(f"expected a number, or one of {words}") from None
        return cut

    @model_validator(mode="after")
    def _defined(self) -> Self:
        try:
            ResponderCut(self.cut, self.by)
        except OutcomeError as error:
            raise ValueError(str(error)) from None
        return self


class ModelsSection(Section):
    """Which models are evaluated, and which one the report speaks about."""

    names: tuple[str, ...] = Field(
        (),
        description="Models by name: logistic_radiomics, logistic_deep, logistic_all, xgboost_all "
        "... Empty: all that the blocks allow. volume_only and clinical_only are always there.",
    )
    headline: str = Field(
        "logistic_all",
        description="The model of the report's two sentences, of the controls and of the "
        "explanation. Name it before you have seen a result.",
    )
    freeze_plan: bool = Field(
        True,
        description="Write end point, cut, models, resamples and headline to plan.json before the "
        "first evaluation in this folder. The report says whether they were kept to.",
    )


class EvaluationSection(Section):
    """How patients are split into those a model learns from and those it is judged on."""

    scheme: Literal["bootstrap", "folds", "nested", "sites"] = Field(
        "bootstrap",
        description="bootstrap: resamples of patients, judged out of bag (.632+); folds: repeated "
        "K-fold; nested: folds, with the choice among the models inside; sites: one hospital "
        "left out at a time.",
    )
    n_resamples: int = Field(1000, ge=2, description="Of the bootstrap.")
    n_folds: int = Field(5, ge=2, description="Of folds and nested.")
    n_repeats: int = Field(20, ge=1, description="Of folds and nested.")
    seed: int = Field(0, ge=0, description="The same seed gives the same bytes.")
    failed: Literal["error", "drop", "impute"] = Field(
        "error", description="What to do with lesions one of whose blocks failed altogether."
    )


ImageControl = Literal["voxels_shuffled", "noise_images", "untrained_network", "context_only"]


class ControlsSection(Section):
    """Whether it can be believed: leakage, negative controls, robustness."""

    leakage: bool = Field(
        True, description="Trace leakage: a few resamples are run again, watched and with noise."
    )
    negative: bool = Field(
        True, description="Set the headline model beside negative controls and permuted labels."
    )
    images: tuple[ImageControl, ...] = Field(
        ("voxels_shuffled", "noise_images", "untrained_network", "context_only"),
        description="Negative controls that are extracted from altered images; [] for none. "
        "Permuted labels and random columns are always made.",
    )
    n_permutations: int = Field(
        200, ge=19, description="Permutations of the labels; with 19 the least p value is 0.05."
    )
    n_resamples_permuted: int = Field(20, ge=2, description="Resamples of each permutation.")
    n_resamples: int = Field(200, ge=2, description="Resamples of the other controls.")
    robustness: bool = Field(
        False,
        description="Extract all features again from perturbed images and contours. It takes "
        "n_repeats times the extraction for each kind of perturbation.",
    )
    n_repeats: int = Field(10, ge=1, description="Draws of each perturbation.")


class AblationSection(Section):
    """What each block of features adds: every combination of blocks, on the same resamples."""

    enabled: bool = Field(True, description="Whether it is done.")
    models: tuple[str, ...] = Field(
        ("logistic", "xgboost"), min_length=1, description="Kinds of models by name."
    )
    blocks: tuple[str, ...] = Field(
        (), description="Blocks to combine: radiomics, deep, clinical. Empty: all there are."
    )


class ExplanationSection(Section):
    """SHAP values out of bag, and where the network looked."""

    models: tuple[str, ...] = Field(
        (), description="Models to explain by SHAP values. Empty: the headline model."
    )
    n_permutations: int = Field(
        0,
        ge=0,
        description="Permuted labels that are explained too, as the band behind the bars: 19 or "
        "more, or 0 for none.",
    )
    attention: bool = Field(
        False,
        description="Map where the network looked, in the patient's space. The headline model "
        "has to use the deep block.",
    )
    attention_method: str = Field("grad_cam", description="Method of these maps.")
    concordance: bool = Field(
        False, description="Hold the maps against the contour and against where it shrank."
    )

    @field_validator("n_permutations")
    @classmethod
    def _enough(cls, value: int) -> int:
        if 0 < value < 19:
            raise ValueError("expected 0, or 19 and more: fewer cannot reach p = 0.05")
        return value

    @model_validator(mode="after")
    def _of_maps(self) -> Self:
        if self.concordance and not self.attention:
            raise ValueError("concordance needs maps: attention = true")
        return self


class PredictorSection(Section):
    """A file that predicts for new patients."""

    enabled: bool = Field(
        False, description="Whether the headline model is fitted to all patients and saved."
    )
    n_resamples: int = Field(50, ge=2, description="Resamples for the spread of a prediction.")


class ReportSection(Section):
    """The report."""

    notes: tuple[str, ...] = Field(
        (), description="Further sentences for page one, such as what the data are."
    )
    identified: bool = Field(
        False,
        description="Show patients under the hospital's own identifiers: a report not to be sent.",
    )
    key_file: str | None = Field(
        None,
        description="File with the key of the pseudonyms, of report and bundle; made if it is not "
        "there. Not set: the one in the user's configuration folder.",
    )


class ExportSection(Section):
    """The statistician's bundle."""

    enabled: bool = Field(False, description="Whether it is written.")
    formats: tuple[Literal["csv", "parquet", "dta", "sav", "rds", "xpt", "xlsx"], ...] = Field(
        ("csv", "parquet", "dta", "sav", "rds", "xlsx"),
        min_length=1,
        description="Formats of its tables.",
    )
    named: bool = Field(
        False, description="Keep the hospital's identifiers, dates and sites: not to be sent."
    )
    keep: tuple[str, ...] = Field(
        (), description="Columns that leave as they are, such as meta__site."
    )
