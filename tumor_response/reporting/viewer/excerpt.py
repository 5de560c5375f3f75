"""The part of a CT that a page shows of a lesion: intensities, map and marks in a byte each.

Axes are the patient's: x runs to the left, y to the back, z to the head, as in DICOM.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from tumor_response.explanation.attention import CaseAttention
from tumor_response.imaging.volume import tumour_box
from tumor_response.reporting.viewer.settings import ViewerSettings

__all__ = ["BETWEEN", "SHOWN", "TUMOUR", "Excerpt", "Knots", "knots_hu", "knots_linear"]

Bytes = npt.NDArray[np.uint8]
Knots = tuple[tuple[int, float], ...]
"""Codes and the intensities they stand for; between two of them it is linear."""

TUMOUR, SHOWN, BETWEEN = 1, 2, 4
"""Bits of a voxel's mark: in the contour, shown to the network, interpolated between two views."""

_LARGEST_CODE = 255


def knots_hu() -> Knots:
    """Return codes for CT: fine where soft tissue is, coarse in air and bone.

    Half a step is 1.5 HU from -160 to 240, 6 HU below and 28 HU above: less than the noise of a
    planning CT in each of these.
    """
    return ((0, -1024.0), (72, -160.0), (205, 239.0), (_LARGEST_CODE, 3000.0))


def knots_linear(image: sitk.Image) -> Knots:
    """Return codes from the lowest to the highest intensity, for images that are no CT."""
    values = sitk.GetArrayViewFromImage(image)
    low, high = float(values.min()), float(values.max())
    return ((0, low), (_LARGEST_CODE, high if high > low else low + 1.0))


@dataclass(frozen=True, eq=False)
class Excerpt:
    """A box of the CT around a lesion, arrays of shape (z, y, x).

    Parameters
    ----------
    intensity
        Codes, see ``knots``.
    attention
        Codes: 0 stands for ``lowest``, 255 for ``highest``, linear between them.
    marks
        Sums of :data:`TUMOUR`, :data:`SHOWN`, :data:`BETWEEN`.
    knots
        Of the intensities.
    lowest, highest
        Ends of the map's values in this lesion, 0 between or at one of them.
    spacing_mm
        Along x, y, z.
    start_mm, step_mm
        Where the first slice across each axis lies in the patient, and the way to the next one.
    pooled
        How many voxels of the CT a pixel is wide, in the axial plane.
    """

    intensity: Bytes
    attention: Bytes
    marks: Bytes
    knots: Knots
    lowest: float
    highest: float
    spacing_mm: tuple[float, float, float]
    start_mm: tuple[float, float, float]
    step_mm: tuple[float, float, float]
    pooled: int

    @classmethod
    def cut(
        cls,
        case: CaseAttention,
        image: sitk.Image,
        mask: sitk.Image,
        settings: ViewerSettings,
        knots: Knots,
    ) -> Excerpt:
        """Cut the excerpt of one lesion.

        Raises
        ------
        ExplanationError
            Code ``map_grid``: image or mask lie on another grid than the map.
        """
        for one in (image, mask):
            case.box.of(one)
        part = _box(case, mask, settings.margin_mm)
        cut = [one[part] for one in (image, mask > 0, case.map, case.coverage)]
        lps = [sitk.DICOMOrient(sitk.Cast(one, sitk.sitkFloat32), "LPS") for one in cut]
        pooled = int(np.ceil(np.sqrt(np.prod(lps[0].GetSize()) / settings.max_voxels)))
        pooled = min(pooled, *lps[0].GetSize()[:2])
        grid, tumour, attention, coverage = (_pooled(one, pooled) for one in lps)
        seen = sitk.GetArrayFromImage(_pooled(lps[3] > 0, pooled))
        values = np.divide(
            *(sitk.GetArrayFromImage(attention), np.maximum(seen, 1e-6)),
        )
        shown = seen >= 0.5
        values[~shown] = 0.0
        marks = TUMOUR * (sitk.GetArrayFromImage(tumour) >= 0.5).astype(np.uint8)
        marks |= np.where(shown, SHOWN, 0).astype(np.uint8)
        between = sitk.GetArrayFromImage(coverage) > 1.5 * np.maximum(seen, 1e-6)
        marks |= np.where(shown & between, BETWEEN, 0).astype(np.uint8)
        lowest, highest = min(0.0, float(values.min())), max(0.0, float(values.max()))
        highest = highest if highest > lowest else 1.0
        share = (values - lowest) / (highest - lowest)
        size = grid.GetSize()
        middle = [(n - 1) / 2 for n in size]
        first, second = (
            [
                grid.TransformContinuousIndexToPhysicalPoint(
                    [float(index) if axis == a else middle[axis] for axis in range(3)]
                )[a]
                for a in range(3)
            ]
            for index in (0, 1)
        )
        x, y, z = first
        dx, dy, dz = (b - a for a, b in zip(first, second, strict=True))
        return cls(
            _coded(sitk.GetArrayFromImage(grid), knots),
            np.rint(_LARGEST_CODE * share).astype(np.uint8),
            marks,
            knots,
            lowest,
            highest,
            grid.GetSpacing(),
            (x, y, z),
            (dx, dy, dz),
            pooled,
        )

    def values(self) -> npt.NDArray[np.float64]:
        """Return the map's values where something was shown, in no order."""
        shown = self.attention[(self.marks & SHOWN) > 0]
        step = (self.highest - self.lowest) / _LARGEST_CODE
        return self.lowest + step * shown.astype(np.float64)

    def intensities(self) -> npt.NDArray[np.float64]:
        """Return the intensity that each code stands for, shape (256,)."""
        codes, values = zip(*self.knots, strict=True)
        return np.asarray(np.interp(np.arange(_LARGEST_CODE + 1), codes, values), np.float64)

    def packed(self) -> str:
        """Return all three in base64: intensities as differences, map, marks; deflated."""
        flat = self.intensity.ravel()
        steps = np.diff(flat, prepend=np.uint8(0))  # modulo 256, as bytes are
        whole = steps.tobytes() + self.attention.tobytes() + self.marks.tobytes()
        return base64.b64encode(zlib.compress(whole, 9)).decode("ascii")


def _box(case: CaseAttention, mask: sitk.Image, margin_mm: float) -> tuple[slice, ...]:
    """Return the part of the grid with the tumour, the map and a margin."""
    part = []
    size = case.box.values.shape[::-1]
    axes = zip(
        *(tumour_box(mask), case.box.start, size, mask.GetSpacing(), mask.GetSize()), strict=True
    )
    for (low, high), start, length, step, n in axes:
        more = int(np.ceil(margin_mm / step))
        first, last = min(low - more, start), max(high + more, start + length - 1)
        part.append(slice(max(0, first), min(n, last + 1)))
    return tuple(part)


def _pooled(image: sitk.Image, factor: int) -> sitk.Image:
    """Return the means of blocks of ``factor`` times ``factor`` pixels of each axial slice."""
    image = sitk.Cast(image, sitk.sitkFloat32)
    return image if factor == 1 else sitk.BinShrink(image, [factor, factor, 1])


def _coded(values: npt.NDArray[np.float32], knots: Knots) -> Bytes:
    codes, intensities = zip(*knots, strict=True)
    return np.asarray(np.rint(np.interp(values, intensities, codes)).astype(np.uint8))
