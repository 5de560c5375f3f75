"""Voxels that features leave out by a rule; volumes stay those of the contour as drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

import tumor_response as tr
from tests.unit import cases
from tumor_response.imaging import volume_cc

RULE = tr.ExclusionRule(hu_range=(-100.0, 300.0))
EXTRACTORS = [tr.Radiomics("minimal"), tr.ClinicalFactors(["volume_cc"])]


@pytest.fixture
def cohort(tmp_path: Path) -> tr.Cohort:
    """Two patients; a fifth of the second one's tumour is air."""
    frame = cases.cohort_folder(tmp_path, 2)
    image, mask = cases.image(1), sitk.GetArrayFromImage(cases.mask(10.0))
    voxels = sitk.GetArrayFromImage(image)
    inside = np.flatnonzero(mask)
    voxels.flat[inside[: len(inside) // 5]] = -900
    with_air = sitk.GetImageFromArray(voxels)
    with_air.CopyInformation(image)
    frame.loc[1, "image"] = cases.write(tmp_path, "air.nii.gz", with_air)
    return tr.Cohort.from_frame(frame, base=tmp_path)


def test_share_is_a_column_and_volume_stays(cohort: tr.Cohort) -> None:
    drawn = tr.extract(cohort, EXTRACTORS)
    ruled = tr.extract(cohort, EXTRACTORS, exclude=RULE)
    assert "meta__excluded_share" not in drawn.data
    assert ruled.data["meta__excluded_share"].tolist() == pytest.approx([0.0, 0.2], abs=0.002)
    assert ruled.dictionary.loc["meta__excluded_share", "role"] == "meta"
    volumes = [volume_cc(case.read_mask()) for case in cohort]
    assert ruled.data["clinical__volume_cc"].tolist() == volumes
    name = "radiomics__original__firstorder_Minimum"
    assert drawn.data[name].iloc[1] <= -900
    assert ruled.data[name].iloc[1] > drawn.data[name].iloc[1] + 100
    assert ruled.data[name].iloc[0] == drawn.data[name].iloc[0]


def test_rule_is_in_the_settings_of_the_columns_it_changes(cohort: tr.Cohort) -> None:
    hashes = [
        tr.extract(cohort, EXTRACTORS, exclude=rule).dictionary["settings_sha256"]
        for rule in (None, RULE)
    ]
    name = "radiomics__original__firstorder_Mean"
    assert hashes[0][name] != hashes[1][name]
    assert hashes[0]["clinical__volume_cc"] == hashes[1]["clinical__volume_cc"]


def test_rule_and_cache(cohort: tr.Cohort, tmp_path: Path) -> None:
    """What the rule leaves as it was comes from the cache, the rest is computed."""
    tables = [
        tr.extract(cohort, EXTRACTORS, exclude=rule, cache_dir=tmp_path / "cache")
        for rule in (None, RULE, RULE)
    ]
    assert [table.run["cache"] for table in tables] == [
        {"hits": 0, "misses": 2},
        {"hits": 1, "misses": 1},
        {"hits": 2, "misses": 0},
    ]
    assert tables[1].provenance["exclude"]["hu_range"] == [-100.0, 300.0]


def test_rule_that_leaves_nothing_is_a_failure_of_that_case(cohort: tr.Cohort) -> None:
    table = tr.extract(
        cohort, EXTRACTORS, exclude=tr.ExclusionRule(hu_range=(900.0, 1000.0)), quality=None
    )
    assert set(table.failures["reason"]) == {"all_voxels_excluded"}
    assert table.data.filter(like="radiomics__").isna().all(axis=None)
