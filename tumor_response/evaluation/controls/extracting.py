"""The tables of the image controls: one extraction, in which every case is read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.cohort import BaselineCase, Cohort
from tumor_response.evaluation.controls.settings import ControlName, ControlsSettings
from tumor_response.exceptions import EvaluationError, FeatureError
from tumor_response.features.altered import Altered
from tumor_response.features.base import KEY_ROLE, FeatureExtractor, FeatureSpec, FeatureValues
from tumor_response.features.checks import checked_specs
from tumor_response.features.clinical import ClinicalFactors
from tumor_response.features.memory import Extent, extractor_bytes
from tumor_response.features.radiomics import Radiomics, RadiomicsSettings
from tumor_response.features.rebuild import extractors_of
from tumor_response.imaging import AlterationRule
from tumor_response.imaging.control_images import VoxelShuffle
from tumor_response.quality import ExclusionRule, QualitySettings
from tumor_response.settings import canonical_json
from tumor_response.table import FeatureTable, extract

__all__ = ["ControlTables", "Extraction", "InBlock", "Plan", "control_tables", "random_table"]

REFERENCE = "controls_reference"
"""Block of what the expectations are made of: shape and histogram of the unaltered image."""
LOG_VOLUME = f"{REFERENCE}__log_volume"
_SHAPE, _HISTOGRAM = (f"{REFERENCE}__original__{name}_" for name in ("shape", "firstorder"))
_LEVEL = [f"{_HISTOGRAM}Mean", f"{_HISTOGRAM}Variance"]
_NETWORKS = ("deep", "encoder")


class InBlock:
    """An extractor under another block's name, so that it can stand beside itself.

    Parameters
    ----------
    extractor
        What is run.
    prefix
        Put in front of its block and columns, with an underscore.
    """

    def __init__(self, extractor: FeatureExtractor, prefix: str) -> None:
        self.extractor, self.prefix = extractor, prefix
        self.block = f"{prefix}_{extractor.block}"
        self.variables = extractor.variables
        self.required_variables = extractor.required_variables
        self.cacheable = extractor.cacheable
        self.contour_as_drawn = bool(getattr(extractor, "contour_as_drawn", False))

    def identity(self) -> dict[str, Any]:
        """Return the extractor's identity; that the name is another is in the block."""
        return self.extractor.identity()

    def feature_specs(self) -> list[FeatureSpec]:
        """Return its dictionary rows under the new names."""
        return [
            replace(spec, column=f"{self.prefix}_{spec.column}", block=self.block)
            for spec in self.extractor.feature_specs()
        ]

    def extract(self, case: BaselineCase) -> FeatureValues:
        """Return its values under the new names."""
        found = self.extractor.extract(case)
        values = {f"{self.prefix}_{name}": value for name, value in found.values.items()}
        return FeatureValues(values, found.shortfalls)

    def holds(self, texts: Mapping[str, str]) -> bool:
        """Tell whether what it keeps elsewhere is still there."""
        inner = getattr(self.extractor, "holds", None)
        plain = {name.removeprefix(f"{self.prefix}_"): text for name, text in texts.items()}
        return True if inner is None else bool(inner(plain))

    def memory_bytes(self, extent: Extent) -> int:
        """Return what a case needs beside its image."""
        return extractor_bytes(self.extractor, extent)


@dataclass(frozen=True)
class Extraction:
    """How features are extracted, as :func:`tumor_response.extract` has it."""

    n_jobs: int
    cache_dir: str | Path | None
    quality: QualitySettings | None
    exclude: ExclusionRule | None


@dataclass(frozen=True)
class Plan:
    """Which extractors stand in which control.

    Attributes
    ----------
    own : list of extractors
        The model's.
    controls : dict of str to list of extractors
        By control, each under the own block's name.
    skipped : dict of str to str
        Controls that cannot be made, and why.
    """

    own: list[FeatureExtractor]
    controls: dict[ControlName, list[FeatureExtractor]]
    skipped: dict[ControlName, str]

    @classmethod
    def of(
        cls,
        extractors: Sequence[FeatureExtractor],
        used_blocks: Sequence[str],
        settings: ControlsSettings,
    ) -> Plan:
        """Plan the controls of what a model uses: the blocks it does not use are left alone."""
        used = [one for one in extractors if one.block in used_blocks]
        # what a manifest says is no voxel's business
        of_voxels = [one for one in used if not isinstance(one, ClinicalFactors)]
        rules: dict[str, AlterationRule] = {
            "voxels_shuffled": VoxelShuffle(),
            "noise_images": settings.noise,
            "context_only": settings.context,
        }
        controls: dict[ControlName, list[FeatureExtractor]] = {}
        skipped: dict[ControlName, str] = {}
        for name in settings.controls:
            made: list[FeatureExtractor]
            if name in rules:
                made = [Altered(one, rules[name], seed=settings.seed) for one in of_voxels]
                why = "the model uses no extractor that reads voxels"
            else:
                made = [one for each in of_voxels for one in _untrained(each, settings.seed)]
                why = "the model uses no network whose weights can be left untrained"
            if made:
                controls[name] = made
            else:
                skipped[name] = why
        return cls(list(extractors), controls, skipped)

    def extractors(self, *, with_own: bool) -> list[FeatureExtractor]:
        """Return all extractors of one run, no two in one block."""
        found: list[FeatureExtractor] = list(self.own) if with_own else []
        found += [InBlock(one, name) for name, some in self.controls.items() for one in some]
        return [*found, _reference()] if self.controls else found

    def specs(self, cohort: Cohort) -> list[FeatureSpec]:
        """Return the dictionary rows of the model's own extractors."""
        return [spec for block in checked_specs(cohort, self.own) for spec in block]

    def altered_blocks(self, name: ControlName) -> set[str]:
        """Return the blocks that a control replaces."""
        return {one.block for one in self.controls[name]}


@dataclass(frozen=True)
class ControlTables:
    """The model's table and that of each control, with the same rows and columns.

    Attributes
    ----------
    own : FeatureTable or DataFrame
    data : dict of str to DataFrame
        By control.
    failures : dict of str to DataFrame
        By control: which values are missing and why.
    reference : DataFrame
        Shape, histogram and log volume of the unaltered cases.
    reference_failures : DataFrame
    """

    own: FeatureTable | pd.DataFrame
    data: dict[ControlName, pd.DataFrame] = field(default_factory=dict)
    failures: dict[ControlName, pd.DataFrame] = field(default_factory=dict)
    reference: pd.DataFrame = field(default_factory=pd.DataFrame)
    reference_failures: pd.DataFrame | None = None

    def kept_columns(self, name: ControlName) -> list[str]:
        """Return the columns of ``reference`` that say what a control keeps."""
        there = [str(column) for column in self.reference]
        shape = [column for column in there if column.startswith(_SHAPE)]
        histogram = [column for column in there if column.startswith(_HISTOGRAM)]
        match name:
            case "voxels_shuffled":
                return [LOG_VOLUME, *shape, *histogram]
            case "noise_images":
                return [LOG_VOLUME, *shape, *_LEVEL]
            case _:
                return [LOG_VOLUME]


def control_tables(
    cohort: Cohort,
    plan: Plan,
    table: FeatureTable | pd.DataFrame | None,
    extraction: Extraction,
) -> ControlTables:
    """Extract what is asked for: the model's own table, too, unless it is given.

    Raises
    ------
    EvaluationError
        Code ``other_table``: the table given is not of these lesions or extractors.
    """
    wanted = plan.extractors(with_own=table is None)
    if table is not None:
        _check_table(table, cohort, plan)
    if not wanted:
        if table is None:
            raise EvaluationError("There are no extractors and no table.", code="no_block")
        return ControlTables(table)
    whole = extract(
        cohort,
        wanted,
        n_jobs=extraction.n_jobs,
        cache_dir=extraction.cache_dir,
        quality=extraction.quality,
        exclude=extraction.exclude,
    )
    own = whole.select([one.block for one in plan.own]) if table is None else table
    if not plan.controls:
        return ControlTables(own)
    base = own.data if isinstance(own, FeatureTable) else own
    before = own.failures if isinstance(own, FeatureTable) else whole.failures.iloc[:0]
    data, failures = {}, {}
    for name in plan.controls:
        blocks = plan.altered_blocks(name)
        data[name] = _replaced(base, whole.data, name, blocks)
        told = whole.failures[whole.failures["block"].isin([f"{name}_{b}" for b in blocks])]
        told = told.assign(block=told["block"].str.removeprefix(f"{name}_"))
        failures[name] = pd.concat([before[~before["block"].isin(blocks)], told])
    reference = whole.data.loc[:, whole.dictionary["block"] == REFERENCE].reindex(base.index)
    volume = reference[f"{_SHAPE}VoxelVolume"]
    return ControlTables(
        own,
        data,
        failures,
        reference.assign(**{LOG_VOLUME: np.log(volume.where(volume > 0))}),
        whole.failures[whole.failures["block"].isin([REFERENCE, "case"])],
    )


def random_table(specs: Sequence[FeatureSpec], index: pd.Index) -> pd.DataFrame:
    """Return random numbers, and random levels, of the columns that there will be.

    Whatever does not hang on the values can be tried on it before an image is read.
    """
    rng = np.random.default_rng(0)
    columns: dict[str, npt.NDArray[np.float64] | pd.Categorical] = {}
    for spec in specs:
        levels = ["key"] if spec.role == KEY_ROLE else list(spec.categories)
        if levels:
            drawn = rng.choice(levels, len(index))
            columns[spec.column] = pd.Categorical(drawn, categories=levels)
        else:
            columns[spec.column] = rng.normal(size=len(index))
    return pd.DataFrame(columns, index=index)


def _reference() -> FeatureExtractor:
    """Return what measures shape and histogram, on the image's own voxels."""
    settings = RadiomicsSettings(
        image_types={"Original": {}},
        feature_classes={"shape": None, "firstorder": None},
        setting={"binWidth": 25},
    )
    return Radiomics(settings, block=REFERENCE)


def _untrained(extractor: FeatureExtractor, seed: int) -> list[FeatureExtractor]:
    """Return the same network with weights that nobody trained; none where there is no such."""
    identity = extractor.identity()
    if identity.get("extractor") not in _NETWORKS:
        return []
    untrained = {**identity, "weights_source": f"random:{seed}", "weights_sha256": None}
    try:
        return extractors_of({"extractors": {extractor.block: untrained}})
    except FeatureError:
        return []


def _replaced(
    base: pd.DataFrame, found: pd.DataFrame, name: ControlName, blocks: set[str]
) -> pd.DataFrame:
    """Return the table with a control's values in place of its own."""
    rows = found.reindex(base.index)
    theirs = tuple(f"{block}__" for block in blocks)
    columns = {
        column: rows[f"{name}_{column}"] if str(column).startswith(theirs) else base[column]
        for column in base
    }
    return pd.DataFrame(columns, index=base.index)


def _check_table(table: FeatureTable | pd.DataFrame, cohort: Cohort, plan: Plan) -> None:
    data = table.data if isinstance(table, FeatureTable) else table
    if list(data.index.names) != list(cohort.keys.names):
        raise EvaluationError(
            f"table: its index is {list(data.index.names)}, expected {list(cohort.keys.names)}, so "
            "that its lesions can be found in the cohort.",
            code="other_table",
        )
    strangers = data.index.difference(cohort.keys)
    if len(strangers):
        raise EvaluationError(
            f"table: {len(strangers)} of its lesions are not in the cohort, such as "
            f"{strangers[0]!r}.",
            code="other_table",
        )
    recorded = table.provenance.get("extractors", {}) if isinstance(table, FeatureTable) else {}
    for extractor in plan.own:
        wanted = {spec.column for spec in extractor.feature_specs()}
        there = {str(c) for c in data if str(c).startswith(f"{extractor.block}__")}
        identity = extractor.identity()
        block = recorded.get(extractor.block, identity)
        if wanted != there or canonical_json(block) != canonical_json(identity):
            raise EvaluationError(
                f"table: its block {extractor.block!r} was not made by the extractor given "
                f"({len(there)} columns, expected {len(wanted)}; or other settings, weights or "
                "versions). A control has to be extracted as the table was: give its extractors, "
                "or leave table=None.",
                code="other_table",
            )
