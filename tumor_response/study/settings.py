"""A study's settings as one object: what ``study.toml`` says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Self

from pydantic import Field, model_validator

from tumor_response.settings import Settings, thawed
from tumor_response.study.naming import BASELINES, NONE, names_of_models
from tumor_response.study.sections import (
    AblationSection,
    CohortSection,
    ControlsSection,
    EvaluationSection,
    ExplanationSection,
    ExportSection,
    FeaturesSection,
    ModelsSection,
    OutcomeSection,
    PredictorSection,
    ReportSection,
    Section,
    StudySection,
)

__all__ = ["SECTIONS", "StudySettings", "json_schema"]


class StudySettings(Settings):
    """All that decides a study; the keys of ``study.toml``, section by section.

    Parameters
    ----------
    study, cohort, features, outcome, models, evaluation, controls, ablation, explanation, \
predictor, report, export
        The sections; each may be left out but ``cohort``.

    Raises
    ------
    SettingsError
        For an unknown key or a value that is none, with the section, the key and what is expected.

    Examples
    --------
    >>> settings = StudySettings(cohort={"manifest": "manifest.csv"})
    >>> settings.evaluation.n_resamples
    1000
    """

    study: StudySection = Field(default_factory=StudySection)
    cohort: CohortSection
    features: FeaturesSection = Field(default_factory=FeaturesSection)
    outcome: OutcomeSection = Field(default_factory=OutcomeSection)
    models: ModelsSection = Field(default_factory=ModelsSection)
    evaluation: EvaluationSection = Field(default_factory=EvaluationSection)
    controls: ControlsSection = Field(default_factory=ControlsSection)
    ablation: AblationSection = Field(default_factory=AblationSection)
    explanation: ExplanationSection = Field(default_factory=ExplanationSection)
    predictor: PredictorSection = Field(default_factory=PredictorSection)
    report: ReportSection = Field(default_factory=ReportSection)
    export: ExportSection = Field(default_factory=ExportSection)

    @property
    def blocks(self) -> list[str]:
        """Names of the blocks that are extracted."""
        images = {"radiomics": self.features.radiomics, "deep": self.features.backbone}
        return [*(block for block, what in images.items() if what != NONE), "clinical"]

    @property
    def explained(self) -> list[str]:
        """The models that are explained by SHAP values."""
        return list(self.explanation.models) or [self.models.headline]

    def asks_for(self, stage: str) -> bool:
        """Return whether a stage is wanted; those that cannot be left out are."""
        wanted = {
            "leakage": self.controls.leakage,
            "controls": self.controls.negative,
            "robustness": self.controls.robustness,
            "ablation": self.ablation.enabled,
            "attention": self.explanation.attention,
            "predictor": self.predictor.enabled,
            "export": self.export.enabled,
        }
        return wanted.get(stage, True)

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Yield keys whose values do not go with other sections, each with what is expected."""
        known = names_of_models(self.blocks)
        evaluated = [
            name
            for name in known
            if not self.models.names or name in (*BASELINES, *self.models.names)
        ]
        for name in self.models.names:
            if name not in known:
                yield "models.names", f"{name!r} is not a model of this study; {_one_of(known)}"
        if self.models.headline not in evaluated:
            yield (
                "models.headline",
                f"{self.models.headline!r} is not evaluated; {_one_of(evaluated)}",
            )
        for name in self.explanation.models:
            if name not in evaluated:
                yield "explanation.models", f"{name!r} is not evaluated; {_one_of(evaluated)}"
        for block in self.ablation.blocks:
            if block not in self.blocks:
                yield "ablation.blocks", f"{block!r} is not extracted; {_one_of(self.blocks)}"
        headline = self.models.headline
        looks = "deep" in self.blocks and headline in _LOOKING
        if self.explanation.attention and headline in evaluated and not looks:
            yield (
                "explanation.attention",
                f"the headline model {headline} does not look at images by a network; name one of "
                f"{', '.join(_LOOKING)} with a backbone, or set it to false",
            )
        if both := sorted({*self.features.clinical} & set(self.features.categories)):
            yield "features.categories", f"{', '.join(both)} is named as a numeric variable too"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if found := [f"[{key.replace('.', '] ')}: {told}" for key, told in self.contradictions()]:
            raise ValueError("; ".join(found))
        return self

    def value(self, key: str) -> Any:
        """Return the value of a key such as ``"evaluation.n_resamples"``, as JSON has it."""
        section, name = key.split(".")
        return thawed(getattr(getattr(self, section), name))

    @staticmethod
    def keys() -> list[str]:
        """Return all keys, in the order of the file."""
        return [f"{name}.{key}" for name, one in SECTIONS.items() for key in one.model_fields]


_LOOKING = ("logistic_deep", "logistic_all")
"""Models whose weights of deep columns a map can be made of."""


def _one_of(names: list[str]) -> str:
    return f"expected one of {', '.join(names)}"


SECTIONS: dict[str, type[Section]] = {
    name: field.annotation  # type: ignore[misc]  # each of them is a section
    for name, field in StudySettings.model_fields.items()
}
"""The sections by name, in the order of the file."""


def json_schema() -> str:
    """Return the JSON schema of ``study.toml``, for editors that complete and check it.

    Examples
    --------
    >>> json.loads(json_schema())["properties"]["evaluation"]["$ref"]
    '#/$defs/EvaluationSection'
    """
    return json.dumps(StudySettings.model_json_schema(), indent=2) + "\n"
