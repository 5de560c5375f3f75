"""Maps of handcrafted columns against ordinary extraction of one cube after another."""

from __future__ import annotations

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
import SimpleITK as sitk

import tumor_response as tr
from tests.unit import cases
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.feature_maps import FeatureMapSettings, feature_map
from tumor_response.features.radiomics.settings import quiet_pyradiomics

SIDE = 3


def tiny() -> tr.BaselineCase:
    """A cube of 3 voxels a side in noise, with the tumour's minimum in every cube.

    Bins begin at the lowest intensity of the region that is extracted. With the same lowest one
    in every cube, grey levels mean the same in the map and in the extraction of one cube.
    """
    rng = np.random.default_rng(5)
    voxels = rng.integers(30, 200, (9, 9, 9)).astype(np.int16)
    inside = slice(2, 2 + SIDE)
    tumour = np.zeros(voxels.shape, np.uint8)
    tumour[inside, inside, inside] = 1
    for z, y, x in itertools.product(range(2, 8, 2), repeat=3):
        voxels[z, y, x] = 5
    image, mask = sitk.GetImageFromArray(voxels), sitk.GetImageFromArray(tumour)
    for one in (image, mask):
        one.SetSpacing((2.0, 2.0, 3.0))
        one.SetOrigin((10.0, -5.0, 30.0))
    return tr.BaselineCase("P1", "1", image, mask)


def by_hand(case: tr.BaselineCase, extractor: tr.Radiomics, radius: int) -> dict[str, np.ndarray]:
    """Extract the cube around each voxel, cut to the tumour, one after another."""
    referee = extractor.settings.build()
    tumour = sitk.GetArrayFromImage(case.mask)
    found: dict[str, np.ndarray] = {}
    for at in np.argwhere(tumour):
        cube = np.zeros_like(tumour)
        cube[tuple(slice(max(0, i - radius), i + radius + 1) for i in at)] = 1
        mask = sitk.GetImageFromArray(cube * tumour)
        mask.CopyInformation(case.mask)
        with quiet_pyradiomics():
            values = referee.execute(case.image, mask, label=1)
        for key, value in values.items():
            found.setdefault(key, np.full(tumour.shape, np.nan))[tuple(at)] = float(value)
    return found


FEATURES = {
    "firstorder": ("Mean", "Variance", "90Percentile", "Entropy", "RootMeanSquared"),
    "glcm": ("Contrast", "JointEntropy", "Autocorrelation", "Imc1"),
    "glrlm": ("RunEntropy", "LowGrayLevelRunEmphasis"),
    "glszm": ("ZoneEntropy", "LargeAreaEmphasis"),
    "gldm": ("DependenceEntropy", "HighGrayLevelEmphasis"),
    "ngtdm": ("Contrast", "Coarseness"),
}


@pytest.fixture(scope="module")
def compared() -> tuple[tr.BaselineCase, tr.Radiomics, dict[str, np.ndarray]]:
    case = tiny()
    extractor = tr.Radiomics(
        tr.RadiomicsSettings(feature_classes=FEATURES, setting={"binWidth": 25})
    )
    return case, extractor, by_hand(case, extractor, 1)


@pytest.mark.parametrize(
    "name", [f"{family}_{feature}" for family, names in FEATURES.items() for feature in names]
)
def test_a_map_is_the_ordinary_feature_of_each_cube(compared, name: str) -> None:
    case, extractor, hand = compared
    found = feature_map(case, extractor, f"radiomics__original__{name}")
    expected = hand[f"original_{name}"]
    values = sitk.GetArrayFromImage(found.image)
    tumour = sitk.GetArrayFromImage(case.mask) > 0
    assert np.array_equal(sitk.GetArrayFromImage(found.coverage) > 0, tumour)
    assert not values[~tumour].any()
    np.testing.assert_allclose(values[tumour], expected[tumour], rtol=2e-6, atol=1e-6)
    assert found.kernel_mm == (6.0, 6.0, 9.0)


@pytest.mark.parametrize("batch_mb", [0.001, 512.0])
def test_batches_change_nothing_and_the_largest_slice_is_one_of_the_whole(
    compared, batch_mb: float
) -> None:
    case, extractor, hand = compared
    settings = FeatureMapSettings(slices="largest", memory_mb=batch_mb)
    found = feature_map(case, extractor, "radiomics__original__glcm_Contrast", settings=settings)
    covered = sitk.GetArrayFromImage(found.coverage) > 0
    assert covered.sum() == SIDE**2
    [slice_shown] = np.flatnonzero(covered.any(axis=(1, 2)))
    values = sitk.GetArrayFromImage(found.image)[slice_shown]
    expected = hand["original_glcm_Contrast"][slice_shown]
    np.testing.assert_allclose(values[covered[slice_shown]], expected[covered[slice_shown]], 2e-6)


@pytest.mark.parametrize(
    "column", ["log_sigma_2_mm__firstorder_Mean", "wavelet_LLH__firstorder_Mean"]
)
def test_filters_are_the_columns_own(column: str) -> None:
    """With a cube that holds the whole tumour, every voxel has the column's own value."""
    case = cases.baseline()
    settings = tr.RadiomicsSettings(
        image_types={"LoG": {"sigma": [1.0, 2.0]}, "Wavelet": {}},
        feature_classes={"firstorder": ("Mean", "Energy")},
        setting={"binWidth": 25, "resampledPixelSpacing": [2, 2, 2]},
    )
    extractor = tr.Radiomics(settings, engine="pyradiomics")
    expected = extractor.extract(case).values[f"radiomics__{column}"]
    whole = FeatureMapSettings(kernel_radius=11, slices="largest")
    found = feature_map(case, extractor, f"radiomics__{column}", settings=whole)
    values = found.box.values[found.box.coverage > 0]
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    # on the CT's grid, in its own slice; a voxel at the border may be nearest to none within
    tumour = sitk.GetArrayFromImage(case.mask) > 0
    assert not (sitk.GetArrayFromImage(found.coverage) > 0)[~tumour].any()
    assert len(values) > 0.8 * tumour.sum(axis=(1, 2)).max()


def test_what_has_no_map_is_refused_with_a_reason() -> None:
    case, extractor = tiny(), tr.Radiomics("minimal")
    for ask, code, words in (
        (
            lambda: feature_map(case, extractor, "radiomics__original__shape_Sphericity"),
            "no_voxel_map",
            "same shape everywhere",
        ),
        (
            lambda: feature_map(case, tr.Radiomics("ibsi_c"), "radiomics__x"),
            "no_voxel_map",
            "IBSI",
        ),
        (lambda: feature_map(case, tr.ClinicalFactors(["age"]), "c"), "no_voxel_map", "regions"),
        (
            lambda: feature_map(case, extractor, "radiomics__original__glcm_Contrst"),
            "unknown_column",
            "did you mean 'radiomics__original__glcm_Contrast'",
        ),
        (
            lambda: feature_map(
                case,
                extractor,
                "radiomics__original__glcm_Contrast",
                settings=FeatureMapSettings(max_voxels=100),
            ),
            "too_many_voxels",
            "slices='largest'",
        ),
    ):
        with pytest.raises(ExplanationError, match=words) as raised:
            ask()
        assert raised.value.code == code
    line = sitk.Image(case.mask.GetSize(), sitk.sitkUInt8)
    line.CopyInformation(case.mask)
    line[4, 4, 4] = 1
    with pytest.raises(ExplanationError) as raised:
        feature_map(case.with_mask(line), extractor, "radiomics__original__glcm_Contrast")
    assert raised.value.code == "region_refused"


def test_a_figure(compared) -> None:
    case, extractor, _ = compared
    found = feature_map(case, extractor, "radiomics__original__firstorder_Mean")
    ax = found.plot(case)
    drawn = np.asarray(ax.images[1].get_array())
    assert set(np.unique(drawn[..., 3])) == {0.0, 0.75}  # equally opaque, in the tumour alone
    assert ax.figure.axes[1].get_ylabel() == "original__firstorder_Mean (image unit)"
    plt.close(ax.figure)
