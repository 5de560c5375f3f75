"""The result object, and what is kept of it on the disk."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

import tumor_response as tr
from tests.unit import cases
from tests.unit.explanation.attention.synthetic import attention_maps, looked
from tumor_response.exceptions import BundleError, ExplanationError
from tumor_response.explanation.attention.boxed import BoxedMap
from tumor_response.explanation.attention.case_attention import CaseAttention
from tumor_response.explanation.attention.maps import FAILURE_COLUMNS, AttentionMaps
from tumor_response.explanation.attention.space import to_patient_space
from tumor_response.features.deep.views import cut_views
from tumor_response.imaging import Geometry

FAILED = pd.DataFrame([("P3", "1", "mask_empty", "Case 'P3'")], columns=list(FAILURE_COLUMNS))


def with_failure(maps: AttentionMaps) -> AttentionMaps:
    named = ("cases", "method", "model", "mode", "views", "settings_sha256", "provenance")
    return AttentionMaps(**{name: getattr(maps, name) for name in named}, failures=FAILED)


def test_a_case_is_what_the_views_are_in_the_patient() -> None:
    image, mask = cases.image(), cases.mask()
    views = cut_views(image, mask, tr.ViewSettings(n_slices=3), 24)
    of_views = looked(views, views.tumour)
    case = CaseAttention.of_views(("P1", "1"), of_views, image)
    expected, coverage = to_patient_space(of_views, image)
    again = CaseAttention.of_images(("P1", "1"), of_views, expected, coverage)
    for one in (case, again):
        assert np.array_equal(sitk.GetArrayFromImage(one.map), sitk.GetArrayFromImage(expected))
        assert np.array_equal(
            sitk.GetArrayFromImage(one.coverage), sitk.GetArrayFromImage(coverage)
        )
        assert Geometry.of(one.map) == Geometry.of(image) == one.grid
    assert case.box.values.size < np.prod(image.GetSize())
    part = case.box.of(image)
    assert part.GetSize() == case.box.values.shape[::-1]
    assert part.GetOrigin() == image.TransformIndexToPhysicalPoint(case.box.start)


def test_the_mapping_and_its_table() -> None:
    maps = with_failure(attention_maps())
    assert list(maps) == [("P1", "1"), ("P2", "1")]
    assert len(maps) == 2
    assert ("P3", "1") not in maps
    assert maps.mask_free
    assert not maps.signed
    table = maps.table()
    assert table.index.tolist() == [("P1", "1"), ("P2", "1"), ("P3", "1")]
    assert table["reason"].tolist() == ["", "", "mask_empty"]
    box = maps["P2", "1"].box
    shown = box.values[box.coverage > 0]
    assert table.loc[("P2", "1"), "mean_abs"] == pytest.approx(shown.mean(), rel=1e-6)
    assert table.loc[("P2", "1"), "peak"] == pytest.approx(2.0, rel=1e-6)
    assert table.loc[("P2", "1"), "shown_cc"] == pytest.approx(shown.size * 1.5 * 1.5 * 3 / 1000)
    assert table.loc[("P3", "1"), "peak":"shown_cc"].isna().all()
    assert maps.case("P1") is maps["P1", "1"]


def test_questions_about_lesions_that_are_not_there() -> None:
    maps = attention_maps((("P1", "1"), ("P1", "2")))
    with pytest.raises(ExplanationError, match="2 lesions") as raised:
        maps.case("P1")
    assert raised.value.code == "several_lesions"
    with pytest.raises(ExplanationError, match=r"\.failures") as raised:
        maps.case(("P9", "1"))
    assert raised.value.code == "unknown_lesion"
    with pytest.raises(KeyError):
        maps["P9", "1"]


def test_parts_that_do_not_belong_together() -> None:
    maps = attention_maps()
    arguments = {"method": "m", "model": "m", "mode": "new_rows", "views": maps.views}
    rest = {"settings_sha256": "", "provenance": {}}
    with pytest.raises(ExplanationError, match="under"):
        AttentionMaps({("P9", "1"): maps["P1", "1"]}, **arguments, **rest)
    with pytest.raises(ExplanationError, match="failures"):
        AttentionMaps({}, **arguments, **rest, failures=pd.DataFrame({"reason": []}))
    image = cases.image()
    nothing = sitk.Image(image.GetSize(), sitk.sitkFloat32)
    nothing.CopyInformation(image)
    with pytest.raises(ExplanationError, match="covers no voxel") as raised:
        BoxedMap.of_images(nothing, sitk.Cast(nothing, sitk.sitkUInt8))
    assert raised.value.code == "map_grid"
    covered = sitk.Cast(nothing, sitk.sitkUInt8)
    covered[1, 1, 1] = covered[3, 1, 1] = 1
    nothing[2, 1, 1] = 0.5
    with pytest.raises(ExplanationError, match=r"nothing was\s+shown"):
        BoxedMap.of_images(nothing, covered)
    with pytest.raises(ExplanationError, match="different grids"):
        BoxedMap.of_images(nothing, sitk.Image(2, 2, 2, sitk.sitkUInt8))
    with pytest.raises(ExplanationError, match="map's grid"):
        maps["P1", "1"].box.of(sitk.Image(2, 2, 2, sitk.sitkUInt8))


def test_what_is_saved_comes_back_to_the_last_bit(tmp_path) -> None:
    maps = with_failure(attention_maps((("P1", "1"), ("p/2", "left")), between="linear"))
    maps.save(tmp_path / "maps")
    found = AttentionMaps.load(tmp_path / "maps")
    assert list(found) == list(maps)
    for name in ("method", "model", "mode", "views", "settings_sha256", "provenance"):
        assert getattr(found, name) == getattr(maps, name)
    pd.testing.assert_frame_equal(found.table(), maps.table())
    pd.testing.assert_frame_equal(found.failures, FAILED, check_dtype=False)
    for key, case in maps.items():
        other = found[key]
        assert other.grid == case.grid
        assert np.array_equal(other.view_maps.maps, case.view_maps.maps)
        assert np.array_equal(other.view_maps.tumour, case.view_maps.tumour)
        assert np.array_equal(other.view_maps.view_weights, case.view_maps.view_weights)
        for ours, theirs in zip(case.view_maps.grids, other.view_maps.grids, strict=True):
            assert np.array_equal(ours.pixels_mm(), theirs.pixels_mm())
        for one in ("map", "coverage"):
            pair = [sitk.GetArrayFromImage(getattr(c, one)) for c in (case, other)]
            assert np.array_equal(*pair)
    # a viewer lays the NIfTI over the CT
    image = sitk.ReadImage(str(tmp_path / "maps" / "P1_1_attention.nii.gz"))
    assert not Geometry.of(image).differences(Geometry.of(cases.image()))
    first = {path.name: path.read_bytes() for path in (tmp_path / "maps").iterdir()}
    found.save(tmp_path / "maps")  # in place of what was there
    assert {path.name: path.read_bytes() for path in (tmp_path / "maps").iterdir()} == first
    assert [path.name for path in tmp_path.iterdir()] == ["maps"]


@pytest.mark.parametrize(
    "name", ["P1_1_attention.nii.gz", "P1_1_coverage.nii.gz", "P1_1_views.nii.gz"]
)
def test_changed_files_are_refused(tmp_path, name) -> None:
    folder = tmp_path / "maps"
    attention_maps().save(folder)
    path = folder / name
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match=name) as raised:
        AttentionMaps.load(folder)
    assert raised.value.code == "maps_changed"
    path.unlink()
    with pytest.raises(BundleError) as raised:
        AttentionMaps.load(folder)
    assert raised.value.code == "maps_missing"


@pytest.mark.parametrize("change", ["output", "no_sum", "no_json", "list"])
def test_a_changed_record_is_refused(tmp_path, change) -> None:
    folder = tmp_path / "maps"
    attention_maps().save(folder)
    path = folder / "attention.json"
    content = json.loads(path.read_text())
    content["lesions"][0]["output"] = 9.0
    if change == "no_sum":
        del content["sha256"]
    told = {"no_json": "{", "list": "[]"}.get(change, json.dumps(content))
    path.write_text(told)
    with pytest.raises(BundleError) as raised:
        AttentionMaps.load(folder)
    assert raised.value.code == "maps_changed"
    with pytest.raises(BundleError) as raised:
        AttentionMaps.load(tmp_path / "nowhere")
    assert raised.value.code == "maps_missing"


def test_a_folder_is_written_whole_or_not_at_all(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "maps"
    attention_maps().save(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    write, calls = sitk.WriteImage, []

    def full(image, path, **options):
        calls.append(path)
        if len(calls) > 5:
            raise OSError(28, "No space left on device")
        write(image, path, **options)

    monkeypatch.setattr(sitk, "WriteImage", full)
    with pytest.raises(ExplanationError, match="No space") as raised:
        attention_maps((("P7", "1"), ("P8", "1"))).save(folder)
    assert raised.value.code == "maps_unwritable"
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["maps"]
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ExplanationError, match=r"notes\.txt") as raised:
        attention_maps().save(folder)
    assert raised.value.code == "maps_unwritable"
    assert (folder / "notes.txt").exists()
