"""Whether saved predictors say the same, to the last bit, in other Pythons and on more threads.

Every named model that can be saved is fitted to a simulated table (90 patients, 303 columns, a
category, missing values), with five bootstrap fits, saved here and loaded by each interpreter
given. What it then says of all rows is compared, bit by bit, with what it said before.

The other interpreters need NumPy, pandas, SciPy, scikit-learn, XGBoost, safetensors and what else
``import tumor_response.predictor.saving`` takes, in the versions of the one that runs this; torch
is not needed.

Run:  python -P benchmarks/predictor_other_pythons.py PYTHON [PYTHON ...]
Writes benchmarks/results/predictor_other_pythons.csv: a row per interpreter, number of threads,
model and task.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import tumor_response as tr
from tumor_response.features.assemble import DICTIONARY_COLUMNS
from tumor_response.models import model_names
from tumor_response.predictor import Calibration, ConformalRule, PredictorState, TrainingDomain

N, SEED, N_RESAMPLES = 90, 9201, 5
ROWS = ("gaussian_process", "tabular_foundation")
THREADS = (1, 2, 5)
RESULTS = Path(__file__).parent / "results" / "predictor_other_pythons.csv"

LOADER = """
import os, platform, sys
from pathlib import Path
import numpy as np, pandas as pd
from tumor_response.predictor.saving import load_state
frame = pd.read_parquet("rows.parquet").set_index(["patient_id", "lesion_id"])
for path in sorted(Path().glob("*.trz")):
    state = load_state(path)
    models = (state.model, state.volume_model, *state.resample_models)
    said = [m.predict(frame) if state.task == "rate" else m.predict_proba(frame)[:, 1]
            for m in models]
    np.save(Path(sys.argv[1]) / f"{path.stem}.npy", np.array(said))
print(platform.python_version())
"""


def simulated() -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Draw the table and its outcomes."""
    rng = np.random.default_rng(SEED)
    keys = [[f"P{i:03d}" for i in range(N)], ["1"] * N]
    index = pd.MultiIndex.from_arrays(
        [pd.Index(key, dtype="str") for key in keys], names=["patient_id", "lesion_id"]
    )
    columns = {f"radiomics__original__f{i:03d}": rng.normal(size=N) for i in range(150)}
    columns |= {f"deep__net__{i:04d}": rng.normal(size=N) for i in range(150)}
    columns["radiomics__original__f007"][::9] = np.nan
    clinical = {
        "clinical__volume_cc": rng.lognormal(2.5, 0.8, N),
        "clinical__age": rng.normal(61, 9, N),
        "clinical__site": pd.Categorical(rng.choice(["larynx", "tongue", "tonsil"], N)),
    }
    frame = pd.DataFrame(clinical | columns, index=index)
    rate = np.log(frame["clinical__volume_cc"]) + frame["deep__net__0004"] + rng.normal(size=N)
    response = (rate > rate.median()).astype(int)
    return frame, {"rate": rate.to_numpy(), "response": response.to_numpy()}


def predictor(name: str, task: str, frame: pd.DataFrame, y: np.ndarray) -> PredictorState:
    """Fit a model, volume alone, and bootstrap fits."""
    rng = np.random.default_rng(SEED)
    draws = [np.arange(N), *(rng.integers(0, N, N) for _ in range(N_RESAMPLES))]
    fits = [tr.make_model(name, outcome=task).fit(frame.iloc[at], y[at]) for at in draws]
    described = pd.Index(list(frame.columns), dtype="str", name="column")
    return PredictorState(
        task=task,
        end_point={},
        provenance={},
        dictionary=pd.DataFrame("", index=described, columns=DICTIONARY_COLUMNS, dtype="str"),
        model=fits[0],
        volume_model=tr.make_model("volume_only", outcome=task).fit(frame, y),
        resample_models=tuple(fits[1:]),
        calibration=Calibration(),
        volume_calibration=Calibration(),
        conformal=ConformalRule(),
        threshold={},
        domain=TrainingDomain(),
    )


def said_of(state: PredictorState, frame: pd.DataFrame) -> np.ndarray:
    """Return what the fitted models say of all rows, before they are saved."""
    models = (state.model, state.volume_model, *state.resample_models)
    rate = state.task == "rate"
    return np.array([m.predict(frame) if rate else m.predict_proba(frame)[:, 1] for m in models])


def main() -> None:
    """Save, load elsewhere, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pythons", nargs="*", default=[sys.executable])
    pythons = parser.parse_args().pythons
    from tumor_response.predictor.saving import save_state

    frame, outcomes = simulated()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        frame.reset_index().to_parquet(Path(folder) / "rows.parquet")
        before = {}
        for task, y in outcomes.items():
            for name in model_names(task):
                if name not in ROWS:
                    state = predictor(name, task, frame, y)
                    before[f"{name}.{task}"] = said_of(state, frame)
                    save_state(state, Path(folder) / f"{name}.{task}.trz")
        for python in pythons:
            for threads in THREADS:
                out = Path(folder) / f"out_{len(rows)}"
                out.mkdir()
                root = str(Path(__file__).parents[1])
                environment = {
                    **os.environ,
                    "PYTHONPATH": root,
                    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads)),
                }
                ran = subprocess.run(
                    [python, "-c", LOADER, out.name],
                    cwd=folder,
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=True,
                )
                for name, kept in before.items():
                    found = np.load(out / f"{name}.npy")
                    rows.append(
                        {
                            "python": ran.stdout.strip(),
                            "threads": threads,
                            "model": name.split(".")[0],
                            "task": name.split(".")[1],
                            "n_predictions": kept.size,
                            "same_bits": int((found == kept).sum()),
                            "largest_difference": float(np.abs(found - kept).max()),
                            "bytes": (Path(folder) / f"{name}.trz").stat().st_size,
                        }
                    )
    table = pd.DataFrame(rows)
    table.to_csv(RESULTS, index=False)
    by = table.groupby(["python", "threads"])
    print(by[["n_predictions", "same_bits", "largest_difference"]].agg("sum"))


if __name__ == "__main__":
    main()
