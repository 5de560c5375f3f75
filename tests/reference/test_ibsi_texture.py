"""IBSI's consensus values of all texture features, read from IBSI's own tables."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from tests.reference.ibsi_values import TABLES, Consensus, consensus, misses, phantom
from tumor_response.features.radiomics.codes import IBSI_CODES
from tumor_response.features.radiomics.ibsi.features import CATALOGUE
from tumor_response.features.radiomics.ibsi.histogram import discretise
from tumor_response.features.radiomics.ibsi.processing import processed
from tumor_response.features.radiomics.ibsi.settings import IbsiSettings
from tumor_response.features.radiomics.ibsi.texture import texture_features
from tumor_response.features.radiomics.settings import quiet_pyradiomics

pytestmark = pytest.mark.needs("data")

FAMILIES = {
    "cm": "Co-occurrence matrix",
    "rlm": "Run length matrix",
    "szm": "Size zone matrix",
    "dzm": "Distance zone matrix",
    "ngt": "Neighbourhood grey tone difference matrix",
    "ngl": "Neighbouring grey level dependence matrix",
}
# digital phantom (2D, 2.5D and 3D), A and B (2D, 2.5D), C (3D)
EXPECTED = {"cm": (150, 100, 50), "rlm": (96, 64, 32), "szm": (48, 32, 16), "dzm": (48, 32, 16)}
EXPECTED |= {"ngt": (15, 10, 5), "ngl": (51, 34, 17)}
COUNT_OF = {"digital_phantom": 0, "config_A": 1, "config_B": 1, "config_C": 2}


@functools.cache
def textures(data: Path, table: str) -> dict[str, float]:
    image, mask, settings = phantom(data, table)
    found: dict[str, float] = {}
    # only the digital phantom's table has the variants of both dimensions
    for dimension in ("2d", "3d") if table == "digital_phantom" else (settings.dimension,):
        own = IbsiSettings(**{**settings.model_dump(), "dimension": dimension})
        region = processed(image, mask, own)
        binned = discretise(region, own)
        found |= texture_features(
            binned.levels, binned.n_levels, region.morphological_mask, own.dimension
        )
    return found


@pytest.mark.parametrize("prefix", FAMILIES)
@pytest.mark.parametrize("table", TABLES)
def test_within_tolerance(shared_data: Path, table: str, prefix: str) -> None:
    wanted = consensus(shared_data, table, lambda family: family.startswith(FAMILIES[prefix]))
    assert len(wanted) == EXPECTED[prefix][COUNT_OF[table]]
    assert misses(wanted, textures(shared_data, table)) == []


@pytest.mark.parametrize("table", TABLES)
def test_the_catalogue_names_what_the_tables_name(shared_data: Path, table: str) -> None:
    for row in consensus(shared_data, table, lambda family: not family.startswith("Diagnostics")):
        feature = CATALOGUE[row.tag]
        aggregation = f" ({feature.aggregation})" if feature.aggregation else ""
        assert feature.family + aggregation == row.family


@pytest.mark.parametrize(
    ("tag", "changed"),
    [
        # a hundredth more is more than every tolerance but a few of the noisiest
        ("cm_joint_entr_2D_avg", 1.01),
        ("rlm_glnu_2_5D_comb", 1.01),
        ("szm_zs_entr_2D", 1.01),
        ("dzm_ldhge_2_5D", 1.05),
        ("ngt_contrast_2_5D", 1.05),
        ("ngl_hdhge_2D", 1.05),
    ],
)
def test_a_planted_fault_is_a_miss(shared_data: Path, tag: str, changed: float) -> None:
    found = dict(textures(shared_data, "digital_phantom"))
    found[tag] *= changed
    named = misses(consensus(shared_data, "digital_phantom", is_texture), found)
    assert [miss.split(" ")[0] for miss in named] == [tag]


@pytest.mark.parametrize(
    ("setting", "endings"),
    [
        ({"force2D": False}, ("_3D_avg", "_3D")),
        # PyRadiomics counts the slices together: merged over slices, averaged over directions
        ({"force2D": True, "force2Ddimension": 0}, ("_2_5D_avg", "_2_5D")),
    ],
)
def test_pyradiomics_agrees_where_the_grey_levels_are_the_same(
    shared_data: Path, setting: dict[str, object], endings: tuple[str, str]
) -> None:
    """The formulas of the texture features that both have are the same, to rounding."""
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    image, mask, _ = phantom(shared_data, "digital_phantom")
    extractor = RadiomicsFeatureExtractor(additionalInfo=False, binWidth=1, **setting)
    extractor.disableAllFeatures()
    for name in ("glcm", "glrlm", "glszm", "gldm", "ngtdm"):
        extractor.enableFeatureClassByName(name)
    with quiet_pyradiomics():
        found = extractor.execute(image, mask, label=1)
    theirs = {key.removeprefix("original_"): float(value) for key, value in found.items()}
    ours = textures(shared_data, "digital_phantom")
    tag_of = {CATALOGUE[tag].code: tag for tag in ours if tag.endswith(endings)}
    shared = {name: tag_of[code] for name, code in IBSI_CODES.items() if name in theirs}
    assert len(shared) >= 70
    assert {name: ours[tag] for name, tag in shared.items()} == pytest.approx(
        {name: theirs[name] for name in shared}, rel=1e-9, abs=1e-9
    )


def is_texture(family: str) -> bool:
    return family.startswith(tuple(FAMILIES.values()))


def test_the_ruler_itself() -> None:
    ruler = Consensus("", "", 0.851, 0.0)
    assert ruler.agrees(0.8506)
    assert not ruler.agrees(0.8504)
    assert not ruler.agrees(float("nan"))
