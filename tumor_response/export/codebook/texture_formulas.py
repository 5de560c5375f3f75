"""Formulas of texture features, in one notation that can be read by people and computed with.

``Σᵢⱼ`` takes the whole product behind it; indices are small letters below the line; a quotient's
divisor is one factor. The tests compute each formula as it stands here and compare it with what
the engine gives.
"""

from __future__ import annotations

from tumor_response.features.radiomics.ibsi.features import CATALOGUE

__all__ = ["COUNTED", "CO_OCCURRENCE", "EMPHASES", "GREY_TONE_DIFFERENCE", "LEGENDS"]

CO_OCCURRENCE: dict[str, str] = {
    "GYBY": "max pᵢⱼ",
    "60VM": "Σᵢ i pᵢ",
    "UR99": "Σᵢ (i − μ)² pᵢ",
    "TU9B": "−Σᵢⱼ pᵢⱼ log₂ pᵢⱼ",
    "TF7R": "Σₖ k dₖ",
    "D3YU": "Σₖ (k − Σₖ k dₖ)² dₖ",
    "NTRS": "−Σₖ dₖ log₂ dₖ",
    "ZGXS": "Σₖ k sₖ",
    "OEEB": "Σₖ (k − Σₖ k sₖ)² sₖ",
    "P6QZ": "−Σₖ sₖ log₂ sₖ",
    "8ZQL": "Σᵢⱼ pᵢⱼ²",
    "ACUI": "Σᵢⱼ (i − j)² pᵢⱼ",
    "8S9J": "Σᵢⱼ |i − j| pᵢⱼ",
    "IB1Z": "Σᵢⱼ pᵢⱼ / (1 + |i − j|)",
    "NDRX": "Σᵢⱼ pᵢⱼ / (1 + |i − j| / G)",
    "WF0Z": "Σᵢⱼ pᵢⱼ / (1 + (i − j)²)",
    "1QCO": "Σᵢⱼ pᵢⱼ / (1 + (i − j)² / G²)",
    "E8JP": "Σₖ dₖ / k², without k = 0",
    "NI2N": "Σᵢⱼ (i − μ) (j − μ) pᵢⱼ / (Σᵢ (i − μ)² pᵢ)",
    "QWB0": "Σᵢⱼ i j pᵢⱼ",
    "DG8W": "Σᵢⱼ (i + j − 2 μ)² pᵢⱼ",
    "7NFM": "Σᵢⱼ (i + j − 2 μ)³ pᵢⱼ",
    "AE86": "Σᵢⱼ (i + j − 2 μ)⁴ pᵢⱼ",
    "R8DG": "(Σᵢⱼ pᵢⱼ log₂ (pᵢ pⱼ) − Σᵢⱼ pᵢⱼ log₂ pᵢⱼ) / (−Σᵢ pᵢ log₂ pᵢ)",
    "JN9H": "√(1 − exp (2 Σᵢⱼ pᵢ pⱼ log₂ (pᵢ pⱼ) − 2 Σᵢⱼ pᵢⱼ log₂ pᵢⱼ))",
}
"""IBSI code -> formula (Haralick et al. 1973; IBSI section 3.6)."""

EMPHASES: tuple[str, ...] = (
    "Σⱼ cⱼ j⁻² / N",
    "Σⱼ cⱼ j² / N",
    "Σᵢ cᵢ i⁻² / N",
    "Σᵢ cᵢ i² / N",
    "Σᵢⱼ cᵢⱼ i⁻² j⁻² / N",
    "Σᵢⱼ cᵢⱼ i² j⁻² / N",
    "Σᵢⱼ cᵢⱼ i⁻² j² / N",
    "Σᵢⱼ cᵢⱼ i² j² / N",
    "Σᵢ cᵢ² / N",
    "Σᵢ cᵢ² / N²",
    "Σⱼ cⱼ² / N",
    "Σⱼ cⱼ² / N²",
    "N / n",
    "Σᵢ (i − Σᵢ i cᵢ / N)² cᵢ / N",
    "Σⱼ (j − Σⱼ j cⱼ / N)² cⱼ / N",
    "−Σᵢⱼ (cᵢⱼ / N) log₂ (cᵢⱼ / N)",
    "Σᵢⱼ cᵢⱼ² / N²",
)
"""Of run lengths, zones, distances and dependences alike, in the order of IBSI's tables."""

_COUNTING = (
    "Run length matrix",
    "Size zone matrix",
    "Distance zone matrix",
    "Neighbouring grey level dependence matrix",
)


def _counted() -> dict[str, str]:
    found: dict[str, str] = {}
    for family in _COUNTING:
        codes = dict.fromkeys(f.code for f in CATALOGUE.values() if f.family == family)
        # the last one, the energy, is defined for dependences alone
        found |= dict(zip(codes, EMPHASES, strict=False))
    return found


COUNTED: dict[str, str] = _counted()
"""IBSI code -> formula (IBSI sections 3.7 to 3.9 and 3.11)."""

GREY_TONE_DIFFERENCE: dict[str, str] = {
    "QCDE": "1 / (Σᵢ pᵢ tᵢ)",
    "65HE": "(Σᵢⱼ pᵢ pⱼ (i − j)²) (Σᵢ tᵢ) / (M (M − 1) n)",
    "NQ30": "(Σᵢ pᵢ tᵢ) / (Σᵢⱼ |i pᵢ − j pⱼ|)",
    "HDEZ": "Σᵢⱼ |i − j| (pᵢ tᵢ + pⱼ tⱼ) / (n (pᵢ + pⱼ))",
    "1X9X": "(Σᵢⱼ (pᵢ + pⱼ) (i − j)²) / (Σᵢ tᵢ)",
}
"""IBSI code -> formula (Amadasun and King 1989; IBSI section 3.10)."""

LEGENDS: tuple[tuple[str, frozenset[str]], ...] = (
    (
        "Co-occurrence: pᵢⱼ is the share of pairs of neighbouring voxels with grey levels i and j, "
        "each pair counted in both directions; pᵢ = Σⱼ pᵢⱼ; μ = Σᵢ i pᵢ; sₖ and dₖ are the shares "
        "of pairs with i + j = k and with |i − j| = k; G is the highest grey level. Zero shares "
        "add nothing to an entropy; entropies are in bits, exp is the natural exponential all the "
        "same. PyRadiomics takes the mean of a feature over directions; for IBSI the definition "
        "says which slices and directions are combined, and how.",
        frozenset(CO_OCCURRENCE.values()),
    ),
    (
        "Run lengths, zones, distances, dependences: cᵢⱼ counts runs of grey level i and length j; "
        "or zones of grey level i and size j, or at distance j from the border; or voxels of grey "
        "level i with j − 1 like neighbours. cᵢ and cⱼ are its sums over the other index, "
        "N = Σᵢⱼ cᵢⱼ, n the number of voxels.",
        frozenset(EMPHASES),
    ),
    (
        "Grey tone difference: pᵢ is the share of voxels with grey level i, tᵢ the sum, over those "
        "voxels, of |i − mean of the neighbours|; M grey levels occur, in n voxels; sums are over "
        "levels that occur.",
        frozenset(GREY_TONE_DIFFERENCE.values()),
    ),
)
"""What the symbols of each kind of matrix mean, and the formulas they stand in."""
