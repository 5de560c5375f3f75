"""A case: one lesion of one patient, with its follow-up; and the part of it extractors may see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import SimpleITK as sitk

from tumor_response.exceptions import CaseError
from tumor_response.imaging import (
    Finding,
    Geometry,
    ImageFile,
    ImageSource,
    MaskFile,
    MaskSource,
    adopt_grid,
    voxel_count,
)
from tumor_response.notebook import shown

__all__ = ["BaselineCase", "Case", "FollowUp", "Value"]

Value = float | str | None
"""A clinical variable as it stands in the manifest: number, text, or not given."""


@dataclass(frozen=True)
class FollowUp:
    """What was measured after (part of) the treatment. Extractors never get it.

    Parameters
    ----------
    image, mask
        The second scan and its contour; ``None`` where there is none.
    interval_days
        From the baseline scan to the second.
    treatment_days
        From the first fraction to the second scan.
    status
        ``"measured"``, ``"complete_response"`` (the tumour is gone: an empty mask is meant), or
        why there is none: ``"missing"``, ``"death"``, ``"surgery"``.
    fractions, dose_gy
        Delivered by the second scan.
    variables
        Clinical variables known only by then: they may adjust an end point, never predict it.
    findings
        What was noticed while the second scan was looked up.
    """

    image: ImageSource | None = None
    mask: MaskSource | None = None
    interval_days: float | None = None
    treatment_days: float | None = None
    status: str = "measured"
    fractions: float | None = None
    dose_gy: float | None = None
    variables: Mapping[str, Value] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


class BaselineCase:
    """What an extractor gets: image, mask and declared pre-treatment variables of one lesion.

    There is no follow-up in here and no way to the cohort: that is the library's first barrier
    against leakage. Voxels are read on first use and kept until :meth:`release`.

    Parameters
    ----------
    patient_id, lesion_id
        The lesion.
    image, mask
        Sources, files, or SimpleITK images already in memory (a mask in memory holds 0 and 1).
    variables
        Clinical variables known before treatment.
    noticed
        Findings from the time when the cohort was put together.

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> from tumor_response.cohort import BaselineCase
    >>> image = sitk.Image(8, 8, 8, sitk.sitkInt16)
    >>> mask = sitk.Image(8, 8, 8, sitk.sitkUInt8); mask[3, 3, 3] = 1
    >>> case = BaselineCase("P1", "1", image, mask, variables={"age": 61.0})
    >>> case.name, case.variables["age"]
    ("case 'P1' lesion '1'", 61.0)
    """

    def __init__(
        self,
        patient_id: str,
        lesion_id: str,
        image: ImageSource | Path | sitk.Image,
        mask: MaskSource | Path | sitk.Image,
        *,
        variables: Mapping[str, Value] | None = None,
        noticed: tuple[Finding, ...] = (),
    ) -> None:
        self.patient_id = patient_id
        self.lesion_id = lesion_id
        self.variables: Mapping[str, Value] = MappingProxyType(dict(variables or {}))
        self._image_source = ImageFile(image) if isinstance(image, Path) else image
        self._mask_source = MaskFile(mask) if isinstance(mask, Path) else mask
        self._noticed = noticed
        self._voxels: dict[str, sitk.Image] = {}
        self._found: dict[str, tuple[Finding, ...]] = {}

    @property
    def name(self) -> str:
        """How messages name the case."""
        return f"case {self.patient_id!r} lesion {self.lesion_id!r}"

    @property
    def noticed(self) -> tuple[Finding, ...]:
        """Findings from the time when the cohort was put together."""
        return self._noticed

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that image and mask are read from; those in memory have none."""
        sources = (self._image_source, self._mask_source)
        found = [path for s in sources if not isinstance(s, sitk.Image) for path in s.paths]
        return tuple(dict.fromkeys(found))

    @property
    def sources(self) -> tuple[str, str] | None:
        """Where image and mask come from, in words that tell any two sources apart.

        ``None`` if one of them is in memory.
        """
        if isinstance(self._image_source, sitk.Image) or isinstance(self._mask_source, sitk.Image):
            return None
        return repr(self._image_source), repr(self._mask_source)

    @property
    def image(self) -> sitk.Image:
        """The 3-D image, intensities as stored (HU for CT).

        Raises
        ------
        CaseError
            As the source's reader, for a file :func:`tumor_response.imaging.read_image`.
        """
        if "image" not in self._voxels:
            source = self._image_source
            with named(self.name):
                image, found = (source, ()) if isinstance(source, sitk.Image) else source.load()
            self._voxels["image"], self._found["image"] = image, found
        return self._voxels["image"]

    @property
    def geometry(self) -> Geometry:
        """The image's grid; no voxel is read for it.

        Raises
        ------
        CaseError
            As :attr:`image`.
        """
        source = self._image_source
        with named(self.name):
            return Geometry.of(source) if isinstance(source, sitk.Image) else source.geometry()

    @property
    def mask(self) -> sitk.Image:
        """The tumour as 0/1 on the image's grid; never empty.

        Raises
        ------
        CaseError
            As the source's reader; an empty mask has code ``mask_empty``.
        GeometryError
            If the mask lies on another grid; code ``geometry_mismatch``.
        """
        if "mask" not in self._voxels:
            self._voxels["mask"], self._found["mask"] = self._load_mask()
        return self._voxels["mask"]

    def _load_mask(self) -> tuple[sitk.Image, tuple[Finding, ...]]:
        grid = self.geometry
        with named(self.name):
            source = self._mask_source
            mask, found = (source, ()) if isinstance(source, sitk.Image) else source.load(grid)
            mask = adopt_grid(mask, grid, "the mask")
            if voxel_count(mask) == 0:
                raise CaseError(
                    f"the baseline mask has no voxel{_of_label(source)}. A lesion without a "
                    "contour has no features; contour it, name the right label or structure, or "
                    "take the row out of the manifest.",
                    code="mask_empty",
                )
        return mask, found

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was noticed about image and contour: padding, gaps, holes ...

        Raises
        ------
        CaseError
            As :attr:`image` and :attr:`mask`, which are read for it.
        """
        _ = self.image, self.mask
        found = (*self._noticed, *self._found["image"], *self._found["mask"])
        return tuple(dict.fromkeys(found))

    @property
    def acquisition(self) -> Mapping[str, str | float]:
        """How the image was made (kernel, kvp_kv, contrast ...); empty for NIfTI and the like."""
        source = self._image_source
        with named(self.name):
            return {} if isinstance(source, sitk.Image) else source.acquisition()

    def showing(self, names: Collection[str]) -> BaselineCase:
        """Return this case with these variables alone; voxels are shared."""
        shown = {name: value for name, value in self.variables.items() if name in names}
        case = BaselineCase(
            self.patient_id,
            self.lesion_id,
            self._image_source,
            self._mask_source,
            variables=shown,
            noticed=self._noticed,
        )
        case._voxels, case._found = self._voxels, self._found
        return case

    def with_mask(self, mask: sitk.Image) -> BaselineCase:
        """Return this case with another region on the same grid; the image is shared."""
        return BaselineCase(
            self.patient_id,
            self.lesion_id,
            self.image,
            mask,
            variables=self.variables,
            noticed=self._noticed,
        )

    def release(self) -> None:
        """Forget the voxels, so that a long run holds one case in memory and not all of them."""
        self._voxels.clear()

    def __repr__(self) -> str:
        return f"<BaselineCase {self.patient_id!r} {self.lesion_id!r}>"

    def __getstate__(self) -> dict[str, Any]:
        # voxels that came from files are read again by the process that needs them
        return self.__dict__ | {"_voxels": {}, "_found": {}, "variables": dict(self.variables)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.variables = MappingProxyType(state["variables"])


@dataclass(frozen=True)
class Case:
    """One lesion of one patient: baseline, clinical variables and follow-up.

    Made by :class:`Cohort`; all paths are absolute.

    Parameters
    ----------
    patient_id, lesion_id
        The key. All lesions of a patient share ``patient_id``.
    image, mask
        Where the baseline comes from.
    date
        Day of the baseline scan as the manifest gives it; ``None`` for cases from DICOM, whose
        dates leave the reader as intervals only.
    day
        Days from the earliest baseline scan of the cohort to this one.
    site
        Hospital or scanner; travels as ``meta__site``, never a predictor.
    variables
        Clinical variables known before treatment.
    follow_up
        What came afterwards.
    findings
        What was noticed while the baseline was looked up.
    """

    patient_id: str
    lesion_id: str
    image: ImageSource
    mask: MaskSource
    date: dt.date | None = None
    day: float | None = None
    site: str | None = None
    variables: Mapping[str, Value] = field(default_factory=dict)
    follow_up: FollowUp = field(default_factory=FollowUp)
    findings: tuple[Finding, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """``(patient_id, lesion_id)``, the index of every table."""
        return self.patient_id, self.lesion_id

    @property
    def name(self) -> str:
        """How messages name the case."""
        return f"case {self.patient_id!r} lesion {self.lesion_id!r}"

    @property
    def has_follow_up(self) -> bool:
        """Whether there is an outcome to measure: a second contour, or a tumour that is gone."""
        return self.follow_up.mask is not None or self.follow_up.status == "complete_response"

    @property
    def baseline(self) -> BaselineCase:
        """The part of the case that extractors get."""
        return BaselineCase(
            self.patient_id,
            self.lesion_id,
            self.image,
            self.mask,
            variables=self.variables,
            noticed=self.findings,
        )

    def read_image(self) -> sitk.Image:
        """Read the baseline image; raises :class:`CaseError`."""
        return self.baseline.image

    def read_mask(self) -> sitk.Image:
        """Read the baseline mask as 0/1 on the image's grid; raises :class:`CaseError`."""
        return self.baseline.mask

    def read_follow_up_image(self) -> sitk.Image:
        """Read the follow-up image.

        Raises
        ------
        CaseError
            Code ``follow_up_missing`` if there is none; else as :meth:`read_image`.
        """
        if self.follow_up.image is None:
            raise self._no_follow_up("image")
        with named(self.name):
            return self.follow_up.image.load()[0]

    def read_follow_up_mask(self) -> sitk.Image:
        """Read the follow-up mask as 0/1; it may be empty.

        Where there is a follow-up image, the mask must lie on its grid (the header is compared,
        the voxels are not read).

        Raises
        ------
        CaseError
            Code ``follow_up_missing`` if there is none; else as :meth:`read_mask`.
        """
        if self.follow_up.mask is None:
            raise self._no_follow_up("contour")
        image = self.follow_up.image
        with named(self.name):
            grid = None if image is None else image.geometry()
            mask, _ = self.follow_up.mask.load(grid)
            if grid is None:
                return mask
            return adopt_grid(mask, grid, "the follow-up mask", code="follow_up_geometry_mismatch")

    def __repr__(self) -> str:
        site = "" if self.site is None else f", site {self.site!r}"
        after = "with follow-up" if self.has_follow_up else f"follow-up {self.follow_up.status}"
        if not self.has_follow_up and self.follow_up.status == "measured":
            after = "no follow-up"
        return f"<Case {self.patient_id!r} {self.lesion_id!r}{site}, {after}>"

    def _repr_html_(self) -> str:
        from tumor_response.cohort.shown import case_html

        return shown(self, case_html)

    def _no_follow_up(self, what: str) -> CaseError:
        return CaseError(
            f"{_capital(self.name)}: there is no follow-up {what}.", code="follow_up_missing"
        )


@contextmanager
def named(name: str) -> Iterator[None]:
    """Put the case's name in front of what a reader says, keeping class and code."""
    try:
        yield
    except CaseError as error:
        raise type(error)(f"{_capital(name)}: {error}", code=error.code) from None


def _of_label(source: MaskSource | sitk.Image) -> str:
    labelled = isinstance(source, MaskFile) and source.label is not None
    return f" of label {source.label}" if labelled else ""  # type: ignore[union-attr]


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
