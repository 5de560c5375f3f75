"""All faults by name, and how one is made from a seed."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Literal

import numpy as np

from tests.planted_faults import before_split, more, outcome_columns, patients
from tests.planted_faults.clean import clean_study
from tests.planted_faults.study import Form, Study

ISSUE_FAULTS: Mapping[str, Mapping[str, Form]] = {
    "selection": before_split.SELECTION,
    "imputation": before_split.IMPUTATION,
    "scaling": before_split.SCALING,
    "lesions": patients.LESIONS,
    "duplicate": patients.DUPLICATE,
    "label_column": outcome_columns.LABEL_COLUMN,
    "follow_up": outcome_columns.FOLLOW_UP,
    "inner_copies": patients.INNER_COPIES,
    "early_stopping": patients.EARLY_STOPPING,
    "combat": before_split.COMBAT,
    "cut": outcome_columns.CUT,
}

OWN_FAULTS: Mapping[str, Mapping[str, Form]] = {
    "oversampled": more.OVERSAMPLED,
    "target_encoded": more.TARGET_ENCODED,
    "remembering": more.REMEMBERING,
    "batch_statistics": more.BATCH_STATISTICS,
    "missing_tells": more.MISSING_TELLS,
    "signature": more.SIGNATURE,
    "tuned_before": more.TUNED_BEFORE,
}
"""Written before the trace was looked at."""

FAULTS: Mapping[str, Mapping[str, Form]] = {**ISSUE_FAULTS, **OWN_FAULTS}


def form_of(fault: str, seed: int) -> str:
    """Return the form that variant ``seed`` of a fault has: they take turns, by weight."""
    turns = [name for name, form in FAULTS[fault].items() for _ in range(form.weight)]
    return turns[seed % len(turns)]


def planted(fault: str, seed: int) -> Study:
    """Return variant ``seed`` of a fault."""
    return FAULTS[fault][form_of(fault, seed)].make(_rng(fault, seed))


def clean(kind: Literal["frame", "table"], seed: int) -> Study:
    """Return clean study ``seed``, in a bare frame or in a feature table."""
    return clean_study(_rng(f"clean_{kind}", seed), in_a_table=kind == "table")


def _rng(name: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(name.encode()), seed])
