"""Where training patients lie: like ones belong there, planted differences are named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tests.unit.cohort.test_from_dicom import cube, scan
from tumor_response.exceptions import EvaluationError
from tumor_response.predictor import AcquisitionFacts, TrainingDomain

FAMILIES = ("glcm", "shape", "deep")


def drawn(rng: np.random.Generator, n: int, lesions: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return features and facts of n patients of one population, lesions of one alike."""
    of = np.repeat(np.arange(n), lesions)
    shared = rng.normal(size=(n, 3))[of]
    values = np.hstack([shared[:, [k]] + rng.normal(size=(len(of), 8)) for k in range(3)])
    index = pd.MultiIndex.from_arrays(
        [[f"P{i}" for i in of], [str(i) for i in range(len(of))]],
        names=["patient_id", "lesion_id"],
    )
    columns = [f"radiomics__{family}__x{j}" for family in FAMILIES for j in range(8)]
    facts = pd.DataFrame(
        {
            "acquisition__slice_thickness_mm": rng.choice([1.0, 2.0, 3.0], n)[of],
            "acquisition__volume_cc": np.exp(rng.normal(3, 1, n))[of],
            "acquisition__hu_mean": rng.normal(40, 15, n)[of],
            "acquisition__kernel": rng.choice(["B30f", "B40f"], n)[of],
        },
        index,
    )
    return pd.DataFrame(values, index, columns), facts


def dictionary_of(X: pd.DataFrame) -> pd.DataFrame:
    family = [name.split("__")[1] for name in X]
    return pd.DataFrame({"block": "radiomics", "family": family, "unit": ""}, index=X.columns)


def domain_of(X: pd.DataFrame, facts: pd.DataFrame | None) -> TrainingDomain:
    patients = X.index.get_level_values("patient_id")
    return TrainingDomain.of(X, dictionary_of(X), facts, patients)


@pytest.fixture(scope="module")
def domain() -> TrainingDomain:
    return domain_of(*drawn(np.random.default_rng(0), 100))


@pytest.mark.parametrize("lesions", [1, 3])
def test_patients_of_the_same_population_have_any_score_alike(lesions: int) -> None:
    rng = np.random.default_rng(1)
    outside, scores = [], []
    for _ in range(8):
        found = domain_of(*drawn(rng, 80, lesions)).assess(*drawn(rng, 150))
        outside.append(1 - found["in_domain"].mean())
        scores.append(found["in_domain_score"].to_numpy())
    assert np.mean(outside) < 0.10  # nominal .05; eight cohorts of 80
    quartiles = np.quantile(np.concatenate(scores), [0.25, 0.5, 0.75])
    np.testing.assert_allclose(quartiles, [0.25, 0.5, 0.75], atol=0.12)


@pytest.mark.parametrize(
    ("fact", "value", "said"),
    [
        ("slice_thickness_mm", 5.0, "slice thickness 5 mm; trained on 1 to 3"),
        ("volume_cc", 90_000.0, "volume 9e+04 cc; trained on"),
        ("hu_mean", -400.0, "mean inside the contour -400 HU; trained on"),
        ("kernel", "B80f", "kernel B80f; trained on"),
    ],
)
def test_a_fact_outside_is_named(
    domain: TrainingDomain, fact: str, value: object, said: str
) -> None:
    X, facts = drawn(np.random.default_rng(2), 20)
    found = domain.assess(X, facts.assign(**{f"acquisition__{fact}": value}))
    assert not found["in_domain"].any()
    assert found["out_of_domain"].str.contains(said, regex=False).all()


def test_no_oddity_of_a_training_patient_hides_a_slice_thickness() -> None:
    X, facts = drawn(np.random.default_rng(3), 60)
    X.iloc[:6] *= 1e6  # a tenth of the patients are odd in everything
    odd = domain_of(X, facts)
    new, known = drawn(np.random.default_rng(4), 10)
    found = odd.assess(new, known.assign(acquisition__slice_thickness_mm=5.0))
    assert not found["in_domain"].any()
    assert found["out_of_domain"].str.contains("slice thickness 5 mm").all()


def test_a_family_of_features_that_moved_is_named(domain: TrainingDomain) -> None:
    X, facts = drawn(np.random.default_rng(5), 20)
    moved = X.copy()
    moved[[name for name in X if "glcm" in name]] += 9.0
    found = domain.assess(moved, facts)
    assert not found["in_domain"].any()
    assert found["out_of_domain"].str.contains("glcm").all()
    # not the others, which did not move
    assert not found["out_of_domain"].str.contains("shape features").any()


def test_it_is_the_same_after_json_and_holds_no_row(domain: TrainingDomain) -> None:
    X, facts = drawn(np.random.default_rng(0), 100)  # the training patients
    text = json.dumps(domain.to_json(), allow_nan=False)
    again = TrainingDomain.from_json(json.loads(text))
    pd.testing.assert_frame_equal(again.assess(X, facts), domain.assess(X, facts))
    assert "P17" not in text
    kept = {float(one) for one in np.ravel(_numbers(json.loads(text)))}
    own = [sum(float(v) in kept for v in row) for row in X.to_numpy()]
    assert max(own) <= 2  # a median may be one patient's value in one column


def _numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [n for one in value.values() for n in _numbers(one)]
    if isinstance(value, list):
        return [n for one in value for n in _numbers(one)]
    return [float(value)] if isinstance(value, int | float) else []


def test_missing_facts_are_not_judged_and_few_patients_say_nothing(
    domain: TrainingDomain,
) -> None:
    X, facts = drawn(np.random.default_rng(6), 30)
    found = domain.assess(X, None)
    assert found["in_domain"].mean() > 0.8
    few = domain_of(X[:4], facts[:4]).assess(X, facts)
    assert not few["in_domain"].any()
    assert few["out_of_domain"].str.startswith("not judged").all()


def test_drift_finds_what_moved_and_nothing_else(domain: TrainingDomain) -> None:
    X, facts = drawn(np.random.default_rng(7), 60)
    calm = domain.drift(X, facts)
    assert calm.differs().empty
    assert "no difference found" in calm.sentence()
    moved = facts.assign(acquisition__hu_mean=facts["acquisition__hu_mean"] + 25)
    found = domain.drift(X, moved)
    differs = found.differs()
    assert "mean inside the contour" in set(differs["name"])
    row = differs.set_index("name").loc["mean inside the contour"]
    assert row["ci_low"] < 25 < row["ci_high"]
    assert "mean inside the contour" in found.sentence()
    with pytest.raises(EvaluationError, match="2 new") as caught:
        domain.drift(X[:2], facts[:2])
    assert caught.value.code == "too_few_patients"


def test_facts_of_images(tmp_path: Path) -> None:
    cohort = tr.simulate_cohort(n_patients=2, seed=0, directory=tmp_path)
    table = tr.extract(cohort, [AcquisitionFacts()])
    case = next(iter(cohort))
    row = table.data.loc[case.key]
    spacing = case.read_image().GetSpacing()
    assert row["acquisition__slice_thickness_mm"] == pytest.approx(spacing[2])
    assert row["acquisition__pixel_spacing_mm"] == pytest.approx(max(spacing[:2]))
    assert row["acquisition__kernel"] == "not stated"
    import SimpleITK as sitk

    inside = sitk.GetArrayFromImage(case.read_image())[
        sitk.GetArrayFromImage(case.read_mask()) > 0
    ].astype(float)
    assert row["acquisition__hu_mean"] == pytest.approx(inside.mean())
    assert row["acquisition__hu_p95"] == pytest.approx(np.percentile(inside, 95))
    assert row["acquisition__volume_cc"] == pytest.approx(len(inside) * np.prod(spacing) / 1000)


def test_facts_of_dicom_headers(tmp_path: Path) -> None:
    scan(tmp_path / "archive", "ID00", "20200101", {"GTVp": cube(5.2)})
    cohort = tr.Cohort.from_dicom(tmp_path / "archive", "GTV.*")
    row = tr.extract(cohort, [AcquisitionFacts()], quality=None).data.iloc[0]
    assert row["acquisition__modality"] == "CT"
    assert row["acquisition__contrast"] in ("yes", "no")
