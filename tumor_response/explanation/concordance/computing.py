"""From attention maps and follow-ups to the concordance of a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd

from tumor_response.cohort import Cohort
from tumor_response.exceptions import CaseError, ExplanationError
from tumor_response.explanation.attention.maps import AttentionMaps
from tumor_response.explanation.concordance.agreement import AGREEMENT_COLUMNS
from tumor_response.explanation.concordance.by_group import GROUPS, LESION, group_table
from tumor_response.explanation.concordance.inside import INSIDE_COLUMNS
from tumor_response.explanation.concordance.matched import Outline, nearest_in_volume
from tumor_response.explanation.concordance.one_lesion import LesionFound, LesionTask, all_found
from tumor_response.explanation.concordance.result import Concordance
from tumor_response.explanation.concordance.scene import crop_offset_mm
from tumor_response.explanation.concordance.settings import ConcordanceSettings
from tumor_response.explanation.concordance.targets import RetreatInput, Target, targets_of
from tumor_response.parallel import spread
from tumor_response.settings import checked_n_jobs

__all__ = ["attention_concordance"]

Key = tuple[str, str]


def attention_concordance(
    maps: AttentionMaps,
    cohort: Cohort,
    *,
    retreat: RetreatInput = None,
    shifted: AttentionMaps | None = None,
    labels: pd.Series | None = None,
    settings: ConcordanceSettings | None = None,
    seed: int = 0,
    n_jobs: int = 1,
) -> Concordance:
    """Hold attention against the tumour, and against where it shrank.

    Two questions. Did the network look at the tumour, more than it would have if it looked at the
    same places in its views whatever is there? And did those parts shrink that it looked at, more
    than chance has two smooth fields within one tumour agree?

    Parameters
    ----------
    maps
        From :func:`tumor_response.attention`. Out of bag, if the agreement is to mean anything for
        new patients.
    cohort
        With the lesions of the maps. Masks of all its patients are used.
    retreat
        Where the lesions shrank: the table of :func:`tumor_response.local_shrinkage`; its folder
        (what is missing there is computed); a mapping (patient_id, lesion_id) -> map in mm on the
        baseline's grid, positive where it retreated; or ``None``: computed here, without the
        reliability that a log-Jacobian needs, some seconds per lesion.
    shifted
        Maps of the same lesions and model from crops that were shifted off their centre
        (``shift_mm`` of :func:`tumor_response.attention`): does attention go with the tumour, or
        stay in the middle?
    labels
        1 = responder, 0 = not, NaN = unknown; index (patient_id, lesion_id). ``None``: no groups.
    settings
        Default :class:`ConcordanceSettings`.
    seed
        Decides surrogates, bootstrap and permutations.
    n_jobs
        Processes, as in joblib; the result is the same for any number.

    Returns
    -------
    Concordance

    Raises
    ------
    ExplanationError
        Codes ``no_maps``; ``other_lesions`` (maps, shifted maps or labels of other lesions than
        the cohort's); ``labels`` (other values than 1, 0 and NaN); ``one_group``; ``not_shifted``;
        ``tumour_hidden`` (the views left the tumour out: there is no attention in it);
        ``retreat_input``.

    Notes
    -----
    Formulas, nulls and their measured error rates: ``docs/guide/concordance.md``.

    Examples
    --------
    >>> import tempfile, numpy as np, SimpleITK as sitk, tumor_response as tr
    >>> from tumor_response.explanation.attention.case_attention import CaseAttention
    >>> from tumor_response.explanation.attention.maps import AttentionMaps
    >>> from tumor_response.explanation.attention.view_maps import ViewMaps
    >>> from tumor_response.features.deep.views import cut_views
    >>> folder = tempfile.mkdtemp()
    >>> cohort = tr.simulate_cohort(n_patients=1, seed=2, directory=folder)
    >>> case, views = next(iter(cohort)), tr.ViewSettings()
    >>> cut = cut_views(case.read_image(), case.read_mask(), views, 32)
    >>> looked = ViewMaps(cut.pixels[:, 0], cut.tumour, cut.grids, np.full(5, 0.2), 0.0)
    >>> one = CaseAttention.of_views(case.key, looked, case.read_image())
    >>> maps = AttentionMaps({case.key: one}, "by_hand", "none", "new_rows", views, "0" * 64, {})
    >>> retreat = {case.key: sitk.ReadImage(f"{folder}/truth/P0001_1_retreat.nii.gz")}
    >>> found = attention_concordance(maps, cohort, retreat=retreat)
    >>> found.shrinkage()["n_voxels"].tolist(), found.inside()["reason"].tolist()
    ([394.0], ['too_few_matched'])
    """
    settings = settings or ConcordanceSettings()
    checked_n_jobs(n_jobs)
    cases = {case.key: case for case in cohort}
    _check_lesions(maps, shifted, cases)
    group_of = _groups(labels, cases)
    asks_inside = maps.mask_free
    outlines = _outlines(cohort) if asks_inside else []
    known = {one.key for one in outlines}
    with targets_of(cohort, retreat, n_jobs) as targets:
        tasks = []
        for key in (key for key in cases if key in maps):
            matched = None
            if asks_inside:
                n, ratio = settings.n_matched, settings.max_volume_ratio
                matched = nearest_in_volume(outlines, key, n, ratio) if key in known else []
            of_lesion = targets.get(key, (Target("retreat", reason="no_retreat"),))
            moved = None if shifted is None else shifted.cases.get(key)
            tasks.append(LesionTask(cases[key], maps[key], moved, matched, of_lesion))
        work = partial(all_found, settings, seed)
        found = list(spread(work, tasks, n_jobs, "Holding attention against shrinkage"))
    inside = _inside_frame(found, group_of, maps) if asks_inside else None
    shrinkage = _shrinkage_frame(found, group_of, maps)
    table = group_table(
        inside,
        shrinkage,
        {one.key: one.inside.null for one in found if one.inside is not None},
        {
            (*one.key, name): agreed.null_difference
            for one in found
            for name, agreed in one.agreements.items()
        },
        settings,
        seed,
    )
    return Concordance(
        method=maps.method,
        model=maps.model,
        mode=maps.mode,
        masking="whole" if asks_inside else "tumour",
        settings=settings,
        seed=seed,
        inside_table=inside,
        shrinkage_table=shrinkage,
        group_table=table,
    )


def _check_lesions(
    maps: AttentionMaps, shifted: AttentionMaps | None, cases: Mapping[Key, object]
) -> None:
    if len(maps) == 0:
        raise ExplanationError(
            "There is no attention map to hold against anything; .failures of the maps says why.",
            code="no_maps",
        )
    if maps.views.masking == "context":
        raise ExplanationError(
            "The views showed everything but the tumour (masking='context'): there is no "
            "attention within it. Make maps of ViewSettings(masking='whole').",
            code="tumour_hidden",
        )
    for what, some in (("maps", maps), ("shifted", shifted)):
        strange = [key for key in some or () if key not in cases]
        if strange:
            raise ExplanationError(
                f"{what} holds {len(strange)} lesion(s) that the cohort has not, such as "
                f"{strange[0]!r}; the cohort has {next(iter(cases), None)!r} and "
                f"{max(len(cases) - 1, 0)} more. Give the cohort that the maps were made of.",
                code="other_lesions",
            )
    if shifted is None:
        return
    both = [key for key in maps if key in shifted]
    if not both:
        raise ExplanationError("maps and shifted have no lesion in common.", code="other_lesions")
    if not any(np.linalg.norm(crop_offset_mm(maps[key], shifted[key])) > 1.0 for key in both):
        raise ExplanationError(
            "The crops of shifted lie where those of maps do, to 1 mm. Compute them with "
            "tr.attention(..., shift_mm=(15, 0)) or the like.",
            code="not_shifted",
        )


def _groups(labels: pd.Series | None, cases: Mapping[Key, object]) -> dict[Key, str]:
    """Return the name of each labelled lesion's group."""
    if labels is None:
        return {}
    known = labels.dropna()
    odd = sorted(set(known) - set(GROUPS), key=str)
    if odd:
        raise ExplanationError(
            f"labels holds {odd[0]!r}; expected 1 (responder), 0 (not) and NaN, as "
            "tr.label_responders makes them.",
            code="labels",
        )
    named = zip(known.index.tolist(), known.tolist(), strict=True)
    ours = {key: GROUPS[float(value)] for key, value in named if key in cases}
    if not ours:
        raise ExplanationError(
            f"No label is of a lesion of the cohort: labels has {labels.index[:1].tolist()}, the "
            f"cohort {next(iter(cases), None)!r}. Index labels by (patient_id, lesion_id).",
            code="other_lesions",
        )
    if len(set(ours.values())) == 1:
        raise ExplanationError(
            f"All {len(ours)} labelled lesions are of one group ({next(iter(ours.values()))!r}): "
            "there are no two to compare. Give labels of both, or labels=None.",
            code="one_group",
        )
    return ours


def _outlines(cohort: Cohort) -> list[Outline]:
    """Return the outlines of all tumours that can be read; what cannot is told by its own row."""
    found = []
    for case in cohort:
        try:
            found.append(Outline.of(case.key, case.read_mask()))
        except CaseError:
            continue
    return found


def _inside_frame(
    found: list[LesionFound], group_of: Mapping[Key, str], maps: AttentionMaps
) -> pd.DataFrame:
    rows = {
        one.key: one.inside.row | {"reason": one.inside.reason}
        for one in found
        if one.inside is not None
    }
    for key, reason in _failed(maps):
        rows[key] = {"reason": reason}
    index = pd.MultiIndex.from_tuples(list(rows), names=LESION)
    return _frame(list(rows.values()), index, INSIDE_COLUMNS, group_of)


def _shrinkage_frame(
    found: list[LesionFound], group_of: Mapping[Key, str], maps: AttentionMaps
) -> pd.DataFrame:
    rows = {
        (*one.key, name): agreed.row | {"reason": agreed.reason}
        for one in found
        for name, agreed in one.agreements.items()
    }
    targets = dict.fromkeys(name for *_, name in rows)
    for key, reason in _failed(maps):
        rows |= {(*key, name): {"reason": reason} for name in targets}
    index = pd.MultiIndex.from_tuples(list(rows), names=[*LESION, "target"])
    return _frame(list(rows.values()), index, AGREEMENT_COLUMNS, group_of)


def _failed(maps: AttentionMaps) -> list[tuple[Key, str]]:
    return [
        ((row["patient_id"], row["lesion_id"]), row["reason"])
        for row in maps.failures.to_dict("records")
    ]


def _frame(
    rows: list[dict[str, float | str]],
    index: pd.MultiIndex,
    columns: tuple[str, ...],
    group_of: Mapping[Key, str],
) -> pd.DataFrame:
    frame = pd.DataFrame(rows, index=index, columns=[*columns, "reason"])
    frame = frame.astype(dict.fromkeys(columns, "float64") | {"reason": "str"})
    groups = [group_of.get(tuple(key[:2]), "") for key in index]
    frame.insert(len(columns), "group", pd.Series(groups, index=index, dtype="str"))
    return frame
