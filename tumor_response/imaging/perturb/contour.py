"""Another contour on the same image: wider or narrower, or as another observer draws it.

Both move the surface along its normal: the new contour is where the signed depth below the old
surface (:mod:`tumor_response.imaging.signed_distance`) plus the displacement is positive. The mask
stays on its grid, so a displacement of less than a voxel takes effect on the share of the surface
that lies near enough to a voxel's centre.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
import SimpleITK as sitk
from pydantic import Field, model_validator

from tumor_response.imaging.perturb.base import Drawn, Rule, Seed, in_order, new_seed
from tumor_response.imaging.perturb.window import as_mask, depth_around
from tumor_response.imaging.random_field import (
    COARSE_NOISE_SD,
    CONTOUR_SMOOTH_OVER_MM,
    coarse_noise,
)

__all__ = ["ContourOffset", "ContourVariation", "DrawnContourOffset", "DrawnContourVariation"]

_FARTHEST = 3.0
"""Standard deviations at which a displacement stops: one place in 370 would go farther. It takes
0.3 % off the standard deviation and keeps the box small."""

_SD = Annotated[float, Field(ge=0.0, le=20.0)]
_Smooth = Annotated[float, Field(ge=1.0)]
_Offset = Annotated[float, Field(ge=-50.0, le=50.0)]


class DrawnContourOffset(Drawn):
    """A contour that is wider everywhere by so many mm, or narrower if negative.

    Parameters
    ----------
    offset_mm
        Along the normal, outwards.

    Examples
    --------
    >>> import numpy as np, SimpleITK as sitk
    >>> from tumor_response.imaging import volume_cc
    >>> z, y, x = np.mgrid[:40, :40, :40] - 19.5
    >>> mask = sitk.GetImageFromArray((x**2 + y**2 + z**2 <= 100).astype(np.uint8))
    >>> image, grown = DrawnContourOffset(offset_mm=3.0).apply(mask, mask)
    >>> bool(abs(volume_cc(grown) / (4.19 * 1.3**3) - 1) < 0.05)
    True
    """

    alteration: Literal["contour_offset"] = "contour_offset"
    offset_mm: _Offset

    @property
    def touches_image(self) -> bool:
        """Never."""
        return False

    def apply(self, image: sitk.Image, mask: sitk.Image) -> tuple[sitk.Image, sitk.Image]:
        """Return the image and the wider or narrower mask."""
        if self.offset_mm == 0.0:
            return image, mask
        window, depth = depth_around(mask, max(self.offset_mm, 0.0))
        what = f"A contour moved outwards by {self.offset_mm:.3g} mm"
        return image, as_mask(depth + self.offset_mm > 0, window, mask, what)


class ContourOffset(Rule):
    """Grow or shrink the contour by a distance drawn evenly between two.

    All parts of a contour move, and parts that shrink away are gone.

    Parameters
    ----------
    min_mm, max_mm
        Along the normal: positive outwards (growth), negative inwards (shrinkage).

    Raises
    ------
    SettingsError
        For distances beyond 50 mm, or not in order.

    Examples
    --------
    >>> import numpy as np
    >>> drawn = ContourOffset(min_mm=-2, max_mm=2).draw(np.random.default_rng(0))
    >>> round(drawn.offset_mm, 2), drawn.touches_image
    (0.55, False)
    """

    rule: Literal["contour_offset"] = "contour_offset"
    min_mm: _Offset
    max_mm: _Offset

    @model_validator(mode="after")
    def _range(self) -> Self:
        in_order(self.min_mm, self.max_mm, "min_mm, max_mm")
        return self

    @property
    def touches_image(self) -> bool:
        """Never."""
        return False

    def draw(self, rng: np.random.Generator) -> DrawnContourOffset:
        """Draw the distance."""
        return DrawnContourOffset(offset_mm=rng.uniform(self.min_mm, self.max_mm))


class DrawnContourVariation(Drawn):
    """The contour that one other observer draws.

    Parameters
    ----------
    observer_sd_mm, smooth_over_mm
        As in :class:`ContourVariation`.
    seed
        Of the displacements.
    """

    alteration: Literal["contour_variation"] = "contour_variation"
    observer_sd_mm: _SD
    smooth_over_mm: _Smooth
    seed: Seed

    @property
    def touches_image(self) -> bool:
        """Never."""
        return False

    def apply(self, image: sitk.Image, mask: sitk.Image) -> tuple[sitk.Image, sitk.Image]:
        """Return the image and the other observer's mask."""
        if self.observer_sd_mm == 0.0:
            return image, mask
        window, depth = depth_around(mask, _FARTHEST * self.observer_sd_mm)
        field = coarse_noise(
            np.random.default_rng(self.seed),
            depth.shape,
            self.smooth_over_mm,
            mask.GetSpacing()[::-1],
        )
        moved_mm = self.observer_sd_mm * np.clip(field / COARSE_NOISE_SD, -_FARTHEST, _FARTHEST)
        what = f"A contour of another observer ({self.observer_sd_mm:.3g} mm SD)"
        return image, as_mask(depth + moved_mm > 0, window, mask, what)


class ContourVariation(Rule):
    r"""Draw the contour anew, as another observer would: a smooth random error along the normal.

    The displacement of the surface along its outward normal is a Gaussian random field: mean 0,
    standard deviation ``observer_sd_mm`` at every point, covariance
    :math:`s^2 \exp(-d^2 / 4 \ell^2)` of points a distance :math:`d` apart, with
    :math:`\ell` = ``smooth_over_mm``. It is the model of
    ``simulate_cohort(observer_error_mm=...)`` and of the volume-only check.

    **What is matched.** ``observer_sd_mm`` is the standard deviation, over observers and over the
    surface, of the distance along the normal between one observer's contour and the mean one. A
    single draw may be off by more or less than that: a tumour that is small against
    ``smooth_over_mm`` is drawn too wide or too narrow as a whole. Papers state other distances;
    :meth:`from_mean_distance_mm` turns them into this one.

    Parameters
    ----------
    observer_sd_mm
        mm; of the displacement at a point.
    smooth_over_mm
        Over what length along the surface the error is the same.

    Raises
    ------
    SettingsError
        For a standard deviation beyond 20 mm, or a length below 1 mm.

    Examples
    --------
    >>> import numpy as np
    >>> rule = ContourVariation(observer_sd_mm=2.0)
    >>> rule.draw(np.random.default_rng(0)).record()["observer_sd_mm"]
    2.0
    """

    rule: Literal["contour_variation"] = "contour_variation"
    observer_sd_mm: _SD
    smooth_over_mm: _Smooth = CONTOUR_SMOOTH_OVER_MM

    @classmethod
    def from_mean_distance_mm(
        cls,
        mean_distance_mm: float,
        *,
        between: Literal["observers", "observer_and_mean"],
        smooth_over_mm: float = CONTOUR_SMOOTH_OVER_MM,
    ) -> Self:
        r"""Return the rule for a stated mean absolute distance between surfaces.

        A normal displacement of standard deviation s has the mean size s sqrt(2 / pi); between two
        observers who err independently the standard deviation is sqrt(2) times as large.

        Parameters
        ----------
        mean_distance_mm
            Mean absolute distance along the surface ("average surface distance"), mm.
        between
            Between the contours of two observers, or an observer's and the mean contour.
        smooth_over_mm
            As above.

        Examples
        --------
        >>> rule = ContourVariation.from_mean_distance_mm(2.0, between="observers")
        >>> round(rule.observer_sd_mm, 3)
        1.772
        """
        per_sd = np.sqrt(2.0 / np.pi) * (np.sqrt(2.0) if between == "observers" else 1.0)
        return cls(observer_sd_mm=float(mean_distance_mm / per_sd), smooth_over_mm=smooth_over_mm)

    @property
    def touches_image(self) -> bool:
        """Never."""
        return False

    def draw(self, rng: np.random.Generator) -> DrawnContourVariation:
        """Draw the seed of the displacements."""
        return DrawnContourVariation(
            observer_sd_mm=self.observer_sd_mm,
            smooth_over_mm=self.smooth_over_mm,
            seed=new_seed(rng),
        )
