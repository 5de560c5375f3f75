"""What a model card says, section by section; never what was not measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tumor_response.models import final_estimator
from tumor_response.predictor.card.wording import (
    END_POINTS,
    MEASURES,
    count,
    interval,
    number,
    signed,
)
from tumor_response.predictor.state import PredictorState

__all__ = ["NOT_A_DEVICE", "NOT_MEASURED", "Section", "sections_of", "title_of"]

NOT_A_DEVICE = (
    "For research. Not a medical device: nobody has approved it for the care of patients, and no "
    "decision about a patient may rest on it."
)
NOT_MEASURED = "Not measured."


@dataclass(frozen=True)
class Section:
    """A part of the card.

    Parameters
    ----------
    title
    paragraphs
        Plain text, to be escaped by whoever writes it out.
    header, rows
        A table; no header: none.
    """

    title: str
    paragraphs: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def title_of(state: PredictorState) -> str:
    """Return the card's title: what a person called the predictor, or what it predicts."""
    name = state.record.get("about", {}).get("name")
    return name or f"Predictor of {_end_point(state)}"


def sections_of(state: PredictorState) -> list[Section]:
    """Return the sections of a predictor's card, in order."""
    return [
        _what_it_is(state),
        _use(state),
        _cohort(state),
        _outcome(state),
        _performance(state),
        _calibration(state),
        _controls(state.record.get("controls")),
        _leakage(state.record.get("leakage")),
        _domain(state),
        _limits(state),
        _parents(state),
        _provenance(state),
    ]


def _end_point(state: PredictorState) -> str:
    name = str(state.end_point.get("name") or "the outcome")
    return END_POINTS.get(name, name)


def _what_it_is(state: PredictorState) -> Section:
    fit = state.record.get("fit", {})
    blocks = fit.get("blocks", {})
    told = ", ".join(f"{block} ({count(n, 'column')})" for block, n in blocks.items())
    given = "the probability that a tumour shrinks more than the cut"
    if state.task == "rate":
        given = f"the {_end_point(state)} of a tumour"
    return Section(
        "What it is",
        (
            f"From a planning CT and a tumour contour to {given}. The model is "
            f"{type(final_estimator(state.model)).__name__}, on {told or 'the columns given'}.",
            f"Beside each prediction stand its spread over {len(state.resample_models)} fits to "
            "bootstrap samples of patients, what volume alone would say, a conformal "
            f"{'label set' if state.task == 'response' else 'interval'}, and whether the case "
            "looks like those of training.",
        ),
    )


def _use(state: PredictorState) -> Section:
    about = state.record.get("about", {})
    intended = about.get("intended_use") or (
        "not stated by its makers; research on cohorts like the training cohort is what it can be "
        "checked for."
    )
    return Section(
        "Intended use, and not",
        (
            f"Intended: {intended}",
            "Not intended: any decision about a patient; images of another kind than those under "
            "«Where it was trained»; contours drawn by another protocol; choosing among "
            "treatments, because nothing here says what another treatment would have done.",
        ),
    )


def _cohort(state: PredictorState) -> Section:
    fit = state.record.get("fit", {})
    said = [
        f"{count(fit.get('n_patients'), 'patient')}, {count(fit.get('n_lesions'), 'lesion')} in "
        "the fit."
    ]
    if own := state.record.get("about", {}).get("cohort"):
        said.insert(0, own)
    flow = fit.get("flow", {})
    rows = tuple(
        (group, str(row.get("n_patients", "")), str(row.get("n_lesions", "")))
        for group, row in flow.items()
    )
    header = ("group", "patients", "lesions") if rows else ()
    return Section("Training cohort", tuple(said), header, rows)


def _outcome(state: PredictorState) -> Section:
    told = state.end_point
    said = [f"{_end_point(state)[:1].upper()}{_end_point(state)[1:]}."]
    if state.task == "response":
        cut = told.get("cut")
        if cut is not None:
            how = "fitted in every fold" if told.get("cut_is_fitted") else "fixed beforehand"
            rule = (told.get("label") or {}).get("cut")
            said.append(
                f"Class 1 shrank strictly more than {number(cut)} ({rule}, {how}); ties are 0."
            )
        else:
            said.append("The classes were given as 0 and 1: how they were made is not known here.")
        share = told.get("share_of_responders")
        if share is not None:
            said.append(f"{100 * share:.0f} % of the training lesions are of class 1.")
        rule = state.threshold.get("rule")
        if rule:
            said.append(
                f"The class is said at a probability of {number(state.threshold['value'])} "
                f"({rule}), where the patients left out had a sensitivity of "
                f"{number(state.threshold.get('sensitivity'))} and a specificity of "
                f"{number(state.threshold.get('specificity'))}; both are a little too good, "
                "because the threshold was chosen on the same patients."
                if rule == "youden"
                else f"The class is said at a probability of {number(state.threshold['value'])}."
            )
    return Section("End point", tuple(said))


def _performance(state: PredictorState) -> Section:
    found = state.record.get("evaluation")
    if not found:
        crossed = state.record.get("fit", {}).get("cross_fitted", {})
        measure = MEASURES.get(str(crossed.get("measure")), "")
        return Section(
            "Performance",
            (
                f"{NOT_MEASURED} No evaluation was noted. From the fit itself: {measure} "
                f"{number(crossed.get('model'))} on patients left out, volume alone "
                f"{number(crossed.get('volume_only'))}; both without an interval, and the "
                "calibration was fitted on the same scores.",
            ),
        )
    headline, own = found["headline"], found["models"][found["model"]]
    measure = MEASURES.get(headline.partition("_")[0], headline)
    said = [
        f"{measure} on unseen patients ({headline}): "
        f"{interval(own[headline], own['ci_low'], own['ci_high'])}, by {found['scheme']} with "
        f"{count(found['n_resamples'], 'resample')} ({found['ci_method']}); "
        f"{count(found['n_patients'], 'patient')}."
    ]
    for baseline, words in (("volume_only", "volume alone"), ("clinical_only", "clinical factors")):
        beyond = found.get(f"beyond_{baseline}")
        if not beyond:
            said.append(f"Against {words}: {NOT_MEASURED[0].lower()}{NOT_MEASURED[1:]}")
            continue
        low, high = beyond["ci_low"], beyond["ci_high"]
        shown = low is not None and low > 0
        said.append(
            f"Against {words}: {signed(beyond['difference'])} ({signed(low)} to {signed(high)}). "
            + (
                "The interval lies above 0."
                if shown
                else f"That it is better than {words} is not shown."
            )
        )
    columns = [c for c in own if c not in ("ci_low", "ci_high")]
    rows = tuple(
        (
            name,
            interval(row[headline], row["ci_low"], row["ci_high"]),
            *(number(row.get(c)) for c in columns if c != headline),
        )
        for name, row in found["models"].items()
    )
    header = ("model", f"{headline} (95 % interval)", *(c for c in columns if c != headline))
    return Section("Performance", tuple(said), header, rows)


def _calibration(state: PredictorState) -> Section:
    line = state.calibration
    told = {
        "cross_fitted": f"fitted to {count(line.n_patients, 'patient')} left out of the fit",
        "local": f"fitted to {count(line.n_patients, 'local patient')}",
    }.get(line.method, "not fitted")
    said = [
        f"Calibrated = {number(line.intercept)} + {number(line.slope)} x "
        f"{'log-odds' if state.task == 'response' else 'rate'}, {told}."
    ]
    performance = state.record.get("evaluation", {}).get("performance")
    if performance:
        said.append(
            "Of the uncalibrated model on unseen patients: "
            + "; ".join(f"{name.replace('_', ' ')} {number(v)}" for name, v in performance.items())
            + "."
        )
    rule = state.conformal
    rows = tuple((share, number(q)) for share, q in rule.quantiles.items())
    if rows:
        said.append(
            f"Conformal quantiles from {count(rule.n_patients, 'patient')} ({rule.method}). The "
            "coverage is that of a lesion of a new patient of the same kind, on average over "
            "patients; it is not promised for one patient, one subgroup or another hospital."
        )
    header = ("nominal coverage", "quantile") if rows else ()
    return Section("Calibration and coverage", tuple(said), header, rows)


def _controls(found: Mapping[str, Any] | None) -> Section:
    if not found:
        return Section("Negative controls", (NOT_MEASURED,))
    headline = found["headline"]
    rows = tuple(
        (
            name.replace("_", " "),
            row["keeps"],
            interval(row[headline], row["ci_low"], row["ci_high"]),
            interval(row["difference"], row["difference_low"], row["difference_high"]),
            row["verdict"],
        )
        for name, row in found["rows"].items()
    )
    said = tuple(found["sentences"]) or ("Nothing in the controls speaks against the model.",)
    skipped = found.get("skipped", {})
    if skipped:
        said += tuple(f"Not made: {name}, {why}." for name, why in skipped.items())
    header = ("control", "keeps", headline, "model minus control", "verdict")
    return Section("Negative controls", said, header, rows)


def _leakage(found: Mapping[str, Any] | None) -> Section:
    if not found:
        return Section("Leakage", ("Not traced.",))
    return Section(
        "Leakage",
        (
            f"{found['n_watched']} of {count(found['n_resamples'], 'resample')} were watched. "
            "Recorded was seen while models were fitted; provable is held against hashes of the "
            "extraction; suspected is what the numbers look like, no proof.",
        ),
        ("class", "found"),
        tuple((name, text) for name, text in found["classes"].items()),
    )


def _domain(state: PredictorState) -> Section:
    rows = tuple((fact, told) for fact, told in state.domain.told().items())
    said = (
        "A case outside is named with what lies outside, and predicted all the same unless the "
        "user asks for a refusal.",
    )
    if not rows:
        said = ("Nothing is known of how the training images were made: no facts were given.",)
    return Section("Where it was trained", said, ("fact", "training lesions") if rows else (), rows)


def _limits(state: PredictorState) -> Section:
    fit = state.record.get("fit", {})
    said = []
    if own := state.record.get("about", {}).get("limits"):
        said.append(own)
    patients, n_columns = fit.get("n_patients"), sum(fit.get("blocks", {}).values())
    if patients is not None and patients < 200:
        said.append(
            f"{count(patients, 'patient')} are few for {count(n_columns, 'column')}: "
            "another cohort of the same kind would have given another model."
        )
    said += [
        "The baseline volume is in the end point as well as among the predictors; contour error "
        "alone ties the two.",
        "Spread and coverage are about patients like those of training. Nothing here was measured "
        "in another hospital"
        + ("." if not state.parents else ", but for the recalibration below."),
    ]
    return Section("Limits", tuple(said))


def _parents(state: PredictorState) -> Section:
    if not state.parents:
        return Section("Parentage", ("Fitted from its training cohort; no other file before it.",))
    rows = tuple(
        (
            str(one.get("what", "")),
            str(one.get("sha256") or "never saved"),
            str(one.get("n_patients", "")),
            number(one.get("intercept")),
            number(one.get("slope")),
        )
        for one in state.parents
    )
    header = ("what was done", "SHA-256 of the file before", "local patients", "intercept", "slope")
    return Section("Parentage", (), header, rows)


def _provenance(state: PredictorState) -> Section:
    told = state.provenance
    rows: list[tuple[str, ...]] = []
    for block, identity in told.get("extractors", {}).items():
        rows.append((f"extractor of {block}", str(identity.get("extractor", ""))))
        rows += [
            (f"{block}: {key.replace('_', ' ')}", str(identity[key]))
            for key in ("backbone", "weights_source", "weights_sha256", "engine")
            if identity.get(key)
        ]
    if "tumor_response" in told:
        rows.append(("tumor_response", str(told["tumor_response"])))
    rows += [(name, str(version)) for name, version in told.get("versions", {}).items()]
    by_block = state.dictionary.groupby("block", sort=False)["settings_sha256"].unique()
    rows += [
        (f"settings of {block} (SHA-256)", ", ".join(str(one) for one in hashes if one))
        for block, hashes in by_block.items()
        if any(hashes)
    ]
    if told.get("data_sha256"):
        rows.append(("training table (SHA-256)", str(told["data_sha256"])))
    return Section("Provenance", (), ("what", "which") if rows else (), tuple(rows))
