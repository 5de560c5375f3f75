"""Bringing a follow-up onto its baseline: rigidly, deformably, and how far that can be trusted.

Nothing here knows a case. All transforms take a point of the baseline to where its tissue is in the
follow-up (fixed image: baseline), so that maps lie on the baseline's grid.
"""

from tumor_response.imaging.register.deformable import Deformation, register_deformably
from tumor_response.imaging.register.reliability import reliability_map
from tumor_response.imaging.register.retreat import Retreat, measure_retreat, retreat_to_centre
from tumor_response.imaging.register.rigid import RigidAlignment, register_rigidly
from tumor_response.imaging.register.settings import RegistrationSettings
from tumor_response.imaging.register.surface import Surface

__all__ = [
    "Deformation",
    "RegistrationSettings",
    "Retreat",
    "RigidAlignment",
    "Surface",
    "measure_retreat",
    "register_deformably",
    "register_rigidly",
    "reliability_map",
    "retreat_to_centre",
]
