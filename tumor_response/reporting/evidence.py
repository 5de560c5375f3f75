"""Whether it can be believed: what leakage trace and controls found, in one strip on page one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tumor_response.exceptions import EvaluationError
from tumor_response.reporting.parts import number
from tumor_response.reporting.wording import Doubts

if TYPE_CHECKING:
    import pandas as pd

    from tumor_response.evaluation import (
        EvaluationResult,
        LeakageTrace,
        NegativeControls,
        PredictionSpread,
        SiteReport,
    )
    from tumor_response.repeatability import Robustness

    Instrument = LeakageTrace | NegativeControls | PredictionSpread | Robustness | SiteReport

__all__ = ["CLASSES", "Evidence", "sorted_evidence"]

CLASSES = {
    "recorded": "Leakage, recorded: seen while the models were fitted",
    "provable": "Leakage, provable: the table against what extraction wrote",
    "suspected": "Leakage, suspected: what the numbers look like, a reason to ask",
}
_SHORT = {
    "recorded": "Leakage, recorded",
    "provable": "Leakage, provable",
    "suspected": "Leakage, suspected",
}
_PROVEN: tuple[Literal["recorded", "provable"], ...] = ("recorded", "provable")


@dataclass(frozen=True)
class Evidence:
    """What was given beside an evaluation, by kind.

    Parameters
    ----------
    models
        Names of the models that were evaluated.
    traces, controls, robustness, spreads, sites
        Any number of each.
    """

    models: list[str]
    traces: list[LeakageTrace] = field(default_factory=list)
    controls: list[NegativeControls] = field(default_factory=list)
    robustness: list[Robustness] = field(default_factory=list)
    spreads: list[PredictionSpread] = field(default_factory=list)
    sites: list[SiteReport] = field(default_factory=list)

    def doubts(self, model: str, chosen: str = "") -> Doubts:
        """Return what stands against any conclusion about a model.

        Parameters
        ----------
        model
            Its name.
        chosen
            What its having been chosen leaves of it, see :class:`Doubts`.
        """
        checks = [
            str(check)
            for trace in self.traces
            for class_ in _PROVEN
            for check, where in zip(*_columns(trace.faults(class_)), strict=True)
            if not self._is_of_another(where, model)
        ]
        fault = ""
        if checks:
            listed = "; ".join(dict.fromkeys(checks))
            fault = f"the leakage trace found a fault ({listed})"
        of_model = [one for one in self.controls if one.model == model]
        if any(one.null.sees_outcomes for one in of_model):
            fault = fault or "the model does better than chance on permuted labels"
        unshown = [one for one in of_model if one.p_value > 0.05]
        permuted = ""
        if unshown:
            null = unshown[0].null
            permuted = f"p = {null.p_value:.3f} by {null.n_permutations} permutations of the labels"
        return Doubts(fault, permuted, chosen)

    def _is_of_another(self, where: str, model: str) -> bool:
        others = [name for name in self.models if name != model]
        return any(where == name or where.startswith(f"{name}:") for name in others)

    def notes(self) -> list[str]:
        """Return the sentences that stand above everything else on page one."""
        told = []
        for trace in self.traces:
            for class_ in _PROVEN:
                faults = trace.faults(class_)
                if len(faults):
                    listed = "; ".join(faults["check"].unique())
                    told.append(
                        f"The leakage trace has {class_} {len(faults)} fault(s): {listed}. The "
                        "figures below may be too high because of it."
                    )
        return told + [one.verdict for one in self.sites if one.is_confounded]

    def strip_rows(self) -> list[tuple[str, str]]:
        """Return the rows of page one: leakage by class and controls, asked or not."""
        rows = []
        if not self.traces:
            rows += [(words, "not asked") for words in _SHORT.values()]
        for trace in self.traces:
            rows += [(_SHORT[class_], cell) for class_, cell in trace.strip().items()]
        if not self.controls:
            rows.append(("Negative controls", "not asked"))
        rows += [(f"Negative controls of “{one.model}”", _in_short(one)) for one in self.controls]
        return rows


def sorted_evidence(given: Sequence[Instrument], result: EvaluationResult) -> Evidence:
    """Sort what was given by its kind.

    Raises
    ------
    EvaluationError
        Code ``evidence``: something of another kind, or of a model that was not evaluated.
    """
    from tumor_response.evaluation import (
        LeakageTrace,
        NegativeControls,
        PredictionSpread,
        SiteReport,
    )
    from tumor_response.repeatability import Robustness

    evidence = Evidence(result.models)
    places: dict[type, list[Any]] = {
        LeakageTrace: evidence.traces,
        NegativeControls: evidence.controls,
        Robustness: evidence.robustness,
        PredictionSpread: evidence.spreads,
        SiteReport: evidence.sites,
    }
    for one in given:
        place = places.get(type(one))
        if place is None:
            raise EvaluationError(
                "evidence: expected what tr.leakage_trace, tr.negative_controls, tr.robustness, "
                f"tr.prediction_spread or tr.site_report return, received {type(one).__name__}.",
                code="evidence",
            )
        if isinstance(one, NegativeControls | PredictionSpread) and one.model not in result.models:
            raise EvaluationError(
                f"evidence: something of {one.model!r}, which was not evaluated here; there are "
                f"{', '.join(map(repr, result.models))}.",
                code="evidence",
            )
        place.append(one)
    return evidence


def _columns(faults: pd.DataFrame) -> tuple[list[str], list[str]]:
    return faults["check"].tolist(), faults["where"].tolist()


def _in_short(controls: NegativeControls) -> str:
    summary = controls.summary()
    told = [f"permuted labels: p = {number(controls.p_value, 3)}"]
    for verdict in ("not beaten", "undecided", "beaten"):
        names = [
            str(name).replace("_", " ")
            for name in summary.index[summary["verdict"] == verdict]
            if name != "permuted_labels"
        ]
        if names:
            told.append(f"{verdict}: {', '.join(names)}")
    if controls.skipped:
        told.append(f"not made: {', '.join(name.replace('_', ' ') for name in controls.skipped)}")
    return "; ".join(told)
