"""Predictor files of every version of the format, and what they predicted when they were made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tumor_response.predictor.container import FORMAT_VERSION
from tumor_response.predictor.predictor import ShrinkagePredictor
from tumor_response.predictor.saving import load_state, state_bytes, state_from

FIXTURES = Path(__file__).parents[2] / "fixtures"
NUMBERS = ["probability", "spread_low", "spread_high", "probability_volume_only"]


@pytest.mark.parametrize("version", range(1, FORMAT_VERSION + 1))
def test_a_file_of_every_version_loads_with_its_predictions(version):
    predictor = ShrinkagePredictor.load(FIXTURES / f"predictor_v{version}.trz")
    kept = pd.read_csv(
        FIXTURES / f"predictor_v{version}.csv",
        index_col=["patient_id", "lesion_id"],
        dtype={"lesion_id": str},
    )
    rows = kept.drop(columns=[*NUMBERS, "label_set"])
    rows["clinical__site"] = pd.Categorical(rows["clinical__site"])
    said = predictor.predict_table(rows)
    # another processor may round otherwise; the same one does not: test_saving
    np.testing.assert_allclose(said[NUMBERS], kept[NUMBERS], rtol=1e-9, atol=1e-9)
    assert said["label_set"].tolist() == kept["label_set"].tolist()


def test_an_old_file_is_saved_as_a_new_one_with_the_same_content():
    state = load_state(FIXTURES / "predictor_v1.trz")
    again = state_from(state_bytes(state))
    assert again.domain.to_json() == state.domain.to_json()
    assert again.conformal.to_json() == state.conformal.to_json()
    assert again.record == state.record
