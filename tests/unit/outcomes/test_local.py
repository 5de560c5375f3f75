from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from scipy import ndimage

import tumor_response as tr
from tumor_response.exceptions import OutcomeError
from tumor_response.imaging import read_image
from tumor_response.imaging.register import RegistrationSettings
from tumor_response.outcomes import local
from tumor_response.outcomes.local import LOCAL_COLUMNS, local_shrinkage
from tumor_response.outcomes.local_maps import file_stem

QUICK = RegistrationSettings(iterations=(15, 10, 5), margin_mm=12, max_unexplained_percent=100)
SIMULATED = {"seed": 31, "n_patients": 2}


@pytest.fixture(scope="module")
def eroded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("erosion")
    tr.simulate_cohort(directory=folder, **SIMULATED)
    return folder


def rows(folder: Path) -> list[dict]:
    """The manifest's rows with absolute paths."""
    found = pd.read_csv(folder / "manifest.csv", dtype=str).fillna("")
    for column in ("image", "mask", "follow_up_image", "follow_up_mask"):
        found[column] = [str(folder / name) for name in found[column]]
    return found.to_dict("records")


def cohort(*cases: dict) -> tr.Cohort:
    return tr.Cohort.from_frame(pd.DataFrame(list(cases)))


def changed(case: dict, folder: Path, column: str, image: sitk.Image, **more: str) -> dict:
    path = folder / f"{column}.nii.gz"
    sitk.WriteImage(image, str(path))
    return case | {column: str(path)} | more


def only(case: dict, folder: Path, **options) -> pd.Series:
    return local_shrinkage(cohort(case), folder, settings=QUICK, reliability=False, **options).iloc[
        0
    ]


@pytest.mark.parametrize("mode", ["erosion", "deformation"])
def test_the_retreat_is_found_within_a_voxel(mode: str, tmp_path: Path) -> None:
    found = tr.simulate_cohort(directory=tmp_path / "sim", mode=mode, **SIMULATED)
    table = local_shrinkage(found, tmp_path / "maps", reliability=mode == "deformation")
    truth = pd.read_csv(tmp_path / "sim/truth.csv")
    for case, row, true in zip(found, table.itertuples(), truth.itertuples(), strict=True):
        retreat = read_image(tmp_path / "maps" / row.retreat_map)
        expected = read_image(tmp_path / "sim" / true.retreat_map)
        inside = sitk.GetArrayFromImage(case.read_mask()) > 0
        surface = inside & ~ndimage.binary_erosion(inside)
        error = sitk.GetArrayFromImage(retreat) - sitk.GetArrayFromImage(expected)
        voxel_mm = min(retreat.GetSpacing())
        assert np.abs(error[surface]).mean() < 0.5 * voxel_mm
        assert abs(error[surface].mean()) < 0.3
        assert row.residual_surface_mm < voxel_mm
        if mode == "deformation":
            assert row.reason in ("", "log_jacobian_not_identified", "log_jacobian_unexplained")
            if row.reason == "log_jacobian_unexplained":
                assert row.log_jacobian_map == ""
                continue
            reliable = sitk.GetArrayFromImage(read_image(tmp_path / "maps" / row.reliability_map))
            log_j = sitk.GetArrayFromImage(read_image(tmp_path / "maps" / row.log_jacobian_map))
            passes = inside & (reliable >= 0.5)
            true_j = sitk.GetArrayFromImage(read_image(tmp_path / "sim" / true.log_jacobian_map))
            share = 100 * passes.sum() / inside.sum()
            assert row.identified_percent == pytest.approx(share, abs=5)
            if row.reason == "":
                assert row.log_jacobian_mean < 0.0
                assert np.abs(log_j - true_j)[passes].mean() < 0.3
        else:
            # tissue that is gone was not moved anywhere
            assert row.reason == "log_jacobian_unexplained"
            assert row.log_jacobian_map == ""


def test_processes_change_no_byte(eroded: Path, tmp_path: Path) -> None:
    tables, written = [], []
    for n_jobs in (1, 2):
        folder = tmp_path / str(n_jobs)
        tables.append(
            local_shrinkage(
                cohort(*rows(eroded)), folder, settings=QUICK, reliability=False, n_jobs=n_jobs
            )
        )
        written.append({path.name: path.read_bytes() for path in sorted(folder.iterdir())})
    pd.testing.assert_frame_equal(*tables)
    assert len(written[0]) == 6
    assert written[0] == written[1]


def test_what_is_there_is_read_back_and_what_is_damaged_is_computed(
    eroded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = rows(eroded)[0]
    first = only(case, tmp_path)
    content = {path.name: path.read_bytes() for path in sorted(tmp_path.iterdir())}
    computed = []
    genuine = local.register_rigidly
    monkeypatch.setattr(
        local, "register_rigidly", lambda *a, **k: computed.append(1) or genuine(*a, **k)
    )
    pd.testing.assert_series_equal(only(case, tmp_path), first)
    assert not computed
    retreat = tmp_path / first["retreat_map"]
    retreat.write_bytes(content[retreat.name][:-20])
    only(case, tmp_path)
    assert len(computed) == 1
    (tmp_path / first["log_jacobian_map"]).unlink()
    (record,) = tmp_path.glob("*.json")
    pd.testing.assert_series_equal(only(case, tmp_path), first)
    assert len(computed) == 2
    record.write_text(record.read_text().replace('"reason":""', '"reason":"x"'))
    assert only(case, tmp_path)["reason"] == ""
    assert {path.name: path.read_bytes() for path in sorted(tmp_path.iterdir())} == content
    local_shrinkage(
        cohort(case), tmp_path, settings=QUICK.model_copy(update={"margin_mm": 15.0}),
        reliability=False,
    )  # fmt: skip
    assert len(computed) == 4


def test_one_bad_case_is_a_row_and_the_others_are_done(eroded: Path, tmp_path: Path) -> None:
    good, bad = rows(eroded)
    ct = sitk.ReadImage(bad["follow_up_image"])
    noise = np.random.default_rng(0).normal(0, 300, ct.GetSize()[::-1]).astype(np.int16)
    other = sitk.GetImageFromArray(noise)
    other.CopyInformation(ct)
    bad = changed(bad, tmp_path, "follow_up_image", other)
    table = local_shrinkage(cohort(bad, good), tmp_path / "maps", settings=QUICK, reliability=False)
    assert table["reason"].tolist() == ["registration_failed", ""]
    assert table.attrs["reasons"] == {(bad["patient_id"], "1"): "registration_failed"}
    assert table.iloc[0][list(LOCAL_COLUMNS)].isna().all()
    assert table.iloc[0]["retreat_map"] == ""
    assert table.loc[(good["patient_id"], "1"), "retreat_mean_mm"] > 0


def test_a_follow_up_in_other_coordinates_gives_the_same_retreat(
    eroded: Path, tmp_path: Path
) -> None:
    case = rows(eroded)[0]
    plain = only(case, tmp_path / "plain")
    move = sitk.Euler3DTransform()
    move.SetRotation(0.05, -0.04, 0.06)
    move.SetTranslation((80.0, -60.0, 300.0))
    for column in ("follow_up_image", "follow_up_mask"):
        image = sitk.ReadImage(case[column])
        image.SetDirection(move.GetMatrix())
        image.SetOrigin(move.TransformPoint(image.GetOrigin()))
        case = changed(case, tmp_path, column, image)
    turned = only(case, tmp_path / "turned")
    assert turned["reason"] == ""
    assert turned["rotation_deg"] == pytest.approx(
        np.degrees(np.sqrt(0.05**2 + 0.04**2 + 0.06**2)), abs=0.3
    )
    assert turned["retreat_mean_mm"] == pytest.approx(plain["retreat_mean_mm"], abs=0.1)
    assert turned["retreat_p90_mm"] == pytest.approx(plain["retreat_p90_mm"], abs=0.3)


def test_what_is_empty_gone_or_cut_off(eroded: Path, tmp_path: Path) -> None:
    case = rows(eroded)[0]
    mask = sitk.ReadImage(case["follow_up_mask"])
    empty = changed(case, tmp_path, "follow_up_mask", mask * 0)
    assert only(empty, tmp_path)["reason"] == "follow_up_empty"
    gone = only(empty | {"follow_up_status": "complete_response"}, tmp_path)
    assert gone["reason"] == "complete_response"
    radius = (3 / (4 * np.pi) * _volume_mm3(case)) ** (1 / 3)
    assert gone["retreat_mean_mm"] == pytest.approx(radius, rel=0.15)
    assert gone["log_jacobian_map"] == ""
    assert np.isnan(gone["log_jacobian_mean"])
    claimed = only(case | {"follow_up_status": "complete_response"}, tmp_path)
    assert claimed["reason"] == "complete_response_not_empty"
    assert only(case | {"follow_up_status": "death"}, tmp_path)["reason"] == "follow_up_death"
    cut = sitk.ReadImage(case["mask"])
    array = sitk.GetArrayFromImage(cut)
    array[0, 50:60, 50:60] = 1
    edge = sitk.GetImageFromArray(array)
    edge.CopyInformation(cut)
    assert only(changed(case, tmp_path, "mask", edge), tmp_path)["reason"] == "truncated"
    assert not list(tmp_path.glob("*_log_jacobian.nii.gz"))


def _volume_mm3(case: dict) -> float:
    mask = sitk.ReadImage(case["mask"])
    return float(sitk.GetArrayFromImage(mask).sum() * np.prod(mask.GetSpacing()))


def test_contours_alone_need_a_word_on_their_coordinates(eroded: Path, tmp_path: Path) -> None:
    case = rows(eroded)[0]
    whole = only(case, tmp_path / "whole")
    alone = case | {"follow_up_image": ""}
    refused = only(alone, tmp_path / "alone")
    assert refused["reason"] == "follow_up_image_missing"
    assert np.isnan(refused["retreat_mean_mm"])
    trusted = local_shrinkage(
        cohort(alone), tmp_path / "trusted", settings=RegistrationSettings(alignment="given")
    ).iloc[0]
    assert trusted["reason"] == "follow_up_image_missing"
    assert trusted["retreat_mean_mm"] == pytest.approx(whole["retreat_mean_mm"], abs=0.1)
    assert np.isnan(trusted["log_jacobian_mean"])


def test_a_copied_follow_up_and_an_unreadable_one_are_refused(eroded: Path, tmp_path: Path) -> None:
    case = rows(eroded)[0]
    same = case | {"follow_up_image": case["image"]}
    assert only(same, tmp_path)["reason"] == "follow_up_image_identical"
    damaged = tmp_path / "damaged.nii.gz"
    damaged.write_bytes(Path(case["follow_up_image"]).read_bytes()[:5000])
    unreadable = case | {"follow_up_image": str(damaged)}
    assert only(unreadable, tmp_path)["reason"] == "follow_up_not_an_image"


def test_file_names_stay_in_the_folder_and_apart() -> None:
    keys = [("P1", "1"), ("../../P1", "1"), ("P1_1", "2"), ("P1", "1_2"), ("p1", "1"), ("", ".")]
    stems = [file_stem(*key) for key in keys]
    assert stems[0] == "P1_1"
    assert len({stem.lower() for stem in stems}) == len(keys)
    assert all("/" not in stem and ".." not in stem and not stem.startswith(".") for stem in stems)


def test_a_folder_that_cannot_be_made_is_an_error(eroded: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutcomeError) as caught:
        local_shrinkage(cohort(rows(eroded)[0]), tmp_path / "file" / "maps")
    assert caught.value.code == "maps_unwritable"
