"""Attention takes a predictor as it takes the Pipeline, table and extractor inside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

import tumor_response as tr
from tumor_response.exceptions import ExplanationError

DEEP = tr.DeepFeatures("test_resnet", weights="random:0", input_px=64)


def test_maps_are_those_of_the_model_inside(tmp_path: Path) -> None:
    cohort = tr.simulate_cohort(n_patients=10, seed=0, directory=tmp_path)
    y = pd.Series(np.arange(10) % 2, tr.shrinkage(cohort).index, name="label")
    extractors = [DEEP, tr.ClinicalFactors(["volume_cc"])]
    predictor = tr.ShrinkagePredictor(extractors, n_folds=2, n_repeats=1, n_resamples=2)
    predictor.fit(cohort, y).save(tmp_path / "model.trz")

    new = tr.Cohort(list(cohort)[:2])
    loaded = tr.ShrinkagePredictor.load(tmp_path / "model.trz")
    maps = tr.attention(loaded, new)
    table = tr.extract(new, extractors)
    expected = tr.attention(
        predictor.state_.model,
        new,
        extractor=DEEP,
        table=table,
        in_sample=False,
        background=table,
    )
    assert (maps.mode, maps.model) == ("new_rows", "predictor")
    assert list(maps) == list(expected)
    for key in maps:
        assert maps[key].output == expected[key].output
        ours, theirs = (sitk.GetArrayFromImage(one[key].map) for one in (maps, expected))
        np.testing.assert_array_equal(ours, theirs)

    clinical = tr.ShrinkagePredictor(
        [tr.ClinicalFactors(["age", "volume_cc"])], n_folds=2, n_repeats=1, n_resamples=2
    )
    with pytest.raises(ExplanationError, match="0 extractors with a network") as caught:
        tr.attention(clinical.fit(cohort, y), new)
    assert caught.value.code == "extractor_mismatch"
