"""The written cohort: images, contours and maps must say exactly what the truth says."""

import hashlib
import json
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from tumor_response.cohort import Cohort
from tumor_response.exceptions import SettingsError
from tumor_response.simulate import SimulationSettings, simulate_cohort, simulate_latents
from tumor_response.simulate.retreat import nearest_surface

VOXEL_CC = 1.5 * 1.5 * 3 / 1000


class Written:
    """A simulated folder, read back as a user would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = pd.read_csv(folder / "manifest.csv", keep_default_na=False)
        self.truth = pd.read_csv(folder / "truth.csv")

    def array(self, name: str) -> np.ndarray:
        return sitk.GetArrayFromImage(sitk.ReadImage(str(self.folder / name)))

    def lesions(self):
        return zip(self.manifest.itertuples(), self.truth.itertuples(), strict=True)


def simulate(tmp: Path, n_patients: int, seed: int = 0, **options) -> Written:
    simulate_cohort(n_patients, seed, tmp, **options)
    return Written(tmp)


def around(mask: np.ndarray) -> tuple[slice, ...]:
    """The block around a mask, wide enough for its surface."""
    (block,) = ndimage.find_objects(mask.astype(int))
    return tuple(slice(max(0, side.start - 8), side.stop + 8) for side in block)


def depth_below_surface(mask: np.ndarray) -> np.ndarray:
    return nearest_surface(mask, (3.0, 1.5, 1.5))[0]


def sha256_of_files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def eroded(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return simulate(tmp_path_factory.mktemp("eroded"), 40, seed=3, n_jobs=2)


@pytest.fixture(scope="module")
def deformed(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return simulate(tmp_path_factory.mktemp("deformed"), 8, seed=4, mode="deformation")


@pytest.fixture(scope="module", params=["eroded", "deformed"])
def either(request: pytest.FixtureRequest) -> Written:
    return request.getfixturevalue(request.param)


def test_cohort_reads_back(eroded: Written) -> None:
    cohort = Cohort.from_csv(eroded.folder / "manifest.csv")
    assert len(cohort) == 40
    case = cohort["P0001", "1"]
    assert case.read_image().GetSize() == (112, 112, 48)
    assert case.read_mask().GetSpacing() == (1.5, 1.5, 3.0)


def test_volumes_hit_the_truth_to_the_voxel(either: Written) -> None:
    for row, truth in either.lesions():
        before = int(either.array(row.mask).sum())
        after = int(either.array(row.follow_up_mask).sum())
        assert abs(before * VOXEL_CC - truth.target_volume_baseline_cc) <= 0.5001 * VOXEL_CC
        left = 1 - truth.rate_latent_percent_per_day * truth.treatment_days / 100
        assert abs(after - before * left) <= 0.5001
        assert truth.volume_baseline_cc == pytest.approx(before * VOXEL_CC)
        assert truth.volume_follow_up_cc == pytest.approx(after * VOXEL_CC)
        assert truth.rate_percent_per_day == pytest.approx(
            100 * (before - after) / before / truth.treatment_days
        )


def test_truth_holds_the_latents_that_exist_without_images(eroded: Written) -> None:
    latents = simulate_latents(40, 3).reset_index()
    for column in ("rate_latent_percent_per_day", "oracle_full", "field_mean", "label"):
        np.testing.assert_array_equal(eroded.truth[column], latents[column])
    assert eroded.truth.patient_id.tolist() == latents.patient_id.tolist()


def test_tumours_are_one_piece_inside_the_patient(either: Written) -> None:
    for row, _ in either.lesions():
        mask = either.array(row.mask).astype(bool)
        assert ndimage.label(mask)[1] == 1  # face to face
        border = mask.copy()
        border[1:-1, 1:-1, 1:-1] = False
        assert not border.any()
        inside = ndimage.binary_erosion(mask)
        if inside.any():
            assert either.array(row.image)[inside].min() > -100


def test_dates_agree_with_the_days(eroded: Written) -> None:
    for row, truth in eroded.lesions():
        start = date.fromisoformat(row.rt_start_date)
        follow_up = date.fromisoformat(row.follow_up_date)
        assert (follow_up - start).days == truth.treatment_days
        assert (follow_up - date.fromisoformat(row.date)).days == truth.interval_days


def test_field_has_its_mean_and_says_where_it_retreats(either: Written) -> None:
    agreement = []
    for row, truth in either.lesions():
        mask = either.array(row.mask).astype(bool)
        field, retreat = either.array(truth.field_map), either.array(truth.retreat_map)
        assert field[mask].mean() == pytest.approx(truth.field_mean, abs=1e-4)
        assert not field[~mask].any()
        assert not retreat[~mask].any()
        agreement.append(np.corrcoef(field[mask], retreat[mask])[0, 1])
    assert np.mean(agreement) > 0.4
    assert np.mean(np.array(agreement) > 0) > 0.9


def test_erosion_follows_its_retreat_map(eroded: Written) -> None:
    for row, truth in eroded.lesions():
        mask = eroded.array(row.mask).astype(bool)
        left = eroded.array(row.follow_up_mask).astype(bool)
        assert not (left & ~mask).any()
        retreat = eroded.array(truth.retreat_map)
        assert (retreat[mask] > 0).all()
        near = around(mask)
        mask, left, retreat = mask[near], left[near], retreat[near]
        depth = depth_below_surface(mask)
        disagree = ((depth > retreat) != left)[mask].sum()
        assert disagree <= 2  # voxels that tie at the threshold


def test_deformation_jacobian_integrates_to_the_volume_ratio(deformed: Written) -> None:
    for row, truth in deformed.lesions():
        mask = deformed.array(row.mask).astype(bool)
        jacobian = np.exp(deformed.array(truth.log_jacobian_map))
        ratio = truth.volume_follow_up_cc / truth.volume_baseline_cc
        assert jacobian[mask].mean() == pytest.approx(ratio, rel=0.01)
        # nothing is created or lost: what the tumour gives up, its surroundings take
        assert (jacobian - 1).sum() * VOXEL_CC == pytest.approx(
            0.0, abs=0.03 * truth.volume_baseline_cc
        )


def test_deformation_jacobian_is_negative_in_a_shrinking_tumour_and_fades_out(
    deformed: Written,
) -> None:
    for row, truth in deformed.lesions():
        mask = deformed.array(row.mask).astype(bool)
        log_jacobian = deformed.array(truth.log_jacobian_map)
        assert truth.rate_percent_per_day > 0
        assert (log_jacobian[mask] < 0).all()
        assert not log_jacobian[0].any()
        assert not log_jacobian[:, 0].any()


def test_deformation_moves_the_image_with_the_contour(deformed: Written) -> None:
    """Around the follow-up contour the tumour's grey values still end where the contour ends."""
    for row, _ in deformed.lesions():
        image = deformed.array(row.follow_up_image).astype(float)
        left = deformed.array(row.follow_up_mask).astype(bool)
        core = ndimage.binary_erosion(left)
        if core.sum() < 30:
            continue
        before = deformed.array(row.image).astype(float)
        inside = ndimage.binary_erosion(deformed.array(row.mask).astype(bool))
        assert image[core].mean() == pytest.approx(before[inside].mean(), abs=8.0)


def test_deformation_leaves_the_rest_of_the_patient_alone(deformed: Written) -> None:
    for row, truth in deformed.lesions():
        still = deformed.array(truth.log_jacobian_map) == 0
        before, after = deformed.array(row.image), deformed.array(row.follow_up_image)
        change = (after.astype(float) - before)[still & (before > -900)]
        # two draws of noise of 9 HU and nothing else, not even in a few voxels
        assert change.std() == pytest.approx(9 * np.sqrt(2), rel=0.05)
        assert np.abs(change).max() < 9 * np.sqrt(2) * 6


def test_follow_up_grows_where_the_rate_is_negative(tmp_path: Path) -> None:
    for mode in ("erosion", "deformation"):
        grown = simulate(tmp_path / mode, 4, seed=2, mode=mode, mean_rate_percent_per_day=-1.0)
        assert (grown.truth.rate_percent_per_day < 0).all()
        for row, truth in grown.lesions():
            mask = grown.array(row.mask).astype(bool)
            after = grown.array(row.follow_up_mask).astype(bool)
            assert after.sum() > mask.sum()
            assert (after & mask).sum() > 0.98 * mask.sum()
            assert (grown.array(truth.retreat_map)[mask] < 0).all()


def test_no_single_number_of_the_histogram_wins(eroded: Written) -> None:
    """Between lesions of low and of high field, mean and SD of the HU must not differ."""
    mean, sd, fine = [], [], []
    for row, _ in eroded.lesions():
        image, mask = eroded.array(row.image).astype(float), eroded.array(row.mask).astype(bool)
        mean.append(image[mask].mean())
        sd.append(image[mask].std())
        step = np.abs(np.diff(image, axis=2))[mask[:, :, 1:] & mask[:, :, :-1]]
        fine.append(step.mean() / sd[-1])
    field = eroded.truth.field_mean
    tolerance = 3.0 / np.sqrt(len(field) - 3)
    assert abs(np.corrcoef(mean, field)[0, 1]) < tolerance
    assert abs(np.corrcoef(sd, field)[0, 1]) < tolerance
    assert np.corrcoef(fine, field)[0, 1] > 0.5  # the texture does tell it
    label = eroded.truth.label
    for number in (mean, sd):
        auc = roc_auc_score(label, number)
        assert abs(auc - 0.5) < 0.1 + 2 * np.sqrt(1 / (3 * len(label)))


def test_same_seed_same_bytes_whatever_n_jobs(tmp_path: Path) -> None:
    options = {
        "observer_error_mm": 1.0,
        "lesions_per_patient": (1, 2),
        "time_points": 3,
        "n_sites": 2,
    }
    simulate_cohort(3, 7, tmp_path / "a", **options)
    simulate_cohort(3, 7, tmp_path / "b", n_jobs=2, **options)
    simulate_cohort(3, 8, tmp_path / "other", **options)
    simulate_cohort(2, 7, tmp_path / "fewer", **options)
    first = sha256_of_files(tmp_path / "a")
    assert first == sha256_of_files(tmp_path / "b")
    other = sha256_of_files(tmp_path / "other")
    assert not [name for name in first if name in other and first[name] == other[name]]
    fewer = sha256_of_files(tmp_path / "fewer")
    images = [name for name in fewer if name.endswith(".nii.gz")]
    assert images
    assert all(fewer[name] == first[name] for name in images)


def test_simulation_json_names_settings_and_version(eroded: Written) -> None:
    record = json.loads((eroded.folder / "simulation.json").read_text())
    settings = SimulationSettings(**record["settings"])
    assert record["settings_sha256"] == settings.sha256 == SimulationSettings().sha256
    assert (record["n_patients"], record["seed"]) == (40, 3)
    assert record["version"]


def test_missing_and_complete_are_declared(tmp_path: Path) -> None:
    written = simulate(tmp_path, 14, 1, missing_follow_up=0.3, complete_responders=0.3)
    truth = written.truth
    status = np.where(
        truth.missing_follow_up,
        "missing",
        np.where(truth.complete_response, "complete_response", "measured"),
    )
    assert written.manifest.follow_up_status.tolist() == status.tolist()
    assert set(status) == {"missing", "complete_response", "measured"}
    for row, lesion in written.lesions():
        if row.follow_up_status == "missing":
            assert (row.follow_up_image, row.follow_up_mask, row.follow_up_date) == ("", "", "")
            assert not list((tmp_path / "images").glob(f"{row.patient_id}_follow_up*"))
        else:
            after = written.array(row.follow_up_mask)
            assert after.any() == (row.follow_up_status == "measured")
        if lesion.complete_response:
            mask = written.array(row.mask).astype(bool)
            near = around(mask)
            depth = depth_below_surface(mask[near])
            retreat = written.array(lesion.retreat_map)[near]
            assert (retreat >= depth)[mask[near]].all()
            assert retreat.max() < 40  # no further than a lesion is deep
            assert lesion.volume_follow_up_cc == 0
    assert len(Cohort.from_csv(tmp_path / "manifest.csv")) == 14


def test_lesions_of_a_patient_share_the_ct_and_do_not_overlap(tmp_path: Path) -> None:
    written = simulate(tmp_path, 3, 5, lesions_per_patient=4)
    assert written.manifest.lesion_id.tolist() == [1, 2, 3, 4] * 3
    for _, rows in written.manifest.groupby("patient_id"):
        assert len(set(rows.image)) == 1
        for column in ("mask", "follow_up_mask"):
            total = sum(written.array(name).astype(int) for name in rows[column])
            assert total.max() == 1
        for name in rows["mask"]:
            assert ndimage.label(written.array(name))[1] == 1
    truth = written.truth
    assert len(set(truth.age_years)) == 3
    assert len(set(truth.field_mean)) == 12


def test_sites_differ_as_scanners_do(tmp_path: Path) -> None:
    written = simulate(tmp_path, 10, 3, n_sites=4)
    spacing, noise = {}, {}
    for row in written.manifest.itertuples():
        image = sitk.ReadImage(str(tmp_path / row.image))
        spacing.setdefault(row.site, set()).add(image.GetSpacing())
        air = sitk.GetArrayFromImage(image)[:, 2:12, 2:12].astype(float)
        noise.setdefault(row.site, []).append(air.std())
    assert len(spacing) > 1
    assert all(len(found) == 1 for found in spacing.values())
    between = np.std([np.mean(values) for values in noise.values()])
    within = np.mean([np.std(values) for values in noise.values()])
    assert between > 3 * within
    assert (written.truth.site == written.manifest.site).all()
    voxel_cc = [np.prod(next(iter(spacing[site]))) / 1000 for site in written.truth.site]
    error = (written.truth.volume_baseline_cc - written.truth.target_volume_baseline_cc).abs()
    assert (error <= 0.5001 * np.array(voxel_cc)).all()


def test_observer_error_moves_contours_not_the_truth(eroded: Written, tmp_path: Path) -> None:
    drawn = simulate(tmp_path, 12, 3, observer_error_mm=1.5)
    exact = eroded.truth.iloc[:12]
    assert drawn.truth.volume_baseline_cc.tolist() == exact.volume_baseline_cc.tolist()
    offsets = []
    for (row, truth), same in zip(drawn.lesions(), eroded.manifest.itertuples(), strict=False):
        np.testing.assert_array_equal(drawn.array(row.image), eroded.array(same.image))
        contour = drawn.array(row.mask).astype(bool)
        true = eroded.array(same.mask).astype(bool)
        assert contour.sum() * VOXEL_CC == pytest.approx(truth.contoured_volume_baseline_cc)
        # read the error off the contour: depth of the true tumour at the drawn surface
        near = around(true | contour)
        depth = depth_below_surface(true[near])
        drawn_depth = depth_below_surface(contour[near])
        offsets.append((drawn_depth - depth)[np.abs(depth) < 1.6])
    spread = np.sqrt(np.mean([np.mean(o**2) for o in offsets]))
    assert spread == pytest.approx(1.5, rel=0.35)
    before = np.log(drawn.truth.contoured_volume_baseline_cc / drawn.truth.volume_baseline_cc)
    after = np.log(drawn.truth.contoured_volume_follow_up_cc / drawn.truth.volume_follow_up_cc)
    assert abs(np.corrcoef(before, after)[0, 1]) < 3 / np.sqrt(12 - 3)


def test_time_points_lie_between_baseline_and_follow_up(tmp_path: Path) -> None:
    for mode in ("erosion", "deformation"):
        written = simulate(tmp_path / mode, 2, 3, time_points=4, mode=mode)
        extra = pd.read_csv(tmp_path / mode / "time_points.csv")
        assert extra.time_point.tolist() == [1, 2] * 2
        for row in written.manifest.itertuples():
            between = extra[extra.patient_id == row.patient_id]
            days = [row.date, *between.date, row.follow_up_date]
            assert days == sorted(set(days))
            masks = [row.mask, *between["mask"], row.follow_up_mask]
            masks = [written.array(name).astype(bool) for name in masks]
            sizes = [int(mask.sum()) for mask in masks]
            assert sizes == sorted(set(sizes), reverse=True)
            for earlier, later in pairwise(masks):
                assert (later & ~earlier).sum() == 0
            assert written.array(between.image.iloc[0]).shape == masks[0].shape


def test_a_used_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SettingsError, match=r"not empty.*another directory"):
        simulate_cohort(1, 0, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(SettingsError, match="is a file"):
        simulate_cohort(1, 0, tmp_path / "notes.txt")


def test_a_finished_folder_is_named_as_such(eroded: Written) -> None:
    with pytest.raises(SettingsError, match=r"already holds a simulated cohort.*from_csv"):
        simulate_cohort(1, 0, eroded.folder)


def test_an_interrupted_simulation_is_not_mistaken_for_a_cohort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tumor_response.simulate import write

    def killed(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(write, "write_patient", killed)
    with pytest.raises(KeyboardInterrupt):
        simulate_cohort(2, 0, tmp_path / "sim")
    assert not (tmp_path / "sim" / "manifest.csv").exists()
    monkeypatch.undo()
    with pytest.raises(SettingsError, match=r"interrupted.*delete it"):
        simulate_cohort(2, 0, tmp_path / "sim")


def test_wrong_options_fail_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="time_points"):
        simulate_cohort(1, 0, tmp_path / "sim", time_points=1)
    with pytest.raises(SettingsError, match="n_patients=0"):
        simulate_cohort(0, 0, tmp_path / "sim")
    assert not (tmp_path / "sim").exists()


def test_an_empty_folder_may_exist(tmp_path: Path) -> None:
    assert len(simulate_cohort(1, 0, tmp_path)) == 1


@pytest.mark.parametrize(
    "wrong", [{"seed": None}, {"seed": 1.5}, {"n_jobs": 0}, {"n_patients": "3"}]
)
def test_what_is_refused_is_refused_before_anything_is_written(tmp_path: Path, wrong: dict) -> None:
    arguments = {"n_patients": 1, "seed": 0} | wrong
    with pytest.raises(SettingsError):
        simulate_cohort(**arguments, directory=tmp_path)
    assert not list(tmp_path.iterdir())


def test_numpy_integers_are_whole_numbers(tmp_path: Path) -> None:
    cohort = simulate_cohort(np.int64(1), seed=np.int64(3), directory=tmp_path)
    assert len(cohort) == 1


def test_full_disk_is_an_error_that_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ITK writes what fits and says nothing."""
    real = sitk.WriteImage

    def fits_half(image: sitk.Image, path: str, **options: object) -> None:
        real(image, path, **options)
        whole = Path(path).read_bytes()
        Path(path).write_bytes(whole[: len(whole) // 2])

    monkeypatch.setattr(sitk, "WriteImage", fits_half)
    with pytest.raises(OSError, match=r"is the disk full.*P0001_baseline_ct"):
        simulate_cohort(1, seed=0, directory=tmp_path)
    assert not (tmp_path / "manifest.csv").exists()
