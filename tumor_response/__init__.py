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
    from tumor_response.evaluation import (
        Bootstrap632Plus,
        EvaluationResult,
        ExternalSet,
        LeaveOneSiteOut,
        NestedCV,
        RepeatedKFold,
        StudyLedger,
        TemporalSplit,
        ablate,
        evaluate,
        freeze_plan,
        leakage_trace,
        negative_controls,
        prediction_spread,
        probe_embedding,
        site_report,
        volume_check,
    )
    from tumor_response.explanation import Explanation, explain
    from tumor_response.explanation.attention import AttentionMaps, attention
    from tumor_response.explanation.attention.sanity import attention_sanity
    from tumor_response.explanation.concordance import attention_concordance
    from tumor_response.explanation.differences import group_differences
    from tumor_response.export import export_bundle
    from tumor_response.features.clinical import ClinicalFactors
    from tumor_response.features.deep import (
        Augmentation,
        DeepFeatures,
        Views,
        ViewSettings,
        ViewStore,
        plot_views,
    )
    from tumor_response.features.deep.encoders import EncoderFeatures
    from tumor_response.features.radiomics import IbsiSettings, Radiomics, RadiomicsSettings
    from tumor_response.features.repeats import Repeats
    from tumor_response.imaging import resample_mask
    from tumor_response.imaging.dicom.archive.listing import list_rois
    from tumor_response.imaging.dicom.contours.rtstruct_writer import write_rtstruct
    from tumor_response.imaging.dicom.segments.seg_writer import write_seg
    from tumor_response.imaging.perturb import standard_perturbations
    from tumor_response.imaging.register import RegistrationSettings
    from tumor_response.models import AttentionPooling, FineTuned, PatientKFold, make_model
    from tumor_response.outcomes import (
        BaselineAdjustedCut,
        ContourError,
        Coupling,
        ResponderCut,
        coupling,
        label_responders,
        label_tertiles,
        local_shrinkage,
        measure_lesions,
        outcome_flow,
        outcome_uncertainty,
        overall_response,
        per_patient,
        plot_cut,
        plot_retreat,
        plot_spider,
        plot_volumes,
        plot_waterfall,
        read_diameters,
        recist_best_response,
        recist_response,
        recist_targets,
        shrinkage,
        slopes,
        visits_from_wide,
        volumetric_response,
    )
    from tumor_response.predictor import ShrinkagePredictor
    from tumor_response.privacy import Pseudonyms
    from tumor_response.quality import ExclusionRule, QualitySettings, check
    from tumor_response.repeatability import robustness
    from tumor_response.reporting import report
    from tumor_response.reporting.viewer import attention_viewer
    from tumor_response.simulate import simulate_cohort
    from tumor_response.style import figure_style, save_figure
    from tumor_response.table import (
        FeatureTable,
        estimate_extraction,
        extract,
        extract_to,
        retry,
    )
    from tumor_response.transformers import ComBat, StableColumns

_HOME = {
    "ablate": "evaluation",
    "attention": "explanation.attention",
    "attention_concordance": "explanation.concordance",
    "attention_sanity": "explanation.attention.sanity",
    "attention_viewer": "reporting.viewer",
    "AttentionMaps": "explanation.attention",
    "AttentionPooling": "models",
    "Augmentation": "features.deep",
    "BaselineAdjustedCut": "outcomes",
    "BaselineCase": "cohort",
    "Bootstrap632Plus": "evaluation",
    "Case": "cohort",
    "check": "quality",
    "ClinicalFactors": "features.clinical",
    "Cohort": "cohort",
    "ComBat": "transformers",
    "ContourError": "outcomes",
    "Coupling": "outcomes",
    "coupling": "outcomes",
    "DeepFeatures": "features.deep",
    "EncoderFeatures": "features.deep.encoders",
    "estimate_extraction": "table",
    "evaluate": "evaluation",
    "EvaluationResult": "evaluation",
    "ExclusionRule": "quality",
    "explain": "explanation",
    "Explanation": "explanation",
    "ExternalSet": "evaluation",
    "export_bundle": "export",
    "extract": "table",
    "extract_to": "table",
    "FeatureTable": "table",
    "figure_style": "style",
    "FineTuned": "models",
    "freeze_plan": "evaluation",
    "group_differences": "explanation.differences",
    "IbsiSettings": "features.radiomics",
    "label_responders": "outcomes",
    "label_tertiles": "outcomes",
    "leakage_trace": "evaluation",
    "LeaveOneSiteOut": "evaluation",
    "list_rois": "imaging.dicom.archive.listing",
    "local_shrinkage": "outcomes",
    "make_model": "models",
    "measure_lesions": "outcomes",
    "negative_controls": "evaluation",
    "NestedCV": "evaluation",
    "outcome_flow": "outcomes",
    "outcome_uncertainty": "outcomes",
    "overall_response": "outcomes",
    "PatientKFold": "models",
    "per_patient": "outcomes",
    "plot_cut": "outcomes",
    "plot_retreat": "outcomes",
    "plot_spider": "outcomes",
    "plot_views": "features.deep",
    "plot_volumes": "outcomes",
    "plot_waterfall": "outcomes",
    "prediction_spread": "evaluation",
    "probe_embedding": "evaluation",
    "Pseudonyms": "privacy",
    "QualitySettings": "quality",
    "Radiomics": "features.radiomics",
    "RadiomicsSettings": "features.radiomics",
    "read_diameters": "outcomes",
    "recist_best_response": "outcomes",
    "recist_response": "outcomes",
    "recist_targets": "outcomes",
    "RegistrationSettings": "imaging.register",
    "RepeatedKFold": "evaluation",
    "Repeats": "features.repeats",
    "report": "reporting",
    "resample_mask": "imaging",
    "ResponderCut": "outcomes",
    "retry": "table",
    "robustness": "repeatability",
    "save_figure": "style",
    "shrinkage": "outcomes",
    "ShrinkagePredictor": "predictor",
    "simulate_cohort": "simulate",
    "site_report": "evaluation",
    "slopes": "outcomes",
    "StableColumns": "transformers",
    "standard_perturbations": "imaging.perturb",
    "StudyLedger": "evaluation",
    "TemporalSplit": "evaluation",
    "Views": "features.deep",
    "ViewSettings": "features.deep",
    "ViewStore": "features.deep",
    "visits_from_wide": "outcomes",
    "volume_check": "evaluation",
    "volumetric_response": "outcomes",
    "write_rtstruct": "imaging.dicom.contours.rtstruct_writer",
    "write_seg": "imaging.dicom.segments.seg_writer",
}

__all__ = [
    "AttentionMaps",
    "AttentionPooling",
    "Augmentation",
    "BaselineAdjustedCut",
    "BaselineCase",
    "Bootstrap632Plus",
    "Case",
    "ClinicalFactors",
    "Cohort",
    "ComBat",
    "ContourError",
    "Coupling",
    "DeepFeatures",
    "EncoderFeatures",
    "EvaluationResult",
    "ExclusionRule",
    "Explanation",
    "ExternalSet",
    "FeatureTable",
    "FineTuned",
    "IbsiSettings",
    "LeaveOneSiteOut",
    "NestedCV",
    "PatientKFold",
    "Pseudonyms",
    "QualitySettings",
    "Radiomics",
    "RadiomicsSettings",
    "RegistrationSettings",
    "RepeatedKFold",
    "Repeats",
    "ResponderCut",
    "ShrinkagePredictor",
    "StableColumns",
    "StudyLedger",
    "TemporalSplit",
    "ViewSettings",
    "ViewStore",
    "Views",
    "__version__",
    "ablate",
    "attention",
    "attention_concordance",
    "attention_sanity",
    "attention_viewer",
    "check",
    "coupling",
    "estimate_extraction",
    "evaluate",
    "exceptions",
    "explain",
    "export_bundle",
    "extract",
    "extract_to",
    "figure_style",
    "freeze_plan",
    "group_differences",
    "label_responders",
    "label_tertiles",
    "leakage_trace",
    "list_rois",
    "local_shrinkage",
    "make_model",
    "measure_lesions",
    "negative_controls",
    "outcome_flow",
    "outcome_uncertainty",
    "overall_response",
    "per_patient",
    "plot_cut",
    "plot_retreat",
    "plot_spider",
    "plot_views",
    "plot_volumes",
    "plot_waterfall",
    "prediction_spread",
    "probe_embedding",
    "read_diameters",
    "recist_best_response",
    "recist_response",
    "recist_targets",
    "report",
    "resample_mask",
    "retry",
    "robustness",
    "save_figure",
    "shrinkage",
    "simulate_cohort",
    "site_report",
    "slopes",
    "standard_perturbations",
    "visits_from_wide",
    "volume_check",
    "volumetric_response",
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
