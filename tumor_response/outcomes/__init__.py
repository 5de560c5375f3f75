"""The end point: how much, how fast and where each lesion shrank, and who is a responder."""

from tumor_response.outcomes.adjusted import BaselineAdjustedCut
from tumor_response.outcomes.contour_error import ContourError
from tumor_response.outcomes.coupling import Coupling, coupling
from tumor_response.outcomes.end_points import SHRANK_SIGN
from tumor_response.outcomes.flow import outcome_flow
from tumor_response.outcomes.local import local_shrinkage
from tumor_response.outcomes.patients import per_patient
from tumor_response.outcomes.plots import plot_cut, plot_spider, plot_volumes, plot_waterfall
from tumor_response.outcomes.recist import (
    overall_response,
    read_diameters,
    recist_best_response,
    recist_response,
    recist_targets,
    visits_from_wide,
    volumetric_response,
)
from tumor_response.outcomes.responder import (
    LabelRule,
    ResponderCut,
    label_responders,
    label_tertiles,
)
from tumor_response.outcomes.retreat_plot import plot_retreat
from tumor_response.outcomes.shrinkage import OUTCOME_COLUMNS, shrinkage
from tumor_response.outcomes.slopes import slopes
from tumor_response.outcomes.uncertainty import outcome_uncertainty
from tumor_response.outcomes.visits import measure_lesions

__all__ = [
    "OUTCOME_COLUMNS",
    "SHRANK_SIGN",
    "BaselineAdjustedCut",
    "ContourError",
    "Coupling",
    "LabelRule",
    "ResponderCut",
    "coupling",
    "label_responders",
    "label_tertiles",
    "local_shrinkage",
    "measure_lesions",
    "outcome_flow",
    "outcome_uncertainty",
    "overall_response",
    "per_patient",
    "plot_cut",
    "plot_retreat",
    "plot_spider",
    "plot_volumes",
    "plot_waterfall",
    "read_diameters",
    "recist_best_response",
    "recist_response",
    "recist_targets",
    "shrinkage",
    "slopes",
    "visits_from_wide",
    "volumetric_response",
]
