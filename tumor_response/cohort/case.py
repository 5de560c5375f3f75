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
    Geometry,
    adopt_grid,
    read_geometry,
    read_image,
    read_mask,
    voxel_count,
)

__all__ = ["BaselineCase", "Case", "FollowUp", "Value"]

Value = float | str | None
"""A clinical variable as it stands in the manifest: number, text, or not given."""


@dataclass(frozen=True)
class FollowUp:
    """What was measured after (part of) the treatment. Extractors never get it.

    Parameters
    ----------
    image, mask
        Files of the second scan; ``None`` where there is none.
    mask_label
        The voxel value that means tumour in ``mask``.
    date
        Day of the second scan.
    status
        ``"measured"``, ``"complete_response"`` (the tumour is gone: an empty mask is meant), or
        why there is none: ``"missing"``, ``"death"``, ``"surgery"``.
    fractions, dose_gy
        Delivered by the second scan.
    """

    image: Path | None = None
    mask: Path | None = None
    mask_label: int | None = None
    date: dt.date | None = None
    status: str = "measured"
    fractions: float | None = None
    dose_gy: float | None = None


class BaselineCase:
    """What an extractor gets: image, mask and declared pre-treatment variables of one lesion.

    There is no follow-up in here and no way to the cohort: that is the library's first barrier
    against leakage. Voxels are read on first use and kept until :meth:`release`.

    Parameters
    ----------
    patient_id, lesion_id
        The lesion.
    image, mask
        Files, or SimpleITK images already in memory (a mask in memory holds 0 and 1).
    mask_label
        The voxel value that means tumour in a mask file.
    variables
        Clinical variables known before treatment.

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
        image: Path | sitk.Image,
        mask: Path | sitk.Image,
        *,
        mask_label: int | None = None,
        variables: Mapping[str, Value] | None = None,
    ) -> None:
        self.patient_id = patient_id
        self.lesion_id = lesion_id
        self.variables: Mapping[str, Value] = MappingProxyType(dict(variables or {}))
        self._image_source = image
        self._mask_source = mask
        self._mask_label = mask_label
        self._voxels: dict[str, sitk.Image] = {}

    @property
    def name(self) -> str:
        """How messages name the case."""
        return f"case {self.patient_id!r} lesion {self.lesion_id!r}"

    @property
    def image(self) -> sitk.Image:
        """The 3-D image, intensities as stored (HU for CT).

        Raises
        ------
        CaseError
            As :func:`tumor_response.imaging.read_image`.
        """
        if "image" not in self._voxels:
            source = self._image_source
            with _named(self.name):
                image = source if isinstance(source, sitk.Image) else read_image(source)
            self._voxels["image"] = image
        return self._voxels["image"]

    @property
    def mask(self) -> sitk.Image:
        """The tumour as 0/1 on the image's grid; never empty.

        Raises
        ------
        CaseError
            As :func:`tumor_response.imaging.read_mask`; an empty mask has code ``mask_empty``.
        GeometryError
            If the mask lies on another grid; code ``geometry_mismatch``.
        """
        if "mask" not in self._voxels:
            self._voxels["mask"] = self._read_mask()
        return self._voxels["mask"]

    def _read_mask(self) -> sitk.Image:
        with _named(self.name):
            source, label = self._mask_source, self._mask_label
            mask = source if isinstance(source, sitk.Image) else read_mask(source, label)
            # the image's header is enough: a volume needs no voxel of the image
            image = self._image_source
            grid = Geometry.of(image) if isinstance(image, sitk.Image) else read_geometry(image)
            mask = adopt_grid(mask, grid, "the mask")
            if voxel_count(mask) == 0:
                of_label = "" if label is None else f" of label {label}"
                raise CaseError(
                    f"the baseline mask has no voxel{of_label}. A lesion without a contour has no "
                    "features; contour it, name the right mask_label, or take the row out of the "
                    "manifest.",
                    code="mask_empty",
                )
        return mask

    def showing(self, names: Collection[str]) -> BaselineCase:
        """Return this case with these variables alone; voxels are shared."""
        shown = {name: value for name, value in self.variables.items() if name in names}
        case = BaselineCase(
            self.patient_id,
            self.lesion_id,
            self._image_source,
            self._mask_source,
            mask_label=self._mask_label,
            variables=shown,
        )
        case._voxels = self._voxels
        return case

    def release(self) -> None:
        """Forget the voxels, so that a long run holds one case in memory and not all of them."""
        self._voxels.clear()

    def __repr__(self) -> str:
        return f"<BaselineCase {self.patient_id!r} {self.lesion_id!r}>"

    def __getstate__(self) -> dict[str, Any]:
        # voxels that came from files are read again by the process that needs them
        return self.__dict__ | {"_voxels": {}, "variables": dict(self.variables)}

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
        Baseline files.
    mask_label
        The voxel value that means this lesion in ``mask``.
    date
        Day of the baseline scan.
    rt_start_date
        Day of the first fraction.
    site
        Hospital or scanner; travels as ``meta__site``, never a predictor.
    variables
        Every further manifest column.
    follow_up
        What came afterwards.
    """

    patient_id: str
    lesion_id: str
    image: Path
    mask: Path
    mask_label: int | None = None
    date: dt.date | None = None
    rt_start_date: dt.date | None = None
    site: str | None = None
    variables: Mapping[str, Value] = field(default_factory=dict)
    follow_up: FollowUp = field(default_factory=FollowUp)

    @property
    def key(self) -> tuple[str, str]:
        """``(patient_id, lesion_id)``, the index of every table."""
        return self.patient_id, self.lesion_id

    @property
    def name(self) -> str:
        """How messages name the case."""
        return f"case {self.patient_id!r} lesion {self.lesion_id!r}"

    @property
    def baseline(self) -> BaselineCase:
        """The part of the case that extractors get."""
        return BaselineCase(
            self.patient_id,
            self.lesion_id,
            self.image,
            self.mask,
            mask_label=self.mask_label,
            variables=self.variables,
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
            Code ``follow_up_missing`` if the manifest names none; else as :meth:`read_image`.
        """
        if self.follow_up.image is None:
            raise self._no_follow_up("follow_up_image")
        with _named(self.name):
            return read_image(self.follow_up.image)

    def read_follow_up_mask(self) -> sitk.Image:
        """Read the follow-up mask as 0/1; it may be empty.

        If the manifest names a follow-up image, the mask must lie on its grid (the header is
        compared, the voxels are not read).

        Raises
        ------
        CaseError
            Code ``follow_up_missing`` if the manifest names none; else as :meth:`read_mask`.
        """
        if self.follow_up.mask is None:
            raise self._no_follow_up("follow_up_mask")
        with _named(self.name):
            mask = read_mask(self.follow_up.mask, self.follow_up.mask_label)
            if self.follow_up.image is None:
                return mask
            grid = read_geometry(self.follow_up.image)
            return adopt_grid(mask, grid, "the follow-up mask", code="follow_up_geometry_mismatch")

    def _no_follow_up(self, column: str) -> CaseError:
        return CaseError(
            f"{_capital(self.name)}: the manifest gives no {column}.", code="follow_up_missing"
        )


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Put the case's name in front of what a reader says, keeping class and code."""
    try:
        yield
    except CaseError as error:
        raise type(error)(f"{_capital(name)}: {error}", code=error.code) from None


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
