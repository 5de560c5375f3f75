"""From images to predictions: the training rules, refused versions, other contours, a file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

import tumor_response as tr
from tests.unit import cases
from tests.unit.predictor import made
from tumor_response.cli import app
from tumor_response.exceptions import (
    BundleError,
    EvaluationError,
    FeatureError,
    ModelError,
    TableError,
)
from tumor_response.features.altered import Altered
from tumor_response.imaging.perturb import plausible_contours
from tumor_response.predictor.local_lesions import outcome_by_the_cut
from tumor_response.predictor.predictor import ShrinkagePredictor

SMALL = {
    "model": tr.make_model("logistic", Cs=[0.1]),
    "n_resamples": 3,
    "n_repeats": 1,
    "n_folds": 3,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("predictor")


@pytest.fixture(scope="module")
def cohort(folder: Path) -> tr.Cohort:
    return made.cohort(folder / "cohort")


@pytest.fixture(scope="module")
def fitted(cohort: tr.Cohort) -> ShrinkagePredictor:
    predictor = ShrinkagePredictor(made.EXTRACTORS, label=tr.ResponderCut("median"), **SMALL)
    return predictor.fit(cohort, made.outcomes(cohort))


@pytest.fixture(scope="module")
def new(folder: Path) -> tr.Cohort:
    """Of five lesions the second has a damaged image, the fourth an empty contour."""
    made.cohort(folder / "new", 5)
    (folder / "new" / "p1_ct.nii.gz").write_bytes(b"no image")
    sitk.WriteImage(cases.empty_mask(), str(folder / "new" / "p3_gtv.nii.gz"))
    return tr.Cohort.from_csv(folder / "new" / "manifest.csv")


def test_images_give_what_their_table_gives_and_every_lesion_has_a_row(
    fitted: ShrinkagePredictor, new: tr.Cohort
) -> None:
    found = fitted.predict(new)
    assert found.index.to_list() == [case.key for case in new]
    assert found["refusal"].tolist() == ["", "not_an_image", "", "mask_empty", ""]
    assert found["probability"].notna().tolist() == [True, False, True, False, True]
    table = tr.extract(new, made.EXTRACTORS)
    from_table = fitted.predict_table(table)
    pd.testing.assert_series_equal(found["probability"], from_table["probability"])
    assert from_table["refusal"].tolist() == found["refusal"].tolist()


def test_another_contour_is_the_one_that_the_perturbation_draws(
    fitted: ShrinkagePredictor, new: tr.Cohort
) -> None:
    found = fitted.predict(new, contours=3, observer_sd_mm=2.0)
    rule = plausible_contours(observer_sd_mm=2.0)
    by_hand = []
    for repeat in range(3):
        altered = [Altered(one, rule, seed=0, repeat=repeat) for one in made.EXTRACTORS]
        data = tr.extract(new, altered).data
        by_hand.append(fitted.predict_table(data)["probability"])
    low, high = np.quantile(by_hand, (0.05, 0.95), axis=0)
    np.testing.assert_allclose(found["contour_low"], low, rtol=1e-12)
    np.testing.assert_allclose(found["contour_high"], high, rtol=1e-12)
    same = fitted.predict(new, contours=2, observer_sd_mm=0.0)
    np.testing.assert_allclose(same["contour_low"], same["probability"], rtol=1e-12)
    np.testing.assert_allclose(same["contour_high"], same["probability"], rtol=1e-12)


def test_a_file_predicts_the_same_bytes_and_the_command_line_writes_them(
    fitted: ShrinkagePredictor, new: tr.Cohort, folder: Path
) -> None:
    sha256 = fitted.save(folder / "model.trz")
    loaded = ShrinkagePredictor.load(folder / "model.trz", sha256=sha256)
    expected = fitted.predict(new, coverage=0.8)
    pd.testing.assert_frame_equal(loaded.predict(new, coverage=0.8), expected, check_exact=True)
    out = folder / "out" / "predictions.csv"
    arguments = ["predict", folder / "model.trz", folder / "new" / "manifest.csv", "--out", out]
    options = ["--sha256", sha256, "--coverage", "0.8", "-j", "1"]
    result = CliRunner().invoke(app, [*map(str, arguments), *options], catch_exceptions=False)
    said = " ".join(result.output.split())
    assert result.exit_code == 0, said
    assert "5 lesions: 3 predicted" in said
    assert "Refused, mask_empty: P3 1" in said
    assert "not a medical device" in said
    read = pd.read_csv(out, index_col=[0, 1], dtype={"lesion_id": str}, keep_default_na=False)
    assert read["probability"].iloc[0] == repr(float(expected["probability"].iloc[0]))
    told = json.loads(out.with_suffix(".json").read_text())
    assert (told["model_sha256"], told["coverage"]) == (sha256, 0.8)
    options[1] = "0" * 64
    result = CliRunner().invoke(app, [*map(str, arguments), *options], catch_exceptions=False)
    assert result.exit_code == 2


def test_other_settings_are_refused_and_other_versions_put_to_the_self_check(
    fitted: ShrinkagePredictor, new: tr.Cohort
) -> None:
    other = [tr.ClinicalFactors(["volume_cc", "age"])]
    with pytest.raises(FeatureError) as caught:
        ShrinkagePredictor.from_state(fitted.state_, other).predict(new)
    assert caught.value.code == "extractor_changed"
    with pytest.raises(FeatureError) as caught:
        fitted.predict_table(tr.extract(new, other))
    assert caught.value.code == "extractor_changed"

    older = fitted.state_.provenance | {"versions": {"numpy": "1.0"}, "tumor_response": "0.0.1"}
    elsewhere = replace(fitted.state_, provenance=older)
    expected = fitted.predict(new)
    found = ShrinkagePredictor.from_state(elsewhere).predict(new)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    table = tr.extract(new, made.EXTRACTORS)
    ShrinkagePredictor.from_state(elsewhere).predict_table(table)

    values = {"clinical": older["self_check"]["clinical"] | {"clinical__volume_cc": 41.0}}
    for check in (values, None):
        changed = replace(elsewhere, provenance=older | {"self_check": check})
        for predict in (
            lambda p: p.predict(new),
            lambda p: p.predict_table(table),
        ):
            with pytest.raises(FeatureError) as caught:
                predict(ShrinkagePredictor.from_state(changed))
            assert caught.value.code == "extractor_changed"


def test_a_table_of_a_third_version_is_refused(fitted: ShrinkagePredictor, new: tr.Cohort) -> None:
    table = tr.extract(new, made.EXTRACTORS)
    old = replace(table, provenance=table.provenance | {"tumor_response": "0.0.1"})
    with pytest.raises(FeatureError, match=r"0\.0\.1") as caught:
        fitted.predict_table(old)
    assert caught.value.code == "extractor_changed"


def test_a_predictor_of_a_bare_frame_takes_no_images(new: tr.Cohort, cohort: tr.Cohort) -> None:
    data = tr.extract(cohort, made.EXTRACTORS).data
    predictor = ShrinkagePredictor(label=tr.ResponderCut("median"), **SMALL)
    predictor.fit_table(data, made.outcomes(cohort))
    with pytest.raises(FeatureError) as caught:
        predictor.predict(new)
    assert caught.value.code == "extractor_unknown"
    with pytest.raises(FeatureError) as caught:
        predictor.fit(cohort, made.outcomes(cohort))
    assert caught.value.code == "settings"


def test_local_outcomes_recalibrate_by_the_cut_that_travels(
    fitted: ShrinkagePredictor, cohort: tr.Cohort, new: tr.Cohort
) -> None:
    state, y = fitted.state_, made.outcomes(cohort) + 0.4
    classes = (y > state.end_point["cut"]).astype(float).where(y.notna())
    table = tr.extract(cohort, made.EXTRACTORS)
    y.iloc[2] = np.nan
    classes.iloc[2] = np.nan
    child = fitted.recalibrate(cohort, y)
    from_classes = fitted.recalibrate(table, classes)
    assert child.state_.calibration == from_classes.state_.calibration
    assert child.state_.parents[-1]["left_out"] == {"outcome_missing": 1}
    assert child.state_.parents[-1]["n_lesions"] == len(cohort) - 1
    before, after = fitted.predict_table(table), child.predict_table(table)
    assert after["probability"].mean() > before["probability"].mean()
    with pytest.raises(EvaluationError) as caught:
        outcome_by_the_cut(state, y.rename("log_volume_ratio"))
    assert caught.value.code == "y"
    with pytest.raises(EvaluationError) as caught:
        fitted.recalibrate(new, made.outcomes(new))
    assert caught.value.code == "too_few_patients"


def test_card_graph_and_features_are_of_the_state(
    fitted: ShrinkagePredictor, new: tr.Cohort, folder: Path
) -> None:
    import onnxruntime

    predictor = ShrinkagePredictor.from_state(fitted.state_).describe(about={"name": "Ours <b>"})
    card = predictor.model_card(folder / "card.html", format="html")
    assert (folder / "card.html").read_text(encoding="utf-8") == card
    assert "Ours &lt;b&gt;" in card
    assert "not a medical device" in predictor.model_card().lower()
    with pytest.raises(ModelError) as caught:
        predictor.model_card(format="pdf")  # type: ignore[arg-type]
    assert caught.value.code == "card_format"
    features = predictor.features(new)
    assert features.blocks == ["clinical"]
    assert predictor.extractors_[0].identity() == made.EXTRACTORS[0].identity()
    predictor.to_onnx(folder / "model.onnx")
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    rows = features.data[["clinical__age", "clinical__volume_cc"]].dropna()
    (found,) = session.run(["probability"], {"numbers": rows.to_numpy()})
    expected = predictor.predict_table(features).loc[rows.index, "probability"]
    np.testing.assert_allclose(found.ravel(), expected, rtol=1e-9)


def test_a_model_that_holds_patients_is_not_saved(cohort: tr.Cohort, folder: Path) -> None:
    table = tr.extract(cohort, made.EXTRACTORS)
    held = SMALL | {"model": "gaussian_process"}
    predictor = ShrinkagePredictor(label=tr.ResponderCut("median"), **held)
    predictor.fit_table(table, made.outcomes(cohort))
    with pytest.raises(BundleError) as caught:
        predictor.save(folder / "rows.trz")
    assert caught.value.code == "training_rows"
    assert not (folder / "rows.trz").exists()


def test_similar_lesions_are_the_nearest_of_other_patients(
    fitted: ShrinkagePredictor, cohort: tr.Cohort, new: tr.Cohort
) -> None:
    table = tr.extract(cohort, made.EXTRACTORS)
    # the image's patients have the identifiers of training patients: they are somebody else's here
    later = tr.extract(new, made.EXTRACTORS)
    renamed = later.data.set_index(
        pd.MultiIndex.from_tuples(
            [(f"N{patient}", lesion) for patient, lesion in later.data.index],
            names=table.data.index.names,
        )
    )
    predictor = ShrinkagePredictor.from_state(fitted.state_)
    predictor.fit_table(table, (made.outcomes(cohort) > 0.9).astype(float))
    found = predictor.similar(table, renamed, n=2, y=made.outcomes(cohort))
    columns = ["clinical__age", "clinical__volume_cc"]
    known, there = table.data[columns], renamed[columns].dropna()
    assert sorted(set(found.index.get_level_values(0))) == sorted(there.index.get_level_values(0))
    for key, row in there.iterrows():
        distance = np.sqrt((((known - row) / known.std(ddof=0)) ** 2).mean(axis=1))
        nearest = distance.sort_values(kind="stable")[:2]
        ours = found.loc[key]
        np.testing.assert_allclose(ours["distance"], nearest, rtol=1e-9)
        assert ours["outcome"].tolist() == [
            made.outcomes(cohort)[one]
            for one in zip(ours["similar_patient_id"], ours["similar_lesion_id"], strict=True)
        ]
    same = predictor.similar(table, table, n=1).reset_index()
    assert (same["patient_id"] != same["similar_patient_id"]).all()
    for other in (later, replace(table, data=table.data.assign(clinical__age=50.0))):
        with pytest.raises(TableError) as caught:
            predictor.similar(other, later)
        assert caught.value.code == "not_the_training_table"
