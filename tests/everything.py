"""A study with everything a report can be given, of any size, made without reading images.

Volumes, ages and responses are drawn as the simulated cohorts draw them; the columns are made by
hand: two of radiomics follow the response where ``signal`` is above 0, the deep ones are noise.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

import tumor_response as tr
from tumor_response.evaluation import EvaluationResult, PredictionSpread, table_controls
from tumor_response.evaluation.controls import ControlsSettings
from tumor_response.evaluation.ledger import AnalysisPlan, FrozenPlan, PlannedModel, PlannedScheme
from tumor_response.explanation.attention.sanity import AttentionSanity, SanitySettings
from tumor_response.explanation.attention.sanity.one_lesion import MODEL_STEP, LesionFound
from tumor_response.explanation.differences import beyond_volume_and_age
from tumor_response.explanation.stability import explanation_null
from tumor_response.quality.check import CHECK_COLUMNS
from tumor_response.repeatability import robustness_of_repeats
from tumor_response.simulate import simulate_latents
from tumor_response.table import FeatureTable
from tumor_response.table.parts import data_sha256

__all__ = ["everything", "make_study"]

END_POINT = "rate_percent_per_day"
LABEL = tr.ResponderCut("median")
FEW = ControlsSettings(n_permutations=19, n_resamples_permuted=2, n_resamples=10)


def make_study(
    n_patients: int, signal: float = 1.0, seed: int = 0, n_radiomics: int = 90, n_deep: int = 64
) -> tuple[FeatureTable, pd.DataFrame]:
    """Return a feature table of two sites and its outcomes; one lesion in fifty has none."""
    rng = np.random.default_rng(seed)
    latents = simulate_latents(n_patients, seed=seed)
    n = len(latents)
    v0 = latents["target_volume_baseline_cc"].to_numpy()
    days = latents["interval_days"].to_numpy(dtype=float)
    told = rng.normal(size=(n, 2))
    response = 0.4 * signal * told.sum(axis=1) / np.sqrt(2) + 0.3 * rng.normal(size=n)
    rate = 1.2 + response  # % of V0 per day
    v1 = v0 * np.clip(1 - rate * days / 100, 0.02, None)
    outcomes = pd.DataFrame(
        {
            "volume_baseline_cc": v0,
            "volume_follow_up_cc": v1,
            "interval_days": days,
            "shrinkage_percent": 100 * (1 - v1 / v0),
            "reason": "",
            "findings": "",
        },
        index=latents.index,
    )
    outcomes[END_POINT] = outcomes["shrinkage_percent"] / days
    lost = rng.random(n) < 0.02
    outcomes.loc[lost, ["volume_follow_up_cc", "shrinkage_percent", END_POINT]] = np.nan
    outcomes.loc[lost, "reason"] = "no_follow_up"
    outcomes.attrs = {
        "days": "interval_days",
        "reasons": dict.fromkeys(outcomes.index[lost], "no_follow_up"),
    }
    families = np.array(["shape", "firstorder", "glcm", "glrlm", "gldm", "ngtdm"])
    names = [f"radiomics__original__{families[i % 6]}_F{i:02d}" for i in range(n_radiomics)]
    data = pd.DataFrame(rng.normal(size=(n, n_radiomics)), index=latents.index, columns=names)
    data[names[:2]] = told
    for i in range(n_deep):
        data[f"deep__small_network__{i:04d}"] = rng.normal(size=n)
    data["clinical__age"] = latents["age_years"].to_numpy(dtype=float)
    data["clinical__volume_cc"] = v0
    data["meta__site"] = pd.Categorical(np.where(np.arange(n) % 3 == 0, "A", "B"))
    blocks = [name.split("__")[0] for name in data]
    dictionary = pd.DataFrame(
        {
            "block": blocks,
            "family": [
                name.split("__")[2].split("_")[0] if b == "radiomics" else b
                for name, b in zip(data, blocks, strict=True)
            ],
            "role": ["meta" if b == "meta" else "baseline" for b in blocks],
            "ibsi_code": "",
            "unit": "",
            "description": "",
            "settings_sha256": [
                {"radiomics": "ab", "deep": "cd"}.get(b, "ef") * 32 for b in blocks
            ],
        },
        index=pd.Index(data.columns, name="column"),
    )
    patients = data.index.get_level_values(0)
    failures = pd.DataFrame(
        [
            (str(patients[i]), "1", "radiomics", "roi_too_small", 2, f"{patients[i]}: 12 voxels")
            for i in range(0, n, 25)
        ],
        columns=["patient_id", "lesion_id", "block", "reason", "n_columns_missing", "message"],
    )
    extractors = {
        "radiomics": {
            "extractor": "radiomics",
            "engine": "fast",
            "convention": "pyradiomics",
            "settings": {"setting": {"binWidth": 25, "resampledPixelSpacing": [1.0, 1.0, 1.0]}},
            "versions": {"pyradiomics-bhklab": "3.1.4", "SimpleITK": "2.5.7"},
        },
        "deep": {"extractor": "deep", "versions": {"timm": "1.0.0", "torch": "2.0"}},
        "clinical": {
            "extractor": "clinical",
            "settings": {"numeric": ["age", "volume_cc"], "categories": {}},
        },
    }
    provenance = {"data_sha256": data_sha256(data), "extractors": extractors}
    return FeatureTable(data, dictionary, failures, provenance), outcomes


def models() -> dict[str, Any]:
    """Return the baselines, single blocks and all blocks."""
    made = {name: tr.make_model(name) for name in ("volume_only", "clinical_only")}
    for block in ("radiomics", "deep"):
        made[block] = tr.make_model("logistic", [block], n_inner_folds=3)
    made["all"] = tr.make_model("logistic", ["clinical", "radiomics", "deep"], n_inner_folds=3)
    return made


def everything(
    folder: Path,
    n_patients: int = 300,
    signal: float = 1.0,
    seed: int = 0,
    n_resamples: int = 100,
    **sizes: int,
) -> tuple[EvaluationResult, dict[str, Any]]:
    """Return an evaluation and every argument that a report of it takes."""
    table, outcomes = make_study(n_patients, signal, seed, **sizes)
    y = outcomes[END_POINT]
    y.attrs["reasons"] = outcomes.attrs["reasons"]
    ledger = tr.StudyLedger(folder / "ledger")
    scheme = tr.Bootstrap632Plus(n_resamples=n_resamples, seed=seed)
    result = tr.evaluate(models(), table, y, scheme, label=LABEL, ledger=ledger)
    few = tr.Bootstrap632Plus(n_resamples=20, seed=seed)
    ablation = tr.ablate(table, y, ["logistic"], few, label=LABEL)
    shap = tr.explain(result, "all")
    null = explanation_null(result, "all", n_permutations=19, n_resamples=2)
    noisy = replace(table, data=_noisy(table.data, seed))
    repeats = {"as drawn": table, "again": noisy}
    return result, {
        "cohort": _cohort(folder, table),
        "table": table,
        "outcomes": outcomes,
        "quality": _findings(table),
        "uncertainty": tr.outcome_uncertainty(
            outcomes, by=END_POINT, observer_sd_mm=0.3, n_draws=400
        ),
        "coupling": tr.coupling(outcomes, by=END_POINT, observer_sd_mm=0.3, n_simulations=400),
        "ablation": ablation,
        "ledger": ledger,
        "plan": _plan(n_resamples, seed),
        "explanations": [
            shap.with_null(null),
            _sanity(n_patients),
            tr.group_differences(table, y, label=LABEL, n_permutations=99),
            beyond_volume_and_age(result, table, n_permutations=99),
        ],
        "evidence": [
            result.leakage(table, outcomes, n_resamples=1),
            table_controls({"all": models()["all"]}, table, y, few, label=LABEL, settings=FEW),
            robustness_of_repeats(repeats),
            _spread(result, seed),
            tr.site_report(table, y, label=LABEL, n_repeats=1),
        ],
        "headline": "all",
        "title": f"Everything: {n_patients} patients, simulated",
        "key_file": folder / "key",
    }


def _noisy(data: pd.DataFrame, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed + 1)
    noisy = data.copy()
    numbers = noisy.select_dtypes("number").columns
    spread = noisy[numbers].std().to_numpy()
    noisy[numbers] += 0.3 * spread * rng.normal(size=(len(noisy), len(numbers)))
    return noisy


def _cohort(folder: Path, table: FeatureTable) -> tr.Cohort:
    """Return cases that all share one small scan: nothing here reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(np.zeros((4, 8, 8), dtype=np.int16))
    mask = sitk.GetImageFromArray(np.ones((4, 8, 8), dtype=np.uint8))
    sitk.WriteImage(image, str(folder / "ct.nii.gz"))
    sitk.WriteImage(mask, str(folder / "gtv.nii.gz"))
    rows = pd.DataFrame(list(table.data.index), columns=["patient_id", "lesion_id"]).assign(
        image=str(folder / "ct.nii.gz"), mask=str(folder / "gtv.nii.gz")
    )
    rows["age"] = table.data["clinical__age"].to_numpy()
    return tr.Cohort.from_frame(rows)


def _findings(table: FeatureTable) -> pd.DataFrame:
    kinds = [
        ("contour_gap", "warning", "baseline", "2 slices", "0 slices"),
        ("metal", "warning", "baseline", "0.4 cm²", "0.25 cm²"),
        ("volume_small", "info", "follow_up", "0.8 cm³", "1 cm³"),
        ("follow_up_out_of_place", "error", "follow_up", "0 %", "10 %"),
    ]
    rows = []
    for number, (patient, lesion) in enumerate(table.data.index):
        for code, severity, at, measured, limit in kinds[: number % 5]:
            cells = (patient, lesion, at, code, severity, measured, limit)
            rows.append((*cells, f"Case {patient!r}: {code}", ""))
    return pd.DataFrame(rows, columns=list(CHECK_COLUMNS)).astype("str")


def _plan(n_resamples: int, seed: int) -> FrozenPlan:
    plan = AnalysisPlan(
        end_point=END_POINT,
        cut="median",
        by_name={
            "volume_only": PlannedModel(model="volume_only"),
            "all": PlannedModel(model="logistic", settings={"n_inner_folds": 3}),
        },
        scheme=PlannedScheme.of(tr.Bootstrap632Plus(n_resamples=n_resamples, seed=seed)),
        primary=("all", "volume_only"),
    )
    return FrozenPlan(plan, plan.sha256, "2026-01-05T08:00:00+00:00", 0)


def _spread(result: EvaluationResult, seed: int) -> PredictionSpread:
    rng = np.random.default_rng(seed + 2)
    p = result.bagged_scores["all"].to_numpy()
    sd = 0.02 + 0.05 * rng.random(len(p))
    table = pd.DataFrame(
        {
            "probability": p,
            "sd": sd,
            "low": (p - 1.6 * sd).clip(0, 1),
            "high": (p + 1.6 * sd).clip(0, 1),
            "shift": 0.0,
            "flip_share": (np.abs(p - 0.5) < sd) * 0.3,
            "n_repeats": 6,
            "n_failed": 0,
            "n_fits": 20,
            "sample": "out_of_bag",
            "reason": "",
        },
        index=result.rows.X.index,
    )
    varied = result.rows.blocks["radiomics"]
    return PredictionSpread(table, "all", 0.5, ["contour"], varied, result.rows.blocks["deep"])


def _sanity(n_patients: int) -> AttentionSanity:
    rng = np.random.default_rng(0)
    lesions = []
    for number in range(min(n_patients, 40)):
        cascade = [
            {
                "method": "grad_cam",
                "step": step,
                "randomised": part,
                "draw": 0,
                "rank_correlation": 0.1 * rng.normal(),
                "empty": False,
            }
            for step, part in enumerate((MODEL_STEP, "conv_head"))
        ]
        curves = [
            {"order": order, "draw": 0, "deletion": -depth * rng.random(), "insertion": depth}
            for order, depth in (("centre", 0.1), ("random", 0.1), ("grad_cam", 1.0))
        ]
        maps = {"grad_cam": rng.random((2, 4, 4))}
        lesions.append(LesionFound((f"P{number}", "1"), maps=maps, cascade=cascade, curves=curves))
    return AttentionSanity.of_lesions(lesions, "all", ["grad_cam"], SanitySettings())
