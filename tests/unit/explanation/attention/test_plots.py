"""Figures show the map where something was shown, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import SimpleITK as sitk

import tumor_response as tr
from tests.unit import cases
from tests.unit.explanation.attention.synthetic import attention_maps
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.boxed import BoxedMap
from tumor_response.explanation.attention.overlay import Overlay
from tumor_response.explanation.attention.plots import window_of


@pytest.fixture
def cohort(tmp_path) -> tr.Cohort:
    frame = cases.cohort_folder(tmp_path, 2)
    frame.to_csv(tmp_path / "manifest.csv", index=False)
    return tr.Cohort.from_csv(tmp_path / "manifest.csv")


KEYS = (("P0", "1"), ("P1", "1"))


def painted(ax) -> np.ndarray:
    """Return red, green, blue and opacity of the map that was drawn."""
    return np.asarray(ax.images[1].get_array())


def test_colours_lie_where_something_was_shown_and_not_beyond(cohort) -> None:
    """The drawn opacity against the coverage, asked voxel by voxel in three planes."""
    maps = attention_maps(KEYS)
    panels = maps.plot("P0", cohort, planes="three")
    case = maps.case("P0")
    overlay = Overlay.scaled(
        case.box, cases.image(), cases.mask(), (-160, 240), label="", largest=None
    )
    centre = overlay.centre()
    for ax, plane in zip(panels, ("axial", "coronal", "sagittal"), strict=True):
        assert ax.get_title() == plane
        points = overlay._plane_grid(plane, centre).pixels_mm()
        drawn = painted(ax)[..., 3] > 0
        for row, column in np.argwhere(drawn)[::97]:
            place = points[row, column].tolist()
            at = case.map.TransformPhysicalPointToIndex(place)
            assert case.coverage[at] == 1
            assert case.map[at] > 0
        assert 0 < drawn.mean() < 1
    plt.close("all")


def test_the_best_slice_is_the_one_with_most_of_the_tumour_that_was_shown() -> None:
    image, mask = cases.image(), cases.mask()
    coverage = sitk.Image(image.GetSize(), sitk.sitkUInt8)
    coverage.CopyInformation(image)
    coverage[2:20, 2:20, 4] = 1
    coverage[2:20, 2:20, 9] = 1
    values = sitk.Cast(coverage, sitk.sitkFloat32)
    overlay = Overlay.scaled(BoxedMap.of_images(values, coverage), image, mask, (0, 1), label="")
    counts = [sitk.GetArrayFromImage(mask)[k].sum() for k in (4, 9)]
    assert counts[0] > counts[1]
    plane, middle = overlay.best()
    assert (plane, image.TransformPhysicalPointToIndex(middle.tolist())[2]) == ("axial", 4)
    # a sagittal slice alone was shown: the axial ones hold a line of it
    coverage = 0 * coverage
    coverage[12, 2:20, 1:11] = 1
    values = sitk.Cast(coverage, sitk.sitkFloat32)
    overlay = Overlay.scaled(BoxedMap.of_images(values, coverage), image, mask, (0, 1), label="")
    plane, middle = overlay.best()
    assert (plane, image.TransformPhysicalPointToIndex(middle.tolist())[0]) == ("sagittal", 12)


def test_the_scale_of_colours() -> None:
    maps = attention_maps(KEYS)
    box = maps.case("P0").box
    rest = (cases.image(), cases.mask(), (0.0, 1.0))
    plain = Overlay.scaled(box, *rest, label="")
    assert (plain.low, plain.high) == (0.0, pytest.approx(1.0))
    signed = Overlay.scaled(replace(box, values=-2 * box.values), *rest, label="")
    assert (signed.low, signed.high) == (-signed.high, pytest.approx(2.0))
    peaked = box.values.copy()
    peaked[box.coverage > 0] = np.linspace(0, 1, (box.coverage > 0).sum())
    high = Overlay.scaled(replace(box, values=peaked), *rest, label="").high
    assert high == pytest.approx(0.99, abs=1e-6)
    zero = Overlay.scaled(replace(box, values=0 * box.values), *rest, label="")
    assert (zero.low, zero.high) == (0.0, 1.0)
    fixed = Overlay.scaled(box, *rest, label="", largest=5.0)
    assert fixed.high == 5.0
    with pytest.raises(ExplanationError, match="map's grid"):
        Overlay.scaled(box, sitk.Image(2, 2, 2, sitk.sitkInt16), rest[1], (0, 1), label="")


def test_windows() -> None:
    image = cases.image()
    assert window_of(tr.ViewSettings(), image) == (-160.0, 240.0)
    three = tr.ViewSettings(window_hu=("bone", "lung", "soft_tissue"))
    assert window_of(three, image) == (-500.0, 1300.0)
    assert window_of(tr.ViewSettings(suv=(0, 8)), image) == (0.0, 8.0)
    low, high = window_of(tr.ViewSettings(percentiles=(5, 95)), image)
    voxels = sitk.GetArrayFromImage(image)
    assert (low, high) == tuple(np.percentile(voxels, (1, 99)))


def test_a_sheet_of_lesions(cohort) -> None:
    maps = attention_maps(KEYS)
    anonymous = maps.contact_sheet(cohort, keys=["P1"])
    assert anonymous[0].get_title(loc="left").startswith("2\n")  # the second of the maps
    plt.close("all")
    sheet = maps.contact_sheet(cohort, per_line=3, names=True)
    titles = [ax.get_title(loc="left") for ax in sheet]
    assert [title.split("\n")[0] for title in titles] == ["P0", "P1"]
    assert "+0.10" in titles[0]
    plt.close("all")
    one = maps.contact_sheet(cohort, keys=["P1"])
    assert len(one) == len(one[0].figure.axes) == 1
    plt.close("all")


def test_what_cannot_be_drawn(cohort) -> None:
    maps = attention_maps(KEYS)
    for call, code in (
        (lambda: maps.plot("P9", cohort), "unknown_lesion"),
        (lambda: maps.plot("P0", cohort, planes="four"), "settings"),
        (lambda: maps.plot("P0", cohort, window="brain"), "settings"),
        (lambda: maps.contact_sheet(cohort, keys=[]), "settings"),
        (lambda: attention_maps((("P7", "1"),)).plot("P7", cohort), "unknown_lesion"),
    ):
        with pytest.raises(ExplanationError) as raised:
            call()
        assert raised.value.code == code
    _, axes = plt.subplots(1, 2)
    with pytest.raises(ExplanationError, match="2 axes, expected 3"):
        maps.plot("P0", cohort, planes="three", ax=axes)
    plt.close("all")
