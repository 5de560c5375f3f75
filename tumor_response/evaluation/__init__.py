"""Honest evaluation: patients are resampled, every model is refitted, everything is out of bag."""

from tumor_response.evaluation.ablation import (
    AblationStudy,
    ablate,
)
from tumor_response.evaluation.contour_spread import (
    PredictionSpread,
    prediction_spread,
    spread_of_model,
)
from tumor_response.evaluation.controls import (
    NegativeControls,
    estimate_controls,
    negative_controls,
    permutation_null,
    table_controls,
)
from tumor_response.evaluation.embedding_probe import (
    probe_embedding,
)
from tumor_response.evaluation.evaluating import (
    evaluate,
)
from tumor_response.evaluation.leakage import (
    LeakageTrace,
    leakage_trace,
    trace_of_result,
)
from tumor_response.evaluation.ledger import (
    StudyLedger,
    freeze_plan,
)
from tumor_response.evaluation.metrics import (
    auc,
    auc_632,
    auc_632plus,
    relative_overfitting,
)
from tumor_response.evaluation.probe_result import (
    EmbeddingProbe,
)
from tumor_response.evaluation.result import (
    EvaluationResult,
)
from tumor_response.evaluation.sampling import (
    Bootstrap632Plus,
    ExternalSet,
    LeaveOneSiteOut,
    NestedCV,
    RepeatedKFold,
    Resample,
    Scheme,
    TemporalSplit,
)
from tumor_response.evaluation.sites import (
    SiteReport,
    site_report,
)
from tumor_response.evaluation.volume_checking import (
    volume_check,
)
from tumor_response.evaluation.volume_verdict import (
    VolumeCheck,
)

__all__ = [
    "AblationStudy",
    "Bootstrap632Plus",
    "EmbeddingProbe",
    "EvaluationResult",
    "ExternalSet",
    "LeakageTrace",
    "LeaveOneSiteOut",
    "NegativeControls",
    "NestedCV",
    "PredictionSpread",
    "RepeatedKFold",
    "Resample",
    "Scheme",
    "SiteReport",
    "StudyLedger",
    "TemporalSplit",
    "VolumeCheck",
    "ablate",
    "auc",
    "auc_632",
    "auc_632plus",
    "estimate_controls",
    "evaluate",
    "freeze_plan",
    "leakage_trace",
    "negative_controls",
    "permutation_null",
    "prediction_spread",
    "probe_embedding",
    "relative_overfitting",
    "site_report",
    "spread_of_model",
    "table_controls",
    "trace_of_result",
    "volume_check",
]
