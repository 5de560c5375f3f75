"""Whatever the image and the contour are like, checks and pictures end without an exception."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import CaseError
from tumor_response.imaging.thumbnail import thumbnail
from tumor_response.quality import ExclusionRule, check_baseline
from tumor_response.quality.alignment import align, gap_mm, overlap


@st.composite
def scans(draw: st.DrawFn) -> tuple[sitk.Image, sitk.Image]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.tuples(*[st.integers(2, 14)] * 3))
    kind = draw(st.sampled_from([np.int16, np.uint8, np.uint16, np.float32, np.float64]))
    spread = draw(st.sampled_from([0, 1, 300, 3000]))
    values = rng.normal(0, spread, shape)
    if np.issubdtype(kind, np.integer):
        values = np.clip(values, np.iinfo(kind).min, np.iinfo(kind).max)
    image = sitk.GetImageFromArray(values.astype(kind))
    inside = rng.random(shape) < draw(st.sampled_from([0.01, 0.3, 1.0]))
    inside.flat[rng.integers(inside.size)] = True
    mask = sitk.GetImageFromArray(inside.astype(np.uint8))
    spacing = [float(s) for s in rng.uniform(0.3, 6.0, 3)]
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0] if draw(st.booleans()) else np.eye(3)
    for one in (image, mask):
        one.SetSpacing(spacing)
        one.SetOrigin([-10.0, 1000.0, 3.5])
        one.SetDirection(turn.ravel().tolist())
    return image, mask


@settings(max_examples=60)
@given(scans())
def test_checks_and_pictures_end(scan: tuple[sitk.Image, sitk.Image]) -> None:
    image, mask = scan
    for finding in check_baseline(BaselineCase("P1", "1", image, mask)):
        assert finding.code
        assert "nan" not in (finding.message + finding.measured).lower()
    assert thumbnail(image, mask, in_hu=False).startswith(b"\x89PNG")


@settings(max_examples=60)
@given(scans(), scans())
def test_alignment_of_anything_is_a_number(
    one: tuple[sitk.Image, sitk.Image], other: tuple[sitk.Image, sitk.Image]
) -> None:
    found = align(one[0], other[0])
    assert np.isfinite(found.translation_mm).all()
    assert -1.0 <= found.correlation <= 1.0 + 1e-6
    assert 0.0 <= overlap(one[1], other[1], found.translation_mm) <= 1.0
    assert gap_mm(one[1], other[1], found.translation_mm) >= 0.0


@settings(max_examples=60)
@given(scans(), st.floats(-500, 0), st.floats(0, 500))
def test_exclusion_takes_a_share_and_never_all(
    scan: tuple[sitk.Image, sitk.Image], low: float, high: float
) -> None:
    image, mask = scan
    values, drawn = (sitk.GetArrayViewFromImage(one) for one in scan)
    left = np.count_nonzero((drawn != 0) & (values >= low) & (values <= high))
    rule = ExclusionRule(hu_range=(low, high))
    if left == 0:
        with pytest.raises(CaseError):
            rule.apply(image, mask)
        return
    kept, share = rule.apply(image, mask)
    assert np.count_nonzero(sitk.GetArrayViewFromImage(kept)) == left
    assert share == pytest.approx(1 - left / np.count_nonzero(drawn))
