"""Image processing, morphology and first-order families against the IBSI consensus values."""

from __future__ import annotations

import pytest

from tests.reference.ibsi_values import TABLES, consensus, misses, phantom
from tumor_response.features.radiomics.ibsi.diagnostics import diagnostics
from tumor_response.features.radiomics.ibsi.histogram import discretise, histogram_features
from tumor_response.features.radiomics.ibsi.ivh import ivh_features
from tumor_response.features.radiomics.ibsi.local_intensity import local_intensity_features
from tumor_response.features.radiomics.ibsi.morphology import morphology_features
from tumor_response.features.radiomics.ibsi.processing import processed
from tumor_response.features.radiomics.ibsi.settings import ibsi_a, ibsi_c, ibsi_d, ibsi_e
from tumor_response.features.radiomics.ibsi.statistics import statistics_features

pytestmark = pytest.mark.needs("data")

FAMILIES = {
    "Morphology": lambda image, settings: morphology_features(image),
    "Local intensity": lambda image, settings: local_intensity_features(image),
    "Statistics": lambda image, settings: statistics_features(image),
    "Intensity histogram": lambda image, settings: histogram_features(discretise(image, settings)),
    "Intensity volume histogram": ivh_features,
}


@pytest.fixture(scope="module", params=list(TABLES))
def case(request, shared_data):
    image, mask, settings = phantom(shared_data, request.param)
    return request.param, image, mask, settings, processed(image, mask, settings)


@pytest.mark.parametrize("family", list(FAMILIES))
def test_every_feature_is_within_tolerance(case, shared_data, family):
    table, _, _, settings, image = case
    expected = consensus(shared_data, table, lambda name: name == family)
    assert expected
    assert misses(expected, FAMILIES[family](image, settings)) == []


def test_every_step_of_the_processing_is_within_tolerance(case, shared_data):
    table, image, mask, settings, _ = case
    expected = consensus(shared_data, table, lambda name: name.startswith("Diagnostics"))
    assert bool(expected) == (table != "digital_phantom")
    assert misses(expected, diagnostics(image, mask, settings)) == []


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        # each fault is one that implementations really have had
        (ibsi_a, {"resegmentation_range": None}),
        (ibsi_a, {"bin_size": 24}),
        (ibsi_c, {"dimension": "2d", "spacing_mm": (2, 2)}),
        (ibsi_c, {"mask_threshold": 0.6}),
    ],
)
def test_a_planted_fault_is_a_miss(shared_data, settings, changed):
    table = "config_A" if settings is ibsi_a else "config_C"
    image, mask, _ = phantom(shared_data, table)
    wrong = type(settings)(**{**settings.model_dump(), **changed})
    found = processed(image, mask, wrong)
    values = {
        **diagnostics(image, mask, wrong),
        **statistics_features(found),
        **histogram_features(discretise(found, wrong)),
    }
    assert misses([one for one in consensus(shared_data, table, bool) if one.tag in values], values)


def test_d_and_e_are_c_but_for_what_they_change(shared_data):
    # their consensus values are not at hand: what follows from C's is checked instead
    image, mask, settings = phantom(shared_data, "config_C")
    c, d, e = (processed(image, mask, s) for s in (settings, ibsi_d, ibsi_e))
    for other in (d, e):
        assert (other.morphological_mask == c.morphological_mask).all()
        assert other.intensity_mask.sum() < c.intensity_mask.sum()
    assert (c.values == d.values).all()
    before = c.values[c.morphological_mask]
    reach = 3 * before.std()
    assert d.intensities.min() >= before.mean() - reach > before.min()
    assert d.intensities.max() <= before.mean() + reach
    # a spline goes beyond the samples where a line cannot
    assert e.values[e.morphological_mask].max() > before.max()
    assert e.intensities.max() <= 400
    shape = consensus(
        shared_data, "config_C", lambda name: name == "Morphology"
    )  # that part of it which the intensities do not touch
    by_intensity = {"morph_com", "morph_integ_int", "morph_moran_i", "morph_geary_c"}
    expected = [one for one in shape if one.tag not in by_intensity]
    for other in (d, e):
        assert misses(expected, morphology_features(other)) == []
    # 1,000 bins between minimum and maximum, so that 10 and 90 % are levels among them
    found = ivh_features(e, ibsi_e)
    assert 1 <= found["ivh_i90"] < found["ivh_i10"] <= 1000
    assert found["ivh_v10"] == pytest.approx(
        (
            e.intensities >= e.intensities.min() + 0.1 * (e.intensities.max() - e.intensities.min())
        ).mean(),
        abs=2e-3,
    )
