"""Real repeats: a manifest with a column of repeats, tables matched by lesion, what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tests.unit import cases
from tests.unit.repeat_rules import Simple
from tumor_response.exceptions import ManifestError, RobustnessError
from tumor_response.repeatability import icc, repeat_cohorts, robustness_of_repeats


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Two observers of four lesions, one more that the second has not contoured."""
    folder = tmp_path_factory.mktemp("repeats")
    frame = cases.cohort_folder(folder, 5)[["patient_id", "image", "mask"]]
    second = frame.iloc[:4].copy()
    second["mask"] = [
        cases.write(folder, f"p{i}_second.nii.gz", cases.mask(9.5 + i % 2)) for i in range(4)
    ]
    both = pd.concat([frame.assign(repeat="first"), second.assign(repeat="second")])
    both.sample(frac=1, random_state=0).to_csv(folder / "manifest.csv", index=False)
    return folder / "manifest.csv"


@pytest.fixture(scope="module")
def tables(manifest):
    return {
        name: tr.extract(cohort, [Simple()], quality=None)
        for name, cohort in sorted(repeat_cohorts(manifest).items())
    }


def test_agreement_of_two_observers(tables):
    found = robustness_of_repeats(tables, name="observers", headline="2,1")
    table = found.table().set_index("feature")
    lesions = [(f"P{i}", "1") for i in range(4)]
    columns = ["simple__mean", "simple__sd", "simple__voxels"]
    both = [tables[name].data.loc[lesions, columns].to_numpy() for name in ("first", "second")]
    expected = icc(np.stack(both, axis=1), "2,1")
    np.testing.assert_allclose(table["icc_21"], expected.value, rtol=1e-12)
    assert (table["n_cases"] == 4).all()
    assert found.failures[["patient_id", "reason", "message"]].to_numpy().tolist() == [
        ["P4", "repeat_missing", "not in second"]
    ]
    assert found.draws().empty
    assert found.headline == "2,1"
    assert "observers; ICC(2,1)" in repr(found)
    summary = found.by_perturbation().loc[("observers", "simple")]
    assert summary["median_icc"] == np.median(table["icc_21"])


def test_manifest_keeps_its_line_numbers(manifest):
    text = manifest.read_text().splitlines()
    twice = manifest.parent / "twice.csv"
    twice.write_text("\n".join([*text, text[1]]))
    with pytest.raises(ManifestError, match=f"line {len(text) + 1}: .* is already in line 2"):
        repeat_cohorts(twice)


def test_manifest_refused(manifest):
    with pytest.raises(RobustnessError, match="no column 'observer'") as column:
        repeat_cohorts(manifest, column="observer")
    assert column.value.code == "repeat_column"
    frame = pd.read_csv(manifest)
    other = manifest.parent / "other.csv"
    frame.assign(repeat=["a", *[""] * (len(frame) - 1)]).to_csv(other, index=False)
    with pytest.raises(RobustnessError, match="in line 3, line 4"):
        repeat_cohorts(other)
    frame.assign(repeat="a").to_csv(other, index=False)
    with pytest.raises(RobustnessError, match="of one repeat, a") as one:
        repeat_cohorts(other)
    assert one.value.code == "one_repeat"


def test_tables_refused(tables):
    first = tables["first"]
    with pytest.raises(RobustnessError, match=r"1 table\(s\)") as one:
        robustness_of_repeats({"first": first})
    assert one.value.code == "one_repeat"
    with pytest.raises(RobustnessError, match="a copy, not a repeat") as equal:
        robustness_of_repeats({"first": first, "again": first})
    assert equal.value.code == "repeats_equal"
    with pytest.raises(RobustnessError, match="expected one of"):
        robustness_of_repeats(tables, headline="2,k")


def _rows(table, keep):
    return tr.FeatureTable(
        table.data[keep],
        table.dictionary,
        table.failures,
        table.provenance,
    )


def test_lesions_that_do_not_match(tables):
    first, second = tables["first"], tables["second"]
    patients = first.data.index.get_level_values("patient_id")
    with pytest.raises(RobustnessError, match="1 of 5 lesions is in all 2 tables") as found:
        robustness_of_repeats({"a": _rows(first, patients.isin(["P3", "P4"])), "b": second})
    assert found.value.code == "one_subject"


def test_other_settings_are_no_repeat(tables, manifest):
    cohorts = repeat_cohorts(manifest)
    other = tr.extract(cohorts["second"], [Simple(at_least=1)], quality=None)
    with pytest.raises(RobustnessError, match="with other settings") as settings:
        robustness_of_repeats({"first": tables["first"], "second": other})
    assert settings.value.code == "repeats_differ"
    more = tr.extract(cohorts["second"], [Simple(), Simple("more")], quality=None)
    with pytest.raises(RobustnessError, match="differ in 3 column") as columns:
        robustness_of_repeats({"first": tables["first"], "second": more})
    assert columns.value.code == "repeats_differ"


def test_failed_cases_are_told_with_their_repeat(manifest):
    cohorts = repeat_cohorts(manifest)
    tables = {
        name: tr.extract(cohort, [Simple(at_least=500)], quality=None)
        for name, cohort in sorted(cohorts.items())
    }
    found = robustness_of_repeats(tables)
    failed = found.failures[found.failures["reason"] == "roi_too_small"]
    assert len(failed)
    assert failed["message"].str.startswith(("first: ", "second: ")).all()
    expected = len(set(failed["patient_id"]) - {"P4"})
    assert (found.table()["n_left_out"] == expected).all()
