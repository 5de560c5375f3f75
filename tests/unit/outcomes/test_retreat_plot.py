"""The retreat in three planes: right colours in the right places, in mm and in the patient."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import SimpleITK as sitk
from matplotlib.collections import LineCollection

from tests.unit import cases
from tumor_response.exceptions import OutcomeError
from tumor_response.outcomes.retreat_plot import plot_retreat


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def retreat(along: int, turned: bool = False) -> tuple[sitk.Image, sitk.Image, sitk.Image]:
    """Image, ball, and a map: the place on one axis of the patient, from the ball's centre."""
    image, mask = cases.image(), cases.mask(9.0)
    if turned:  # stored the other way round, the patient stays as he is
        image, mask = (sitk.Flip(one, (True, True, True)) for one in (image, mask))
    index = np.argwhere(np.ones(mask.GetSize()))
    places = [mask.TransformIndexToPhysicalPoint([int(v) for v in i])[along] for i in index]
    values = np.reshape(places, mask.GetSize()).T
    inside = sitk.GetArrayFromImage(mask) != 0
    made = sitk.GetImageFromArray(np.where(inside, values - values[inside].mean(), np.nan))
    made.CopyInformation(mask)
    return image, mask, made


def outlines(panels) -> list[LineCollection]:
    return [
        next(
            c for c in ax.collections if isinstance(c, LineCollection) and c.get_array() is not None
        )
        for ax in panels
    ]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("along", "plane", "screen_axis", "sign"),
    [
        (0, 0, 0, 1),  # axial: the patient's left is on the right
        (1, 0, 1, -1),  # ... and the back below
        (0, 1, 0, 1),  # coronal
        (2, 1, 1, 1),  # ... the head above
        (1, 2, 0, 1),  # sagittal: the front on the left
        (2, 2, 1, 1),
    ],
)
def test_colours_follow_the_patients_axes(
    along: int, plane: int, screen_axis: int, sign: int, turned: bool
) -> None:
    collection = outlines(plot_retreat(*retreat(along, turned)))[plane]
    middles = np.array([segment.mean(axis=0) for segment in collection.get_segments()])
    values = np.asarray(collection.get_array())
    # in mm: the value is the place itself, to the size of a voxel
    offset = sign * values - middles[:, screen_axis]
    assert np.ptp(offset) < 4.0
    assert np.corrcoef(values, sign * middles[:, screen_axis])[0, 1] > 0.97


def test_outline_is_the_ball_in_millimetres_whatever_the_voxels() -> None:
    panels = plot_retreat(*retreat(0))
    for ax, collection in zip(panels, outlines(panels), strict=False):
        points = np.concatenate(collection.get_segments())
        width, height = np.ptp(points, axis=0)
        assert abs(width - 18) < 3.1
        assert abs(height - 18) < 3.1
        assert ax.get_aspect() == 1


def test_scale_is_symmetric_and_letters_are_the_radiologists() -> None:
    panels = plot_retreat(*retreat(0))
    limits = {collection.get_clim() for collection in outlines(panels)}
    assert len(limits) == 1
    low, high = limits.pop()
    assert low == -high < 0
    written = [{t.get_text(): t.get_position() for t in ax.texts} for ax in panels]
    assert written[0]["R"][0] < 0.5 < written[0]["L"][0]
    assert written[0]["P"][1] < 0.5 < written[0]["A"][1]
    assert written[1]["I"][1] < 0.5 < written[1]["S"][1]
    assert written[2]["A"][0] < 0.5 < written[2]["P"][0]
    assert any(text.endswith(" mm") for text in written[0])
    assert "positive = inwards" in panels[0].figure.axes[3].get_xlabel()
    bar = next(line for line in panels[0].lines)
    assert np.ptp(bar.get_xdata()) == 10.0  # what is written beside it


def test_the_end_of_the_scale_can_be_set() -> None:
    panels = plot_retreat(*retreat(0), largest_mm=20.0)
    assert outlines(panels)[0].get_clim() == (-20, 20)


def test_unknown_retreat_stays_without_colour() -> None:
    image, mask, made = retreat(0)
    values = sitk.GetArrayFromImage(made)
    values[:, :, values.shape[2] // 2 :] = np.nan  # nothing known on the patient's left
    half = sitk.GetImageFromArray(values)
    half.CopyInformation(made)
    collection = outlines(plot_retreat(image, mask, half))[0]
    middles = np.array([segment.mean(axis=0) for segment in collection.get_segments()])
    unknown = np.ma.getmaskarray(collection.get_array())
    assert unknown[middles[:, 0] > 5].all()
    assert not unknown[middles[:, 0] < -1].any()


def test_nothing_moved_is_drawn_in_the_middle_of_the_scale() -> None:
    image, mask, made = retreat(0)
    panels = plot_retreat(image, mask, made * 0.0)
    assert outlines(panels)[0].get_clim() == (-1, 1)


def test_three_axes_of_ones_own() -> None:
    figure, axes = plt.subplots(1, 3)
    assert plot_retreat(*retreat(0), ax=axes) == tuple(axes)
    assert plt.get_fignums() == [figure.number]


def test_what_does_not_fit_together_is_refused() -> None:
    image, mask, made = retreat(0)
    with pytest.raises(OutcomeError, match="retreat_map and mask") as caught:
        plot_retreat(image, mask, made[:, :, 1:])
    assert caught.value.code == "geometry_mismatch"
    with pytest.raises(OutcomeError, match="no voxel"):
        plot_retreat(image, mask * 0, made)
    with pytest.raises(OutcomeError, match="no number"):
        plot_retreat(image, mask, made * float("nan"))
    with pytest.raises(OutcomeError, match="expected 3"):
        plot_retreat(image, mask, made, ax=plt.subplots(1, 2)[1])
