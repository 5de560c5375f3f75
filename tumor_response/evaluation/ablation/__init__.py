"""Every combination of blocks with every model, and what is left of the best of them."""

from tumor_response.evaluation.ablation.ablating import ablate
from tumor_response.evaluation.ablation.configurations import Configuration
from tumor_response.evaluation.ablation.study import AblationStudy

__all__ = ["AblationStudy", "Configuration", "ablate"]
