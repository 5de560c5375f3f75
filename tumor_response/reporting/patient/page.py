"""``patient_page``: one lesion, one predictor, one side of A4."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import pandas as pd

from tumor_response.cohort import Case, Cohort
from tumor_response.exceptions import SettingsError, TumorResponseError
from tumor_response.features.deep.views import WINDOWS_HU
from tumor_response.formats.whole import write_whole
from tumor_response.outcomes.local_maps import file_stem
from tumor_response.predictor.new_lesions import lesions_of
from tumor_response.predictor.predicting import checked_lesions, predictions
from tumor_response.predictor.refusal import RefusalRule
from tumor_response.predictor.similar import check_is_training
from tumor_response.privacy import Pseudonyms, is_harmless_lesion_name
from tumor_response.reporting.patient.identity import identity_of
from tumor_response.reporting.patient.lesion import Asked, Page, page_of
from tumor_response.reporting.patient.looked import attention_of, views_of
from tumor_response.table import FeatureTable

if TYPE_CHECKING:
    from tumor_response.predictor import ShrinkagePredictor

__all__ = ["PatientPages", "patient_page"]

Key = tuple[str, str]
FAILURE_COLUMNS = ["patient_id", "lesion_id", "reason", "message"]

_TEMPLATES = Path(__file__).parent / "templates"
_DEFAULT_RULE = RefusalRule()


@dataclass(frozen=True, eq=False)
class PatientPages:
    """What :func:`tumor_response.patient_page` wrote.

    Attributes
    ----------
    paths : dict of (patient_id, lesion_id) to Path
        The page of each lesion, in the cohort's order. It is the hospital's own: it says whose
        page is whose.
    failures : DataFrame
        One row per lesion without a page: ``patient_id``, ``lesion_id``, ``reason`` (a code) and
        ``message``. A refused lesion has a page, which says so.
    predictions : DataFrame
        As :meth:`tumor_response.ShrinkagePredictor.predict` returns them.
    """

    paths: dict[Key, Path]
    failures: pd.DataFrame
    predictions: pd.DataFrame

    def __repr__(self) -> str:
        n_refused = int(self.predictions["refused"].sum())
        return (
            f"<PatientPages: {len(self.paths)} pages, {n_refused} of them refused, "
            f"{len(self.failures)} failed>"
        )


def patient_page(
    predictor: ShrinkagePredictor,
    cohort: Cohort | Case,
    path: str | Path,
    *,
    training: FeatureTable | pd.DataFrame | None = None,
    y: pd.Series | None = None,
    coverage: float = 0.9,
    contours: int = 0,
    observer_sd_mm: float = 2.0,
    refuse: RefusalRule = _DEFAULT_RULE,
    attention: bool = False,
    window: str | tuple[float, float] | None = None,
    identified: bool = False,
    key_file: str | Path | None = None,
    n_jobs: int = 1,
    cache_dir: str | Path | None = None,
) -> PatientPages:
    """Write one A4 page per new lesion: the tumour, the prediction with its limits, and why.

    Each page is one HTML file that loads nothing from anywhere and prints to one side of A4. Its
    sentences are made from the numbers by fixed rules
    (:mod:`tumor_response.reporting.patient.wording`): where the label set holds both answers it
    says that the model cannot tell; outside the training domain it says that first; a refused
    lesion's page gives the reason and no number. For research; not a medical device.

    Parameters
    ----------
    predictor
        Fitted or loaded.
    cohort
        New lesions, or one case. Follow-ups are not looked at.
    path
        A folder, made if it is not there: each lesion's page bears its pseudonym. For a single
        lesion also a file, with the ending ``.html``.
    training
        The very table that the predictor was fitted to, where it is at hand: for similar patients,
        for SHAP values of trees, and to notice a patient whom the model was fitted to.
    y
        The training lesions' outcomes, to say what became of similar patients.
    coverage, contours, observer_sd_mm, refuse
        As for :meth:`tumor_response.ShrinkagePredictor.predict`.
    attention
        Whether to map where the network looked (:func:`tumor_response.attention`), which takes
        seconds for each lesion. A model that reads no network says so.
    window
        Intensities drawn black and white: two numbers, or ``"soft_tissue"``, ``"bone"``,
        ``"lung"``. None: what the network was shown, else soft tissue.
    identified
        Show ``patient_id`` and ``lesion_id``, for the clinic. By default patients bear keyed
        pseudonyms (:class:`tumor_response.Pseudonyms`).
    key_file
        The key of the pseudonyms, as for :func:`tumor_response.report`.
    n_jobs, cache_dir
        Of the extraction, as for :func:`tumor_response.extract`.

    Returns
    -------
    PatientPages
        ``paths``, ``failures`` (one bad case does not end the run) and ``predictions``.

    Raises
    ------
    SettingsError
        ``path`` is a file for several lesions, or no folder; an unknown ``window``; code
        ``key_file``.
    TableError
        Code ``not_the_training_table``.
    FeatureError, ModelError
        As :meth:`tumor_response.ShrinkagePredictor.predict`.

    Examples
    --------
    >>> import tempfile, numpy as np, pandas as pd, tumor_response as tr
    >>> folder = tempfile.mkdtemp()
    >>> cohort = tr.simulate_cohort(n_patients=10, seed=0, directory=folder + "/sim")
    >>> y = pd.Series(np.arange(10) % 2, cohort.keys, name="label")
    >>> predictor = tr.ShrinkagePredictor([tr.ClinicalFactors(["age", "volume_cc"])],
    ...                                   n_folds=2, n_repeats=1, n_resamples=2).fit(cohort, y)
    >>> new = tr.simulate_cohort(n_patients=2, seed=1, directory=folder + "/new")
    >>> pages = tr.patient_page(predictor, new, folder + "/pages", key_file=folder + "/key")
    >>> len(pages.paths), len(pages.failures)
    (2, 0)
    """
    known = Cohort([cohort]) if isinstance(cohort, Case) else cohort
    folder, single = _place(Path(path), len(known))
    _check_window(window)
    state = predictor.state_
    rows = training.data if isinstance(training, FeatureTable) else training
    if rows is not None:
        check_is_training(state, rows)
    names = _names(known, rows, key_file, folder, identified=identified)
    with lesions_of(
        state,
        known,
        predictor.extractors,
        contours=contours,
        observer_sd_mm=observer_sd_mm,
        n_jobs=n_jobs,
        cache_dir=cache_dir,
    ) as new:
        found = predictions(state, new, coverage=coverage, rule=refuse)
        X = checked_lesions(state, new, refuse)[0]
    wanted = [case for case in known if not found.loc[case.key, "refused"]]
    asked = Asked(
        state=state,
        identity=identity_of(state, predictor.sha256_),
        coverage=coverage,
        window=window,
        views=views_of(predictor),
        training=rows,
        y=y,
        names=names,
        maps=attention_of(predictor, wanted, X, rows) if attention else None,
    )
    called = _called(known, names, identified=identified)
    said: dict[Any, dict[Any, Any]] = found.to_dict("index")
    paths: dict[Key, Path] = {}
    lost: list[tuple[str, str, str, str]] = []
    for case in known:
        place = single or folder / f"{file_stem(*called[case.key])}.html"
        title = " / ".join(called[case.key])
        try:
            page = page_of(asked, case, title, said[case.key], X.loc[[case.key]])
            write_whole(place, partial(_write, _render(page)))
        except TumorResponseError as error:
            lost.append((*case.key, error.code, str(error)))
            continue
        paths[case.key] = place
    return PatientPages(paths, pd.DataFrame(lost, columns=FAILURE_COLUMNS, dtype="str"), found)


def _place(path: Path, n: int) -> tuple[Path, Path | None]:
    """Return the folder of the pages, and the file where one was named."""
    named = path.suffix.lower() in (".html", ".htm") and not path.is_dir()
    if named and n != 1:
        raise SettingsError(
            f"patient_page: {path} is one file, and there are {n} lesions; name a folder."
        )
    folder = path.parent if named else path
    blocking = next((one for one in (folder, *folder.parents) if one.is_file()), None)
    if blocking is not None:
        raise SettingsError(
            f"patient_page: {blocking} is a file; name a folder, or for one lesion a file that "
            "ends in .html."
        )
    return folder, path if named else None


def _check_window(window: object) -> None:
    if window is None or (isinstance(window, str) and window in WINDOWS_HU):
        return
    pair = list(window) if isinstance(window, tuple | list) else []
    if len(pair) == 2 and all(isinstance(v, int | float) for v in pair) and pair[0] < pair[1]:
        return
    raise SettingsError(
        f"window={window!r}: expected two rising numbers or one of {', '.join(WINDOWS_HU)}."
    )


def _names(
    cohort: Cohort,
    training: pd.DataFrame | None,
    key_file: str | Path | None,
    folder: Path,
    *,
    identified: bool,
) -> dict[str, str]:
    """Return what each patient is called on the pages."""
    patients = {case.key[0] for case in cohort}
    if training is not None:
        patients |= set(training.index.get_level_values("patient_id").astype(str))
    if identified:
        return {patient: patient for patient in patients}
    return Pseudonyms(key_file, apart_from=folder).of_all(sorted(patients))


def _called(cohort: Cohort, names: Mapping[str, str], *, identified: bool) -> dict[Key, Key]:
    """Return patient and lesion as the page calls them; names of structures may name people."""
    found: dict[Key, Key] = {}
    counts: dict[str, int] = {}
    for patient, lesion in sorted(_keys(cohort)):
        shown = lesion
        if not identified and not is_harmless_lesion_name(lesion):
            counts[patient] = counts.get(patient, 0) + 1
            shown = f"L{counts[patient]}"
        found[patient, lesion] = (names[patient], shown)
    return found


def _keys(cohort: Iterable[Case]) -> list[Key]:
    return [case.key for case in cohort]


def _render(page: Page) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,  # whatever comes from files is text, never mark-up
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = (_TEMPLATES / "patient.css").read_text(encoding="utf-8")
    return environment.get_template("patient.html.jinja").render(page=page, css=css)


def _write(text: str, path: Path) -> Any:
    path.write_text(text, encoding="utf-8")
