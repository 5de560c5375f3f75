"""Extractors on altered cases: draws hang on the contour alone, and the cache keeps them apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import SimpleITK as sitk

import tumor_response as tr
from tests.unit import cases
from tests.unit.repeat_rules import RandomOffset
from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import CaseError, FeatureError
from tumor_response.features.altered import Altered, altered_case, case_rng
from tumor_response.features.voxel_hash import image_sha256

MEAN = "radiomics__original__firstorder_Mean"


@dataclass(frozen=True)
class Emptied:
    def identity(self):
        return {"rule": "emptied"}

    def draw(self, rng):
        return self

    def record(self):
        return {}

    def apply(self, image, mask):
        raise CaseError("The contour has shrunk to nothing.", code="mask_emptied")


def _case(patient="P1", radius_mm=9.0):
    return BaselineCase(patient, "1", cases.image(), cases.mask(radius_mm))


def test_the_draw_hangs_on_seed_repeat_and_contour_and_not_on_the_patient():
    altered = Altered(tr.Radiomics("minimal"), RandomOffset(), seed=3, repeat=2)
    drawn = altered.drawn(_case())
    assert altered.drawn(_case("somebody else")) == drawn
    others = [
        Altered(tr.Radiomics("minimal"), RandomOffset(), seed=4, repeat=2).drawn(_case()),
        Altered(tr.Radiomics("minimal"), RandomOffset(), seed=3, repeat=1).drawn(_case()),
        altered.drawn(_case(radius_mm=7.0)),
    ]
    assert drawn not in others


def test_values_are_those_of_the_inner_extractor_on_the_altered_case():
    inner = tr.Radiomics("minimal")
    altered = Altered(inner, RandomOffset(), seed=1)
    case = _case()
    expected = inner.extract(altered_case(case, altered.drawn(case)))
    assert altered.extract(case) == expected
    assert expected != inner.extract(case)
    assert [s.column for s in altered.feature_specs()] == [s.column for s in inner.feature_specs()]


def test_what_is_given_stays_as_it_is():
    case = _case()
    before = sitk.GetArrayFromImage(case.image).copy()
    Altered(tr.Radiomics("minimal"), RandomOffset(), seed=1).extract(case)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(case.image), before)


def test_a_cache_keeps_altered_and_unaltered_results_apart(tmp_path):
    cohort = tr.simulate_cohort(n_patients=3, seed=0, directory=tmp_path / "sim")
    inner = tr.Radiomics("minimal")
    runs = {
        seed: [Altered(inner, RandomOffset(), seed=seed)] if seed else [inner] for seed in (0, 1, 2)
    }
    fresh = {seed: tr.extract(cohort, run).data[MEAN] for seed, run in runs.items()}
    for _ in range(2):
        for seed, run in runs.items():
            cached = tr.extract(cohort, run, cache_dir=tmp_path / "cache")
            assert cached.data[MEAN].equals(fresh[seed])
    assert cached.run["cache"] == {"hits": 3, "misses": 0}
    two = tr.extract(cohort, runs[1], n_jobs=2)
    assert two.data[MEAN].equals(fresh[1])
    assert len({*(fresh[1] - fresh[0]).round(6)}) == 3, "each case has a draw of its own"


def test_a_case_that_cannot_be_altered_is_a_failure_of_its_own(tmp_path):
    cohort = tr.simulate_cohort(n_patients=2, seed=0, directory=tmp_path / "sim")
    table = tr.extract(cohort, [Altered(tr.Radiomics("minimal"), Emptied())])
    assert set(table.failures["reason"]) == {"mask_emptied"}
    assert table.data[MEAN].isna().all()


def test_settings_of_altered_columns_have_another_hash(tmp_path):
    cohort = tr.simulate_cohort(n_patients=2, seed=0, directory=tmp_path / "sim")
    inner = tr.Radiomics("minimal")
    hashes = {
        tr.extract(cohort, [e]).dictionary.loc[MEAN, "settings_sha256"]
        for e in (inner, Altered(inner, RandomOffset()), Altered(inner, RandomOffset(), seed=1))
    }
    assert len(hashes) == 3


@pytest.mark.parametrize(
    ("extractor", "rule", "seed"),
    [("radiomics", RandomOffset(), 0), (None, "a rule", 0), (None, RandomOffset(), -1)],
)
def test_what_cannot_be_altered_is_refused(extractor, rule, seed):
    with pytest.raises(FeatureError, match=r"^Altered") as refused:
        Altered(extractor or tr.Radiomics("minimal"), rule, seed=seed)
    assert refused.value.code == "settings"


def test_the_generator_is_the_same_in_every_process():
    first = case_rng(0, 0, image_sha256(cases.mask())).integers(2**62)
    assert first == case_rng(0, 0, image_sha256(cases.mask())).integers(2**62)
    assert case_rng(0, 0, image_sha256(cases.mask(8.0))).integers(2**62) != first
