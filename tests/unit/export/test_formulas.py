"""The codebook's formulas are computed as they stand there, and give what the engines give."""

from __future__ import annotations

import numpy as np
import pytest

import tumor_response as tr
from tests.unit.export.formula_language import computed, tokens_of
from tumor_response.export.codebook.formulas import (
    BY_CODE,
    PYRADIOMICS,
    formula_of,
    symbols_of,
)
from tumor_response.export.codebook.texture_formulas import (
    CO_OCCURRENCE,
    EMPHASES,
    GREY_TONE_DIFFERENCE,
)
from tumor_response.features.radiomics.codes import IBSI_CODES
from tumor_response.features.radiomics.families import glcm, ngtdm
from tumor_response.features.radiomics.families.emphasis import EMPHASES as COMPUTED_EMPHASES
from tumor_response.features.radiomics.families.emphasis import emphases
from tumor_response.features.radiomics.fast.axes import axis_eigenvalues
from tumor_response.features.radiomics.fast.region import Region
from tumor_response.features.radiomics.fast.shape import shape_features
from tumor_response.features.radiomics.ibsi.features import CATALOGUE
from tumor_response.features.radiomics.ibsi.morphology import morphology_features
from tumor_response.features.radiomics.ibsi.processing import IbsiImage
from tumor_response.features.radiomics.ibsi.statistics import statistics_features

RNG = np.random.default_rng(3)


def on(axis: int, values: object) -> np.ndarray:
    """Lay values along one of the formulas' axes."""
    shape = [1, 1, 1, 1]
    shape[axis] = -1
    return np.asarray(values, dtype=float).reshape(shape)


@pytest.mark.parametrize("preset", ["head_neck_ct", "minimal", "pet_suv", "ibsi_a", "ibsi_c"])
def test_every_radiomics_column_has_a_formula(preset: str) -> None:
    specs = tr.Radiomics(preset).feature_specs()
    assert [s.column for s in specs if not formula_of(s.column, s.ibsi_code)] == []
    formulas = {formula_of(s.column, s.ibsi_code) for s in specs}
    assert len(symbols_of(formulas)) >= 5  # shape, values and three kinds of matrices


def test_every_code_of_the_catalogue_has_a_formula_and_none_has_two() -> None:
    assert {feature.code for feature in CATALOGUE.values()} <= set(BY_CODE)


# IBSI's names that glcm_values has under another (its docstring says which)
SAME_AS = {"OEEB": "DG8W", "8S9J": "TF7R"}
CODE_OF_GLCM = {f: IBSI_CODES[f"glcm_{f}"] for f in glcm.FEATURES if f"glcm_{f}" in IBSI_CODES}


@pytest.mark.parametrize("code", CO_OCCURRENCE)
def test_co_occurrence(code: str) -> None:
    counts = RNG.integers(0, 9, (5, 5)).astype(float)
    counts += counts.T
    p = counts / counts.sum()
    i = np.arange(1, 6)
    shares = {"s": np.zeros(11), "d": np.zeros(5)}
    for a in range(5):
        for b in range(5):
            shares["s"][a + b + 2] += p[a, b]
            shares["d"][abs(a - b)] += p[a, b]
    k = np.arange(11)
    d = np.pad(shares["d"], (0, 6))
    formula, _, exception = CO_OCCURRENCE[code].partition(", ")
    if exception == "without k = 0":
        k, d = k[1:], d[1:]
    symbols = {
        "pᵢⱼ": p[:, :, None, None],
        "pᵢ": on(0, p.sum(1)),
        "pⱼ": on(1, p.sum(0)),
        "i": on(0, i),
        "j": on(1, i),
        "k": on(2, k),
        "sₖ": on(2, shares["s"]) if len(k) == 11 else None,
        "dₖ": on(2, d),
        "μ": (i * p.sum(1)).sum(),
        "G": 5,
    }
    feature = {code: name for name, code in CODE_OF_GLCM.items()}[SAME_AS.get(code, code)]
    expected = glcm.glcm_values(counts[None])[0, glcm.FEATURES.index(feature)]
    assert computed(formula, symbols) == pytest.approx(expected, rel=1e-9)


# the order of IBSI's tables, in the words of the module that computes them
IN_IBSI_ORDER = (
    *("low_property_emphasis", "high_property_emphasis"),
    *("low_grey_level_emphasis", "high_grey_level_emphasis"),
    *("low_property_low_grey_level_emphasis", "low_property_high_grey_level_emphasis"),
    *("high_property_low_grey_level_emphasis", "high_property_high_grey_level_emphasis"),
    *("grey_level_non_uniformity", "grey_level_non_uniformity_normalised"),
    *("property_non_uniformity", "property_non_uniformity_normalised", "percentage"),
    *("grey_level_variance", "property_variance", "entropy", "energy"),
)


@pytest.mark.parametrize("number", range(len(EMPHASES)))
def test_runs_zones_distances_dependences(number: int) -> None:
    counts = RNG.integers(0, 9, (4, 6)).astype(float)
    symbols = {
        "cᵢⱼ": counts[:, :, None, None],
        "cᵢ": on(0, counts.sum(1)),
        "cⱼ": on(1, counts.sum(0)),
        "i": on(0, np.arange(1, 5)),
        "j": on(1, np.arange(1, 7)),
        "N": counts.sum(),
        "n": 321.0,
    }
    found = emphases(counts[None], np.arange(1.0, 7.0), np.array([321.0]))[0]
    expected = found[COMPUTED_EMPHASES.index(IN_IBSI_ORDER[number])]
    assert computed(EMPHASES[number], symbols) == pytest.approx(expected, rel=1e-9)


# PyRadiomics' names of runs, zones and dependences, and whose formula they must have
NAMED = {
    "glrlm_LongRunLowGrayLevelEmphasis": "high_property_low_grey_level_emphasis",
    "glrlm_RunPercentage": "percentage",
    "glszm_SizeZoneNonUniformityNormalized": "property_non_uniformity_normalised",
    "glszm_ZoneVariance": "property_variance",
    "gldm_SmallDependenceHighGrayLevelEmphasis": "low_property_high_grey_level_emphasis",
    "gldm_DependenceEntropy": "entropy",
    "gldm_GrayLevelNonUniformity": "grey_level_non_uniformity",
}


@pytest.mark.parametrize("feature", NAMED)
def test_codes_lead_to_the_formula_of_their_name(feature: str) -> None:
    found = formula_of(f"radiomics__original__{feature}", IBSI_CODES[feature])
    assert found == EMPHASES[IN_IBSI_ORDER.index(NAMED[feature])]


@pytest.mark.parametrize("code", GREY_TONE_DIFFERENCE)
def test_grey_tone_difference(code: str) -> None:
    voxels, differences = RNG.integers(1, 9, 5).astype(float), RNG.uniform(1, 4, 5)
    p, levels = voxels / voxels.sum(), np.arange(1, 6)
    symbols = {
        "pᵢ": on(0, p),
        "pⱼ": on(1, p),
        "tᵢ": on(0, differences),
        "tⱼ": on(1, differences),
        "i": on(0, levels),
        "j": on(1, levels),
        "M": 5,
        "n": voxels.sum(),
    }
    name = {c: n for n, c in IBSI_CODES.items() if n.startswith("ngtdm")}[code]
    expected = ngtdm.features(voxels[None], differences[None])[name.removeprefix("ngtdm_")][0]
    assert computed(GREY_TONE_DIFFERENCE[code], symbols) == pytest.approx(expected, rel=1e-9)


def values_of(x: np.ndarray) -> dict[str, object]:
    symbols: dict[str, object] = {"xᵥ": on(3, x), "μ": x.mean(), "n": x.size}
    for q, name in {10: "₁₀", 25: "₂₅", 50: "₅₀", 75: "₇₅", 90: "₉₀"}.items():
        symbols[f"Q{name}"] = np.percentile(x, q)
    return symbols


@pytest.mark.parametrize(
    "tag", [tag for tag in CATALOGUE if tag.startswith("stat_") and tag != "stat_rmad"]
)
def test_statistics(tag: str) -> None:
    x = RNG.gamma(2.0, 40.0, (3, 4, 5))
    image = IbsiImage(x, np.ones(x.shape, bool), np.ones(x.shape, bool), (1.0, 1.0, 1.0))
    expected = statistics_features(image)[tag]
    found = computed(BY_CODE[CATALOGUE[tag].code], values_of(x.ravel()))
    assert found == pytest.approx(expected, rel=1e-9)


def test_pyradiomics_kurtosis_is_not_the_excess() -> None:
    x = RNG.normal(0, 1, 50)
    here = computed(PYRADIOMICS["firstorder_Kurtosis"], values_of(x))
    assert here == pytest.approx(((x - x.mean()) ** 4).mean() / x.var() ** 2, rel=1e-9)


def readable(formula: str) -> bool:
    try:
        tokens_of(formula)
    except ValueError:
        return False
    return True


def blob() -> np.ndarray:
    z, y, x = np.ogrid[:11, :13, :15]
    return (z - 5.0) ** 2 / 16 + (y - 6.0) ** 2 / 25 + (x - 7.0) ** 2 / 40 < 1


def test_shape() -> None:
    region = Region(np.zeros((11, 13, 15)), blob(), (2.0, 1.0, 1.0))
    given = shape_features(region)
    least, minor, major = axis_eigenvalues(region.mask, region.spacing_mm)
    symbols = {
        "V": given["MeshVolume"],
        "A": given["SurfaceArea"],
        "π": np.pi,
        "λ₁": major,
        "λ₂": minor,
        "λ₃": least,
    }
    seen = 0
    for name, expected in given.items():
        code = IBSI_CODES.get(f"shape_{name}", "")
        formula = formula_of(f"radiomics__original__shape_{name}", code)
        if readable(formula):
            assert computed(formula, symbols) == pytest.approx(expected, rel=1e-9), name
            seen += 1
    assert seen == 10


def test_asphericity() -> None:
    image = IbsiImage(np.ones((11, 13, 15)), blob(), blob(), (2.0, 1.0, 1.0))
    found = morphology_features(image)
    symbols = {"V": found["morph_volume"], "A": found["morph_area_mesh"], "π": np.pi}
    assert computed(BY_CODE["25C7"], symbols) == pytest.approx(found["morph_asphericity"], rel=1e-9)


def test_the_reader_refuses_what_it_does_not_understand() -> None:
    with pytest.raises(ValueError, match="not understood"):
        computed("x of the region", {"x": 1.0})
    with pytest.raises(KeyError, match="y"):
        computed("x y", {"x": 1.0})
    with pytest.raises(ValueError, match="not understood"):
        computed("x ) x", {"x": 1.0})
    assert computed("2 x² / (x + 1) − |1 − x|", {"x": 3.0}) == pytest.approx(2.5)
