"""The methods paragraph: what was done, in words for a paper, made from settings and counts.

A sentence stands here only if its subject was given to the report or recorded by the run. What was
not done is not mentioned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tumor_response._version import __version__
from tumor_response.evaluation.checklists.model_facts import blocks_used, step_names, tuning_of
from tumor_response.reporting.end_point import DAYS, UNITS, name_of_end_point
from tumor_response.reporting.headline import BASELINES, Headline
from tumor_response.transformers.stable import stable_steps

if TYPE_CHECKING:
    from tumor_response.evaluation import EvaluationResult
    from tumor_response.reporting.given import Given
    from tumor_response.table import FeatureTable

__all__ = ["methods_text", "results_text"]

HASH_DIGITS = 12
"""Of a SHA-256 in the paragraph; the whole is among the settings."""

_RUN_WITH = ("SimpleITK", "pyradiomics-bhklab", "numba", "torch", "timm", "onnxruntime")
"""Programs of an extraction whose versions a reader of a paper asks for."""


def methods_text(result: EvaluationResult, front: Headline, given: Given) -> str:
    """Return the methods as plain text, paragraphs parted by an empty line."""
    paragraphs = [
        _patients(result, given),
        "" if given.table is None else " ".join(_features(given.table)),
        " ".join(_end_point(result, given)),
        " ".join(_models(result)),
        " ".join(_evaluation(result, front, given)),
        " ".join(_believed(given)),
        " ".join(_explained(given)),
        f"The analysis was run with tumor_response {__version__}; the report has all settings, "
        "versions and SHA-256 hashes.",
    ]
    return "\n\n".join(text for text in paragraphs if text)


def results_text(front: Headline) -> str:
    """Return the two sentences of page one, and the differences to the baselines, as plain text."""
    told = [front.conclusions.may, front.conclusions.may_not]
    told += [
        f"Paired difference in out-of-bag AUC to {name}: {interval.difference()}."
        for name, interval in front.over.items()
    ]
    return " ".join([*told, *front.remarks])


def _patients(result: EvaluationResult, given: Given) -> str:
    flow = result.cohort_flow
    row = flow.iloc[0]
    told = f"{int(row['n_patients'])} patients with {int(row['n_lesions'])} lesions were analysed"
    left_out = int(flow["n_lesions"].iloc[-1]) if len(flow) > 1 else 0
    if given.cohort is not None:
        told += (
            f", of {given.cohort.n_patients} patients with {len(given.cohort)} lesions in the "
            "cohort"
        )
    told += "."
    if left_out:
        told += f" {left_out} lesions were left out for want of an outcome or of features."
    for name, words in (("volume_cc", "baseline volume in cc"), ("age", "age in years")):
        if f"{name}_median" in flow:
            low, middle, high = (row[f"{name}_{part}"] for part in ("q1", "median", "q3"))
            told += f" Median {words} was {middle:.1f} (quartiles {low:.1f} to {high:.1f})."
    return told


def _features(table: FeatureTable) -> Iterator[str]:
    dictionary = table.dictionary[~table.dictionary["block"].isin(["meta"])]
    extractors: Mapping[str, Any] = table.provenance.get("extractors", {})
    for block, rows in dictionary.groupby("block", sort=False):
        digests = [str(one)[:HASH_DIGITS] for one in rows["settings_sha256"].unique() if one]
        settings = f"settings SHA-256 {', '.join(digests)}…" if digests else ""
        identity = extractors.get(str(block), {})
        details = [text for text in (*_told_of(identity), settings) if text]
        end = f" ({'; '.join(details)})" if details else ""
        noun = "column" if len(rows) == 1 else "columns"
        yield f"Block {block} has {len(rows):,} {noun}{end}."
    if len(table.failures):
        n_values = int(table.failures["n_columns_missing"].sum())
        if n_values:
            yield (
                f"{n_values:,} values could not be computed and were left missing; they were "
                "imputed within the training patients of each resample."
            )


def _told_of(identity: Mapping[str, Any]) -> Iterator[str]:
    """Yield how a block was made, as far as its identity says it."""
    kind = identity.get("extractor")
    if kind == "radiomics":
        yield f"radiomics by the engine “{identity.get('engine')}”"
        if convention := identity.get("convention"):
            yield f"definitions of {'IBSI' if convention == 'ibsi' else 'PyRadiomics'}"
        yield from _radiomics_settings(identity.get("settings", {}).get("setting", {}))
    elif kind == "clinical":
        settings = identity.get("settings", {})
        names = [*settings.get("numeric", []), *settings.get("categories", {})]
        yield f"known before treatment: {', '.join(map(str, names))}"
    elif kind is not None:
        yield f"extractor {kind}"
        if name := identity.get("architecture") or identity.get("backbone"):
            yield f"network {name}"
    versions = identity.get("versions", {})
    shown = [f"{name} {versions[name]}" for name in _RUN_WITH if name in versions]
    if shown:
        yield ", ".join(shown)


def _radiomics_settings(setting: Mapping[str, Any]) -> Iterator[str]:
    if spacing := setting.get("resampledPixelSpacing"):
        yield f"resampled to {' x '.join(f'{mm:g}' for mm in spacing)} mm"
    if "binWidth" in setting:
        yield f"bins of {setting['binWidth']:g} HU"
    if "binCount" in setting:
        yield f"{setting['binCount']} bins"


def _end_point(result: EvaluationResult, given: Given) -> Iterator[str]:
    name = name_of_end_point(result)
    unit = UNITS.get(name)
    days = None if given.outcomes is None else given.outcomes.attrs.get("days")
    told = f"The end point was {name}{f' ({unit})' if unit else ''}"
    if days in DAYS and "per_day" in name:
        told += f", days counted {DAYS[days]}"
    yield f"{told}."
    rows = result.rows
    if rows.label is not None:
        cut = getattr(rows.label, "cut", None)
        if rows.cut_is_fitted:
            yield (
                f"Responders are the lesions that shrank more than the cut ({cut}), which was "
                "determined from the training patients of each resample."
            )
        else:
            yield f"Responders are the lesions beyond {rows.cut:g}, a cut fixed beforehand."
    responders = int(rows.y.sum())
    yield f"By the cut on all rows {responders} of {len(rows.y)} lesions are responders."
    if given.uncertainty is not None:
        told_of = given.uncertainty.attrs
        yield (
            "How far contour error reaches into the labels was simulated"
            + (
                f" ({told_of['n_draws']} draws, {told_of['observer_sd_mm']:g} mm SD of one "
                "observer's contour)"
                if {"n_draws", "observer_sd_mm"} <= set(told_of)
                else ""
            )
            + "."
        )
    if given.coupling is not None:
        coupling = given.coupling
        yield (
            "The AUC that contour error alone gives to baseline volume was simulated "
            f"({coupling.n_simulations} cohorts, {coupling.observer_sd_mm:g} mm SD)."
        )


def _models(result: EvaluationResult) -> Iterator[str]:
    models = result.rows.models
    yield f"{len(models)} model{'s were' if len(models) > 1 else ' was'} evaluated."
    for name, model in models.items():
        blocks = sorted(blocks_used(model)) or sorted(result.rows.blocks)
        steps = " → ".join(step_names(model))
        yield f"{name}: {steps} on {', '.join(blocks)}; {tuning_of(model)}."
        for step in stable_steps(model):
            yield step.sentence()


def _evaluation(result: EvaluationResult, front: Headline, given: Given) -> Iterator[str]:
    summary = result.summary()
    first = summary.iloc[0]
    yield (
        f"Performance was estimated by {first['n_resamples']} bootstrap resamples of patients with "
        f"all their lesions (seed {first['seed']}; scheme {type(result.scheme).__name__}, SHA-256 "
        f"{result.scheme.sha256[:HASH_DIGITS]}…), stratified by response. In each, every model was "
        "fitted anew with all its steps on the drawn patients, and scored on the patients not "
        "drawn. The headline is the mean out-of-bag AUC; .632+ estimates follow Efron and "
        "Tibshirani (1997)."
    )
    methods = ", ".join(sorted(set(summary["ci_method"]) - {"none"}))
    yield f"95 % intervals are by {methods}." if methods else "No interval was computed."
    named = [name for name in BASELINES if name in front.over]
    if named:
        yield (
            f"“{front.model}” was compared with {' and '.join(named)} by paired differences on the "
            "same resamples."
        )
    if front.best is not None:
        yield (
            f"The best of {front.best.n_configurations} configurations was corrected for the "
            f"choice (Tsamardinos et al. 2018; {front.best.n_resamples} bootstrap samples)."
        )
    if given.ledger is not None:
        yield "All evaluations were entered into a hash-chained study ledger."
    if given.plan is not None:
        yield (
            f"The analysis plan was frozen at {given.plan.frozen_at} (UTC; SHA-256 "
            f"{given.plan.sha256[:HASH_DIGITS]}…), after {given.plan.n_evaluations_before} "
            "evaluations."
        )
    if given.ablation is not None:
        study = given.ablation
        yield (
            f"{len(study.configurations)} configurations of blocks and models were evaluated on "
            f"{len(study.result.resamples)} shared resamples; p values of differences were "
            "adjusted by Holm's method."
        )


def _believed(given: Given) -> Iterator[str]:
    evidence = given.evidence
    for trace in evidence.traces:
        yield (
            f"Leakage was traced in {len(trace.resamples)} resamples, run again with every fit "
            f"watched (SHA-256 of the trace {trace.sha256[:HASH_DIGITS]}…)."
        )
    for controls in evidence.controls:
        null = controls.null
        made = [name.replace("_", " ") for name in controls.summary().index]
        yield (
            f"Negative controls of {controls.model}: {', '.join(made)}; {null.n_permutations} "
            f"permutations of the outcome between patients, {null.n_resamples} resamples each "
            "(p values after Phipson and Smyth 2010)."
        )
    for check in given.checks:
        yield (
            f"Block {check.block} was set beside tumour volume on {check.n_resamples} resamples, "
            "with the AUC adjusted for volume (Janes and Pepe 2009)."
        )
    for robustness in evidence.robustness:
        yield (
            f"Repeatability was measured on {robustness.n_cases} lesions under "
            f"{', '.join(robustness.perturbations)} by ICC({robustness.headline})."
        )
    for spread in evidence.spreads:
        yield (
            f"The spread of predictions of {spread.model} was measured under other contours "
            f"({', '.join(spread.perturbations)})."
        )
    for sites in evidence.sites:
        yield (
            f"Sites were read from the features before and after {sites.step}, on held-out "
            f"patients of {sites.n_folds} folds drawn {sites.n_repeats} times."
        )


def _explained(given: Given) -> Iterator[str]:
    for one in given.explained.shap:
        how = {
            "out_of_bag": "for each lesion by the fits that had not seen its patient",
            "in_sample": "in sample",
            "new_rows": "for lesions of other patients",
        }[one.mode]
        told = f"{one.name} was explained by SHAP values ({one.method}, {how})"
        if one.null is not None:
            told += ", set beside the same on permuted labels"
        yield f"{told}."
    for sanity in given.explained.sanity:
        yield f"Attention maps of {sanity.model} were tested by randomising model and network."
    for concordance in given.explained.concordance:
        yield (
            f"Attention ({concordance.method}, {concordance.model}) was compared with the contour "
            "and with local shrinkage against surrogates."
        )
    for differences in given.explained.differences:
        adjusted = ", ".join(differences.adjusted_for)
        yield (
            "Each column was compared between the groups"
            + (f", adjusted for {adjusted}" if adjusted else "")
            + "."
        )
