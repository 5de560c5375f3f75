"""Which series a structure set was drawn on: by what it references, never by where it lies.

The order of trust: the images it names, one by one (SOP Instance UIDs); the series it names; the
space it lies in (Frame of Reference), if only one series of the patient is in that space. Each
step down is told. Where several series answer, none is chosen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tumor_response.imaging.dicom.archive.entries import CatalogSeries
from tumor_response.imaging.findings import Finding

__all__ = ["References", "Resolver"]

_VOLUMES = ("CT", "MR", "PT")

Resolved = tuple[CatalogSeries | None, tuple[Finding, ...]]


@dataclass(frozen=True)
class References:
    """What an object says it belongs to.

    Parameters
    ----------
    what
        How to name the object in messages.
    patient_id
        Whose it is.
    sop_uids, series_uids, frame_uids
        The images, series and frames of reference it names.
    """

    what: str
    patient_id: str
    sop_uids: tuple[str, ...] = ()
    series_uids: tuple[str, ...] = ()
    frame_uids: tuple[str, ...] = ()


class Resolver:
    """The series of a tree, to be asked by UIDs.

    Parameters
    ----------
    series
        All of them.

    Examples
    --------
    >>> Resolver(()).series_of(References("RS.dcm", "P1", ("1.2.3",)))[1][0].code
    'series_missing'
    """

    def __init__(self, series: Iterable[CatalogSeries]) -> None:
        self._by_image: dict[str, list[CatalogSeries]] = defaultdict(list)
        self._by_uid: dict[str, list[CatalogSeries]] = defaultdict(list)
        self._by_frame: dict[str, list[CatalogSeries]] = defaultdict(list)
        for one in series:
            self._by_uid[one.series_uid].append(one)
            for uid in one.sop_uids:
                self._by_image[uid].append(one)
            if one.modality in _VOLUMES and one.n_slices > 1 and not one.is_localizer:
                self._by_frame[one.frame_uid].append(one)

    def series_of(self, references: References) -> Resolved:
        """Return the series, ``None`` where it is not there or not unique, and what is to be told.

        Findings: ``series_missing``, ``series_ambiguous`` and ``patient_id_differs`` (errors);
        ``referenced_images_absent``, ``series_by_series_uid`` and ``series_by_frame`` (warnings).
        """
        of_patient = references.patient_id
        by_image = self._candidates(self._by_image, references.sop_uids)
        mine = [one for one in by_image if one.patient_id == of_patient]
        if mine:
            return self._by_images(references, mine)
        by_series = self._candidates(self._by_uid, references.series_uids, of_patient)
        if by_series:
            in_frame = [one for one in by_series if one.frame_uid in references.frame_uids]
            finding = _step_down(references, "series_by_series_uid", "its Series Instance UID")
            return _the_one(references, in_frame if len(in_frame) == 1 else by_series, finding)
        by_frame = self._candidates(self._by_frame, references.frame_uids, of_patient)
        if by_frame:
            finding = _step_down(references, "series_by_frame", "the frame of reference alone")
            return _the_one(references, by_frame, finding)
        if by_image:
            return _of_another_patient(references, by_image)
        return None, (_missing(references),)

    def _by_images(self, references: References, candidates: list[CatalogSeries]) -> Resolved:
        if len(candidates) > 1:  # the same images in two series, or images of two series?
            there = {uid for one in candidates for uid in one.sop_uids}
            found = there.intersection(references.sop_uids)
            named = [
                one
                for one in candidates
                if one.series_uid in references.series_uids and found <= set(one.sop_uids)
            ]
            if len(named) != 1:
                return _the_one(references, candidates)
            candidates = named
        there = set(candidates[0].sop_uids)
        n_absent = sum(uid not in there for uid in references.sop_uids)
        if not n_absent:
            return candidates[0], ()
        n = len(references.sop_uids)
        absent = Finding(
            "referenced_images_absent",
            "warning",
            f"{n_absent} of the {n} images that {references.what} was drawn on are not in the "
            "folder.",
            measured=f"{n_absent} images",
            limit="0 images",
            remedy="Export the whole series, unless it was cut on purpose.",
        )
        return candidates[0], (absent,)

    def _candidates(
        self,
        table: dict[str, list[CatalogSeries]],
        uids: Sequence[str],
        patient_id: str | None = None,
    ) -> list[CatalogSeries]:
        found = {
            id(one): one
            for uid in uids
            if uid  # many objects have none
            for one in table.get(uid, ())
            if patient_id is None or one.patient_id == patient_id
        }
        return list(found.values())


def _the_one(references: References, candidates: list[CatalogSeries], *told: Finding) -> Resolved:
    if len(candidates) == 1:
        return candidates[0], told
    labels = ", ".join(sorted(one.label for one in candidates))
    ambiguous = Finding(
        "series_ambiguous",
        "error",
        f"{references.what} fits {len(candidates)} series of patient "
        f"{references.patient_id!r}: {labels}; which one it was drawn on is not said.",
        measured=f"{len(candidates)} series",
        limit="1 series",
        remedy="Leave only the series it was drawn on in the folder, or export both again.",
    )
    return None, (ambiguous,)


def _step_down(references: References, code: str, by: str) -> Finding:
    n = len(references.sop_uids)
    why = f"none of the {n} images it names is in the folder" if n else "it names no images"
    return Finding(
        code,
        "warning",
        f"{references.what} was matched to its series by {by}, because {why}.",
        measured=f"0 of {n} images",
        remedy="Look at the contour on the image before you trust it.",
    )


def _missing(references: References) -> Finding:
    return Finding(
        "series_missing",
        "error",
        f"the series that {references.what} was drawn on is not in the folder.",
        remedy="Export the series together with it.",
    )


def _of_another_patient(references: References, candidates: list[CatalogSeries]) -> Resolved:
    others = sorted({one.patient_id for one in candidates})
    finding = Finding(
        "patient_id_differs",
        "error",
        f"{references.what} is of patient {references.patient_id!r}, and the images it was drawn "
        f"on are of {', '.join(map(repr, others))}.",
        remedy="Give both the same Patient ID, if they are of one person.",
    )
    return (candidates[0] if len(candidates) == 1 else None), (finding,)
