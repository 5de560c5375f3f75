"""Tables written part by part, and failed cases again: the bytes of a single run's table."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import tumor_response as tr
from tests.unit import cases
from tumor_response.exceptions import FeatureError, TableError
from tumor_response.features.base import FeatureValues
from tumor_response.table import extracting, parts

N_CASES = 5
SEXES = {"sex": ["male", "female"]}


def manifest(folder: Path) -> pd.DataFrame:
    frame = cases.cohort_folder(folder, N_CASES)[["patient_id", "image", "mask", "age"]]
    return frame.assign(sex=["male", "female", "", "male", "female"], site=list("BBAAC"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    manifest(tmp_path / "images").to_csv(tmp_path / "images" / "manifest.csv", index=False)
    return tmp_path / "images"


@pytest.fixture
def cohort(folder: Path) -> tr.Cohort:
    return tr.Cohort.from_csv(folder / "manifest.csv")


@pytest.fixture
def extractors(tmp_path: Path) -> list[Any]:
    """Numbers, categories and keys."""
    return [
        tr.Radiomics("minimal"),
        tr.ClinicalFactors(["age", "volume_cc"], categories=SEXES),
        tr.Views(store=tmp_path / "views", size_px=16),
    ]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def saved(table: tr.FeatureTable, folder: Path) -> dict[str, bytes]:
    table.save(folder)
    return contents(folder)


def spoil(folder: Path, *patients: int) -> None:
    for i in patients:
        path = folder / f"p{i}_gtv.nii.gz"
        path.rename(folder / f"kept{i}.nii.gz")
        path.write_text("no image")


def mend(folder: Path, *patients: int) -> None:
    for i in patients:
        (folder / f"kept{i}.nii.gz").replace(folder / f"p{i}_gtv.nii.gz")


# --- once more, for those that failed


def test_mended_cases_make_the_table_of_a_single_run(
    folder: Path, cohort: tr.Cohort, extractors: list[Any], tmp_path: Path
) -> None:
    whole = saved(tr.extract(cohort, extractors), tmp_path / "whole")
    spoil(folder, 1, 2, 4)
    table = tr.extract(cohort, extractors)
    # nothing of three cases is known, not even that there is a site C or a key that begins so
    assert table.data["views__axial__key"].isna().tolist() == [False, True, True, False, True]
    mend(folder, 1)
    table = tr.retry(table, cohort, extractors)
    assert table.run["cases"] == 3
    lacking = table.failures[table.failures["n_columns_missing"] > 0]
    assert set(lacking["patient_id"]) == {"P2", "P4"}
    table.save(tmp_path / "between")
    mend(folder, 2, 4)
    # from the file, as on another day; views know their store, and are the caller's to give
    loaded = tr.FeatureTable.load(tmp_path / "between")
    retried = tr.retry(loaded, cohort, extractors, n_jobs=1, cache_dir=tmp_path / "cache")
    assert retried.run["cases"] == 2
    assert saved(retried, tmp_path / "retried") == whole
    # P2's sex is not known: that stays a row, and is tried again in vain
    lacking = retried.failures[retried.failures["n_columns_missing"] > 0]
    assert lacking["reason"].tolist() == ["clinical_missing"]
    again = tr.retry(retried, cohort, extractors)
    assert again.run["cases"] == 1
    assert saved(again, tmp_path / "again") == whole


def test_a_table_that_lacks_nothing_is_returned_as_it_is(
    folder: Path, cohort: tr.Cohort, tmp_path: Path
) -> None:
    cases.write(folder, "p0_gtv.nii.gz", cases.mask(30))  # a warning: the border is touched
    table = tr.extract(cohort, [tr.ClinicalFactors(["age"])])
    assert table.failures["n_columns_missing"].tolist() == [0]
    assert tr.retry(table, cohort) is table
    log = tmp_path / "run.jsonl"
    assert tr.retry(table, cohort, n_jobs=1, log=log) is table
    assert not log.exists()


@pytest.fixture
def lacking(folder: Path, cohort: tr.Cohort) -> tr.FeatureTable:
    spoil(folder, 1)
    table = tr.extract(cohort, [tr.Radiomics("minimal"), tr.ClinicalFactors(["age"])])
    mend(folder, 1)
    assert set(table.failures["patient_id"]) == {"P1"}
    return table


def test_other_lesions_are_refused(folder: Path, lacking: tr.FeatureTable) -> None:
    frame = manifest(folder)
    for other in (frame.iloc[:4], frame.iloc[::-1], frame.replace("P4", "P5")):
        with pytest.raises(TableError, match="not the same in the same order"):
            tr.retry(lacking, tr.Cohort.from_frame(other, base=folder))
    moved = folder.rename(folder.parent / "moved")
    table = tr.retry(lacking, tr.Cohort.from_csv(moved / "manifest.csv"))  # paths may be others
    assert table.failures.empty


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ([tr.Radiomics("minimal")], "blocks"),
        ([tr.ClinicalFactors(["age"]), tr.Radiomics("minimal")], "blocks"),
        ([tr.Radiomics("ibsi_a"), tr.ClinicalFactors(["age"])], "'radiomics'"),
        ([tr.Radiomics("minimal"), tr.ClinicalFactors(["age", "volume_cc"])], "'clinical'"),
        ([tr.Radiomics("minimal", engine="pyradiomics"), tr.ClinicalFactors(["age"])], "engine"),
    ],
)
def test_other_extractors_are_refused(
    cohort: tr.Cohort, lacking: tr.FeatureTable, given: list[Any], named: str
) -> None:
    with pytest.raises(FeatureError, match=named) as caught:
        tr.retry(lacking, cohort, given)
    assert caught.value.code == "extractor_changed"


def with_provenance(table: tr.FeatureTable, **changed: Any) -> tr.FeatureTable:
    provenance = copy.deepcopy(table.provenance) | changed
    return tr.FeatureTable(table.data, table.dictionary, table.failures, provenance)


def test_other_versions_are_refused(cohort: tr.Cohort, lacking: tr.FeatureTable) -> None:
    identities = copy.deepcopy(lacking.provenance["extractors"])
    library = next(iter(identities["radiomics"]["versions"]))
    identities["radiomics"]["versions"][library] = "0.0.1"
    of_extractor = with_provenance(lacking, extractors=identities)
    of_library = with_provenance(lacking, tumor_response="0.0.1")
    of_reader = with_provenance(lacking, versions=lacking.provenance["versions"] | {"numpy": "1"})
    for old, named in ((of_extractor, library), (of_library, "0.0.1"), (of_reader, "numpy 1,")):
        with pytest.raises(FeatureError, match=named) as caught:
            tr.retry(old, cohort)
        assert caught.value.code == "extractor_changed"


class Own(tr.ClinicalFactors):
    def identity(self) -> Mapping[str, Any]:
        return {**super().identity(), "extractor": "own"}


def test_what_cannot_be_made_from_the_table_has_to_be_given(
    folder: Path, cohort: tr.Cohort
) -> None:
    spoil(folder, 1)
    table = tr.extract(cohort, [Own(["volume_cc"])])
    mend(folder, 1)
    with pytest.raises(FeatureError, match="give it") as caught:
        tr.retry(table, cohort)
    assert caught.value.code == "extractor_unknown"
    assert tr.retry(table, cohort, [Own(["volume_cc"])]).failures.empty


def test_a_selection_is_refused(
    cohort: tr.Cohort, lacking: tr.FeatureTable, tmp_path: Path
) -> None:
    lacking.save(tmp_path / "table")
    column = "radiomics__original__shape_Sphericity"
    for some in (
        lacking.select("radiomics"),
        tr.FeatureTable.load(tmp_path / "table", blocks="radiomics"),
        tr.FeatureTable.load(tmp_path / "table", columns=[column]),
    ):
        with pytest.raises(TableError, match="selection"):
            tr.retry(some, cohort)


def test_quality_limits_and_exclusion_are_the_tables_own(
    folder: Path, cohort: tr.Cohort, tmp_path: Path
) -> None:
    cases.write(folder, "p0_gtv.nii.gz", cases.empty_mask())
    cases.write(folder, "p3_gtv.nii.gz", cases.mask(30))
    spoil(folder, 1)
    rules: dict[str, Any] = {"quality": None, "exclude": tr.ExclusionRule(hu_range=(30, 3000))}
    factors = [tr.Radiomics("minimal"), tr.ClinicalFactors(["age"])]
    table = tr.extract(cohort, factors, **rules)
    assert "P3" not in set(table.failures["patient_id"])  # nobody looks at borders
    mend(folder, 1)
    cases.write(folder, "p0_gtv.nii.gz", cases.mask(9))
    retried = tr.retry(table, cohort)
    assert retried.run["cases"] == 2
    whole = tr.extract(cohort, factors, **rules)
    assert saved(retried, tmp_path / "retried") == saved(whole, tmp_path / "whole")
    assert (retried.data["meta__excluded_share"] > 0.1).all()


# --- part by part


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows to a part, two to a chunk."""
    monkeypatch.setattr(parts, "_VALUES_PER_PART", 250)
    monkeypatch.setattr(extracting, "_CHUNK_ROWS", 2)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("spoilt", [(), (1,), (0, 1, 2, 3, 4)])
def test_the_folder_is_the_one_that_save_writes(
    folder: Path, cohort: tr.Cohort, extractors: list[Any], tmp_path: Path, spoilt: tuple[int, ...]
) -> None:
    spoil(folder, *spoilt)
    run = tr.extract_to(tmp_path / "parts", cohort, extractors, cache_dir=tmp_path / "cache")
    table = tr.extract(cohort, extractors, cache_dir=tmp_path / "cache")
    assert len(list((tmp_path / "parts").glob("data-*.parquet"))) == 3
    assert contents(tmp_path / "parts") == saved(table, tmp_path / "whole")
    assert run["cases"] == N_CASES
    assert set(run) == set(table.run)
    assert run["cache"]["hits"] == 0
    loaded = tr.FeatureTable.load(tmp_path / "parts")
    pd.testing.assert_frame_equal(loaded.data, table.data, check_exact=True)
    assert list(loaded.data["clinical__sex"].cat.categories) == SEXES["sex"]


class Interrupted(tr.Radiomics):
    def extract(self, case: tr.BaselineCase) -> FeatureValues:
        if case.patient_id == "P3":
            raise KeyboardInterrupt
        return super().extract(case)


@pytest.mark.usefixtures("small_parts")
def test_an_interrupted_one_is_refused_and_goes_on(cohort: tr.Cohort, tmp_path: Path) -> None:
    means = {"cache_dir": tmp_path / "cache"}
    with pytest.raises(KeyboardInterrupt):
        tr.extract_to(tmp_path / "parts", cohort, [Interrupted("minimal")], **means)
    assert (tmp_path / "parts" / "data-00000.parquet").exists()
    with pytest.raises(TableError, match="no whole feature table"):
        tr.FeatureTable.load(tmp_path / "parts")
    run = tr.extract_to(tmp_path / "parts", cohort, [tr.Radiomics("minimal")], **means)
    assert run["cache"] == {"hits": 3, "misses": 2}
    whole = saved(tr.extract(cohort, [tr.Radiomics("minimal")]), tmp_path / "whole")
    assert contents(tmp_path / "parts") == whole


def test_a_folder_of_somebody_elses_is_refused_before_the_first_voxel(
    folder: Path, cohort: tr.Cohort, tmp_path: Path
) -> None:
    before = contents(folder)
    with pytest.raises(TableError, match="other files"):
        tr.extract_to(folder, cohort, [Interrupted("minimal")])
    assert contents(folder) == before
    table = tmp_path / "table"
    tr.extract(cohort, [tr.ClinicalFactors(["age"])]).save(table)
    # what could be refused is, before a table that is there is touched
    with pytest.raises(FeatureError):
        tr.extract_to(table, cohort, [tr.ClinicalFactors(["no such"])])
    with pytest.raises(FeatureError):
        tr.extract_to(table, cohort, [tr.ClinicalFactors(["age"])], cache_dir="nosuch://x")
    assert tr.FeatureTable.load(table).blocks == ["clinical"]
    with pytest.raises(FeatureError) as caught:
        tr.extract_to(table, cohort, [tr.ClinicalFactors(["age"])], log=tmp_path / "no" / "log")
    assert caught.value.code == "log_unusable"
    assert tr.FeatureTable.load(table).blocks == ["clinical"]


def test_no_lesions_are_refused_by_name(folder: Path) -> None:
    empty = manifest(folder).iloc[:0]
    with pytest.raises(tr.exceptions.TumorResponseError, match="no "):
        tr.extract(tr.Cohort.from_frame(empty, base=folder), [tr.ClinicalFactors(["age"])])


def test_a_saved_table_is_enough_to_make_its_extractors_in_their_order(
    folder: Path, tmp_path: Path
) -> None:
    """Neither blocks nor categories are in the order of the alphabet."""
    frame = manifest(folder).assign(arm=["a", "b", "a", "b", "a"])
    cohort = tr.Cohort.from_frame(frame, base=folder)
    categories = {**SEXES, "arm": ["b", "a"]}
    made = [tr.Radiomics("minimal"), tr.ClinicalFactors(["age"], categories=categories)]
    whole = saved(tr.extract(cohort, made), tmp_path / "whole")
    spoil(folder, 1)
    tr.extract(cohort, made).save(tmp_path / "table")
    mend(folder, 1)
    retried = tr.retry(tr.FeatureTable.load(tmp_path / "table"), cohort)
    assert saved(retried, tmp_path / "retried") == whole
