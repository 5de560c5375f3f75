"""A network that learned from views travels as arrays, its pretrained weights by their SHA-256."""

from __future__ import annotations

import numpy as np

from tests.unit.models.learned.studies import study
from tests.unit.predictor import small
from tests.unit.predictor.container.altering import members
from tumor_response.models import FineTuned
from tumor_response.predictor.saving import state_bytes, state_from


def test_what_a_network_learned_comes_back_to_the_last_bit(tmp_path):
    store, X, y = study(tmp_path, n=12, n_views=1)
    model = FineTuned(
        store=store, epochs=1, mirror=False, activations_dir=tmp_path / "activations"
    ).fit(X, y)
    content = state_bytes(small.state_of(model, small.fitted("volume_only")))
    parts = members(content)
    assert b'"why"' in parts["check.json"], "nobody can make up views"
    assert not [name for name, one in parts.items() if str(tmp_path).encode() in one]
    loaded = state_from(content).model
    assert (loaded.store, loaded.activations_dir) == ("views", None)
    loaded.set_params(store=store)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
