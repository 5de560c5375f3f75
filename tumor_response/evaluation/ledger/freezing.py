"""Freeze an analysis plan, and hold a run against it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from tumor_response._version import __version__
from tumor_response.evaluation.ledger.chain import write_durably
from tumor_response.evaluation.ledger.hashing import model_sha256
from tumor_response.evaluation.ledger.ledger import StudyLedger
from tumor_response.evaluation.ledger.plan import AnalysisPlan, PlannedScheme
from tumor_response.exceptions import EvaluationError, SettingsError

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["FrozenPlan", "check_plan", "freeze_plan", "read_plan"]

_FILE = "plan.json"


@dataclass(frozen=True)
class FrozenPlan:
    """A plan with the hash and the time it was frozen with.

    Parameters
    ----------
    plan
        What is going to be done.
    sha256
        Of the plan; quote it where it cannot be changed any more: a registry, a protocol, a mail.
    frozen_at
        UTC; by this computer's clock.
    n_evaluations_before
        Evaluations that the study's ledger held by then; 0 if the plan came first.
    """

    plan: AnalysisPlan
    sha256: str
    frozen_at: str
    n_evaluations_before: int


def freeze_plan(plan: AnalysisPlan | Mapping[str, Any], directory: str | Path) -> FrozenPlan:
    """Write a plan into the study's folder, with hash and time, before outcomes are joined.

    The plan goes to ``plan.json`` and, as an entry of its hash, into the study ledger of the same
    folder, which thereby says what was evaluated before and after it. A plan is never written
    over: a changed one is another plan, in another folder.

    Parameters
    ----------
    plan
        An :class:`AnalysisPlan`, or its settings as a mapping.
    directory
        The study's folder; made if it is not there.

    Returns
    -------
    FrozenPlan

    Raises
    ------
    SettingsError
        A mapping that is no plan.
    EvaluationError
        Code ``plan_exists``: the folder has one. The codes of a ledger.

    Examples
    --------
    >>> import tempfile
    >>> plan = {"end_point": "rate_percent_per_day", "cut": "median",
    ...         "by_name": {"volume_only": {"model": "volume_only"},
    ...                     "clinical": {"model": "clinical_only"}},
    ...         "scheme": {"name": "Bootstrap632Plus",
    ...                    "settings": {"n_resamples": 1000, "seed": 0}},
    ...         "primary": ("clinical", "volume_only")}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     frozen = freeze_plan(plan, folder)
    ...     read_plan(folder) == frozen
    True
    """
    planned = plan if isinstance(plan, AnalysisPlan) else AnalysisPlan(**dict(plan))
    path = Path(directory) / _FILE
    if path.exists():
        raise EvaluationError(
            f"{path} exists; a plan is never written over. Hold the run against it with "
            "check_plan, which says what was done otherwise, or freeze another plan in another "
            "folder.",
            code="plan_exists",
        )
    ledger = StudyLedger(directory)
    frozen = FrozenPlan(
        plan=planned,
        sha256=planned.sha256,
        frozen_at=datetime.now(UTC).isoformat(timespec="seconds"),
        n_evaluations_before=len(ledger.evaluations()),
    )
    ledger.chain.append({"kind": "plan", "plan_sha256": frozen.sha256})
    content = {
        "plan": planned.model_dump(mode="json"),
        "sha256": frozen.sha256,
        "frozen_at": frozen.frozen_at,
        "n_evaluations_before": frozen.n_evaluations_before,
        "tumor_response": __version__,
    }
    write_durably(path, (json.dumps(content, indent=1) + "\n").encode())
    return frozen


def read_plan(directory: str | Path) -> FrozenPlan:
    """Read the plan that :func:`freeze_plan` wrote.

    Raises
    ------
    EvaluationError
        Code ``plan_missing``; code ``plan_changed``: it is not the plan that its hash is of.
    """
    path = Path(directory) / _FILE
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise EvaluationError(
            f"{path} is not there; freeze_plan writes it.", code="plan_missing"
        ) from None
    except ValueError as error:
        raise _changed(path, str(error)) from None
    try:
        frozen = FrozenPlan(
            AnalysisPlan(**content["plan"]),
            str(content["sha256"]),
            str(content["frozen_at"]),
            int(content["n_evaluations_before"]),
        )
    except (KeyError, TypeError, ValueError, SettingsError) as error:
        raise _changed(path, str(error)) from None
    if frozen.plan.sha256 != frozen.sha256:
        raise _changed(path, f"its hash is {frozen.plan.sha256}, not {frozen.sha256}")
    entered = [
        entry
        for entry in StudyLedger(directory).entries()
        if entry.get("plan_sha256") == frozen.sha256
    ]
    if not entered:
        raise _changed(path, "the ledger beside it has no entry of its hash")
    return frozen


def _changed(path: Path, why: str) -> EvaluationError:
    return EvaluationError(
        f"{path} is not the plan that was frozen: {why}. Restore it from a backup.",
        code="plan_changed",
    )


def check_plan(result: EvaluationResult, frozen: FrozenPlan) -> pd.DataFrame:
    """Say line by line what a run did as planned, and what not.

    Parameters
    ----------
    result
        From :func:`tumor_response.evaluate`.
    frozen
        From :func:`freeze_plan` or :func:`read_plan`.

    Returns
    -------
    pandas.DataFrame
        One row per item: ``planned`` and ``done`` as text, ``as_planned``. Models that were not
        planned have a row each. What becomes of lesions without a block (``failed``) is not known
        to a result unless some were left out, and such a row has NA.
    """
    plan, rows = frozen.plan, result.rows
    lines: list[tuple[str, object, object, bool | None]] = [
        ("plan came first", 0, frozen.n_evaluations_before, frozen.n_evaluations_before == 0),
        ("end point", plan.end_point, rows.outcome.name, plan.end_point == rows.outcome.name),
        _cut_line(plan, result),
    ]
    done_scheme = PlannedScheme.of(result.scheme)
    lines.append(("scheme", _scheme(plan.scheme), _scheme(done_scheme), plan.scheme == done_scheme))
    for name, planned in plan.by_name.items():
        told = planned.to_json()
        if name not in rows.models:
            lines.append((f"model {name}", told, "not evaluated", False))
            continue
        same = model_sha256(rows.models[name]) in planned.hashes(rows.blocks)
        lines.append((f"model {name}", told, told if same else "other parameters", same))
    lines.extend(
        (f"model {name}", "none", "evaluated", False)
        for name in rows.models
        if name not in plan.by_name
    )
    both = all(name in rows.models for name in plan.primary)
    primary = " against ".join(plan.primary)
    lines.append(("primary comparison", primary, primary if both else "not possible", both))
    if plan.n_patients is not None:
        n_done = len(set(rows.patients.tolist()))
        lines.append(("patients", plan.n_patients, n_done, plan.n_patients == n_done))
    lines.append(_failed_line(plan, result))
    frame = pd.DataFrame(lines, columns=["item", "planned", "done", "as_planned"])
    frame["planned"] = frame["planned"].map(str)
    frame["done"] = frame["done"].map(str)
    frame["as_planned"] = frame["as_planned"].astype("boolean")
    return frame.set_index("item")


def _cut_line(
    plan: AnalysisPlan, result: EvaluationResult
) -> tuple[str, object, object, bool | None]:
    label = result.rows.label
    done = None if label is None else label.cut
    return ("cut", plan.cut, done, plan.cut == done)


def _scheme(scheme: PlannedScheme) -> str:
    told = ", ".join(f"{key}={value}" for key, value in scheme.settings.items())
    return f"{scheme.name}({told})"


def _failed_line(
    plan: AnalysisPlan, result: EvaluationResult
) -> tuple[str, object, object, bool | None]:
    # a reason of a block begins with its name, one of the outcome with that word
    groups = [str(group).removeprefix("left out, ") for group in result.rows.flow.index[1:]]
    dropped = any(group.partition(":")[0] in result.rows.blocks for group in groups)
    if dropped:
        return ("failed", plan.failed, "drop", plan.failed == "drop")
    return ("failed", plan.failed, "no lesion was left out for a block", None)
