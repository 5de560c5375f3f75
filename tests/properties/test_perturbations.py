"""What holds of every perturbation, whatever the grid and the tumour."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from tumor_response.exceptions import CaseError
from tumor_response.imaging.perturb import (
    ContourOffset,
    ContourVariation,
    DrawnChain,
    DrawnContourOffset,
    DrawnContourVariation,
    DrawnIntensityOffset,
    DrawnKernel,
    DrawnNoise,
    DrawnRotation,
    DrawnSliceThickness,
    DrawnTranslation,
    ImageNoise,
    IntensityOffset,
    PerturbationChain,
    ReconstructionKernel,
    Rotation,
    SliceThickness,
    Translation,
    alteration_from_record,
)

NOTHING = [
    DrawnTranslation(shift_mm=(0.0, 0.0, 0.0)),
    DrawnRotation(degrees=0.0),
    DrawnContourOffset(offset_mm=0.0),
    DrawnContourVariation(observer_sd_mm=0.0, smooth_over_mm=10.0, seed=1),
    DrawnNoise(times_own=0.0, seed=1),
    DrawnNoise(sd_hu=0.0, seed=1),
    DrawnKernel(gain=1.0),
    DrawnIntensityOffset(offset_hu=0.0),
    DrawnSliceThickness(times=1.0, phase=0.4),
]


@st.composite
def scans(draw: st.DrawFn) -> tuple[sitk.Image, sitk.Image]:
    """A few blobs, not all of them in one piece, on a grid of any spacing and type."""
    shape = draw(st.tuples(st.integers(4, 9), st.integers(8, 20), st.integers(8, 20)))
    spacing = draw(st.tuples(*[st.floats(0.4, 4.0)] * 2, st.floats(0.8, 6.0)))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    smooth = rng.normal(size=shape)
    for axis in range(3):
        smooth = smooth + np.roll(smooth, 1, axis) + np.roll(smooth, -1, axis)
    inside = smooth > np.quantile(smooth, draw(st.floats(0.6, 0.97)))
    kind = draw(st.sampled_from([np.int16, np.float32]))
    image = sitk.GetImageFromArray(rng.normal(40, 20, size=shape).astype(kind))
    mask = sitk.GetImageFromArray(inside.astype(np.uint8))
    for one in (image, mask):
        one.SetSpacing(spacing)
        one.SetOrigin((3.0, -40.0, 100.0))
    return image, mask


def contents(image: sitk.Image) -> tuple[bytes, int, tuple[float, ...]]:
    return (
        sitk.GetArrayFromImage(image).tobytes(),
        image.GetPixelID(),
        (*image.GetSize(), *image.GetSpacing(), *image.GetOrigin(), *image.GetDirection()),
    )


def applied(drawn, image, mask):
    """What becomes of the case, or None and the reason."""
    try:
        return drawn.apply(image, mask), ""
    except CaseError as error:
        return None, error.code


@settings(max_examples=25)
@given(scans(), st.sampled_from([*NOTHING, DrawnChain(NOTHING)]))
def test_nothing_is_the_identity(case, drawn) -> None:
    image, mask = case
    same = drawn.apply(image, mask)
    assert same[0] is image
    assert contents(same[1]) == contents(mask)
    assert not drawn.touches_image


RULES = st.one_of(
    st.builds(
        Translation,
        max_mm=st.floats(0, 10),
        moves=st.sampled_from(["patient", "contour"]),
        interpolator=st.sampled_from(["linear", "cubic"]),
        reach_mm=st.sampled_from([None, 3.0, 50.0]),
    ),
    st.builds(
        Rotation,
        max_degrees=st.floats(0, 40),
        axis=st.sampled_from(["head_feet", "left_right", "front_back"]),
        interpolator=st.sampled_from(["linear", "cubic"]),
        reach_mm=st.sampled_from([None, 3.0]),
    ),
    st.builds(ContourOffset, min_mm=st.floats(-3, 0), max_mm=st.floats(0, 5)),
    st.builds(ContourVariation, observer_sd_mm=st.floats(0, 3), smooth_over_mm=st.floats(1, 40)),
    st.builds(ImageNoise, sd_hu=st.floats(0, 30)),
    st.builds(
        ReconstructionKernel,
        min_gain=st.floats(0.2, 1),
        max_gain=st.floats(1, 3),
        corner_per_mm=st.floats(0.05, 1),
    ),
    st.builds(IntensityOffset, min_hu=st.floats(-30, 0), max_hu=st.floats(0, 30)),
    st.builds(SliceThickness, times=st.floats(1, 3)),
)


@settings(max_examples=80)
@given(
    scans(),
    st.one_of(RULES, st.builds(PerturbationChain, st.lists(RULES, min_size=1, max_size=3))),
    st.integers(0, 99),
)
def test_whatever_is_drawn(case, rule, seed) -> None:
    """Same draw same bytes, made again from its record, inputs untouched, valid results."""
    image, mask = case
    before = contents(image), contents(mask)
    drawn = rule.draw(np.random.default_rng(seed))
    again = alteration_from_record(rule.draw(np.random.default_rng(seed)).record())
    found, code = applied(drawn, image, mask)
    if found is None:
        assert code in {"mask_emptied", "single_slice"}
        assert (contents(image), contents(mask)) == before
        return
    new_image, new_mask = found
    repeated = again.apply(image, mask)
    assert [contents(one) for one in repeated] == [contents(new_image), contents(new_mask)]
    assert (contents(image), contents(mask)) == before
    assert new_image.GetPixelID() == image.GetPixelID()
    assert new_mask.GetPixelID() == mask.GetPixelID()
    for one in (new_image, new_mask):
        assert (one.GetSize(), one.GetSpacing()) == (new_image.GetSize(), new_image.GetSpacing())
        assert one.GetOrigin() == new_image.GetOrigin()
    values = sitk.GetArrayViewFromImage(new_mask)
    assert set(np.unique(values)) <= {0, 1}
    assert values.any()
    assert np.isfinite(sitk.GetArrayViewFromImage(new_image)).all()
    if not drawn.touches_image:
        assert new_image is image


@settings(max_examples=30)
@given(scans(), st.floats(0.05, 4.0))
def test_growth_holds_the_contour_and_shrinkage_lies_in_it(case, offset_mm) -> None:
    image, mask = case
    old = sitk.GetArrayViewFromImage(mask) != 0
    grown = sitk.GetArrayFromImage(DrawnContourOffset(offset_mm=offset_mm).apply(image, mask)[1])
    assert (grown[old] == 1).all()
    farther = DrawnContourOffset(offset_mm=offset_mm + 1.0).apply(image, mask)[1]
    assert (sitk.GetArrayViewFromImage(farther)[grown != 0] == 1).all()
    shrunk, code = applied(DrawnContourOffset(offset_mm=-offset_mm), image, mask)
    if shrunk is None:
        assert code == "mask_emptied"
    else:
        assert old[sitk.GetArrayViewFromImage(shrunk[1]) != 0].all()
