"""attention(): a cohort's maps, of this study's model, and what is refused or told."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tests.unit.explanation.attention.lesions import case, images, pathway
from tumor_response.cohort import Case
from tumor_response.exceptions import ExplanationError, FeatureError
from tumor_response.explanation.attention.cohort_mapping import CohortMapping, attend, task_of
from tumor_response.explanation.attention.computing import attention
from tumor_response.explanation.attention.lesion import Lesion
from tumor_response.explanation.attention.methods import method_of
from tumor_response.explanation.attention.settings import CamSettings
from tumor_response.explanation.attention.weights import embedding_weights

SIGNED = CamSettings(sign="both")


def small(**settings) -> tr.DeepFeatures:
    chosen = {"weights": "random:1", "input_px": 64, "backend": "eager"} | settings
    return tr.DeepFeatures("test_resnet", **chosen)


@pytest.fixture(scope="module")
def study():
    cases = [case(number) for number in range(6)]
    deep = small(pooling=("mean", "max"))
    rows = [deep.extract(one.baseline).values for one in cases]
    index = pd.MultiIndex.from_tuples([c.key for c in cases], names=["patient_id", "lesion_id"])
    table = pd.DataFrame(rows, index)
    table.insert(0, "clinical__age", np.arange(50.0, 80.0, 5.0))
    fitted = tr.make_model("logistic", Cs=(1.0,)).fit(table, np.array([0, 1, 0, 1, 0, 1]))
    return cases, deep, table, fitted


def test_a_map_is_the_slope_of_the_prediction_that_the_pipeline_makes(study):
    # pixels are changed, features extracted and the row predicted again, as a user would
    cases, deep, table, fitted = study
    one = cases[2]
    weights = embedding_weights(
        fitted, [s.column for s in deep.feature_specs()], table=table, in_sample=True
    )
    seen = pathway(deep)
    lesion = _Noting()
    attend(
        one.baseline,
        seen,
        weights.weights.loc[one.key].to_numpy(),
        lesion,
        output=0.0,
        expected=weights.values.loc[one.key].to_numpy(),
    )
    noted = lesion.noted
    # in double precision, so that steps are small enough to stay between the kinks
    exact = seen.with_module(copy.deepcopy(seen.module).double())
    pixels = noted.pixels.astype(np.float64)
    gradient = Lesion(exact, pixels, noted.readout).pixel_gradient(pixels)
    way = np.random.default_rng(0).normal(size=pixels.shape)
    outputs = []
    for step in (1e-7, -1e-7):
        row = table.loc[[one.key]].copy()
        changed = Lesion(exact, pixels + step * way, noted.readout)
        row[weights.columns] = noted.readout.columns(changed.features).numpy()
        outputs.append(float(fitted.decision_function(row)[0]))
    expected = (outputs[0] - outputs[1]) / 2e-7
    assert (gradient * way).sum() == pytest.approx(expected, rel=1e-3)


class _Noting:
    """A method that keeps the lesion it was given."""

    name = "noting"

    def maps(self, lesion):
        self.noted = lesion
        return np.zeros((len(lesion.pixels), lesion.pathway.size_px, lesion.pathway.size_px))


def test_maps_of_a_cohort_are_the_same_wherever_they_are_computed(study):
    cases, deep, table, fitted = study
    given = {"extractor": deep, "table": table, "in_sample": True, "settings": SIGNED}
    maps = attention(fitted, cases, **given)
    assert list(maps) == [c.key for c in cases]
    assert (maps.mode, maps.method, maps.model) == ("in_sample", "grad_cam", "RidgeLogistic")
    assert maps.provenance["extractor"]["weights_sha256"] == deep.weights_sha256
    assert maps.failures.empty
    columns = [s.column for s in deep.feature_specs()]
    weights = embedding_weights(fitted, columns, table=table, in_sample=True)
    method = method_of("grad_cam", SIGNED)
    work = CohortMapping(deep, "cpu", method, (0.0, 0.0))
    # what a worker gets: the network is loaded again, from the file
    elsewhere = pickle.loads(pickle.dumps(work))
    for one in reversed(cases):
        (found,) = elsewhere([task_of(one, weights)])
        assert (found.view_maps.maps == maps[one.key].view_maps.maps).all()
        assert (found.box.values == maps[one.key].box.values).all()
        expected = fitted.decision_function(table.loc[[one.key]])[0]
        assert found.output == pytest.approx(expected)


def test_out_of_bag_maps_are_those_of_the_mean_weights(study):
    cases, deep, table, _ = study
    y = pd.Series([0.0, 1.0] * 3, table.index)
    scheme = tr.Bootstrap632Plus(n_resamples=8, seed=1)
    result = tr.evaluate({"m": tr.make_model("logistic", Cs=(1.0,))}, table, y, scheme)
    maps = attention(result, cases, extractor=deep, name="m", settings=SIGNED)
    columns = [s.column for s in deep.feature_specs()]
    weights = embedding_weights(result, columns, name="m")
    again = attention(weights, cases, extractor=deep, settings=SIGNED)
    assert maps.mode == "out_of_bag"
    for key in maps:
        assert (maps[key].view_maps.maps == again[key].view_maps.maps).all()
        assert maps[key].output == weights.outputs[key]


def test_one_bad_case_is_a_row_and_not_the_end(study):
    cases, deep, table, fitted = study
    image, mask = images(0)
    empty = Case(patient_id="P1", lesion_id="1", image=image, mask=mask * 0)
    other = Case(patient_id="P9", lesion_id="1", image=image, mask=mask)
    swapped = Case(patient_id="P2", lesion_id="1", image=image, mask=mask)
    table = table.copy()
    table.iloc[3, 5] = np.nan
    cohort = [cases[0], empty, swapped, cases[3], other]
    maps = attention(fitted, cohort, extractor=deep, table=table, in_sample=True)
    assert list(maps) == [cases[0].key]
    reasons = dict(zip(maps.failures["patient_id"], maps.failures["reason"], strict=True))
    assert reasons == {
        "P1": "mask_empty",
        "P2": "extractor_mismatch",
        "P3": "deep_values_missing",
        "P9": "not_in_table",
    }
    with pytest.raises(ExplanationError) as caught:
        attention(fitted, [other], extractor=deep, table=table, in_sample=True)
    assert caught.value.code == "no_lesion_mapped"
    with pytest.raises(ExplanationError, match="no lesions in the cohort") as caught:
        attention(fitted, [], extractor=deep, table=table, in_sample=True)
    assert caught.value.code == "no_lesion_mapped"


def test_another_extractor_than_the_tables_is_refused(study):
    cases, deep, table, fitted = study
    others = {
        "other_columns": small(pooling=("mean", "std")),
        "no_lesion_mapped": small(weights="random:2", pooling=("mean", "max")),
        "no_deep_columns": small(block="other"),
    }
    for code, other in others.items():
        with pytest.raises(ExplanationError) as caught:
            attention(fitted, cases[:2], extractor=other, table=table, in_sample=True)
        assert caught.value.code == code
    with pytest.raises(ExplanationError) as caught:
        attention(fitted, cases, extractor="deep", table=table, in_sample=True)
    assert caught.value.code == "extractor_mismatch"
    columns = [s.column for s in deep.feature_specs()]
    weights = embedding_weights(fitted, columns, table=table, in_sample=True)
    with pytest.raises(ExplanationError) as caught:
        attention(weights, cases, extractor=small())
    assert caught.value.code == "extractor_mismatch"


def test_wrong_names_are_refused_before_anything_is_computed(study):
    cases, deep, table, fitted = study
    given = {"extractor": deep, "table": table, "in_sample": True}
    with pytest.raises(ExplanationError) as caught:
        attention(fitted, cases, method="cam", **given)
    assert caught.value.code == "unknown_method"
    with pytest.raises(ExplanationError) as caught:
        attention(fitted, cases, method="gradient_rollout", **given)
    assert caught.value.code == "no_attention"
    with pytest.raises(FeatureError):
        attention(fitted, cases, device="no such", **given)
    for wrong in ((1.0,), (np.nan, 0.0), "left"):
        with pytest.raises(ExplanationError) as caught:
            attention(fitted, cases, shift_mm=wrong, **given)
        assert caught.value.code == "settings"


def test_contents_that_are_shifted_are_found_where_they_were(study):
    cases, deep, table, fitted = study
    given = {"extractor": deep, "table": table, "in_sample": True}
    there = attention(fitted, cases[:1], **given)[cases[0].key].view_maps
    moved = attention(fitted, cases[:1], shift_mm=(6.0, -3.0), **given)[cases[0].key].view_maps
    before, after = there.grids[0], moved.grids[0]
    np.testing.assert_allclose(
        after.middle_mm, before.middle_mm - 6.0 * before.right + 3.0 * before.down
    )
    # the tumour in the view has gone to the right and up
    pixel_mm = before.side_mm / before.size_px
    for axis, distance in ((1, 6.0), (0, -3.0)):
        places = [
            np.average(np.arange(64), weights=m.tumour[0].sum(axis=1 - axis))
            for m in (there, moved)
        ]
        assert (places[1] - places[0]) * pixel_mm == pytest.approx(distance, abs=0.5)


def test_draws_of_augmentation_are_all_mapped():
    deep = small(augmentation=tr.Augmentation(n_draws=3))
    one = case(0)
    values = deep.extract(one.baseline).values
    weights = np.ones(len(values))
    found = attend(
        one.baseline,
        pathway(deep),
        weights,
        method_of("hires_cam", SIGNED),
        output=0.0,
        expected=np.array(list(values.values())),
    )
    assert len(found.maps) == len(found.grids) == 15
    assert found.view_weights.sum() == pytest.approx(1.0)
    assert not np.allclose(found.grids[0].right, found.grids[5].right)
