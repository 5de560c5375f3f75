"""Perturbations of image and contour: what a second scan or a second observer would change.

A rule holds settings and draws; what is drawn holds every number that decides what it does, says so
as JSON, and is applied to image and mask without changing either.
"""

from tumor_response.imaging.perturb.base import Drawn, Rule
from tumor_response.imaging.perturb.chain import (
    DrawnChain,
    PerturbationChain,
    alteration_from_record,
    rule_from_json,
)
from tumor_response.imaging.perturb.contour import (
    ContourOffset,
    ContourVariation,
    DrawnContourOffset,
    DrawnContourVariation,
)
from tumor_response.imaging.perturb.intensity import (
    DrawnIntensityOffset,
    DrawnKernel,
    DrawnNoise,
    ImageNoise,
    IntensityOffset,
    ReconstructionKernel,
)
from tumor_response.imaging.perturb.presets import plausible_contours, standard_perturbations
from tumor_response.imaging.perturb.rigid import (
    DrawnRotation,
    DrawnTranslation,
    Rotation,
    Translation,
)
from tumor_response.imaging.perturb.slices import DrawnSliceThickness, SliceThickness

__all__ = [
    "ContourOffset",
    "ContourVariation",
    "Drawn",
    "DrawnChain",
    "DrawnContourOffset",
    "DrawnContourVariation",
    "DrawnIntensityOffset",
    "DrawnKernel",
    "DrawnNoise",
    "DrawnRotation",
    "DrawnSliceThickness",
    "DrawnTranslation",
    "ImageNoise",
    "IntensityOffset",
    "PerturbationChain",
    "ReconstructionKernel",
    "Rotation",
    "Rule",
    "SliceThickness",
    "Translation",
    "alteration_from_record",
    "plausible_contours",
    "rule_from_json",
    "standard_perturbations",
]
