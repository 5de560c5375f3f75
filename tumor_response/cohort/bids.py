"""Folders laid out like BIDS: ``sub-01/ses-1/ct/sub-01_ses-1_ct.nii.gz`` and masks beside them.

BIDS has no suffix for CT and no rule for tumour masks yet; what is read here is its grammar, with
CT as a suffix and masks as its derivatives write them (``label-GTVp_mask``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tumor_response.cohort.lesions import checked_roi
from tumor_response.exceptions import ManifestError

__all__ = ["rows_of_bids"]

_NAME = re.compile(r"(?P<entities>sub-[^_]+(?:_[a-z]+-[^_]+)*)_(?P<suffix>\w+)\.nii(?:\.gz)?")
_DATE_COLUMNS = ("acq_time", "date")


@dataclass(frozen=True)
class _File:
    path: Path
    subject: str
    session: str
    label: str
    suffix: str


def rows_of_bids(folder: Path, label: str, suffix: str) -> pd.DataFrame:
    """Return a manifest's rows: one for each baseline mask whose label matches.

    Sessions are ordered by date where ``sub-*_sessions.tsv`` gives one (``acq_time``), else by
    name; the first that has a mask is the baseline, the next the follow-up. Variables come from
    ``participants.tsv``.

    Parameters
    ----------
    folder
        The data set; masks may lie beside the images or under ``derivatives``.
    label
        Regular expression that has to match a mask's whole ``label-`` entity; a mask without one
        has the label ``""``.
    suffix
        Of the images, such as ``ct``.

    Raises
    ------
    ManifestError
        Code ``bids``: no such folder, no image, or two files for one subject, session and label.
    """
    pattern = checked_roi(label)
    if not folder.is_dir():
        raise ManifestError(f"{folder}: no such folder.", code="file_missing")
    files = [found for path in sorted(folder.rglob("sub-*")) if (found := _parsed(path))]
    images = _unique([f for f in files if f.suffix.casefold() == suffix.casefold()], "image")
    masks = _unique([f for f in files if f.suffix == "mask" and pattern.fullmatch(f.label)], "mask")
    if not (images and masks):
        what = f"image (sub-*_{suffix}.nii.gz)" if not images else f"mask with label {label!r}"
        raise ManifestError(f"{folder}: no {what} in a BIDS-like folder.", code="bids")
    people = _people(folder / "participants.tsv")
    rows = []
    for subject in sorted({f.subject for f in images.values()}):
        dates = _dates(folder, subject)
        sessions = sorted(
            {s for who, s, _ in images if who == subject},
            key=lambda session: (dates.get(session, ""), session),
        )
        rows += _rows_of_subject(subject, sessions, images, masks, dates, people.get(subject, {}))
    frame = pd.DataFrame(rows)
    if frame.empty:
        raise ManifestError(
            f"{folder}: no session has both an image and a mask with label {label!r}.", code="bids"
        )
    return frame


def _rows_of_subject(
    subject: str,
    sessions: list[str],
    images: dict[tuple[str, str, str], _File],
    masks: dict[tuple[str, str, str], _File],
    dates: dict[str, str],
    person: dict[str, object],
) -> list[dict[str, object]]:
    def labels(session: str) -> list[str]:
        return sorted(name for who, s, name in masks if (who, s) == (subject, session))

    contoured = [session for session in sessions if labels(session)]
    if not contoured:
        return []
    first, later = contoured[0], contoured[1:2]
    rows = []
    for label in labels(first):
        row: dict[str, object] = {
            "patient_id": subject,
            "lesion_id": label or "1",
            "image": images[subject, first, ""].path,
            "mask": masks[subject, first, label].path,
            "date": dates.get(first, ""),
            **person,
        }
        if later and (mask := masks.get((subject, later[0], label))):
            row |= {
                "follow_up_image": images[subject, later[0], ""].path,
                "follow_up_mask": mask.path,
                "follow_up_date": dates.get(later[0], ""),
            }
        rows.append(row)
    return rows


def _parsed(path: Path) -> _File | None:
    match = _NAME.fullmatch(path.name)
    if match is None or not path.is_file():
        return None
    entities = dict(part.split("-", 1) for part in match["entities"].split("_"))
    return _File(
        path,
        entities["sub"],
        entities.get("ses", ""),
        entities.get("label", "") if match["suffix"] == "mask" else "",
        match["suffix"],
    )


def _unique(files: list[_File], what: str) -> dict[tuple[str, str, str], _File]:
    found: dict[tuple[str, str, str], _File] = {}
    for file in files:
        key = file.subject, file.session, file.label
        if key in found:
            raise ManifestError(
                f"sub-{file.subject} ses-{file.session or '(none)'}: two {what} files, "
                f"{found[key].path.name} and {file.path.name}"
                f"{f' (label {file.label!r})' if file.label else ''}. Which one is meant cannot be "
                "told; name them in a manifest (tr.Cohort.from_csv).",
                code="bids",
            )
        found[key] = file
    return found


def _people(path: Path) -> dict[str, dict[str, object]]:
    """Return the variables of ``participants.tsv`` by subject."""
    if not path.is_file():
        return {}
    frame = _table(path)
    if "participant_id" not in frame.columns:
        raise ManifestError(f"{path}: column 'participant_id' is missing.", code="bids")
    frame["participant_id"] = frame["participant_id"].str.removeprefix("sub-")
    records = frame.set_index("participant_id").to_dict("index")
    return {str(who): {str(k): v for k, v in one.items()} for who, one in records.items()}


def _dates(folder: Path, subject: str) -> dict[str, str]:
    """Return session -> day from ``sub-XX_sessions.tsv``, where it gives one."""
    path = folder / f"sub-{subject}" / f"sub-{subject}_sessions.tsv"
    if not path.is_file():
        return {}
    frame = _table(path)
    column = next((name for name in _DATE_COLUMNS if name in frame.columns), None)
    if column is None or "session_id" not in frame.columns:
        return {}
    sessions = frame["session_id"].str.removeprefix("ses-")
    return {s: str(day) for s, day in zip(sessions, frame[column], strict=True) if day}


def _table(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    except (ValueError, OSError) as error:
        raise ManifestError(f"{path}: not a table ({error}).", code="bids") from None
    return frame.replace("n/a", "")
