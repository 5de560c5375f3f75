"""The viewer: its voxels are the CT's, its words are true, its choice is chance's."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

import tumor_response as tr
from tests.unit import cases
from tests.unit.reporting.test_report import Reader
from tests.unit.reporting.viewer_scene import VIEWS, WINDOW_HU, ct, scene
from tumor_response.exceptions import ExplanationError, SettingsError
from tumor_response.explanation.attention.maps import FAILURE_COLUMNS
from tumor_response.reporting.viewer import ViewerSettings, viewer_of
from tumor_response.reporting.viewer.choosing import chosen_lesions
from tumor_response.reporting.viewer.excerpt import (
    SHOWN,
    TUMOUR,
    Excerpt,
    knots_hu,
    knots_linear,
)
from tumor_response.reporting.viewer.still import CONTOUR, Scale, best_slice, drawn_still

SCRIPT = "</p><script>console.error(1)</script>"


def excerpt(orientation: str = "LPS", signed: bool = False, **chosen: float) -> Excerpt:
    maps, cohort = scene(orientation=orientation, signed=signed)
    case = cohort["P1", "1"]
    settings = ViewerSettings(**chosen)
    return Excerpt.cut(maps["P1", "1"], case.read_image(), case.read_mask(), settings, knots_hu())


def everywhere(cut: Excerpt) -> list[tuple[tuple[int, int, int], tuple[float, float, float]]]:
    """Return index (x, y, z) in the excerpt and place in the patient of some voxels."""
    rng = np.random.default_rng(0)
    size = cut.marks.shape[::-1]
    found = []
    for _ in range(300):
        index = tuple(int(rng.integers(n)) for n in size)
        place = tuple(s + i * d for s, i, d in zip(cut.start_mm, index, cut.step_mm, strict=True))
        found.append((index, place))
    return found


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "SRA"])
def test_voxels_are_those_of_the_ct_at_the_same_place_in_the_patient(orientation: str) -> None:
    cut = excerpt(orientation)
    image, mask = ct(1), cases.mask()
    attention = scene()[0]["P1", "1"]
    kept = cut.intensities()
    step = (cut.highest - cut.lowest) / 255
    for (x, y, z), place in everywhere(cut):
        at = image.TransformPhysicalPointToIndex(place)
        hu = image[at]
        error = 1.6 if -160 <= hu <= 239 else 6.1 if hu < -160 else 28.0
        assert abs(kept[cut.intensity[z, y, x]] - hu) <= error
        assert bool(cut.marks[z, y, x] & TUMOUR) == bool(mask[at])
        assert bool(cut.marks[z, y, x] & SHOWN) == bool(attention.coverage[at])
        value = cut.lowest + step * cut.attention[z, y, x]
        assert value == pytest.approx(attention.map[at], abs=0.51 * step)


def test_the_excerpt_holds_tumour_and_map_with_a_margin_and_ends_at_the_border() -> None:
    tumour = int(sitk.GetArrayFromImage(cases.mask()).sum())
    for margin_mm in (0.0, 4.0, 500.0):
        cut = excerpt(margin_mm=margin_mm)
        assert int((cut.marks & TUMOUR).sum()) == tumour
    assert cut.marks.shape[::-1] == cases.SIZE


def test_a_large_lesion_gets_larger_pixels_and_keeps_its_slices() -> None:
    whole, pooled = excerpt(), excerpt(max_voxels=1500)
    assert whole.pooled == 1
    assert pooled.marks.size <= 1500
    assert pooled.marks.shape[0] == whole.marks.shape[0]
    f = pooled.pooled
    rows, columns = (n - n % f for n in whole.marks.shape[1:])
    block = whole.intensities()[whole.intensity][:, :rows, :columns]
    means = block.reshape(len(block), rows // f, f, columns // f, f).mean(axis=(2, 4))
    parts = block.reshape(len(block), rows // f, f, columns // f, f)
    tissue = (parts.max(axis=(2, 4)) < 200) & (parts.min(axis=(2, 4)) > -100)
    assert tissue.any()
    error = np.abs(pooled.intensities()[pooled.intensity] - means)
    assert error[tissue].max() <= 3.0  # half a step for each of the two roundings


def test_what_is_packed_comes_back_as_a_script_unpacks_it() -> None:
    cut = excerpt(signed=True)
    bytes_ = np.frombuffer(zlib.decompress(base64.b64decode(cut.packed())), np.uint8)
    intensity, attention, marks = bytes_.reshape(3, -1)
    summed = np.cumsum(intensity.astype(np.int64)) % 256
    assert (summed == cut.intensity.ravel()).all()
    assert (attention == cut.attention.ravel()).all()
    assert (marks == cut.marks.ravel()).all()


def test_images_that_are_no_ct_keep_their_range() -> None:
    image = sitk.GetImageFromArray(np.linspace(0, 12.5, 27).reshape(3, 3, 3))
    codes, values = zip(*knots_linear(image), strict=True)
    assert (codes, values) == ((0, 255), (0.0, 12.5))
    maps, cohort = scene(views=tr.ViewSettings(n_slices=3, margin_mm=4, percentiles=(1, 99)))
    viewer = viewer_of(maps, cohort)
    labels = [label for label, *_ in json.loads(viewer.lesions[0].data)["windows"]]
    assert labels == ["as computed"]
    assert "HU" not in viewer.kept
    assert json.loads(viewer.data)["unit"] == ""


def test_a_still_shows_window_map_and_contour() -> None:
    cut = excerpt()
    plane, index = best_slice(cut)
    assert plane == "axial"
    counts = ((cut.marks & (TUMOUR | SHOWN)) == (TUMOUR | SHOWN)).sum(axis=(1, 2))
    assert counts[index] == counts.max()
    colours = np.tile(np.array([[255, 0, 0]], np.uint8), (256, 1))
    red = Scale(0.0, cut.highest, colours)
    picture = drawn_still(cut, plane, index, WINDOW_HU, red).astype(int)
    assert max(picture.shape[:2]) == 336
    is_red = (picture[..., 0] > picture[..., 1] + 60) & (picture[..., 2] < 120)
    is_line = (picture == CONTOUR).all(axis=-1)
    rows, columns = np.nonzero(is_line)
    assert is_red[rows.min() : rows.max(), columns.min() : columns.max()].any()
    assert not is_red[: rows.min() - 30].any()  # beyond what the map has above 0
    wide = drawn_still(cut, plane, index, (-2000.0, 2000.0), red)
    assert np.abs(wide.astype(int) - picture).mean() > 20


def test_chance_draws_the_same_lesions_in_any_order_of_the_cohort() -> None:
    keys = [(f"P{n:03d}", "1") for n in range(40)]
    five = ViewerSettings(max_lesions=5)
    drawn = chosen_lesions(keys, five)
    assert len(drawn) == 5
    assert drawn == sorted(drawn)
    assert set(chosen_lesions(keys[::-1], five)) == set(drawn)
    assert set(chosen_lesions(keys, ViewerSettings(max_lesions=5, seed=1))) != set(drawn)
    assert chosen_lesions(keys, ViewerSettings(max_lesions=40)) == keys


def test_the_page_says_what_is_shown_and_what_is_not(tmp_path: Path) -> None:
    maps, cohort = scene(tuple((f"P{n}", "1") for n in range(5)))
    failures = pd.DataFrame([("P9", "1", "no_tumour", "secret")], columns=list(FAILURE_COLUMNS))
    maps = replace(maps, failures=failures)
    settings = ViewerSettings(max_lesions=2, seed=3)
    path = tr.attention_viewer(
        maps, cohort, tmp_path / "maps.html", settings=settings, key_file=tmp_path / "k" / "key"
    )
    reader = Reader(path.read_text(encoding="utf-8"))
    text = " ".join(reader.text.split())
    assert "2 of 5 lesions with a map were drawn by chance (seed 3), none by its look." in text
    assert "1 lesion has no map (no_tumour: 1)." in text
    assert "it cannot show that the number is right" in text
    assert "mean over the models that had not seen its patient" in text
    assert "need a screen and JavaScript" in text
    assert len(re.findall(r"P-[A-Z2-7]{10}, lesion 1", text)) == 4  # in the list and below
    raw = path.read_text(encoding="utf-8")
    assert not re.search(r"\bP[0-9]\b", raw)
    assert "secret" not in raw


def test_a_ct_that_cannot_be_read_is_counted_and_the_others_are_shown(tmp_path: Path) -> None:
    maps, cohort = scene((("P0", "1"), ("P1", "1")))
    gone = tr.Case(
        patient_id="P0", lesion_id="1", image=tmp_path / "no.nii.gz", mask=tmp_path / "no2.nii.gz"
    )
    viewer = viewer_of(maps, tr.Cohort([gone, cohort["P1", "1"]]))
    assert [lesion.name for lesion in viewer.lesions] == ["P1, lesion 1"]
    assert "Of 2 lesions 1 could not be read (" in viewer.chosen
    only = viewer_of(replace(maps, cases={("P0", "1"): maps["P0", "1"]}), tr.Cohort([gone]))
    assert only.lesions == []


def test_another_cohort_is_refused() -> None:
    maps, _ = scene()
    with pytest.raises(ExplanationError) as caught:
        viewer_of(maps, scene((("P1", "1"),))[1])
    assert caught.value.code == "unknown_lesion"
    turned = scene(orientation="RAS")[1]
    with pytest.raises(ExplanationError) as caught:
        viewer_of(maps, turned)
    assert caught.value.code == "map_grid"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"provenance": {"settings": {"sign": "negative"}}}, "lowers the log-odds"),
        ({"method": "eigen_cam"}, "knows no prediction: it is a control"),
        ({"mode": "in_sample"}, "had seen these patients"),
        (
            {"views": VIEWS.model_copy(update={"masking": "tumour"})},
            "shown the tumour alone, so it could not look elsewhere",
        ),
    ],
)
def test_words_follow_the_maps(changed: dict, said: str) -> None:
    maps, cohort = scene((("P1", "1"),))
    assert said in " ".join(viewer_of(replace(maps, **changed), cohort).about)


def test_a_signed_map_has_a_scale_with_both_ends() -> None:
    viewer = viewer_of(*scene(signed=True))
    low, high = json.loads(viewer.data)["scale"]
    assert low == -high < 0
    assert "below 0 it lowers them" in viewer.about[0]


def test_the_only_script_is_the_packages_own(tmp_path: Path) -> None:
    maps, cohort = scene(((f"P1{SCRIPT}", SCRIPT), ("P2", "1")))
    maps = replace(maps, model=SCRIPT)
    path = tr.attention_viewer(maps, cohort, tmp_path / "m.html", title=SCRIPT, identified=True)
    raw = path.read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", raw, re.DOTALL)
    assert len(scripts) == 1
    assert "console.error" not in scripts[0]
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policy = next(meta["content"] for meta in Reader(raw).named("meta") if "http-equiv" in meta)
    assert policy.split("; ") == [
        "default-src 'none'",
        "img-src data:",
        "style-src 'unsafe-inline'",
        f"script-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_the_script_is_small() -> None:
    script = Path(tr.__file__).parent / "reporting" / "templates" / "viewer.js"
    text = script.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 200
    for risky in ("innerHTML", "eval(", "fetch(", "XMLHttpRequest", "import(", "localStorage"):
        assert risky not in text


def test_the_same_maps_give_the_same_bytes_and_a_folder_is_refused(tmp_path: Path) -> None:
    once, twice = (
        tr.attention_viewer(*scene(), tmp_path / name, identified=True).read_bytes()
        for name in ("a.html", "b.html")
    )
    assert once == twice
    with pytest.raises(SettingsError):
        tr.attention_viewer(*scene(), tmp_path, identified=True)


def test_a_report_shows_maps_over_the_ct_of_its_cohort(study, tmp_path: Path) -> None:
    result, *_ = study(0.0)
    keys = tuple(result.rows.X.index[:2])
    maps, _ = scene(keys)
    _, cohort = scene(tuple(result.rows.X.index))
    path = tr.report(
        result,
        tmp_path / "out" / "r.html",
        explanations=[maps],
        cohort=cohort,
        volume_checks=(),
        key_file=tmp_path / "key",
    )
    raw = path.read_text(encoding="utf-8")
    text = " ".join(Reader(raw).text.split())
    assert "Where the model looked" in text
    assert raw.count("<script>") == 1
    assert len(re.findall(r"P-[A-Z2-7]{10}, lesion 1", text)) == 4
    assert "where the network looked" not in text  # is not among what was not asked
    with pytest.raises(ExplanationError) as caught:
        tr.report(result, tmp_path / "r.html", explanations=[maps], volume_checks=())
    assert caught.value.code == "explanations"
    plain = tr.report(result, tmp_path / "p.html", volume_checks=()).read_text(encoding="utf-8")
    assert "<script" not in plain
    assert "script-src" not in plain
