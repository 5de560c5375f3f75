"""``report``: one evaluation as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from tumor_response._version import __version__
from tumor_response.exceptions import SettingsError
from tumor_response.privacy import Pseudonyms
from tumor_response.reporting.end_point import coupling_note
from tumor_response.reporting.evidence import sorted_evidence
from tumor_response.reporting.given import Given, check_given
from tumor_response.reporting.headline import chosen_headline, describe_headline
from tumor_response.reporting.looked import sorted_explanations
from tumor_response.reporting.parts import Page
from tumor_response.reporting.probed import deep_volume_checks, volume_notes
from tumor_response.reporting.sections import all_sections

if TYPE_CHECKING:
    import pandas as pd

    from tumor_response.cohort import Cohort
    from tumor_response.evaluation import EvaluationResult, StudyLedger, VolumeCheck
    from tumor_response.evaluation.ablation import AblationStudy
    from tumor_response.evaluation.ledger import FrozenPlan
    from tumor_response.outcomes import Coupling
    from tumor_response.reporting.evidence import Instrument
    from tumor_response.reporting.looked import Told
    from tumor_response.table import FeatureTable

__all__ = ["report"]

_TEMPLATES = Path(__file__).parent / "templates"


def report(
    result: EvaluationResult,
    path: str | Path,
    *,
    cohort: Cohort | None = None,
    table: FeatureTable | None = None,
    outcomes: pd.DataFrame | None = None,
    quality: pd.DataFrame | None = None,
    uncertainty: pd.DataFrame | None = None,
    coupling: Coupling | None = None,
    ablation: AblationStudy | None = None,
    ledger: StudyLedger | None = None,
    plan: FrozenPlan | None = None,
    explanations: Sequence[Told] = (),
    volume_checks: Sequence[VolumeCheck] | None = None,
    evidence: Sequence[Instrument] = (),
    headline: str | None = None,
    title: str = "Response to radiotherapy",
    notes: Sequence[str] = (),
    identified: bool = False,
    key_file: str | Path | None = None,
) -> Path:
    """Write an evaluation as one HTML file that loads nothing from anywhere.

    Page one, which fits a screen and a sheet, says in two sentences, made from the numbers by fixed
    rules, what may and what may not be concluded (:mod:`tumor_response.reporting.wording`). It
    shows the headline with its interval beside the baselines, what leakage trace, controls and
    ledger found, and what was not asked. Below, each where it was given: all models, cohort flow,
    end point, volume and contour error, faults of images, ROC, calibration, decision curve,
    ablation, SHAP values, attention, leakage, controls, robustness, failures, method, settings,
    checklists, a methods paragraph, and what to cite.

    Parameters
    ----------
    result
        From :func:`tumor_response.evaluate`. Models named ``volume_only`` and ``clinical_only``
        are the baselines that the others are compared with.
    path
        The file to write; its folder is made. It is written under another name and renamed, so
        that a reader never meets half a report.
    cohort
        The cohort, for who was left out before there were features and outcomes.
    table
        The feature table, for failures, settings and hashes.
    outcomes
        The outcome table, for days, reasons and baseline volumes.
    quality
        Findings of :func:`tumor_response.check`.
    uncertainty
        From :func:`tumor_response.outcome_uncertainty`, of the same end point and cut: which labels
        contour error would change.
    coupling
        From :func:`tumor_response.coupling`, of the end point that was evaluated: the AUC of volume
        to expect from contour error alone, which page one shows beside ``volume_only``.
    ablation
        From :func:`tumor_response.ablate`, on the same outcome: what each block adds.
    ledger
        The :class:`~tumor_response.StudyLedger` that the evaluation was entered into: page one then
        says how many configurations were tried on this outcome, and corrects the best of all of
        them. Without it page one says that this is not known.
    plan
        From :func:`tumor_response.freeze_plan`: what was kept to, line by line. A headline that is
        the best of several configurations, and whose interval reaches 0.5 once that choice is paid
        for, reads as a null result, unless a plan that came before every evaluation names it.
    explanations
        In any number: SHAP values (:func:`tumor_response.explain`), tests of attention maps
        (:func:`tumor_response.attention_sanity`), attention against contour and shrinkage
        (:func:`tumor_response.attention_concordance`), differences of the groups
        (:func:`tumor_response.group_differences`), what the image says beyond volume and age
        (:func:`tumor_response.explanation.differences.beyond_volume_and_age`).
    volume_checks
        From :func:`tumor_response.volume_check`, one per block. ``None`` (default): every block of
        the table whose name begins with ``deep`` is checked here, on at most 100 of the resamples,
        which takes seconds; ``()`` for none. A block that predicts by volume alone is told so on
        page one.
    evidence
        What was asked whether it can be believed, in any number: leakage traces
        (:func:`tumor_response.leakage_trace`), negative controls
        (:func:`tumor_response.negative_controls`), robustness
        (:func:`tumor_response.robustness`), the spread of predictions under other contours
        (:func:`tumor_response.prediction_spread`), what sites do
        (:func:`tumor_response.site_report`). Page one has a strip of what each found, or that it
        was not asked. A fault that was recorded or proved, or a permutation p value above .05 of
        the headline's model, decides the two sentences.
    headline
        The model that the two sentences are about. Name it before you look at the results.
        Default: the first model that is no baseline.
    title
        Title of the page.
    notes
        Further sentences for page one, such as what the data are.
    identified
        Show ``patient_id`` and the messages of failures, which name cases and files. By default
        patients bear keyed pseudonyms (:class:`tumor_response.privacy.Pseudonyms`) and the
        messages stay in the table, because a report is made to be sent away.
    key_file
        The key of the pseudonyms; made if it is not there. Default:
        :func:`tumor_response.privacy.default_key_file`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    EvaluationError
        If ``headline`` was not evaluated; code ``other_end_point``: ``coupling`` or ``uncertainty``
        is of another; code ``other_evaluation``: what was given is of other lesions, values or
        models; code ``evidence``: something else, or of a model that was not evaluated;
        code ``no_rows``: the ledger has no evaluation on this outcome.
    ExplanationError
        Code ``explanations``: something else among the explanations.
    SettingsError
        If ``path`` is a folder, or lies below a file; code ``key_file`` if the key cannot be used.

    Examples
    --------
    >>> import tempfile, numpy as np, pandas as pd, tumor_response as tr
    >>> rng = np.random.default_rng(0)
    >>> index = pd.MultiIndex.from_product(
    ...     [[f"P{i}" for i in range(30)], ["1"]], names=["patient_id", "lesion_id"])
    >>> table = pd.DataFrame({"clinical__age": rng.normal(60, 9, size=30)}, index=index)
    >>> y = pd.Series(rng.integers(0, 2, size=30), index=index, name="responder")
    >>> result = tr.evaluate({"age": tr.make_model("logistic")}, table, y,
    ...                      tr.Bootstrap632Plus(n_resamples=10))
    >>> path = tr.report(result, tempfile.mkdtemp() + "/report.html")
    >>> "Not a medical device" in path.read_text(encoding="utf-8")
    True
    """
    path = Path(path)
    if path.is_dir() or any(one.is_file() for one in path.parents):
        what = "is a folder" if path.is_dir() else "lies below a file"
        raise SettingsError(f"report: {path} {what}; name a file, such as study/report.html.")
    chosen_headline(result, headline)
    given = Given(
        sorted_evidence(evidence, result),
        sorted_explanations(explanations),
        deep_volume_checks(result) if volume_checks is None else tuple(volume_checks),
        cohort,
        table,
        outcomes,
        quality,
        uncertainty,
        coupling,
        ablation,
        ledger,
        plan,
    )
    check_given(result, given)
    front = describe_headline(result, headline, given)
    known_as = None if identified else _pseudonyms(given, key_file, path.parent)
    page = Page(
        title=title,
        version=__version__,
        notes=[*notes, *_warnings(result, given)],
        conclusions=front.conclusions,
        facts=front.facts,
        intervals=front.intervals,
        results=front.results,
        remarks=front.remarks,
        strip=front.strip,
        not_asked=given.not_asked(result),
        sections=all_sections(result, front, given, known_as),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_whole(path, _render(page))
    return path


def _warnings(result: EvaluationResult, given: Given) -> list[str]:
    """Return what a reader has to know before anything else; mostly nothing."""
    told = [coupling_note(result)]
    if given.coupling is not None and given.coupling.true_sd == 0:
        told.append(given.coupling.warning)
    told += volume_notes(given.checks)
    return [*(text for text in told if text), *given.evidence.notes()]


def _pseudonyms(given: Given, key_file: str | Path | None, folder: Path) -> dict[str, str]:
    """Return a pseudonym for each patient that the page would name; mostly nobody."""
    named: set[str] = set()
    if given.table is not None:
        named |= set(given.table.failures["patient_id"])
    if given.quality is not None:
        named |= set(given.quality["patient_id"]) - {""}
    return Pseudonyms(key_file, apart_from=folder).of_all(sorted(named)) if named else {}


def _render(page: Page) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,  # whatever comes from files is text, never mark-up
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    return environment.get_template("report.html.jinja").render(page=page, css=css)


def _write_whole(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
