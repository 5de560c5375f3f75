"""All that the page of one lesion shows; everything in it is plain text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from tumor_response._version import __version__
from tumor_response.cohort import Case
from tumor_response.exceptions import TumorResponseError
from tumor_response.explanation.attention import AttentionMaps
from tumor_response.explanation.attention.boxed import BoxedMap
from tumor_response.features.deep.views.settings import Range
from tumor_response.features.rebuild import rules_of
from tumor_response.predictor.predicting import volume_columns
from tumor_response.predictor.similar import similar_lesions
from tumor_response.predictor.state import PredictorState
from tumor_response.quality import QualitySettings
from tumor_response.reporting.patient.drivers import Drivers, drivers_of
from tumor_response.reporting.patient.end_point import EndPoint
from tumor_response.reporting.patient.identity import Identity, doubt_of, over_volume
from tumor_response.reporting.patient.marks import Marks, marks_of
from tumor_response.reporting.patient.neighbours import NOT_AT_HAND, Neighbours, neighbours_of
from tumor_response.reporting.patient.planes import Picture, pictures_of, window_for
from tumor_response.reporting.patient.short import LONGEST_OUTSIDE, shortened
from tumor_response.reporting.patient.wording import (
    NO_ADVICE,
    Prediction,
    Said,
    of_hundred,
    refused,
    said_of,
)

__all__ = ["Asked", "Page", "page_of"]

LONGEST_TITLE = 60
N_SIMILAR = 5


@dataclass(frozen=True, eq=False)
class Asked:
    """What is the same for every lesion of a call.

    Parameters
    ----------
    state, identity
        The predictor's.
    coverage
        Of label sets or intervals.
    window
        As asked for.
    views
        Intensities that the network was shown; None: no network, or not by a window.
    training
        The table that the predictor was fitted to; None: not at hand.
    y
        Outcomes of its lesions.
    names
        What each patient is called on the page: new ones, and those of training.
    maps
        Attention; a text: why there is none; None: nobody asked.
    """

    state: PredictorState
    identity: Identity
    coverage: float
    window: str | Range | None
    views: Range | None
    training: pd.DataFrame | None
    y: pd.Series | None
    names: Mapping[str, str]
    maps: AttentionMaps | str | None


@dataclass(frozen=True)
class Page:
    """What the template shows."""

    title: str
    version: str
    said: Said
    pictures: tuple[Picture, ...]
    picture_note: str
    identity: Identity
    note: str = ""
    marks: Marks | None = None
    volume: tuple[str, ...] = ()
    drivers: Drivers | None = None
    domain: tuple[str, ...] = ()
    similar: Neighbours | None = None


def page_of(
    asked: Asked, case: Case, title: str, predicted: Mapping[str, Any], row: pd.DataFrame
) -> Page:
    """Put the page of one lesion together.

    Parameters
    ----------
    asked
        The predictor, and what was asked for.
    case
        The lesion.
    title
        What the page is called: its pseudonym, or its name.
    predicted
        Its row of ``predictor.predict``.
    row
        It alone, in the columns of the fit.
    """
    title = shortened(title, LONGEST_TITLE)
    if predicted["refused"]:
        pictures, note = _pictures(asked, case, None)
        outside = shortened(str(predicted["out_of_domain"]), LONGEST_OUTSIDE)
        said = refused(str(predicted["refusal"]), outside)
        return Page(title, __version__, said, pictures, note, asked.identity)
    state = asked.state
    found = Prediction.of(predicted, coverage=asked.coverage, n_fits=len(state.resample_models))
    end_point = EndPoint.of(state.end_point)
    said = said_of(found, end_point, doubt_of(state))
    seen = asked.training is not None and case.key[0] in _patients(asked.training)
    if seen:
        said = Said(
            "seen",
            "The model was fitted to this very patient: what it says is no prediction.",
            said.sentences,
        )
    pictures, note = _pictures(asked, case, case.key)
    return Page(
        title,
        __version__,
        said,
        pictures,
        note,
        asked.identity,
        note=" ".join([*([] if found.is_rate else [end_point.cut_in_words()]), NO_ADVICE]),
        marks=marks_of(found, state.end_point),
        volume=_volume(asked, found, end_point, row),
        drivers=drivers_of(state, row, asked.training),
        domain=_domain(found, predicted, state),
        similar=_similar(asked, row, end_point),
    )


def _patients(table: pd.DataFrame) -> set[str]:
    return set(table.index.get_level_values("patient_id").astype(str))


def _volume(
    asked: Asked, found: Prediction, end_point: EndPoint, row: pd.DataFrame
) -> tuple[str, ...]:
    column = volume_columns(asked.state)[0]
    if found.volume_only != found.volume_only:
        return ("The volume is not known, and volume alone says nothing.",)
    size = f"{float(row[column].iloc[0]):.3g} cc"
    if found.is_rate:
        told = f"By its volume of {size} alone: {end_point.amount(found.volume_only)}."
        return told, over_volume(asked.state)
    more = round(100 * found.value) - round(100 * found.volume_only)
    beside = (
        f"; the model says {abs(more)} {'more' if more > 0 else 'fewer'}"
        if more
        else ("; the model says the same")
    )
    return (
        f"By its volume of {size} alone: about {of_hundred(found.volume_only)} of 100{beside}.",
        over_volume(asked.state),
    )


def _domain(
    found: Prediction, predicted: Mapping[str, Any], state: PredictorState
) -> tuple[str, ...]:
    score = float(predicted["in_domain_score"])
    if score != score:
        said = [f"Not judged: {state.domain.n_patients} training patients are too few."]
    elif found.in_domain:
        said = [
            f"Inside: about {100 * score:.0f} of 100 training patients lie at least as far out as "
            "this one. Nothing that is judged lies outside."
        ]
    else:
        far = f"{100 * score:.0f}" if score >= 0.01 else "fewer than 1"
        said = [
            f"Outside, see above: about {far} of 100 training patients lie at least as far out. "
            "What the page says of coverage holds for patients inside.",
        ]
    n_missing = int(predicted["n_missing"])
    if n_missing:
        what = "column" if n_missing == 1 else "columns"
        said.append(f"{n_missing} {what} could not be measured; the model filled them in.")
    return tuple(said)


def _similar(asked: Asked, row: pd.DataFrame, end_point: EndPoint) -> Neighbours:
    if asked.training is None:
        return Neighbours((NOT_AT_HAND,))
    try:
        found = similar_lesions(asked.state, asked.training, row, n=N_SIMILAR, y=asked.y)
    except TumorResponseError as error:
        return Neighbours((f"Not known ({error.code}).",))
    is_rate = asked.state.task == "rate"
    return neighbours_of(found, asked.names, end_point, is_rate=is_rate)


def _pictures(
    asked: Asked, case: Case, key: tuple[str, str] | None
) -> tuple[tuple[Picture, ...], str]:
    """Return the planes and what stands below them; ``key``: under which its map is kept."""
    baseline = case.baseline
    try:
        image, mask = baseline.image, baseline.mask
        quality = rules_of(asked.state.provenance).quality or QualitySettings()
        in_hu = quality.judges_hu(baseline.acquisition.get("modality"))
        window = window_for(asked.window, asked.views, image, mask, in_hu=in_hu)
        maps = asked.maps
        looked = maps[key].box if key and isinstance(maps, AttentionMaps) and key in maps else None
        label = maps.method.replace("_", " ") if isinstance(maps, AttentionMaps) else ""
        pictures = pictures_of(image, mask, window, looked, label)
    except TumorResponseError as error:
        return (), f"There is no picture: image or contour cannot be read ({error.code})."
    finally:
        baseline.release()
    through = "in the middle of the contour" if looked is None else "where its map is largest"
    note = (
        f"Through the tumour, {through}. Window: {window.words}. R, L, A, P, S, I: the patient's "
        "right, left, front, back, head, feet."
    )
    if looked is not None:
        note += (
            f" Below: where the network looked ({label}); bright is much, transparent none, the "
            "grey line is what it was shown."
        )
        note += f" {_inside(looked, mask)}"
    elif key and maps is not None:
        note += f" {_no_map(maps, key)}"
    return tuple(pictures), note


def _inside(looked: BoxedMap, mask: sitk.Image) -> str:
    """Say how much of a map lies inside the contour: a network may look elsewhere."""
    size = np.abs(looked.values.astype(np.float64))
    if not size.any():
        return "The map is zero everywhere: nothing in what was shown spoke for it."
    inside = sitk.GetArrayFromImage(looked.of(mask)) > 0
    return f"{100 * size[inside].sum() / size.sum():.0f} % of it lies inside the contour."


def _no_map(maps: AttentionMaps | str, key: tuple[str, str]) -> str:
    if isinstance(maps, str):
        return f"No map of attention: {maps}."
    lost = maps.failures
    here = (lost["patient_id"] == key[0]) & (lost["lesion_id"] == key[1])
    code = str(lost.loc[here, "reason"].iloc[0]) if here.any() else "not_mapped"
    return f"No map of attention: it failed ({code})."
