from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

import tumor_response as tr
from tests.unit.explanation.concordance import made
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.case_attention import CaseAttention
from tumor_response.explanation.concordance import attention_concordance
from tumor_response.explanation.concordance.matched import Outline, nearest_in_volume
from tumor_response.explanation.concordance.scene import Scene

SETTINGS = made.QUICK.model_copy(update={"rim_mm": 3.0})


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> tr.Cohort:
    return made.cohort(tmp_path_factory.mktemp("inside"), n_patients=10)


@pytest.fixture(scope="module")
def looked(cohort: tr.Cohort) -> dict:
    """Return what is found of maps of the middle, and of maps of the tumour."""
    return {looks: found(cohort, looks) for looks in (made.middle, made.tumour)}


def found(cohort: tr.Cohort, looks: made.Looks, **more: object):
    maps = made.maps(cohort, looks)
    return attention_concordance(maps, cohort, retreat={}, settings=SETTINGS, **more)


def row_of(concordance, measure: str, group: str = "all"):
    table = concordance.by_group()
    return table[(table["measure"] == measure) & (table["group"] == group)].iloc[0]


def test_shares_are_those_of_a_plain_script(cohort: tr.Cohort, looked: dict) -> None:
    maps = made.maps(cohort)
    table = looked[made.tumour].inside()
    for case in list(cohort)[:2]:
        attention = np.abs(sitk.GetArrayFromImage(maps[case.key].map))
        shown = sitk.GetArrayFromImage(maps[case.key].coverage) == 1
        inside = sitk.GetArrayFromImage(case.read_mask()) > 0
        steps = np.array(made.SPACING[::-1])
        voxels = np.argwhere(inside) * steps
        shares = {"inside": 0.0, "rim": 0.0, "outside": 0.0}
        for at in np.argwhere(shown):
            distance = np.sqrt(((voxels - at * steps) ** 2).sum(axis=1)).min()
            where = "inside" if distance == 0 else "rim" if distance <= 3 else "outside"
            shares[where] += attention[tuple(at)]
        total = sum(shares.values())
        row = table.loc[case.key]
        assert row[list(shares)].tolist() == pytest.approx([v / total for v in shares.values()])
        assert row["tumour_share"] == pytest.approx((inside & shown).sum() / shown.sum())


def test_a_network_that_looks_at_the_middle_is_not_taken_for_one_that_looks_at_tumours(
    looked: dict,
) -> None:
    middle, tumour = looked[made.middle], looked[made.tumour]
    # against the area both look at the tumour
    areas = middle.inside()
    assert (areas["inside"] > 1.2 * areas["tumour_share"]).all()
    assert row_of(middle, "excess")["p_value"] > 0.1
    assert abs(row_of(middle, "excess")["estimate"]) < 0.02
    assert row_of(tumour, "excess")["p_value"] < 0.02
    assert row_of(tumour, "excess")["ci_low"] > 0.05


def test_shifted_crops_tell_the_two_apart(cohort: tr.Cohort) -> None:
    for looks, sign in ((made.middle, -1), (made.tumour, 1)):
        shifted = made.maps(cohort, looks, shift_mm=(8.0, 3.0))
        concordance = found(cohort, looks, shifted=shifted)
        follows = row_of(concordance, "follows")
        assert sign * follows["estimate"] > 0.05
        assert follows["p_value"] < 0.02
        assert concordance.inside()["shift_mm"].to_numpy() == pytest.approx(np.hypot(8, 3))


def test_the_tumour_in_its_own_box_is_itself_whatever_the_grid(cohort: tr.Cohort) -> None:
    case = next(iter(cohort))
    mask, image = case.read_mask(), case.read_image()
    own = Outline.of(case.key, mask)
    for orientation in ("LPS", "RAS", "SLP"):
        turned, of_image = (sitk.DICOMOrient(one, orientation) for one in (mask, image))
        maps = made.maps([_Given(case.key, of_image, turned)])
        scene = Scene.of(maps[case.key], turned)
        every = np.ones_like(scene.inside)
        assert (own.at(scene.in_box(every)) == scene.inside.ravel()).all()


class _Given:
    def __init__(self, key: tuple[str, str], image: sitk.Image, mask: sitk.Image) -> None:
        self.key, self._image, self._mask = key, image, mask

    def read_image(self) -> sitk.Image:
        return self._image

    def read_mask(self) -> sitk.Image:
        return self._mask


def test_masks_of_other_patients_are_the_nearest_in_volume_and_one_of_each() -> None:
    voxels = np.ones((2, 2, 2), dtype=bool)
    volumes = {("A", "1"): 10.0, ("A", "2"): 11.0, ("B", "1"): 30.0, ("B", "2"): 12.0}
    volumes |= {("C", "1"): 9.0, ("D", "1"): 500.0}
    outlines = [Outline(key, volume, voxels) for key, volume in volumes.items()]
    chosen = nearest_in_volume(outlines, ("A", "1"), 5, 8.0)
    assert [one.key for one in chosen] == [("C", "1"), ("B", "2")]
    assert [one.key for one in nearest_in_volume(outlines, ("A", "1"), 1, 8.0)] == [("C", "1")]


@pytest.mark.parametrize("masking", ["tumour", "context"])
def test_views_that_hide_something_have_no_inside_fraction(cohort: tr.Cohort, masking: str) -> None:
    views = tr.ViewSettings(n_slices=4, margin_mm=9, masking=masking)
    maps = made.maps(cohort, made.middle, views)
    if masking == "context":
        with pytest.raises(ExplanationError, match="everything but the tumour") as error:
            attention_concordance(maps, cohort, retreat={}, settings=SETTINGS)
        assert error.value.code == "tumour_hidden"
        return
    concordance = attention_concordance(
        maps, cohort, retreat=made.retreat(cohort), settings=SETTINGS
    )
    with pytest.raises(ExplanationError, match="masking='whole'") as error:
        concordance.inside()
    assert error.value.code == "views_masked"
    assert concordance.shrinkage()["rho"].notna().all()
    assert set(concordance.by_group()["target"]) == {"retreat"}
    assert len(concordance.plot()) == 1


def test_few_other_patients_make_no_null(tmp_path: Path) -> None:
    few = made.cohort(tmp_path, n_patients=3)
    table = found(few, made.tumour).inside()
    assert table["inside"].notna().all()
    assert table["inside_matched"].isna().all()
    assert set(table["reason"]) == {"too_few_matched"}


def test_a_mask_on_another_grid_is_a_reason_of_that_lesion(cohort: tr.Cohort) -> None:
    maps = made.maps(cohort)
    case = next(iter(cohort))
    wrong = made.maps([_Given(case.key, case.read_image()[:-2], case.read_mask()[:-2])])
    cases = dict(maps.cases) | {case.key: wrong[case.key]}
    assert isinstance(cases[case.key], CaseAttention)
    changed = type(maps)(cases, "by_hand", "m", "out_of_bag", made.VIEWS, "0" * 64, {})
    table = attention_concordance(changed, cohort, retreat={}, settings=SETTINGS).inside()
    assert table.loc[case.key, "reason"] == "map_grid"
    assert (table["reason"] == "").sum() == 9
