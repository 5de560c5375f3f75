"""Formulas of radiomics features, after IBSI's definitions, in words and symbols of our own.

Zwanenburg et al., "Image biomarker standardisation initiative reference manual",
arXiv:1612.07003, chapter 3. Where PyRadiomics computes something else under the same code, the
formula is PyRadiomics'.
"""

from __future__ import annotations

from collections.abc import Collection

from tumor_response.export.codebook.end_points import END_POINTS
from tumor_response.export.codebook.texture_formulas import (
    CO_OCCURRENCE,
    COUNTED,
    GREY_TONE_DIFFERENCE,
    LEGENDS,
)
from tumor_response.features.radiomics.ibsi.features import CATALOGUE

__all__ = ["BY_CODE", "PYRADIOMICS", "formula_of", "symbols_of"]

_BALL = "(36 π V²)^(1/3)"

_SHAPE = {
    "RNU0": "V, the volume inside the surface mesh",
    "YEKZ": "n v, voxels times the volume of one",
    "C0JK": "A, the sum of the areas of the mesh's triangles",
    "2PR5": "A / V",
    "SKGS": "V / √(π A³)",
    "BQWJ": "36 π V² / A³",
    "KRCK": f"A / {_BALL}",
    "QCFX": f"{_BALL} / A",
    "25C7": f"A / {_BALL} − 1",
    "KLMA": "|c − w|, c the centre of the region, w its centre weighted by intensity",
    "L0JK": "max |a − b| over points a, b of the surface",
    "TDIC": "4 √λ₁",
    "P9VJ": "4 √λ₂",
    "7J51": "4 √λ₃",
    "Q3CK": "√(λ₂ / λ₁)",
    "N17B": "√(λ₃ / λ₁)",
    **{
        volume: f"V / volume of {body}"
        for volume, body in {
            "PBX1": "the smallest box along the image's axes",
            "ZH1A": "the smallest box in any position",
            "6BDE": "the ellipsoid with semi-axes 2 √λ₁, 2 √λ₂, 2 √λ₃",
            "SWZ1": "the smallest ellipsoid around the surface",
            "R3ER": "the convex hull",
        }.items()
    },
    **{
        area: f"A / surface of {body}"
        for area, body in {
            "R59B": "the smallest box along the image's axes",
            "IQYR": "the smallest box in any position",
            "RDD2": "the ellipsoid with semi-axes 2 √λ₁, 2 √λ₂, 2 √λ₃",
            "BRI8": "the smallest ellipsoid around the surface",
            "7T7F": "the convex hull",
        }.items()
    },
    "99N0": "V μ",
    "N365": "n Σᵥᵤ gᵥᵤ (xᵥ − μ) (xᵤ − μ) / (Σᵥᵤ gᵥᵤ Σᵥ (xᵥ − μ)²), gᵥᵤ = 1 / distance, v ≠ u",
    "NPT7": "(n − 1) Σᵥᵤ gᵥᵤ (xᵥ − xᵤ)² / (2 Σᵥᵤ gᵥᵤ Σᵥ (xᵥ − μ)²), gᵥᵤ = 1 / distance, v ≠ u",
}
_SHAPE_LEGEND = (
    "Shape: lengths in mm; λ₁ ≥ λ₂ ≥ λ₃ are the eigenvalues of the covariance of the voxels' "
    "centres; the mesh lies halfway between voxels inside and outside."
)

_PLANE = {
    "MeshSurface": "S, the area inside the outline",
    "PixelSurface": "n s, pixels times the area of one",
    "Perimeter": "P, the length of the outline",
    "PerimeterSurfaceRatio": "P / S",
    "Sphericity": "2 √(π S) / P",
    "SphericalDisproportion": "P / (2 √(π S))",
    "MaximumDiameter": "max |a − b| over points a, b of the outline",
    "MajorAxisLength": "4 √λ₁",
    "MinorAxisLength": "4 √λ₂",
    "Elongation": "√(λ₂ / λ₁)",
}


def _values(x: str, mean: str) -> dict[str, str]:
    """Return statistics of voxels' values under names that both conventions map to."""
    variance = f"Σᵥ ({x} − {mean})² / n"
    return {
        "mean": f"Σᵥ {x} / n",
        "var": variance,
        "skew": f"(Σᵥ ({x} − {mean})³ / n) / ({variance})^(3/2)",
        "kurt": f"(Σᵥ ({x} − {mean})⁴ / n) / ({variance})²",
        "median": "Q₅₀",
        "min": f"min {x}",
        "p10": "Q₁₀",
        "p90": "Q₉₀",
        "max": f"max {x}",
        "iqr": "Q₇₅ − Q₂₅",
        "range": f"max {x} − min {x}",
        "mad": f"Σᵥ |{x} − {mean}| / n",
        "rmad": f"mean |{x} − their mean| of the voxels with Q₁₀ ≤ {x} ≤ Q₉₀",
        "medad": f"Σᵥ |{x} − Q₅₀| / n",
        "cov": f"√({variance}) / {mean}",
        "qcod": "(Q₇₅ − Q₂₅) / (Q₇₅ + Q₂₅)",
    }


_INTENSITIES = _values("xᵥ", "μ")
_LEVELS = _values("lᵥ", "m")


def _of_ibsi(name: str, formula: str) -> str:
    """IBSI's kurtosis is the excess over a normal distribution's."""
    return f"{formula} − 3" if name == "kurt" else formula


_FIRST_ORDER = {
    **{CATALOGUE[f"stat_{name}"].code: _of_ibsi(name, f) for name, f in _INTENSITIES.items()},
    "N8CA": "Σᵥ xᵥ²",
    "5ZWQ": "√(Σᵥ xᵥ² / n)",
    "VJGA": "mean of xᵥ in the ball of 1 cm³ around the brightest voxel",
    "0F91": "highest mean of xᵥ in a ball of 1 cm³ around any voxel",
}
_HISTOGRAM = {
    **{CATALOGUE[f"ih_{name}"].code: _of_ibsi(name, f) for name, f in _LEVELS.items()},
    "AMMC": "the level i with the greatest hᵢ",
    "TLU2": "−Σᵢ hᵢ log₂ hᵢ",
    "BJ5W": "Σᵢ hᵢ²",
    "12CE": "max n (hᵢ₊₁ − hᵢ₋₁) / 2, one-sided at the ends",
    "8E6O": "the level i of the maximum of n (hᵢ₊₁ − hᵢ₋₁) / 2",
    "VQB3": "min n (hᵢ₊₁ − hᵢ₋₁) / 2, one-sided at the ends",
    "RHQZ": "the level i of the minimum of n (hᵢ₊₁ − hᵢ₋₁) / 2",
}
_VOLUME_HISTOGRAM = {
    "BC2M": "share of voxels at or above 10 % (or 90 %) of the range of intensities",
    "GBPN": "lowest intensity that no more than 10 % (or 90 %) of the voxels reach",
    "DDTU": "share of voxels at 10 % of the intensity range − share at 90 %",
    "CNV2": "intensity at 10 % of the volume − intensity at 90 %",
    "9CMM": "area under the share of voxels over the fraction of the intensity range",
}
_VALUE_LEGEND = (
    "Intensities: xᵥ are the values of the n voxels and μ their mean, Q₁₀ … Q₉₀ their "
    "percentiles; lᵥ are grey levels with mean m, of which the same is computed; hᵢ is the share "
    "of voxels of grey level i; c is added to intensities before they are squared (usually 0)."
)

_OUTCOME_LEGEND = (
    "Outcomes: V0 and V1 are the volumes of the baseline and the follow-up contour in cc; t days, "
    "f fractions or D gray lie between the two."
)

BY_CODE: dict[str, str] = {
    **_SHAPE,
    **_FIRST_ORDER,
    **_HISTOGRAM,
    **_VOLUME_HISTOGRAM,
    **CO_OCCURRENCE,
    **COUNTED,
    **GREY_TONE_DIFFERENCE,
}
"""IBSI code -> formula."""

PYRADIOMICS: dict[str, str] = {
    **{
        f"shape_Maximum2DDiameter{name}": f"max |a − b| over points a, b of the surface {where}"
        for name, where in {
            "Slice": "in one slice (same z)",
            "Column": "with the same y",
            "Row": "with the same x",
        }.items()
    },
    **{f"shape2D_{name}": formula for name, formula in _PLANE.items()},
    "firstorder_Kurtosis": _INTENSITIES["kurt"],
    "firstorder_Energy": "Σᵥ (xᵥ + c)²",
    "firstorder_TotalEnergy": "v Σᵥ (xᵥ + c)², v the volume of a voxel in mm³",
    "firstorder_RootMeanSquared": "√(Σᵥ (xᵥ + c)² / n)",
    "firstorder_StandardDeviation": f"√({_INTENSITIES['var']})",
    "glcm_MCC": "√(second largest eigenvalue of the matrix Σₖ pᵢₖ pⱼₖ / (pᵢ pₖ))",
}
"""PyRadiomics' ``class_Feature`` -> formula, where it has no code or departs from the code's."""

_SHAPES = frozenset([*_SHAPE.values(), *_PLANE.values()])
_VALUES = frozenset(
    [
        *_FIRST_ORDER.values(),
        *_HISTOGRAM.values(),
        *(formula for name, formula in PYRADIOMICS.items() if name.startswith("firstorder_")),
    ]
)
_OF_ALL = (
    (_SHAPE_LEGEND, _SHAPES),
    (_VALUE_LEGEND, _VALUES),
    *LEGENDS,
    (_OUTCOME_LEGEND, frozenset(definition.formula for definition in END_POINTS.values()) - {""}),
)


def formula_of(column: str, ibsi_code: str) -> str:
    """Return the formula of a column, "" where none is known.

    Parameters
    ----------
    column
        Its name in a feature table; the last part is PyRadiomics' or IBSI's name.
    ibsi_code
        ``""`` for none.

    Examples
    --------
    >>> formula_of("radiomics__wavelet_LLH__glcm_Contrast", "ACUI")
    'Σᵢⱼ (i − j)² pᵢⱼ'
    >>> formula_of("deep__resnet50__0042", "")
    ''
    """
    feature = column.rpartition("__")[2]
    return PYRADIOMICS.get(feature) or BY_CODE.get(ibsi_code, "")


def symbols_of(formulas: Collection[str]) -> list[str]:
    """Return what the symbols of these formulas mean, a paragraph for each kind that is there.

    Examples
    --------
    >>> [words[:14] for words in symbols_of(["4 √λ₁", "Σᵢⱼ i j pᵢⱼ"])]
    ['Shape: lengths', 'Co-occurrence:']
    """
    wanted = set(formulas)
    return [words for words, of in _OF_ALL if wanted & of]
