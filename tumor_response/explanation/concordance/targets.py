"""Where each lesion shrank: the maps that attention is held against, and why one is missing."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import SimpleITK as sitk

from tumor_response.cohort import Cohort
from tumor_response.exceptions import ExplanationError
from tumor_response.imaging import read_image
from tumor_response.outcomes import local_shrinkage

__all__ = ["RetreatInput", "Target", "targets_of"]

Key = tuple[str, str]
RetreatInput = pd.DataFrame | str | Path | Mapping[Key, sitk.Image] | None


@dataclass(frozen=True, eq=False)
class Target:
    """One map of one lesion.

    Parameters
    ----------
    name
        ``"retreat"`` or ``"log_jacobian"``.
    image
        The map or its file; ``None`` with a reason.
    reliability
        Where the map counts, for the log-Jacobian.
    reason
        A code, empty if nothing is missing.
    """

    name: str
    image: sitk.Image | Path | None = None
    reliability: Path | None = None
    reason: str = ""

    def read(self) -> sitk.Image:
        """Return the map, larger where more shrank: of the log-Jacobian its negative."""
        image = read_image(self.image) if isinstance(self.image, Path) else self.image
        return -sitk.Cast(image, sitk.sitkFloat32) if self.name == "log_jacobian" else image


@contextlib.contextmanager
def targets_of(
    cohort: Cohort, retreat: RetreatInput, n_jobs: int
) -> Iterator[Mapping[Key, tuple[Target, ...]]]:
    """Give the targets of each lesion; their files are there until the context ends.

    Parameters
    ----------
    cohort
        The lesions.
    retreat
        As of :func:`~tumor_response.explanation.concordance.attention_concordance`.
    n_jobs
        Processes, for maps that are made here.

    Raises
    ------
    ExplanationError
        Code ``retreat_input``: a table that does not say where its maps are.
    """
    with contextlib.ExitStack() as stack:
        if retreat is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            retreat = local_shrinkage(cohort, folder, reliability=False, n_jobs=n_jobs)
        elif isinstance(retreat, (str, Path)):
            retreat = local_shrinkage(cohort, retreat, n_jobs=n_jobs)
        if isinstance(retreat, pd.DataFrame):
            yield _of_table(retreat)
        elif isinstance(retreat, Mapping):
            yield {key: (Target("retreat", image),) for key, image in retreat.items()}
        else:
            raise ExplanationError(
                f"retreat={type(retreat).__name__}: expected the table of tr.local_shrinkage, its "
                "folder, a mapping (patient_id, lesion_id) -> image, or None.",
                code="retreat_input",
            )


def _of_table(table: pd.DataFrame) -> dict[Key, tuple[Target, ...]]:
    columns = ["retreat_map", "log_jacobian_map", "reliability_map", "reason"]
    lacking = [name for name in columns if name not in table]
    folder = table.attrs.get("directory")
    if lacking or folder is None:
        what = f"columns {lacking}" if lacking else "attrs['directory'] (lost where it was saved)"
        raise ExplanationError(
            f"The table has no {what}; expected the one that tr.local_shrinkage returns. Give its "
            "folder instead: what is there is read, not computed again.",
            code="retreat_input",
        )
    # without one log-Jacobian there is nothing to tell about them
    jacobians = bool((table["reliability_map"] != "").any())
    found = {}
    for key, *texts in zip(table.index, *(table[name] for name in columns), strict=True):
        row = dict(zip(columns, texts, strict=True))
        targets = [_retreat(Path(folder), row)]
        if jacobians:
            targets.append(_log_jacobian(Path(folder), row))
        found[key] = tuple(targets)
    return found


def _retreat(folder: Path, row: Mapping[str, str]) -> Target:
    # a tumour that is gone has its retreat by convention, from geometry alone
    if row["retreat_map"] == "" or row["reason"] == "complete_response":
        return Target("retreat", reason=row["reason"] or "no_retreat")
    return Target("retreat", folder / row["retreat_map"])


def _log_jacobian(folder: Path, row: Mapping[str, str]) -> Target:
    if row["log_jacobian_map"] == "" or row["reliability_map"] == "" or row["reason"] != "":
        return Target("log_jacobian", reason=row["reason"] or "no_log_jacobian")
    return Target("log_jacobian", folder / row["log_jacobian_map"], folder / row["reliability_map"])
