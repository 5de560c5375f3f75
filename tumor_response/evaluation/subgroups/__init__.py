"""The AUC and the calibration of a model in parts of a cohort."""

from tumor_response.evaluation.subgroups.by_group import ALL, Subgroups, subgroups
from tumor_response.evaluation.subgroups.groups import tertiles_of

__all__ = ["ALL", "Subgroups", "subgroups", "tertiles_of"]
