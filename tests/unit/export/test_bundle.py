"""What lies in a bundle, who is named in it, and what is refused."""

from __future__ import annotations

import gzip
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import tumor_response as tr
from tests.unit.export.studies import PATIENT, SECRETS, evaluated, study
from tumor_response.exceptions import BundleError, EvaluationError, SettingsError, TableError
from tumor_response.export import (
    FORMATS_OF_A_BUNDLE,
    ExportedBundle,
    PackageFacts,
    export_bundle,
    verify,
)

DATE = PackageFacts(date="2026-11-30")
KEYS = ["patient_id", "lesion_id"]


@pytest.fixture(scope="module")
def parts() -> tuple[tr.FeatureTable, pd.DataFrame, tr.EvaluationResult]:
    table, outcomes = study()
    scheme = tr.Bootstrap632Plus(n_resamples=12, seed=1)
    return table, outcomes, evaluated(table, outcomes, scheme)


@pytest.fixture(scope="module")
def pseudonyms(tmp_path_factory: pytest.TempPathFactory) -> tr.Pseudonyms:
    return tr.Pseudonyms(tmp_path_factory.mktemp("apart") / "key")


@pytest.fixture(scope="module")
def bundle(parts, pseudonyms, tmp_path_factory: pytest.TempPathFactory) -> ExportedBundle:
    """In every format, with all that can be put in."""
    trace = parts[2].leakage(n_resamples=1)
    return export_bundle(
        tmp_path_factory.mktemp("bundle") / "out",
        *parts,
        formats=FORMATS_OF_A_BUNDLE,
        pseudonyms=pseudonyms,
        trace=trace,
        facts=DATE,
    )


def contents(path: Path) -> bytes:
    """A file's bytes, and all that is packed in it, as far as its format lets it be read."""
    found = [path.read_bytes()]
    if path.suffix == ".rds":
        found.append(gzip.decompress(found[0]))
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as archive:
            found += [archive.read(name) for name in archive.namelist()]
    if path.suffix == ".parquet":
        file = pq.ParquetFile(path)
        told = [file.metadata.metadata, file.schema_arrow, file.read().to_pandas().to_csv()]
        found.append(" ".join(map(str, told)).encode())
    if path.suffix in (".dta", ".sav"):
        import pyreadstat

        read = pyreadstat.read_dta if path.suffix == ".dta" else pyreadstat.read_sav
        frame, about = read(path)
        found.append(f"{frame.to_csv()} {vars(about)}".encode())
    return b"\n".join(found)


def test_nobody_is_named_in_any_file(bundle: ExportedBundle, parts) -> None:
    table, outcomes, _ = parts
    planted = (
        f"{table.data.reset_index().to_csv()} {table.failures.to_csv()} {table.provenance} "
        f"{outcomes.to_csv()}"
    )
    missed = [secret for secret in SECRETS if secret not in planted]
    assert not missed, "the search could not find them"
    assert len(bundle.files) > 30
    for path in bundle.files:
        content = contents(path)
        leaks = [s for s in SECRETS if s.encode() in content or s.encode("utf-16-le") in content]
        assert not leaks, f"{path.name}: {leaks}"
        # nor do the key, or the folders of this machine
        assert b"/tmp" not in content, path.name
    names = {path.name for path in bundle.files}
    assert {f"features.{ending}" for ending in FORMATS_OF_A_BUNDLE} <= names
    assert {"leakage.csv", "cohort_flow.csv", "codebook.html", "ro-crate-metadata.json"} <= names


def test_dropped_columns_are_named_to_the_sender(bundle: ExportedBundle) -> None:
    wanted = {"views__v__key", "meta__date", "meta__physician", "mrn", "note"}
    assert set(bundle.left_behind) == wanted


def test_values_are_those_of_the_study(bundle: ExportedBundle, parts, pseudonyms) -> None:
    """Row by row, joined by what the key alone can tell."""
    table, outcomes, result = parts
    text = dict.fromkeys(KEYS, str)
    features = pd.read_csv(bundle.directory / "features.csv", dtype=text).set_index(KEYS)
    ends = pd.read_csv(bundle.directory / "outcomes.csv", dtype=text).set_index(KEYS)
    lesions = {
        key: (pseudonyms.of(key[0]), "1" if key[1] == "1" else "L1") for key in table.data.index
    }
    assert len(set(lesions.values())) == len(table.data) == len(features) == len(ends)
    for key, new in lesions.items():
        np.testing.assert_array_equal(
            features.loc[new, ["clinical__age", "clinical__volume_cc"]].to_numpy(float),
            table.data.loc[key, ["clinical__age", "clinical__volume_cc"]].to_numpy(float),
        )
        wanted = outcomes.loc[key, ["shrinkage_percent", "rate_cc_per_day"]].to_numpy(float)
        found = ends.loc[new, ["shrinkage_percent", "rate_cc_per_day"]].to_numpy(float)
        np.testing.assert_array_equal(found, wanted)
    evaluated_rows = [lesions[key] for key in result.rows.X.index]
    assert set(ends.index[ends["evaluated"] == 1]) == set(evaluated_rows)
    np.testing.assert_array_equal(ends.loc[evaluated_rows, "y"], result.rows.y)
    assert set(features["meta__site"]) == {"site 1", "site 2"}


def test_reasons_leave_by_code(bundle: ExportedBundle) -> None:
    missing = pd.read_csv(bundle.directory / "outcomes_missing.csv")
    assert set(missing["reason"]) == {"follow_up_missing", "other", "not_evaluated"}
    flow = pd.read_csv(bundle.directory / "cohort_flow.csv").set_index("group")
    assert flow["n_lesions"].to_dict() == {
        "evaluated": 48,
        "left out, outcome: follow_up_missing": 1,
        "left out, outcome: other": 1,
        "all left out": 2,
    }
    features = pd.read_csv(bundle.directory / "features_missing.csv")
    assert features["reason"].tolist() == ["mask_empty"]


def test_rows_do_not_stand_in_the_order_of_the_study(bundle: ExportedBundle) -> None:
    """A list of the hospital's patients would otherwise tell who is who."""
    for name in ("features", "outcomes", "apparent"):
        frame = pd.read_csv(bundle.directory / f"{name}.csv", dtype=dict.fromkeys(KEYS, str))
        keys = list(zip(frame["patient_id"], frame["lesion_id"], strict=True))
        assert keys == sorted(keys)


def test_every_figure_has_its_inputs_and_the_answers_are_elsewhere(
    bundle: ExportedBundle, parts
) -> None:
    result = parts[2]
    headline = pd.read_csv(bundle.directory / "headline.csv")
    answers = result.summary()[["auc_oob", "ci_low", "ci_high"]].to_numpy().ravel()
    numbers = headline.select_dtypes("number").to_numpy().ravel()
    assert not set(np.round(answers, 6)) & set(np.round(numbers, 6))
    assert headline["is_headline"].tolist() == [1, 0]
    resamples = pd.read_csv(bundle.directory / "resamples.csv")
    scores = pd.read_csv(bundle.directory / "scores.csv")
    assert resamples["resample"].max() == scores["resample"].max() == 12
    both = resamples[(resamples["times_drawn"] > 0) & (resamples["tested"] == 1)]
    assert both.empty
    assert len(scores) == sum(len(one.test) for one in result.resamples)


def test_it_vouches_for_itself(bundle: ExportedBundle) -> None:
    assert verify(bundle.directory).ok
    package = json.loads((bundle.directory / "datapackage.json").read_text(encoding="utf-8"))
    listed = {resource["path"] for resource in package["resources"]}
    assert {path.name for path in bundle.files} - listed == {
        "SHA256SUMS",
        "datapackage.json",
        "ro-crate-metadata.json",
    }


def test_the_same_call_gives_the_same_bytes(
    bundle: ExportedBundle, parts, pseudonyms, tmp_path: Path
) -> None:
    again = export_bundle(
        tmp_path / "elsewhere",
        *parts,
        formats=FORMATS_OF_A_BUNDLE,
        pseudonyms=pseudonyms,
        trace=parts[2].leakage(n_resamples=1),
        facts=DATE,
    )
    assert again.sha256 == bundle.sha256


def test_a_bundle_is_replaced_and_nothing_else_is(parts, pseudonyms, tmp_path: Path) -> None:
    table, outcomes, _ = parts
    folder = tmp_path / "out"
    first = export_bundle(folder, table, formats="csv", pseudonyms=pseudonyms, facts=DATE)
    second = export_bundle(
        folder, table, outcomes, formats="csv", pseudonyms=pseudonyms, facts=DATE
    )
    assert first.sha256 != second.sha256
    assert verify(folder).ok
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(BundleError) as refused:
        export_bundle(folder, table, formats="csv", pseudonyms=pseudonyms)
    assert refused.value.code == "bundle_files"
    assert (folder / "notes.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_nothing_is_left_of_a_bundle_that_failed(
    parts, pseudonyms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise TableError("No room.", code="table_unwritable")

    monkeypatch.setattr("tumor_response.export.bundle.write_codebook", full)
    with pytest.raises(TableError, match="No room"):
        export_bundle(tmp_path / "out", parts[0], formats="csv", pseudonyms=pseudonyms)
    assert list(tmp_path.iterdir()) == []


def test_under_their_own_names_when_asked(parts, tmp_path: Path) -> None:
    table, outcomes, result = parts
    bundle = export_bundle(
        tmp_path / "out", table, outcomes, result, formats="csv", pseudonyms=False
    )
    features = pd.read_csv(bundle.directory / "features.csv")
    assert set(features["patient_id"]) == {PATIENT.format(k) for k in range(40)}
    assert "2031-07-01" in set(features["meta__date"])
    readme = (bundle.directory / "README.md").read_text(encoding="utf-8")
    assert "must not leave it" in readme
    # messages and provenance quote paths, and stay behind all the same
    everything = b"".join(path.read_bytes() for path in bundle.files)
    assert b"/srv/hospital" not in everything
    assert b"1.2.840.99999" not in everything


def test_what_was_looked_at_may_leave(parts, pseudonyms, tmp_path: Path) -> None:
    bundle = export_bundle(
        tmp_path / "out",
        *parts,
        formats="csv",
        pseudonyms=pseudonyms,
        keep=["meta__site", "mrn"],
    )
    features = pd.read_csv(bundle.directory / "features.csv")
    assert set(features["meta__site"]) == {"Saint Elsewhere", "Clinic of Doctor Foo"}
    assert "mrn" in pd.read_csv(bundle.directory / "outcomes.csv")


@pytest.mark.parametrize(
    "planted",
    [
        "as in ZYXWV-007",
        "see /home/jane/masks/7.nii",
        "series 1.2.826.0.1.3680043.9",
        "Saint Elsewhere",
    ],
)
def test_words_that_name_somebody_are_refused(
    planted: str, parts, pseudonyms, tmp_path: Path
) -> None:
    table = parts[0]
    dictionary = table.dictionary.copy()
    dictionary.loc["clinical__age", "description"] = planted
    with pytest.raises(TableError) as refused:
        export_bundle(
            tmp_path / "out", replace(table, dictionary=dictionary), pseudonyms=pseudonyms
        )
    assert refused.value.code == "identifier_in_text"
    assert planted not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_record_numbers_among_the_predictors_stay_behind(pseudonyms, tmp_path: Path) -> None:
    table, _ = study(12)
    index = pd.MultiIndex.from_tuples(
        [(str(880_000 + place), "1") for place in range(len(table.data))], names=KEYS
    )
    data = table.data.set_axis(index)
    data["clinical__age"] = [float(patient) for patient, _ in index]
    renamed = replace(table, data=data, failures=table.failures.iloc[:0])
    bundle = export_bundle(tmp_path / "out", renamed, formats="csv", pseudonyms=pseudonyms)
    assert "clinical__age" in bundle.left_behind


def test_refusals(parts, pseudonyms, tmp_path: Path) -> None:
    table, outcomes, result = parts
    other, _ = study(44)

    def code_of(error: type[tr.exceptions.TumorResponseError], *args, **options) -> str:
        with pytest.raises(error) as refused:
            export_bundle(tmp_path / "out", *args, **{"pseudonyms": pseudonyms, **options})
        assert not (tmp_path / "out").exists()
        return refused.value.code

    few = table.select("clinical")
    few = replace(few, data=few.data.iloc[:5])
    assert code_of(TableError, few, outcomes) == "index"
    assert code_of(TableError, few, None, result) == "index"
    assert code_of(TableError, table, outcomes.reset_index(drop=True)) == "index"
    assert code_of(TableError, table, formats="docx") == "format_unknown"
    assert code_of(TableError, table, keep=["meta__nothing"]) == "unknown_column"
    assert code_of(EvaluationError, *parts, headline="nobody") == "unknown_model"
    inside = tr.Pseudonyms(tmp_path / "key")
    assert inside.key_file.exists()
    with pytest.raises(SettingsError) as refused:
        export_bundle(tmp_path, table, pseudonyms=inside)
    assert refused.value.code == "key_file"
    assert len(other.data) > len(table.data)
