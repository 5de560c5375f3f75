"""What a report is given beside the evaluation, and whether it belongs to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tumor_response.evaluation.ledger import outcome_sha256
from tumor_response.exceptions import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tumor_response.cohort import Cohort
    from tumor_response.evaluation import EvaluationResult, StudyLedger, VolumeCheck
    from tumor_response.evaluation.ablation import AblationStudy
    from tumor_response.evaluation.ledger import FrozenPlan
    from tumor_response.outcomes import Coupling
    from tumor_response.reporting.evidence import Evidence
    from tumor_response.reporting.looked import Explained
    from tumor_response.table import FeatureTable

__all__ = ["Given", "check_given"]

QUALITY_COLUMNS = ("patient_id", "lesion_id", "time_point", "code", "severity", "message")
CUT_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Given:
    """All that a report can be given beside an evaluation; ``None`` or empty: it was not.

    Parameters
    ----------
    evidence, explained, checks
        Sorted by kind already.
    cohort, table, outcomes, quality, uncertainty, coupling, ablation, ledger, plan
        As in :func:`tumor_response.report`.
    """

    evidence: Evidence
    explained: Explained
    checks: Sequence[VolumeCheck] = field(default=())
    cohort: Cohort | None = None
    table: FeatureTable | None = None
    outcomes: pd.DataFrame | None = None
    quality: pd.DataFrame | None = None
    uncertainty: pd.DataFrame | None = None
    coupling: Coupling | None = None
    ablation: AblationStudy | None = None
    ledger: StudyLedger | None = None
    plan: FrozenPlan | None = None

    def not_asked(self, result: EvaluationResult) -> list[str]:
        """Return what the report could have been asked and was not, in a few words each.

        Leakage, controls, contour error and the ledger have a row in the strip, which says so.
        """
        deep = any(block.startswith("deep") for block in result.rows.blocks)
        looked = self.explained.sanity or self.explained.concordance
        site = result.rows.X.get("meta__site")
        several_sites = site is not None and len(site.unique()) > 1
        asked = {
            "faults of images and contours": self.quality is not None,
            "how sure the labels are": self.uncertainty is not None,
            "what each block adds": self.ablation is not None,
            "what the model used": bool(self.explained.shap),
            "where the network looked": bool(looked) or not deep,
            "whether columns repeat": bool(self.evidence.robustness),
            "predictions under other contours": bool(self.evidence.spreads),
            "what sites do": bool(self.evidence.sites) or not several_sites,
            "a plan made beforehand": self.plan is not None,
        }
        return [words for words, was_asked in asked.items() if not was_asked]


def check_given(result: EvaluationResult, given: Given) -> None:
    """Refuse what is of another evaluation.

    Raises
    ------
    EvaluationError
        Code ``other_evaluation``: other lesions, other values, another outcome; code
        ``other_end_point``: of another end point or cut.
    """
    lesions = result.rows.X.index
    if given.cohort is not None:
        _check_lesions("cohort", given.cohort.keys, lesions)
    if given.table is not None:
        _check_lesions("table", given.table.data.index, lesions)
        _check_columns(result, given.table)
    if given.outcomes is not None:
        _check_lesions("outcomes", given.outcomes.index, lesions)
        _check_outcomes(result, given.outcomes)
    if given.uncertainty is not None:
        _check_lesions("uncertainty", given.uncertainty.index, lesions)
        _check_uncertainty(result, given.uncertainty)
    if given.quality is not None:
        _check_quality(given, lesions)
    if given.ablation is not None:
        _check_ablation(result, given.ablation)
    for explanation in given.explained.shap:
        if explanation.mode == "out_of_bag" and explanation.name not in result.models:
            raise _other(
                f"an explanation of {explanation.name!r}, which was not evaluated here; there are "
                f"{', '.join(map(repr, result.models))}"
            )
    _check_coupling(result, given.coupling)


def _other(what: str) -> EvaluationError:
    return EvaluationError(
        f"report: {what}. Give what was made of this evaluation's own cohort.",
        code="other_evaluation",
    )


def _check_lesions(name: str, index: pd.Index, evaluated: pd.Index) -> None:
    # an evaluation may be by patient; the other tables are by lesion
    if evaluated.nlevels != index.nlevels:
        index, evaluated = (one.get_level_values(0) for one in (index, evaluated))
    absent = evaluated.difference(index)
    if len(absent):
        raise _other(f"{name} lacks {len(absent)} of the {len(evaluated)} rows that were evaluated")


def _check_columns(result: EvaluationResult, table: FeatureTable) -> None:
    evaluated = result.rows.X
    shared = [name for name in evaluated if name in table.data]
    if not shared:
        raise _other("table has none of the columns that were evaluated")
    if evaluated.index.nlevels != table.data.index.nlevels:
        return
    theirs = table.data.loc[evaluated.index, shared]
    changed = [name for name in shared if not evaluated[name].equals(theirs[name])]
    if changed:
        raise _other(
            f"table has other values than those that were evaluated, in {len(changed)} of "
            f"{len(shared)} columns, the first is {changed[0]!r}"
        )


def _check_outcomes(result: EvaluationResult, outcomes: pd.DataFrame) -> None:
    end_point = result.rows.end_point
    if end_point.name not in outcomes or result.rows.label is None:
        return
    if end_point.index.nlevels != outcomes.index.nlevels:
        return
    theirs = outcomes.loc[end_point.index, str(end_point.name)].to_numpy(dtype=float)
    if not np.array_equal(theirs, end_point.to_numpy(dtype=float)):
        raise _other(f"outcomes has other values of {end_point.name} than were evaluated")


def _check_uncertainty(result: EvaluationResult, uncertainty: pd.DataFrame) -> None:
    if "uncertain" not in uncertainty:
        raise _other(
            "uncertainty has no column 'uncertain'; expected the frame of tr.outcome_uncertainty"
        )
    name, cut = str(result.rows.end_point.name), result.rows.cut
    if f"{name}_sd" not in uncertainty:
        raise EvaluationError(
            f"uncertainty is of another end point than {name}, which was evaluated; give "
            f"tr.outcome_uncertainty(outcomes, by={name!r}).",
            code="other_end_point",
        )
    theirs = uncertainty.attrs.get("cut")
    lesions = uncertainty.attrs.get("n_lesions")
    if cut is None or theirs is None:
        return
    # a cut that the rows decide is another one where an evaluation has left lesions out
    same_rows = lesions == len(result.rows.y) or not result.rows.cut_is_fitted
    if same_rows and abs(theirs - cut) > CUT_TOLERANCE * max(1.0, abs(cut)):
        raise EvaluationError(
            f"uncertainty is of the cut {theirs:g}, and {cut:g} was evaluated; give "
            "tr.outcome_uncertainty(..., cut=...) the cut of the evaluation's label.",
            code="other_end_point",
        )


def _check_quality(given: Given, evaluated: pd.Index) -> None:
    findings = given.quality
    assert findings is not None
    absent = [name for name in QUALITY_COLUMNS if name not in findings]
    if absent:
        raise _other(
            f"quality has no column {absent[0]!r}; expected the frame of tr.check, received "
            f"{', '.join(map(str, findings.columns))}"
        )
    known = set(evaluated.get_level_values(0).astype(str))
    for table in (given.table, given.outcomes):
        if table is not None:
            index = table.index if isinstance(table, pd.DataFrame) else table.data.index
            known |= set(index.get_level_values(0).astype(str))
    if given.cohort is not None:
        known |= set(given.cohort.keys.get_level_values(0).astype(str))
    of_lesions = findings[findings["time_point"] != "cohort"]
    strange = set(of_lesions["patient_id"]) - known
    # without the cohort, patients who were left out early are known to nobody
    if strange and (given.cohort is not None or not set(of_lesions["patient_id"]) & known):
        raise _other(f"quality has findings of {len(strange)} patient(s) of another cohort")


def _check_ablation(result: EvaluationResult, ablation: AblationStudy) -> None:
    mine, theirs = result.rows, ablation.result.rows
    digests = [outcome_sha256(rows.outcome, rows.label, rows.task) for rows in (mine, theirs)]
    if digests[0] != digests[1]:
        raise _other("ablation is of other lesions, another outcome or another rule of the classes")


def _check_coupling(result: EvaluationResult, coupling: Coupling | None) -> None:
    end_point = str(result.rows.end_point.name)
    if coupling is not None and result.rows.label is not None and coupling.by != end_point:
        raise EvaluationError(
            f"coupling is of {coupling.by}, and {end_point} was evaluated; give "
            f"tr.coupling(outcomes, by={end_point!r}).",
            code="other_end_point",
        )
