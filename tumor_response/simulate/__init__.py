"""Cohorts with a known truth, from CT to shrinkage."""

from tumor_response.simulate.latents import simulate_latents
from tumor_response.simulate.settings import SimulationSettings
from tumor_response.simulate.write import simulate_cohort

__all__ = ["SimulationSettings", "simulate_cohort", "simulate_latents"]
