"""Sites: whether they can be told, what harmonising mends, and if the outcome goes with it."""

from tumor_response.evaluation.sites.association import Association, exact_p
from tumor_response.evaluation.sites.reporting import site_report
from tumor_response.evaluation.sites.result import SiteReport

__all__ = ["Association", "SiteReport", "exact_p", "site_report"]
