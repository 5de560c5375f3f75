"""Which stages are done again, and why: held against a table written by hand."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unit import cases
from tests.unit.study.folders import write_data, write_study
from tumor_response.study import StudySettings, read_settings, status
from tumor_response.study.records import Inputs, Records, reasons
from tumor_response.study.stages import STAGES, asked_stages, inputs_of
from tumor_response.study.working import Work

EVERYTHING = {
    "features": {
        "backbone": "test_resnet",
        "weights": "random:0",
        "categories": {"sex": ["f", "m"]},
    },
    "controls": {"robustness": True, "images": ["voxels_shuffled"]},
    "explanation": {"attention": True},
    "predictor": {"enabled": True},
    "export": {"enabled": True},
}
"""Every stage is asked for."""

FEATURES = {"features", "controls", "robustness", "predictor"}
OF_PLAN = {"evaluation", "controls", "ablation"}

# key -> another value, and the stages that use it themselves; what follows from their results
# follows when these change
CHANGES: dict[str, tuple[Any, set[str]]] = {
    "study.title": ("Another", {"report"}),
    "cohort.roles": ({"age": "planned"}, set()),
    "cohort.fill_gaps": (True, set()),
    "cohort.modality": ("MR", set()),
    "cohort.several": ("union", set()),
    "cohort.follow_up": ("last", set()),
    "cohort.structure_set": ("latest", set()),
    "features.radiomics": ("head_neck_ct", FEATURES),
    "features.backbone": ("test_vit", FEATURES | {"attention"}),
    "features.weights": ("random:1", FEATURES | {"attention"}),
    "features.clinical": ([], FEATURES),
    "features.categories": ({}, FEATURES),
    "features.cache_dir": ("elsewhere", set()),
    "outcome.by": ("log_volume_ratio", {"coupling", "predictor"} | OF_PLAN),
    "outcome.per": ("treatment_days", {"outcomes"}),
    "outcome.cut": ("upper_tertile", {"coupling", "predictor"} | OF_PLAN),
    "outcome.observer_error_mm": (2.0, {"coupling"}),
    "models.names": ([], {"evaluation"}),
    "models.headline": (
        "clinical_only",
        {"controls", "explanation", "attention", "predictor", "report", "export"},
    ),
    "models.freeze_plan": (False, set()),
    "evaluation.scheme": ("sites", OF_PLAN),
    "evaluation.n_resamples": (7, OF_PLAN),
    "evaluation.n_folds": (3, set()),  # a bootstrap has none
    "evaluation.n_repeats": (3, set()),
    "evaluation.seed": (1, {"coupling", "robustness", "predictor"} | OF_PLAN),
    "evaluation.failed": ("drop", {"predictor"} | OF_PLAN),
    "controls.images": (["noise_images"], {"controls"}),
    "controls.n_permutations": (20, {"controls"}),
    "controls.n_resamples_permuted": (4, {"controls"}),
    "controls.n_resamples": (4, {"controls"}),
    "controls.n_repeats": (4, {"robustness"}),
    "ablation.models": (["xgboost"], {"ablation"}),
    "ablation.blocks": ([], {"ablation"}),
    "explanation.models": (["clinical_only"], {"explanation"}),
    "explanation.n_permutations": (19, {"explanation"}),
    "explanation.attention_method": ("score_cam", {"attention"}),
    "explanation.concordance": (True, {"attention"}),
    "predictor.n_resamples": (9, {"predictor"}),
    "report.notes": (["x"], {"report"}),
    "report.identified": (True, {"report"}),
    "report.key_file": ("other", {"report", "export"}),
    "export.formats": (["xlsx"], {"export"}),
    "export.named": (True, {"export"}),
    "export.keep": (["meta__site"], {"export"}),
}
SWITCHES = {
    "controls.leakage": {"report", "export"},
    "controls.negative": {"report"},
    "controls.robustness": {"report", "export"},
    "ablation.enabled": {"report"},
    "explanation.attention": {"report"},
    "predictor.enabled": set(),
    "export.enabled": set(),
}
"""Switched off: these no longer have the stage's result before them."""
SOURCES = {"cohort.manifest", "cohort.folder", "cohort.roi", "cohort.clinical_table"}
"""What they name is known by content: see the tests of the data."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("study")
    write_data(root)
    return root


def finished(folder: Path) -> None:
    """Record every stage as done with what there is now, without doing it."""
    work = Work(folder, read_settings(folder), 1, tell=lambda text: None)
    results: dict[str, str] = {}
    for stage in asked_stages(work.settings):
        record = work.records.finish(stage.name, inputs_of(stage, work, results), [], [])
        results[stage.name] = record.result_sha256


def redone(folder: Path) -> set[str]:
    """Return the stages that have reasons of their own to be done."""
    found = status(folder, tell=lambda text: None)
    return {one.stage for one in found if one.why and " is done again; " not in one.why[0]}


def changed(folder: Path, key: str, value: Any) -> None:
    section, name = key.split(".")
    settings = {**EVERYTHING, section: {**EVERYTHING.get(section, {}), name: value}}
    if key == "models.headline":  # no map of a model without images
        settings["explanation"] = {"attention": True}
    write_study(folder, **settings)


def test_every_key_of_the_file_is_in_one_of_the_tables() -> None:
    assert set(StudySettings.keys()) == {*CHANGES, *SWITCHES, *SOURCES}


def test_nothing_is_done_where_nothing_changed(root: Path) -> None:
    folder = write_study(root / "same", **EVERYTHING)
    finished(folder)
    assert redone(folder) == set()
    assert {stage.name for stage in STAGES} == {one.stage for one in status(folder, tell=print)}


@pytest.mark.parametrize("key", [key for key in CHANGES if key != "models.headline"])
def test_a_key_redoes_the_stages_that_use_it_and_no_other(root: Path, key: str) -> None:
    folder = write_study(root / "one", **EVERYTHING)
    finished(folder)
    value, expected = CHANGES[key]
    changed(folder, key, value)
    assert redone(folder) == expected
    told = [one for one in status(folder, tell=print) if one.stage in expected]
    assert all(f"[{key.replace('.', '] ')} changed from " in " ".join(one.why) for one in told)


def test_another_headline_redoes_what_speaks_of_it(root: Path) -> None:
    settings = {**EVERYTHING, "models": {"names": ["logistic_deep", "logistic_all"]}}
    folder = write_study(root / "headline", **settings)
    finished(folder)
    settings["models"] = {**settings["models"], "headline": "logistic_deep"}
    write_study(folder, **settings)
    assert redone(folder) == CHANGES["models.headline"][1]


@pytest.mark.parametrize("key", SWITCHES)
def test_what_is_switched_off_leaves_report_and_bundle(root: Path, key: str) -> None:
    folder = write_study(root / "switched", **EVERYTHING)
    finished(folder)
    changed(folder, key, False)
    assert redone(folder) == SWITCHES[key]


def test_what_follows_waits_for_what_is_done_again(root: Path) -> None:
    folder = write_study(root / "waits", **EVERYTHING)
    finished(folder)
    changed(folder, "features.radiomics", "head_neck_ct")
    by_name = {one.stage: one.why for one in status(folder, tell=print)}
    assert by_name["evaluation"] == ("features is done again; if that changes anything",)
    assert by_name["outcomes"] == ()


@pytest.fixture
def own_data(root: Path, tmp_path: Path) -> Path:
    """A finished study with data of its own, which may be changed."""
    shutil.copytree(root / "data", tmp_path / "data")
    folder = write_study(tmp_path / "study", **EVERYTHING)
    finished(folder)
    return folder


OF_BASELINE = {"check", "outcomes", "report", "attention"} | FEATURES
OF_FOLLOW_UP = {"check", "outcomes", "report", "attention"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("p3_ct.nii.gz", OF_BASELINE),
        ("p3_gtv.nii.gz", OF_BASELINE),
        ("p3_gtv2.nii.gz", OF_FOLLOW_UP),
    ],
)
def test_a_changed_file_redoes_what_reads_it(own_data: Path, name: str, expected: set[str]) -> None:
    other = cases.image(99) if "ct" in name else cases.mask(6.0)
    cases.write(own_data.parent / "data", name, other)
    assert redone(own_data) == expected
    check = status(own_data, tell=print)[0]
    assert check.why == ("the data changed (1 other: P3 1)",)


def test_a_file_written_again_with_the_same_content_redoes_nothing(own_data: Path) -> None:
    path = own_data.parent / "data" / "p3_ct.nii.gz"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    assert redone(own_data) == set()


def test_data_that_moved_redo_nothing(own_data: Path) -> None:
    (own_data.parent / "data").rename(own_data.parent / "moved")
    changed(own_data, "cohort.manifest", "../moved/manifest.csv")
    assert redone(own_data) == set()


@pytest.mark.parametrize(
    ("column", "expected"),
    [("age", OF_BASELINE), ("smoking", OF_FOLLOW_UP), ("follow_up_date", OF_FOLLOW_UP)],
)
def test_a_changed_column_redoes_what_sees_it(
    own_data: Path, column: str, expected: set[str]
) -> None:
    path = own_data.parent / "data" / "manifest.csv"
    manifest = pd.read_csv(path)
    manifest[column] = "2024-02-10" if column == "follow_up_date" else np.arange(len(manifest))
    manifest.to_csv(path, index=False)
    assert redone(own_data) == expected


def test_a_patient_more_and_one_less_are_named(own_data: Path) -> None:
    path = own_data.parent / "data" / "manifest.csv"
    manifest = pd.read_csv(path)
    manifest.loc[0, "patient_id"] = "NEW"
    manifest.to_csv(path, index=False)
    assert status(own_data, tell=print)[0].why == ("the data changed (1 new: NEW 1; 1 gone: P0 1)",)


def test_another_version_of_the_library_redoes_everything(
    own_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Records(own_data).read("check")
    assert record is not None
    other = Inputs(**{**vars(record.inputs), "version": "99.0"})
    assert reasons(record, other, own_data) == [
        f"tumor_response changed from {record.inputs.version} to 99.0"
    ]


def test_an_output_that_is_missing_or_changed_is_a_reason(tmp_path: Path) -> None:
    records = Records(tmp_path)
    (tmp_path / "table.csv").write_text("a")
    record = records.finish("check", Inputs({}), [], [tmp_path / "table.csv"])
    assert records.read("check") == record
    assert reasons(record, Inputs({}), tmp_path) == []
    (tmp_path / "table.csv").write_text("b")
    assert reasons(record, Inputs({}), tmp_path) == ["table.csv was changed"]
    (tmp_path / "table.csv").unlink()
    assert reasons(record, Inputs({}), tmp_path) == ["table.csv is missing"]


def test_a_record_cut_short_is_no_record(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.finish("check", Inputs({}), [], [])
    path = tmp_path / "stages" / "check.json"
    path.write_bytes(path.read_bytes()[:-20])
    assert records.read("check") is None


def test_a_record_is_gone_while_its_stage_is_done(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.finish("check", Inputs({}), [], [])
    records.begin("check")
    assert records.read("check") is None
