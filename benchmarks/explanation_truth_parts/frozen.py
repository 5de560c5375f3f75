"""What was fixed before any result: ``frozen.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FROZEN: dict[str, Any] = json.loads((HERE / "frozen.json").read_text())
RESULTS = HERE.parent / "results"
FIGURES = HERE.parents[1] / "docs" / "_figures"

SEEDS: list[int] = FROZEN["cohorts"]["seeds"]
SCENARIOS: list[str] = list(FROZEN["outcome"]["scenarios"])
MODELS: list[str] = list(FROZEN["models"])
N_RESAMPLES: int = FROZEN["evaluation"]["n_resamples"]
N_PERMUTATIONS: int = FROZEN["null"]["n_permutations"]
NEAR, FAR = 0.8, 0.5
"""How well a family tells the driver (R2) to be counted as right."""
VOLUME_ITSELF = ("clinical: volume_cc", "radiomics: original shape")
