"""What a predictor file costs: its size, the time to write and to read it, the memory for both.

A simulated table of 100 patients and 1,503 columns, 50 bootstrap fits beside the model and
``volume_only``, as ``ShrinkagePredictor`` saves them. Seconds are processor time of one core, the
best of three; memory is the peak of what Python and NumPy allocate, beside what was there before.
The last rows are files that were made to take memory, and are refused: JSON of as many values as
are allowed, and a member that unpacks to as much as is allowed. A run that was ended goes on.

Run:  python -P benchmarks/predictor_file_cost.py
Writes benchmarks/results/predictor_file_cost.csv.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import tumor_response as tr
from tumor_response.exceptions import BundleError
from tumor_response.features.assemble import DICTIONARY_COLUMNS
from tumor_response.parallel.threads import held_threads
from tumor_response.predictor import Calibration, ConformalRule, PredictorState, TrainingDomain
from tumor_response.predictor.container.strict_json import MOST_VALUES, written
from tumor_response.predictor.container.writing import sealed
from tumor_response.predictor.saving import state_bytes, state_from

N, SEED, N_RESAMPLES = 100, 9301, 50
MODELS = ("logistic", "xgboost", "random_forest", "average")
RESULTS = Path(__file__).parent / "results" / "predictor_file_cost.csv"


def predictor(name: str) -> PredictorState:
    """Fit a model and its bootstrap fits to a simulated table."""
    rng = np.random.default_rng(SEED)
    index = pd.MultiIndex.from_arrays(
        [[f"P{i:03d}" for i in range(N)], ["1"] * N], names=["patient_id", "lesion_id"]
    )
    columns = {f"radiomics__wavelet_LLH__glcm_F{i:04d}": rng.normal(size=N) for i in range(1220)}
    columns |= {f"deep__tf_efficientnet_lite0__{i:04d}": rng.normal(size=N) for i in range(280)}
    columns["clinical__volume_cc"] = rng.lognormal(2.5, 0.8, N)
    columns["clinical__age"] = rng.normal(61, 9, N)
    frame = pd.DataFrame(columns, index=index)
    site = pd.Categorical(rng.choice(["larynx", "tongue", "tonsil"], N))
    frame["clinical__site"] = site
    score = np.log(frame["clinical__volume_cc"]) + rng.normal(size=N)
    y = (score > score.median()).astype(int).to_numpy()
    draws = [np.arange(N), *(rng.integers(0, N, N) for _ in range(N_RESAMPLES))]
    fits = [tr.make_model(name).fit(frame.iloc[at], y[at]) for at in draws]
    described = pd.Index(list(frame.columns), dtype="str", name="column")
    return PredictorState(
        task="response",
        end_point={},
        provenance={},
        dictionary=pd.DataFrame("", index=described, columns=DICTIONARY_COLUMNS, dtype="str"),
        model=fits[0],
        volume_model=tr.make_model("volume_only").fit(frame, y),
        resample_models=tuple(fits[1:]),
        calibration=Calibration(),
        volume_calibration=Calibration(),
        conformal=ConformalRule(),
        threshold={},
        domain=TrainingDomain(),
    )


def cost(work: Callable[[Any], Any], given: Any) -> tuple[float, float]:
    """Return processor seconds (best of three) and peak MiB."""
    seconds = []
    for _ in range(3):
        begun = time.process_time()
        work(given)
        seconds.append(time.process_time() - begun)
    tracemalloc.start()
    work(given)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return min(seconds), peak / 1024**2


def greedy() -> dict[str, bytes]:
    """Return files that take as much memory as a refused file can."""
    with zipfile.ZipFile(io.BytesIO(state_bytes(predictor("dummy")))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    random = np.random.default_rng(SEED).bytes(400_000)  # what does not shrink lets more in
    lists = b"[" + b"[]," * (MOST_VALUES // 2 - 2) + b"[]]"
    return {
        "refused: most values": sealed(
            listed({**parts, "state.json": lists, "check.json": random})
        ),
        "refused: most bytes": sealed(
            listed({**parts, "arrays.safetensors": bytes(15 * 1024**2) + 40 * random[:1000]})
        ),
    }


def listed(parts: dict[str, bytes]) -> dict[str, bytes]:
    """Return members with a manifest that lists them."""
    manifest = json.loads(parts["manifest.json"])
    manifest["members"] = [
        {"name": name, "size": len(one), "sha256": hashlib.sha256(one).hexdigest()}
        for name, one in parts.items()
        if name != "manifest.json"
    ]
    return {**parts, "manifest.json": written(manifest)}


def refuse(content: bytes) -> None:
    """Load what cannot be loaded."""
    try:
        state_from(content)
    except BundleError as error:
        if error.code != "damaged_member":
            raise
    else:
        raise AssertionError("it was loaded")


def main() -> None:
    """Measure and write."""
    rows = pd.read_csv(RESULTS).to_dict("records") if RESULTS.exists() else []
    done = {row["model"] for row in rows}
    for name, content in greedy().items():
        if name in done:
            continue
        seconds, peak = cost(refuse, content)
        rows.append(
            {
                "model": name,
                "mib": round(len(content) / 1024**2, 2),
                "read_seconds": round(seconds, 2),
                "read_mib": round(peak, 1),
            }
        )
        print(rows[-1], flush=True)
        pd.DataFrame(rows).to_csv(RESULTS, index=False)
    for name in MODELS:
        if name in done:
            continue
        state = predictor(name)
        with held_threads(1):
            content = state_bytes(state)
            writing, writing_mib = cost(state_bytes, state)
            reading, reading_mib = cost(state_from, content)
        rows.append(
            {
                "model": name,
                "mib": round(len(content) / 1024**2, 2),
                "write_seconds": round(writing, 2),
                "write_mib": round(writing_mib, 1),
                "read_seconds": round(reading, 2),
                "read_mib": round(reading_mib, 1),
            }
        )
        print(rows[-1], flush=True)
        pd.DataFrame(rows).to_csv(RESULTS, index=False)


if __name__ == "__main__":
    main()
