"""Patient pages of small images: numbers, refusals, names, pictures, failures."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from typer.testing import CliRunner

import tumor_response as tr
from tests.unit.reporting.patient.made import SCRIPT, cohort_of, fitted
from tests.unit.reporting.patient.reading import pictures, section, text, verdict
from tumor_response.cli import app
from tumor_response.exceptions import SettingsError, TableError
from tumor_response.predictor import RefusalRule
from tumor_response.predictor.predicting import raw_outputs_of
from tumor_response.reporting.patient.drivers import Driver, Drivers, drivers_of
from tumor_response.reporting.patient.identity import doubt_of


@pytest.fixture(scope="module")
def pages(predictor, new, training, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    table, y = training
    written = tr.patient_page(
        predictor, new, folder, training=table, y=y, identified=True, coverage=0.8
    )
    assert written.failures.empty
    pd.testing.assert_frame_equal(written.predictions, predictor.predict(new, coverage=0.8))
    return {patient: path for (patient, _), path in written.paths.items()}


def test_the_page_says_what_the_predictor_says(pages, predictor, new) -> None:
    found = predictor.predict(new, coverage=0.8)
    for patient in ("old", "middling", "young"):
        row = found.loc[patient, "1"]
        said = section(pages[patient], "said")
        shares = row[["probability", "spread_low", "spread_high"]].astype(float)
        assert shares.between(0, 0.995).all()
        told = ["fewer than 1" if one < 0.005 else f"{100 * one:.0f}" for one in shares]
        assert "about {} ({} to {}) are expected".format(*told) in said
        beside = section(pages[patient], "beside")
        assert f"alone: about {100 * row['probability_volume_only']:.0f} of 100" in beside
        assert f"{(6 * 3.0) ** 3 / 1000:.3g} cc" in beside
        expected = {"{1}": "response", "{0}": "no_response"}.get(row["label_set"], "undecided")
        assert verdict(pages[patient]) == expected
    assert verdict(pages["old"]) == "response"
    assert verdict(pages["young"]) == "no_response"


def test_the_ancient_is_outside_and_the_page_says_why(pages) -> None:
    assert verdict(pages["ancient"]) == "outside"
    assert "age 250" in section(pages["ancient"], "said")


def test_similar_patients_are_the_predictors_own(pages, predictor, new, training) -> None:
    table, y = training
    found = predictor.similar(table, tr.Cohort([new["old", "1"]]), y=y)
    said = section(pages["old"], "similar")
    places = [said.index(patient) for patient in found["similar_patient_id"]]
    assert places == sorted(places)
    assert f"{found['outcome'].iloc[0]:.2f} % per day" in said


def test_every_page_says_what_it_is(pages, predictor) -> None:
    for path in pages.values():
        said = text(path)
        assert "For research. Not a medical device." in said
        assert "30 patients, 30 lesions" in said
        assert "says nothing about any treatment" in said
        assert "not saved: it has none" in said


def test_effects_add_up_to_the_calibrated_log_odds(predictor, new, training) -> None:
    """Against the model's own output at the lesion and its mean over the training rows."""
    table, _ = training
    state = predictor.state_
    X = predictor.features(new).data[list(state.dictionary.index)]
    at = state.calibration.apply(raw_outputs_of(state, state.model, X.iloc[[0]]))[0]
    usual = state.calibration.apply(raw_outputs_of(state, state.model, table.data)).mean()
    for training_rows in (table.data, None):
        told = drivers_of(state, X.iloc[[0]], training_rows)
        assert sum(one.effect for one in told.blocks) == pytest.approx(at - usual, abs=1e-9)
        assert sum(one.effect for one in told.columns) == pytest.approx(at - usual, abs=1e-9)
    found = predictor.predict(new).iloc[0]
    assert at == pytest.approx(logit(found["probability"]))


def test_trees_need_the_training_table(training, new) -> None:
    table, _ = training
    few = tr.make_model("xgboost", n_estimators=20, least_rounds=10, early_stopping="none")
    trees = fitted(training, few)
    row = trees.features(new).data.iloc[[0]][list(trees.state_.dictionary.index)]
    without = drivers_of(trees.state_, row, None)
    assert without.blocks == ()
    assert without.sentences[0].startswith("Not known")
    assert drivers_of(trees.state_, row, table.data).columns


def test_a_refused_page_has_no_number(predictor, tmp_path: Path, key: Path) -> None:
    """Neither of the empty contour, nor of the case outside that was refused."""
    empty = cohort_of(tmp_path, [("nobody", "1", 60.0, 6)], empty=True)
    page = next(
        iter(tr.patient_page(predictor, empty, tmp_path / "a", key_file=key).paths.values())
    )
    assert verdict(page) == "refused"
    assert "The contour is empty." in section(page, "said")
    outside = cohort_of(tmp_path, [("ancient", "1", 250.0, 6)])
    rule = RefusalRule(out_of_domain=True)
    written = tr.patient_page(predictor, outside, tmp_path / "b", refuse=rule, key_file=key)
    other = next(iter(written.paths.values()))
    assert verdict(other) == "refused"
    assert len(pictures(other)) == 3
    for one in (page, other):
        for absent in (
            "of 100",
            "log-odds",
            "AUC",
            "volume alone",
            "Similar",
            "raises",
            "coverage",
        ):
            assert absent not in text(one)
    assert re.findall(r"\d+", section(page, "said")) == []


def test_a_patient_of_the_fit_gets_no_prediction(predictor, training, tmp_path, key) -> None:
    table, y = training
    again = cohort_of(tmp_path, [("T003", "1", 60.0, 6)])
    written = tr.patient_page(predictor, again, tmp_path / "p", training=table, y=y, key_file=key)
    page = next(iter(written.paths.values()))
    assert verdict(page) == "seen"
    assert "is no prediction" in section(page, "said")


def test_a_model_that_was_not_shown_to_predict_says_so(training, new, tmp_path, key) -> None:
    noise = fitted(training)
    fit = noise.state_.record["fit"]
    crossed = {**fit["cross_fitted"], "model": 0.47}
    noise._state = dataclasses.replace(
        noise.state_, record={"fit": {**fit, "cross_fitted": crossed}}
    )
    case = new["old", "1"]
    written = tr.patient_page(noise, case, tmp_path / "p.html", key_file=key)
    assert verdict(written.paths["old", "1"]) == "not_shown"
    assert "no better than chance (AUC 0.47)" in section(written.paths["old", "1"], "said")


@pytest.mark.parametrize(("low", "doubted"), [(0.45, True), (None, True), (0.55, False)])
def test_an_interval_that_reaches_chance_is_a_null_result(predictor, low, doubted) -> None:
    own = {"auc_oob": 0.7, "ci_low": low, "ci_high": 0.8}
    evaluation = {"model": "m", "headline": "auc_oob", "models": {"m": own}}
    record = {**predictor.state_.record, "evaluation": evaluation}
    state = dataclasses.replace(predictor.state_, record=record)
    assert bool(doubt_of(state)) == doubted


def test_names_are_pseudonyms_and_text_is_text(predictor, training, tmp_path, key) -> None:
    table, y = training
    rows = [(f"Smith{SCRIPT}", "../../GTV of Smith", 60.0, 6), ("Jones", "GTVp", 60.0, 6)]
    cohort = cohort_of(tmp_path, rows)
    hostile = fitted(training).describe(about={"name": SCRIPT})
    for identified in (False, True):
        folder = tmp_path / f"pages{identified}"
        written = tr.patient_page(
            hostile, cohort, folder, training=table, y=y, identified=identified, key_file=key
        )
        assert len(written.paths) == 2
        for path in written.paths.values():
            content = path.read_text(encoding="utf-8")
            told = re.sub(r'src="data:[^"]*"', "", content)
            assert path.parent == folder
            assert "<script" not in content
            assert "console.error(1)" in text(path)  # shown as the text it is
            for name in ("Smith", "Jones", "T0"):
                assert (name in told + path.name) <= identified
    names = tr.Pseudonyms(key)
    assert {names.of("Jones")} < {
        p.name.partition("_")[0] for p in (tmp_path / "pagesFalse").iterdir()
    }


def test_the_same_bytes_alone_and_among_others(predictor, new, tmp_path, key) -> None:
    two = tr.Cohort([new["old", "1"], new["young", "1"]])
    every = tr.patient_page(predictor, two, tmp_path / "a", key_file=key)
    again = tr.patient_page(predictor, two, tmp_path / "b", key_file=key)
    contents = {k: path.read_bytes() for k, path in every.paths.items()}
    assert contents == {k: path.read_bytes() for k, path in again.paths.items()}
    case = new["young", "1"]
    alone = tr.patient_page(predictor, case, tmp_path / "one.html", key_file=key)
    assert alone.paths == {("young", "1"): tmp_path / "one.html"}
    assert (tmp_path / "one.html").read_bytes() == contents["young", "1"]


def test_one_page_that_cannot_be_written_is_a_row(predictor, new, tmp_path, key) -> None:
    folder = tmp_path / "pages"
    blocked = folder / f"{tr.Pseudonyms(key).of('middling')}_1.html"
    blocked.mkdir(parents=True)
    written = tr.patient_page(predictor, new, folder, key_file=key)
    assert written.failures[["patient_id", "reason"]].values.tolist() == [
        ["middling", "table_unwritable"]
    ]
    assert [patient for patient, _ in written.paths] == ["old", "young", "ancient"]


@pytest.mark.parametrize(
    ("plane", "row", "column"),
    [("axial", "below", "right"), ("coronal", "above", "right"), ("sagittal", "above", "right")],
)
def test_the_patients_left_and_back_are_on_the_right_and_the_head_is_up(
    pages, plane: str, row: str, column: str
) -> None:
    at = {"above": 0.16, "below": 0.84, "left": 0.16, "right": 0.84}
    picture = pictures(pages["old"])[["axial", "coronal", "sagittal"].index(plane)]
    size = picture.shape[0]
    bright = {
        (r, c): picture[round(at[r] * size), round(at[c] * size), :3].min() > 0.95
        for r in ("above", "below")
        for c in ("left", "right")
    }
    assert [place for place, is_bright in bright.items() if is_bright] == [(row, column)]


def test_the_contour_is_drawn_where_the_tumour_ends(pages) -> None:
    """Six voxels of 3 mm in a field of 60 mm: orange at 0.35 and 0.65 of the width, not within."""
    for picture in pictures(pages["old"]):
        size = picture.shape[0]
        middle = picture[size // 2, :, :3]
        orange = (middle[:, 0] > 0.7) & (middle[:, 2] < 0.3)
        found = np.nonzero(orange)[0] / size
        width = found.max() - found.min()
        assert width == pytest.approx(6 * 3.0 / 60.0, abs=0.02)
        assert not ((found > found.min() + 0.03) & (found < found.max() - 0.03)).any()


def test_wrong_questions_are_answered(predictor, new, training, tmp_path, key) -> None:
    table, _ = training
    with pytest.raises(SettingsError, match="there are 4 lesions; name a folder"):
        tr.patient_page(predictor, new, tmp_path / "one.html", key_file=key)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(SettingsError, match="is a file; name a folder"):
        tr.patient_page(predictor, new, tmp_path / "file", key_file=key)
    for window in ("brain", (240.0, -160.0), 400):
        with pytest.raises(SettingsError, match="two rising numbers or one of"):
            tr.patient_page(predictor, new, tmp_path / "p", window=window, key_file=key)
    with pytest.raises(TableError) as caught:
        tr.patient_page(predictor, new, tmp_path / "p", training=table.data[::-1], key_file=key)
    assert caught.value.code == "not_the_training_table"
    with pytest.raises(SettingsError) as refused:
        tr.patient_page(predictor, new, tmp_path / "p", key_file=tmp_path / "p" / "key")
    assert refused.value.code == "key_file"


def test_a_rate_and_no_network(training, new, tmp_path, key) -> None:
    predictor = fitted(training, "linear", outcome="rate")
    found = predictor.predict(new, coverage=0.8)
    asked = {"coverage": 0.8, "attention": True, "identified": True, "window": (-50.0, 150.0)}
    written = tr.patient_page(predictor, new["old", "1"], tmp_path / "p", **asked)
    row, page = found.loc["old", "1"], written.paths["old", "1"]
    assert verdict(page) == "rate"
    said = section(page, "said")
    assert f"Predicted: {row['rate']:.2f} %" in said
    assert f"80 % interval: {row['interval_low']:.2f} to {row['interval_high']:.2f}" in said
    tumour = section(page, "tumour")
    assert "the model reads no network" in tumour
    assert "−50 to 150 HU" in tumour


def test_the_command_line_writes_pages_and_the_same_table(
    training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUMOR_RESPONSE_KEY_FILE", str(tmp_path / "apart" / "key"))
    rows = [("old", "1", 79.0, 6)]
    cohort_of(tmp_path, rows)
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(
        "patient_id,image,mask,age\nold,case0_image.nii.gz,case0_mask.nii.gz,79\n", encoding="utf-8"
    )
    fitted(training).save(tmp_path / "model.trz")
    asked = ["predict", str(tmp_path / "model.trz"), str(manifest), "--n-jobs", "1"]
    for name, more in (("plain", []), ("paged", ["--pages", str(tmp_path / "pages")])):
        out = ["--out", str(tmp_path / f"{name}.csv")]
        done = CliRunner().invoke(app, [*asked, *out, *more])
        assert done.exit_code == 0, done.output
    assert (tmp_path / "plain.csv").read_bytes() == (tmp_path / "paged.csv").read_bytes()
    (page,) = (tmp_path / "pages").iterdir()
    assert verdict(page) == "response"
    assert "old" not in page.name


def test_next_to_nothing_has_short_bars() -> None:
    little = Drivers((), (Driver("clinical", "", 0.01),), (), "calibrated log-odds")
    assert little.blocks[0].effect / little.largest <= 0.1
    much = Drivers((), (Driver("clinical", "", 0.9), Driver("deep", "", -1.5)), (), little.unit)
    assert much.largest == 1.5
    rate = Drivers((), (Driver("clinical", "", 0.01),), (), "% of the baseline volume per day")
    assert rate.largest == 0.01
