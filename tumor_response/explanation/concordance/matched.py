"""Other patients' tumours, to be put where one tumour is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from tumor_response.imaging import volume_cc
from tumor_response.imaging.volume import tumour_box

__all__ = ["Outline", "nearest_in_volume"]

Key = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Outline:
    """A tumour on its own box, whatever its place and its grid.

    Parameters
    ----------
    key
        The lesion.
    volume_cc
        Its volume.
    voxels
        Shape (x, y, z), towards left, posterior, superior; every outer layer has tumour.
    """

    key: Key
    volume_cc: float
    voxels: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, key: Key, mask: sitk.Image) -> Self:
        """Return the outline of a mask, which is not empty."""
        part = mask[tuple(slice(low, high + 1) for low, high in tumour_box(mask))]
        voxels = sitk.GetArrayFromImage(sitk.DICOMOrient(part, "LPS")) > 0
        return cls(key, volume_cc(mask), voxels.transpose(2, 1, 0))

    def at(self, in_box: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Return whether points are in the tumour, whose box is stretched to 0 to 1.

        Parameters
        ----------
        in_box
            Shape (n, 3), towards left, posterior, superior.
        """
        within = ((in_box >= 0.0) & (in_box < 1.0)).all(axis=1)
        index = (in_box[within] * self.voxels.shape).astype(int)
        found = np.zeros(len(in_box), dtype=bool)
        found[within] = self.voxels[tuple(index.T)]
        return found


def nearest_in_volume(
    outlines: Sequence[Outline], key: Key, n: int, max_ratio: float
) -> list[Outline]:
    """Return the outlines of other patients nearest in volume to a lesion's.

    Parameters
    ----------
    outlines
        Of all lesions, this one among them.
    key
        The lesion.
    n
        At most so many, the nearest first; one for each patient: lesions of a patient are alike.
    max_ratio
        Further apart in volume than this factor are left out.
    """
    own = next(one for one in outlines if one.key == key)
    apart = {
        one.key: abs(np.log(one.volume_cc / own.volume_cc))
        for one in outlines
        if one.key[0] != key[0]
    }
    chosen: dict[str, Outline] = {}
    for one in sorted((o for o in outlines if o.key in apart), key=lambda o: apart[o.key]):
        if apart[one.key] <= np.log(max_ratio) and len(chosen) < n:
            chosen.setdefault(one.key[0], one)
    return list(chosen.values())
