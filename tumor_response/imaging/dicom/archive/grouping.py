"""From what the index has of each file to series, structure sets, plans and doses."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from tumor_response.imaging.dicom.archive.entries import (
    CatalogSeries,
    Copies,
    DoseEntry,
    PlanEntry,
    SegmentationEntry,
    SegmentEntry,
    StructureEntry,
    StructureSetEntry,
)
from tumor_response.imaging.dicom.archive.index import IndexedFile

__all__ = [
    "dose_entries",
    "each_once",
    "plan_entries",
    "segmentation_entries",
    "series_entries",
    "structure_set_entries",
]

_SERIES_KEY = ("patient_id", "study_uid", "series_uid", "sop_class", "frame_uid", "modality")


def series_entries(images: Sequence[IndexedFile]) -> tuple[CatalogSeries, ...]:
    """Return the series that these images make."""
    groups: dict[tuple[str, ...], list[IndexedFile]] = defaultdict(list)
    for image in images:
        groups[tuple(image.facts[name] for name in _SERIES_KEY)].append(image)
    return _in_order(_one_series(group) for group in groups.values())


def _one_series(images: list[IndexedFile]) -> CatalogSeries:
    kept, copies = _without_copies(images)
    # slices share their facts, mostly: the same object, told apart by what it is
    facts = list({id(image.facts): image.facts for image in kept}.values())
    first = min(facts, key=lambda fact: (fact["date"] or "9999", fact["time"]))

    def agreed(name: str, otherwise: Any) -> Any:
        values = {fact[name] for fact in facts}
        return values.pop() if len(values) == 1 else otherwise

    return CatalogSeries(
        patient_id=first["patient_id"],
        study_uid=first["study_uid"],
        series_uid=first["series_uid"],
        frame_uid=first["frame_uid"],
        modality=first["modality"],
        date=_date(first),
        time=first["time"],
        series_number=agreed("series_number", None),
        files=tuple(image.file for image in kept),
        sop_uids=tuple(image.sop_uid for image in kept),
        copies=copies,
        n_slices=sum(image.facts["n_frames"] for image in kept),
        image_type=agreed("image_type", ""),
        slice_thickness_mm=agreed("slice_thickness_mm", None),
        kvp=agreed("kvp", None),
        kernel=agreed("kernel", ""),
        manufacturer=agreed("manufacturer", ""),
        contrast_agent=agreed("contrast_agent", None),
        age_years=agreed("age_years", None),
        sex=agreed("sex", ""),
        weight_kg=agreed("weight_kg", None),
    )


def _without_copies(files: Sequence[IndexedFile]) -> tuple[list[IndexedFile], Copies]:
    """Keep the first file (by path) of every SOP Instance UID; pair the others with it."""
    kept: dict[str, IndexedFile] = {}
    copies = []
    for one in files:
        first = kept.setdefault(one.sop_uid, one)
        if first is not one:
            copies.append((first.file, one.file))
    return list(kept.values()), tuple(copies)


Entry = TypeVar("Entry", CatalogSeries, StructureSetEntry, SegmentationEntry, PlanEntry, DoseEntry)


def structure_set_entries(files: Sequence[IndexedFile]) -> tuple[StructureSetEntry, ...]:
    """Return an entry for every object of this kind."""
    return _entries(files, _structure_set)


def segmentation_entries(files: Sequence[IndexedFile]) -> tuple[SegmentationEntry, ...]:
    """Return an entry for every object of this kind."""
    return _entries(files, _segmentation)


def plan_entries(files: Sequence[IndexedFile]) -> tuple[PlanEntry, ...]:
    """Return an entry for every object of this kind."""
    return _entries(files, _plan)


def dose_entries(files: Sequence[IndexedFile]) -> tuple[DoseEntry, ...]:
    """Return an entry for every object of this kind."""
    return _entries(files, _dose)


def _entries(
    files: Sequence[IndexedFile], make: Callable[[IndexedFile, Copies], Entry]
) -> tuple[Entry, ...]:
    of_object: dict[tuple[str, str], list[IndexedFile]] = defaultdict(list)
    for one in files:
        of_object[one.facts["patient_id"], one.sop_uid].append(one)
    made = []
    for group in of_object.values():
        (kept,), copies = _without_copies(group)
        made.append(make(kept, copies))
    return _in_order(made)


def _in_order(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    def place(entry: Entry) -> tuple[object, ...]:
        number = getattr(entry, "series_number", None)
        uid = entry.series_uid if isinstance(entry, CatalogSeries) else entry.sop_uid
        frame = getattr(entry, "frame_uid", "")
        day = entry.date or dt.date.max
        return (entry.patient_id, day, entry.time, -1 if number is None else number, uid, frame)

    return tuple(sorted(entries, key=place))


def _structure_set(one: IndexedFile, copies: Copies) -> StructureSetEntry:
    facts = one.facts
    images = facts["sop_uids"]
    rois = tuple(
        StructureEntry(
            roi["number"],
            roi["name"],
            roi["interpreted_type"],
            roi["frame_uid"],
            roi["n_contours"],
            tuple(images[i] for i in roi["images"]),
        )
        for roi in facts["structures"]
    )
    return StructureSetEntry(
        patient_id=facts["patient_id"],
        study_uid=facts["study_uid"],
        series_uid=facts["series_uid"],
        sop_uid=one.sop_uid,
        date=_date(facts),
        time=facts["time"],
        series_number=facts["series_number"],
        file=one.file,
        copies=copies,
        rois=rois,
        approval=facts["approval"],
        referenced_sop_uids=tuple(images),
        referenced_series_uids=tuple(facts["series_uids"]),
        frame_uids=each_once([*facts["frame_uids"], facts["frame_uid"]]),
    )


def _segmentation(one: IndexedFile, copies: Copies) -> SegmentationEntry:
    facts = one.facts
    return SegmentationEntry(
        patient_id=facts["patient_id"],
        study_uid=facts["study_uid"],
        series_uid=facts["series_uid"],
        sop_uid=one.sop_uid,
        date=_date(facts),
        time=facts["time"],
        series_number=facts["series_number"],
        file=one.file,
        copies=copies,
        segments=tuple(SegmentEntry(s["number"], s["name"]) for s in facts["structures"]),
        segmentation_type=facts["segmentation_type"],
        referenced_sop_uids=tuple(facts["sop_uids"]),
        referenced_series_uids=tuple(facts["series_uids"]),
        frame_uids=each_once([facts["frame_uid"]]),
    )


def _plan(one: IndexedFile, copies: Copies) -> PlanEntry:
    facts = one.facts
    return PlanEntry(
        patient_id=facts["patient_id"],
        study_uid=facts["study_uid"],
        sop_uid=one.sop_uid,
        date=_date(facts),
        time=facts["time"],
        file=one.file,
        copies=copies,
        approval=facts["approval"],
        frame_uid=facts["frame_uid"],
        structure_set_uids=tuple(facts["structure_set_uids"]),
    )


def _dose(one: IndexedFile, copies: Copies) -> DoseEntry:
    facts = one.facts
    return DoseEntry(
        patient_id=facts["patient_id"],
        study_uid=facts["study_uid"],
        sop_uid=one.sop_uid,
        date=_date(facts),
        time=facts["time"],
        file=one.file,
        copies=copies,
        frame_uid=facts["frame_uid"],
        summation_type=facts["summation_type"],
        plan_uids=tuple(facts["plan_uids"]),
        structure_set_uids=tuple(facts["structure_set_uids"]),
    )


def _date(facts: dict[str, Any]) -> dt.date | None:
    return None if facts["date"] is None else dt.date.fromisoformat(facts["date"])


def each_once(uids: Iterable[str]) -> tuple[str, ...]:
    """Return the UIDs that are there, each once, in their order."""
    return tuple(dict.fromkeys(uid for uid in uids if uid))
