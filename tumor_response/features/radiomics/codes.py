"""IBSI feature codes and units, by PyRadiomics class and feature name.

Codes from Zwanenburg et al., "Image biomarker standardisation initiative reference manual"
(arXiv:1612.07003). A code names the quantity; where PyRadiomics computes it differently (its
kurtosis is not the excess kurtosis, its bins start elsewhere) the value differs all the same.
Features without a code have no counterpart in the manual.
"""

from __future__ import annotations

__all__ = ["IBSI_CODES", "UNITS"]


def _prefixed(feature_class: str, codes: dict[str, str]) -> dict[str, str]:
    return {f"{feature_class}_{feature}": code for feature, code in codes.items()}


IBSI_CODES: dict[str, str] = {
    **_prefixed(
        "shape",
        {
            "MeshVolume": "RNU0",
            "VoxelVolume": "YEKZ",
            "SurfaceArea": "C0JK",
            "SurfaceVolumeRatio": "2PR5",
            "Sphericity": "QCFX",
            "Compactness1": "SKGS",
            "Compactness2": "BQWJ",
            "SphericalDisproportion": "KRCK",
            "Maximum3DDiameter": "L0JK",
            "MajorAxisLength": "TDIC",
            "MinorAxisLength": "P9VJ",
            "LeastAxisLength": "7J51",
            "Elongation": "Q3CK",
            "Flatness": "N17B",
        },
    ),
    **_prefixed(
        "firstorder",
        {
            "Energy": "N8CA",
            "Entropy": "TLU2",
            "Minimum": "1GSF",
            "10Percentile": "QG58",
            "90Percentile": "8DWT",
            "Maximum": "84IY",
            "Mean": "Q4LE",
            "Median": "Y12H",
            "InterquartileRange": "SALO",
            "Range": "2OJQ",
            "MeanAbsoluteDeviation": "4FUA",
            "RobustMeanAbsoluteDeviation": "1128",
            "RootMeanSquared": "5ZWQ",
            "Skewness": "KE2A",
            "Kurtosis": "IPH6",
            "Variance": "ECT3",
            "Uniformity": "BJ5W",
        },
    ),
    **_prefixed(
        "glcm",
        {
            "Autocorrelation": "QWB0",
            "JointAverage": "60VM",
            "ClusterProminence": "AE86",
            "ClusterShade": "7NFM",
            "ClusterTendency": "DG8W",
            "Contrast": "ACUI",
            "Correlation": "NI2N",
            "DifferenceAverage": "TF7R",
            "DifferenceEntropy": "NTRS",
            "DifferenceVariance": "D3YU",
            "Id": "IB1Z",
            "Idm": "WF0Z",
            "Idmn": "1QCO",
            "Idn": "NDRX",
            "Imc1": "R8DG",
            "Imc2": "JN9H",
            "InverseVariance": "E8JP",
            "JointEnergy": "8ZQL",
            "JointEntropy": "TU9B",
            "MaximumProbability": "GYBY",
            "SumAverage": "ZGXS",
            "SumEntropy": "P6QZ",
            "SumSquares": "UR99",
        },
    ),
    **_prefixed(
        "glrlm",
        {
            "ShortRunEmphasis": "22OV",
            "LongRunEmphasis": "W4KF",
            "LowGrayLevelRunEmphasis": "V3SW",
            "HighGrayLevelRunEmphasis": "G3QZ",
            "ShortRunLowGrayLevelEmphasis": "HTZT",
            "ShortRunHighGrayLevelEmphasis": "GD3A",
            "LongRunLowGrayLevelEmphasis": "IVPO",
            "LongRunHighGrayLevelEmphasis": "3KUM",
            "GrayLevelNonUniformity": "R5YN",
            "GrayLevelNonUniformityNormalized": "OVBL",
            "RunLengthNonUniformity": "W92Y",
            "RunLengthNonUniformityNormalized": "IC23",
            "RunPercentage": "9ZK5",
            "GrayLevelVariance": "8CE5",
            "RunVariance": "SXLW",
            "RunEntropy": "HJ9O",
        },
    ),
    **_prefixed(
        "glszm",
        {
            "SmallAreaEmphasis": "5QRC",
            "LargeAreaEmphasis": "48P8",
            "LowGrayLevelZoneEmphasis": "XMSY",
            "HighGrayLevelZoneEmphasis": "5GN9",
            "SmallAreaLowGrayLevelEmphasis": "5RAI",
            "SmallAreaHighGrayLevelEmphasis": "HW1V",
            "LargeAreaLowGrayLevelEmphasis": "YH51",
            "LargeAreaHighGrayLevelEmphasis": "J17V",
            "GrayLevelNonUniformity": "JNSA",
            "GrayLevelNonUniformityNormalized": "Y1RO",
            "SizeZoneNonUniformity": "4JP3",
            "SizeZoneNonUniformityNormalized": "VB3A",
            "ZonePercentage": "P30P",
            "GrayLevelVariance": "BYLV",
            "ZoneVariance": "3NSA",
            "ZoneEntropy": "GU8N",
        },
    ),
    **_prefixed(
        "gldm",
        {
            "SmallDependenceEmphasis": "SODN",
            "LargeDependenceEmphasis": "IMOQ",
            "LowGrayLevelEmphasis": "TL9H",
            "HighGrayLevelEmphasis": "OAE7",
            "SmallDependenceLowGrayLevelEmphasis": "EQ3F",
            "SmallDependenceHighGrayLevelEmphasis": "JA6D",
            "LargeDependenceLowGrayLevelEmphasis": "NBZI",
            "LargeDependenceHighGrayLevelEmphasis": "9QMG",
            "GrayLevelNonUniformity": "FP8K",
            "DependenceNonUniformity": "Z87G",
            "DependenceNonUniformityNormalized": "OKJI",
            "GrayLevelVariance": "1PFV",
            "DependenceVariance": "DNX2",
            "DependenceEntropy": "FCBV",
        },
    ),
    **_prefixed(
        "ngtdm",
        {
            "Coarseness": "QCDE",
            "Contrast": "65HE",
            "Busyness": "NQ30",
            "Complexity": "HDEZ",
            "Strength": "1X9X",
        },
    ),
}

_INTENSITIES = (
    "Minimum",
    "10Percentile",
    "90Percentile",
    "Maximum",
    "Mean",
    "Median",
    "InterquartileRange",
    "Range",
    "MeanAbsoluteDeviation",
    "RobustMeanAbsoluteDeviation",
    "RootMeanSquared",
)

UNITS: dict[str, str] = {
    "shape_MeshVolume": "mm3",
    "shape_VoxelVolume": "mm3",
    "shape_SurfaceArea": "mm2",
    "shape_SurfaceVolumeRatio": "1/mm",
    **{
        f"shape_{name}": "mm"
        for name in (
            "Maximum3DDiameter",
            "Maximum2DDiameterSlice",
            "Maximum2DDiameterColumn",
            "Maximum2DDiameterRow",
            "MajorAxisLength",
            "MinorAxisLength",
            "LeastAxisLength",
        )
    },
    **{f"firstorder_{name}": "image unit" for name in _INTENSITIES},
    "firstorder_Variance": "image unit squared",
}
"""Units of features of the original image; ``image unit`` is HU in a CT."""
