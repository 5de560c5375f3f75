"""Images and masks: reading, geometry, volume, crop. Knows nothing of cases or cohorts."""

from tumor_response.imaging.alteration import Alteration, AlterationRule
from tumor_response.imaging.findings import Finding, Severity
from tumor_response.imaging.geometry import GRID_TOLERANCE_MM, Geometry, adopt_grid
from tumor_response.imaging.read import check_nifti, read_geometry, read_image, read_mask
from tumor_response.imaging.resample import resample_mask
from tumor_response.imaging.source import (
    ImageFile,
    ImageSource,
    MaskFile,
    MaskSource,
    UnionOfMasks,
)
from tumor_response.imaging.volume import bounding_box, touches_border, volume_cc, voxel_count

__all__ = [
    "GRID_TOLERANCE_MM",
    "Alteration",
    "AlterationRule",
    "Finding",
    "Geometry",
    "ImageFile",
    "ImageSource",
    "MaskFile",
    "MaskSource",
    "Severity",
    "UnionOfMasks",
    "adopt_grid",
    "bounding_box",
    "check_nifti",
    "read_geometry",
    "read_image",
    "read_mask",
    "resample_mask",
    "touches_border",
    "volume_cc",
    "voxel_count",
]
