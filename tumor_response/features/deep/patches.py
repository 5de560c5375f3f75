"""What a 3-D network is shown: one resampled block around the tumour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import SimpleITK as sitk
from pydantic import Field, model_validator

from tumor_response.exceptions import FeatureError
from tumor_response.features.base import Shortfall
from tumor_response.features.deep.patch_grid import TOWARDS, PatchGrid
from tumor_response.imaging import Geometry
from tumor_response.settings import Settings

__all__ = ["Patch", "PatchSettings", "cut_patch", "patch_of"]


class PatchSettings(Settings):
    """How large the block is, how its axes run, and what its numbers mean.

    Triples are in the order of the array's axes: depth, height, width.

    Parameters
    ----------
    size_voxels
        Shape of the block.
    spacing_mm
        Distance of its voxels; the block's sides are ``size_voxels * spacing_mm``.
    side_mm
        Sides of the block instead of ``spacing_mm``.
    axes
        Where each index runs to, by the letters R/L, A/P and S/I: ``"SPL"`` is the array of an
        LPS image, ``"SRA"`` has the patient's right along the height. They are the patient's
        axes: a scan that was tilted against them is turned in the one resampling.
    centre
        The tumour lies in the middle by its bounding ``"box"`` or by the ``"centroid"`` of its
        voxels.
    if_larger
        A tumour that the block does not hold is an error (``"refuse"``), or the voxels of this
        one case are made wider, alike along all axes, until it does (``"scale"``). It is never
        cut.
    masking
        ``"whole"``, or ``"tumour"``: everything outside of the contour is ``outside_hu``.
    antialias
        Along an axis whose voxels become wider, smooth first (a Gaussian whose width at half
        maximum makes up the difference), so that no voxel of the image is passed over.
    windows_hu
        One channel each: the two intensities that become the ends of ``output_range``.
    clip
        Beyond the window: ``"both"`` ends are held, or the lower alone (``"below"``).
    intensity
        ``"range"``, or ``"z_score"``: after the window, mean 0 and standard deviation 1 over
        those voxels of the block that lie in the image (in the tumour, if that alone is shown).
        What lies beyond the image is then 0.
    output_range
        What the window's ends become.
    outside_hu
        Intensity beyond the image.

    Examples
    --------
    >>> from tumor_response.features.deep.patches import PatchSettings
    >>> PatchSettings(size_voxels=(48, 96, 96), spacing_mm=(3, 1.5, 1.5)).sides_mm
    (144.0, 144.0, 144.0)
    """

    size_voxels: tuple[int, int, int] = (64, 64, 64)
    spacing_mm: tuple[float, float, float] | None = None
    side_mm: tuple[float, float, float] | None = None
    axes: str = "SPL"
    centre: Literal["box", "centroid"] = "box"
    if_larger: Literal["refuse", "scale"] = "refuse"
    masking: Literal["whole", "tumour"] = "whole"
    antialias: bool = True
    windows_hu: tuple[tuple[float, float], ...] = Field(default=((-1000.0, 1000.0),), min_length=1)
    clip: Literal["both", "below"] = "both"
    intensity: Literal["range", "z_score"] = "range"
    output_range: tuple[float, float] = (0.0, 1.0)
    outside_hu: float = -1000.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.spacing_mm is None) == (self.side_mm is None):
            raise ValueError("give either spacing_mm or side_mm")
        if min(self.size_voxels) < 1 or min(self.spacing_mm or self.side_mm or (0,)) <= 0:
            raise ValueError("sizes and spacings must be above 0")
        if len(self.axes) != 3 or {TOWARDS.get(c, (3, 0))[0] for c in self.axes} != {0, 1, 2}:
            raise ValueError("axes: expected one letter each of R/L, A/P and S/I, such as 'SPL'")
        if any(low >= high for low, high in (*self.windows_hu, self.output_range)):
            raise ValueError("windows_hu, output_range: the first value must be below the second")
        return self

    @property
    def sides_mm(self) -> tuple[float, float, float]:
        """Depth, height and width in mm."""
        d, h, w = (n * s for n, s in zip(self.size_voxels, self.step_mm, strict=True))
        return d, h, w

    @property
    def step_mm(self) -> tuple[float, float, float]:
        """Distance of the voxels along depth, height and width in mm."""
        if self.spacing_mm is not None:
            return self.spacing_mm
        d, h, w = (a / n for a, n in zip(self.side_mm or (), self.size_voxels, strict=True))
        return d, h, w

    def changed(self, **values: Any) -> Self:
        """Return settings with some values replaced; faults raise :class:`SettingsError`.

        Examples
        --------
        >>> PatchSettings(spacing_mm=(1, 1, 1)).changed(if_larger="scale").if_larger
        'scale'
        """
        return type(self)(**(self.model_dump() | values))


@dataclass(frozen=True)
class Patch:
    """A block and how it was cut.

    Parameters
    ----------
    voxels
        float32, shape (n_channels, depth, height, width).
    scale
        By how much the voxels are wider than the settings say; 1 unless the tumour was too large.
    padded_share
        Share of the voxels that lie beyond the image.
    """

    voxels: np.ndarray
    scale: float
    padded_share: float

    @property
    def findings(self) -> list[Shortfall]:
        """What the failures table has to say of the patch; no column is missing for it."""
        found = []
        if self.scale > 1:
            found.append(
                Shortfall(
                    "patch_scaled_to_fit",
                    "The tumour is larger than the patch, whose voxels were made "
                    f"{self.scale:.2f} times as wide.",
                    0,
                )
            )
        if self.padded_share > 0:
            found.append(
                Shortfall(
                    "patch_beyond_image",
                    f"{self.padded_share:.1%} of the patch lie beyond the image's border.",
                    0,
                )
            )
        return found


def cut_patch(image: sitk.Image, mask: sitk.Image, settings: PatchSettings) -> np.ndarray:
    """Return the voxels of :func:`patch_of`.

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> from tumor_response.features.deep.patches import PatchSettings, cut_patch
    >>> image = sitk.Image(16, 16, 8, sitk.sitkInt16) + 40; image[8, 8, 4] = 90
    >>> mask = sitk.Image(16, 16, 8, sitk.sitkUInt8); mask[8, 8, 4] = 1
    >>> patch = cut_patch(image, mask, PatchSettings(size_voxels=(3, 5, 5), spacing_mm=(1, 1, 1)))
    >>> patch.shape, float(patch[0, 1, 2, 2])
    ((1, 3, 5, 5), 0.5450000166893005)
    """
    return patch_of(image, mask, settings).voxels


def patch_of(image: sitk.Image, mask: sitk.Image, settings: PatchSettings) -> Patch:
    """Cut one tumour's block, by a single linear resampling.

    Parameters
    ----------
    image, mask
        On one grid; intensities in HU, mask 0/1 and not empty.
    settings
        What to cut.

    Returns
    -------
    Patch
        Voxels, and how they were come by.

    Raises
    ------
    FeatureError
        Codes ``geometry_mismatch``, ``mask_empty``, ``tumour_exceeds_patch``,
        ``non_finite_voxels``, ``tumour_lost_in_patch`` (the tumour alone is to be shown, and no
        voxel of the block is in it) and ``no_contrast`` (every voxel has one intensity, as in air).
    """
    differences = Geometry.of(image).differences(Geometry.of(mask))
    if differences:
        raise FeatureError(
            f"The mask does not lie on the image's grid: {'; '.join(differences)}.",
            code="geometry_mismatch",
        )
    grid = PatchGrid.around(mask, settings)
    part = grid.part_of(image)
    if settings.antialias:
        part = grid.smoothed(part)
    voxels = grid.resampled(part, settings.outside_hu)
    if not np.isfinite(voxels).all():
        raise FeatureError(
            "NaN or infinite intensities around the tumour; replace them, or export the image "
            "again.",
            code="non_finite_voxels",
        )
    inside = grid.inside()
    told = inside
    if settings.masking == "tumour":
        tumour = grid.resampled(mask, 0, sitk.sitkNearestNeighbor) > 0
        if not tumour.any():
            raise FeatureError(
                "No voxel of the patch lies in the tumour, which is smaller than they are. Choose "
                "a finer spacing_mm for the whole cohort, or masking='whole'.",
                code="tumour_lost_in_patch",
            )
        voxels[~tumour] = settings.outside_hu
        told = told & tumour
    channels = np.stack([_channel(voxels, told, w, settings) for w in settings.windows_hu])
    if (channels == channels[:, :1, :1, :1]).all():
        raise FeatureError(
            f"Every voxel of the patch is {voxels.min():g} to {voxels.max():g} HU, one value "
            f"within the windows {settings.windows_hu}: there is nothing to see. Check contour "
            "and intensities.",
            code="no_contrast",
        )
    return Patch(
        np.ascontiguousarray(grid.to_axes(channels), dtype=np.float32),
        grid.scale,
        float(1 - inside.mean()),
    )


def _channel(
    voxels: np.ndarray, told: np.ndarray, window: tuple[float, float], settings: PatchSettings
) -> np.ndarray:
    """Return one window of the block; ``told`` are the voxels that show something."""
    low, high = window
    share = np.maximum((voxels.astype(np.float64) - low) / (high - low), 0.0)
    if settings.clip == "both":
        share = np.minimum(share, 1.0)
    if settings.intensity == "range":
        first, last = settings.output_range
        return first + share * (last - first)
    spread = share[told].std()
    if spread == 0:  # the whole block is looked at by the caller
        return np.zeros_like(share)
    return np.where(told, (share - share[told].mean()) / spread, 0.0)
