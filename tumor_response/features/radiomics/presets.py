"""Named settings, and where each comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tumor_response.settings import frozen

__all__ = ["CITATIONS", "PRESETS"]

_CLASSES: Mapping[str, list[str]] = {
    name: [] for name in ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
}
_CT_1_MM = {"binWidth": 25, "resampledPixelSpacing": [1.0, 1.0, 1.0], "interpolator": "sitkBSpline"}
_CT_FILTERS: Mapping[str, Any] = {
    "Original": {},
    "LoG": {"sigma": [1.0, 2.0, 3.0, 4.0, 5.0]},
    "Wavelet": {},
}

PRESETS: Mapping[str, Mapping[str, Any]] = frozen(
    {
        "head_neck_ct": {
            "image_types": _CT_FILTERS,
            "feature_classes": _CLASSES,
            "setting": _CT_1_MM,
        },
        "lung_ct": {
            "image_types": _CT_FILTERS,
            "feature_classes": _CLASSES,
            "setting": {**_CT_1_MM, "resegmentRange": [-1000, 400]},
        },
        "soft_tissue_mr": {
            "image_types": {
                "Original": {},
                "LoG": {"sigma": [2.0, 3.0, 4.0, 5.0]},
                "Wavelet": {},
            },
            "feature_classes": _CLASSES,
            "setting": {
                "normalize": True,
                "normalizeScale": 100,
                "removeOutliers": 3.0,
                "resampledPixelSpacing": [2.0, 2.0, 2.0],
                "interpolator": "sitkBSpline",
                "binWidth": 5,
                "voxelArrayShift": 300,
            },
        },
        "pet_suv": {
            "image_types": {"Original": {}, "LoG": {"sigma": [3.0, 5.0]}, "Wavelet": {}},
            "feature_classes": _CLASSES,
            "setting": {
                "resampledPixelSpacing": [3.0, 3.0, 3.0],
                "interpolator": "sitkBSpline",
                "binWidth": 0.5,
            },
        },
        "minimal": {
            "image_types": {"Original": {}},
            "feature_classes": _CLASSES,
            "setting": _CT_1_MM,
        },
    }
)
"""Settings in PyRadiomics' words, by name. Every class is asked for in each of them.

``head_neck_ct``: original, Laplacian of Gaussian at 1 to 5 mm and the eight wavelet bands of one
level; 1 mm isotropic voxels (B-spline), bins of 25 HU. ``lung_ct``: the same, on the voxels of
-1000 to 400 HU. ``soft_tissue_mr``: intensities of the scan brought to mean 0 and SD 100 and cut
at 3 SD, 2 mm voxels, bins of 5. ``pet_suv``: an image in SUV, 3 mm voxels, bins of 0.5.
``minimal``: the original CT alone, otherwise as ``head_neck_ct``.

The presets ``ibsi_a`` to ``ibsi_e`` follow the other convention:
:data:`tumor_response.features.radiomics.ibsi.settings.CONFIGURATIONS`.
"""

CITATIONS: Mapping[str, str] = frozen(
    {
        "head_neck_ct": (
            "Bins of 25 HU and the filters: van Griethuysen et al., Cancer Research 77 (2017) "
            "e104, and its example settings for CT."
        ),
        "lung_ct": (
            "As head_neck_ct; the range -1000 to 400 HU is that of configurations C and E for a "
            "lung tumour in Zwanenburg et al., Radiology 295 (2020) 328."
        ),
        "soft_tissue_mr": (
            "Normalisation to SD 100, 2 mm voxels, bins of 5 and the shift of 300: van Griethuysen "
            "et al., Cancer Research 77 (2017) e104, and its example settings for MR; the cut at "
            "3 SD: Collewet et al., Magnetic Resonance Imaging 22 (2004) 81."
        ),
        "pet_suv": (
            "Bins of 0.5 SUV: Leijenaar et al., Scientific Reports 5 (2015) 11075. The 3 mm voxels "
            "are this library's choice, near the voxels that scanners deliver."
        ),
        "minimal": "As head_neck_ct, without filters.",
        **{
            f"ibsi_{letter}": (
                f"Configuration {letter.upper()} of Zwanenburg et al., Radiology 295 (2020) 328."
            )
            for letter in "abcde"
        },
    }
)
"""Where each preset's numbers come from."""
