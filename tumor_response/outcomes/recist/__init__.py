"""RECIST 1.1 from diameters: target response, overall response where it can be derived.

Eisenhauer et al., New response evaluation criteria in solid tumours: revised RECIST guideline
(version 1.1), European Journal of Cancer 2009; 45: 228-247, clarified by Schwartz et al., European
Journal of Cancer 2016; 62: 132-137.
"""

from tumor_response.outcomes.recist.best import recist_best_response
from tumor_response.outcomes.recist.overall import overall_response
from tumor_response.outcomes.recist.read import DiameterTable, read_diameters
from tumor_response.outcomes.recist.response import RESPONSE_COLUMNS, recist_response
from tumor_response.outcomes.recist.targets import not_measurable, recist_targets
from tumor_response.outcomes.recist.volumetric import volumetric_response
from tumor_response.outcomes.recist.wide import visits_from_wide

__all__ = [
    "RESPONSE_COLUMNS",
    "DiameterTable",
    "not_measurable",
    "overall_response",
    "read_diameters",
    "recist_best_response",
    "recist_response",
    "recist_targets",
    "visits_from_wide",
    "volumetric_response",
]
