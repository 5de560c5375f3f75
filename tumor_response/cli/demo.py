"""The demo: the whole way on a simulated cohort, with the simulator's oracles beside the models."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd

import tumor_response as tr
from tumor_response.cli.console import say
from tumor_response.cli.output import found
from tumor_response.cli.study import (
    explain_models,
    results_of,
    run_models,
    show_results,
    trace_models,
    write_results,
)
from tumor_response.exceptions import SettingsError
from tumor_response.features.extract import Means
from tumor_response.simulate import SimulationSettings
from tumor_response.study.blocks import Blocks
from tumor_response.study.extracting import extract_table
from tumor_response.study.plan import Plan

__all__ = ["run_demo"]

SIMULATED = (
    "These data are simulated. A good number here says that the machinery works; it says nothing "
    "about tumours, patients or scanners."
)
ORACLES = {
    "oracle_volume_age": "oracle: volume, age",
    "oracle_full": "oracle: also the field",
}


def run_demo(
    directory: Path,
    *,
    n_patients: int,
    n_resamples: int,
    seed: int,
    n_jobs: int,
    signal: float,
    radiomics: str,
) -> None:
    """Simulate, extract, evaluate, explain, report.

    Parameters
    ----------
    directory
        Where everything goes. A cohort that is there is used again if it is the one asked for.
    n_patients, seed, signal
        Of the cohort.
    n_resamples
        Of the evaluation.
    n_jobs
        Processes; -1 is all cores.
    radiomics
        Preset of the radiomics block.

    Raises
    ------
    SettingsError
        If the folder holds another cohort.
    """
    blocks = Blocks(radiomics, "tf_efficientnet_lite0", "packaged", clinical=["age"], categories={})
    say("Preparing the extractors ...")  # loading PyTorch takes seconds
    extractors = blocks.extractors()
    cohort = _cohort(directory / "cohort", n_patients, seed, signal, n_jobs)
    outcomes = tr.shrinkage(cohort, n_jobs=n_jobs)
    table = extract_table(cohort, extractors, directory, Means(n_jobs, directory / ".cache"), say)
    # the simulated contours are without error
    plan = Plan(n_resamples=n_resamples, seed=seed, observer_error_mm=0.0)
    result = run_models(table, outcomes, plan, n_jobs)
    explanations = explain_models(result, ("logistic_all", "xgboost_all"), n_jobs)
    coupling = plan.coupling(outcomes)
    oracles = _oracles(directory / "cohort" / "truth.csv", outcomes, plan)
    write_results(
        directory,
        result,
        table,
        outcomes,
        coupling,
        explanations,
        trace_models(result, table, outcomes, n_jobs),
        title="Demo: response of a simulated cohort",
        notes=[SIMULATED, _sentence(oracles)],
    )
    show_results(
        result,
        coupling,
        [(ORACLES[name], f"{value:.2f}", "", "", "") for name, value in oracles.items()],
    )
    say("The oracles know the simulator's truth; no model can be expected to pass the second.")
    say(SIMULATED)
    found(
        **results_of(result, coupling),
        oracles=oracles,
        note=SIMULATED,
        report=str((directory / "report.html").resolve()),
    )
    say(f"Report: {(directory / 'report.html').resolve()}")


def _cohort(folder: Path, n_patients: int, seed: int, signal: float, n_jobs: int) -> tr.Cohort:
    settings = SimulationSettings(signal=signal)
    wanted = {"n_patients": n_patients, "seed": seed, "settings_sha256": settings.sha256}
    wanted["version"] = tr.__version__
    record = folder / "simulation.json"
    if record.is_file():
        recorded = json.loads(record.read_text(encoding="utf-8"))
        if any(recorded.get(key) != value for key, value in wanted.items()):
            raise SettingsError(
                f"{folder} holds another simulated cohort (found "
                f"{ {key: recorded.get(key) for key in wanted} }, asked for {wanted}). Remove the "
                "folder, or pass another one with --directory."
            )
        if (folder / "manifest.csv").is_file():
            say(f"The cohort of {n_patients} simulated patients is there already: {folder}")
            return tr.Cohort.from_csv(folder / "manifest.csv")
        shutil.rmtree(folder)  # the same simulation, interrupted: its manifest is written last
    say(f"Simulating {n_patients} patients ...")
    return tr.simulate_cohort(n_patients, seed, folder, signal=signal, n_jobs=n_jobs)


def _oracles(truth_csv: Path, outcomes: pd.DataFrame, plan: Plan) -> dict[str, float]:
    """Return the AUC of the scores that know the truth, for the label the models were given."""
    from tumor_response.evaluation import auc

    truth = pd.read_csv(truth_csv, dtype={"patient_id": str, "lesion_id": str})
    truth = truth.set_index(["patient_id", "lesion_id"])
    y = tr.label_responders(outcomes, plan.by).dropna()
    return {name: auc(y, truth.loc[y.index, name]) for name in ORACLES}


def _sentence(oracles: dict[str, float]) -> str:
    return (
        "Two scores that know the simulator's truth reach, on this cohort, an AUC of "
        f"{oracles['oracle_volume_age']:.2f} (what volume and age do) and "
        f"{oracles['oracle_full']:.2f} (the field behind the texture as well). No model can be "
        "expected to do better than the second."
    )
