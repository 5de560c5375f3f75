"""A small study to run: twelve patients with tiny images, two clinical variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.unit import cases
from tumor_response.study.template import toml_text

N_PATIENTS = 12

FAST: dict[str, dict[str, Any]] = {
    "cohort": {"manifest": "../data/manifest.csv"},
    "features": {
        "radiomics": "minimal",
        "backbone": "none",
        "clinical": ["age"],
        "cache_dir": "../cache",
    },
    "models": {"names": ["logistic_all"]},
    "evaluation": {"n_resamples": 5},
    "controls": {
        "images": ["voxels_shuffled"],
        "n_permutations": 19,
        "n_resamples_permuted": 2,
        "n_resamples": 3,
    },
    "ablation": {"models": ["logistic"], "blocks": ["radiomics", "clinical"]},
    "report": {"key_file": "../key"},
}


def write_data(root: Path) -> None:
    """Write the cohort to ``root/data``."""
    data = root / "data"
    data.mkdir()
    manifest = cases.cohort_folder(data, N_PATIENTS)
    rng = np.random.default_rng(0)
    for i in range(N_PATIENTS):
        cases.write(data, f"p{i}_gtv2.nii.gz", cases.mask(5.0 + 3.0 * rng.random()))
    manifest["sex"] = ["f", "m"] * (N_PATIENTS // 2)
    manifest.to_csv(data / "manifest.csv", index=False)


def write_study(folder: Path, **sections: dict[str, Any]) -> Path:
    """Write a study's settings, these over the fast ones."""
    names = {**FAST, **sections}
    values = {name: {**FAST.get(name, {}), **sections.get(name, {})} for name in names}
    folder.mkdir(exist_ok=True)
    (folder / "study.toml").write_text(toml_text(values), encoding="utf-8")
    return folder


LIGHT: dict[str, dict[str, Any]] = {
    "features": {"radiomics": "none"},
    "models": {"names": [], "headline": "clinical_only"},
    "evaluation": {"n_resamples": 4},
    "controls": {"leakage": False, "negative": False},
    "ablation": {"enabled": False, "blocks": []},
}
"""Of clinical variables alone: a run takes a second or two."""


def results(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all that a run gives, but for clocks and stamps of files."""
    clocks = {"log.jsonl", "files.json"}
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        timed = path.name in clocks or name.startswith(("ledger.jsonl", "plan.json"))
        if path.is_file() and not timed:
            found[name] = path.read_bytes()
    return found
