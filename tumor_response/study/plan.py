"""How a study is evaluated: end point, cut, models, resamples."""

from __future__ import annotations

import contextlib
import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import pandas as pd

from tumor_response.evaluation import EvaluationResult, evaluate
from tumor_response.evaluation.checks import check_classes
from tumor_response.evaluation.ledger import StudyLedger
from tumor_response.evaluation.sampling import Bootstrap632Plus, Scheme
from tumor_response.exceptions import OutcomeError, SettingsError
from tumor_response.models import patients_of
from tumor_response.outcomes import SHRANK_SIGN, Coupling, ResponderCut, coupling
from tumor_response.study.naming import BASELINES, chosen, study_models
from tumor_response.table import FeatureTable

__all__ = ["Plan", "check_end_point"]

Failed = Literal["error", "drop", "impute"]


@dataclass(frozen=True)
class Plan:
    """How to evaluate.

    Parameters
    ----------
    by, per, cut
        End point, days that its rates are per, and cut: a number, or a word that
        :class:`tumor_response.ResponderCut` knows.
    models
        By name; empty: all that the blocks allow. The baselines are always there.
    n_resamples, seed
        Of the bootstrap, and of whatever is random in the models.
    failed
        What to do with lesions of which a block failed.
    observer_error_mm
        SD of the contour error that volume alone is held against.
    other_scheme
        Another scheme than the bootstrap.
    """

    by: str = "rate_percent_per_day"
    per: str = "interval_days"
    cut: str | float = "median"
    models: tuple[str, ...] = ()
    n_resamples: int = 1000
    seed: int = 0
    failed: str = "error"
    observer_error_mm: float = 1.0
    other_scheme: Scheme | None = None

    @property
    def scheme(self) -> Scheme:
        """How patients are split."""
        if self.other_scheme is not None:
            return self.other_scheme
        return Bootstrap632Plus(n_resamples=self.n_resamples, seed=self.seed)

    def coupling(self, outcomes: pd.DataFrame) -> Coupling:
        """Return what contour error alone would make of volume, for this end point and cut."""
        cut = self.label().cut
        return coupling(
            outcomes, by=self.by, cut=cut, observer_sd_mm=self.observer_error_mm, seed=self.seed
        )

    def label(self) -> ResponderCut:
        """Return the rule that makes the classes within each resample."""
        if self.by not in SHRANK_SIGN:
            near = difflib.get_close_matches(self.by, SHRANK_SIGN, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise SettingsError(
                f"{self.by!r} is no end point; expected one of {', '.join(SHRANK_SIGN)}.{hint}"
            )
        cut: str | float = self.cut
        with contextlib.suppress(ValueError):
            cut = float(cut)
        try:
            return ResponderCut(cut, self.by)
        except OutcomeError as error:
            raise SettingsError(str(error)) from None

    def estimators(self, blocks: list[str]) -> dict[str, Any]:
        """Return the models of these blocks by name."""
        models = study_models(blocks, self.seed)
        return chosen(models, (*BASELINES, *self.models) if self.models else tuple(models))

    def evaluate(
        self,
        table: FeatureTable,
        outcomes: pd.DataFrame,
        *,
        directory: str | Path | None = None,
        ledger: StudyLedger | None = None,
        n_jobs: int = 1,
    ) -> EvaluationResult:
        """Evaluate all models on the same resamples."""
        return evaluate(
            self.estimators(table.blocks),
            table,
            outcomes[self.by],
            self.scheme,
            label=self.label(),
            failed=cast(Failed, self.failed),
            directory=directory,
            ledger=ledger,
            n_jobs=n_jobs,
        )


def check_end_point(outcomes: pd.DataFrame, by: str, label: ResponderCut) -> None:
    """Refuse what no evaluation could begin with: no outcome, one class, a class of one patient."""
    known = outcomes[by].dropna()
    if known.empty:
        counts = outcomes["reason"].value_counts()
        told = "; ".join(f"{reason} ({n})" for reason, n in counts.items())
        raise OutcomeError(
            f"No lesion has {by}: {told}. What cannot be measured cannot be evaluated: give the "
            "lesions follow-ups (follow_up_mask, follow_up_date ...), choose another end point, or "
            "extract the features alone."
        )
    classes = label.label(known, label.fit(known))
    check_classes(classes.to_numpy(dtype="int64"), patients_of(known.to_frame()))
