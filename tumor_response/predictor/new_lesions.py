"""New lesions on their way to a prediction: extracted as the training lesions were, or checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tumor_response.cohort import Cohort
from tumor_response.features.base import FeatureExtractor
from tumor_response.features.deep.view_store import ViewStore
from tumor_response.features.rebuild import rules_of
from tumor_response.frames import IntoFrame, as_keyed
from tumor_response.predictor.contours import plausible_repeats
from tumor_response.predictor.domain import AcquisitionFacts
from tumor_response.predictor.extraction import check_table, extractors_for
from tumor_response.predictor.fitting import split_facts
from tumor_response.predictor.state import PredictorState
from tumor_response.table import FeatureTable, extract

__all__ = ["Lesions", "NewLesions", "lesions_of"]

Lesions = Cohort | FeatureTable | IntoFrame


@dataclass(frozen=True, eq=False)
class NewLesions:
    """What is known of the lesions that are to be predicted.

    Parameters
    ----------
    data
        Their features, index (patient_id, lesion_id) or patient_id.
    facts
        How their images were made; None: not known.
    failures
        Why something is missing; None: not known.
    store
        Where the repeats under other contours are, by the data's column of keys; None: nobody
        asked.
    """

    data: pd.DataFrame
    facts: pd.DataFrame | None = None
    failures: pd.DataFrame | None = None
    store: ViewStore | None = None


@contextmanager
def lesions_of(
    state: PredictorState,
    new: Lesions,
    given: Sequence[FeatureExtractor] | None,
    *,
    contours: int = 0,
    observer_sd_mm: float = 0.0,
    n_jobs: int = 1,
    cache_dir: str | Path | None = None,
) -> Iterator[NewLesions]:
    """Give the features of new lesions, extracted by a predictor's rules or held against them.

    Parameters
    ----------
    state
        The predictor's.
    new
        Images, or features.
    given
        The predictor's extractors; None: made again.
    contours, observer_sd_mm
        Other contours of each lesion, and how far they lie apart; 0: none.
    n_jobs, cache_dir
        Of the extraction.

    Raises
    ------
    FeatureError
        Codes ``extractor_unknown`` and ``extractor_changed``.
    """
    new = as_keyed(new, "lesions")
    if isinstance(new, FeatureTable):
        check_table(state.provenance, new.provenance, given)
        yield NewLesions(new.data, split_facts(new)[1], new.failures)
        return
    if not isinstance(new, Cohort):
        yield NewLesions(new, split_facts(new)[1])
        return
    extractors = extractors_for(state.provenance, given)
    rules = rules_of(state.provenance)
    with ExitStack() as stack:
        every: list[FeatureExtractor] = [*extractors, AcquisitionFacts()]
        store = None
        if contours:
            asked = (contours, observer_sd_mm, rules.exclude, cache_dir)
            repeats = stack.enter_context(plausible_repeats(extractors, *asked))
            every.append(repeats)
            store = repeats.store
        table = extract(
            new,
            every,
            n_jobs=n_jobs,
            cache_dir=cache_dir,
            quality=rules.quality,
            exclude=rules.exclude,
        )
        yield NewLesions(table.data, split_facts(table)[1], table.failures, store)
