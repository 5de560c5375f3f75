"""The tutorial's way through the command line, as data: what is typed, and what is edited."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Command:
    """A line that is typed, and the exit code it ends with."""

    name: str
    line: str
    code: int = 0


@dataclass(frozen=True)
class Edit:
    """Keys of ``study.toml`` that are changed by hand: section.key -> the new value as TOML."""

    name: str
    keys: dict[str, str] = field(default_factory=dict)

    def apply(self, path: Path) -> str:
        """Change the file; return the changed lines as an editor would show them."""
        lines = path.read_text(encoding="utf-8").splitlines()
        shown = []
        for place, value in self.keys.items():
            section, key = place.split(".")
            start = lines.index(f"[{section}]")
            at = next(i for i in range(start, len(lines)) if re.match(rf"(# )?{key} = ", lines[i]))
            shown += [f"[{section}]", f"- {lines[at]}", f"+ {key} = {value}"]
            lines[at] = f"{key} = {value}"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return "\n".join(shown) + "\n"


Step = Command | Edit

_INIT = (
    'tumor-response init study --from export --roi "GTV.*" --clinical-table clinical.csv '
    "--clinical age --clinical stage --radiomics minimal --backbone none"
)


def steps(n_resamples: int = 50) -> list[Step]:
    """Return the whole way; the test of the docs goes it with fewer resamples."""
    fewer: dict[str, Any] = {
        "evaluation.n_resamples": n_resamples,
        "controls.images": "[]",
        "controls.n_permutations": 19,
        "controls.n_resamples_permuted": max(2, n_resamples // 10),
        "controls.n_resamples": max(2, n_resamples // 2),
        "ablation.models": '["logistic"]',
        "predictor.enabled": "true",
        "predictor.n_resamples": max(2, n_resamples // 4),
        "export.enabled": "true",
        "export.formats": '["csv"]',
    }
    return [
        Command("look", "tumor-response check export"),
        Command("check", 'tumor-response check export --roi "GTV.*" --html findings.html'),
        Command("init", _INIT),
        Edit("settings", {key: str(value) for key, value in fewer.items()}),
        Command("dry_run", "tumor-response run study --dry-run"),
        Command("run", "tumor-response run study"),
        Command("run_again", "tumor-response run study"),
        Edit("cut", {"outcome.cut": '"upper_tertile"'}),
        Command("dry_run_changed", "tumor-response run study --dry-run"),
        Command("run_changed", "tumor-response run study"),
        Command(
            "predict",
            'tumor-response predict study/predictor.trz new --roi "GTV.*" '
            "--clinical-table new/clinical.csv",
        ),
        Command("verify", "tumor-response verify study/bundle"),
        Command("verify_predictor", "tumor-response verify study/predictor.trz"),
    ]


MISTAKES = [
    Command("folder", "tumor-response init other --from exprot", 2),
    Command("roi", "tumor-response init other --from export --roi GTV", 2),
    Command("no_roi", "tumor-response init other --from export --yes", 2),
    Command("study", "tumor-response run stduy", 2),
    Command(
        "column",
        'tumor-response init other --from export --roi "GTV.*" --clinical-table clinical.csv '
        "--clinical agee",
        2,
    ),
    Command(
        "leak",
        'tumor-response init other --from export --roi "GTV.*" --clinical-table clinical.csv '
        "--clinical dose_gy_at_follow_up",
        2,
    ),
]
"""What a newcomer mistypes on the way, and the exit code it ends with."""
