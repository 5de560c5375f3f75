"""Every figure of merit besides the AUC: discrimination, calibration, net benefit, rates.

Functions of arrays first (outcome, prediction), functions of an evaluation made of them.
"""

from tumor_response.evaluation.performance.brier import (
    BrierDecomposition,
    brier_decomposition,
    brier_score,
    log_loss,
    scaled_brier,
)
from tumor_response.evaluation.performance.calibration import (
    CalibrationErrors,
    Recalibration,
    calibration_errors,
    calibration_in_the_large,
    recalibration,
    val_prob,
)
from tumor_response.evaluation.performance.calibration_curves import (
    CalibrationCurve,
    calibration_curve,
)
from tumor_response.evaluation.performance.decision_curves import (
    decision_curve,
    net_benefit,
    net_benefit_of_all,
)
from tumor_response.evaluation.performance.discrimination import (
    at_threshold,
    average_precision,
    average_precision_by_chance,
    precision_recall_curve,
    sensitivity_threshold,
    threshold_figures,
    wilson_interval,
    youden_threshold,
)
from tumor_response.evaluation.performance.drawing import (
    draw_calibration,
    draw_decision_curve,
    draw_precision_recall,
)
from tumor_response.evaluation.performance.estimates632 import (
    estimate_632plus,
    no_information_average_precision,
    no_information_brier,
    no_information_log_loss,
    no_information_r2,
    overfitting_rate,
)
from tumor_response.evaluation.performance.fold_thresholds import in_fold_thresholds
from tumor_response.evaluation.performance.optimism_correction import (
    Optimism,
    optimism,
    optimism_table,
)
from tumor_response.evaluation.performance.predictions import (
    apparent_predictions,
    bagged_predictions,
    single_fit_predictions,
)
from tumor_response.evaluation.performance.rates import (
    accuracy,
    mean_absolute_error,
    nearest_class,
    quadratic_weighted_kappa,
    root_mean_squared_error,
    spearman,
)
from tumor_response.evaluation.performance.smoothing import lowess
from tumor_response.evaluation.performance.table import performance_table

__all__ = [
    "BrierDecomposition",
    "CalibrationCurve",
    "CalibrationErrors",
    "Optimism",
    "Recalibration",
    "accuracy",
    "apparent_predictions",
    "at_threshold",
    "average_precision",
    "average_precision_by_chance",
    "bagged_predictions",
    "brier_decomposition",
    "brier_score",
    "calibration_curve",
    "calibration_errors",
    "calibration_in_the_large",
    "decision_curve",
    "draw_calibration",
    "draw_decision_curve",
    "draw_precision_recall",
    "estimate_632plus",
    "in_fold_thresholds",
    "log_loss",
    "lowess",
    "mean_absolute_error",
    "nearest_class",
    "net_benefit",
    "net_benefit_of_all",
    "no_information_average_precision",
    "no_information_brier",
    "no_information_log_loss",
    "no_information_r2",
    "optimism",
    "optimism_table",
    "overfitting_rate",
    "performance_table",
    "precision_recall_curve",
    "quadratic_weighted_kappa",
    "recalibration",
    "root_mean_squared_error",
    "scaled_brier",
    "sensitivity_threshold",
    "single_fit_predictions",
    "spearman",
    "threshold_figures",
    "val_prob",
    "wilson_interval",
    "youden_threshold",
]
