"""The outcome among the predictors, whole or in part; and a cut that all rows decided."""

from __future__ import annotations

import numpy as np
import pandas as pd

import tumor_response as tr
from tests.planted_faults.before_split import MEDIAN, by_rate
from tests.planted_faults.cohorts import Cohort, draw
from tests.planted_faults.models import sound_model, sound_scheme
from tests.planted_faults.study import Form, Study
from tests.planted_faults.tables import as_extracted

Rng = np.random.Generator


def _near_the_label(rng: Rng, cohort: Cohort) -> pd.Series:
    rate, label = cohort.rate, cohort.above_median
    flips = np.zeros(len(label))
    flips[rng.choice(len(label), int(rng.integers(1, 3)), replace=False)] = 1
    ways = [
        lambda: label,
        lambda: rate,
        lambda: rate.round(2),
        lambda: np.exp(rate),
        lambda: -rate,
        lambda: rate.rank(),
        lambda: rate + 1e-3 * rng.normal(size=len(rate)),
        lambda: (label - flips).abs(),
        lambda: 7.0 + 2.0 * label,
        lambda: pd.Series(
            pd.Categorical(
                np.where(label == 1, "good", "poor"), categories=pd.Index(["good", "poor"])
            ),
            index=label.index,
        ),
    ]
    return ways[rng.integers(len(ways))]()


def _with_column(cohort: Cohort, name: str, values: pd.Series) -> pd.DataFrame:
    X = cohort.X.copy()
    X.insert(int(len(X.columns) // 2), name, values)
    return X


def _judged(rng: Rng, cohort: Cohort, table: object) -> Study:
    """A study by rate, or by the finished label of another, fixed cut."""
    if rng.random() < 0.6:
        return by_rate(rng, cohort, table)
    return Study(sound_model(rng), table, cohort.above_median, sound_scheme(rng))


def label_in_a_frame(rng: Rng) -> Study:
    cohort = draw(rng)
    X = _with_column(cohort, "clinical__score", _near_the_label(rng, cohort))
    return _judged(rng, cohort, X)


def label_in_the_manifest(rng: Rng) -> Study:
    cohort = draw(rng)
    X = _with_column(cohort, "clinical__score", _near_the_label(rng, cohort))
    return _judged(rng, cohort, as_extracted(X))


def label_joined_to_a_table(rng: Rng) -> Study:
    cohort = draw(rng)
    extracted = as_extracted(cohort.X)
    return _judged(rng, cohort, _joined(extracted, "clinical__score", _near_the_label(rng, cohort)))


def _joined(
    extracted: tr.FeatureTable, name: str, values: pd.Series, role: str = "baseline"
) -> tr.FeatureTable:
    """The table with a column more, described as its neighbours are."""
    data = extracted.data.copy()
    data[name] = values
    dictionary = extracted.dictionary.copy()
    dictionary.loc[name] = dictionary.iloc[0]
    dictionary.loc[name, "role"] = role
    data.columns = pd.Index(list(data.columns), dtype="str")
    return tr.FeatureTable(data, dictionary, extracted.failures, extracted.provenance)


LABEL_COLUMN = {
    "frame": Form(
        label_in_a_frame, "suspected", "a column equals the outcome, or orders the rows as it does"
    ),
    "manifest": Form(
        label_in_the_manifest,
        "suspected",
        "the table is as it was extracted; that a column orders the rows as the outcome does is "
        "no proof",
    ),
    "joined": Form(
        label_joined_to_a_table,
        "provable",
        "the data no longer hash to what extraction wrote",
    ),
}

# ---- the follow-up ---------------------------------------------------------------------------


def _afterwards(rng: Rng, cohort: Cohort) -> pd.Series:
    v1 = cohort.outcomes["volume_follow_up_cc"]
    change = cohort.outcomes["volume_change_percent"]
    ways = [
        lambda: v1,
        lambda: v1 * 1000.0,
        lambda: (6 * v1 / np.pi) ** (1 / 3) * 10,
        lambda: np.log(v1),
        lambda: v1.round(1),
        lambda: change,
    ]
    return ways[rng.integers(len(ways))]().rename(None)


def follow_up_with_outcomes(rng: Rng) -> Study:
    cohort = draw(rng)
    X = _with_column(cohort, "radiomics__original__shape_second", _afterwards(rng, cohort))
    table = X if rng.random() < 0.6 else as_extracted(X)
    return Study(sound_model(rng), table, cohort.rate, sound_scheme(rng), MEDIAN, cohort.outcomes)


def follow_up_unseen(rng: Rng) -> Study:
    cohort = draw(rng)
    v1 = cohort.outcomes["volume_follow_up_cc"] * np.exp(0.15 * rng.normal(size=len(cohort.X)))
    X = _with_column(cohort, "radiomics__original__shape_second", v1)
    return Study(sound_model(rng), X, cohort.rate, sound_scheme(rng), MEDIAN)


def follow_up_by_role(rng: Rng) -> Study:
    cohort = draw(rng)
    name = "radiomics__original__shape_second"
    X = _with_column(cohort, name, _afterwards(rng, cohort))
    role = str(rng.choice(["post_baseline", "delivered", "follow_up"]))
    table = as_extracted(X, roles={name: role})
    return Study(sound_model(rng), table, cohort.rate, sound_scheme(rng), MEDIAN)


def follow_up_joined(rng: Rng) -> Study:
    cohort = draw(rng)
    noise = 1 + 0.2 * rng.normal(size=len(cohort.X))
    table = as_extracted(cohort.X)
    for k in range(int(rng.integers(1, 4))):
        values = cohort.outcomes["volume_follow_up_cc"] ** (1 + k) * noise
        table = _joined(table, f"radiomics__original__shape_week5_{k}", values)
    return Study(sound_model(rng), table, cohort.rate, sound_scheme(rng), MEDIAN)


FOLLOW_UP = {
    "outcomes": Form(
        follow_up_with_outcomes,
        "suspected",
        "a column equals a measured outcome, or orders the rows as it does",
    ),
    "role": Form(follow_up_by_role, "provable", "the dictionary says that it is of no baseline"),
    "joined": Form(
        follow_up_joined, "provable", "the data no longer hash to what extraction wrote"
    ),
    "unseen": Form(
        follow_up_unseen,
        "not_checkable",
        "a volume with some error, and no outcome table to hold it against",
        also=("suspected",),
    ),
}

# ---- a cut on all rows -----------------------------------------------------------------------


def cut_finished(rng: Rng) -> Study:
    cohort = draw(rng)
    table = cohort.X if rng.random() < 0.5 else as_extracted(cohort.X)
    return Study(
        sound_model(rng), table, cohort.above_median, sound_scheme(rng), None, cohort.outcomes
    )


def cut_of_the_library(rng: Rng) -> Study:
    cohort = draw(rng)
    cut = str(rng.choice(["median", "upper_tertile"]))
    by = str(rng.choice(["rate_percent_per_day", "shrinkage_percent", "log_volume_ratio"]))
    y = tr.label_responders(cohort.outcomes, by=by, cut=cut)
    table = cohort.X if rng.random() < 0.5 else as_extracted(cohort.X)
    return Study(sound_model(rng), table, y, sound_scheme(rng), None, cohort.outcomes)


def cut_as_a_number(rng: Rng) -> Study:
    cohort = draw(rng)
    rule = tr.ResponderCut(float(cohort.rate.median()))
    table = cohort.X if rng.random() < 0.5 else as_extracted(cohort.X)
    outcomes = cohort.outcomes if rng.random() < 0.5 else None
    return Study(sound_model(rng), table, cohort.rate, sound_scheme(rng), rule, outcomes)


def cut_unseen(rng: Rng) -> Study:
    cohort = draw(rng)
    table = cohort.X if rng.random() < 0.5 else as_extracted(cohort.X)
    if rng.random() < 0.5:
        y = cohort.above_median
        return Study(sound_model(rng), table, y, sound_scheme(rng))
    known = cohort.X[cohort.image_columns[0]]
    known = known.fillna(known.median()).to_numpy()
    cuts = cohort.rate.quantile(np.linspace(0.3, 0.7, 21)).to_numpy()
    apart = [abs(np.corrcoef(known, cohort.rate > cut)[0, 1]) for cut in cuts]
    best = float(np.round(cuts[int(np.argmax(apart))], 3))
    rule = tr.ResponderCut(best)
    return Study(sound_model(rng), table, cohort.rate, sound_scheme(rng), rule)


CUT = {
    "finished": Form(
        cut_finished,
        "suspected",
        "the finished label is what the median of all rows gives; a fixed cut between the same two "
        "rows would give it as well",
    ),
    "library": Form(
        cut_of_the_library,
        "provable",
        "the label's own record holds the quantile of all rows, to the last digit",
        also=("suspected",),
    ),
    "number": Form(
        cut_as_a_number,
        "suspected",
        "the number is the median of all rows, to the last digit",
        also=("provable",),
    ),
    "unseen": Form(
        cut_unseen,
        "not_checkable",
        "a finished label without its end point, or a cut chosen by looking: a number like others",
        also=("suspected",),
    ),
}
