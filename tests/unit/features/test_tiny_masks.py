"""A voxel, a line, a plane: what is defined is given, and a reason for what is not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

import tumor_response as tr
from tests.unit import cases
from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import FeatureError
from tumor_response.features.base import FeatureValues
from tumor_response.features.radiomics import PRESETS
from tumor_response.features.radiomics.ibsi.settings import CONFIGURATIONS
from tumor_response.features.rows import block_row, columns_of_block

VOXEL_MM3 = float(np.prod(cases.SPACING))
Index = tuple[int, int, int]  # z, y, x

TINY: Mapping[str, list[Index]] = {
    "voxel": [(6, 11, 12)],
    "voxel in the corner": [(0, 0, 0)],
    "pair": [(6, 11, 12), (6, 11, 13)],
    "diagonal pair": [(6, 11, 12), (7, 12, 13)],
    "pair apart": [(3, 4, 4), (9, 15, 18)],
    "line": [(6, 11, x) for x in range(8, 15)],
    "plane": [(6, y, x) for y in range(7, 14) for x in range(8, 15)],
    "plane along z": [(z, y, 12) for z in range(3, 9) for y in range(5, 14)],
    "eight voxels": [(z, y, x) for z in (5, 6) for y in (10, 11) for x in (11, 12)],
}
PLAIN = tr.RadiomicsSettings()
"""No resampling: one voxel stays one voxel."""
REFUSED = ("voxel", "voxel in the corner", "pair", "line")
"""By PyRadiomics, with such settings."""


def tiny_mask(name: str) -> sitk.Image:
    voxels = np.zeros(cases.SIZE[::-1], dtype=np.uint8)
    voxels[tuple(np.transpose(TINY[name]))] = 1
    mask = sitk.GetImageFromArray(voxels)
    mask.CopyInformation(cases.image())
    return mask


def intensities(name: str) -> np.ndarray:
    voxels = sitk.GetArrayFromImage(cases.image())
    return voxels[tuple(np.transpose(TINY[name]))].astype(np.float64)


def extracted(extractor: tr.Radiomics | tr.DeepFeatures, name: str) -> FeatureValues:
    """Held to one reason for each column that is missing."""
    found = extractor.extract(BaselineCase("P", "1", cases.image(), tiny_mask(name)))
    block_row(found, columns_of_block(extractor.feature_specs()))
    return found


def reasons(found: FeatureValues) -> dict[str, int]:
    return {shortfall.code: shortfall.n_columns_missing for shortfall in found.shortfalls}


@pytest.mark.parametrize("name", TINY)
def test_size_and_intensities_are_those_of_the_voxels(name: str) -> None:
    values = extracted(tr.Radiomics(PLAIN), name).values
    hu = intensities(name)
    expected = {
        "shape_VoxelVolume": len(hu) * VOXEL_MM3,
        "firstorder_Mean": hu.mean(),
        "firstorder_Median": np.median(hu),
        "firstorder_Minimum": hu.min(),
        "firstorder_Maximum": hu.max(),
        "firstorder_Variance": hu.var(),
        "firstorder_Energy": (hu**2).sum(),
        "firstorder_TotalEnergy": (hu**2).sum() * VOXEL_MM3,
    }
    for feature, value in expected.items():
        assert values[f"radiomics__original__{feature}"] == pytest.approx(value, rel=1e-12), feature
    ends = np.array(TINY[name])[[0, -1]] * cases.SPACING[::-1]
    furthest = values["radiomics__original__shape_Maximum3DDiameter"]
    # between the corners of the surface, half a voxel beyond the centres at most
    assert furthest >= np.linalg.norm(ends[1] - ends[0])
    assert furthest <= np.linalg.norm(np.abs(ends[1] - ends[0]) + cases.SPACING[::-1])


@pytest.mark.parametrize("name", TINY)
def test_texture_is_there_or_has_its_reason(name: str) -> None:
    found = extracted(tr.Radiomics(PLAIN), name)
    texture = [c for c in found.values if "__gl" in c or "__ngtdm" in c]
    if name in REFUSED:
        assert not texture
        assert reasons(found)["roi_too_small"] == 24 + 16 + 16 + 14 + 5
        assert "minimum required 2" in found.shortfalls[0].message or "voxel" in name
    else:
        assert texture
        assert "roi_too_small" not in reasons(found)


@pytest.mark.parametrize("name", ["line", "pair", *(n for n in TINY if n not in REFUSED)])
def test_where_pyradiomics_gives_a_value_it_is_the_same(name: str) -> None:
    settings = tr.RadiomicsSettings(setting={"binWidth": 10, "minimumROIDimensions": 1})
    ours = extracted(tr.Radiomics(settings), name)
    theirs = extracted(tr.Radiomics(settings, engine="pyradiomics"), name)
    assert set(ours.values) == set(theirs.values)
    for column, value in theirs.values.items():
        assert ours.values[column] == pytest.approx(value, rel=1e-6, abs=1e-9), column


@pytest.mark.parametrize("name", REFUSED)
def test_pyradiomics_itself_refuses(name: str) -> None:
    with pytest.raises(FeatureError) as error:
        extracted(tr.Radiomics(PLAIN, engine="pyradiomics"), name)
    assert error.value.code == "roi_too_small"


def test_below_the_smallest_size_that_was_asked_for() -> None:
    def of(size: int) -> FeatureValues:
        return extracted(
            tr.Radiomics(tr.RadiomicsSettings(setting={"minimumROISize": size})), "plane"
        )

    small, large = of(49), of(48)  # the plane has 49 voxels: more than that is asked for
    assert reasons(small) == {"roi_too_small": 75}
    assert "minimum size: 49, ROI size: 49" in small.shortfalls[0].message
    assert len(large.values) == 107
    for column, value in small.values.items():
        assert value == large.values[column]
        assert "__shape" in column or "__firstorder" in column


def test_one_voxel_left_by_resegmentation() -> None:
    hu = intensities("plane")
    second, first = np.sort(hu)[-2:]
    assert second < first
    settings = tr.RadiomicsSettings(setting={"resegmentRange": [float(first), float(first)]})
    found = extracted(tr.Radiomics(settings), "plane")
    assert reasons(found)["roi_too_small"] == 75
    assert "retained 1 voxel" in found.shortfalls[0].message
    assert found.values["radiomics__original__firstorder_Mean"] == first
    with pytest.raises(FeatureError, match="retained 0") as error:
        extracted(
            tr.Radiomics(tr.RadiomicsSettings(setting={"resegmentRange": [5000, 6000]})), "plane"
        )
    assert error.value.code == "roi_too_small"


@pytest.mark.parametrize("preset", [*PRESETS, *CONFIGURATIONS])
def test_every_preset_on_every_tiny_mask(preset: str) -> None:
    """A whole block is refused only where the settings' grid has no voxel of the mask."""
    extractor = tr.Radiomics(preset)
    vanished = {}
    for name in TINY:
        try:
            found = extracted(extractor, name)
        except FeatureError as error:
            vanished[name] = error
            continue
        mean = "firstorder_Mean" if preset in PRESETS else "stat_mean"
        assert any(mean in column for column in found.values), name
        assert set(reasons(found)) <= {"roi_too_small", "not_defined", "not_computed"}
    for name, error in vanished.items():
        assert error.code in ("roi_too_small", "mask_empty_after_interpolation")
        assert "not present in mask" in str(error) or "No voxel is left" in str(error)
        assert len(TINY[name]) < 10
    # 1 mm, 2 mm and the image's own grid are at least as fine as its layers of 3 mm; an axis along
    # which all voxels lie in one layer is not resampled by PyRadiomics
    may_vanish = {"pet_suv": ["diagonal pair", "pair apart"], "ibsi_a": []}
    if preset in PRESETS or preset in may_vanish:
        assert set(vanished) <= set(may_vanish.get(preset, []))


@pytest.mark.parametrize("name", TINY)
def test_ibsi_statistics_of_the_voxels(name: str) -> None:
    values = extracted(tr.Radiomics("ibsi_a"), name).values
    hu = intensities(name)
    lowest, highest = CONFIGURATIONS["ibsi_a"].resegmentation_range or (-np.inf, np.inf)
    hu = hu[(hu >= (lowest or -np.inf)) & (hu <= (highest or np.inf))]
    expected = {"stat_mean": hu.mean(), "stat_var": hu.var(), "stat_max": hu.max()}
    for tag, value in expected.items():
        (column,) = [c for c in values if c.endswith(f"__{tag}")]
        assert values[column] == pytest.approx(value, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", TINY)
def test_deep_features_are_there_and_finite(name: str) -> None:
    extractor = tr.DeepFeatures("tf_efficientnet_lite0", views=tr.ViewSettings(n_slices=2))
    assert len(extracted(extractor, name).values) == 1280


def test_in_a_cohort_they_are_rows_with_reasons(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path, 3)[["patient_id", "image", "mask", "age"]]
    for i, name in enumerate(("voxel", "line")):
        frame.loc[i, "mask"] = cases.write(tmp_path, f"tiny{i}.nii.gz", tiny_mask(name))
    table = tr.extract(
        tr.Cohort.from_frame(frame, base=tmp_path),
        [tr.Radiomics(PLAIN), tr.ClinicalFactors(["age", "volume_cc"])],
    )
    missing = table.failures[table.failures["n_columns_missing"] > 0]
    of_radiomics = missing[missing["block"] == "radiomics"]
    told = of_radiomics.groupby("patient_id")["n_columns_missing"].sum()
    absent = table.data.filter(like="radiomics__").isna().sum(axis=1).droplevel(1)
    assert told.to_dict() == absent[["P0", "P1"]].to_dict()
    assert set(of_radiomics["reason"]) == {"roi_too_small", "not_defined"}
    volumes = table.data["clinical__volume_cc"].to_numpy()[:2]
    assert volumes == pytest.approx([VOXEL_MM3 / 1000, 7 * VOXEL_MM3 / 1000])


def test_every_engine_counts_what_it_lacks_and_clinical_volume_is_always_there(
    tmp_path: Path,
) -> None:
    image = cases.write(tmp_path, "ct.nii.gz", cases.image())
    rows = [
        {"patient_id": name, "image": image, "mask": cases.write(tmp_path, f"{i}.nii.gz", mask)}
        for i, (name, mask) in enumerate((name, tiny_mask(name)) for name in TINY)
    ]
    blocks = [
        tr.Radiomics(PLAIN, block="fast"),
        tr.Radiomics(PLAIN, engine="pyradiomics", block="referee"),
        tr.Radiomics("ibsi_a", block="ibsi"),
        tr.Radiomics("ibsi_d", block="resampled"),
        tr.DeepFeatures("tf_efficientnet_lite0", views=tr.ViewSettings(n_slices=1)),
        tr.Views(store=tmp_path / "views", size_px=16),
        tr.ClinicalFactors(["volume_cc"]),
    ]
    table = tr.extract(tr.Cohort.from_frame(pd.DataFrame(rows), base=tmp_path), blocks)
    told = table.failures.groupby(["block", "patient_id"])["n_columns_missing"].sum()
    for block in (extractor.block for extractor in blocks):
        absent = table.data.filter(regex=f"^{block}__").isna().sum(axis=1).droplevel("lesion_id")
        for name in TINY:
            assert told.get((block, name), 0) == absent[name], (block, name)
    lacking = table.failures["n_columns_missing"] > 0
    of_blocks = table.failures[lacking & (table.failures["block"] != "case")]
    assert set(of_blocks["reason"]) <= {
        *("roi_too_small", "not_defined", "not_computed", "mask_empty_after_interpolation"),
    }
    # that a contour is suspiciously small is said as well, and stops nothing
    assert set(table.failures.loc[table.failures["block"] == "case", "n_columns_missing"]) == {0}
    for block in ("deep", "views"):
        assert not (of_blocks["block"] == block).any()
    volumes = [len(TINY[name]) * VOXEL_MM3 / 1000 for name in TINY]
    assert table.data["clinical__volume_cc"].tolist() == pytest.approx(volumes)
