"""A model that takes its time where the test of a kill asks for it."""

from __future__ import annotations

import os
import time

from sklearn.linear_model import LogisticRegression


class Slow(LogisticRegression):
    """Sleeps in every fit if the environment says so."""

    def fit(self, X, y):
        if os.environ.get("TUMOR_RESPONSE_TEST_SLOW"):
            time.sleep(0.05)
        return super().fit(X, y)
