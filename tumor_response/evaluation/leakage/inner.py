"""Findings about fits and the splits inside them: whose rows, and are copies kept together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import RidgeClassifierCV, RidgeCV

from tumor_response.evaluation.leakage.findings import (
    FAULT,
    NOT_CHECKABLE,
    PASSED,
    Checked,
    shown,
)
from tumor_response.evaluation.leakage.one_resample import ModelSeen, ResampleSeen
from tumor_response.evaluation.rows import EvaluationRows
from tumor_response.evaluation.sampling import Resample

__all__ = ["fits_findings", "fits_frame", "inner_findings", "splits_frame"]

IntArray = npt.NDArray[np.int64]
OfModel = list[tuple[int, ModelSeen]]

_WHOLE = "(the model)"
_GROUPED = (
    "patient_folds",
    "GroupKFold",
    "StratifiedGroupKFold",
    "GroupShuffleSplit",
    "LeaveOneGroupOut",
    "LeavePGroupsOut",
)
"""Splits that know of patients, or may have been told of them."""

_SEEN_INTO = ("tumor_response", "sklearn", "xgboost")
"""Packages all of whose inner splits are seen: their own, or made by scikit-learn's splitters."""


def fits_frame(
    patients: IntArray, resamples: Sequence[Resample], seen: Sequence[ResampleSeen]
) -> pd.DataFrame:
    """Return the record of fits, one row per resample, model, step and method.

    Returns
    -------
    pandas.DataFrame
        ``resample``, ``model``, ``step``, ``method``, ``n_fits``; of the largest of these fits
        ``n_rows``, ``n_patients`` and ``n_copies`` (rows beyond the first of a lesion); ``n_out``:
        out-of-bag patients in any of them; ``known_by``: how their rows were recognised.
    """
    lines = []
    for one in seen:
        test = set(patients[resamples[one.number].test].tolist())
        for name, of in one.models.items():
            groups: dict[tuple[str, str], list[Any]] = {}
            for fit in of.fits:
                groups.setdefault((fit.step or _WHOLE, fit.method), []).append(fit)
            for (step, method), fits in groups.items():
                known = [fit.rows for fit in fits if fit.rows is not None]
                sizes = [
                    (len(set(patients[k].tolist())), len(k) - len(set(k.tolist()))) for k in known
                ]
                out = {p for k in known for p in patients[k].tolist() if p in test}
                lines.append(
                    {
                        "resample": one.number,
                        "model": name,
                        "step": step,
                        "method": method,
                        "n_fits": len(fits),
                        "n_rows": max(fit.n_rows for fit in fits),
                        "n_patients": max((n for n, _ in sizes), default=0),
                        "n_copies": max((n for _, n in sizes), default=0),
                        "n_out": len(out),
                        "known_by": ", ".join(sorted({fit.known_by for fit in fits})),
                    }
                )
    columns = ["resample", "model", "step", "method", "n_fits", "n_rows", "n_patients"]
    return pd.DataFrame(lines, columns=[*columns, "n_copies", "n_out", "known_by"])


def splits_frame(patients: IntArray, seen: Sequence[ResampleSeen]) -> pd.DataFrame:
    """Return the inner splits, one row per resample, model, step and source.

    Returns
    -------
    pandas.DataFrame
        ``resample``, ``model``, ``step``, ``source``, ``n_splits``, ``n_unknown`` (splits whose
        rows nobody can tell), ``n_both``: most patients that one split had on both sides.
    """
    lines = []
    for one in seen:
        for name, of in one.models.items():
            groups: dict[tuple[str, str], list[int | None]] = {}
            for split in of.splits:
                both = None
                if split.train is not None and split.held_out is not None:
                    both = len(_both(patients, split.train, split.held_out))
                groups.setdefault((split.step or _WHOLE, split.source), []).append(both)
            lines += [
                {
                    "resample": one.number,
                    "model": name,
                    "step": step,
                    "source": source,
                    "n_splits": len(counts),
                    "n_unknown": sum(count is None for count in counts),
                    "n_both": max((count for count in counts if count is not None), default=0),
                }
                for (step, source), counts in groups.items()
            ]
    columns = ["resample", "model", "step", "source", "n_splits", "n_unknown", "n_both"]
    return pd.DataFrame(lines, columns=columns)


def fits_findings(
    rows: EvaluationRows, resamples: Sequence[Resample], name: str, of: OfModel
) -> Iterator[Checked]:
    """Yield whether any fit saw rows of out-of-bag patients, or was made to score test rows."""
    check = "rows that fits saw"
    n_fits, out, unknown, scoring = 0, dict[str, int](), set[str](), dict[str, int]()
    for number, seen in of:
        test = set(rows.patients[resamples[number].test].tolist())
        for fit in seen.fits:
            n_fits += 1
            step = fit.step or _WHOLE
            if fit.rows is None:
                unknown.add(step)
                continue
            found = len(test & set(rows.patients[fit.rows].tolist()))
            if found:
                where = scoring if fit.while_scoring else out
                where[step] = max(found, where.get(step, 0))
    if out:
        worst = max(out.values())
        said = f"{len(out)} step(s) were fitted to rows of up to {worst} out-of-bag patients"
        yield Checked(check, FAULT, said, f"{name}: {', '.join(out)}")
    elif unknown and any(
        seen.brought or seen.changed or seen.is_restless or seen.refused for _, seen in of
    ):
        said = f"{n_fits} fits; of some nobody can tell whose rows they were given"
        yield Checked(check, NOT_CHECKABLE, said, f"{name}: {', '.join(sorted(unknown))}")
    else:
        said = f"{n_fits} fits in {len(of)} resamples, all to training patients alone"
        if unknown:
            # inside a fit there are its own rows and what the model brings, and it brings none
            said += f"; rows of {shown(sorted(unknown))} are made of those of the fit around them"
        yield Checked(check, PASSED, said, name)
    if scoring:
        said = "fitted to the very rows that are to be scored, test patients together"
        yield Checked("fits while scoring", FAULT, said, f"{name}: {', '.join(scoring)}")


def inner_findings(
    rows: EvaluationRows, resamples: Sequence[Resample], name: str, model: Any, of: OfModel
) -> Iterator[Checked]:
    """Yield whether inner splits keep the copies and lesions of a patient together."""
    check = "copies of a patient across inner folds"
    both: dict[str, tuple[str, int]] = {}
    tested: dict[str, int] = {}
    unknown: set[str] = set()
    n_splits = 0
    for number, seen in of:
        test = set(rows.patients[resamples[number].test].tolist())
        for split in seen.splits:
            n_splits += 1
            step = split.step or _WHOLE
            held = split.held_out
            if held is not None and (found := test & set(rows.patients[held].tolist())):
                tested[step] = max(len(found), tested.get(step, 0))
            if split.train is None or held is None:
                unknown.add(f"{step} ({split.source})")
            elif n_both := len(_both(rows.patients, split.train, held)):
                both[step] = max(
                    both.get(step, ("", 0)), (split.source, n_both), key=lambda t: t[1]
                )
    repeated = any(len(one.train) > len(np.unique(rows.patients[one.train])) for one in resamples)
    if repeated:
        both.update(dict.fromkeys(_row_wise(model), ("leave-one-row-out", 0)))
    if tested:
        said = (
            f"rows of up to {max(tested.values())} out-of-bag patients were held out inside a fit"
        )
        yield Checked(
            "test patients in early stopping or tuning", FAULT, said, f"{name}: {', '.join(tested)}"
        )
    if both:
        told = [
            f"{step}: {source}, {n} patients on both sides" if n else f"{step}: {source}"
            for step, (source, n) in both.items()
        ]
        yield Checked(check, FAULT, "; ".join(told), f"{name}: {', '.join(both)}")
        return
    foreign = sorted(_foreign(model))
    sources = {split.source for _, seen in of for split in seen.splits}
    if sources & {*_GROUPED}:
        sources -= {*_GROUPED, "fit and score"}  # whose folds are told need not be guessed
    if sources and repeated and not unknown:
        said = (
            f"{n_splits} inner splits in {len(of)} resamples, by luck without a patient on both "
            f"sides: {shown(sorted(sources))} does not ask whose rows they are"
        )
        yield Checked(check, NOT_CHECKABLE, said, name)
    elif unknown:
        said = "inner splits whose rows nobody can tell"
        yield Checked(check, NOT_CHECKABLE, said, f"{name}: {', '.join(sorted(unknown))}")
    elif foreign and not n_splits:
        said = f"no inner split was seen; what {shown(foreign)} does by itself is not seen into"
        yield Checked(check, NOT_CHECKABLE, said, name)
    elif n_splits:
        said = f"{n_splits} inner splits in {len(of)} resamples, every patient on one side"
        yield Checked(check, PASSED, said, name)
    else:
        yield Checked(check, PASSED, "the model makes no inner splits", name)


def _both(patients: IntArray, train: IntArray, held_out: IntArray) -> set[int]:
    return set(patients[train].tolist()) & set(patients[held_out].tolist())


def _row_wise(model: Any) -> Iterator[str]:
    """Yield the steps that leave out rows one by one in closed form, where no split is made."""
    for path, part in _parts(model):
        if isinstance(part, (RidgeCV, RidgeClassifierCV)) and part.cv is None:
            yield path or _WHOLE


def _foreign(model: Any) -> set[str]:
    return {
        type(part).__name__
        for _, part in _parts(model)
        if type(part).__module__.partition(".")[0] not in _SEEN_INTO
    }


def _parts(model: Any) -> Iterator[tuple[str, Any]]:
    yield "", model
    if hasattr(model, "get_params"):
        for path, part in model.get_params(deep=True).items():
            if hasattr(part, "fit") and not isinstance(part, type):
                yield path.replace("__", "/"), part
