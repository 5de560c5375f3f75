"""The stages of a study in a folder: extract, evaluate, explain; each writes its files.

A later stage runs the earlier ones again. The features then come from the cache, which knows them
by content, so that no stage can pick up a table that belongs to other images or other settings.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import pandas as pd

import tumor_response as tr
from tumor_response.cli.app import Source
from tumor_response.cli.console import say, show_table
from tumor_response.evaluation.checks import check_classes
from tumor_response.evaluation.controls import ControlsSettings
from tumor_response.evaluation.leakage import CLASSES
from tumor_response.exceptions import OutcomeError, SettingsError
from tumor_response.features.checks import checked_specs
from tumor_response.features.extract import Means
from tumor_response.features.run_progress import duration_text
from tumor_response.models import patients_of
from tumor_response.outcomes import SHRANK_SIGN
from tumor_response.reporting import write_figure
from tumor_response.reporting.wording import expected_of_volume

if TYPE_CHECKING:
    from tumor_response.evaluation import LeakageTrace
    from tumor_response.explanation import Explanation
    from tumor_response.features.base import FeatureExtractor

__all__ = [
    "Blocks",
    "Evaluated",
    "Plan",
    "Study",
    "explain_models",
    "extract_table",
    "run_models",
    "show_results",
    "study_models",
    "write_results",
]

BASELINES = ("volume_only", "clinical_only")
EXPLAINED = ("logistic_all", "xgboost_all")
HEADLINE = "logistic_all"
"""Fixed here, before anybody has seen a result; the first model asked for where it is not there."""

NONE = "none"


@dataclass(frozen=True)
class Blocks:
    """Which blocks of features, as the options name them."""

    radiomics: str
    backbone: str
    weights: str
    clinical: Sequence[str]
    category: Sequence[str]

    def extractors(self) -> list[FeatureExtractor]:
        """Return the extractors; bad options raise here, before an image is read."""
        say("Preparing the extractors ...")  # loading PyTorch takes seconds
        chosen: list[FeatureExtractor] = []
        if self.radiomics != NONE:
            chosen.append(tr.Radiomics(self.radiomics))
        if self.backbone != NONE:
            chosen.append(tr.DeepFeatures(self.backbone, weights=self.weights))
        numeric = list(dict.fromkeys([*self.clinical, "volume_cc"]))
        chosen.append(tr.ClinicalFactors(numeric, categories=self.categories))
        return chosen

    @property
    def categories(self) -> dict[str, list[str]]:
        """The categorical columns with their levels."""
        categories = {}
        for text in self.category:
            name, _, levels = text.partition("=")
            values = [level.strip() for level in levels.split(",") if level.strip()]
            if not name.strip() or len(values) < 2:
                raise SettingsError(
                    f"--category {text!r}: expected a column with its levels, for example "
                    "sex=female,male."
                )
            categories[name.strip()] = values
        return categories

    def unused(self, cohort: tr.Cohort) -> list[str]:
        """Return the manifest's clinical columns that nobody named."""
        used = {*self.clinical, *self.categories, "volume_cc"}
        return [name for name in cohort.variables if name not in used]


@dataclass(frozen=True)
class Plan:
    """How to evaluate, as the options say it."""

    by: str = "rate_percent_per_day"
    per: str = "interval_days"
    cut: str = "median"
    models: tuple[str, ...] = ()
    n_resamples: int = 1000
    seed: int = 0
    failed: str = "error"
    observer_error_mm: float = 1.0

    def coupling(self, outcomes: pd.DataFrame) -> tr.Coupling:
        """Return what contour error alone would make of volume, for this end point and cut."""
        cut = self.label().cut
        return tr.coupling(
            outcomes, by=self.by, cut=cut, observer_sd_mm=self.observer_error_mm, seed=self.seed
        )

    def label(self) -> tr.ResponderCut:
        """Return the rule that makes the classes within each resample.

        ``cut`` is a number, or a word that :class:`tumor_response.ResponderCut` knows.
        """
        if self.by not in SHRANK_SIGN:
            raise SettingsError(
                f"--by {self.by!r} is no end point; expected one of {', '.join(SHRANK_SIGN)}."
            )
        cut: str | float = self.cut
        with contextlib.suppress(ValueError):
            cut = float(cut)
        try:
            return tr.ResponderCut(cut, self.by)
        except OutcomeError as error:
            raise SettingsError(f"--cut: {error}") from None


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
        extractors = self.blocks.extractors()
        cohort = self._cohort(extractors)
        with dask_client(dask) as client:
            means = Means(
                1 if client is not None else self.n_jobs,
                self._cache_dir,
                client,
                memory_gb,
                log,
            )
            extract_table(cohort, extractors, self.out, means)

    def dry_run(self) -> None:
        """Say how long the extraction would take, and what it would need."""
        extractors = self.blocks.extractors()
        cohort = self._cohort(extractors)
        say("Trying a sample of the cases ...")
        estimate = tr.estimate_extraction(
            cohort, extractors, n_jobs=self.n_jobs, cache_dir=self._cache_dir
        )
        say(str(estimate))

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

    def _cohort(self, extractors: list[FeatureExtractor]) -> tr.Cohort:
        cohort = self._read()
        checked_specs(cohort, extractors)
        if unused := self.blocks.unused(cohort):
            say(f"Manifest columns not used (see --clinical): {', '.join(unused)}")
        return cohort

    def _read(self) -> tr.Cohort:
        source = self.source
        if not source.is_folder:
            if source.roi is not None or source.clinical_table is not None:
                raise SettingsError(
                    "--roi and --clinical-table are for folders; a manifest has columns for both."
                )
            return tr.Cohort.from_csv(source.path)
        if source.roi is None:
            raise SettingsError(
                f"{source.path} is a folder: which structure is the tumour? Say --roi, for example "
                "--roi 'GTV.*'; tumor-response check FOLDER shows the structures."
            )
        cohort = tr.Cohort.from_dicom(
            source.path, source.roi, clinical=source.clinical_table, n_jobs=self.n_jobs
        )
        if len(cohort.left_out):
            path = self.out / "tables" / "left_out.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            cohort.left_out.to_csv(path, index=False)
            say(f"{len(cohort.left_out)} left out, with reasons: {path}")
        return cohort

    def _extracted(self, cohort: tr.Cohort, extractors: list[FeatureExtractor]) -> tr.FeatureTable:
        return extract_table(cohort, extractors, self.out, Means(self.n_jobs, self._cache_dir))

    @property
    def _cache_dir(self) -> str | Path:
        return self.cache_dir or self.out / ".cache"

    def evaluated(self, plan: Plan) -> Evaluated:
        """Extract and evaluate; the feature table is written, nothing else is."""
        # whatever an option can get wrong fails here, before hours of extraction
        label = plan.label()
        extractors = self.blocks.extractors()
        models = study_models([extractor.block for extractor in extractors], plan.seed)
        models = chosen(models, (*BASELINES, *plan.models) if plan.models else tuple(models))
        scheme = tr.Bootstrap632Plus(n_resamples=plan.n_resamples, seed=plan.seed)
        cohort = self._cohort(extractors)
        # the end point takes seconds, and its faults should not wait for the features
        outcomes = tr.shrinkage(
            cohort, per=cast(Literal["interval_days"], plan.per), n_jobs=self.n_jobs
        )
        _check_end_point(outcomes, plan.by, label)
        coupling = plan.coupling(outcomes)

        table = self._extracted(cohort, extractors)
        result = run_models(models, table, outcomes, plan, scheme, self.n_jobs)
        return Evaluated(table, outcomes, coupling, result)

    def _go(self, plan: Plan, explained: Sequence[str], n_permutations: int = 0) -> None:
        found = self.evaluated(plan)
        result, coupling = found.result, found.coupling
        explanations = explain_models(
            result, [m for m in explained if m in result.models], self.n_jobs, n_permutations
        )
        title = f"Response to radiotherapy: {self.source.path.name}"
        trace = trace_models(result, found.table, found.outcomes, self.n_jobs)
        write_results(
            *(self.out, result, found.table, found.outcomes, coupling, explanations, trace),
            title=title,
        )
        show_results(result, coupling)
        say(f"Report: {(self.out / 'report.html').resolve()}")


def _check_end_point(outcomes: pd.DataFrame, by: str, label: tr.ResponderCut) -> None:
    """Refuse what no evaluation could begin with: no outcome, one class, a class of one patient."""
    known = outcomes[by].dropna()
    if known.empty:
        counts = outcomes["reason"].value_counts()
        told = "; ".join(f"{reason} ({n})" for reason, n in counts.items())
        raise OutcomeError(f"No lesion has {by}: {told}.")
    classes = label.label(known, label.fit(known))
    check_classes(classes.to_numpy(dtype="int64"), patients_of(known.to_frame()))


def extract_table(
    cohort: tr.Cohort,
    extractors: Sequence[FeatureExtractor],
    out: Path,
    means: Means,
) -> tr.FeatureTable:
    """Extract, write and return the feature table, saying what the cache knew."""
    say(f"Extracting features of {len(cohort)} lesions of {cohort.n_patients} patients ...")
    table = tr.extract(
        cohort,
        extractors,
        n_jobs=means.n_jobs,
        cache_dir=means.cache_dir,
        client=means.client,
        memory_gb=means.memory_gb,
        log=means.log,
    )
    table.save(out / "features")
    table.export(out / "tables" / "features", formats=["csv", "parquet"])
    for sentence in run_sentences(table.run):
        say(sentence)
    if len(table.failures):
        path = out / "tables" / "features_failures.csv"
        counts = table.failures["reason"].value_counts()
        told = ", ".join(f"{reason} ({n})" for reason, n in counts.items())
        say(f"{len(table.failures)} failures and findings: {told}. With messages: {path}")
    say(f"Feature table: {out / 'features'}; as CSV and Parquet: {out / 'tables'}")
    return table


def run_sentences(run: Mapping[str, Any]) -> Iterator[str]:
    """Say how a run went: time, what came from the cache, and workers that died."""
    yield f"{run['cases']} cases in {duration_text(run['seconds'])}."
    yield cache_sentence(run["cache"])
    if run["cache_writable"] is False:
        yield "The cache is read-only: what was computed is not kept."
    if run["retried"]:
        yield f"{run['retried']} cases were tried again because a worker process died."


def cache_sentence(counts: Mapping[str, int]) -> str:
    """Say how many extractions came from the cache."""
    hits, total = counts["hits"], counts["hits"] + counts["misses"]
    if hits == 0:
        return "Nothing came from the cache."
    all_of_them = "All " if hits == total else f"{hits} of "
    return f"{all_of_them}{total} extractions (lesion x block) came from the cache."


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


def study_models(blocks: Sequence[str], seed: int) -> dict[str, Any]:
    """Return the models of a study by name: the two baselines, single blocks, all blocks."""
    models = {name: tr.make_model(name, random_state=seed) for name in BASELINES}
    images = [block for block in blocks if block != "clinical"]
    for block in images:
        models[f"logistic_{block}"] = tr.make_model("logistic", [block], seed)
    if images:
        for kind in ("logistic", "xgboost"):
            models[f"{kind}_all"] = tr.make_model(kind, list(blocks), seed)
    return models


def chosen(models: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the models named, in their own order."""
    unknown = [name for name in names if name not in models]
    if unknown:
        raise SettingsError(
            f"--model {unknown[0]!r} is not a model of this study; expected one of "
            f"{', '.join(models)}."
        )
    return {name: model for name, model in models.items() if name in names}


def run_models(
    models: Mapping[str, Any],
    table: tr.FeatureTable,
    outcomes: pd.DataFrame,
    plan: Plan,
    scheme: tr.Bootstrap632Plus,
    n_jobs: int,
) -> tr.EvaluationResult:
    """Evaluate the models on the same resamples."""
    say(f"Evaluating {len(models)} models on {plan.n_resamples} resamples of patients ...")
    return tr.evaluate(
        models,
        table,
        outcomes[plan.by],
        scheme,
        label=plan.label(),
        failed=cast(Literal["error"], plan.failed),
        n_jobs=n_jobs,
    )


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
    tables, figures = out / "tables", out / "figures"
    for old in (*tables.glob("shap_*.csv"), *figures.glob("shap_*")):
        old.unlink()  # of an earlier plan: it would pass for this one's
    outcomes.to_csv(tables / "outcomes.csv")
    result.summary().to_csv(tables / "summary.csv")
    for class_ in CLASSES:
        getattr(trace, class_).to_csv(tables / f"leakage_{class_}.csv", index=False)
    pd.DataFrame([asdict(coupling)]).to_csv(tables / "coupling.csv", index=False)
    write_figure(result.plot_roc(), figures / "roc")
    for explanation in explanations:
        explanation.table().to_csv(tables / f"shap_{explanation.name}.csv")
        explanation.by_family().to_csv(tables / f"shap_{explanation.name}_families.csv")
        explanation.by_block().to_csv(tables / f"shap_{explanation.name}_blocks.csv")
        write_figure(explanation.plot_summary(), figures / f"shap_{explanation.name}")
    tr.report(
        result,
        out / "report.html",
        table=table,
        outcomes=outcomes,
        coupling=coupling,
        explanations=explanations,
        evidence=[trace],
        headline=HEADLINE if HEADLINE in result.models else None,
        title=title,
        notes=notes,
    )
    say(f"Tables: {tables}; figures: {figures}")


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
    for name, row in summary[summary["n_constant"] > 0].iterrows():
        say(
            f"{name} gave all out-of-bag patients the same score in {row['n_constant']} of "
            f"{row['n_resamples']} resamples"
        )
    rows = [
        (
            str(name),
            f"{row['auc_oob']:.2f}",
            f"{row['ci_low']:.2f} to {row['ci_high']:.2f}",
            f"{row['auc_632plus']:.2f}",
            f"{row['auc_apparent']:.2f}",
        )
        for name, row in summary.iterrows()
    ]
    rows.insert(list(summary.index).index("volume_only") + 1, _coupling_row(coupling))
    columns = ("model", "AUC out of bag", "interval", ".632+", "apparent")
    show_table("Area under the ROC curve", columns, [*rows, *more])
