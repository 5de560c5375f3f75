"""Images that keep one thing of a tumour and lose the rest: what negative controls are made of.

Each is a rule (:class:`~tumor_response.imaging.AlterationRule`) that leaves the contour as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from pydantic import Field
from scipy import ndimage

from tumor_response.exceptions import CaseError
from tumor_response.settings import Settings

__all__ = ["ContextOnly", "ControlImage", "MatchedNoise", "VoxelShuffle"]

Voxels = npt.NDArray[Any]
Inside = npt.NDArray[np.bool_]

_Level = tuple[
    Annotated[float, Field(allow_inf_nan=False)], Annotated[float, Field(ge=0, allow_inf_nan=False)]
]
_FEWEST_VOXELS = 2
"""With one there is nothing to exchange, and no spread to match."""


class VoxelShuffle(Settings):
    """Exchange the intensities inside the contour at random.

    The tumour keeps every value it has, and so its histogram, its volume and its shape; where in
    the tumour a value stands is lost, and with it all texture. The surroundings stay.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> image = sitk.GetImageFromArray(rng.integers(-50, 90, size=(6, 6, 6)).astype(np.int16))
    >>> mask = sitk.GetImageFromArray(np.ones((6, 6, 6), np.uint8))
    >>> shuffled, same_mask = VoxelShuffle().draw(rng).apply(image, mask)
    >>> before, after = (sitk.GetArrayFromImage(one).ravel() for one in (image, shuffled))
    >>> bool((before == after).all()), bool((np.sort(before) == np.sort(after)).all())
    (False, True)
    """

    rule: Literal["voxel_shuffle"] = "voxel_shuffle"

    def identity(self) -> dict[str, Any]:
        """Return the settings, as JSON."""
        return self.model_dump(mode="json")

    def draw(self, rng: np.random.Generator) -> ControlImage:
        """Draw one alteration."""
        return ControlImage(self, _seed(rng))

    def altered(self, voxels: Voxels, inside: Inside, _: sitk.Image, seed: int) -> Voxels:
        """Return the image's values with those inside the contour exchanged."""
        _check_fewest(inside, "exchanged")
        changed = voxels.copy()
        changed[inside] = np.random.default_rng(seed).permutation(voxels[inside])
        return changed


class MatchedNoise(Settings):
    """Replace tumour and surroundings by white noise under the same contour.

    What is left is the contour, that is volume and shape, and two numbers on either side of it:
    mean and standard deviation, to the rounding of whole numbers.

    Parameters
    ----------
    tumour, surroundings
        Mean and standard deviation; ``None`` (default): the image's own, of the contour's voxels
        and of those within ``rim_mm`` of it. With numbers that are the same for all cases volume
        and shape are all that is left.
    rim_mm
        How far from the contour voxels count as its surroundings, default 20 mm: in the whole
        image air and table would decide.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> image = sitk.GetImageFromArray(rng.normal(40, 12, size=(9, 9, 9)).astype(np.float32))
    >>> mask = sitk.Image(9, 9, 9, sitk.sitkUInt8); mask[2:7, 2:7, 2:7] = 1
    >>> noise, _ = MatchedNoise(tumour=(100, 5)).draw(rng).apply(image, mask)
    >>> inside = sitk.GetArrayFromImage(noise)[sitk.GetArrayFromImage(mask) == 1]
    >>> round(float(inside.mean()), 3), round(float(inside.std()), 3)
    (100.0, 5.0)
    """

    rule: Literal["matched_noise"] = "matched_noise"
    tumour: _Level | None = None
    surroundings: _Level | None = None
    rim_mm: Annotated[float, Field(gt=0)] = 20.0

    def identity(self) -> dict[str, Any]:
        """Return the settings, as JSON."""
        return self.model_dump(mode="json")

    def draw(self, rng: np.random.Generator) -> ControlImage:
        """Draw one alteration."""
        return ControlImage(self, _seed(rng))

    def altered(self, voxels: Voxels, inside: Inside, mask: sitk.Image, seed: int) -> Voxels:
        """Return noise on the image's grid, inside and outside the contour."""
        _check_fewest(inside, "given a spread")
        rng = np.random.default_rng(seed)
        changed = np.empty_like(voxels)
        within = self.tumour or _level(voxels[inside])
        changed[inside] = _rounded(_noise(rng, int(inside.sum()), within), voxels.dtype)
        n_outside = voxels.size - int(inside.sum())
        if n_outside:
            around = self.surroundings or _level(voxels[_rim(inside, mask, self.rim_mm)])
            changed[~inside] = _rounded(_noise(rng, n_outside, around), voxels.dtype)
        return changed


class ContextOnly(Settings):
    """Take the tumour out and leave its surroundings.

    Each voxel of the tumour, and each within ``margin_mm`` of it, which the tumour has blurred
    into, gets the value of the nearest voxel outside: tissue goes on where the tumour was. Nothing
    is random. The contour stays, so that volume and shape stay known to whoever looks at it.

    Parameters
    ----------
    margin_mm
        Default 2 mm.

    Examples
    --------
    >>> image = sitk.Image(9, 9, 9, sitk.sitkInt16); image[3:6, 3:6, 3:6] = 80
    >>> mask = sitk.Cast(image > 0, sitk.sitkUInt8)
    >>> context, _ = ContextOnly().draw(np.random.default_rng(0)).apply(image, mask)
    >>> int(sitk.GetArrayFromImage(context).max())
    0
    """

    rule: Literal["context_only"] = "context_only"
    margin_mm: Annotated[float, Field(ge=0)] = 2.0

    def identity(self) -> dict[str, Any]:
        """Return the settings, as JSON."""
        return self.model_dump(mode="json")

    def draw(self, rng: np.random.Generator) -> ControlImage:  # noqa: ARG002 - nothing is random
        """Draw one alteration; they are all the same."""
        return ControlImage(self, 0)

    def altered(self, voxels: Voxels, inside: Inside, mask: sitk.Image, _: int) -> Voxels:
        """Return the image's values with those of the tumour replaced by its surroundings'."""
        spacing = mask.GetSpacing()[::-1]
        # the nearest voxel outside is next to the region: one more than its reach is enough
        part = _around(inside, mask, self.margin_mm)
        distance_mm = ndimage.distance_transform_edt(~inside[part], sampling=spacing)
        taken_out = distance_mm <= self.margin_mm + 1e-9
        if taken_out.all():
            raise CaseError(
                f"The tumour and {self.margin_mm:g} mm around it are the whole image: there are no "
                "surroundings to keep.",
                code="no_surroundings",
            )
        nearest = ndimage.distance_transform_edt(
            taken_out, sampling=spacing, return_distances=False, return_indices=True
        )
        changed = voxels.copy()
        changed[part] = voxels[part][tuple(nearest)]
        return changed


@dataclass(frozen=True)
class ControlImage:
    """An alteration that a rule of this module has drawn.

    Parameters
    ----------
    rule
        What is done to the voxels.
    seed
        Of all that is random in it.
    """

    rule: VoxelShuffle | MatchedNoise | ContextOnly
    seed: int

    def record(self) -> dict[str, Any]:
        """Return all that decides what it does, as JSON."""
        return {**self.rule.identity(), "seed": self.seed}

    def apply(self, image: sitk.Image, mask: sitk.Image) -> tuple[sitk.Image, sitk.Image]:
        """Return another image of the same grid and type, and the mask as it is.

        Raises
        ------
        CaseError
            Code ``too_few_voxels``: a contour of one voxel has no texture to lose and no spread;
            ``no_surroundings``: it fills the image.
        """
        voxels = sitk.GetArrayViewFromImage(image)
        inside = sitk.GetArrayViewFromImage(mask) != 0
        altered = sitk.GetImageFromArray(self.rule.altered(voxels, inside, mask, self.seed))
        altered.CopyInformation(image)
        return altered, mask


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**63))


def _check_fewest(inside: Inside, what: str) -> None:
    n = int(inside.sum())
    if n < _FEWEST_VOXELS:
        raise CaseError(
            f"The contour has {n} voxel(s); {_FEWEST_VOXELS} or more can be {what}.",
            code="too_few_voxels",
        )


def _level(values: Voxels) -> tuple[float, float]:
    return float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))


def _noise(rng: np.random.Generator, n: int, level: tuple[float, float]) -> npt.NDArray[np.float32]:
    """Return normal noise whose own mean and spread, not only the expected ones, are the level."""
    values = rng.standard_normal(n, dtype=np.float32)
    values -= values.mean(dtype=np.float64)
    spread = values.std(dtype=np.float64)
    if spread > 0:
        values /= spread
    return np.asarray(values * level[1] + level[0], dtype=np.float32)


def _rounded(values: npt.NDArray[np.float32], kind: np.dtype[Any]) -> Voxels:
    if not np.issubdtype(kind, np.integer):
        return values.astype(kind)
    limits = np.iinfo(kind)
    return np.clip(np.rint(values), limits.min, limits.max).astype(kind)


def _rim(inside: Inside, mask: sitk.Image, rim_mm: float) -> Inside:
    """Return the voxels outside the contour and within ``rim_mm`` of it; the nearest at least."""
    spacing = mask.GetSpacing()
    reach_mm = max(rim_mm, *spacing)
    part = _around(inside, mask, reach_mm)
    distance_mm = ndimage.distance_transform_edt(~inside[part], sampling=spacing[::-1])
    rim = np.zeros_like(inside)
    rim[part] = (distance_mm > 0) & (distance_mm <= reach_mm + 1e-9)
    return rim


def _around(inside: Inside, mask: sitk.Image, reach_mm: float) -> tuple[slice, ...]:
    """Return the box of the contour, wider on each side by ``reach_mm`` and one voxel more."""
    where = [np.flatnonzero(inside.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    wider = [math.ceil(reach_mm / s) + 1 for s in mask.GetSpacing()[::-1]]
    return tuple(
        slice(max(int(hits[0]) - r, 0), int(hits[-1]) + r + 1)
        for hits, r in zip(where, wider, strict=True)
    )
