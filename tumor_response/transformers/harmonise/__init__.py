"""Harmonising steps: what differs between scanners, estimated in the fold and taken out."""

from tumor_response.transformers.harmonise.adapting import adapt_sites, covariates_of, harmonised
from tumor_response.transformers.harmonise.combat import ComBat, MComBat
from tumor_response.transformers.harmonise.covariates import check_baseline, named_as_outcome
from tumor_response.transformers.harmonise.nested import NestedComBat
from tumor_response.transformers.harmonise.per_site import SiteQuantile, SiteZScore
from tumor_response.transformers.harmonise.site_step import NOT_SCANNED, SiteStep

__all__ = [
    "NOT_SCANNED",
    "ComBat",
    "MComBat",
    "NestedComBat",
    "SiteQuantile",
    "SiteStep",
    "SiteZScore",
    "adapt_sites",
    "check_baseline",
    "covariates_of",
    "harmonised",
    "named_as_outcome",
]
