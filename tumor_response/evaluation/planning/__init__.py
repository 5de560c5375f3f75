"""How many patients: before a study, and after one."""

from tumor_response.evaluation.planning.external import required_patients_external
from tumor_response.evaluation.planning.learning_curve import learning_curve
from tumor_response.evaluation.planning.learning_result import LearningCurve, PatientsForAUC
from tumor_response.evaluation.planning.power_law import PowerLaw, fit_power_laws
from tumor_response.evaluation.planning.precision import (
    AUCPrecision,
    auc_precision,
    patients_for_auc_width,
)
from tumor_response.evaluation.planning.required import Criterion, RequiredPatients
from tumor_response.evaluation.planning.riley import (
    cox_snell_from_auc,
    required_patients,
    supported_parameters,
)
from tumor_response.evaluation.planning.riley_rate import required_patients_rate

__all__ = [
    "AUCPrecision",
    "Criterion",
    "LearningCurve",
    "PatientsForAUC",
    "PowerLaw",
    "RequiredPatients",
    "auc_precision",
    "cox_snell_from_auc",
    "fit_power_laws",
    "learning_curve",
    "patients_for_auc_width",
    "required_patients",
    "required_patients_external",
    "required_patients_rate",
    "supported_parameters",
]
