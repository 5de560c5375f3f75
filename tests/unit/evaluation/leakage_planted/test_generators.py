"""The planted studies are what they say: the same from a seed, and with their fault in them."""

from __future__ import annotations

import numpy as np
import pandas as pd

import tumor_response as tr
from tests.planted_faults import FAULTS, Study, clean, planted
from tests.planted_faults.cohorts import draw
from tests.planted_faults.combat import combat_on_all_rows
from tests.planted_faults.registry import form_of
from tests.planted_faults.tables import as_extracted
from tests.unit import cases
from tumor_response.table.parts import data_sha256


def frame_of(study: Study) -> pd.DataFrame:
    return study.table.data if isinstance(study.table, tr.FeatureTable) else study.table


def seed_of(fault: str, form: str) -> int:
    return next(seed for seed in range(20) if form_of(fault, seed) == form)


def test_a_seed_gives_one_study():
    first, second, other = (planted("oversampled", seed) for seed in (4, 4, 5))
    pd.testing.assert_frame_equal(frame_of(first), frame_of(second))
    pd.testing.assert_series_equal(first.y, second.y)
    assert repr(first.models) == repr(second.models)
    assert not frame_of(first).equals(frame_of(other))


def test_tables_hash_as_written_when_clean_and_no_longer_when_touched():
    hashed = [
        (form.belongs, name, fault)
        for fault, forms in FAULTS.items()
        for name, form in forms.items()
        if name == "table" and fault != "missing_tells"
    ]
    assert len(hashed) >= 6
    for belongs, form, fault in hashed:
        table = planted(fault, seed_of(fault, form)).table
        assert belongs == "provable"
        assert data_sha256(table.data) != table.provenance["data_sha256"], fault
    for seed in range(4):
        table = clean("table", seed).table
        touched = data_sha256(table.data) != table.provenance["data_sha256"]
        assert touched == ("selected_blocks" in table.provenance)


def test_tables_have_what_an_extraction_writes(tmp_path):
    manifest = tmp_path / "manifest.csv"
    cases.cohort_folder(tmp_path, n_patients=1).to_csv(manifest, index=False)
    real = tr.extract(tr.Cohort.from_csv(manifest), [tr.ClinicalFactors(["age", "volume_cc"])])
    ours = as_extracted(draw(np.random.default_rng(0)).X)
    assert set(ours.provenance) == set(real.provenance)
    assert list(ours.dictionary.columns) == list(real.dictionary.columns)
    assert ours.dictionary.dtypes.equals(real.dictionary.dtypes)
    assert set(ours.dictionary["role"]) == set(real.dictionary["role"])


def test_combat_takes_the_sites_apart_no_more():
    rng = np.random.default_rng(1)
    site = np.repeat(["a", "b"], 60)
    shifts = np.where(site == "b", 1.0, 0.0)[:, None] * rng.normal(size=50)
    values = pd.DataFrame(rng.normal(size=(120, 50)) + 3 * shifts)
    between = values[site == "a"].mean() - values[site == "b"].mean()
    harmonised = combat_on_all_rows(values, site)
    after = harmonised[site == "a"].mean() - harmonised[site == "b"].mean()
    assert after.abs().max() < 0.02 * between.abs().max()


def test_smote_rows_lie_between_two_patients():
    study = planted("oversampled", seed_of("oversampled", "smote"))
    X = study.table.select_dtypes("float64").filter(regex="^(radiomics|deep)__").to_numpy()
    made = study.table.index.get_level_values("patient_id").str.startswith("S")
    real, new = X[~made], X[made][0]
    lines = [
        np.abs((b - a) * t - (new - a)).max() / np.abs(new).max()
        for a in real
        for b in real
        if (b - a).any() and 0 <= (t := (new - a) @ (b - a) / ((b - a) @ (b - a))) <= 1
    ]
    assert min(lines) < 1e-9
