"""From a planning CT and a tumour contour to an explained, honest prediction of shrinkage.

The public names below are loaded on first use, so that importing the package costs nothing and
loads no neural network, no boosting library and no SHAP.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tumor_response import exceptions
from tumor_response._version import __version__

if TYPE_CHECKING:
    from tumor_response.cohort import BaselineCase, Case, Cohort
    from tumor_response.evaluation import Bootstrap632Plus, EvaluationResult, evaluate
    from tumor_response.explanation import Explanation, explain
    from tumor_response.features.clinical import ClinicalFactors
    from tumor_response.features.deep import DeepFeatures, ViewSettings
    from tumor_response.features.radiomics import Radiomics, RadiomicsSettings
    from tumor_response.imaging import resample_mask
    from tumor_response.imaging.dicom.archive.listing import list_rois
    from tumor_response.imaging.dicom.contours.rtstruct_writer import write_rtstruct
    from tumor_response.imaging.dicom.segments.seg_writer import write_seg
    from tumor_response.models import PatientKFold, make_model
    from tumor_response.outcomes import (
        BaselineAdjustedCut,
        ResponderCut,
        label_responders,
        label_tertiles,
        outcome_flow,
        per_patient,
        shrinkage,
    )
    from tumor_response.privacy import Pseudonyms
    from tumor_response.quality import ExclusionRule, QualitySettings, check
    from tumor_response.reporting import report
    from tumor_response.simulate import simulate_cohort
    from tumor_response.table import FeatureTable, extract

_HOME = {
    "BaselineAdjustedCut": "outcomes",
    "BaselineCase": "cohort",
    "Bootstrap632Plus": "evaluation",
    "Case": "cohort",
    "ClinicalFactors": "features.clinical",
    "Cohort": "cohort",
    "DeepFeatures": "features.deep",
    "EvaluationResult": "evaluation",
    "ExclusionRule": "quality",
    "Explanation": "explanation",
    "FeatureTable": "table",
    "PatientKFold": "models",
    "Pseudonyms": "privacy",
    "QualitySettings": "quality",
    "Radiomics": "features.radiomics",
    "RadiomicsSettings": "features.radiomics",
    "ResponderCut": "outcomes",
    "ViewSettings": "features.deep",
    "check": "quality",
    "evaluate": "evaluation",
    "explain": "explanation",
    "extract": "table",
    "label_responders": "outcomes",
    "label_tertiles": "outcomes",
    "list_rois": "imaging.dicom.archive.listing",
    "make_model": "models",
    "outcome_flow": "outcomes",
    "per_patient": "outcomes",
    "report": "reporting",
    "resample_mask": "imaging",
    "shrinkage": "outcomes",
    "simulate_cohort": "simulate",
    "write_rtstruct": "imaging.dicom.contours.rtstruct_writer",
    "write_seg": "imaging.dicom.segments.seg_writer",
}

__all__ = [
    "BaselineAdjustedCut",
    "BaselineCase",
    "Bootstrap632Plus",
    "Case",
    "ClinicalFactors",
    "Cohort",
    "DeepFeatures",
    "EvaluationResult",
    "ExclusionRule",
    "Explanation",
    "FeatureTable",
    "PatientKFold",
    "Pseudonyms",
    "QualitySettings",
    "Radiomics",
    "RadiomicsSettings",
    "ResponderCut",
    "ViewSettings",
    "__version__",
    "check",
    "evaluate",
    "exceptions",
    "explain",
    "extract",
    "label_responders",
    "label_tertiles",
    "list_rois",
    "make_model",
    "outcome_flow",
    "per_patient",
    "report",
    "resample_mask",
    "shrinkage",
    "simulate_cohort",
    "write_rtstruct",
    "write_seg",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'tumor_response' has no attribute {name!r}")
    value = getattr(import_module(f"tumor_response.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
