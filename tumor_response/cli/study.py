"""The stages of a study from options: extract, evaluate, explain; each writes its files.

A later stage runs the earlier ones again. The features then come from the cache, which knows them
by content, so that no stage can pick up a table that belongs to other images or other settings.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import pandas as pd

import tumor_response as tr
from tumor_response.cli.console import say, show_table
from tumor_response.cli.output import found
from tumor_response.evaluation.controls import ControlsSettings
from tumor_response.exceptions import SettingsError
from tumor_response.features.checks import checked_specs
from tumor_response.features.extract import Means
from tumor_response.reporting.wording import expected_of_volume
from tumor_response.study.blocks import Blocks
from tumor_response.study.extracting import extract_table
from tumor_response.study.making import Source, read_cohort
from tumor_response.study.naming import headline_of
from tumor_response.study.plan import Plan, check_end_point
from tumor_response.study.tables import (
    write_evaluation,
    write_explanations,
    write_leakage,
    write_outcomes,
)

if TYPE_CHECKING:
    from tumor_response.evaluation import LeakageTrace
    from tumor_response.explanation import Explanation
    from tumor_response.features.base import FeatureExtractor

__all__ = [
    "Evaluated",
    "Prepared",
    "Study",
    "categories_of",
    "explain_models",
    "results_of",
    "run_models",
    "show_results",
    "trace_models",
    "write_results",
]

EXPLAINED = ("logistic_all", "xgboost_all")


def categories_of(options: Sequence[str]) -> dict[str, list[str]]:
    """Return the categorical columns with their levels, as ``--category`` names them.

    Examples
    --------
    >>> categories_of(["sex=female, male"])
    {'sex': ['female', 'male']}
    """
    categories = {}
    for text in options:
        name, _, levels = text.partition("=")
        values = [level.strip() for level in levels.split(",") if level.strip()]
        if not name.strip() or len(values) < 2:
            raise SettingsError(
                f"--category {text!r}: expected a column with its levels, for example "
                "sex=female,male."
            )
        categories[name.strip()] = values
    return categories


@dataclass(frozen=True)
class Prepared:
    """What an evaluation is made of."""

    table: tr.FeatureTable
    outcomes: pd.DataFrame
    coupling: tr.Coupling


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation was made of, and what it gave."""

    table: tr.FeatureTable
    outcomes: pd.DataFrame
    coupling: tr.Coupling
    result: tr.EvaluationResult


@dataclass(frozen=True)
class Study:
    """A manifest or a folder, the blocks to extract from it, and the folder its results go to."""

    source: Source
    out: Path
    blocks: Blocks
    cache_dir: str | None
    n_jobs: int

    def extract(self, memory_gb: float | None, dask: str | None, log: Path | None) -> None:
        """Write the feature table."""
        extractors = self._extractors()
        cohort = self._cohort(extractors)
        with dask_client(dask) as client:
            means = Means(
                1 if client is not None else self.n_jobs,
                self._cache_dir,
                client,
                memory_gb,
                log,
            )
            table = extract_table(cohort, extractors, self.out, means, say)
        found(
            n_lesions=len(cohort),
            n_patients=cohort.n_patients,
            n_left_out=len(cohort.left_out),
            n_columns=sum(not name.startswith("meta__") for name in table.data),
            blocks=list(table.blocks),
            failures={str(k): int(n) for k, n in table.failures["reason"].value_counts().items()},
            features=str((self.out / "features").resolve()),
            tables=str((self.out / "tables").resolve()),
        )

    def dry_run(
        self, plan: Plan | None = None, n_models: int | None = None, called: str = "models"
    ) -> None:
        """Say how long the extraction would take, what it would need, and how many fits follow.

        Parameters
        ----------
        plan
            What is evaluated afterwards, if anything; its end point is checked.
        n_models
            Fitted on every resample; default those of the plan.
        called
            What they are called.
        """
        extractors = self._extractors()
        cohort = self._cohort(extractors)
        n_fits = 0
        if plan is not None:
            self._outcomes(cohort, plan)
            if n_models is None:
                n_models = len(plan.estimators([one.block for one in extractors]))
            n_fits = n_models * (plan.n_resamples + 1)
        say("Trying a sample of the cases ...")
        estimate = tr.estimate_extraction(
            cohort, extractors, n_jobs=self.n_jobs, cache_dir=self._cache_dir
        )
        say(str(estimate))
        if plan is not None:
            say(
                f"Then about {n_fits} fits: {n_models} {called}, on {plan.n_resamples} resamples "
                "and once on all patients. Their time is not foretold: it depends on the features."
            )
        found(dry_run=True, estimate=asdict(estimate), n_fits=n_fits)

    def evaluate(self, plan: Plan) -> None:
        """Write the feature table, the outcomes, the results and the report."""
        self._go(plan, explained=())

    def explain(self, plan: Plan, n_permutations: int) -> None:
        """As :meth:`evaluate`, with SHAP values of the models named.

        Parameters
        ----------
        plan
            What is evaluated.
        n_permutations
            Of the labels, for the band behind the bars; 0: none.
        """
        if n_permutations:
            ControlsSettings(n_permutations=n_permutations)  # too few fail before the features
        self._go(plan, explained=plan.models or EXPLAINED, n_permutations=n_permutations)

    def _extractors(self) -> list[FeatureExtractor]:
        say("Preparing the extractors ...")  # loading PyTorch takes seconds
        return self.blocks.extractors()

    def _cohort(self, extractors: list[FeatureExtractor]) -> tr.Cohort:
        cohort = read_cohort(self.source, self.n_jobs)
        if len(cohort.left_out):
            path = self.out / "tables" / "left_out.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            cohort.left_out.to_csv(path, index=False)
            say(f"{len(cohort.left_out)} left out, with reasons: {path}")
        checked_specs(cohort, extractors)
        if unused := self.blocks.unused(cohort):
            say(f"Manifest columns not used (see --clinical): {', '.join(unused)}")
        return cohort

    @property
    def _cache_dir(self) -> str | Path:
        return self.cache_dir or self.out / ".cache"

    def _outcomes(self, cohort: tr.Cohort, plan: Plan) -> pd.DataFrame:
        """Return the outcomes; they take seconds, and their faults do not wait for features."""
        label = plan.label()
        outcomes = tr.shrinkage(
            cohort, per=cast(Literal["interval_days"], plan.per), n_jobs=self.n_jobs
        )
        check_end_point(outcomes, plan.by, label)
        return outcomes

    def prepared(self, plan: Plan) -> Prepared:
        """Measure the outcomes and extract; the feature table is written, nothing else is."""
        # whatever an option can get wrong fails here, before hours of extraction
        plan.label()
        extractors = self._extractors()
        plan.estimators([extractor.block for extractor in extractors])
        cohort = self._cohort(extractors)
        outcomes = self._outcomes(cohort, plan)
        coupling = plan.coupling(outcomes)
        means = Means(self.n_jobs, self._cache_dir)
        table = extract_table(cohort, extractors, self.out, means, say)
        return Prepared(table, outcomes, coupling)

    def evaluated(self, plan: Plan) -> Evaluated:
        """Extract and evaluate; the feature table is written, nothing else is."""
        ready = self.prepared(plan)
        result = run_models(ready.table, ready.outcomes, plan, self.n_jobs)
        return Evaluated(ready.table, ready.outcomes, ready.coupling, result)

    def _go(self, plan: Plan, explained: Sequence[str], n_permutations: int = 0) -> None:
        done = self.evaluated(plan)
        result, coupling = done.result, done.coupling
        explanations = explain_models(
            result, [m for m in explained if m in result.models], self.n_jobs, n_permutations
        )
        title = f"Response to radiotherapy: {self.source.path.name}"
        trace = trace_models(result, done.table, done.outcomes, self.n_jobs)
        write_results(
            *(self.out, result, done.table, done.outcomes, coupling, explanations, trace),
            title=title,
        )
        show_results(result, coupling)
        report = (self.out / "report.html").resolve()
        say(f"Report: {report}")
        found(
            **results_of(result, coupling),
            leakage=dict(trace.strip()),
            explained=[one.name for one in explanations],
            report=str(report),
            tables=str((self.out / "tables").resolve()),
        )


@contextlib.contextmanager
def dask_client(scheduler: str | None) -> Iterator[Any]:
    """Connect to a Dask scheduler by its address or its scheduler file; ``None`` gives ``None``.

    Raises
    ------
    SettingsError
        If Dask is not installed, or nobody answers within ten seconds.
    """
    if scheduler is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise SettingsError("--dask needs Dask: pip install 'tumor-response[cluster]'") from None
    try:
        client = Client(_scheduler_address(scheduler), timeout=10)
    except (KeyError, OSError, TypeError, ValueError) as error:
        raise SettingsError(
            f"--dask {scheduler}: no scheduler answers there ({error}). Expected an address such "
            "as tcp://host:8786, or the file that dask scheduler --scheduler-file wrote."
        ) from None
    with client:
        yield client


def _scheduler_address(scheduler: str) -> str:
    if not Path(scheduler).is_file():
        return scheduler
    return str(json.loads(Path(scheduler).read_text(encoding="utf-8"))["address"])


def run_models(
    table: tr.FeatureTable, outcomes: pd.DataFrame, plan: Plan, n_jobs: int
) -> tr.EvaluationResult:
    """Evaluate the models of a plan, saying so."""
    n_models = len(plan.estimators(table.blocks))
    say(f"Evaluating {n_models} models on {plan.n_resamples} resamples of patients ...")
    return plan.evaluate(table, outcomes, n_jobs=n_jobs)


def explain_models(
    result: tr.EvaluationResult, names: Sequence[str], n_jobs: int, n_permutations: int = 0
) -> list[Explanation]:
    """Explain models out of bag, with so many permutations of the labels behind the bars."""
    explanations = []
    for name in names:
        say(f"Explaining {name} ...")
        explanations.append(tr.explain(result, name, n_permutations=n_permutations, n_jobs=n_jobs))
    return explanations


def trace_models(
    result: tr.EvaluationResult, table: tr.FeatureTable, outcomes: pd.DataFrame, n_jobs: int
) -> LeakageTrace:
    """Trace leakage in an evaluation, and say what came of it."""
    say("Tracing leakage: a few resamples are run again, watched and with noise ...")
    trace = result.leakage(table, outcomes, n_jobs=n_jobs)
    for class_, cell in trace.strip().items():
        say(f"Leakage, {class_}: {cell}")
    return trace


def write_results(
    out: Path,
    result: tr.EvaluationResult,
    table: tr.FeatureTable,
    outcomes: pd.DataFrame,
    coupling: tr.Coupling,
    explanations: Sequence[Explanation],
    trace: LeakageTrace,
    *,
    title: str,
    notes: Sequence[str] = (),
) -> None:
    """Write tables, figures and the report."""
    write_outcomes(out, outcomes, coupling)
    write_evaluation(out, result)
    write_leakage(out, trace)
    write_explanations(out, explanations)
    tr.report(
        result,
        out / "report.html",
        table=table,
        outcomes=outcomes,
        coupling=coupling,
        explanations=explanations,
        evidence=[trace],
        headline=headline_of(result.models),
        title=title,
        notes=notes,
    )
    say(f"Tables: {out / 'tables'}; figures: {out / 'figures'}")


def results_of(result: tr.EvaluationResult, coupling: tr.Coupling) -> dict[str, Any]:
    """Return what ``--json`` shows of an evaluation; a number that is not known is null."""
    summary = result.summary().reset_index(names="model")
    flow = result.cohort_flow["n_lesions"]
    return {
        "headline_measure": result.headline,
        "models": json.loads(summary.to_json(orient="records", double_precision=15)),
        "n_lesions": {str(step): int(n) for step, n in flow.items()},
        "coupling": asdict(coupling),
    }


def _coupling_row(coupling: tr.Coupling) -> tuple[str, str, str, str, str]:
    """Return the row that stands beside volume alone, which every study evaluates."""
    return (
        expected_of_volume(coupling.observer_sd_mm),
        f"{coupling.auc:.2f}",
        f"{coupling.auc_low:.2f} to {coupling.auc_high:.2f}",
        "",
        "",
    )


def show_results(
    result: tr.EvaluationResult, coupling: tr.Coupling, more: Sequence[Sequence[str]] = ()
) -> None:
    """Print the results as a table, volume with what it is compared with, further rows below."""
    left_out = result.cohort_flow["n_lesions"].drop(["evaluated", "all left out"], errors="ignore")
    for reason, n_lesions in left_out.items():
        say(f"{n_lesions} lesion(s) {reason}")
    summary = result.summary()
    if "n_constant" in summary:
        for name, row in summary[summary["n_constant"] > 0].iterrows():
            say(
                f"{name} gave all out-of-bag patients the same score in {row['n_constant']} of "
                f"{row['n_resamples']} resamples"
            )
    headline = result.headline
    rows = [
        (
            str(name),
            f"{row[headline]:.2f}",
            f"{row['ci_low']:.2f} to {row['ci_high']:.2f}",
            _number(row, "auc_632plus"),
            _number(row, "auc_apparent"),
        )
        for name, row in summary.iterrows()
    ]
    rows.insert(list(summary.index).index("volume_only") + 1, _coupling_row(coupling))
    unseen = {"bootstrap": "out of bag", "folds": "left out", "test_set": "test set"}
    columns = ("model", f"AUC {unseen[result.scheme.kind]}", "interval", ".632+", "apparent")
    show_table("Area under the ROC curve", columns, [*rows, *more])


def _number(row: pd.Series, name: str) -> str:
    return f"{row[name]:.2f}" if name in row and pd.notna(row[name]) else ""
