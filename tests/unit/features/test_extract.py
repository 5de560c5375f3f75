from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

import tumor_response as tr
from tests.unit import cases
from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import FeatureError, SettingsError
from tumor_response.features.base import FeatureSpec, FeatureValues, Shortfall
from tumor_response.features.cache import FeatureCache
from tumor_response.features.rows import BlockRow
from tumor_response.features.voxel_hash import image_sha256


class Mean:
    """The smallest honest extractor; counts its calls in a file, whatever process they are in."""

    cacheable = True
    variables: tuple[str, ...] = ()
    required_variables: tuple[str, ...] = ()

    def __init__(self, calls: Path, *, block: str = "mean", scale: float = 1.0) -> None:
        self.block = block
        self.calls = calls
        self.scale = scale

    def identity(self) -> dict[str, object]:
        return {"extractor": "mean", "scale": self.scale}

    def feature_specs(self) -> list[FeatureSpec]:
        column = f"{self.block}__hu"
        return [FeatureSpec(column, self.block, "hu", "baseline", "Q4LE", "HU", "Mean.")]

    def extract(self, case: BaselineCase) -> FeatureValues:
        with self.calls.open("a") as file:
            file.write(f"{case.patient_id}\n")
        inside = sitk.GetArrayFromImage(case.image)[sitk.GetArrayFromImage(case.mask) > 0]
        return FeatureValues({f"{self.block}__hu": self.scale * float(inside.mean())})

    def counted(self) -> int:
        return len(self.calls.read_text().splitlines()) if self.calls.exists() else 0


class Broken(Mean):
    def extract(self, case: BaselineCase) -> FeatureValues:
        if case.patient_id == "P1":
            raise ZeroDivisionError("by zero")
        return super().extract(case)


class Foreign(Mean):
    """Names a column that belongs to another block."""

    def feature_specs(self) -> list[FeatureSpec]:
        return [FeatureSpec("clinical__hu", self.block, "hu", "baseline", "", "HU", "Mean.")]


class Careless(Mean):
    """Breaks the contract of FeatureValues in the way it was told to."""

    def __init__(self, calls: Path, values: dict[str, object]) -> None:
        super().__init__(calls)
        self.values = values

    def extract(self, case: BaselineCase) -> FeatureValues:
        return FeatureValues(self.values)


class Age(Mean):
    variables = ("age",)

    def extract(self, case: BaselineCase) -> FeatureValues:
        return FeatureValues({"mean__hu": float(case.variables["age"])})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cases.cohort_folder(tmp_path, 4).to_csv(tmp_path / "manifest.csv", index=False)
    return tmp_path


@pytest.fixture
def cohort(folder: Path) -> tr.Cohort:
    return tr.Cohort.from_csv(folder / "manifest.csv")


def bad_cohort(folder: Path) -> tr.Cohort:
    """One good case and one of each bad kind."""
    cases.write(folder, "empty.nii.gz", cases.empty_mask())
    cases.write(folder, "grid.nii.gz", cases.mask(size=(24, 22, 10)))
    cases.write(folder, "slice.nii.gz", cases.image(size=(24, 22, 1)))
    (folder / "text.nii.gz").write_text("hello")
    voxels = sitk.GetArrayFromImage(cases.image()).astype(np.float32)
    voxels[0, 0, 0] = np.nan
    nan = sitk.GetImageFromArray(voxels)
    nan.CopyInformation(cases.image())
    cases.write(folder, "nan.nii.gz", nan)
    cases.write(folder, "border.nii.gz", cases.mask(30))
    rows = [
        ("good", "p0_ct.nii.gz", "p0_gtv.nii.gz"),
        ("mask_empty", "p0_ct.nii.gz", "empty.nii.gz"),
        ("geometry_mismatch", "p0_ct.nii.gz", "grid.nii.gz"),
        ("not_an_image", "text.nii.gz", "p0_gtv.nii.gz"),
        ("non_finite_voxels", "nan.nii.gz", "p0_gtv.nii.gz"),
        ("single_slice", "slice.nii.gz", "p0_gtv.nii.gz"),
        ("mask_touches_border", "p0_ct.nii.gz", "border.nii.gz"),
    ]
    frame = pd.DataFrame(rows, columns=["patient_id", "image", "mask"]).assign(age=61)
    return tr.Cohort.from_frame(frame, base=folder)


def test_every_case_is_a_row_in_manifest_order_and_failures_have_reasons(folder: Path) -> None:
    cohort = bad_cohort(folder)
    table = tr.extract(cohort, [Mean(folder / "calls"), tr.ClinicalFactors(["volume_cc"])])
    assert list(table.data.index) == [(c.patient_id, "1") for c in cohort]
    got = table.data["mean__hu"].notna()
    assert list(got[got].index.get_level_values(0)) == ["good", "mask_touches_border"]
    for patient in table.data.index.get_level_values(0):
        rows = table.failures[table.failures["patient_id"] == patient]
        if patient == "good":
            assert rows.empty
        elif patient == "mask_touches_border":  # a finding: the values stay
            assert list(zip(rows["block"], rows["n_columns_missing"], strict=True)) == [("case", 0)]
            assert list(rows["reason"]) == [patient]
        else:  # an error of the baseline stops the case, every block of it
            assert sorted(rows["block"]) == ["clinical", "mean"]
            assert set(rows["reason"]) == {patient}
            assert (rows["n_columns_missing"] == 1).all()
            assert rows["message"].str.contains(f"Case '{patient}' lesion '1'").all()


def test_missing_values_are_all_accounted_for(folder: Path) -> None:
    table = tr.extract(
        bad_cohort(folder), [tr.Radiomics("minimal"), tr.ClinicalFactors(["volume_cc"])]
    )
    for block in table.blocks:
        columns = table.dictionary.index[table.dictionary["block"] == block]
        missing = table.data[columns].isna().sum(axis=1)
        of_block = table.failures[table.failures["block"] == block]
        told = of_block.groupby("patient_id")["n_columns_missing"].sum()
        for (patient, _), n in missing.items():
            assert told.get(patient, 0) == n, (block, patient)


def test_an_error_of_the_baseline_stops_the_case_though_no_extractor_needs_its_voxels(
    folder: Path,
) -> None:
    table = tr.extract(bad_cohort(folder), tr.ClinicalFactors(["age"]))
    known = table.data["clinical__age"].notna()
    assert list(known[known].index.get_level_values(0)) == ["good", "mask_touches_border"]
    told = table.failures.set_index("patient_id")["reason"].to_dict()
    assert told == {name: name for name in told}
    assert len(told) == 6


def test_without_checks_each_extractor_takes_what_it_can(folder: Path) -> None:
    table = tr.extract(bad_cohort(folder), tr.ClinicalFactors(["age"]), quality=None)
    assert table.data["clinical__age"].tolist() == [61.0] * 7
    assert table.failures.empty
    assert table.provenance["quality"] is None


@pytest.mark.parametrize("age_alone", [True, False])
def test_failures_are_the_same_with_and_without_a_cache(folder: Path, age_alone: bool) -> None:
    cohort, clinical = bad_cohort(folder), tr.ClinicalFactors(["age", "volume_cc"])
    chosen = [tr.ClinicalFactors(["age"])] if age_alone else [tr.Radiomics("minimal"), clinical]
    without = tr.extract(cohort, chosen).failures
    assert len(without) >= 5
    for _ in ("cold", "warm"):
        cached = tr.extract(cohort, chosen, cache_dir=folder / "cache").failures
        pd.testing.assert_frame_equal(without, cached)


def test_a_number_that_is_one_for_nobody_is_refused_before_any_work(folder: Path) -> None:
    frame = cases.cohort_folder(folder, 3).assign(age=["61 years", "58 years", None])
    extractors = [Mean(folder / "calls"), tr.ClinicalFactors(["age"])]
    with pytest.raises(FeatureError, match=r"none of its 2 values.*'61 years'.*'age': ") as caught:
        tr.extract(tr.Cohort.from_frame(frame, base=folder), extractors)
    assert caught.value.code == "clinical_not_numeric"
    assert not (folder / "calls").exists()


def test_text_among_numbers_costs_its_own_row(folder: Path) -> None:
    frame = cases.cohort_folder(folder, 3).assign(age=["61", "58 years", None])
    table = tr.extract(tr.Cohort.from_frame(frame, base=folder), tr.ClinicalFactors(["age"]))
    assert table.data["clinical__age"].notna().tolist() == [True, False, False]
    assert table.failures["reason"].tolist() == ["clinical_not_numeric", "clinical_missing"]


def test_a_variable_that_nobody_has_is_missing_and_no_error(folder: Path) -> None:
    frame = cases.cohort_folder(folder, 2).assign(age=[None, None])
    table = tr.extract(tr.Cohort.from_frame(frame, base=folder), tr.ClinicalFactors(["age"]))
    assert table.failures["reason"].tolist() == ["clinical_missing"] * 2


def test_a_volume_that_is_not_the_contours_is_kept_and_told(folder: Path) -> None:
    frame = cases.cohort_folder(folder, 2)
    cohort = tr.Cohort.from_frame(frame, base=folder)
    contoured = tr.extract(cohort, tr.ClinicalFactors(["volume_cc"])).data["clinical__volume_cc"]
    stated = contoured.to_numpy() * [1.0, 3.0]
    cohort = tr.Cohort.from_frame(frame.assign(volume_cc=stated), base=folder)
    table = tr.extract(cohort, tr.ClinicalFactors(["volume_cc"]))
    np.testing.assert_array_equal(table.data["clinical__volume_cc"], stated)
    [row] = table.failures.to_dict("records")
    assert (row["patient_id"], row["block"], row["reason"]) == ("P1", "clinical", "volume_differs")
    assert row["n_columns_missing"] == 0


def test_unexpected_exception_costs_one_row(cohort: tr.Cohort, folder: Path) -> None:
    table = tr.extract(cohort, [Broken(folder / "calls")])
    assert table.data["mean__hu"].isna().tolist() == [False, True, False, False]
    [row] = table.failures.to_dict("records")
    assert row["reason"] == "unexpected_error"
    assert row["message"] == "Case 'P1' lesion '1': Unexpected ZeroDivisionError: by zero"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"mean__hu": 1.0, "mean__other": 2.0}, "no column of the block"),
        ({"mean__hu": "high"}, "expected a number"),
        ({"mean__hu": float("nan")}, "expected a number"),
        ({}, "1 columns have no value, but reasons are given for 0"),
    ],
)
def test_extractor_that_breaks_its_word_is_a_row_in_failures(
    cohort: tr.Cohort, folder: Path, values: dict, words: str
) -> None:
    table = tr.extract(cohort, [Careless(folder / "calls", values)])
    assert table.data["mean__hu"].isna().all()
    assert len(table.failures) == len(cohort)
    assert table.failures["message"].str.contains(words).all()


def test_extractor_sees_the_variables_it_declared_and_no_others(
    folder: Path, cohort: tr.Cohort
) -> None:
    seen = []

    class Curious(Age):
        def extract(self, case: BaselineCase) -> FeatureValues:
            seen.append(dict(case.variables))
            return super().extract(case)

    tr.extract(cohort, [Curious(folder / "calls")])
    assert seen == [{"age": 50.0 + i} for i in range(4)]
    undeclared = tr.extract(cohort, [type("Sly", (Age,), {"variables": ()})(folder / "calls")])
    assert set(undeclared.failures["reason"]) == {"unexpected_error"}


def test_changed_variable_is_computed_anew(folder: Path) -> None:
    for offset in (0, 10):
        frame = cases.cohort_folder(folder, 2).assign(age=[50 + offset, 51 + offset])
        cohort = tr.Cohort.from_frame(frame, base=folder)
        table = tr.extract(cohort, [Age(folder / "calls")], cache_dir=folder / "cache")
        assert table.data["mean__hu"].tolist() == [50 + offset, 51 + offset]


def test_other_version_of_the_library_is_computed_anew(
    cohort: tr.Cohort, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tr.extract(cohort, [Mean(folder / "calls")], cache_dir=folder / "cache")
    monkeypatch.setattr("tumor_response.features.cache.feature_cache.__version__", "99")
    table = tr.extract(cohort, [Mean(folder / "calls")], cache_dir=folder / "cache")
    assert table.run["cache"] == {"hits": 0, "misses": 4}


@pytest.mark.parametrize("n_jobs", [0, None, 1.5, "2"])
def test_n_jobs_that_mean_nothing(cohort: tr.Cohort, folder: Path, n_jobs: object) -> None:
    with pytest.raises(SettingsError, match="n_jobs"):
        tr.extract(cohort, [Mean(folder / "calls")], n_jobs=n_jobs)


def test_one_extractor_without_a_list_and_a_path_instead_of_a_cohort(
    cohort: tr.Cohort, folder: Path
) -> None:
    assert tr.extract(cohort, Mean(folder / "calls")).blocks == ["mean"]
    with pytest.raises(FeatureError, match=r"tr\.Cohort\.from_csv"):
        tr.extract("manifest.csv", [Mean(folder / "calls")])


def test_two_dimensional_image_costs_its_own_row(folder: Path) -> None:
    frame = cases.cohort_folder(folder, 2)
    cases.write(folder, "flat.nrrd", cases.image()[:, :, 3])
    frame.loc[1, "image"] = "flat.nrrd"
    table = tr.extract(tr.Cohort.from_frame(frame, base=folder), [Mean(folder / "calls")])
    assert table.failures["reason"].tolist() == ["not_3d"]
    assert table.data["mean__hu"].notna().tolist() == [True, False]


def test_same_bytes_whatever_the_number_of_workers(cohort: tr.Cohort) -> None:
    extractors = [tr.Radiomics("minimal"), tr.ClinicalFactors(["age", "volume_cc"])]
    one, two = (tr.extract(cohort, extractors, n_jobs=n) for n in (1, 2))
    pd.testing.assert_frame_equal(one.data, two.data, check_exact=True)
    assert one.provenance["data_sha256"] == two.provenance["data_sha256"]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda calls: [], "feature"),
        (lambda calls: ["radiomics"], "feature"),
        (lambda calls: Foreign(calls), "columns"),
        (lambda calls: [Mean(calls), Mean(calls)], "block_collision"),
        (lambda calls: [Mean(calls), tr.ClinicalFactors(["weight"])], "clinical_column_missing"),
    ],
)
def test_refused_before_the_first_voxel(cohort: tr.Cohort, folder: Path, make, code: str) -> None:
    with pytest.raises(FeatureError) as caught:
        tr.extract(cohort, make(folder / "calls"))
    assert caught.value.code == code
    assert not (folder / "calls").exists()


def test_two_extractors_side_by_side(cohort: tr.Cohort, folder: Path) -> None:
    both = [Mean(folder / "a"), Mean(folder / "b", block="doubled", scale=2)]
    data = tr.extract(cohort, both).data
    np.testing.assert_array_equal(data["doubled__hu"], 2 * data["mean__hu"])


def test_warm_cache_computes_nothing_and_gives_the_same(cohort: tr.Cohort, folder: Path) -> None:
    extractor = Mean(folder / "calls")
    cold = tr.extract(cohort, [extractor], cache_dir=folder / "cache")
    warm = tr.extract(cohort, [extractor], cache_dir=folder / "cache")
    assert extractor.counted() == 4
    assert cold.run["cache"] == {"hits": 0, "misses": 4}
    assert warm.run["cache"] == {"hits": 4, "misses": 0}
    pd.testing.assert_frame_equal(cold.data, warm.data, check_exact=True)


def test_other_settings_and_changed_voxels_are_computed_anew(
    cohort: tr.Cohort, folder: Path
) -> None:
    tr.extract(cohort, [Mean(folder / "calls")], cache_dir=folder / "cache")
    other = Mean(folder / "calls2", scale=2)
    tr.extract(cohort, [other], cache_dir=folder / "cache")
    assert other.counted() == 4
    cases.write(folder, "p2_ct.nii.gz", cases.image(77))
    changed = Mean(folder / "calls3")
    table = tr.extract(cohort, [changed], cache_dir=folder / "cache")
    assert (folder / "calls3").read_text() == "P2\n"
    fresh = tr.extract(cohort, [Mean(folder / "calls4")])
    pd.testing.assert_frame_equal(table.data, fresh.data, check_exact=True)


@pytest.mark.parametrize("damage", ["truncate", "flip", "swap", "empty"])
def test_damaged_entry_is_computed_again(cohort: tr.Cohort, folder: Path, damage: str) -> None:
    sound = tr.extract(cohort, [Mean(folder / "calls")], cache_dir=folder / "cache")
    entries = sorted((folder / "cache").rglob("*.features"))
    content = entries[0].read_bytes()
    if damage == "swap":  # a whole entry under another case's key
        entries[0].write_bytes(entries[1].read_bytes())
    elif damage == "flip":
        value = np.frombuffer(content[-40:-32], dtype="<f8")
        entries[0].write_bytes(content[:-40] + (value + 1).tobytes() + content[-32:])
    else:
        entries[0].write_bytes(b"" if damage == "empty" else content[: len(content) // 2])
    again = tr.extract(cohort, [Mean(folder / "calls")], cache_dir=folder / "cache")
    assert again.run["cache"] == {"hits": 3, "misses": 1}
    pd.testing.assert_frame_equal(sound.data, again.data, check_exact=True)


def test_failed_cases_are_not_kept(cohort: tr.Cohort, folder: Path) -> None:
    tr.extract(cohort, [Broken(folder / "calls")], cache_dir=folder / "cache")
    table = tr.extract(cohort, [Mean(folder / "calls")], cache_dir=folder / "cache")
    assert table.failures.empty
    assert table.run["cache"] == {"hits": 3, "misses": 1}


def test_shortfalls_come_back_from_the_cache(folder: Path) -> None:
    flat = cases.image() * 0 + 40
    flat[:1, :, :] = -1000
    cases.write(folder, "flat.nii.gz", flat)
    frame = pd.DataFrame({"patient_id": ["F"], "image": "flat.nii.gz", "mask": "p0_gtv.nii.gz"})
    cohort = tr.Cohort.from_frame(frame, base=folder)
    runs = [tr.extract(cohort, [tr.Radiomics("minimal")], cache_dir=folder / "c") for _ in range(2)]
    assert runs[1].run["cache"]["hits"] == 1
    pd.testing.assert_frame_equal(runs[0].failures, runs[1].failures)


def test_cache_folder_that_is_a_file(cohort: tr.Cohort, folder: Path) -> None:
    (folder / "cache").write_text("")
    with pytest.raises(FeatureError, match="cache_dir=") as caught:
        tr.extract(cohort, [Mean(folder / "calls")], cache_dir=folder / "cache")
    assert caught.value.code == "cache_unusable"


def test_full_disk_ends_the_run_with_the_way_out(
    cohort: tr.Cohort, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FeatureError, match="No space left on device") as caught:
        tr.extract(cohort, [Mean(folder / "calls")], cache_dir=folder / "cache")
    assert caught.value.code == "cache_unusable"
    assert not list((folder / "cache").rglob("*.part"))


def test_cache_keeps_every_bit_of_a_number(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    numbers = np.array([0.1 + 0.2, 1e-308, -123456789.123456789, -0.0, np.nan, 5e-324])
    names = [f"a__{i}" for i in range(6)]
    told = (Shortfall("not_defined", "0/0", 1),)
    cache.put("0" * 64, names, BlockRow(numbers, {"a__4": "T1"}, told), block="a")
    found = cache.get("0" * 64, names)
    assert found.numbers.tobytes() == numbers.tobytes()
    assert (found.texts, found.shortfalls) == ({"a__4": "T1"}, told)
    assert cache.get("1" * 64, names) is None
    assert cache.get("0" * 64, names[::-1]) is None


def test_hash_sees_grid_type_and_voxels() -> None:
    image = cases.image()
    other = sitk.Image(image)
    assert image_sha256(image) == image_sha256(other)
    other.SetOrigin((0, 0, 0))
    hashes = {image_sha256(image), image_sha256(other)}
    hashes.add(image_sha256(sitk.Cast(image, sitk.sitkInt32)))
    voxel = sitk.Image(image)
    voxel[0, 0, 0] = voxel[0, 0, 0] + 1
    hashes.add(image_sha256(voxel))
    assert len(hashes) == 4


def test_meta_travels_and_is_no_block(folder: Path) -> None:
    frame = cases.cohort_folder(folder, 2).assign(site=["A", None])
    table = tr.extract(tr.Cohort.from_frame(frame, base=folder), [Mean(folder / "calls")])
    assert table.blocks == ["mean"]
    assert (
        table.data["meta__site"]
        .astype(object)
        .where(table.data["meta__site"].notna(), None)[("P0", "1")]
        == "A"
    )
    assert table.data["meta__slice_thickness_mm"].tolist() == [3.0, 3.0]
    assert set(table.dictionary.loc[table.dictionary["block"] == "meta", "role"]) == {"meta"}
