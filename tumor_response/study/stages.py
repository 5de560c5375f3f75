"""The stages of a study: what each uses, what it gives, in the order in which they are done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tumor_response.study import believing, describing, handing_over, measuring
from tumor_response.study.identity import file_sha256, named_files
from tumor_response.study.naming import NONE, PLAN_FILE
from tumor_response.study.records import Inputs
from tumor_response.study.settings import StudySettings
from tumor_response.study.working import Work

__all__ = ["STAGES", "Stage", "asked_stages", "inputs_of"]

Keys = Callable[[StudySettings], list[str]]


@dataclass(frozen=True)
class Stage:
    """One stage.

    Parameters
    ----------
    name
        Its name.
    keys
        The keys of the settings file that it uses, given the settings.
    make
        Does the work and returns the files that later stages use.
    after
        The stages whose results it uses.
    data
        What of the cohort's files it reads.
    write
        Writes what is for people and other programs, from what was kept; returns the files.
    ledger
        Whether it reads the study's ledger.
    """

    name: str
    keys: Keys
    make: Callable[[Work, str], list[Path]]
    after: tuple[str, ...] = ()
    data: Literal["none", "baseline", "everything"] = "none"
    write: Callable[[Work], list[Path]] = field(default=lambda work: [])  # noqa: ARG005
    ledger: bool = False


def _features(settings: StudySettings) -> list[str]:
    of_network = [] if settings.features.backbone == NONE else ["features.weights"]
    return [
        *("features.radiomics", "features.backbone", *of_network),
        *("features.clinical", "features.categories"),
    ]


_SCHEMES = {
    "bootstrap": ["n_resamples"],
    "folds": ["n_folds", "n_repeats"],
    "nested": ["n_folds", "n_repeats"],
    "sites": [],
}


def _plan(settings: StudySettings) -> list[str]:
    of_scheme = _SCHEMES[settings.evaluation.scheme]
    return [
        *("outcome.by", "outcome.cut", "evaluation.scheme"),
        *(f"evaluation.{key}" for key in of_scheme),
        *("evaluation.seed", "evaluation.failed"),
    ]


def _explained(settings: StudySettings) -> list[str]:
    names = [] if settings.explanation.models else ["models.headline"]
    return ["explanation.models", *names, "explanation.n_permutations"]


def _looked(settings: StudySettings) -> list[str]:
    keys = [
        *("models.headline", "features.backbone", "features.weights"),
        *("explanation.attention_method", "explanation.concordance"),
    ]
    return [*keys, "outcome.by", "outcome.cut"] if settings.explanation.concordance else keys


STAGES: tuple[Stage, ...] = (
    Stage(
        "check",
        lambda _: [],
        describing.make_check,
        data="everything",
        write=describing.write_check,
    ),
    Stage(
        "outcomes",
        lambda _: ["outcome.per"],
        describing.make_outcomes,
        data="everything",
    ),
    Stage(
        "coupling",
        lambda _: ["outcome.by", "outcome.cut", "outcome.observer_error_mm", "evaluation.seed"],
        describing.make_coupling,
        after=("outcomes",),
        write=describing.write_coupling,
    ),
    Stage(
        "features",
        _features,
        describing.make_features,
        data="baseline",
        write=describing.write_features,
    ),
    Stage(
        "evaluation",
        lambda s: ["models.names", *_plan(s)],
        measuring.make_evaluation,
        after=("outcomes", "features"),
        write=measuring.write_evaluation_files,
    ),
    Stage(
        "leakage",
        lambda _: [],
        believing.make_leakage,
        after=("outcomes", "features", "evaluation"),
        write=believing.write_leakage_files,
    ),
    Stage(
        "controls",
        lambda s: [
            *("models.headline", "controls.images", "controls.n_permutations"),
            *("controls.n_resamples_permuted", "controls.n_resamples"),
            *(_features(s) if s.controls.images else []),
            *_plan(s),
        ],
        believing.make_controls,
        after=("outcomes", "features"),
        data="baseline",
        write=believing.write_controls,
    ),
    Stage(
        "robustness",
        lambda s: [*_features(s), "controls.n_repeats", "evaluation.seed"],
        believing.make_robustness,
        data="baseline",
        write=believing.write_robustness,
    ),
    Stage(
        "ablation",
        lambda s: ["ablation.models", "ablation.blocks", *_plan(s)],
        measuring.make_ablation,
        after=("outcomes", "features"),
        write=measuring.write_ablation,
    ),
    Stage(
        "explanation",
        _explained,
        measuring.make_explanation,
        after=("evaluation",),
        write=measuring.write_explanation_files,
    ),
    Stage(
        "attention",
        _looked,
        measuring.make_attention,
        after=("outcomes", "features", "evaluation"),
        data="everything",
    ),
    Stage(
        "predictor",
        lambda s: [
            *(*_features(s), "models.headline", "outcome.by", "outcome.cut"),
            *("evaluation.seed", "evaluation.failed", "predictor.n_resamples"),
        ],
        handing_over.make_predictor,
        after=("outcomes", "features"),
        data="baseline",
    ),
    Stage(
        "report",
        lambda _: [
            *("study.title", "models.headline"),
            *("report.notes", "report.identified", "report.key_file"),
        ],
        handing_over.make_report,
        after=(
            *("check", "outcomes", "coupling", "features", "evaluation", "leakage", "controls"),
            *("robustness", "ablation", "explanation", "attention"),
        ),
        data="everything",
        ledger=True,
    ),
    Stage(
        "export",
        lambda _: [
            *("models.headline", "report.key_file"),
            *("export.formats", "export.named", "export.keep"),
        ],
        handing_over.make_export,
        after=("outcomes", "features", "evaluation", "leakage", "robustness"),
    ),
)


def asked_stages(settings: StudySettings) -> list[Stage]:
    """Return the stages that the settings want, in order."""
    return [stage for stage in STAGES if settings.asks_for(stage.name)]


def inputs_of(stage: Stage, work: Work, results: dict[str, str]) -> Inputs:
    """Return what a stage would be made from.

    Parameters
    ----------
    stage
        Which.
    work
        The study.
    results
        By stage before it, the hash of its result; those not asked for are left out.
    """
    settings = work.settings
    keys = stage.keys(settings)
    data: dict[str, str] = {}
    if stage.data == "baseline":
        data = work.identity.baseline(work.blocks.variables)
    elif stage.data == "everything":
        data = work.identity.everything()
    files = named_files(
        {k: settings.value(k) for k in keys if k in ("features.radiomics", "features.weights")},
        work.folder,
    )
    if stage.ledger:
        files["ledger"] = file_sha256(work.ledger.chain.path)
        files["plan"] = file_sha256(work.folder / PLAN_FILE)
    return Inputs(
        settings={key: settings.value(key) for key in keys},
        data=data,
        files=files,
        before={name: results[name] for name in stage.after if name in results},
    )
