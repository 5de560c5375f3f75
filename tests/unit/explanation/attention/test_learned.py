"""Maps of a network trained on the study: its own gradient, to the views it was shown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tests.unit.explanation.attention.lesions import case
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.computing import attention
from tumor_response.explanation.attention.learned import LearnedMapping
from tumor_response.explanation.attention.lesion import Lesion
from tumor_response.explanation.attention.methods import method_of
from tumor_response.explanation.attention.settings import CamSettings
from tumor_response.models.learned import FineTuned


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    cases = [case(number) for number in range(6)]
    views = tr.Views(
        tr.ViewSettings(n_slices=2), store=tmp_path_factory.mktemp("views"), size_px=64
    )
    index = pd.MultiIndex.from_tuples([c.key for c in cases], names=["patient_id", "lesion_id"])
    X = pd.DataFrame([views.extract(c.baseline).values for c in cases], index)
    return cases, views, X, np.array([0, 1, 0, 1, 0, 1])


@pytest.mark.parametrize("unfreeze", ["head", "last_stage"])
def test_the_map_is_the_slope_of_the_models_own_log_odds(study, unfreeze):
    cases, views, X, y = study
    model = FineTuned(
        "test_resnet", unfreeze, store=views.store, weights="random:1", epochs=1, device="cpu"
    ).fit(X, y)
    given = {"extractor": views, "table": X, "in_sample": True}
    maps = attention(model, cases, settings=CamSettings(sign="both"), **given)
    assert (len(maps), maps.model, maps.mode) == (6, "FineTuned", "in_sample")
    one = cases[1]
    assert maps[one.key].output == pytest.approx(model.decision_function(X.loc[[one.key]])[0])
    # what is differentiated is what predicts
    mapping = LearnedMapping(model, views, X, "cpu", method_of("grad_cam", None), (0.0, 0.0))
    key = X.loc[one.key, "views__axial__key"]
    seen, readout = mapping._loaded(key)
    pixels = np.array(views.store.get(key))
    lesion = Lesion(seen, pixels, readout)
    assert float(readout(lesion.features)) == pytest.approx(maps[one.key].output, abs=1e-5)
    gradient = lesion.pixel_gradient(pixels)
    way = (np.sign(gradient) * (np.abs(gradient) > np.quantile(np.abs(gradient), 0.9))).astype("f4")
    ends = [
        float(readout(lesion.features_of(pixels + np.float32(step) * way)))
        for step in (2e-3, -2e-3)
    ]
    assert (gradient * way).sum() == pytest.approx((ends[0] - ends[1]) / 4e-3, rel=0.1)


def test_what_does_not_belong_together_is_refused(study, tmp_path):
    cases, views, X, y = study
    model = FineTuned("test_resnet", "head", store=views.store, weights="random:1", epochs=1)
    other = tr.Views(tr.ViewSettings(n_slices=2), store=tmp_path, size_px=32)
    table_model = tr.make_model("logistic")
    fitted = FineTuned(
        "test_resnet", "head", store=views.store, weights="random:1", epochs=1, device="cpu"
    ).fit(X, y)
    calls = {
        "not_fitted": (model, views, True),
        "in_sample_not_said": (fitted, views, None),
        "no_gradient_path": (table_model, views, True),
        "no_lesion_mapped": (fitted, other, True),
    }
    for code, (subject, extractor, said) in calls.items():
        with pytest.raises(ExplanationError) as caught:
            attention(subject, cases[:1], extractor=extractor, table=X, in_sample=said)
        assert caught.value.code == code
