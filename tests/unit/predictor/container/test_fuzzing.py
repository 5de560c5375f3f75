"""A sample of the random files of ``benchmarks/predictor_file_fuzz.py``, which runs 20,000."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.unit.predictor.container.fuzzing import KINDS, fate, made

RESULTS = Path(__file__).parents[4] / "benchmarks" / "results" / "predictor_file_fuzz.csv"


@pytest.mark.parametrize("kind", KINDS)
def test_random_files_are_refused_or_load_in_peace(kind):
    fates = [fate(kind, made(kind, seed)) for seed in range(24)]
    refused = [one for one in fates if not one.startswith(("loaded", "unchanged"))]
    assert len(refused) > 12


def test_twenty_thousand_were_run_and_none_failed():
    with RESULTS.open() as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["n"]) for row in rows) >= 20_000
    assert not [row for row in rows if row["fate"].startswith("failed")]
