"""What a notebook shows of a cohort (no image is read for it) and of one case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import SimpleITK as sitk
from markupsafe import Markup

from tumor_response.exceptions import TumorResponseError
from tumor_response.imaging import Geometry, volume_cc
from tumor_response.imaging.thumbnail import BAR_MM, VIEW_PIXELS, thumbnail
from tumor_response.notebook import CAUTION, card, facts, grid, more, note, picture

if TYPE_CHECKING:
    from tumor_response.cohort.case import BaselineCase, Case, FollowUp
    from tumor_response.cohort.cohort import Cohort

__all__ = ["case_html", "cohort_html"]

_MOST_NAMED = 8

_MOST_VOXELS = 60_000_000
"""A larger image takes longer to read than a reader of a notebook waits: 512 x 512 x 229."""


def cohort_html(cohort: Cohort) -> str:
    """Return what a cohort holds: counts, sites, variables by role, who was left out and why."""
    cases = list(cohort)
    lesions = Counter(case.patient_id for case in cases)
    several = sum(n > 1 for n in lesions.values())
    known: dict[str, object] = {
        "patients": len(lesions),
        "lesions": f"{len(cases):,}" + (f" ({several} patients have several)" if several else ""),
        "with follow-up": _follow_up(cases),
        "sites": _counted(case.site or "not given" for case in cases),
    }
    roles: dict[str, list[str]] = {}
    for name, role in cohort.roles.items():
        roles.setdefault(role, []).append(name)
    for when, names in roles.items():
        known[f"{when.replace('_', '-')} variables"] = _named(names)
    if not roles:
        known["clinical variables"] = "none"
    pieces = [facts(known)]
    left_out = cohort.left_out
    if len(left_out):
        pieces += [
            note(f"{len(left_out)} left out, see .left_out", style=CAUTION),
            grid(left_out["reason"].value_counts().rename("n").rename_axis("reason").to_frame()),
        ]
    noticed = Counter(
        (one.severity, one.code)
        for case in cases
        for one in (*case.findings, *case.follow_up.findings)
    )
    if noticed:
        told = ", ".join(f"{code} ({n})" for (_, code), n in noticed.most_common(_MOST_NAMED))
        pieces.append(note(f"Noticed while it was put together: {told}."))
    return card("Cohort", "", *pieces, note("No image was read for this; tr.check(cohort) does."))


def case_html(case: Case) -> str:
    """Return a lesion's geometry, volume and follow-up, and three planes through its contour."""
    baseline = case.baseline
    known: dict[str, object] = {}
    pieces: list[Markup] = []
    try:
        grid_of = baseline.geometry
        known["image"] = _geometry_text(grid_of)
        known |= {name: value for name, value in baseline.acquisition.items() if value != ""}
        pieces.append(_drawn(baseline, grid_of, known))
    except (TumorResponseError, OSError, RuntimeError) as error:
        pieces.append(note(f"{type(error).__name__}: {error}", style=CAUTION))
    if case.site is not None:
        known["site"] = case.site
    known["follow-up"] = _of_follow_up(case.follow_up)
    if case.variables:
        pieces.append(more(f"Clinical variables ({len(case.variables)})", facts(case.variables)))
    if case.findings:
        pieces += [note(f"{one.severity}, {one.code}: {one.message}") for one in case.findings]
    return card("Case", case.name.removeprefix("case "), facts(known), *pieces)


def _drawn(case: BaselineCase, grid_of: Geometry, known: dict[str, object]) -> Markup:
    n_voxels = 1
    for n in grid_of.size:
        n_voxels *= n
    if n_voxels > _MOST_VOXELS:
        return note(
            f"{n_voxels / 1e6:.0f} million voxels are not read for a look; read_image() and "
            "read_mask() do."
        )
    mask = case.mask
    known["tumour"] = f"{volume_cc(mask):,.3g} cc"
    image = case.image
    png = thumbnail(image, mask, in_hu=_is_hu(case, image))
    told = f"Axial, coronal and sagittal plane through the contour's middle; bar {BAR_MM:.0f} mm"
    width = 3 * VIEW_PIXELS + 8
    return picture(png, f"{told}; the contour is drawn on the image.", width) + note(
        f"{told}. The patient's right is on the left of the first two, the front on the left of "
        "the third."
    )


def _is_hu(case: BaselineCase, image: sitk.Image) -> bool:
    modality = case.acquisition.get("modality")
    if modality is not None:
        return modality == "CT"
    extremes = sitk.MinimumMaximumImageFilter()
    extremes.Execute(image)
    return bool(extremes.GetMinimum() < -200)  # NIfTI says nothing, but air does


def _geometry_text(of: Geometry) -> str:
    size = " x ".join(str(n) for n in of.size)
    spacing = " x ".join(f"{step:.3g}" for step in of.spacing_mm)
    oblique = any(min(abs(value), abs(abs(value) - 1)) > 1e-3 for value in of.direction)
    return f"{size} voxels of {spacing} mm" + (", oblique" if oblique else "")


def _of_follow_up(follow_up: FollowUp) -> str:
    if follow_up.image is None and follow_up.mask is None:
        return "none" if follow_up.status == "measured" else _words(follow_up.status)
    told = [_words(follow_up.status)]
    if follow_up.interval_days is not None:
        told.append(f"{follow_up.interval_days:g} days after the baseline")
    if follow_up.fractions is not None:
        told.append(f"{follow_up.fractions:g} fractions")
    if follow_up.dose_gy is not None:
        told.append(f"{follow_up.dose_gy:g} Gy")
    return ", ".join(told)


def _follow_up(cases: list[Case]) -> str:
    there = [case for case in cases if case.has_follow_up]
    others = _counted(
        "no contour" if case.follow_up.status == "measured" else _words(case.follow_up.status)
        for case in cases
        if not case.has_follow_up
    )
    gone = sum(case.follow_up.status == "complete_response" for case in there)
    told = f"{len(there):,} of {len(cases):,} lesions"
    told += f", {gone} of them complete response" if gone else ""
    return told + (f"; without: {others}" if others else "")


def _counted(values: Iterable[str]) -> str:
    counts = Counter(values).most_common()
    told = [f"{value} ({n})" for value, n in counts[:_MOST_NAMED]]
    left = len(counts) - _MOST_NAMED
    return ", ".join(told) + (f" and {left} more" if left > 0 else "")


def _named(names: list[str]) -> str:
    left = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {left} more" if left > 0 else "")


def _words(status: str) -> str:
    return status.replace("_", " ")
