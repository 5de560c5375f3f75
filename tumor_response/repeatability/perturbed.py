"""Agreement under perturbations: a cohort extracted again and again, column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from tumor_response.cohort import Cohort
from tumor_response.exceptions import RobustnessError
from tumor_response.features.base import FeatureExtractor
from tumor_response.features.deep.view_store import ViewStore
from tumor_response.features.repeats import (
    Repeats,
    RepeatValues,
    failed_repeats,
    read_repeats,
)
from tumor_response.imaging import AlterationRule
from tumor_response.quality import ExclusionRule, QualitySettings
from tumor_response.repeatability.complete import FloatArray, checked_confidence
from tumor_response.repeatability.measured import ALL, Measured, measured_agreement
from tumor_response.repeatability.result import FAILURE_COLUMNS, Robustness
from tumor_response.settings import canonical_json, frozen, sha256_of_json
from tumor_response.table import extract

__all__ = ["robustness"]

_DEFAULT_QUALITY = QualitySettings()
_KEY = "views__robustness__key"


def robustness(
    cohort: Cohort,
    extractors: Sequence[FeatureExtractor],
    perturbations: AlterationRule | Mapping[str, AlterationRule] | None = None,
    n_repeats: int = 30,
    *,
    seed: int = 0,
    bin_width: Sequence[float] = (),
    interpolator: Sequence[str] = (),
    store: ViewStore | str | Path = "views",
    n_jobs: int = 1,
    cache_dir: str | Path | None = None,
    quality: QualitySettings | None = _DEFAULT_QUALITY,
    exclude: ExclusionRule | None = None,
    confidence: float = 0.95,
) -> Robustness:
    """Tell how far every column stays the same when images and contours are perturbed.

    Each lesion is extracted as it is and ``n_repeats`` times under each perturbation; the
    agreement of all these is told for every column of numbers, handcrafted and deep alike.
    **The result is for reading, not for selecting** (:class:`Robustness`).

    The unaltered case is one of the repeats: it is a contour and an image that somebody could have
    made just as well, and a change that all repeats share (a growth of the contour, thick slices)
    would otherwise not count at all. Among many repeats it still counts for little; ``shift_sd``
    says what is shared. Repeats are exchangeable, so that ICC(1,1) is the headline. A rule that
    draws the same for everybody, such as one fixed growth, is compared once, not ``n_repeats``
    times.

    Parameters
    ----------
    cohort
        The lesions. Each is a subject, also if a patient has several.
    extractors
        As for :func:`tumor_response.extract`. Of clinical variables none is perturbed but a volume
        that is taken from the contour.
    perturbations
        A rule, or names and rules, such as
        :func:`tumor_response.imaging.perturb.standard_perturbations`. A chain of rules is a rule.
    n_repeats
        Draws of each rule.
    seed
        Of the draws.
    bin_width, interpolator
        Settings of radiomics to be changed on the unaltered voxels, one repeat each, as
        :class:`tumor_response.features.repeats.Repeats` has them; they are perturbations of these
        names.
    store
        The folder that keeps the repeats. A call with the same settings computes no case again.
    n_jobs, cache_dir, quality, exclude
        As for :func:`tumor_response.extract`.
    confidence
        Of the intervals.

    Returns
    -------
    Robustness

    Raises
    ------
    RobustnessError
        Code ``one_subject``: fewer than two lesions have repeats; ``settings``: a perturbation
        with the name "all", or a confidence beyond 0 and 1.
    FeatureError
        As :class:`tumor_response.features.repeats.Repeats` and :func:`tumor_response.extract`.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> from tumor_response.imaging.perturb import ContourOffset
    >>> from tumor_response.repeatability import robustness
    >>> cohort = tr.simulate_cohort(n_patients=2, seed=0, directory=tempfile.mkdtemp())
    >>> rules = {"growth": ContourOffset(min_mm=0.0, max_mm=2.0)}
    >>> volume = tr.ClinicalFactors(["volume_cc"])
    >>> found = robustness(cohort, [volume], rules, n_repeats=2, store=tempfile.mkdtemp())
    >>> found
    <Robustness: 2 lesions, 1 columns; growth; ICC(1,1); 0 failures; for reading, not for selecting>
    >>> bool(found.table()["shift_sd"].item() > 0)
    True
    """
    checked_confidence(confidence)
    if isinstance(perturbations, Mapping) and ALL in perturbations:
        raise RobustnessError(
            f"A perturbation cannot be named {ALL!r}: so are all of them together called.",
            code="settings",
        )
    repeats = Repeats(
        extractors,
        perturbations,
        n_repeats,
        store,
        seed=seed,
        name="robustness",
        bin_width=bin_width,
        interpolator=interpolator,
        exclude=exclude,
    )
    table = extract(
        cohort, [repeats], n_jobs=n_jobs, cache_dir=cache_dir, quality=quality, exclude=exclude
    )
    keys = table.data[_KEY].dropna().astype("str")
    if len(keys) < 2:
        reasons = ", ".join(sorted(set(table.failures["reason"]))) or "none"
        raise RobustnessError(
            f"{len(keys)} of {len(table.data)} lesions has repeats; agreement needs two at least. "
            f"Reasons of failure: {reasons}.",
            code="one_subject",
        )
    layout = read_repeats(repeats.store, keys.iloc[:1])
    records = [repeats.store.record(key)["draws"] for key in keys]
    rows = _compared_rows(layout, records)
    measured = Measured(
        dictionary=_dictionary(extractors).loc[list(layout.columns)],
        rows=rows,
        applies=layout.applies,
        n_cases=len(keys),
        read=partial(_read, repeats.store, keys),
    )
    agreement = measured_agreement(measured, confidence)
    recorded = {
        "repeats": repeats.identity(),
        "confidence": confidence,
        "cases_sha256": sha256_of_json([list(keys.index), list(keys)]),
    }
    return Robustness(
        agreement=agreement,
        perturbations=tuple(dict.fromkeys(agreement["perturbation"])),
        headline="1,1",
        lesions=pd.MultiIndex.from_tuples(list(keys.index), names=keys.index.names),
        failures=_failures(table.failures, repeats.store, keys),
        recorded=frozen(recorded),
        drawn=_drawn(layout, keys, records),
    )


def _read(store: ViewStore, keys: pd.Series, columns: Sequence[str]) -> FloatArray:
    return read_repeats(store, keys, columns).values


def _dictionary(extractors: Sequence[FeatureExtractor]) -> pd.DataFrame:
    specs = [spec for one in extractors for spec in one.feature_specs()]
    rows = [(spec.column, spec.block, spec.family, spec.unit) for spec in specs]
    return pd.DataFrame(rows, columns=["column", "block", "family", "unit"]).set_index("column")


def _compared_rows(
    layout: RepeatValues, records: Sequence[Sequence[dict[str, Any] | None]]
) -> dict[str, list[int]]:
    """Perturbation -> its rows; the first alone where no case was drawn anything else."""
    texts = [[canonical_json(draw) for draw in of_case] for of_case in records]
    rows: dict[str, list[int]] = {}
    for name in layout.names:
        own = [at for at, of in enumerate(layout.perturbations) if of == name]
        same = all(len({of_case[at] for at in own}) == 1 for of_case in texts)
        rows[name] = own[:1] if same else own
    return rows


def _failures(of_cases: pd.DataFrame, store: ViewStore, keys: pd.Series) -> pd.DataFrame:
    """Return what is lacking: whole cases first, then repeats, in the cohort's order."""
    lacking = of_cases[of_cases["n_columns_missing"] > 0]
    whole = lacking.assign(perturbation="", draw=0)[FAILURE_COLUMNS]
    lesions = pd.DataFrame(
        {
            "key": keys.to_numpy(),
            "patient_id": keys.index.get_level_values("patient_id"),
            "lesion_id": keys.index.get_level_values("lesion_id"),
        }
    )
    repeats = lesions.merge(
        failed_repeats(store, keys).rename(columns={"code": "reason"}), on="key"
    )
    return pd.concat([whole, repeats[FAILURE_COLUMNS]], ignore_index=True)


def _drawn(
    layout: RepeatValues,
    keys: pd.Series,
    records: Sequence[Sequence[dict[str, Any] | None]],
) -> pd.DataFrame:
    told = [
        (*lesion, layout.perturbations[at], layout.draws[at], canonical_json(draw))
        for lesion, of_case in zip(keys.index, records, strict=True)
        for at, draw in enumerate(of_case)
        if draw is not None
    ]
    names = ["patient_id", "lesion_id", "perturbation", "draw", "parameters"]
    return pd.DataFrame(told, columns=names)
