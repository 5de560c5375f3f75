"""Which voxels features leave out, by a rule declared beforehand. Volumes never follow it."""

from __future__ import annotations

from typing import Self

import numpy as np
import SimpleITK as sitk
from pydantic import field_validator, model_validator

from tumor_response.exceptions import CaseError
from tumor_response.imaging import voxel_count
from tumor_response.imaging.geometry import slice_axis
from tumor_response.quality.artefacts import find_artefacts
from tumor_response.quality.settings import ArtefactLimits
from tumor_response.settings import Settings

__all__ = ["ExclusionRule"]


class ExclusionRule(Settings):
    """Voxels that features are not computed on: outside of an HU range, or in artefact slices.

    The same rule goes for every case; how much it takes away is a number of each case, to be
    looked at beside the features. The end point's volume always uses the contour as drawn.

    Parameters
    ----------
    hu_range
        Lowest and highest intensity that stays, both included (IBSI: resegmentation range);
        ``None``: all stay.
    artefact_slices
        Whether slices with metal are taken out, as :func:`tumor_response.check` finds them.
    artefacts
        What metal is.

    Raises
    ------
    SettingsError
        For an unknown setting, a range in the wrong order, or a rule that excludes nothing.

    Examples
    --------
    >>> image = sitk.Image(10, 10, 10, sitk.sitkInt16); image[:5, :, :] = -950
    >>> mask = sitk.Image(10, 10, 10, sitk.sitkUInt8); mask[4:8, 2:8, 2:8] = 1
    >>> kept, removed_share = ExclusionRule(hu_range=(-500, 400)).apply(image, mask)
    >>> removed_share
    0.25
    """

    hu_range: tuple[float, float] | None = None
    artefact_slices: bool = False
    artefacts: ArtefactLimits = ArtefactLimits()

    @field_validator("hu_range")
    @classmethod
    def _in_order(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and value[0] > value[1]:
            raise ValueError("expected lowest <= highest")
        return value

    @model_validator(mode="after")
    def _excludes_something(self) -> Self:
        if self.hu_range is None and not self.artefact_slices:
            raise ValueError("the rule excludes nothing; give hu_range= or artefact_slices=True")
        return self

    def apply(self, image: sitk.Image, mask: sitk.Image) -> tuple[sitk.Image, float]:
        """Return the mask that features are computed on, and which share was taken away.

        Parameters
        ----------
        image
            CT in HU.
        mask
            0/1 on the same grid, as drawn, not empty; it is not changed.

        Returns
        -------
        (SimpleITK.Image, float)
            0/1, 8-bit, on the same grid; removed voxels over all voxels, 0 to below 1.

        Raises
        ------
        CaseError
            If no voxel is left; code ``all_voxels_excluded``.
        """
        drawn = voxel_count(mask)
        kept = sitk.GetArrayFromImage(mask) != 0
        if self.hu_range is not None:
            values = sitk.GetArrayViewFromImage(image)
            kept &= (values >= self.hu_range[0]) & (values <= self.hu_range[1])
        if self.artefact_slices:
            spoilt = find_artefacts(image, mask, self.artefacts).slices
            np.moveaxis(kept, 2 - slice_axis(image), 0)[list(spoilt)] = False
        left = int(np.count_nonzero(kept))
        if left == 0:
            raise CaseError(
                f"the exclusion rule takes away all {drawn} voxels of the contour "
                f"({self._in_words()}), so that there is nothing to compute features on. Widen "
                "the rule for everybody, or leave the case without features.",
                code="all_voxels_excluded",
            )
        result = sitk.GetImageFromArray(kept.astype(np.uint8))
        result.CopyInformation(mask)
        return result, 1.0 - left / drawn

    def _in_words(self) -> str:
        parts = []
        if self.hu_range is not None:
            parts.append(f"outside {self.hu_range[0]:g} to {self.hu_range[1]:g} HU")
        if self.artefact_slices:
            parts.append("slices with metal")
        return ", ".join(parts)
